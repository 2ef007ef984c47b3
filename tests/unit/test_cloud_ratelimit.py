"""The rate of each API: from its documented quota on, as its answers allow. In virtual time."""

import asyncio
import itertools
import random

import pytest

from ram_operator.cloud.client.quotas import quota_of
from ram_operator.cloud.client.ratelimit import (
    DECREASE,
    FIRST_PAUSE,
    LONGEST_PAUSE,
    MOST_WAITING,
    PROBE_SECONDS,
    SLOWEST,
    AdaptiveRateLimiter,
)

API = "AttachPolicyToRole"

pytestmark = pytest.mark.looptime


def limiter(patience: float = 5.0) -> AdaptiveRateLimiter:
    return AdaptiveRateLimiter(asyncio.get_running_loop().time, patience=patience)


def now() -> float:
    return asyncio.get_running_loop().time()


async def burst(limits: AdaptiveRateLimiter, count: int, api: str = API) -> int:
    """Make calls until one has to wait, at most so many; return how many left."""
    for left in range(count):
        waits = asyncio.create_task(limits.admit(api))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if not waits.done():
            waits.cancel()
            return left
    return count


@pytest.mark.parametrize(
    ("key", "a_second", "at_once"),
    [
        ("AttachPolicyToRole", 10, 8),
        ("DetachPolicyFromRole", 10, 8),
        ("CreateRole", 20, 16),
        ("CreatePolicyVersion", 20, 16),
        ("UpdateRole", 20, 16),
        ("GetRole", 100, 80),
        ("ListTagResources", 100, 80),
        ("GetCallerIdentity", 100, 80),
        ("AttachInstanceRamRole@cn-hangzhou", 200 / 60, 300),
        ("DescribeInstances@cn-beijing", 200 / 60, 300),
    ],
)
async def test_each_api_starts_at_its_documented_quota(key: str, a_second: float, at_once: int) -> None:
    limits = limiter()
    assert limits.rate(key) == a_second
    assert await burst(limits, 500, key) == at_once


@pytest.mark.parametrize("key", ["DescribeInstanceRamRole@cn-hangzhou", "AttachInstanceRamRole@cn-hangzhou"])
def test_no_minute_has_more_calls_of_ecs_than_its_quota(key: str) -> None:
    quota = quota_of(key)
    assert quota.rate * (60 + quota.burst_seconds) <= 500.001


async def test_a_throttled_call_slows_its_api_down() -> None:
    limits = limiter()
    limits.throttled(API, now(), None)
    assert limits.rate(API) == 10 * DECREASE
    for _ in range(50):
        limits.throttled(API, now(), 0.0)
        await asyncio.sleep(0.01)
    assert limits.rate(API) == SLOWEST


async def test_the_next_call_waits_as_long_as_the_cloud_asks() -> None:
    limits = limiter()
    limits.throttled(API, now(), 2.5)
    started = now()
    assert await limits.admit(API) == 0.0
    assert now() - started == pytest.approx(2.5)


async def test_calls_then_leave_one_by_one_and_in_order() -> None:
    limits = limiter()
    limits.throttled(API, now(), 1.0)
    started, left = now(), []

    async def call(number: int) -> None:
        assert await limits.admit(API) == 0.0
        left.append((number, now() - started))

    await asyncio.gather(*(call(number) for number in range(5)))
    assert [number for number, _ in left] == [0, 1, 2, 3, 4]
    gaps = [later - earlier for (_, earlier), (_, later) in itertools.pairwise(left)]
    assert left[0][1] == pytest.approx(1.0)
    assert gaps[-1] == pytest.approx(1 / limits.rate(API), rel=0.05)


async def test_a_call_that_would_wait_too_long_is_given_back_at_once() -> None:
    limits = limiter()
    limits.throttled(API, now(), 8.0)
    started = now()
    assert await limits.admit(API) == pytest.approx(8.0, abs=0.5)
    assert now() == started


async def test_an_api_holds_few_callers_and_tells_the_others_one_turn_after_the_other() -> None:
    limits = limiter()
    await burst(limits, 500)
    answers = await asyncio.gather(*(limits.admit(API) for _ in range(MOST_WAITING + 20)))
    given_back = [answer for answer in answers if answer]
    assert len(given_back) == 20
    gaps = [later - earlier for earlier, later in itertools.pairwise(given_back)]
    assert gaps == pytest.approx([1 / 10] * 19)


async def test_throttled_again_while_calls_wait_they_wait_on() -> None:
    limits = limiter()
    sent_at = now()
    limits.throttled(API, sent_at, 1.0)
    waiting = asyncio.create_task(limits.admit(API))
    await asyncio.sleep(0.5)
    limits.throttled(API, sent_at, 2.0)
    started = now()
    assert await waiting == 0.0
    assert now() - started == pytest.approx(2.0)


async def test_calls_that_were_under_way_together_are_one_cut() -> None:
    limits = limiter()
    sent_at = now()
    await asyncio.sleep(0.1)
    for _ in range(10):
        limits.throttled(API, sent_at, None)
    assert limits.rate(API) == 10 * DECREASE


async def used(limits: AdaptiveRateLimiter, seconds: float) -> None:
    """Use all of the rate for a while, everything accepted."""
    until = now() + seconds
    while now() < until:
        if wait := await limits.admit(API):
            await asyncio.sleep(wait)
        limits.accepted(API)


async def test_a_rate_grows_while_all_of_it_is_used_and_accepted() -> None:
    limits = limiter()
    limits.throttled(API, now(), 0.0)
    cut = limits.rate(API)
    for _ in range(20):
        limits.accepted(API)
    assert limits.rate(API) == cut
    await used(limits, 30)
    assert limits.rate(API) > 10


async def test_a_rate_above_the_quota_that_is_throttled_returns_to_it_and_stays_for_a_while() -> None:
    limits = limiter()
    await used(limits, 20)
    assert limits.rate(API) > 12
    limits.throttled(API, now(), 0.1)
    assert limits.rate(API) == 10
    await used(limits, 60)
    assert limits.rate(API) == 10
    await asyncio.sleep(PROBE_SECONDS)
    await used(limits, 20)
    assert limits.rate(API) > 12


async def test_pauses_double_until_a_call_is_accepted() -> None:
    limits = limiter(patience=100)
    pauses = []
    for _ in range(8):
        limits.throttled(API, now(), None)
        started = now()
        await limits.admit(API)
        pauses.append(now() - started)
        await asyncio.sleep(0.001)
    assert pauses[:3] == [pytest.approx(FIRST_PAUSE * factor, abs=0.01) for factor in (1, 2, 4)]
    assert pauses[-1] == pytest.approx(LONGEST_PAUSE, abs=0.01)
    limits.accepted(API)
    limits.throttled(API, now(), None)
    started = now()
    await limits.admit(API)
    assert now() - started == pytest.approx(FIRST_PAUSE, abs=0.01)


async def test_apis_and_regions_do_not_slow_each_other() -> None:
    limits = limiter()
    limits.throttled("DescribeInstances@cn-beijing", now(), 60.0)
    for key in ("DescribeInstances@cn-hangzhou", "DescribeInstanceRamRole@cn-beijing", "GetRole"):
        assert await limits.admit(key) == 0.0
    assert await limits.admit("DescribeInstances@cn-beijing") > 50


async def test_a_cancelled_call_leaves_its_place_to_the_next() -> None:
    limits = limiter()
    limits.throttled(API, now(), 1.0)
    started = now()
    first, second = (asyncio.create_task(limits.admit(API)) for _ in range(2))
    await asyncio.sleep(0.5)
    first.cancel()
    assert await second == 0.0
    assert now() - started == pytest.approx(1.0)


class Bucket:
    """A cloud that accepts so many calls a second, as token buckets do."""

    def __init__(self, rate: float) -> None:
        self._rate = self._tokens = rate
        self._filled = now()

    def refuses(self) -> float:
        """Take a call: 0.0, or the seconds until the next one."""
        self._tokens = min(self._rate, self._tokens + (now() - self._filled) * self._rate)
        self._filled = now()
        if self._tokens < 1:
            return (1 - self._tokens) / self._rate
        self._tokens -= 1
        return 0.0


@pytest.mark.parametrize(("rate", "slack", "throttled"), [(10, 1.05, 0.01), (5, 1.1, 0.08), (40, 2.5, 0.02)])
async def test_the_work_is_done_about_as_fast_as_the_cloud_allows(rate: float, slack: float, throttled: float) -> None:
    limits, bucket, chance = limiter(), Bucket(rate), random.Random(1)
    refused, workers, started = 0, asyncio.Semaphore(16), now()

    async def call() -> None:
        nonlocal refused
        async with workers:
            while True:
                if wait := await limits.admit(API):
                    await asyncio.sleep(wait)
                    continue
                sent_at = now()
                await asyncio.sleep(chance.uniform(0.02, 0.1))
                if not (wait := bucket.refuses()):
                    return limits.accepted(API)
                refused += 1
                limits.throttled(API, sent_at, wait)

    await asyncio.gather(*(call() for _ in range(400)))
    assert now() - started < slack * 400 / rate
    assert refused <= throttled * 400


async def test_an_account_with_more_than_the_documented_quotas_is_called_as_much_faster() -> None:
    async def left_at_once(factor: float) -> int:
        limits = AdaptiveRateLimiter(asyncio.get_running_loop().time, patience=0.0, factor=factor)
        return sum([await limits.admit("CreateRole") == 0.0 for _ in range(200)])

    assert await left_at_once(5.0) >= 4 * await left_at_once(1.0) > 0
