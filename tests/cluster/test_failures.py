"""Failures of the cloud and of the API server: nothing is lost, nothing is doubled, the object says what is wrong."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.cluster.forwarder import Forwarder, forwarded
from tests.cluster.objects import binding, document, policy, role
from tests.cluster.world import World
from tests.polling import until

B = "InstanceRoleBinding"
TARGETS = ("RamPolicy/life", "RamRole/life", f"{B}/life")
CREATES = ("CreatePolicy", "CreateRole", "AttachPolicyToRole", "AttachInstanceRamRole")
EDITS = ("CreatePolicyVersion", "UpdatePolicyDescription", "UpdateRole", "TagResources")
DELETES = ("DetachInstanceRamRole", "DetachPolicyFromRole", "DeleteRole", "DeletePolicy")
WAYS: dict[str, dict[str, Any]] = {
    "the reply is lost": {"lostReply": True},
    "the answer is empty": {"emptyBody": True},
    "throttled": {"code": "Throttling.User", "status": 400},
    "unavailable": {"code": "ServiceUnavailable", "status": 503},
    "broken": {"code": "InternalError", "status": 500},
}


OFTEN = ("the reply is lost", "the answer is empty")
"""Ways that can do harm; those that are only told are left to the long rounds."""


@pytest.mark.parametrize(
    "what", [*OFTEN, *(pytest.param(way, marks=pytest.mark.soak) for way in WAYS if way not in OFTEN)]
)
def test_a_whole_life_in_which_each_write_fails_once_ends_as_if_none_had(world: World, what: str) -> None:
    nodes = world.add_nodes("life", "life-1")
    before = world.state()
    fail = WAYS[what]
    for action in CREATES:
        world.fault(action, 1, **fail)
    world.api.create(
        policy("life", description="a"), role("life", "life", description="a"), binding("life", "life", "life")
    )
    world.ready(*TARGETS)
    assert world.policies_of("life") == {"life"}
    assert world.role_of(nodes["life-1"]) == "life"
    for action in EDITS:
        world.fault(action, 1, **fail)
    tags = {"team": "storage"}
    world.api.patch(TARGETS[0], {"spec": {"document": document("oss:List*"), "description": "b", "tags": tags}})
    world.api.patch(TARGETS[1], {"spec": {"description": "b"}})
    world.ready(*TARGETS)
    found, named = world.cloud_policy("life"), world.cloud_role("life")
    assert found is not None
    assert named is not None
    assert (found["description"], found["tags"]["team"], named["description"]) == ("b", "storage", "b")
    assert found["document"] == document("oss:List*")
    assert found["versions"] == ["v1", "v2"]
    for action in DELETES:
        world.fault(action, 1, **fail)
    world.delete(*TARGETS)
    assert world.state() == before


@pytest.mark.parametrize("action", ["GetRole", "ListPoliciesForRole", "ListTagResources", "GetPolicy"])
def test_a_read_that_fails_is_no_reason_to_write(world: World, action: str) -> None:
    world.api.create(policy("read"), role("read", "read"))
    world.ready("RamPolicy/read", "RamRole/read")
    mark, condition = world.mark(), world.condition("RamRole/read")
    world.fault(action, 3, code="ServiceUnavailable", status=503)
    for name in ("RamPolicy/read", "RamRole/read"):
        world.api.patch(name, {"metadata": {"annotations": {"ram.alicloud.dev/reconcile-at": action}}})
    until(lambda: any(call["action"] == action and call["code"] for call in world.calls(mark)))
    world.ready("RamPolicy/read", "RamRole/read")
    assert world.actions(mark) == []
    assert world.condition("RamRole/read")["lastTransitionTime"] == condition["lastTransitionTime"]


def test_sweeps_that_fail_change_nothing_and_go_on(world: World) -> None:
    nodes = world.add_nodes("life", "life-1")
    world.api.create(policy("life"), role("life", "life"), binding("life", "life", "life"))
    world.ready(*TARGETS)
    world.sweeps_pass()
    mark, versions = world.mark(), world.versions()
    for action in ("ListPolicies", "ListRoles", "DescribeInstanceRamRole"):
        world.fault(action, 2, code="ServiceUnavailable", status=503)
    world.sweeps_pass()
    failed = [call["action"] for call in world.calls(mark) if call["code"]]
    assert set(failed) == {"ListPolicies", "ListRoles", "DescribeInstanceRamRole"}
    assert world.actions(mark) == []
    assert world.versions() == versions
    assert world.role_of(nodes["life-1"]) == "life"


def test_a_missing_permission_is_named_and_what_was_given_recovers(world: World) -> None:
    world.fault("CreateRole", 1, code="NoPermission", status=403, message="You are not authorized to do this action.")
    world.api.create(role("denied"), role("allowed"))
    until(lambda: _stalled(world) == {"AccessDenied"})
    denied = next(name for name in ("denied", "allowed") if world.condition(f"RamRole/{name}", "Stalled"))
    world.says(f"RamRole/{denied}", "AccessDenied", "NoPermission", "ram:CreateRole")
    world.event(f"RamRole/{denied}", "AccessDenied", "ram:CreateRole")
    world.ready("RamRole/allowed" if denied == "denied" else "RamRole/denied")
    world.api.patch(f"RamRole/{denied}", {"metadata": {"annotations": {"ram.alicloud.dev/reconcile-at": "granted"}}})
    world.ready(f"RamRole/{denied}")


def _stalled(world: World) -> set[str]:
    return {
        row["reason"]
        for body in world.api.objects("RamRole")
        for row in (body.get("status") or {}).get("conditions") or []
        if row["type"] == "Stalled"
    }


def test_a_missing_right_to_pass_the_role_is_named_on_the_binding(world: World) -> None:
    nodes = world.add_nodes("life", "life-1")
    world.fault("AttachInstanceRamRole", 1, code="InvalidUser.PassRoleForbidden", status=403)
    world.api.create(role("life"), binding("life", "life", "life"))
    world.says(TARGETS[2], "AccessDenied", "ram:PassRole")
    world.api.patch(TARGETS[2], {"metadata": {"annotations": {"ram.alicloud.dev/reconcile-at": "granted"}}})
    world.ready(TARGETS[2])
    assert world.role_of(nodes["life-1"]) == "life"


def test_throttling_is_waited_for_and_said(world: World) -> None:
    world.fault("CreateRole", 50, code="Throttling.User", status=400)
    world.api.create(role("throttled"))
    world.says("RamRole/throttled", "Throttled", "Throttling.User", "tries again", kind="Reconciling")
    assert world.condition("RamRole/throttled")["status"] == "False"
    world.cloud.delete("/faults")
    world.ready("RamRole/throttled")


def test_one_object_that_hangs_holds_up_no_other(world: World) -> None:
    world.hold("CreateRole", RoleName="hangs")
    world.api.create(role("hangs"))
    world.held("CreateRole")
    names = [f"RamRole/quick-{number}" for number in range(5)]
    world.api.create(*(role(name.partition("/")[2]) for name in names))
    world.ready(*names)
    assert world.cloud_role("hangs") is None
    world.let_go()
    world.ready("RamRole/hangs")


def test_objects_that_fail_for_good_hold_up_no_other(world: World, record_property: Any) -> None:
    bad = [role(f"bad-{number}") for number in range(20)]
    for body in bad:
        body["spec"]["policies"] = [{"system": "AliyunNoSuchAccess"}]
    world.api.create(*bad)
    until(lambda: len(world.state()["roles"]) >= 20)
    world.api.create(policy("fine"), role("fine", "fine"))
    world.ready("RamPolicy/fine", "RamRole/fine")


@pytest.fixture
def far_apiserver(world: World, tmp_path: Path) -> Iterator[Forwarder]:
    """The operator reaches the API server over a line that can be cut."""
    with world.far_apiserver(tmp_path) as line:
        yield line


def test_an_api_server_that_was_away_is_caught_up_with(world: World, far_apiserver: Forwarder) -> None:
    nodes = world.add_nodes("life", "life-1", "life-2")
    world.api.create(policy("life"), role("life", "life"), binding("life", "life", "life"))
    world.attached("life", "life-1", "life-2")
    world.ready(*TARGETS)
    before = world.operator.pid
    far_apiserver.cut()
    joined = world.add_nodes("life", "life-3")
    world.api.patch("Node/life-1", {"metadata": {"labels": {"pool": None}}})
    world.api.patch(TARGETS[0], {"spec": {"document": document("oss:List*")}})
    world.api.create(policy("meanwhile"))
    mark = world.mark()
    # sweeps go on, and find nothing to do
    until(lambda: len([call for call in world.calls(mark) if call["action"] == "ListRoles"]) >= 2)
    assert world.actions(mark) == []
    far_apiserver.open()
    world.attached("life", "life-2", "life-3", timeout=60)
    world.ready(*TARGETS, "RamPolicy/meanwhile")
    roles = {name: world.role_of(instance) for name, instance in {**nodes, **joined}.items()}
    assert roles == {"life-1": "", "life-2": "life", "life-3": "life"}
    assert world.operator.pid == before
    assert world.operator.child.running


def test_a_deletion_that_no_watch_saw_is_finished(world: World, far_apiserver: Forwarder) -> None:
    world.api.create(policy("life"), role("life", "life"))
    world.ready("RamPolicy/life", "RamRole/life")
    far_apiserver.cut()
    world.api.delete("RamRole/life", "RamPolicy/life")
    far_apiserver.open()
    world.gone("RamRole/life", "RamPolicy/life", timeout=60)
    assert world.cloud_role("life") is world.cloud_policy("life") is None


@pytest.fixture
def far_cloud(world: World) -> Iterator[Forwarder]:
    """The operator's line to the cloud, cut before the operator starts."""
    port = urlsplit(world.cloud.endpoint).port
    assert port is not None
    with forwarded(port) as line:
        line.cut()
        yield line


def test_a_cloud_that_is_down_at_the_start_is_waited_for_and_said(world: World, far_cloud: Forwarder) -> None:
    world.api.create(policy("early"), role("early", "early"))
    world.ready("RamPolicy/early", "RamRole/early")
    endpoint = f"http://127.0.0.1:{far_cloud.port}"
    with world.environment_without_waiting(
        **{f"RAM_OPERATOR_ENDPOINT_{api}": endpoint for api in ("RAM", "ECS", "STS")}
    ):
        # only now: the process before it may have been calling
        mark = world.mark()
        until(lambda: "waits for the cloud" in world.probe("/readyz")[1])
        assert world.probe("/readyz")[0] == 503
        assert world.probe("/livez") == (200, "ok\n")
        world.api.create(policy("late"))
        assert "cannot be used yet, trying again" in world.operator.child.log.read_text()
        assert world.operator.child.running
        assert world.calls(mark) == []
        far_cloud.open()
        until(lambda: world.probe("/readyz")[0] == 200)
        world.ready("RamPolicy/late", "RamPolicy/early", "RamRole/early")


def test_a_cloud_that_goes_down_later_keeps_the_last_truth_and_is_said(world: World, far_cloud: Forwarder) -> None:
    far_cloud.open()
    endpoint = f"http://127.0.0.1:{far_cloud.port}"
    with world.environment(**{f"RAM_OPERATOR_ENDPOINT_{api}": endpoint for api in ("RAM", "ECS", "STS")}):
        world.api.create(policy("kept"))
        world.ready("RamPolicy/kept")
        far_cloud.cut()
        world.api.patch("RamPolicy/kept", {"metadata": {"annotations": {"ram.alicloud.dev/reconcile-at": "now"}}})
        world.says("RamPolicy/kept", "Retrying", "tries again", kind="Reconciling")
        assert world.condition("RamPolicy/kept")["status"] == "True"
        world.api.patch("RamPolicy/kept", {"spec": {"description": "edited"}})
        until(lambda: world.condition("RamPolicy/kept")["status"] == "False")
        far_cloud.open()
        world.ready("RamPolicy/kept", timeout=60)
