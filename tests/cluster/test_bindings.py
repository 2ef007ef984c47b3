"""Which instance has which role: nodes come, change and go, bindings meet, what is no usable instance is skipped."""

import json
from typing import Any

import pytest
from tests.cluster.hand import Hand
from tests.cluster.objects import binding, node, policy, role
from tests.cluster.world import World
from tests.polling import until

B = "InstanceRoleBinding"


@pytest.fixture
def roles(world: World) -> World:
    """A world with the roles `one` and `two`, ready."""
    world.api.create(role("one"), role("two"))
    world.ready("RamRole/one", "RamRole/two")
    return world


def relabel(world: World, name: str, pool: str | None) -> None:
    world.api.patch(f"Node/{name}", {"metadata": {"labels": {"pool": pool}}})


def test_a_node_that_leaves_the_pool_loses_the_role_and_one_that_returns_gets_it(roles: World) -> None:
    nodes = roles.add_nodes("p", "n1", "n2")
    roles.api.create(binding("p", "one", "p"))
    roles.attached("p", "n1", "n2")
    mark = roles.mark()
    relabel(roles, "n1", None)
    roles.has_role(nodes["n1"], "")
    until(lambda: set(roles.rows("p")) == {"n2"})
    relabel(roles, "n1", "p")
    roles.attached("p", "n1", "n2")
    assert roles.actions(mark) == ["DetachInstanceRamRole", "AttachInstanceRamRole"]
    assert all(json.loads(call["params"]["InstanceIds"]) == [nodes["n1"]] for call in roles.writes(mark))


def test_deleting_the_binding_detaches_what_it_attached_and_nothing_else(roles: World, hand: Hand) -> None:
    nodes = roles.add_nodes("p", "n1", "n2", "n3")
    hand.create_role("theirs")
    hand.attach_role("theirs", nodes["n3"])
    roles.api.create(binding("p", "one", "p"))
    roles.row("p", "n3", "Conflict", "OtherRole")
    roles.attached("p", "n1", "n2")
    mark = roles.mark()
    roles.delete(f"{B}/p")
    assert [roles.role_of(nodes[name]) for name in nodes] == ["", "", "theirs"]
    assert roles.actions(mark) == ["DetachInstanceRamRole"]
    assert sorted(json.loads(roles.writes(mark)[0]["params"]["InstanceIds"])) == sorted([nodes["n1"], nodes["n2"]])


def test_a_role_that_was_there_already_is_found_and_never_taken_away(roles: World, hand: Hand) -> None:
    nodes = roles.add_nodes("p", "n1")
    hand.attach_role("one", nodes["n1"])
    mark = roles.mark()
    roles.api.create(binding("p", "one", "p"))
    row = roles.row("p", "n1", "Attached")
    assert row["origin"] == "Found"
    roles.delete(f"{B}/p")
    assert roles.role_of(nodes["n1"]) == "one"
    assert roles.actions(mark) == []
    hand.detach_role("one", nodes["n1"])


def test_another_role_reference_moves_all_instances_over(roles: World) -> None:
    nodes = roles.add_nodes("p", "n1", "n2")
    roles.api.create(binding("p", "one", "p"))
    roles.attached("p", "n1", "n2")
    mark = roles.mark()
    roles.api.patch(f"{B}/p", {"spec": {"roleRef": {"name": "two"}}})
    for instance in nodes.values():
        roles.has_role(instance, "two")
    roles.ready(f"{B}/p")
    assert {row["roleName"] for row in roles.rows("p").values()} == {"two"}
    assert roles.actions(mark) == ["DetachInstanceRamRole", "AttachInstanceRamRole"] * 2, "the second after the first"
    roles.delete(f"{B}/p")
    assert {roles.role_of(instance) for instance in nodes.values()} == {""}


@pytest.mark.parametrize("newer", ["one", "two"], ids=["same-role", "other-role"])
def test_the_older_binding_has_the_instance_and_hands_it_over_when_it_goes(roles: World, newer: str) -> None:
    nodes = roles.add_nodes("p", "n1")
    roles.api.create(binding("older", "one", "p"))
    roles.attached("older", "n1")
    until_next_second(roles, f"{B}/older")
    roles.api.create(binding("a-newer", newer, nodes=["n1"]))
    row = roles.row("a-newer", "n1", "Overridden", "Overridden")
    assert f"{B}/older has this instance" in row["message"]
    assert roles.role_of(nodes["n1"]) == "one"
    mark = roles.mark()
    roles.delete(f"{B}/older")
    roles.attached("a-newer", "n1")
    roles.has_role(nodes["n1"], newer)
    roles.ready(f"{B}/a-newer")
    assert roles.rows("a-newer")["n1"]["origin"] == "Attached"
    moved = ["DetachInstanceRamRole", "AttachInstanceRamRole"]
    assert roles.actions(mark) == ([] if newer == "one" else moved)
    roles.delete(f"{B}/a-newer")
    roles.has_role(nodes["n1"], "")


def test_an_older_binding_that_starts_to_select_an_instance_takes_it(roles: World) -> None:
    nodes = roles.add_nodes("q", "n1")
    roles.api.create(binding("older", "one", "p"))
    roles.ready(f"{B}/older")
    until_next_second(roles, f"{B}/older")
    roles.api.create(binding("newer", "two", nodes=["n1"]))
    roles.attached("newer", "n1")
    relabel(roles, "n1", "p")
    roles.attached("older", "n1")
    roles.has_role(nodes["n1"], "one")
    roles.row("newer", "n1", "Overridden", "Overridden")
    assert roles.condition(f"{B}/older")["status"] == "True"
    roles.delete(f"{B}/newer")
    assert roles.role_of(nodes["n1"]) == "one"
    roles.delete(f"{B}/older")
    roles.has_role(nodes["n1"], "")


def until_next_second(world: World, name: str) -> None:
    """Creation times have whole seconds: wait until a binding made now is the newer one."""
    created = world.body(name)["metadata"]["creationTimestamp"]

    def later() -> bool:
        probe = node("clock")
        world.api.create(probe)
        now = world.body("Node/clock")["metadata"]["creationTimestamp"]
        world.api.delete("Node/clock")
        return bool(now != created)

    until(later)


SKIPPED: dict[str, dict[str, Any]] = {
    "NoProviderID": node("odd-empty", "", "p"),
    "VirtualNode": node("odd-virtual", "", "p", {"type": "virtual-kubelet"}),
    "LingjunNode": node("odd-lingjun", "cn-hangzhou.e01-x", "p", {"alibabacloud.com/lingjun-worker": "true"}),
    "HybridNode": node("odd-hybrid", "ack-hybrid://idc-1", "p"),
    "InvalidProviderID": node("odd-invalid", "alicloud:///cn-hangzhou/i-bp1simulator00000001", "p"),
    "ForeignProviderID": node("odd-foreign", "aws:///eu-west-1a/i-0123456789abcdef0", "p"),
    "ExcludedNode": node(
        "odd-excluded",
        "cn-hangzhou.i-bp1simulator00000001",
        "p",
        {"service.alibabacloud.com/exclude-node": "true"},
    ),
}


def test_what_is_no_instance_is_skipped_with_the_reason(roles: World) -> None:
    mark = roles.mark()
    roles.api.create(*SKIPPED.values(), binding("p", "one", "p"))
    for reason, body in SKIPPED.items():
        row = roles.row("p", body["metadata"]["name"], "Skipped", reason)
        assert row["message"]
        assert "instance" not in row
    roles.ready(f"{B}/p")
    assert roles.condition(f"{B}/p")["reason"] == "NoInstances"
    assert roles.status(f"{B}/p")["summary"]["skipped"] == len(SKIPPED)
    assert roles.actions(mark) == []


def test_a_named_node_that_does_not_exist_is_skipped_until_it_joins(roles: World) -> None:
    roles.api.create(binding("p", "one", nodes=["later"]))
    roles.row("p", "later", "Skipped", "NodeNotFound")
    instance = roles.instance()
    roles.api.create(node("later", f"alicloud://cn-hangzhou.{instance}"))
    roles.attached("p", "later")
    assert roles.role_of(instance) == "one"


def test_a_node_gets_its_role_when_its_provider_id_is_set(roles: World) -> None:
    instance = roles.instance()
    roles.api.create(node("slow", "", "p"), binding("p", "one", "p"))
    roles.row("p", "slow", "Skipped", "NoProviderID")
    roles.api.patch("Node/slow", {"spec": {"providerID": f"cn-hangzhou.{instance}"}})
    roles.attached("p", "slow")
    assert roles.role_of(instance) == "one"


def test_an_instance_of_the_classic_network_fails_alone(roles: World) -> None:
    nodes = roles.add_nodes("p", "n1", "n2")
    roles.api.create(node("old", f"cn-hangzhou.{roles.instance(networkType='classic')}", "p"), binding("p", "one", "p"))
    row = roles.row("p", "old", "Failed", "ClassicNetwork")
    assert "VPC" in row["message"]
    roles.attached("p", "n1", "n2")
    assert {roles.role_of(instance) for instance in nodes.values()} == {"one"}
    roles.says(f"{B}/p", "SomeFailed", "old")
    mark = roles.mark()
    roles.sweeps_pass()
    assert roles.actions(mark) == []
    assert roles.status(f"{B}/p")["summary"]["ready"] == "2/3"


def test_an_instance_that_ecs_does_not_know_holds_nobody_up(roles: World) -> None:
    nodes = roles.add_nodes("p", "n1")
    roles.api.create(node("ghost", "cn-hangzhou.i-bp1nosuchinstance001", "p"), binding("p", "one", "p"))
    roles.attached("p", "n1")
    row = roles.row("p", "ghost", "Pending", "InstanceGone")
    assert "does not know" in row["message"]
    assert roles.role_of(nodes["n1"]) == "one"
    roles.delete("Node/ghost", f"{B}/p")


def test_instances_of_several_regions_are_served(roles: World) -> None:
    north = roles.instance(region="cn-beijing")
    roles.api.create(node("north", f"cn-beijing.{north}", "p"), binding("p", "one", "p"))
    south = roles.add_nodes("p", "south")["south"]
    roles.attached("p", "north", "south")
    assert (roles.role_of(north), roles.role_of(south)) == ("one", "one")


def test_many_nodes_take_few_calls(roles: World) -> None:
    names = [f"many-{number:03}" for number in range(120)]
    roles.add_nodes("many", *names)
    mark = roles.mark()
    roles.api.create(binding("many", "one", "many"))
    roles.attached("many", *names)
    roles.ready(f"{B}/many")
    batches = [json.loads(call["params"]["InstanceIds"]) for call in roles.writes(mark)]
    assert len(batches) <= 3
    assert sum(map(len, batches)) == 120
    assert roles.status(f"{B}/many")["summary"]["ready"] == "120/120"
    mark = roles.mark()
    roles.delete(f"{B}/many")
    assert roles.actions(mark) == ["DetachInstanceRamRole"] * 2


def test_expressions_select_as_in_kubernetes(roles: World) -> None:
    roles.api.create(
        *(node(f"n-{zone}", f"cn-hangzhou.{roles.instance()}", "p", {"zone": zone}) for zone in ("a", "b", "c"))
    )
    chosen = binding("p", "one")
    expressions = [{"key": "zone", "operator": "NotIn", "values": ["c"]}, {"key": "pool", "operator": "Exists"}]
    chosen["spec"]["nodeSelector"] = {"matchExpressions": expressions}
    roles.api.create(chosen)
    roles.attached("p", "n-a", "n-b")


def test_a_binding_waits_for_its_role_and_is_woken_by_it(world: World) -> None:
    nodes = world.add_nodes("p", "n1")
    world.api.create(binding("p", "late", "p"))
    world.says(f"{B}/p", "RoleNotReady", "waits for RamRole/late, which does not exist", kind="Reconciling")
    assert world.condition(f"{B}/p")["status"] == "False"
    world.row("p", "n1", "Pending", "RoleNotReady")
    world.api.create(role("late", "later-still"))
    world.says("RamRole/late", "PolicyNotReady", "RamPolicy/later-still", kind="Reconciling")
    world.says(f"{B}/p", "RoleNotReady", "RamRole/late to be ready", kind="Reconciling")
    assert world.role_of(nodes["n1"]) == ""
    world.api.create(policy("later-still"))
    world.ready("RamPolicy/later-still", "RamRole/late", f"{B}/p")
    assert world.role_of(nodes["n1"]) == "late"


def test_a_node_that_goes_keeps_its_claim_for_a_while(roles: World) -> None:
    nodes = roles.add_nodes("p", "n1", "n2", "n3")
    roles.api.create(binding("p", "one", "p"))
    roles.attached("p", "n1", "n2", "n3")
    mark = roles.mark()
    roles.api.delete("Node/n1", "Node/n2")

    def noted() -> bool:
        rows = roles.status(f"{B}/p")["instances"]
        return sum("nodeGoneSince" in row for row in rows) == 2

    until(noted)
    roles.sweeps_pass()
    assert roles.role_of(nodes["n1"]) == roles.role_of(nodes["n2"]) == "one"
    roles.api.create(node("n2", f"cn-hangzhou.{nodes['n2']}", "p"))
    roles.attached("p", "n1", "n2", "n3")
    with roles.settings(node_gone_seconds="1"):
        roles.has_role(nodes["n1"], "")
        roles.attached("p", "n2", "n3")
        roles.ready(f"{B}/p")
    assert roles.actions(mark) == ["DetachInstanceRamRole"]
    assert json.loads(roles.writes(mark)[0]["params"]["InstanceIds"]) == [nodes["n1"]]
