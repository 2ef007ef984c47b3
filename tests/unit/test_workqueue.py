"""The work queue in virtual time: which key is handed out when, and never twice at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit import virtual_time
from tests.unit.builders import policy_key

from ram_operator.engine.workqueue import Backoff, Item, Lane, QueueClosed, WorkQueue
from ram_operator.model import EVERYTHING, ObjectKey, Scope

pytestmark = pytest.mark.looptime(start=0)

A, B, C = policy_key("a"), policy_key("b"), policy_key("c")


def make(chance: Callable[[], float] = lambda: 0.0) -> WorkQueue:
    return WorkQueue(asyncio.get_running_loop().time, chance)


def now() -> float:
    return asyncio.get_running_loop().time()


async def taken(queue: WorkQueue) -> tuple[ObjectKey, float]:
    item = await queue.get()
    return item.key, now()


async def nothing_within(queue: WorkQueue, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await queue.get()
    except TimeoutError:
        return True
    return False


def only(*subjects: str) -> Scope:
    return Scope(frozenset(subjects))


def swept(*subjects: str) -> Scope:
    return Scope(frozenset(subjects), swept=True)


async def test_a_key_added_twice_is_handed_out_once() -> None:
    queue = make()
    queue.add(A)
    queue.add(A)
    assert await taken(queue) == (A, 0)
    queue.done(A)
    assert await nothing_within(queue, 1000)


async def test_keys_of_a_lane_are_handed_out_in_their_order() -> None:
    queue = make()
    for key in (B, C, A):
        queue.add(key)
    assert [(await queue.get()).key for _ in range(3)] == [B, C, A]


async def test_edits_go_before_sweeps() -> None:
    queue = make()
    queue.add(A, lane=Lane.SWEEP)
    queue.add(B)
    assert [(await queue.get()).key for _ in range(2)] == [B, A]


async def test_a_swept_key_that_is_edited_changes_its_lane() -> None:
    queue = make()
    queue.add(A, lane=Lane.SWEEP)
    queue.add(B, lane=Lane.SWEEP)
    queue.add(B)
    assert [await queue.get() for _ in range(2)] == [Item(B, EVERYTHING, Lane.EDIT), Item(A, EVERYTHING, Lane.SWEEP)]
    for key in (A, B):
        queue.done(key)
    assert await nothing_within(queue, 1000)


async def test_an_edited_key_that_is_swept_stays_an_edit() -> None:
    queue = make()
    queue.add(A)
    queue.add(A, lane=Lane.SWEEP)
    assert (await queue.get()).lane is Lane.EDIT


async def test_a_sweep_does_not_bring_a_delayed_edit_forward_and_is_handed_out_as_a_sweeps() -> None:
    queue = make()
    queue.add(A, delay=300, scope=only("i-1"))
    for key in (B, A):
        queue.add(key, lane=Lane.SWEEP, scope=swept("i-2"))
    queue.add(C)
    items = [await queue.get() for _ in range(3)]
    assert items == [Item(C, EVERYTHING, Lane.EDIT), *(Item(key, swept("i-2"), Lane.SWEEP) for key in (B, A))]
    queue.done(A)
    assert await queue.get() == Item(A, only("i-1"), Lane.EDIT)
    assert now() == 300


async def test_an_edit_that_is_due_does_the_sweeps_work_too() -> None:
    queue = make()
    queue.add(A, delay=5, lane=Lane.SWEEP, scope=swept("i-2"))
    queue.add(A, scope=only("i-1"))
    assert await queue.get() == Item(A, only("i-1", "i-2"), Lane.EDIT)
    queue.done(A)
    assert await nothing_within(queue, 1000)


async def test_what_is_asked_of_both_lanes_while_a_key_is_worked_on_comes_in_both() -> None:
    queue = make()
    queue.add(A)
    await queue.get()
    queue.add(A, delay=10)
    queue.add(A, delay=5, lane=Lane.SWEEP, scope=swept("i-2"))
    assert [queue.depth(lane) for lane in Lane] == [1, 1]
    queue.done(A)
    assert (await queue.get(), now()) == (Item(A, swept("i-2"), Lane.SWEEP), 5)
    queue.done(A)
    assert await taken(queue) == (A, 10)


async def test_a_delayed_key_comes_when_it_is_due() -> None:
    queue = make()
    queue.add(A, delay=300)
    assert await taken(queue) == (A, 300)


async def test_the_earliest_deadline_wins_whichever_was_asked_first() -> None:
    queue = make()
    queue.add(A, delay=300)
    queue.add(A, delay=5)
    queue.add(A, delay=100)
    assert await taken(queue) == (A, 5)


async def test_a_steady_stream_of_delayed_adds_does_not_starve_a_key() -> None:
    queue = make()
    waiting = asyncio.create_task(taken(queue))
    for _ in range(100):
        queue.add(A, delay=1)
        await asyncio.sleep(0.5)
        if waiting.done():
            break
    assert await waiting == (A, 1)


async def test_a_key_is_never_with_two_workers() -> None:
    queue = make()
    queue.add(A)
    await queue.get()
    queue.add(A)
    assert await nothing_within(queue, 1000)


async def test_a_key_added_while_it_is_worked_on_comes_again_when_it_is_handed_back() -> None:
    queue = make()
    queue.add(A)
    await queue.get()
    queue.add(A, scope=only("i-1"))
    queue.done(A)
    assert await queue.get() == Item(A, only("i-1"), Lane.EDIT)


async def test_a_delay_asked_for_while_a_key_is_worked_on_counts_from_then() -> None:
    queue = make()
    queue.add(A)
    await queue.get()
    queue.add(A, delay=10)
    await asyncio.sleep(4)
    queue.done(A)
    assert await taken(queue) == (A, 10)


async def test_an_earlier_wake_while_a_key_is_worked_on_beats_the_later_one() -> None:
    queue = make()
    queue.add(A)
    await queue.get()
    queue.add(A, delay=300)
    queue.add(A, delay=2)
    queue.done(A)
    assert await taken(queue) == (A, 2)


async def test_a_deadline_that_was_overtaken_does_not_bring_the_key_a_second_time() -> None:
    queue = make()
    queue.add(A, delay=5)
    queue.add(A)
    assert await taken(queue) == (A, 0)
    queue.done(A)
    assert await nothing_within(queue, 1000)


async def test_a_deadline_that_was_overtaken_does_not_bring_a_later_one_forward() -> None:
    queue = make()
    queue.add(A, delay=5)
    queue.add(A)
    await queue.get()
    queue.add(A, delay=300)
    queue.done(A)
    assert await taken(queue) == (A, 300)


async def test_two_deadlines_that_passed_while_all_workers_were_busy_bring_the_key_once() -> None:
    queue = make()
    queue.add(A, delay=5)
    queue.add(A)
    await asyncio.sleep(6)
    assert await taken(queue) == (A, 6)
    queue.add(A, delay=300)
    queue.done(A)
    assert await taken(queue) == (A, 306)


async def test_a_change_of_lane_leaves_nothing_behind_that_brings_the_key_early() -> None:
    queue = make()
    queue.add(A, lane=Lane.SWEEP)
    queue.add(B)
    assert (await queue.get()).key == B
    queue.add(A)
    assert (await queue.get()).key == A
    queue.done(A)
    queue.add(A, delay=50, lane=Lane.SWEEP)
    assert await taken(queue) == (A, 50)


SCOPES = [
    (only("i-1"), only("i-2"), only("i-1", "i-2")),
    (only("i-1"), EVERYTHING, EVERYTHING),
    (EVERYTHING, only("i-1"), EVERYTHING),
    (only(), only(), only()),
    (swept("i-1"), swept("i-2"), swept("i-1", "i-2")),
    (swept("i-1"), only("i-2"), only("i-1", "i-2")),
]


@pytest.mark.parametrize(("first", "second", "both"), SCOPES)
async def test_scopes_of_a_waiting_key_add_up(first: Scope, second: Scope, both: Scope) -> None:
    queue = make()
    queue.add(A, scope=first)
    queue.add(A, scope=second)
    assert (await queue.get()).scope == both


async def test_a_scope_counts_also_where_a_sooner_add_waits_already() -> None:
    queue = make()
    queue.add(A, scope=only("i-1"))
    queue.add(A, scope=only("i-2"), delay=60, lane=Lane.SWEEP)
    assert (await queue.get()).scope == only("i-1", "i-2")


async def test_retries_wait_longer_each_time_and_five_minutes_at_most() -> None:
    queue = make()
    delays = [queue.retry(A) for _ in range(11)]
    assert delays == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


async def test_a_key_that_is_forgotten_starts_its_delays_anew() -> None:
    queue = make()
    queue.retry(A)
    queue.retry(A)
    queue.forget(A)
    assert queue.retry(A) == 1


async def test_one_keys_failures_are_not_anothers() -> None:
    queue = make()
    queue.retry(A)
    assert queue.retry(B) == 1


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_a_delay_is_at_most_five_minutes_and_jitter_takes_no_more_than_half(failures: int, chance: float) -> None:
    backoff = Backoff()
    whole = backoff.delay(failures, 0.0)
    assert whole / 2 <= backoff.delay(failures, chance) <= whole <= 300


async def test_a_retry_brings_the_key_after_its_delay() -> None:
    queue = make()
    queue.add(A)
    await queue.get()
    queue.retry(A)
    queue.done(A)
    assert await taken(queue) == (A, 1)


@given(st.floats(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_a_fixed_delay_is_prolonged_by_a_tenth_and_half_a_minute_at_most(delay: float, chance: float) -> None:
    async def comes() -> float:
        queue = make(lambda: chance)
        queue.again(A, delay)
        return (await taken(queue))[1]

    assert delay <= virtual_time.run(comes()) <= delay + min(delay / 10, 30) + 1e-6


def test_keys_that_were_refused_together_do_not_come_back_together() -> None:
    async def times() -> list[float]:
        queue = make(Random(1).random)
        for number in range(100):
            queue.again(policy_key(f"p{number}"), 60)
        return [(await taken(queue))[1] for _ in range(100)]

    assert len({round(time, 1) for time in virtual_time.run(times())}) > 30


async def test_a_closed_queue_hands_out_nothing_and_wakes_who_waits() -> None:
    queue = make()
    waiting = [asyncio.create_task(queue.get()) for _ in range(3)]
    await asyncio.sleep(1)
    queue.add(A)
    queue.close()
    ends = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(end, QueueClosed | Item) for end in ends)
    with pytest.raises(QueueClosed):
        await queue.get()


async def test_depth_counts_delayed_keys_and_not_the_ones_worked_on() -> None:
    queue = make()
    queue.add(A)
    queue.add(B, delay=5)
    assert queue.depth(Lane.EDIT) == 2
    await queue.get()
    assert queue.depth(Lane.EDIT) == 1


actions = st.lists(
    st.tuples(
        st.sampled_from([A, B, C]), st.sampled_from([0.0, 1.0, 2.5, 7.0]), st.sampled_from(list(Lane)), st.booleans()
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(actions)
def test_every_key_comes_once_it_is_due_and_never_before(script: list[tuple[ObjectKey, float, Lane, bool]]) -> None:
    asyncio.run(follow(script))


async def follow(script: list[tuple[ObjectKey, float, Lane, bool]]) -> None:
    """Run a script against a model: per key and lane the earliest deadline asked for since it was last handed out."""
    time = [0.0]
    queue = WorkQueue(lambda: time[0], lambda: 0.0)
    wanted: dict[tuple[ObjectKey, Lane], float] = {}
    active: list[ObjectKey] = []
    for key, delay, lane, hand_back in script:
        queue.add(key, delay=delay, lane=lane)
        wanted[key, lane] = min(wanted.get((key, lane), float("inf")), time[0] + delay)
        time[0] += 0.7
        if hand_back and active:
            queue.done(active.pop(0))
        for item in await all_that_is_due(queue):
            assert item.key not in active
            assert wanted.pop((item.key, item.lane)) <= time[0]
            if item.lane is Lane.EDIT:
                wanted.pop((item.key, Lane.SWEEP), None)
            active.append(item.key)
        assert not [key for (key, _), due in wanted.items() if due <= time[0] and key not in active]


async def all_that_is_due(queue: WorkQueue) -> list[Item]:
    items: list[Item] = []
    while True:
        waiting = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        if not waiting.done():
            waiting.cancel()
            return items
        items.append(waiting.result())
