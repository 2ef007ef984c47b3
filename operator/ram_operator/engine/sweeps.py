"""Drift sweeps: a few paged lists and batched describes show all objects; those that differ go to the queue.

Nothing is repaired from a list: lists lack documents and may be old. A nominated object is read in detail by the
pipeline. What no list shows (an attachment swapped for another one) is found by the full check, a detail read of each
object every few hours. After a start the first sweep stands in for reading every object that is in sync. Suspended
objects are nominated by none of these, and are no reason to read anything.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import ceil

from ram_operator import metrics
from ram_operator.cloud import Cloud
from ram_operator.engine.controller import World
from ram_operator.engine.reconciler import Reconciler
from ram_operator.engine.workqueue import Lane, WorkQueue
from ram_operator.errors import CloudError, Denied, Unauthenticated
from ram_operator.kinds import AnyKind
from ram_operator.kinds.surveys import Drift, Orphan, Survey
from ram_operator.model import EVERYTHING, Event, EventReason, Facts, Json, ObjectKey, Reason, Reference, Scope

log = logging.getLogger(__name__)

RECHECKED = (Reason.NOT_OWNED, Reason.OWNED_BY_OTHER, Reason.NAME_TAKEN)
"""What somebody can clear in the cloud without an event reaching us: each sweep nominates it, for a read or two."""
FULL_CHECK_SPREAD = 0.25
"""Over which share of its period the full check of objects that need it together is spread."""


@dataclass(slots=True)
class Sweeps:
    """The sweeps of all kinds.

    Args:
        cloud: the ports.
        world: the objects.
        queue: takes the nominated keys, in its slow lane.
        reconciler: has the kinds, knows whose objects are ours, and is told which objects are in sync.
        interval: seconds between sweeps.
        full_check: how old a detail read may become.
        clock: the time of day.
        chance: random numbers in [0, 1), for jitter.
        tell: records an event about the operator itself.
    """

    cloud: Cloud
    world: World
    queue: WorkQueue
    reconciler: Reconciler
    interval: float
    full_check: timedelta
    clock: Callable[[], datetime]
    chance: Callable[[], float]
    tell: Callable[[Event], None]
    _last: dict[str, datetime] = field(default_factory=dict)
    _asked: dict[ObjectKey, datetime] = field(default_factory=dict)
    _orphans: dict[str, frozenset[Orphan]] = field(default_factory=dict)
    _told: dict[str, frozenset[Orphan]] = field(default_factory=dict)
    _unlisted: set[str] = field(default_factory=set)

    async def run(self, gate: asyncio.Event) -> None:
        """Sweep for ever, first as soon as `gate` opens."""
        await gate.wait()
        while True:
            survey = self.reconciler.survey(first=not self._last)
            for name in self.reconciler.kinds:
                try:
                    await self.sweep(name, survey)
                except Exception:
                    # A bug that one object brings to light must not end the process, over and over.
                    metrics.SWEEPS.labels(name, "bug").inc()
                    log.exception("sweep failed", extra={"kind": name})
            await asyncio.sleep(self.interval * (0.9 + 0.2 * self.chance()))

    async def sweep(self, name: str, survey: Survey) -> None:
        """Compare all objects of a kind with the cloud once, and nominate those that differ."""
        kind = self.reconciler.kinds[name]
        objects = await self._gathered(name)
        self._asked = {key: at for key, at in self._asked.items() if key.kind != name or key in objects}
        compared = {key: facts for key, facts in objects.items() if not facts.suspended}
        if (objects and not compared) or (not objects and name in self._unlisted):
            return
        try:
            drift = await kind.find_drift(tuple(objects.values()), survey)
        except CloudError as error:
            if not objects and isinstance(error, Denied) and not isinstance(error, Unauthenticated):
                # A key for bindings alone may not list roles. It is not asked again before there is one to look for.
                self._unlisted.add(name)
            metrics.SWEEPS.labels(name, "failed").inc()
            log.warning("sweep failed", extra={"kind": name, "error": str(error)})
            nominated = self._overdue(name, compared)
        else:
            nominated = self._nominated(kind, compared, drift)
            metrics.SWEEPS.labels(name, "done").inc()
            self._last[name] = self.clock()
            for key in compared.keys() - nominated.keys():
                # What was deleted while the lists were read must stay forgotten.
                if self.world.body(key):
                    self.reconciler.mark_observed(key)
        for key, scope in nominated.items():
            self.queue.add(key, lane=Lane.SWEEP, scope=replace(scope, swept=True))
        metrics.NOMINATED.labels(name).inc(len(nominated))

    async def _gathered(self, name: str) -> dict[ObjectKey, Facts]:
        """The facts about all objects of a kind; nothing else waits for them to be put together."""
        found: dict[ObjectKey, Facts] = {}
        for key in self.world.keys(name):
            if facts := self.world.facts(key):
                found[key] = facts
            await asyncio.sleep(0)
        return found

    def _nominated(self, kind: AnyKind, compared: Mapping[ObjectKey, Facts], drift: Drift) -> Mapping[ObjectKey, Scope]:
        for part in drift.unreadable:
            unreadable = {"place": part.place, "subjects": len(part.subjects), "error": str(part.error)}
            log.warning("a part of the cloud could not be swept", extra=unreadable)
        self._report_orphans(kind.resource.kind, drift.orphans)
        differing = {key: scope for key, scope in drift.nominated.items() if key in compared}
        others = [key for key, facts in compared.items() if _waits_for_others(facts.me)]
        return {**differing, **dict.fromkeys([*others, *self._full_checks(kind, compared)], EVERYTHING)}

    def _report_orphans(self, name: str, orphans: frozenset[Orphan]) -> None:
        """Tell of cloud objects whose object does not exist, once; they are never deleted unasked.

        What one sweep alone finds may belong to an object that was made while the list was read.
        """
        before, told = self._orphans.get(name, frozenset()), self._told.get(name, frozenset())
        self._orphans[name], lasting = orphans, orphans & before
        metrics.ORPHANS.labels(name).set(len(lasting))
        self._told[name] = lasting
        for one in sorted(lasting - told, key=lambda orphan: orphan.name):
            log.warning("cloud object without an object", extra={"kind": name, "cloud_object": one.name})
            note = f"{one.name} in RAM has the marks of {one.key}, which does not exist; see `ram-operator orphans`"
            self.tell(Event(EventReason.ORPHAN_FOUND, note, warning=True))

    def _full_checks(self, kind: AnyKind, objects: Mapping[ObjectKey, Facts]) -> list[ObjectKey]:
        """Those of the objects that need a full check which get it now.

        Objects made together need it together: they are spread over a quarter of the period, and stay
        spread in the next one. Chance chooses, since the oldest may be ones that cannot be read.
        """
        now = self.clock()
        for key in objects:
            self._asked.setdefault(key, now)
        most = ceil(len(objects) * self.interval / (FULL_CHECK_SPREAD * self.full_check.total_seconds()))
        # A time that is still to come is of a clock that was ahead, and tells nothing.
        ages = {key: now - self._checked(kind, facts) for key, facts in objects.items()}
        overdue = [key for key, age in ages.items() if not timedelta(0) <= age < self.full_check]
        chosen = sorted(overdue, key=lambda _: self.chance())[:most]
        self._asked.update(dict.fromkeys(chosen, now))
        return chosen

    def _checked(self, kind: AnyKind, facts: Facts) -> datetime:
        """When all of an object was last read, or else asked for; where neither is known, when it was first swept."""
        return kind.verified_at(facts.me.status) or self._asked[facts.me.key]

    def _overdue(self, name: str, objects: Iterable[ObjectKey]) -> Mapping[ObjectKey, Scope]:
        """All objects of a kind whose sweeps have failed for too long: each says so in its own status."""
        last = self._last.setdefault(name, self.clock())
        late = (self.clock() - last).total_seconds() > self.reconciler.overdue_after
        return dict.fromkeys(objects, EVERYTHING) if late else {}


def _waits_for_others(view: Reference) -> bool:
    conditions: Iterable[Mapping[str, Json]] = view.status.get("conditions") or ()
    return any(row.get("type") == "Stalled" and row.get("reason") in RECHECKED for row in conditions)
