"""Nodes that do not tell which binding has their instance: nothing is changed on it.

Two Nodes with one provider ID: whoever may register a Node must not decide about another node's instance. A Node with
more labels than are kept: a label of it that is not looked at may be the one that a binding selects by.
"""

from __future__ import annotations

import pytest
from tests.unit.builders import binding_body, binding_key, node
from tests.unit.pool import BINDING, ONE, attached, scene, state
from tests.unit.scene import Scene

from ram_operator.model import ObjectKey
from ram_operator.rules.nodes import MOST_LABELS

OTHER = {"roleRef": {"name": "log-writer"}, "nodeSelector": {"matchLabels": {"pool": "compute"}}}


def told(made: Scene, key: ObjectKey = BINDING) -> dict[str, tuple[str, str | None]]:
    """State and reason of each row, by node."""
    return {row["node"]: (row["state"], row.get("reason")) for row in made.status(key)["instances"]}


async def test_an_instance_that_two_nodes_stand_for_gets_no_role_and_each_row_says_so() -> None:
    made, ecs = scene({ONE: ""})
    made.put_node(node("node-0", 1, pool="storage"))
    await made.settle()
    assert (ecs.writes, ecs.roles) == ([], {ONE: ""})
    contested = ("Skipped", "DuplicateProviderID")
    assert told(made) == {"node-0": contested, "node-1": contested}
    assert all("node-0, node-1" in row["message"] for row in made.status(BINDING)["instances"])
    made.remove_node("node-0")
    await made.settle()
    assert (ecs.roles, told(made)) == ({ONE: "oss-reader"}, {"node-1": ("Attached", None)})


async def test_a_second_node_of_another_pool_does_not_take_the_role_away() -> None:
    made, ecs = await attached()
    compute = made.put(binding_body("compute", created="2020-01-01T00:00:00Z", spec=OTHER))
    made.put_node(node("a-forged-node", 1, pool="compute"))
    await made.settle()
    assert (ecs.writes, ecs.roles) == ([], {ONE: "oss-reader"})
    assert state(made) == ("Attached", "oss-reader", "Attached")
    assert state(made, key=compute) == ("Skipped", None, None)
    made.remove_node("a-forged-node")
    await made.settle()
    assert (ecs.writes, state(made), made.rows(compute)) == ([], ("Attached", "oss-reader", "Attached"), {})


async def test_while_two_nodes_stand_for_it_no_label_takes_the_role_away() -> None:
    made, ecs = await attached()
    made.put_node(node("node-2", 1, pool="storage"))
    for name in ("node-1", "node-2"):
        made.put_node(node(name, 1, pool="none"))
        await made.settle()
    assert (ecs.writes, state(made)[1:]) == ([], ("oss-reader", "Attached"))


async def test_a_binding_that_is_deleted_takes_its_role_off_all_the_same() -> None:
    made, ecs = await attached()
    made.put_node(node("node-0", 1, pool="storage"))
    made.delete(BINDING)
    await made.settle()
    assert (ecs.roles, made.exists(binding_key("storage-pool"))) == ({ONE: ""}, False)


MANY = {f"label-{number}": "x" for number in range(MOST_LABELS)}
"""Labels that come before `pool` in order, so that it is not looked at."""


@pytest.mark.parametrize("restarted", [False, True], ids=["running", "restarted"])
async def test_a_node_that_gets_too_many_labels_keeps_its_role_and_its_row_warns(restarted: bool) -> None:
    made, ecs = await attached()
    made.put_node(node("node-1", 1, pool="storage", **MANY))
    for _ in range(3):
        await made.settle()
        if restarted:
            made.restart()
        made.later(3600)
        await made.reconcile(BINDING)
    assert (ecs.writes, state(made)) == ([], ("Attached", "oss-reader", "Attached"))
    row = made.rows(BINDING)[str(ONE)]
    assert (row["reason"], row["message"][:14]) == ("TooManyLabels", "has 501 labels")
    made.put_node(node("node-1", 1, pool="storage"))
    await made.settle()
    assert (ecs.writes, told(made)) == ([], {"node-1": ("Attached", None)})


async def test_too_many_labels_hand_the_role_to_no_other_binding() -> None:
    made, ecs = await attached()
    otherwise = {"key": "pool", "operator": "NotIn", "values": ["storage"]}
    spec = {**OTHER, "nodeSelector": {"matchExpressions": [otherwise]}}
    other = made.put(binding_body("all-but-storage", created="2020-01-01T00:00:00Z", spec=spec))
    made.put_node(node("node-1", 1, pool="storage", **MANY))
    await made.settle()
    assert (ecs.writes, ecs.roles) == ([], {ONE: "oss-reader"})
    assert told(made, other) == {"node-1": ("Skipped", "TooManyLabels")}


async def test_a_node_with_too_many_labels_gets_no_role_and_loses_it_with_its_binding_or_its_node() -> None:
    made, ecs = scene({ONE: ""})
    made.put_node(node("node-1", 1, pool="storage", **MANY))
    await made.settle()
    assert ecs.writes == []
    made.put_node(node("node-1", 1, pool="storage"))
    await made.settle()
    made.put_node(node("node-1", 1, pool="storage", **MANY))
    await made.settle()
    assert ecs.roles == {ONE: "oss-reader"}
    made.remove_node("node-1")
    await made.settle()
    made.later(700)
    await made.reconcile(BINDING)
    await made.settle()
    assert ecs.roles == {ONE: ""}
