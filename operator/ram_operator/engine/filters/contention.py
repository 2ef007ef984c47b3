"""Two managers of one thing: what was written several times within an hour is left alone for a while."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ram_operator.engine.filters import Filter, Identity, effects, withhold
from ram_operator.model import Facts, Hold, ObjectKey, Outcome, Plan, Reason, Step, explain

LONGEST_PAUSE = 8
"""How often a pause is doubled at most; the window ends it long before."""


@dataclass(frozen=True, slots=True)
class _Write:
    at: datetime
    excused: bool = False


@dataclass(slots=True)
class _Memory:
    """The writes of one generation within the window: by subject and identity, and in the order of their times."""

    generation: int
    by_subject: dict[str, dict[Identity, list[_Write]]] = field(default_factory=dict)
    times: deque[tuple[datetime, str, Identity]] = field(default_factory=deque)

    def writes(self, subject: str, identity: Identity) -> Sequence[_Write]:
        return self.by_subject.get(subject, {}).get(identity, ())

    def add(self, subject: str, done: Mapping[Identity, _Write]) -> None:
        """Note the writes of one reconcile to a subject; its other writes are excused by them."""
        known = self.by_subject.setdefault(subject, {})
        for identity, writes in known.items():
            if identity not in done:
                known[identity] = [replace(write, excused=True) for write in writes]
        for identity, write in done.items():
            known.setdefault(identity, []).append(write)
            self.times.append((write.at, subject, identity))

    def expire(self, before: datetime) -> None:
        """Drop the writes before a time: a node that joined and left hours ago must cost nothing."""
        while self.times and self.times[0][0] <= before:
            _, subject, identity = self.times.popleft()
            known = self.by_subject[subject]
            known[identity].pop(0)
            if not known[identity]:
                del known[identity]
            if not known:
                del self.by_subject[subject]


@dataclass(slots=True)
class Contention(Filter):
    """Withholds a write that was made several times within an hour: something else keeps changing the same thing.

    A write is excused where we have written something else to the subject since: a node may join and leave a pool.

    Args:
        most: repairs within the window; the first write of a generation is none.
        most_writes: writes within the window, excused ones included.
        window: how long a write is remembered.
        pause: how long after the last write the first try is made; each further one waits twice as long.
    """

    most: int = 3
    most_writes: int = 30
    window: timedelta = timedelta(hours=1)
    pause: timedelta = timedelta(minutes=20)
    _written: dict[ObjectKey, _Memory] = field(default_factory=dict)

    def apply(self, facts: Facts, plan: Plan, now: datetime) -> Plan:
        """Withhold what was repaired too often, for a pause that grows, at most until the oldest leaves the window."""
        memory = self._written.get(facts.me.key)
        if memory is None or memory.generation != facts.generation:
            return plan
        return withhold(plan, lambda step, subject: self._held(step, subject, memory, now))

    def _held(self, step: Step, subject: str, memory: _Memory, now: datetime) -> Hold | None:
        # Of a clock that was ahead and is corrected nothing is left.
        writes = memory.writes(subject, step.identity)
        recent = [write for write in writes if timedelta(0) <= now - write.at < self.window]
        repairs = [write for write in recent if not write.excused]
        counted = recent if len(recent) > self.most_writes else repairs if len(repairs) > self.most else []
        if not counted:
            return None
        # Whether the other has stopped shows only by another try.
        pause = self.pause * 2 ** min(max(0, len(counted) - self.most - 1), LONGEST_PAUSE)
        left = (min(counted[-1].at + pause, counted[0].at + self.window) - now).total_seconds()
        undone = f"{len(counted) - 1} times in an hour somebody or another cluster undid: {step.effect} ({subject})"
        message = f"{undone}; {explain(Reason.CONTENDED)}"
        return Hold(subject, Reason.CONTENDED, message, left) if left > 0 else None

    def learn(self, facts: Facts, outcome: Outcome, after: Plan, now: datetime) -> None:
        """Count the writes of this reconcile."""
        if not outcome.done:
            return
        memory = self._written.get(facts.me.key)
        if memory is None or memory.generation != facts.generation:
            memory = self._written[facts.me.key] = _Memory(facts.generation)
        memory.expire(now - self.window)
        done: dict[str, dict[Identity, _Write]] = {}
        for subject, identity in effects(outcome.done):
            done.setdefault(subject, {})[identity] = _Write(now)
        for subject, writes in done.items():
            memory.add(subject, writes)

    def forget(self, key: ObjectKey) -> None:
        """Count anew."""
        self._written.pop(key, None)
