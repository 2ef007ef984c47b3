"""The work queue: which object is looked at next.

kopf has none: it handles events as they come and never again. The semantics are those of Kubernetes' controller-runtime
(client-go util/workqueue): a key is queued once however often it is added, never worked on twice at the same time, and
added again after the work when something happened meanwhile. Two lanes keep edits ahead of sweeps.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import count

from ram_operator.model import EVERYTHING, ObjectKey, Scope


class Lane(IntEnum):
    """Who asks: a person or an event, or a sweep. The first lane is emptied first."""

    EDIT = 0
    SWEEP = 1


SPREAD = 0.1
MOST_SPREAD_SECONDS = 30.0
"""By which share of itself, and by how much at most, a fixed delay is prolonged at random."""


class QueueClosed(Exception):
    """The queue is closed and what was left in it stays undone."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Growing delays, in seconds: `first`, doubled per failure up to `most`, shortened at random by up to a half."""

    first: float = 1.0
    most: float = 300.0

    def delay(self, failures: int, chance: float) -> float:
        """The delay after so many failures in a row; `chance` is in [0, 1)."""
        return float(min(self.first * 2.0 ** min(failures - 1, 20), self.most) * (1 - chance / 2))


@dataclass(frozen=True, slots=True)
class Item:
    """A key to be worked on, which of its subjects brought it here, and for how many seconds it waited for a worker."""

    key: ObjectKey
    scope: Scope
    lane: Lane
    waited: float = field(default=0.0, compare=False)


@dataclass(slots=True)
class _Request:
    due: float
    scope: Scope


def _by_lane() -> dict[Lane, dict[ObjectKey, _Request]]:
    return {lane: {} for lane in Lane}


@dataclass(slots=True)
class WorkQueue:
    """A deduplicating, delaying queue of keys with two lanes and a back-off per key.

    A key may wait in both lanes: for an edit later, and for a sweep before that. The sweep does not bring the edit
    forward; the edit, when it comes, does the sweep's work too.

    Args:
        clock: monotonic seconds, the event loop's own.
        chance: random numbers in [0, 1), for jitter.
        backoff: the delays of `retry`.
    """

    clock: Callable[[], float]
    chance: Callable[[], float]
    backoff: Backoff = field(default_factory=Backoff)
    _requests: dict[Lane, dict[ObjectKey, _Request]] = field(default_factory=_by_lane)
    _active: set[ObjectKey] = field(default_factory=set)
    _failures: dict[ObjectKey, int] = field(default_factory=dict)
    _delayed: list[tuple[float, int, Lane, ObjectKey]] = field(default_factory=list)
    _ready: dict[Lane, deque[ObjectKey]] = field(default_factory=lambda: {lane: deque() for lane in Lane})
    _numbers: count[int] = field(default_factory=count)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _closed: bool = False

    def add(self, key: ObjectKey, *, delay: float = 0.0, lane: Lane = Lane.EDIT, scope: Scope = EVERYTHING) -> None:
        """Ask for a key to be worked on, in `delay` seconds. The earliest time asked for in a lane wins."""
        due = self.clock() + delay
        request = self._requests[lane].get(key)
        if request is None:
            request = self._requests[lane][key] = _Request(due, scope)
        else:
            request.scope |= scope
            if request.due <= due:
                return
            request.due = due
        if key not in self._active:
            self._schedule(lane, key, request)

    def again(self, key: ObjectKey, delay: float, *, lane: Lane = Lane.EDIT, scope: Scope = EVERYTHING) -> None:
        """Add the key after `delay` seconds and up to a tenth more, at most 30 seconds.

        Keys that were refused together would otherwise come back together, for ever.
        """
        spread = min(delay * SPREAD, MOST_SPREAD_SECONDS) * self.chance()
        self.add(key, delay=delay + spread, lane=lane, scope=scope)

    def retry(
        self, key: ObjectKey, *, lane: Lane = Lane.EDIT, scope: Scope = EVERYTHING, at_once: bool = False
    ) -> float:
        """Add the key after a delay that grows with each failure in a row; return the delay in seconds.

        `at_once` makes the first one in a row cost no delay.
        """
        before = self._failures.get(key, 0)
        self._failures[key] = before + 1
        delay = 0.0 if at_once and not before else self.backoff.delay(max(before + 1 - at_once, 1), self.chance())
        self.add(key, delay=delay, lane=lane, scope=scope)
        return delay

    def forget(self, key: ObjectKey) -> None:
        """Start the key's back-off anew: it succeeded, or a person edited it."""
        self._failures.pop(key, None)

    async def get(self) -> Item:
        """Wait for a key and hand it out; `done` must follow. Raises QueueClosed."""
        while True:
            if self._closed:
                raise QueueClosed
            self._promote()
            if item := self._take(self.clock()):
                return item
            self._changed.clear()
            wait = max(0.0, self._delayed[0][0] - self.clock()) if self._delayed else None
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def done(self, key: ObjectKey) -> None:
        """Hand a key back; if it was added meanwhile, it is scheduled now."""
        self._active.discard(key)
        for lane, requests in self._requests.items():
            if request := requests.get(key):
                self._schedule(lane, key, request)

    def close(self) -> None:
        """Hand out nothing more."""
        self._closed = True
        self._changed.set()

    def depth(self, lane: Lane) -> int:
        """How many keys wait in a lane, delayed ones included."""
        return len(self._requests[lane])

    def _schedule(self, lane: Lane, key: ObjectKey, request: _Request) -> None:
        heapq.heappush(self._delayed, (request.due, next(self._numbers), lane, key))
        self._changed.set()

    def _promote(self) -> None:
        now = self.clock()
        while self._delayed and self._delayed[0][0] <= now:
            due, _, lane, key = heapq.heappop(self._delayed)
            request = self._requests[lane].get(key)
            if request and request.due <= due and key not in self._active:
                self._ready[lane].append(key)

    def _take(self, now: float) -> Item | None:
        for lane, keys in self._ready.items():
            while keys:
                key = keys.popleft()
                request = self._requests[lane].get(key)
                # A key can stand in a lane twice: only its latest request counts, and that may be for later.
                if request and request.due <= now and key not in self._active:
                    return self._hand_out(lane, key, now)
        return None

    def _hand_out(self, lane: Lane, key: ObjectKey, now: float) -> Item:
        request = self._requests[lane].pop(key)
        scope = request.scope
        if lane is Lane.EDIT and (sweep := self._requests[Lane.SWEEP].pop(key, None)):
            scope |= sweep.scope
        self._active.add(key)
        return Item(key, scope, lane, now - request.due)
