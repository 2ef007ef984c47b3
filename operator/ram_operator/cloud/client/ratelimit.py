"""How fast each API is called: from the documented quota on, as its answers allow.

Asked by `cloud.client` before each request and told of each answer. The quotas are shared with the account's other
tools, and an account may have other quotas than the documented ones, so the rate adapts: a throttled call cuts it,
accepted ones raise it again while all of it is used (additive increase, multiplicative decrease). Above the documented
quota a throttled call brings it back there for a while. Nothing here is shared between processes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from ram_operator.cloud.client.quotas import Quota, quota_of

PATIENCE = 5.0
"""Seconds that a call may wait here; what would wait longer is given back, so that it holds no worker."""

MOST_WAITING = 8
"""Calls of one API that may wait here: of 16 workers some are left for the other APIs."""

SHORTEST_SLEEP = 0.001
"""Seconds. A shorter sleep may be less than the clock can tell."""

ROUNDING = 1e-6
"""Seconds that sums of many small waits may be wrong by."""

SLOWEST = 0.5
"""Calls per second that are allowed however often an API throttles."""

DECREASE = 0.75
"""What a throttled call leaves of the rate."""

GROWTH = 0.25
GROWTH_SHARE = 0.05
"""By how many calls per second a fully used rate grows each second, and by which share of itself where that is more."""

PROBE_SECONDS = 600.0
"""For how long the rate stays at the documented quota after a throttled call above it."""

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
"""Seconds without calls after a throttled one that does not say how long; doubled from the first to the longest."""


@dataclass(slots=True)
class _Pace:
    """One API's rate, in calls per second, as a generic cell rate algorithm.

    `due` is when the last call would have left if none had left early; a call may leave `tolerance` seconds before it.
    """

    quota: Quota
    rate: float
    due: float = float("-inf")
    not_before: float = float("-inf")
    cut_at: float = float("-inf")
    grow_from: float = float("-inf")
    promised: float = float("-inf")
    pause: float = FIRST_PAUSE
    used_fully: bool = False
    slots: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0

    @property
    def tolerance(self) -> float:
        return max(self.quota.burst_seconds - 1 / self.rate, 0.0) + ROUNDING

    def slot(self, ahead: int = 0) -> float:
        """When a call may leave that has so many others before it."""
        return max(self.not_before, self.due - self.tolerance) + ahead / self.rate

    def leave(self, now: float) -> None:
        self.due = max(self.due, now) + 1 / self.rate

    def promise(self, now: float) -> float:
        """Return after how many seconds a call that is given back will find a slot: each after the one before."""
        self.used_fully = True
        self.promised = max(self.promised, self.slot(self.waiting)) + 1 / self.rate
        return self.promised - now

    def grow(self, now: float) -> None:
        if self.used_fully and (self.rate < self.quota.rate or now >= self.grow_from):
            self.rate += max(GROWTH, self.rate * GROWTH_SHARE) / self.rate
        self.used_fully = self.due - self.tolerance > now

    def cut(self, now: float) -> None:
        if self.rate > self.quota.rate:
            self.rate, self.grow_from = self.quota.rate, now + PROBE_SECONDS
        else:
            self.rate = max(self.rate * DECREASE, SLOWEST)
        # Answers to calls that left before this moment tell of the old rate.
        self.cut_at = now


class AdaptiveRateLimiter:
    """The rates of all APIs, keyed by what the cloud counts together: an API, for ECS an API in a region.

    Args:
        clock: monotonic seconds.
        sleep: waits that many seconds without blocking the event loop.
        patience: seconds that `admit` waits at most.
        factor: how many times the documented quotas the account has.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        patience: float = PATIENCE,
        factor: float = 1.0,
    ) -> None:
        self.clock = clock
        self._factor = factor
        self._sleep = sleep
        self._patience = patience
        self._paces: dict[str, _Pace] = {}

    async def admit(self, api: str) -> float:
        """Wait for a free slot, first come, first served.

        Returns:
            0.0 when the call may be made now; else the seconds after which it is worth trying again.
        """
        pace = self._pace(api)
        now = self.clock()
        deadline = now + self._patience
        if pace.waiting >= MOST_WAITING or pace.slot(pace.waiting) > deadline:
            return pace.promise(now)
        pace.waiting += 1
        try:
            async with pace.slots:
                return await self._take_turn(pace, deadline)
        finally:
            pace.waiting -= 1

    async def _take_turn(self, pace: _Pace, deadline: float) -> float:
        # Looked at again after each sleep: a call that was under way may have been throttled meanwhile.
        while (slot := pace.slot()) > (now := self.clock()):
            if slot > deadline:
                return pace.promise(now)
            pace.used_fully = True
            await self._sleep(max(slot - now, SHORTEST_SLEEP))
        pace.leave(now)
        return 0.0

    def accepted(self, api: str) -> None:
        """Tell that the cloud accepted a call: a rate that is fully used grows."""
        pace = self._pace(api)
        pace.grow(self.clock())
        pace.pause = FIRST_PAUSE

    def throttled(self, api: str, sent_at: float, retry_after: float | None) -> None:
        """Tell that the cloud throttled a call: nothing leaves for a while, then less per second than before.

        Calls that were under way together are one event: those sent before the last cut only prolong the pause.

        Args:
            api: the key given to `admit`.
            sent_at: when the call was sent, on the same clock.
            retry_after: seconds, None where the cloud does not say.
        """
        pace = self._pace(api)
        now = self.clock()
        wait = retry_after or 0.0
        if sent_at > pace.cut_at:
            pace.cut(now)
            if retry_after is None:
                wait, pace.pause = pace.pause, min(pace.pause * 2, LONGEST_PAUSE)
        pace.not_before = max(pace.not_before, now + wait)
        # After the pause calls leave one by one: what it asked for is the time until there is room for one.
        pace.due = max(pace.due, pace.not_before + pace.tolerance)

    def rate(self, api: str) -> float:
        """Calls per second that an API is held to now."""
        return self._pace(api).rate

    def _pace(self, api: str) -> _Pace:
        if api not in self._paces:
            documented = quota_of(api)
            quota = replace(documented, rate=documented.rate * self._factor)
            self._paces[api] = _Pace(quota, quota.rate)
        return self._paces[api]
