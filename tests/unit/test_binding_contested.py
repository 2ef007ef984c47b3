"""Two Nodes with one provider ID: whoever may register a Node must not decide about another node's instance."""

from __future__ import annotations

from tests.unit.builders import binding_body, binding_key, node
from tests.unit.pool import BINDING, ONE, attached, scene, state
from tests.unit.scene import Scene

from ram_operator.model import ObjectKey

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
