"""Changes by another hand: the sweeps find them, repair what is ours, say so in an event, and touch nothing else."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.cluster.hand import Hand
from tests.cluster.objects import binding, document, policy, role
from tests.cluster.world import World
from tests.polling import until

POLICY, ROLE, BINDING = "RamPolicy/drift", "RamRole/drift", "InstanceRoleBinding/drift"


@pytest.fixture
def drifting(world: World) -> World:
    """A world with one object of each kind, ready, on two nodes, and with things of others around it."""
    world.add_nodes("drift", "drift-1", "drift-2")
    described: dict[str, Any] = {"description": "as wanted", "tags": {"team": "storage"}}
    world.api.create(
        policy("drift", **described), role("drift", "drift", **described), binding("drift", "drift", "drift")
    )
    world.ready(POLICY, ROLE, BINDING)
    world.attached("drift", "drift-1", "drift-2")
    # RAM's update dates have whole seconds: what others change within the same one shows in no list
    world.cloud.post("/clock", {"advanceSeconds": 5})
    return world


Change = Callable[[Hand], object]
OTHER_TRUST = {
    "Version": "1",
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": ["oss.aliyuncs.com"]}}],
}
WIDER = json.dumps(document("*"))
CHANGES: dict[str, tuple[str, Change, str, list[str]]] = {
    "a policy detached from the role": (
        ROLE,
        lambda hand: hand.detach_policy("drift", "drift"),
        "attached policy Custom/drift to role drift",
        ["AttachPolicyToRole"],
    ),
    "another default version of the document": (
        POLICY,
        lambda hand: hand.ram("CreatePolicyVersion", PolicyName="drift", PolicyDocument=WIDER, SetAsDefault="true"),
        "created a new default version of policy drift",
        ["CreatePolicyVersion"],
    ),
    "the description of the policy": (
        POLICY,
        lambda hand: hand.ram("UpdatePolicyDescription", PolicyName="drift", NewDescription="other"),
        "updated description of policy drift",
        ["UpdatePolicyDescription"],
    ),
    "the description of the role": (
        ROLE,
        lambda hand: hand.ram("UpdateRole", RoleName="drift", NewDescription="other"),
        "updated description of role drift",
        ["UpdateRole"],
    ),
    "the session duration of the role": (
        ROLE,
        lambda hand: hand.ram("UpdateRole", RoleName="drift", NewMaxSessionDuration="7200"),
        "updated session duration of role drift",
        ["UpdateRole"],
    ),
    "the trust of the role": (
        ROLE,
        lambda hand: hand.ram("UpdateRole", RoleName="drift", NewAssumeRolePolicyDocument=json.dumps(OTHER_TRUST)),
        "updated trust document of role drift",
        ["UpdateRole"],
    ),
    "a tag of the spec": (
        ROLE,
        lambda hand: hand.tag_role("drift", team="x"),
        "tagged role drift with team",
        ["TagResources"],
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_sweep_repairs_and_tells(drifting: World, hand: Hand, what: str) -> None:
    target, change, words, actions = CHANGES[what]
    before, repairs = drifting.state(), drifting.metric("ram_operator_drift_repairs_total")
    with drifting.stopped_operator():
        change(hand)
        changed, mark = drifting.state(), drifting.mark()
    assert changed != before

    def repaired() -> bool:
        after = drifting.state()
        for state in (after, before):
            for one in state["policies"]:
                one["defaultVersion"], one["versions"] = "", []
        assert after == before
        return True

    until(repaired, what=what)
    drifting.event(target, "DriftRepaired", "changed by something else", words)
    assert drifting.metric("ram_operator_drift_repairs_total") > repairs
    drifting.ready(POLICY, ROLE, BINDING)
    drifting.sweeps_pass()
    assert drifting.actions(mark) == actions


def test_an_instance_that_lost_its_role_gets_it_back_and_its_node_is_told(drifting: World, hand: Hand) -> None:
    rows = drifting.rows("drift")
    instance = rows["drift-1"]["instance"].partition(".")[2]
    drifting.event("Node/drift-1", "Attached")
    drifting.api.delete_all("Event")
    with drifting.stopped_operator():
        hand.detach_role("drift", instance)
        mark = drifting.mark()
    drifting.has_role(instance, "drift")
    drifting.event(BINDING, "DriftRepaired", f"attached drift to cn-hangzhou.{instance}")
    drifting.event("Node/drift-1", "Attached", instance)
    drifting.ready(BINDING)
    assert drifting.actions(mark) == ["AttachInstanceRamRole"]
    assert json.loads(drifting.writes(mark)[0]["params"]["InstanceIds"]) == [instance]


def test_a_role_deleted_by_another_hand_comes_back_with_its_policy_and_instances(drifting: World, hand: Hand) -> None:
    before = drifting.state()
    instances = [row["instance"].partition(".")[2] for row in drifting.rows("drift").values()]
    with drifting.stopped_operator():
        hand.detach_policy("drift", "drift")
        hand.detach_role("drift", *instances)
        hand.ram("DeleteRole", RoleName="drift")

    def back() -> bool:
        assert drifting.state() == before
        return True

    until(back)
    drifting.ready(POLICY, ROLE, BINDING)
    drifting.event(ROLE, "", "created role drift")


def test_a_policy_deleted_by_another_hand_comes_back_and_is_attached_again(drifting: World, hand: Hand) -> None:
    before = drifting.state()
    with drifting.stopped_operator():
        hand.detach_policy("drift", "drift")
        hand.ram("DeletePolicy", PolicyName="drift")

    def back() -> bool:
        assert drifting.state() == before
        return True

    until(back)
    drifting.ready(POLICY, ROLE, BINDING)
    drifting.event(POLICY, "DriftRepaired", "created policy drift")


def test_what_others_attached_stays(drifting: World, hand: Hand) -> None:
    hand.create_policy("of-somebody", document("ecs:Describe*"))
    hand.attach_policy("of-somebody", "drift")
    hand.attach_policy("AliyunECSReadOnlyAccess", "drift", "System")
    with drifting.stopped_operator():
        hand.detach_policy("drift", "drift")
        mark = drifting.mark()
    until(lambda: "drift" in drifting.policies_of("drift"))
    drifting.ready(ROLE)
    drifting.sweeps_pass()
    assert drifting.policies_of("drift") == {"drift", "of-somebody", "AliyunECSReadOnlyAccess"}
    assert drifting.actions(mark) == ["AttachPolicyToRole"]
    hand.detach_policy("of-somebody", "drift")
    hand.detach_policy("AliyunECSReadOnlyAccess", "drift", "System")


def test_tags_of_others_stay(drifting: World, hand: Hand) -> None:
    hand.tag_role("drift", cost="7")
    mark = drifting.mark()
    drifting.sweeps_pass()
    found = drifting.cloud_role("drift")
    assert found is not None
    assert found["tags"]["cost"] == "7"
    assert drifting.actions(mark) == []


def test_two_that_change_the_same_thing_do_not_fight_for_ever(drifting: World, hand: Hand) -> None:
    repairs = 0

    def repaired_or_not() -> bool:
        found = drifting.cloud_policy("drift")
        contended = drifting.condition(POLICY, "Stalled").get("reason") == "Contended"
        return contended or bool(found and found["description"] == "as wanted")

    while drifting.condition(POLICY, "Stalled") == {} and repairs < 9:
        hand.ram("UpdatePolicyDescription", PolicyName="drift", NewDescription="theirs")
        until(repaired_or_not)
        repairs += 1
    assert 3 <= repairs - 1 <= 4
    drifting.says(POLICY, "Contended", "3 times in an hour")
    mark = drifting.mark()
    drifting.sweeps_pass(3)
    assert drifting.actions(mark) == []
    drifting.api.patch(POLICY, {"metadata": {"annotations": {"ram.alicloud.dev/reconcile-at": "again"}}})
    drifting.ready(POLICY)


def test_a_replaced_role_on_an_instance_is_left_alone_and_named(drifting: World, hand: Hand) -> None:
    instance = drifting.rows("drift")["drift-1"]["instance"].partition(".")[2]
    hand.create_role("theirs")
    with drifting.stopped_operator():
        hand.detach_role("drift", instance)
        hand.attach_role("theirs", instance)
        mark = drifting.mark()
    drifting.row("drift", "drift-1", "Conflict", "OtherRole")
    drifting.says(BINDING, "Conflict", "theirs", "drift-1")
    drifting.sweeps_pass()
    assert [call for call in drifting.writes(mark) if call["action"] == "DetachInstanceRamRole"] == []
    assert drifting.role_of(instance) == "theirs"
    hand.detach_role("theirs", instance)
    drifting.has_role(instance, "drift")
    drifting.ready(BINDING)
    drifting.attached("drift", "drift-1", "drift-2")
