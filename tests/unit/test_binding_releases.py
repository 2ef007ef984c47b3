"""Nodes and instances that come, go and come back: what is kept, for how long, and what is released."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.builders import binding_body, node
from tests.unit.pool import BINDING, ONE, TWO, attached, scene, state

from ram_operator.errors import ClassicNetwork


async def test_a_claim_outlives_its_node_for_ten_minutes_and_is_then_released() -> None:
    made, ecs = await attached()
    made.remove_node("node-1")
    said = await made.reconcile(BINDING)
    assert (ecs.writes, said.requeue_after) == ([], 600)
    assert made.rows(BINDING)[str(ONE)]["nodeGoneSince"] == "2026-05-01T12:00:00Z"
    assert (
        made.rows(BINDING)[str(ONE)]["message"]
        == "Node deleted; the role will be detached at 2026-05-01T12:10:00Z unless it returns"
    )
    made.later(599)
    said = await made.reconcile(BINDING)
    assert (ecs.writes, said.requeue_after) == ([], 1)
    made.later(1)
    await made.reconcile(BINDING)
    assert (ecs.roles, made.rows(BINDING)) == ({ONE: ""}, {})


async def test_a_release_is_finished_also_where_another_instance_is_claimed_in_the_same_reconcile() -> None:
    made, ecs = await attached()
    made.remove_node("node-1")
    await made.settle()
    made.later(600)
    ecs.roles[TWO] = ""
    made.put_node(node("node-2", 2, pool="storage"))
    await made.settle()
    assert (ecs.roles, list(made.rows(BINDING))) == ({ONE: "", TWO: "oss-reader"}, [str(TWO)])


async def test_a_node_that_comes_back_in_time_keeps_its_role() -> None:
    made, ecs = await attached()
    made.remove_node("node-1")
    await made.settle()
    made.later(300)
    made.put_node(node("node-1", 1, pool="storage"))
    await made.settle()
    assert (ecs.writes, state(made)) == ([], ("Attached", "oss-reader", "Attached"))
    assert not {"nodeGoneSince", "message"} & made.rows(BINDING)[str(ONE)].keys()


async def test_a_binding_that_is_deleted_does_not_wait_for_a_node_that_is_gone() -> None:
    made, ecs = await attached()
    made.remove_node("node-1")
    await made.settle()
    made.delete(BINDING)
    await made.settle()
    assert (ecs.roles, made.exists(BINDING)) == ({ONE: ""}, False)


async def test_an_instance_counts_as_gone_when_two_looks_a_minute_apart_miss_it() -> None:
    made, ecs = await attached()
    del ecs.roles[ONE]
    said = await made.reconcile(BINDING)
    assert (state(made)[0], said.requeue_after) == ("Pending", 60)
    assert made.condition(BINDING, "Reconciling") == ("True", "Verifying")
    made.later(59)
    await made.reconcile(BINDING)
    assert state(made)[0] == "Pending"
    made.later(1)
    await made.reconcile(BINDING)
    assert state(made) == ("Skipped", "oss-reader", "Attached"), "it may come back with the role"
    assert made.rows(BINDING)[str(ONE)]["reason"] == "InstanceGone"
    assert made.condition(BINDING) == ("True", "NoInstances")
    ready = next(row for row in made.status(BINDING)["conditions"] if row["type"] == "Ready")
    assert ready["message"] == f"no selected node can have a role; ECS does not know {ONE} (node-1)"


async def test_an_instance_that_is_gone_is_looked_for_at_growing_intervals_as_long_as_its_node_is_there() -> None:
    made, ecs = await attached()
    del ecs.roles[ONE]
    waits = []
    for _ in range(9):
        said = await made.reconcile(BINDING)
        waits.append(said.requeue_after)
        made.later(said.requeue_after or 0)
    assert waits == [60, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    ecs.roles[ONE] = "oss-reader"
    await made.reconcile(BINDING)
    assert (state(made), ecs.writes) == (("Attached", "oss-reader", "Attached"), [])


async def test_an_instance_missing_once_is_as_before_when_it_is_found_again() -> None:
    made, ecs = await attached()
    del ecs.roles[ONE]
    await made.reconcile(BINDING)
    ecs.roles[ONE] = "oss-reader"
    made.later(60)
    await made.reconcile(BINDING)
    assert (state(made), ecs.writes) == (("Attached", "oss-reader", "Attached"), [])
    assert "missingSince" not in made.rows(BINDING)[str(ONE)]


async def test_a_node_that_goes_with_its_instance_leaves_no_row_after_a_minute() -> None:
    made, ecs = await attached()
    made.remove_node("node-1")
    del ecs.roles[ONE]
    said = await made.reconcile(BINDING)
    assert said.requeue_after == 60
    made.later(60)
    await made.reconcile(BINDING)
    assert (made.rows(BINDING), ecs.writes) == ({}, [])


AHEAD = "2026-05-02T12:00:00Z"


async def test_a_clock_that_was_ahead_makes_no_grace_longer() -> None:
    made, ecs = await attached(nodes=2)
    status = made.status(BINDING)
    for row, field in zip(status["instances"], ("nodeGoneSince", "missingSince"), strict=True):
        row[field] = AHEAD
    made.put_status(BINDING, status)
    made.remove_node("node-1")
    del ecs.roles[TWO]
    said = await made.reconcile(BINDING)
    assert said.requeue_after == 60
    made.later(60)
    await made.reconcile(BINDING)
    assert made.rows(BINDING)[str(TWO)]["state"] == "Skipped"
    made.later(540)
    await made.reconcile(BINDING)
    await made.settle()
    assert ecs.roles == {ONE: ""}


async def test_a_claim_on_an_instance_of_the_classic_network_is_let_go() -> None:
    """The attach got no answer; only later it shows that the instance cannot have a role."""
    made, ecs = await attached()
    ecs.roles[ONE] = ""
    status = made.status(BINDING)
    status["instances"][0] |= {"state": "Pending", "confirmed": False}
    made.put_status(BINDING, status)
    ecs.failing["detach"] = ClassicNetwork("DetachInstanceRamRole", "InvalidNetworkType.MismatchRamRole")
    made.delete(BINDING)
    await made.settle()
    assert not made.exists(BINDING)


async def test_a_deletion_waits_until_a_missing_instance_is_surely_gone() -> None:
    made, ecs = await attached()
    del ecs.roles[ONE]
    made.delete(BINDING)
    await made.settle()
    assert made.exists(BINDING)
    made.later(60)
    await made.reconcile(BINDING)
    assert not made.exists(BINDING)


SKIPPED = [
    (node("x", None, pool="storage"), "NoProviderID"),
    (node("x", 9, pool="storage", type="virtual-kubelet"), "VirtualNode"),
    ({**node("x", 9, pool="storage"), "spec": {"providerID": "aws:///i-1"}}, "ForeignProviderID"),
]


@pytest.mark.parametrize(("odd", "reason"), SKIPPED, ids=[reason for _, reason in SKIPPED])
async def test_a_node_that_is_no_instance_is_skipped_with_the_reason(odd: dict[str, Any], reason: str) -> None:
    made, _ = scene({ONE: ""})
    made.put_node(odd)
    await made.settle()
    row = made.rows(BINDING)["x"]
    assert (row["state"], row["reason"], "instance" in row) == ("Skipped", reason, False)
    assert made.condition(BINDING) == ("True", "AllAttached")
    assert (made.status(BINDING)["summary"]["ready"], made.status(BINDING)["summary"]["skipped"]) == ("1/2", 1)


async def test_a_named_node_that_does_not_exist_is_skipped() -> None:
    made, _ = scene({ONE: ""}, binding_body(spec={"nodeNames": ["ghost"]}))
    await made.settle()
    assert made.rows(BINDING)["ghost"]["reason"] == "NodeNotFound"


async def test_a_node_that_gets_its_provider_id_later_gets_the_role() -> None:
    made, ecs = scene({TWO: ""}, nodes=0)
    made.put_node(node("late", None, pool="storage"))
    await made.settle()
    made.put_node(node("late", 2, pool="storage"))
    await made.settle()
    assert (ecs.roles, list(made.rows(BINDING))) == ({TWO: "oss-reader"}, [str(TWO)])
