"""What a binding says that has no instance of its own: an empty pool is settled, anything else is not."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.builders import binding_body, binding_key, instance, node
from tests.unit.pool import BINDING, ONE, TWO, scene, state

OLD = "2025-01-01T00:00:00Z"


def message(made: Any, type_: str = "Ready") -> str:
    return str(next(row["message"] for row in made.status(BINDING)["conditions"] if row["type"] == type_))


def naming(*nodes: str, **how: Any) -> dict[str, Any]:
    body = binding_body(**how)
    body["spec"] = {"roleRef": {"name": "oss-reader"}, "nodeNames": list(nodes)}
    return body


def older(name: str, *nodes: str) -> dict[str, Any]:
    return naming(*nodes, name=name, created=OLD)


async def test_a_binding_whose_instances_all_belong_to_older_ones_is_stalled_and_says_to_which() -> None:
    made, ecs = scene(
        {instance(number): "" for number in (1, 2, 3)},
        older("first", "node-1", "node-3"),
        older("second", "node-2"),
        binding_body(),
        nodes=3,
    )
    await made.settle()
    assert made.condition(BINDING) == ("False", "Overridden")
    assert made.condition(BINDING, "Stalled") == ("True", "Overridden")
    assert message(made) == (
        "3 instances selected, all belong to older bindings (InstanceRoleBinding/first has 2, "
        "InstanceRoleBinding/second has 1); ram-operator explain Overridden"
    )
    assert {row["state"] for row in made.rows(BINDING).values()} == {"Overridden"}
    assert set(ecs.roles.values()) == {"oss-reader"}


async def test_an_overridden_binding_goes_on_when_the_older_one_goes() -> None:
    made, _ = scene({ONE: ""}, older("first", "node-1"), binding_body())
    await made.settle()
    assert message(made).startswith(
        "1 instance selected, it belongs to older bindings (InstanceRoleBinding/first has 1)"
    )
    made.delete(binding_key("first"))
    await made.settle()
    assert (state(made)[0], made.condition(BINDING)) == ("Attached", ("True", "AllAttached"))
    assert made.condition(BINDING, "Stalled") == ("", "")


async def test_a_binding_with_one_instance_of_its_own_is_settled_whatever_others_have() -> None:
    made, _ = scene({ONE: "", TWO: ""}, older("first", "node-1"), binding_body(), nodes=2)
    await made.settle()
    assert made.condition(BINDING) == ("True", "AllAttached")


async def test_an_overridden_binding_that_is_deleted_goes() -> None:
    made, _ = scene({ONE: ""}, older("first", "node-1"), binding_body())
    await made.settle()
    made.delete(BINDING)
    await made.settle()
    assert not made.exists(BINDING)


async def test_a_selector_without_nodes_is_settled() -> None:
    made, _ = scene({}, nodes=0)
    await made.settle()
    assert (made.condition(BINDING), message(made)) == (("True", "NoInstances"), "no nodes match the selector")


IN_VAIN = [
    (("node-77",), "1 named node does not exist (node-77)"),
    (("node-77", "node-78"), "2 named nodes do not exist (node-77, node-78)"),
]


@pytest.mark.parametrize(("names", "words"), IN_VAIN, ids=["one", "two"])
async def test_a_binding_that_names_only_nodes_that_do_not_exist_waits_for_them(
    names: tuple[str, ...], words: str
) -> None:
    made, ecs = scene({ONE: ""}, naming(*names), nodes=0)
    await made.settle()
    assert (made.condition(BINDING), message(made)) == (("False", "NodeNotFound"), words)
    assert made.condition(BINDING, "Reconciling") == ("True", "NodeNotFound")
    made.put_node(node("node-77", 1))
    await made.settle()
    assert (ecs.roles, made.condition(BINDING)) == ({ONE: "oss-reader"}, ("True", "AllAttached"))


async def test_a_named_node_that_does_not_exist_is_told_beside_those_that_do() -> None:
    made, _ = scene({ONE: ""}, naming("node-1", "node-77"))
    await made.settle()
    assert made.condition(BINDING) == ("True", "AllAttached")
    assert message(made) == "1 instance has role oss-reader; 1 named node does not exist (node-77)"


async def test_a_named_node_that_goes_takes_ready_with_it_once_it_is_released() -> None:
    made, ecs = scene({ONE: ""}, naming("node-1"))
    await made.settle()
    made.remove_node("node-1")
    await made.settle()
    assert made.condition(BINDING) == ("True", "AllAttached")
    made.later(600)
    await made.reconcile(BINDING)
    await made.settle()
    assert (ecs.roles, made.condition(BINDING)) == ({ONE: ""}, ("False", "NodeNotFound"))


async def test_a_binding_whose_nodes_are_all_skipped_says_why() -> None:
    made, _ = scene({})
    made.remove_node("node-1")
    made.put_node(node("virtual", None, pool="storage", type="virtual-kubelet"))
    for name in ("bare-1", "bare-2"):
        made.put_node(node(name, None, pool="storage"))
    await made.settle()
    assert made.condition(BINDING) == ("True", "NoInstances")
    assert message(made) == "no selected node can have a role: 2 NoProviderID, 1 VirtualNode"
