"""Batches, a thousand rows, and what is read at all."""

from __future__ import annotations

import json

from tests.unit.builders import instance, node
from tests.unit.pool import BINDING, ONE, THREE, TWO, attached, scene

from ram_operator.kinds.instance_role_binding.rows import MOST_ROWS, Origin, Row, State
from ram_operator.model import InstanceId, Reason, Scope

ETCD_LIMIT = 1.5 * 2**20
"""The longest request that etcd takes by default."""


def test_the_longest_rows_fit_into_what_the_api_server_stores() -> None:
    time = "2026-05-01T12:00:00Z"
    row = Row(
        state=State.OVERRIDDEN,
        instance=InstanceId("c" * 77, "i-" + "a" * 48),
        node="n" * 253,
        reason=max(Reason, key=len),
        message="m" * 300,
        role="r" * 64,
        origin=Origin.ATTACHED,
        previous_role="p" * 64,
        replaced_role="q" * 64,
        confirmed=True,
        failed_generation=10**6,
        since=time,
        node_gone_since=time,
        missing_since=time,
    )
    assert len(str(row.instance)) == 128
    assert MOST_ROWS * len(json.dumps(row.as_json())) < ETCD_LIMIT


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
