"""Which binding has an instance, and how it passes from one to another: no gap, no conflict, no claim lost."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.builders import binding_body, binding_key, node
from tests.unit.pool import BINDING, ONE, attached, scene, state

from ram_operator.errors import Unavailable

NEWER = binding_body("newer", created="2026-02-02T00:00:00Z")
NEWER_OTHER = binding_body("newer", created="2026-02-02T00:00:00Z", spec={"roleRef": {"name": "log-writer"}})
OLDER = binding_body("older", created="2025-01-01T00:00:00Z")
OLDER_OTHER = binding_body("older", created="2025-01-01T00:00:00Z", spec={"roleRef": {"name": "log-writer"}})


@pytest.mark.parametrize("newer", [NEWER, NEWER_OTHER], ids=["same role", "other role"])
async def test_the_newer_binding_is_overridden_and_touches_nothing(newer: dict[str, Any]) -> None:
    made, ecs = scene({ONE: ""}, binding_body(), newer)
    await made.settle()
    assert (ecs.roles, state(made)) == ({ONE: "oss-reader"}, ("Attached", "oss-reader", "Attached"))
    assert state(made, key=binding_key("newer")) == ("Overridden", None, None)
    assert "InstanceRoleBinding/storage-pool" in made.rows(binding_key("newer"))[str(ONE)]["message"]
    assert made.condition(binding_key("newer")) == ("False", "Overridden")
    made.delete(binding_key("newer"))
    await made.settle()
    assert (ecs.roles, made.exists(binding_key("newer"))) == ({ONE: "oss-reader"}, False)


@pytest.mark.parametrize("loser_first", [False, True])
async def test_an_older_binding_with_the_same_role_takes_over_without_a_write(loser_first: bool) -> None:
    made, ecs = await attached()
    older = made.put(OLDER)
    if loser_first:
        await made.reconcile(BINDING)
        assert state(made)[2] == "Attached", "the claim stays until the other's is stored"
    await made.settle()
    assert ecs.writes == []
    assert state(made, key=older) == ("Attached", "oss-reader", "Attached")
    assert state(made) == ("Overridden", None, None)
    made.delete(older)
    await made.settle()
    assert (state(made), ecs.roles) == (("Attached", "oss-reader", "Attached"), {ONE: "oss-reader"})


@pytest.mark.parametrize("loser_first", [False, True])
async def test_an_older_binding_with_another_role_replaces_ours_and_that_is_no_conflict(loser_first: bool) -> None:
    made, ecs = await attached()
    older = made.put(OLDER_OTHER)
    if loser_first:
        await made.reconcile(BINDING)
    await made.settle()
    assert [call[:3] for call in ecs.writes] == [
        ("detach", "cn-hangzhou", "oss-reader"),
        ("attach", "cn-hangzhou", "log-writer"),
    ]
    assert state(made, key=older) == ("Attached", "log-writer", "Attached")
    assert state(made) == ("Overridden", None, None)


@pytest.mark.parametrize("failing", ["detach", "attach"])
async def test_a_hand_over_to_another_role_survives_a_failure_in_between(failing: str) -> None:
    made, ecs = await attached()
    older = made.put(OLDER_OTHER)
    ecs.failing[failing] = Unavailable("X", "SDK.ConnectionReset")
    await made.settle()
    del ecs.failing[failing]
    await made.reconcile(older)
    await made.settle()
    assert (ecs.roles, state(made, key=older)) == ({ONE: "log-writer"}, ("Attached", "log-writer", "Attached"))


async def test_a_role_that_was_found_stays_found_when_another_binding_takes_over() -> None:
    made, ecs = scene({ONE: "oss-reader"})
    await made.settle()
    older = made.put(OLDER)
    await made.settle()
    assert state(made, key=older) == ("Attached", "oss-reader", "Found")
    assert ecs.writes == []


@pytest.mark.parametrize("first", ["storage-pool", "compute-pool"])
async def test_a_node_that_changes_pools_gets_the_other_pools_role_and_leaves_no_row_behind(first: str) -> None:
    spec = {"roleRef": {"name": "log-writer"}, "nodeSelector": {"matchLabels": {"pool": "compute"}}}
    made, ecs = scene({ONE: ""}, binding_body(), binding_body("compute-pool", spec=spec))
    await made.settle()
    made.put_node(node("node-1", 1, pool="compute"))
    await made.reconcile(binding_key(first))
    await made.settle()
    assert ecs.roles == {ONE: "log-writer"}
    assert state(made, key=binding_key("compute-pool")) == ("Attached", "log-writer", "Attached")
    assert made.rows(BINDING) == {}


async def test_deleting_the_binding_that_has_an_instance_gives_it_to_the_next() -> None:
    made, ecs = scene({ONE: ""}, binding_body(), NEWER_OTHER)
    await made.settle()
    made.delete(BINDING)
    await made.settle()
    assert (ecs.roles, made.exists(BINDING)) == ({ONE: "log-writer"}, False)
    assert state(made, key=binding_key("newer")) == ("Attached", "log-writer", "Attached")


async def test_a_binding_deleted_after_another_took_its_instance_over_detaches_nothing() -> None:
    made, ecs = await attached()
    older = made.put(OLDER)
    await made.reconcile(older)
    made.delete(BINDING)
    await made.settle()
    assert ecs.writes == []
    assert (ecs.roles, made.exists(BINDING)) == ({ONE: "oss-reader"}, False)
    assert state(made, key=older) == ("Attached", "oss-reader", "Attached")


async def test_a_claim_of_the_next_binding_on_another_role_covers_nothing() -> None:
    """The older one took the role away and gave its own before the loser looked; then it goes at once."""
    made, ecs = await attached()
    older = made.put(OLDER_OTHER)
    for _ in range(2):
        await made.reconcile(older)
    assert (ecs.roles, state(made)) == ({ONE: "log-writer"}, ("Attached", "oss-reader", "Attached"))
    made.delete(older)
    await made.reconcile(older)
    await made.settle()
    assert (ecs.roles, made.exists(older)) == ({ONE: "oss-reader"}, False)
    assert state(made) == ("Attached", "oss-reader", "Attached")


async def test_a_deletion_does_not_wait_long_for_a_binding_that_cannot_take_over() -> None:
    helpless = binding_body("newer", created="2026-02-02T00:00:00Z", spec={"roleRef": {"name": "nobody"}})
    made, ecs = scene({ONE: ""}, binding_body(), helpless)
    await made.settle()
    made.delete(BINDING)
    said = await made.reconcile(BINDING)
    assert (ecs.roles, said.requeue_after) == ({ONE: "oss-reader"}, 10)
    made.later(10)
    await made.reconcile(BINDING)
    assert (ecs.roles, made.exists(BINDING)) == ({ONE: ""}, False)
