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
    """A key to be worked on, and which of its subjects brought it here."""

    key: ObjectKey
    scope: Scope
    lane: Lane


@dataclass(slots=True)
class _Entry:
    due: float
    lane: Lane
    scope: Scope


@dataclass(slots=True)
class WorkQueue:
    """A deduplicating, delaying queue of keys with two lanes and a back-off per key.

    Args:
        clock: monotonic seconds, the event loop's own.
        chance: random numbers in [0, 1), for jitter.
        backoff: the delays of `retry`.
    """

    clock: Callable[[], float]
    chance: Callable[[], float]
    backoff: Backoff = field(default_factory=Backoff)
    _entries: dict[ObjectKey, _Entry] = field(default_factory=dict)
    _active: set[ObjectKey] = field(default_factory=set)
    _failures: dict[ObjectKey, int] = field(default_factory=dict)
    _delayed: list[tuple[float, int, ObjectKey]] = field(default_factory=list)
    _ready: dict[Lane, deque[ObjectKey]] = field(default_factory=lambda: {lane: deque() for lane in Lane})
    _numbers: count[int] = field(default_factory=count)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _closed: bool = False

    def add(self, key: ObjectKey, *, delay: float = 0.0, lane: Lane = Lane.EDIT, scope: Scope = EVERYTHING) -> None:
        """Ask for a key to be worked on, in `delay` seconds. With what is asked already, the earliest time wins."""
        entry = self._entries.get(key)
        due = self.clock() + delay
        if entry is None:
            entry = self._entries[key] = _Entry(due, lane, scope)
        else:
            entry.scope = _merged(entry.scope, scope)
            if entry.due <= due and entry.lane <= lane:
                return
            entry.due, entry.lane = min(entry.due, due), min(entry.lane, lane)
        if key not in self._active:
            self._schedule(key, entry)

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
        if entry := self._entries.get(key):
            self._schedule(key, entry)

    def close(self) -> None:
        """Hand out nothing more."""
        self._closed = True
        self._changed.set()

    def depth(self) -> int:
        """How many keys wait, delayed ones included."""
        return len(self._entries)

    def _schedule(self, key: ObjectKey, entry: _Entry) -> None:
        heapq.heappush(self._delayed, (entry.due, next(self._numbers), key))
        self._changed.set()

    def _promote(self) -> None:
        now = self.clock()
        while self._delayed and self._delayed[0][0] <= now:
            due, _, key = heapq.heappop(self._delayed)
            entry = self._entries.get(key)
            if entry and entry.due <= due and key not in self._active:
                self._ready[entry.lane].append(key)

    def _take(self, now: float) -> Item | None:
        for lane, keys in self._ready.items():
            while keys:
                key = keys.popleft()
                entry = self._entries.get(key)
                # A key can stand in a lane twice, or in a lane it was moved from: only its latest entry counts, and
                # that may be for later.
                if entry and entry.lane is lane and entry.due <= now and key not in self._active:
                    del self._entries[key]
                    self._active.add(key)
                    return Item(key, entry.scope, lane)
        return None


def _merged(one: Scope, other: Scope) -> Scope:
    swept = one.swept and other.swept
    if one.subjects is None or other.subjects is None:
        return Scope(None, swept)
    return Scope(one.subjects | other.subjects, swept)
