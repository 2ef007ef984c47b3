"""Roles and policies with our marks and without an object are told, and `ram-operator orphans` says what to type."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import REGISTRY
from tests.contract.conftest import OldSdk
from tests.contract.test_role_lives import POLICY, ROLE, SYSTEM, Simulator, names, settle, sweeps_of, writes
from tests.contract.test_role_lives import scene as scene
from tests.unit.builders import OTHER_DOCUMENT, binding_body, custom, node, policy_body, role_body
from tests.unit.scene import Scene

from ram_operator.cloud import NewRole
from ram_operator.commands.orphans import Use, described, find_orphans, uses
from ram_operator.model import Event, ObjectKey
from ram_operator.rules.documents import canonical, trust_for_services


@pytest.mark.parametrize("others", [True, False])
async def test_what_carries_our_marks_without_an_object_is_told_and_left_alone(
    scene: Scene, simulator: Simulator, caplog: pytest.LogCaptureFixture, others: bool
) -> None:
    key = scene.put(role_body("kept", spec={"deletionPolicy": "Retain", "tags": {"team": "storage"}}))
    policy = scene.put(policy_body("kept", spec={"deletionPolicy": "Retain"}))
    if others:
        scene.put(role_body("app"))
    await settle(scene, key, policy)
    scene.delete(key)
    scene.delete(policy)
    await scene.settle()
    before = simulator.newest_call()
    told: list[Event] = []
    sweeps = sweeps_of(scene, told.append)
    for _ in range(3):
        survey = scene.reconciler.survey()
        for kind in (ROLE.kind, POLICY.kind):
            await sweeps.sweep(kind, survey)
    assert [vars(record)["cloud_object"] for record in caplog.records if "cloud object without" in record.message] == [
        "kept",
        "kept",
    ]
    assert REGISTRY.get_sample_value("ram_operator_orphans", {"kind": ROLE.kind}) == 1
    assert [(event.reason, event.note.partition(",")[0]) for event in told] == [
        ("OrphanFound", f"kept in RAM has the marks of {kind}/kept") for kind in (ROLE.kind, POLICY.kind)
    ]
    assert writes(simulator, before) == []
    assert "kept" in names(simulator, "role")
    lines = described(await find_orphans(scene.caches, scene.reconciler), {}, datetime.now(UTC) + timedelta(days=3))
    assert [line.partition(":")[0] for line in lines if not line.startswith(" ")] == [
        "policy kept, 3 days old",
        "role kept, 3 days old",
    ]
    assert "  tags: team=storage" in lines
    assert lines[-1] == "  to have it deleted: aliyun ram DeleteRole --RoleName kept"


async def test_asking_for_orphans_costs_the_two_lists_whatever_instances_there_are(
    scene: Scene, simulator: Simulator
) -> None:
    scene.put_node(
        {**node("node-1", pool="storage"), "spec": {"providerID": f"cn-hangzhou.{simulator.instance_ids()[0]}"}}
    )
    scene.put(role_body("app"))
    binding = scene.put(binding_body("pool", spec={"roleRef": {"name": "app"}}))
    await settle(scene, ROLE, binding)
    before = simulator.newest_call()
    assert await find_orphans(scene.caches, scene.reconciler) == []
    assert [call["action"] for call in simulator.calls_since(before)] == ["ListPolicies", "ListRoles"]


async def test_an_orphan_that_was_taken_over_and_is_in_use_is_handed_back_and_not_deleted(
    scene: Scene, simulator: Simulator
) -> None:
    ram, node_1 = scene.reconciler.cloud.ram, simulator.instance_ids()[0]
    await ram.create_role(NewRole("app", canonical(trust_for_services(["ecs.aliyuncs.com"])), "", 3600, {}))
    scene.put_node({**node("node-1", pool="storage"), "spec": {"providerID": f"cn-hangzhou.{node_1}"}})
    scene.put(policy_body("read", spec={"deletionPolicy": "Retain"}))
    spec = {"adoptionPolicy": "IfUnowned", "deletionPolicy": "Retain", "policies": [{"policyRef": {"name": "read"}}]}
    scene.put(role_body("app", spec=spec))
    binding = scene.put(binding_body("pool", spec={"roleRef": {"name": "app"}, "unbindPolicy": "Retain"}))
    await settle(scene, POLICY, ROLE, binding)
    for key in (binding, ROLE, POLICY):
        scene.drop(key)
    found = await find_orphans(scene.caches, scene.reconciler)
    used = await uses(found, scene.caches, scene.reconciler.cloud)
    assert [(orphan.name, used[orphan]) for orphan in found] == [
        ("read", Use("role app")),
        ("app", Use(node_1, (custom("read"),))),
    ]
    policy, role = (described([orphan], used, scene.now) for orphan in found)
    assert any("took it over" in line for line in role)
    assert not any("Delete" in line for line in role)
    assert any(
        line.startswith("  to have it deleted, once nothing uses it: aliyun ram DeletePolicy") for line in policy
    )
    [back] = (line.partition(": ")[2] for line in role if "hand it back" in line)
    assert shlex.split(back)[:5] == ["aliyun", "ram", "UntagResources", "--ResourceType", "role"]
    keys = json.loads(shlex.split(back)[-1])
    assert {f"ram-operator:{part}" for part in ("cluster", "kind", "name", "origin")} <= {*keys}


async def orphaned(scene: Scene) -> list[str]:
    """What `orphans` prints."""
    found = await find_orphans(scene.caches, scene.reconciler)
    return described(found, await uses(found, scene.caches, scene.reconciler.cloud), scene.now)


async def test_the_commands_that_delete_orphans_delete_roles_with_policies_and_policies_with_old_versions(
    scene: Scene, simulator: Simulator, root: OldSdk
) -> None:
    scene.put(policy_body("read", spec={"deletionPolicy": "Retain"}))
    policies = [{"policyRef": {"name": "read"}}, {"system": SYSTEM}]
    scene.put(role_body("app", spec={"deletionPolicy": "Retain", "policies": policies}))
    await settle(scene, POLICY, ROLE)
    scene.edit(POLICY, document=OTHER_DOCUMENT)
    await settle(scene, POLICY)
    for key in (ROLE, POLICY):
        scene.drop(key)
    lines = await orphaned(scene)
    assert f"  attached to it: Custom/read, System/{SYSTEM}" in lines
    printed = [line.partition(": ")[2] for line in lines if line.startswith("  to have it deleted")]
    for line in reversed(printed):
        for command in line.split(" && "):
            _, _, action, *options = shlex.split(command)
            root.call(action, **{name[2:]: value for name, value in zip(options[::2], options[1::2], strict=True)})
    assert await orphaned(scene) == ["There are none."]


@pytest.mark.parametrize(
    ("action", "key"), [("ListPoliciesForRole", ROLE), ("ListEntitiesForPolicy", POLICY)], ids=["role", "policy"]
)
async def test_no_command_deletes_an_orphan_whose_use_cannot_be_read(
    scene: Scene, simulator: Simulator, action: str, key: ObjectKey
) -> None:
    scene.put((role_body if key == ROLE else policy_body)(key.name))
    await settle(scene, key)
    scene.drop(key)
    simulator.control_call("POST", "/faults", {"action": action, "count": 9, "code": "NoPermission", "status": 403})
    lines = await orphaned(scene)
    assert [line for line in lines if line.startswith("  what uses it cannot be read: ") and action in line]
    assert not [line for line in lines if "used by" in line or "deleted" in line]
