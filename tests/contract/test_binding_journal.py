"""Random lives of bindings: what others gave is touched only by permission, and few are without a role at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contract.binding_world import BINDINGS, FOREIGN, NODES, OURS, WORKER, Journal, World
from tests.contract.conftest import RunningSimulator

Script = list[tuple[Any, ...]]

_writes = st.sampled_from(["AttachInstanceRamRole", "DetachInstanceRamRole"])
_names, _numbers = st.sampled_from(BINDINGS), st.sampled_from(NODES)
_replace = st.tuples(st.just("replace"), _names, st.booleans(), st.booleans(), st.sampled_from(["1", "2", "50%"]))
_hand = st.tuples(st.just("hand"), _numbers, st.sampled_from(["", FOREIGN, WORKER]))
happenings = st.one_of(
    *[st.tuples(st.just("work"), st.sampled_from([1, 2, 3, 9]))] * 6,
    *[st.tuples(st.just("bind"), _names, st.sampled_from(OURS), st.sampled_from(["x", "y"]))] * 2,
    *[st.tuples(st.just("bind"), st.just("b"), st.sampled_from(OURS), st.just("x"))] * 4,
    *[_replace] * 2,
    st.tuples(st.just("unbind"), _names),
    *[st.tuples(st.just("node"), _numbers, st.sampled_from(["x", "y", "z"]))] * 2,
    st.tuples(st.just("no node"), _numbers),
    _hand,
    st.tuples(st.just("role"), st.sampled_from(OURS), st.booleans()),
    st.tuples(st.just("fail"), _writes, st.sampled_from(["forbidden", "refused", "out"])),
    st.tuples(st.just("fail"), st.just("DescribeInstanceRamRole"), st.just("out")),
    st.tuples(st.just("lose"), _writes),
    st.tuples(st.just("crash")),
    st.tuples(st.just("time"), st.sampled_from([1, 61, 700])),
)
_present = st.sampled_from(["", "", "", WORKER, WORKER, FOREIGN, OURS[0]])
first_roles = st.tuples(*[_present] * len(NODES))


async def live(journal: Journal, roles: Sequence[str], script: Script) -> None:
    """Let these things happen to two bindings, then let all come to rest."""
    async with World.over(journal, roles) as world:
        await world.happen("bind", "b", OURS[0], "x")
        await world.happen("bind", "c", OURS[1], "y")
        await world.happen("work", 3)
        for happening in script:
            await world.happen(*happening)
        await world.come_to_rest()
        world.assert_at_rest()


@pytest.fixture(scope="module")
def journal(simulator_process: RunningSimulator) -> Journal:
    """The journal of the session's simulator."""
    return Journal(simulator_process)


@settings(max_examples=20, deadline=None)
@given(first_roles, st.lists(happenings, min_size=6, max_size=16))
def test_the_journal_shows_nothing_that_was_not_allowed(journal: Journal, roles: Sequence[str], script: Script) -> None:
    asyncio.run(live(journal, roles, script))
