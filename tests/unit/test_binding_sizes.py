"""Batches, a thousand rows, and what is read at all."""

from __future__ import annotations

import pytest
from tests.unit.builders import instance, node
from tests.unit.longest import OBJECT_LIMIT, longest_status, stored_bytes
from tests.unit.pool import BINDING, ONE, THREE, TWO, attached, scene

from ram_operator.kinds.instance_role_binding.rows import MOST_ROWS, Row, State
from ram_operator.model import Entry, Plan, Scope


@pytest.mark.parametrize("letter", ["m", "<", "\x01", '"', "\u65e0", "\U0001f512"])
@pytest.mark.parametrize("withheld", [False, True], ids=["as planned", "withheld"])
def test_the_longest_status_fits_into_an_object(letter: str, withheld: bool) -> None:
    status = longest_status(letter, withheld=withheld)
    assert len(status["instances"]) == MOST_ROWS
    assert all(len(row.get("message", "")) <= 256 for row in status["instances"])
    assert stored_bytes(status) < OBJECT_LIMIT


@pytest.mark.parametrize("count", [1, 100, MOST_ROWS])
def test_messages_are_shortened_only_where_the_rows_do_not_fit(count: int) -> None:
    message = "waits for its role to be ready"
    rows = [Row(State.PENDING, instance(number), f"node-{number}", message=message) for number in range(count)]
    entries = tuple(Entry(str(row.instance), row.as_json()) for row in rows)
    stored = Plan(entries={"instances": entries}).status["instances"]
    assert {row["message"] for row in stored} == {message}


async def test_batches_are_a_hundred_instances_of_one_region() -> None:
    ids = [instance(number) for number in range(1, 151)] + [
        instance(number, "cn-beijing") for number in range(151, 154)
    ]
    made, ecs = scene(dict.fromkeys(ids, ""), nodes=0)
    for one in ids:
        made.put_node(node(f"node-{one.id}", int(one.id[-4:]), one.region, pool="storage"))
    await made.settle()
    assert sorted((call[1], len(call[3])) for call in ecs.writes) == [
        ("cn-beijing", 3),
        ("cn-hangzhou", 50),
        ("cn-hangzhou", 100),
    ]
    assert made.condition(BINDING) == ("True", "AllAttached")


async def test_more_than_a_thousand_nodes_are_refused_and_no_claim_is_forgotten() -> None:
    made, ecs = await attached(nodes=3)
    for number in range(4, 1003):
        made.put_node(node(f"node-{number}", number, pool="storage"))
        ecs.roles[instance(number)] = ""
    ecs.roles |= {THREE: "oss-reader"}
    await made.settle()
    assert ecs.writes == []
    assert made.condition(BINDING, "Stalled") == ("True", "InvalidSpec")
    assert "split it by node pool" in made.status(BINDING)["conditions"][0]["message"]
    claimed = [row["instance"] for row in made.rows(BINDING).values() if row.get("origin") == "Attached"]
    assert claimed == [str(ONE), str(TWO), str(THREE)]
    assert len(made.status(BINDING)["instances"]) == 1000


async def test_a_full_binding_attaches_only_what_its_rows_have_room_for() -> None:
    made, ecs = scene({instance(number): "" for number in range(1, 1001)}, nodes=1000)
    await made.settle()
    made.remove_node("node-1000")
    made.put_node(node("node-1001", 1001, pool="storage"))
    ecs.roles[instance(1001)] = ""
    ecs.calls.clear()
    await made.settle()
    rows = made.rows(BINDING)
    assert len(rows) == 1000
    assert "split the binding by node pool" in made.status(BINDING)["conditions"][0]["message"]
    unclaimed = {str(one) for one, role in ecs.roles.items() if role} - set(rows)
    assert unclaimed == set(), "no role was attached without a claim"
    made.later(600)
    await made.reconcile(BINDING)
    await made.settle()
    assert ecs.roles[instance(1001)] == "oss-reader"
    assert ecs.roles[instance(1000)] == ""
    assert made.condition(BINDING) == ("True", "AllAttached")


async def test_only_what_is_asked_for_or_unsettled_is_read() -> None:
    made, ecs = await attached(nodes=3)
    await made.reconcile(BINDING, Scope(frozenset([str(TWO)])))
    assert [call[3] for call in ecs.calls] == [(TWO.id,)]
    ecs.calls.clear()
    made.put_node(node("node-4", 4, pool="storage"))
    ecs.roles[instance(4)] = ""
    await made.settle()
    assert {id_ for call in ecs.calls for id_ in call[3]} == {instance(4).id}


async def test_since_moves_only_with_the_state() -> None:
    made, ecs = await attached()
    before = made.rows(BINDING)[str(ONE)]["since"]
    made.later(3600)
    await made.reconcile(BINDING)
    assert made.rows(BINDING)[str(ONE)]["since"] == before
    ecs.roles[ONE] = "Other"
    await made.reconcile(BINDING)
    assert made.rows(BINDING)[str(ONE)]["since"] == "2026-05-01T13:00:00Z"
