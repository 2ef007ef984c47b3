"""`ram-operator why NODE`: what it says agrees with the status of the bindings, and it ends with what to type next."""

from __future__ import annotations

import pytest
from tests.unit.builders import binding_body, node
from tests.unit.pool import BINDING, ONE, attached, scene
from tests.unit.scene import Scene

from ram_operator.cloud import EcsApi
from ram_operator.commands.why import why
from ram_operator.errors import RegionNotFound, Unavailable
from ram_operator.rules.nodes import MOST_LABELS


async def told(made: Scene, name: str, number: int | None = 1, ecs: EcsApi | None = None, **labels: str) -> list[str]:
    """The lines of a node, of which the last is what to type next."""
    body = node(name, number, **(labels or {"pool": "storage"}))
    lines = await why(body, made.caches, ecs or made.reconciler.cloud.ecs)
    assert lines[-1].startswith("Next: ")
    return lines


async def test_a_node_with_its_role_names_the_binding_that_gives_it() -> None:
    made, _ = await attached()
    assert await told(made, "node-1") == [
        f"Node node-1 is the instance {ONE}.",
        "It has the role oss-reader.",
        "InstanceRoleBinding/storage-pool selects this node; it gives RamRole/oss-reader.",
        "  its row says Attached",
        "Next: kubectl describe irb storage-pool",
    ]


async def test_of_two_nodes_with_one_provider_id_each_gets_its_own_row() -> None:
    made, _ = await attached(nodes=2)
    made.put_node(node("node-3", 1, pool="storage"))
    await made.settle()
    lines = await told(made, "node-3")
    assert "node-1 has the same provider ID" in lines[1]
    assert [line for line in lines if "row" in line] == [
        next(line for line in lines if line.startswith("  its row says Skipped (DuplicateProviderID)"))
    ]
    assert lines[-1] == "Next: ram-operator explain DuplicateProviderID"


async def test_a_node_with_too_many_labels_is_told_that_nothing_is_changed() -> None:
    made, _ = await attached()
    many = {f"label-{number}": "x" for number in range(MOST_LABELS)}
    made.put_node(node("node-1", 1, pool="storage", **many))
    await made.settle()
    lines = await told(made, "node-1", 1, None, pool="storage", **many)
    assert lines[1].startswith("It has the role oss-reader. It has 501 labels")
    assert (lines[-2], lines[-1]) == (
        f"  its row says Attached (TooManyLabels): {made.rows(BINDING)[str(ONE)]['message']}",
        "Next: ram-operator explain TooManyLabels",
    )


async def test_a_binding_that_is_deleted_and_not_yet_cleaned_up_is_named() -> None:
    made, _ = await attached()
    made.edit(BINDING, managementPolicy="Plan")
    made.delete(BINDING)
    await made.settle()
    lines = await told(made, "node-1")
    assert f"{BINDING} is being deleted, and has this node still; it gave RamRole/oss-reader." in lines
    assert any("DeletionPaused" in line for line in lines)


async def test_a_binding_that_no_longer_selects_the_node_is_named_while_it_has_it() -> None:
    made, ecs = await attached()
    ecs.failing["detach"] = Unavailable("DetachInstanceRamRole", "ServiceUnavailable")
    made.put_node(node("node-1", 1, pool="other"))
    await made.reconcile(BINDING)
    lines = await told(made, "node-1", pool="other")
    assert f"{BINDING} selects this node no longer, and has it still; it gave RamRole/oss-reader." in lines


async def test_of_two_bindings_the_younger_names_the_one_that_has_the_node() -> None:
    younger = binding_body("younger", created="2026-04-01T00:00:00Z", spec={"roleRef": {"name": "log-writer"}})
    made, _ = scene({ONE: ""}, binding_body(), younger)
    await made.settle()
    lines = await told(made, "node-1")
    has = f"InstanceRoleBinding/younger selects this node, which {BINDING} has; it gives RamRole/log-writer."
    assert has in lines
    assert lines[-1] == "Next: kubectl describe irb storage-pool"


async def test_a_node_without_a_binding_is_told_what_to_compare() -> None:
    made, _ = scene({ONE: ""})
    made.put_node(node("node-1", 1, pool="other"))
    lines = await told(made, "node-1", pool="other")
    assert lines[2] == "No InstanceRoleBinding selects this node."
    assert "kubectl get node node-1 --show-labels" in lines[-1]


@pytest.mark.parametrize("number", [1, None])
async def test_a_virtual_node_is_explained(number: int | None) -> None:
    made, _ = scene({})
    assert await told(made, "virtual", number, type="virtual-kubelet") == [
        "Node virtual gets no role: VirtualNode: a virtual node (label type=virtual-kubelet) is no ECS instance",
        "Next: ram-operator explain VirtualNode",
    ]


async def test_an_instance_that_ecs_does_not_know_is_explained() -> None:
    made, ecs = scene({})
    assert (await told(made, "node-1"))[-1] == "Next: ram-operator explain InstanceGone"
    ecs.out["cn-hangzhou"] = RegionNotFound("DescribeInstanceRamRole", "InvalidRegionId.NotFound")
    lines = await told(made, "node-1")
    assert lines[1] == "ECS has no region cn-hangzhou, so that there is no such instance."
    assert lines[-1] == "Next: ram-operator explain RegionNotFound"
