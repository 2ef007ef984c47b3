"""How fast each API may be called: no limit until the cloud throttles, then a rate that is learned from its answers.

Asked by `cloud.client` before each request and told of each answer. Alibaba Cloud throttles per account and API, for
ECS also per region, with limits that differ, are partly undocumented and are shared with the account's other tools; so
the rate is found out: a throttled call halves what was accepted during the last second, every accepted one raises it
again (additive increase, multiplicative decrease). Nothing here is shared between processes, and nothing blocks a
thread.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

PATIENCE = 5.0
"""Seconds that a call may wait here; what would wait longer is given back, so that it holds no worker."""

SLOWEST = 0.5
"""Calls per second that are allowed however often an API throttles."""

GROWTH = 1.0
"""By how many calls per second the rate of a fully used API grows each second, at least."""

GROWTH_SHARE = 0.1
"""By which share of itself the rate grows each second where that is more."""

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
"""Seconds without calls after a throttled one that does not say how long; doubled from the first to the longest."""

WINDOW = 1.0
"""Seconds over which accepted calls are counted."""


@dataclass(slots=True)
class _Pace:
    """What is known of one API. `rate` is in calls per second, None while it was never throttled."""

    rate: float | None = None
    next_slot: float = float("-inf")
    cut_at: float = float("-inf")
    pause: float = FIRST_PAUSE
    accepted: deque[float] = field(default_factory=deque)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0

    def expected_slot(self) -> float:
        """When a call that joins the queue now would leave."""
        return self.next_slot + (self.waiting / self.rate if self.rate else 0.0)

    def recent(self, now: float) -> int:
        """How many calls the cloud accepted within the window."""
        while self.accepted and self.accepted[0] <= now - WINDOW:
            self.accepted.popleft()
        return len(self.accepted)


class AdaptiveRateLimiter:
    """The learned rates of all APIs, keyed by what the cloud counts together: an API, for ECS an API in a region.

    Args:
        clock: monotonic seconds.
        sleep: waits that many seconds without blocking the event loop.
        patience: seconds that `admit` waits at most.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        patience: float = PATIENCE,
    ) -> None:
        self.clock = clock
        self._sleep = sleep
        self._patience = patience
        self._paces: dict[str, _Pace] = {}

    async def admit(self, api: str) -> float:
        """Wait for a turn, first come, first served.

        Returns:
            0.0 when the call may be made now; else the seconds after which it is worth trying again.
        """
        pace = self._pace(api)
        if pace.rate is None:
            return 0.0
        deadline = self.clock() + self._patience
        if (slot := pace.expected_slot()) > deadline:
            return slot - self.clock()
        pace.waiting += 1
        try:
            async with pace.turn:
                return await self._take_turn(pace, deadline)
        finally:
            pace.waiting -= 1

    async def _take_turn(self, pace: _Pace, deadline: float) -> float:
        # Looked at again after each sleep: a call that was under way may have been throttled meanwhile.
        while (slot := pace.next_slot) > (now := self.clock()):
            if slot > deadline:
                return slot - now
            await self._sleep(slot - now)
        pace.next_slot = now + 1 / (pace.rate or SLOWEST)
        return 0.0

    def accepted(self, api: str) -> None:
        """Tell that the cloud accepted a call: the rate grows."""
        pace = self._pace(api)
        now = self.clock()
        pace.accepted.append(now)
        pace.recent(now)
        if pace.rate:
            pace.rate += max(GROWTH, pace.rate * GROWTH_SHARE) / pace.rate
            pace.pause = FIRST_PAUSE

    def throttled(self, api: str, sent_at: float, retry_after: float | None) -> None:
        """Tell that the cloud throttled a call: nothing leaves for a while, then half as much per second as before.

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
            seen = pace.recent(now) / WINDOW
            known = seen if pace.rate is None else min(pace.rate, seen or pace.rate)
            pace.rate = max(known / 2, SLOWEST)
            # Answers to calls that left before this moment tell of the old rate.
            pace.cut_at = now
            if retry_after is None:
                wait, pace.pause = pace.pause, min(pace.pause * 2, LONGEST_PAUSE)
        pace.next_slot = max(pace.next_slot, now + wait)

    def rate(self, api: str) -> float | None:
        """Calls per second that an API is held to; None while it was never throttled."""
        return self._pace(api).rate

    def _pace(self, api: str) -> _Pace:
        return self._paces.setdefault(api, _Pace())
