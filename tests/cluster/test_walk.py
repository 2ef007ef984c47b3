"""The walk of the documentation's pages with the samples: applied in any order, nodes that join, everything deleted."""

import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cluster.objects import node, policy
from tests.cluster.world import World
from tests.polling import until

SAMPLES = Path(__file__).resolve().parents[2] / "deploy/samples"
POLICY, ROLE, BINDING = "RamPolicy/oss-read", "RamRole/oss-reader", "InstanceRoleBinding/storage-pool"
FILES = {"policy": "rampolicy.yaml", "role": "ramrole.yaml", "binding": "instancerolebinding.yaml"}
CLOUD_ROLE, CLOUD_POLICY = "EcsRamRoleDocumentTesting", "EcsRamRoleDocumentTestingPolicy"


@pytest.mark.parametrize("order", list(itertools.permutations(FILES)), ids="-".join)
def test_the_samples_become_ready_in_any_order_and_leave_the_cloud_as_it_was(
    world: World, order: tuple[str, ...]
) -> None:
    nodes = world.add_nodes("storage", "node-1", "node-2", "node-3")
    before = world.state()
    for name in order:
        assert world.kubectl("apply", "-f", str(SAMPLES / FILES[name])).returncode == 0
    world.ready(POLICY, ROLE, BINDING)
    assert world.policies_of(CLOUD_ROLE) == {CLOUD_POLICY}
    assert {world.role_of(instance) for instance in nodes.values()} == {CLOUD_ROLE}
    deleted = world.kubectl("delete", "-f", str(SAMPLES), "--timeout=60s")
    assert deleted.returncode == 0, deleted.stderr
    assert world.state() == before


def test_kubectl_waits_for_each_kind_and_shows_what_became_of_it(world: World) -> None:
    nodes = world.add_nodes("storage", "node-1", "node-2", "node-3")
    assert world.kubectl("apply", "-f", str(SAMPLES)).returncode == 0
    for target in (POLICY, ROLE, BINDING):
        waited = world.kubectl("wait", "--for=condition=Ready", "--timeout=60s", target)
        assert waited.returncode == 0, waited.stderr
    shown = {target: _columns(world, target) for target in (POLICY, ROLE, BINDING)}
    assert shown[POLICY][:5] == ["oss-read", "True", CLOUD_POLICY, "v1", "InSync"]
    assert shown[ROLE][:5] == ["oss-reader", "True", CLOUD_ROLE, "1/1", "InSync"]
    assert shown[BINDING][:5] == ["storage-pool", "True", CLOUD_ROLE, "3/3", "AllAttached"]
    assert "3 instances have role" in world.kubectl("get", BINDING, "-o", "wide").stdout
    status = world.status(BINDING)
    assert status["summary"]["attached"] == status["summary"]["selected"] == 3
    assert {row["node"]: row["instance"] for row in status["instances"]} == {
        name: f"cn-hangzhou.{instance}" for name, instance in nodes.items()
    }


def test_a_node_that_joins_gets_its_role_at_once(world: World, record_property: Callable[[str, object], None]) -> None:
    world.add_nodes("storage", "node-1", "node-2", "node-3")
    assert world.kubectl("apply", "-f", str(SAMPLES)).returncode == 0
    world.ready(POLICY, ROLE, BINDING)
    world.attached("storage-pool", "node-1", "node-2", "node-3")
    instance, mark = world.instance(), world.mark()
    fourth = node("node-4", f"cn-hangzhou.{instance}", "storage")
    created = world.kubectl("create", "-f", "-", input=json.dumps(fourth))
    assert created.returncode == 0, created.stderr
    began = time.monotonic()
    world.row("storage-pool", "node-4", "Attached")
    record_property("seconds from kubectl's end to Attached", round(time.monotonic() - began, 2))
    assert world.role_of(instance) == CLOUD_ROLE
    assert world.actions(mark) == ["AttachInstanceRamRole"]
    assert json.loads(world.writes(mark)[0]["params"]["InstanceIds"]) == [instance]
    world.ready(BINDING)


def test_what_was_done_is_told_by_kubectl_describe_on_objects_and_nodes(world: World) -> None:
    world.add_nodes("storage", "node-1")
    assert world.kubectl("apply", "-f", str(SAMPLES)).returncode == 0
    world.ready(POLICY, ROLE, BINDING)
    told = {
        POLICY: ("PolicyCreated", f"created policy {CLOUD_POLICY}"),
        # An event of its own where the role had to wait for its policy, else a part of the creation's.
        ROLE: ("", f"attached policy Custom/{CLOUD_POLICY} to role {CLOUD_ROLE}"),
        BINDING: ("Attached", f"attached {CLOUD_ROLE} to cn-hangzhou.i-"),
        "Node/node-1": ("Attached", f"attached {CLOUD_ROLE} to cn-hangzhou.i-"),
    }
    for target, (reason, words) in told.items():
        world.event(target, reason, words)
        shown = world.kubectl("describe", target).stdout
        assert reason in shown.split("Events:")[1], shown
        assert words in shown.split("Events:")[1], shown
    world.event(ROLE, "RoleCreated", f"created role {CLOUD_ROLE}")


def test_an_object_made_again_under_its_name_has_events_of_its_own(world: World) -> None:
    for _ in range(2):
        world.api.create(policy("again"))
        world.event("RamPolicy/again", "PolicyCreated", "created policy again")
        world.delete("RamPolicy/again")
        world.api.delete_all("Event")


def test_an_edited_document_is_in_force_and_the_old_version_kept(world: World) -> None:
    assert world.kubectl("apply", "-f", str(SAMPLES)).returncode == 0
    world.ready(POLICY, ROLE, BINDING)
    assert world.condition(BINDING)["reason"] == "NoInstances"
    mark = world.mark()
    change = {"spec": {"document": {"Statement": [{"Effect": "Allow", "Action": "oss:ListObjects", "Resource": "*"}]}}}
    edited = world.kubectl("patch", POLICY, "--type=merge", "-p", json.dumps(change))
    assert edited.returncode == 0, edited.stderr
    world.ready(POLICY)
    found = world.cloud_policy(CLOUD_POLICY)
    assert found is not None
    assert found["document"]["Statement"][0]["Action"] == "oss:ListObjects"
    assert (found["defaultVersion"], found["versions"]) == ("v2", ["v1", "v2"])
    assert world.actions(mark) == ["CreatePolicyVersion"]
    assert world.status(POLICY)["defaultVersion"] == "v2"


def test_the_samples_applied_again_change_nothing(world: World) -> None:
    world.add_nodes("storage", "node-1")
    assert world.kubectl("apply", "-f", str(SAMPLES)).returncode == 0
    world.ready(POLICY, ROLE, BINDING)
    world.attached("storage-pool", "node-1")
    mark = world.mark()
    assert world.kubectl("apply", "-f", str(SAMPLES)).returncode == 0
    world.sweeps_pass()
    assert world.actions(mark) == []


def test_everything_goes_in_one_delete_in_the_wrong_order(world: World) -> None:
    before = world.state()
    nodes = world.add_nodes("storage", "node-1", "node-2")
    assert world.kubectl("apply", "-f", str(SAMPLES)).returncode == 0
    world.attached("storage-pool", "node-1", "node-2")
    mark = world.mark()
    deleted = world.kubectl("delete", POLICY, ROLE, BINDING, "--timeout=60s")
    assert deleted.returncode == 0, deleted.stderr
    assert world.actions(mark) == ["DetachInstanceRamRole", "DetachPolicyFromRole", "DeleteRole", "DeletePolicy"]
    assert not any(call["code"] for call in world.writes(mark))
    for instance in nodes.values():
        world.cloud.delete(f"/instances/{instance}")
    until(lambda: world.state() == before)


def _columns(world: World, target: str) -> list[str]:
    shown = world.kubectl("get", target, "--no-headers")
    assert shown.returncode == 0, shown.stderr
    return shown.stdout.split()
