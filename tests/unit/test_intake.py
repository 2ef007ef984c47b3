"""Nodes come in bursts: a binding is worked on a few times for all of them, and soon for one alone."""

from __future__ import annotations

import asyncio
import itertools

from tests.unit import virtual_time
from tests.unit.builders import KINDS, binding_body, binding_key, instance, node

from ram_operator.cluster.caches import Caches
from ram_operator.cluster.handlers import Intake
from ram_operator.engine.workqueue import WorkQueue
from ram_operator.model import Scope


async def worked_on(nodes: int, seconds: float) -> list[tuple[float, Scope]]:
    """When a binding is worked on while nodes arrive one after the other, and for which instances."""
    loop = asyncio.get_running_loop()
    queue = WorkQueue(loop.time, lambda: 0.5)
    intake = Intake(Caches(KINDS), queue, loop.time)
    intake.put(binding_body())
    first = await queue.get()
    queue.done(first.key)
    assert first.key == binding_key("storage-pool")
    began, found = loop.time(), list[tuple[float, Scope]]()

    async def work() -> None:
        while True:
            item = await queue.get()
            found.append((loop.time() - began, item.scope))
            queue.done(item.key)

    worker = asyncio.create_task(work())
    for number in range(1, nodes + 1):
        intake.put_node(node(f"node-{number}", number, pool="storage"))
        await asyncio.sleep(seconds / nodes)
    await asyncio.sleep(5)
    worker.cancel()
    return found


def test_a_thousand_nodes_within_two_seconds_are_three_reconciles_of_all_of_them() -> None:
    found = virtual_time.run(worked_on(1000, 2.0))
    assert len(found) <= 3
    subjects = frozenset[str]().union(*(scope.subjects or () for _, scope in found))
    assert subjects == {str(instance(number)) for number in range(1, 1001)}


def test_one_node_alone_is_worked_on_at_once() -> None:
    [(after, scope)] = virtual_time.run(worked_on(1, 0.1))
    assert after <= 0.2
    assert scope == Scope(frozenset({str(instance(1))}))


def test_no_node_waits_for_the_end_of_a_burst() -> None:
    found = virtual_time.run(worked_on(3_000, 20.0))
    times = [0.0, *(after for after, _ in found)]
    assert max(later - earlier for earlier, later in itertools.pairwise(times)) <= 1.2
