"""What `kubectl describe node` says of a node's role: which binding gave it, or why it has none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from tests.unit.builders import node
from tests.unit.pool import BINDING, ONE, TWO, scene

from ram_operator.errors import Rejected
from ram_operator.model import Event, Report

Told = list[tuple[str, str, bool]]


def on_nodes(*reports: Report) -> Told:
    """Node, reason and kind of each event about a Node."""
    events: Iterable[Event] = (event for said in reports for event in said.events)
    return [(event.node, event.reason, event.warning) for event in events if event.node]


async def test_a_node_tells_which_role_its_instance_got_and_which_binding_gave_it() -> None:
    made, _ = scene({ONE: ""})
    said = await made.reconcile(BINDING)
    assert on_nodes(said) == [("node-1", "Attached", False)]
    [note] = [event.note for event in said.events if event.node]
    assert all(word in note for word in ("oss-reader", str(ONE), str(BINDING)))


async def test_a_node_tells_once_why_its_instance_gets_no_role() -> None:
    made, ecs = scene({ONE: "Foreign", TWO: ""}, nodes=2)
    made.put_node(node("virtual", None, pool="storage", type="virtual-kubelet"))
    made.put_node(node("unset", None, pool="storage"))
    ecs.classic = {TWO}
    reports = [await made.reconcile(BINDING) for _ in range(4)]
    assert sorted(on_nodes(*reports)) == [
        ("node-1", "OtherRole", True),
        ("node-2", "ClassicNetwork", True),
        ("unset", "NoProviderID", True),
        ("virtual", "VirtualNode", False),
    ]
    notes = [event.note for event in reports[0].events if event.node == "node-1"]
    assert all("Foreign" in note and str(BINDING) in note for note in notes)


ODD: list[tuple[dict[str, Any], str, bool]] = [
    (node("odd", 9, pool="storage", type="virtual-kubelet"), "VirtualNode", False),
    (node("odd", 9, pool="storage", **{"service.alibabacloud.com/exclude-node": ""}), "ExcludedNode", False),
    (node("odd", 9, pool="storage", **{"alibabacloud.com/lingjun-worker": "true"}), "LingjunNode", False),
    (node("odd", pool="storage") | {"spec": {"providerID": "ack-hybrid://1"}}, "HybridNode", False),
    (node("odd", pool="storage") | {"spec": {"providerID": "aws:///us-east-1a/i-1"}}, "ForeignProviderID", False),
    (node("odd", pool="storage") | {"spec": {"providerID": "ens-a.i-bp1example0001"}}, "ForeignProviderID", False),
    (node("odd", pool="storage") | {"spec": {"providerID": "alicloud:///a/i-1"}}, "InvalidProviderID", True),
    (node("odd", None, pool="storage"), "NoProviderID", True),
]


@pytest.mark.parametrize(
    ("odd", "reason", "warning"), ODD, ids=[f"{reason} {i}" for i, (_, reason, _) in enumerate(ODD)]
)
async def test_only_what_somebody_should_mend_is_a_warning(odd: dict[str, Any], reason: str, warning: bool) -> None:
    made, _ = scene({ONE: ""})
    made.put_node(odd)
    told = on_nodes(await made.reconcile(BINDING))
    assert [each for each in told if each[0] == "odd"] == [("odd", reason, warning)]


async def test_a_restart_tells_nothing_again_and_a_new_reason_is_told() -> None:
    made, ecs = scene({ONE: "Foreign"})
    await made.settle()
    made.restart()
    assert on_nodes(await made.reconcile(BINDING)) == []
    made.edit(BINDING, conflictPolicy="Replace")
    assert on_nodes(await made.reconcile(BINDING)) == [("node-1", "NotRestorable", True)]
    ecs.roles[ONE] = ""
    assert on_nodes(await made.reconcile(BINDING)) == [("node-1", "Attached", False)]
    ecs.roles[ONE] = "Foreign"
    assert on_nodes(await made.reconcile(BINDING)) == [("node-1", "NotRestorable", True)]


async def test_a_node_that_does_not_exist_is_told_nothing() -> None:
    made, _ = scene({ONE: ""})
    made.edit(BINDING, nodeNames=["absent"])
    assert {name for name, _, _ in on_nodes(await made.reconcile(BINDING))} == {"node-1"}


async def test_what_ecs_refuses_is_told_on_the_node_in_the_same_reconcile() -> None:
    made, ecs = scene({ONE: ""})
    ecs.failing["attach"] = Rejected("AttachInstanceRamRole", "InvalidParameter.X")
    said = await made.reconcile(BINDING)
    assert made.rows(BINDING)[str(ONE)]["state"] == "Failed"
    assert on_nodes(said) == [("node-1", "ApiError", True)]
    assert on_nodes(await made.reconcile(BINDING)) == []
