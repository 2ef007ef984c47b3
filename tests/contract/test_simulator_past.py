"""Lists and reads that show the past, and chaos: what the cloud does now and then, and a test can have at will."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from tests.contract.clients.raw import Key, RawClient, Wire
from tests.contract.conftest import OldSdk, RunningSimulator

TRUST = json.dumps(
    {
        "Version": "1",
        "Statement": [{"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": ["ecs.aliyuncs.com"]}}],
    }
)
READ, WRITE = (
    json.dumps({"Version": "1", "Statement": [{"Effect": "Allow", "Action": f"oss:{verb}*", "Resource": "*"}]})
    for verb in ("Get", "Put")
)
HELD = {"PolicyType": "Custom", "PolicyName": "read"}
ROOT = Key("simulator-root", "simulator-root-secret")


@pytest.fixture
def world(root: OldSdk, simulator: RunningSimulator) -> OldSdk:
    """A role with a policy on an instance, all of it older than any delay of these tests."""
    root.call("CreateRole", RoleName="Reader", AssumeRolePolicyDocument=TRUST, Description="old")
    root.call("CreatePolicy", PolicyName="read", PolicyDocument=READ, Description="old")
    root.call("AttachPolicyToRole", RoleName="Reader", **HELD)
    root.call("AttachInstanceRamRole", RamRoleName="Reader", InstanceIds=json.dumps(simulator.instance_ids()[:1]))
    later(simulator, 60)
    return root


def later(simulator: RunningSimulator, seconds: int) -> None:
    simulator.control_call("POST", "/clock", {"advanceSeconds": seconds})


def lists(root: OldSdk, instance: str) -> dict[str, Any]:
    """Return what all the lists show."""
    held = root.call("ListPoliciesForRole", RoleName="Reader")["Policies"]["Policy"]
    roles = root.call("ListEntitiesForPolicy", **HELD)["Roles"]["Role"]
    described = root.call("DescribeInstanceRamRole", InstanceIds=json.dumps([instance]))
    by_role = root.call("DescribeInstanceRamRole", RamRoleName="Reader")
    return {
        "ListPoliciesForRole": [item["PolicyName"] for item in held],
        "ListEntitiesForPolicy": [item["RoleName"] for item in roles],
        "ListRoles": [item["RoleName"] for item in root.call("ListRoles")["Roles"]["Role"]],
        "DescribeInstanceRamRole": [
            [item["RamRoleName"] for item in answer["InstanceRamRoleSets"]["InstanceRamRoleSet"] if item["RamRoleName"]]
            for answer in (described, by_role)
        ],
    }


def test_lists_show_the_past_for_as_long_as_the_switch_says(simulator: RunningSimulator, world: OldSdk) -> None:
    simulator.switch(lists_seen_seconds=30)
    instance = simulator.instance_ids()[0]
    before = lists(world, instance)
    assert before["ListPoliciesForRole"] == ["read"]
    world.call("DetachInstanceRamRole", InstanceIds=json.dumps([instance]))
    world.call("DetachPolicyFromRole", RoleName="Reader", **HELD)
    world.call("CreateRole", RoleName="Other", AssumeRolePolicyDocument=TRUST)
    assert lists(world, instance) == before
    # the cloud itself is not late: what is detached cannot be detached again
    refused = world.refusal("DetachPolicyFromRole", RoleName="Reader", **HELD)
    assert refused == (404, "EntityNotExist.Role.Policy")
    later(simulator, 31)
    assert lists(world, instance) == {
        "ListPoliciesForRole": [],
        "ListEntitiesForPolicy": [],
        "ListRoles": ["Reader", "Other"],
        "DescribeInstanceRamRole": [[], []],
    }


def test_what_was_deleted_is_listed_on(simulator: RunningSimulator, world: OldSdk) -> None:
    simulator.switch(lists_seen_seconds=30)
    world.call("DetachPolicyFromRole", RoleName="Reader", **HELD)
    world.call("DeletePolicy", PolicyName="read")
    world.call("DeleteRole", RoleName="Reader")
    assert [item["RoleName"] for item in world.call("ListRoles")["Roles"]["Role"]] == ["Reader"]
    custom = world.call("ListPolicies", PolicyType="Custom")["Policies"]["Policy"]
    assert [item["PolicyName"] for item in custom] == ["read"]
    assert world.refusal("GetRole", RoleName="Reader") == (404, "EntityNotExist.Role")
    later(simulator, 31)
    assert world.call("ListRoles")["Roles"]["Role"] == []
    assert world.call("ListPolicies", PolicyType="Custom")["Policies"]["Policy"] == []


def reads(root: OldSdk) -> list[Any]:
    role, policy = root.call("GetRole", RoleName="Reader")["Role"], root.call("GetPolicy", **HELD)
    tags = [
        root.call("ListTagResources", ResourceType=kind, ResourceNames=[name])["TagResources"]
        for kind, name in (("role", "Reader"), ("policy", "read"))
    ]
    return [
        (role["Description"], role["AssumeRolePolicyDocument"], role["MaxSessionDuration"]),
        (policy["Policy"]["Description"], policy["DefaultPolicyVersion"]["PolicyDocument"]),
        [item["VersionId"] for item in root.call("ListPolicyVersions", **HELD)["PolicyVersions"]["PolicyVersion"]],
        [[item["TagKey"] for item in rows] for rows in tags],
    ]


def test_reads_show_a_change_late(simulator: RunningSimulator, world: OldSdk) -> None:
    simulator.switch(update_seen_seconds=30)
    before, new_trust = reads(world), TRUST.replace("ecs.", "fc.")
    world.call(
        "UpdateRole",
        RoleName="Reader",
        NewDescription="new",
        NewAssumeRolePolicyDocument=new_trust,
        NewMaxSessionDuration=7200,
    )
    world.call("CreatePolicyVersion", PolicyName="read", PolicyDocument=WRITE, SetAsDefault=True)
    world.call("UpdatePolicyDescription", PolicyName="read", NewDescription="new")
    tag = [{"Key": "team", "Value": "x"}]
    for kind, name in (("role", "Reader"), ("policy", "read")):
        world.call("TagResources", ResourceType=kind, ResourceNames=[name], Tag=tag)
    assert reads(world) == before
    later(simulator, 31)
    assert reads(world) == [
        ("new", new_trust, 7200),
        ("new", WRITE),
        ["v1", "v2"],
        [["team"], ["team"]],
    ]


def outcomes(running: RunningSimulator, others: int = 0) -> list[str]:
    """Return what becomes of sixty calls of one action, with calls of another one in between."""
    found = []
    for _ in range(60):
        for action in ["ListUsers"] * others + ["ListRoles"]:
            wire = Wire(running.endpoint)
            try:
                reply = RawClient(wire, ROOT).call(action)
                code = str(json.loads(reply.body).get("Code", "")) if reply.body else "empty"
            except OSError:
                code = "lost"
            finally:
                wire.close()
        found.append(code)
    return found


def test_chaos_is_the_same_for_the_same_seed(started: Callable[..., RunningSimulator]) -> None:
    one, other = started("--chaos", "7"), started("--chaos", "8")
    first = outcomes(one)
    assert 40 < Counter(first)[""] < 60
    assert {"Throttling.User", "Throttling.Api"} <= set(first)
    assert outcomes(other) != first
    one.reset()
    assert outcomes(one, others=1) == first


def test_a_fault_that_is_set_comes_before_chaos(started: Callable[..., RunningSimulator]) -> None:
    running = started("--chaos", "7")
    running.control_call("POST", "/faults", {"action": "ListRoles", "count": 60, "code": "X", "status": 400})
    assert set(outcomes(running)) == {"X"}
