"""Deleting: what blocks it is named, what is ours goes, what is not stays, and nothing wedges in silence."""

from typing import Any

import pytest
from tests.cluster.hand import Hand
from tests.cluster.objects import binding, document, policy, role
from tests.cluster.world import World
from tests.polling import until

B = "InstanceRoleBinding"


def again(world: World, name: str, asked: str = "again") -> None:
    """Ask for a reconcile now: what blocks a deletion without an event of ours is looked at once a minute."""
    world.api.patch(name, {"metadata": {"annotations": {"ram.alicloud.dev/reconcile-at": asked}}})


def blocked(world: World, name: str, *words: str) -> None:
    """Ask for deletion, and wait until the object says what is in the way."""
    world.api.delete(name)

    def says() -> bool:
        row = world.condition(name, "Stalled")
        assert row.get("reason") == "InUse", world.status(name)
        assert all(word in row["message"] for word in words), row
        return True

    until(says)
    assert world.condition(name)["status"] == "False"
    world.event(name, "InUse", *words)


@pytest.mark.parametrize("kind", ["RamRole", "RamPolicy"])
def test_retain_lets_go_without_a_write_and_the_same_object_takes_it_up_again(world: World, kind: str) -> None:
    spec: dict[str, Any] = {"deletionPolicy": "Retain", "description": "stays"}
    body = role("stays", **spec) if kind == "RamRole" else policy("stays", **spec)
    world.api.create(body)
    world.ready(f"{kind}/stays")
    mark, before = world.mark(), world.state()
    world.delete(f"{kind}/stays")
    world.api.create(body)
    world.ready(f"{kind}/stays")
    assert world.actions(mark) == []
    assert world.state() == before
    world.api.patch(f"{kind}/stays", {"spec": {"deletionPolicy": "Delete"}})
    world.delete(f"{kind}/stays")
    assert world.cloud_role("stays") is world.cloud_policy("stays") is None


def test_a_role_retained_keeps_its_policies(world: World) -> None:
    world.api.create(policy("with"), role("stays", "with", deletionPolicy="Retain"))
    world.ready("RamRole/stays")
    world.delete("RamRole/stays")
    assert world.policies_of("stays") == {"with"}


def test_a_policy_on_a_role_of_others_is_in_use_until_they_detach_it(world: World, hand: Hand) -> None:
    world.api.create(policy("lent"))
    world.ready("RamPolicy/lent")
    hand.create_role("theirs")
    hand.attach_policy("lent", "theirs")
    hand.ram("AttachPolicyToUser", PolicyType="Custom", PolicyName="lent", UserName="dev")
    mark = world.mark()
    blocked(world, "RamPolicy/lent", "role theirs", "user dev")
    assert world.actions(mark) == []
    hand.detach_policy("lent", "theirs")
    hand.ram("DetachPolicyFromUser", PolicyType="Custom", PolicyName="lent", UserName="dev")
    again(world, "RamPolicy/lent")
    world.gone("RamPolicy/lent")
    assert world.cloud_policy("lent") is None


def test_a_policy_that_a_role_here_uses_waits_for_that_role(world: World) -> None:
    world.api.create(policy("used"), role("user", "used"))
    world.ready("RamRole/user")
    blocked(world, "RamPolicy/used", "role user (RamRole/user)")
    world.says("RamRole/user", "PolicyNotReady", "RamPolicy/used, which is being deleted", kind="Reconciling")
    assert world.policies_of("user") == {"used"}
    world.api.patch("RamRole/user", {"spec": {"policies": []}})
    world.gone("RamPolicy/used")
    world.ready("RamRole/user")


def test_a_role_that_is_bound_waits_for_the_binding(world: World) -> None:
    nodes = world.add_nodes("p", "n1")
    world.api.create(role("bound"), binding("binder", "bound", "p"))
    world.attached("binder", "n1")
    mark = world.mark()
    blocked(world, "RamRole/bound", f"bound by {B}/binder")
    assert world.actions(mark) == []
    assert world.role_of(nodes["n1"]) == "bound"
    world.delete(f"{B}/binder")
    world.gone("RamRole/bound")
    assert world.role_of(nodes["n1"]) == ""


def test_a_binding_made_again_while_its_role_goes_does_not_wait_with_it_for_ever(world: World, hand: Hand) -> None:
    world.add_nodes("p", "n1")
    world.api.create(role("going"))
    world.ready("RamRole/going")
    instance = world.instance(ramRoleName="going")
    blocked(world, "RamRole/going", "1 instance has it:", instance)
    world.api.create(binding("again", "going", "p"))
    world.says(f"{B}/again", "RoleNotReady", "RamRole/going, which is being deleted", kind="Reconciling")
    hand.detach_role("going", instance)
    again(world, "RamRole/going")
    world.gone("RamRole/going")
    world.api.create(role("going"))
    world.ready(f"{B}/again")


def test_the_former_role_of_a_binding_goes_as_soon_as_the_instances_have_the_new_one(world: World) -> None:
    nodes = world.add_nodes("p", "n1", "n2")
    world.api.create(role("former"), role("present"), binding("mover", "former", "p"))
    world.attached("mover", "n1", "n2")
    world.ready("RamRole/present")
    world.hold("DetachInstanceRamRole")
    world.api.patch(f"{B}/mover", {"spec": {"roleRef": {"name": "present"}}})
    blocked(world, "RamRole/former", f"bound by {B}/mover")
    world.let_go()
    world.gone("RamRole/former")
    # It may go between the detach and the attach: no instance has it then.
    until(lambda: {world.role_of(instance) for instance in nodes.values()} == {"present"})


def test_a_role_that_other_instances_play_is_not_deleted_under_them(world: World, hand: Hand) -> None:
    world.api.create(role("played"))
    world.ready("RamRole/played")
    instance = world.instance(region="cn-beijing", ramRoleName="played")
    mark = world.mark()
    blocked(world, "RamRole/played", "1 instance has it", f"cn-beijing.{instance}")
    assert world.actions(mark) == []
    world.cloud.delete(f"/instances/{instance}")
    again(world, "RamRole/played")
    world.gone("RamRole/played")
    assert world.cloud_role("played") is None


def test_a_role_with_policies_of_others_says_which(world: World, hand: Hand) -> None:
    world.api.create(policy("ours"), role("shared", "ours"))
    world.ready("RamRole/shared")
    hand.create_policy("theirs", document("ecs:Describe*"))
    hand.attach_policy("theirs", "shared")
    mark = world.mark()
    blocked(world, "RamRole/shared", "Custom/theirs", "detach them first")
    assert world.actions(mark) == []
    hand.detach_policy("theirs", "shared")
    again(world, "RamRole/shared")
    world.gone("RamRole/shared")


def test_what_another_hand_has_deleted_already_does_not_block(world: World, hand: Hand) -> None:
    nodes = world.add_nodes("p", "n1", "n2")
    world.api.create(policy("lost"), role("lost", "lost"), binding("lost", "lost", "p"))
    world.attached("lost", "n1", "n2")
    world.ready("RamRole/lost")
    world.operator.stop()
    hand.detach_role("lost", *nodes.values())
    hand.detach_policy("lost", "lost")
    hand.ram("DeleteRole", RoleName="lost")
    hand.ram("DeletePolicy", PolicyName="lost")
    world.api.delete(f"{B}/lost", "RamRole/lost", "RamPolicy/lost")
    mark = world.mark()
    world.operator.start()
    world.gone(f"{B}/lost", "RamRole/lost", "RamPolicy/lost")
    assert world.actions(mark) == []


def test_what_was_made_and_deleted_while_nobody_looked_goes_at_once(world: World) -> None:
    world.operator.stop()
    world.api.create(policy("brief"), role("brief", "brief"))
    world.api.delete("RamRole/brief", "RamPolicy/brief")
    assert world.api.get("RamRole/brief") is world.api.get("RamPolicy/brief") is None
    world.operator.start()


def test_objects_deleted_while_the_operator_was_away_are_finished_by_the_next(world: World) -> None:
    before = world.state()
    nodes = world.add_nodes("p", "n1")
    world.api.create(policy("away"), role("away", "away"), binding("away", "away", "p"))
    world.attached("away", "n1")
    world.operator.stop()
    targets = ("RamPolicy/away", "RamRole/away", f"{B}/away")
    world.api.delete(*targets)
    assert all("deletionTimestamp" in world.body(name)["metadata"] for name in targets)
    world.operator.start()
    world.gone(*targets)
    world.cloud.delete(f"/instances/{nodes['n1']}")
    assert world.state() == before


def test_a_deletion_goes_on_when_the_cloud_answers_again(world: World) -> None:
    world.api.create(role("patient"))
    world.ready("RamRole/patient")
    world.fault("DeleteRole", 50, code="ServiceUnavailable", status=503)
    world.api.delete("RamRole/patient")
    world.says("RamRole/patient", "Retrying", "ServiceUnavailable", kind="Reconciling")
    world.cloud.delete("/faults")
    world.gone("RamRole/patient")


@pytest.mark.parametrize("action", ["DescribeRegions", "DescribeInstanceRamRole"])
def test_a_role_is_not_deleted_while_nobody_can_tell_who_plays_it(world: World, action: str) -> None:
    world.api.create(role("unsure"))
    world.ready("RamRole/unsure")
    world.instance(region="us-west-1", ramRoleName="unsure")
    mark = world.mark()
    world.fault(action, 50, code="ServiceUnavailable", status=503)
    world.api.delete("RamRole/unsure")
    until(lambda: world.condition("RamRole/unsure", "Reconciling").get("reason") == "Retrying")
    assert action in world.condition("RamRole/unsure", "Reconciling")["message"]
    world.cloud.delete("/faults")
    until(lambda: world.condition("RamRole/unsure", "Stalled").get("reason") == "InUse")
    assert world.actions(mark) == []


def test_a_deletion_without_the_right_to_it_says_which_is_missing(world: World) -> None:
    world.api.create(policy("kept"))
    world.ready("RamPolicy/kept")
    world.fault("DeletePolicy", 1, code="NoPermission", status=403)
    world.api.delete("RamPolicy/kept")
    until(lambda: "ram:DeletePolicy" in world.condition("RamPolicy/kept", "Stalled").get("message", ""))
    assert world.condition("RamPolicy/kept", "Stalled")["reason"] == "AccessDenied"
    again(world, "RamPolicy/kept")
    world.gone("RamPolicy/kept")


def test_a_role_tagged_away_by_another_cluster_is_left_there(world: World, hand: Hand) -> None:
    world.api.create(role("moved"))
    world.ready("RamRole/moved")
    hand.tag_role("moved", **{"ram-operator:cluster": "another"})
    mark = world.mark()
    world.says("RamRole/moved", "OwnedByOther", "another")
    world.delete("RamRole/moved")
    assert world.actions(mark) == []
    assert world.cloud_role("moved") is not None
