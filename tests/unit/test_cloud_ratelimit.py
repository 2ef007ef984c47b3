"""Rates that are learned from throttling, in virtual time."""

import asyncio
import time
from collections import deque

import pytest

from ram_operator.cloud.ratelimit import FIRST_PAUSE, LONGEST_PAUSE, SLOWEST, AdaptiveRateLimiter

API = "AttachPolicyToRole"

pytestmark = pytest.mark.looptime


def limiter(patience: float = 5.0) -> AdaptiveRateLimiter:
    return AdaptiveRateLimiter(asyncio.get_running_loop().time, patience=patience)


def now() -> float:
    return asyncio.get_running_loop().time()


async def burst(paces: AdaptiveRateLimiter, count: int) -> None:
    """Have calls accepted, all at once."""
    for _ in range(count):
        assert await paces.admit(API) == 0.0
        paces.accepted(API)


async def test_there_is_no_limit_before_the_first_throttling() -> None:
    paces = limiter()
    started = now()
    await burst(paces, 1000)
    assert now() == started
    assert paces.rate(API) is None


async def test_throttling_halves_what_was_accepted_in_the_last_second() -> None:
    paces = limiter()
    await burst(paces, 5)
    await asyncio.sleep(1.5)
    await burst(paces, 20)
    paces.throttled(API, now(), None)
    assert paces.rate(API) == 10.0


async def test_the_next_call_waits_as_long_as_the_cloud_asks() -> None:
    paces = limiter()
    await burst(paces, 20)
    paces.throttled(API, now(), 2.5)
    started = now()
    assert await paces.admit(API) == 0.0
    assert now() - started == pytest.approx(2.5)


async def test_calls_then_leave_one_by_one_and_in_order() -> None:
    paces = limiter()
    await burst(paces, 8)
    paces.throttled(API, now(), 1.0)
    started, left = now(), []

    async def call(number: int) -> None:
        assert await paces.admit(API) == 0.0
        left.append((number, now() - started))

    await asyncio.gather(*(call(number) for number in range(5)))
    assert [number for number, _ in left] == [0, 1, 2, 3, 4]
    assert [seconds for _, seconds in left] == pytest.approx([1.0, 1.25, 1.5, 1.75, 2.0])


async def test_a_call_that_would_wait_too_long_is_given_back_at_once() -> None:
    paces = limiter()
    await burst(paces, 2)
    paces.throttled(API, now(), 8.0)
    started = now()
    assert await paces.admit(API) == pytest.approx(8.0)
    assert now() == started


async def test_a_queue_that_is_too_long_gives_back_its_tail() -> None:
    paces = limiter()
    await burst(paces, 4)
    paces.throttled(API, now(), 1.0)
    answers = await asyncio.gather(*(paces.admit(API) for _ in range(20)))
    waited = [answer for answer in answers if answer == 0.0]
    assert len(waited) == 9
    assert all(answer > 5.0 for answer in answers[9:])


async def test_throttled_again_while_calls_wait_they_wait_on() -> None:
    paces = limiter()
    await burst(paces, 8)
    sent_at = now()
    paces.throttled(API, sent_at, 1.0)
    waiting = asyncio.create_task(paces.admit(API))
    await asyncio.sleep(0.5)
    paces.throttled(API, sent_at, 2.0)
    started = now()
    assert await waiting == 0.0
    assert now() - started == pytest.approx(2.0)


async def test_calls_that_were_under_way_together_are_one_cut() -> None:
    paces = limiter()
    await burst(paces, 40)
    sent_at = now()
    await asyncio.sleep(0.1)
    for _ in range(10):
        paces.throttled(API, sent_at, None)
    assert paces.rate(API) == 20.0


async def test_the_rate_grows_slowly_while_calls_are_accepted() -> None:
    paces = limiter()
    await burst(paces, 8)
    paces.throttled(API, now(), 0.0)
    rates = []
    for _ in range(5):
        second = now() + 1
        while now() < second:
            await paces.admit(API)
            paces.accepted(API)
        rates.append(paces.rate(API) or 0.0)
    assert rates == sorted(rates)
    assert 4.5 < rates[0] < 6
    assert 8 < rates[-1] < 11


async def test_pauses_double_until_a_call_is_accepted() -> None:
    paces = limiter(patience=100)
    await burst(paces, 1)
    pauses = []
    for _ in range(8):
        paces.throttled(API, now(), None)
        started = now()
        await paces.admit(API)
        pauses.append(now() - started)
        await asyncio.sleep(0.001)
    assert pauses[:3] == [pytest.approx(FIRST_PAUSE * factor, abs=0.01) for factor in (1, 2, 4)]
    assert pauses[-1] == pytest.approx(LONGEST_PAUSE, abs=0.01)
    paces.accepted(API)
    paces.throttled(API, now(), None)
    started = now()
    await paces.admit(API)
    assert now() - started == pytest.approx(2.0, abs=0.01)
    assert paces.rate(API) == SLOWEST


async def test_apis_do_not_slow_each_other() -> None:
    paces = limiter()
    await burst(paces, 2)
    paces.throttled(API, now(), 60.0)
    assert await paces.admit("GetRole") == 0.0


async def test_a_cancelled_call_leaves_its_place_to_the_next() -> None:
    paces = limiter()
    await burst(paces, 4)
    paces.throttled(API, now(), 1.0)
    started = now()
    first, second = (asyncio.create_task(paces.admit(API)) for _ in range(2))
    await asyncio.sleep(0.5)
    first.cancel()
    assert await second == 0.0
    assert now() - started == pytest.approx(1.0)


async def test_against_a_cloud_with_ten_a_second_the_work_is_done_near_that_rate() -> None:
    paces = limiter()
    accepted: deque[float] = deque()
    refused = 0

    async def call() -> None:
        nonlocal refused
        while True:
            if wait := await paces.admit(API):
                await asyncio.sleep(wait)
                continue
            sent_at = now()
            await asyncio.sleep(0.02)
            while accepted and accepted[0] <= now() - 1:
                accepted.popleft()
            if len(accepted) < 10:
                accepted.append(now())
                paces.accepted(API)
                return
            refused += 1
            paces.throttled(API, sent_at, 1.0)

    started, began = now(), time.monotonic()
    workers = asyncio.Semaphore(16)

    async def worker() -> None:
        async with workers:
            await call()

    await asyncio.gather(*(worker() for _ in range(200)))
    assert now() - started < 45
    assert refused < 60
    assert time.monotonic() - began < 5
