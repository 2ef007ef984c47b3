"""`ram-operator plan`: how it counts what it lists."""

from __future__ import annotations

import pytest
from tests.unit.builders import instance, node
from tests.unit.pool import BINDING, scene

from ram_operator.commands.plan import plan


@pytest.mark.parametrize(("count", "words"), [(1, "1 step"), (2, "2 steps"), (11, "11 steps")])
async def test_the_steps_of_an_object_are_counted_in_words(count: int, words: str) -> None:
    regions = [f"cn-region{number}" for number in range(count)]
    made, _ = scene({instance(1, region): "" for region in regions}, nodes=0)
    for region in regions:
        made.put_node(node(f"node-{region}", 1, region, pool="storage"))
    [planned] = await plan([BINDING], made.caches, made.reconciler)
    assert planned.lines[0] == f"{BINDING}: {words}"
    assert planned.steps == count == len(planned.lines) - 1
