"""The workers: each takes a key, reconciles its object, records the events and queues the key again as reported."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from ram_operator import metrics
from ram_operator.engine.reconciler import Reconciler
from ram_operator.engine.workqueue import Item, Lane, QueueClosed, WorkQueue
from ram_operator.errors import KubeError, StaleObject
from ram_operator.model import Body, Event, EventReason, Facts, ObjectKey, Report, find_condition

log = logging.getLogger(__name__)

SHOWN = 10
"""How many failed calls a log line names."""


class World(Protocol):
    """The caches that the watches fill."""

    def body(self, key: ObjectKey) -> Body | None:
        """The cached version of an object; None where there is none."""

    def facts(self, key: ObjectKey) -> Facts | None:
        """All facts about an object; None where there is none."""

    def keys(self, kind: str) -> Iterable[ObjectKey]:
        """All objects of a kind."""


class Recorder(Protocol):
    """Where events go. It never blocks and never raises."""

    def record(self, key: ObjectKey, uid: str, event: Event) -> None:
        """Record an event about an object, or about the node that the event names."""


@dataclass(slots=True)
class Controller:
    """The workers over one queue.

    Args:
        queue: what to work on.
        world: the objects and their facts.
        reconciler: reconciles one object.
        recorder: takes the events.
        refresh: reads an object again into the caches, or removes it there when it is gone.
        read: is told the Nodes whose instances a reconcile has read, after it has stored what it found.
        clock: monotonic seconds.
    """

    queue: WorkQueue
    world: World
    reconciler: Reconciler
    recorder: Recorder
    refresh: Callable[[ObjectKey], Awaitable[None]]
    clock: Callable[[], float]
    read: Callable[[Iterable[str]], None] = lambda _: None
    _running: dict[ObjectKey, float] = field(default_factory=dict)
    _stale: set[ObjectKey] = field(default_factory=set)
    _edits: dict[ObjectKey, tuple[int, float]] = field(default_factory=dict)
    """The generation that is not in force yet, and since when it is known."""

    def __post_init__(self) -> None:
        """Let the gauge ask the queue when it is scraped: keys are also added while no worker is done."""
        for lane in Lane:
            metrics.QUEUE_DEPTH.labels(lane.name.lower()).set_function(partial(self.queue.depth, lane))

    async def work(self, gate: asyncio.Event) -> None:
        """Run one worker until the queue closes. It starts when `gate` is set."""
        await gate.wait()
        while True:
            try:
                item = await self.queue.get()
            except QueueClosed:
                return
            metrics.QUEUE_SECONDS.labels(item.lane.name.lower()).observe(item.waited)
            self._running[item.key] = self.clock()
            try:
                await self._reconcile(item)
            finally:
                metrics.RECONCILE_SECONDS.labels(item.key.kind).observe(self.clock() - self._running.pop(item.key))
                self.queue.done(item.key)

    def longest_reconcile(self) -> float:
        """For how many seconds the oldest running reconcile has been running; 0 when idle."""
        return max((self.clock() - since for since in self._running.values()), default=0.0)

    async def _reconcile(self, item: Item) -> None:
        if item.key in self._stale and not await self._refreshed(item):
            return
        await self.reconciler.own_round()
        body, facts = self.world.body(item.key), self.world.facts(item.key)
        if body is None or facts is None:
            self.queue.forget(item.key)
            self.reconciler.forget(item.key)
            self._edits.pop(item.key, None)
            return
        self._note_edit(item, facts)
        try:
            report = await self.reconciler.reconcile(body, facts, item.scope)
            for event in report.events:
                self.recorder.record(item.key, facts.me.uid, event)
                if event.reason == EventReason.DRIFT_REPAIRED:
                    metrics.DRIFT_REPAIRS.labels(item.key.kind).inc()
            if report.unstored:
                raise report.unstored
        except StaleObject:
            metrics.RECONCILES.labels(item.key.kind, "stale").inc()
            self._stale.add(item.key)
            if await self._refreshed(item):
                # Once is normal; again and again means that somebody writes faster than we do.
                self.queue.retry(item.key, lane=item.lane, scope=item.scope, at_once=True)
        except KubeError as error:
            metrics.RECONCILES.labels(item.key.kind, "unstored").inc()
            # The write may have been stored all the same: the next status has to be compared with what is stored.
            self._stale.add(item.key)
            delay = self.queue.retry(item.key, lane=item.lane, scope=item.scope)
            fields = {"key": str(item.key), "error": str(error), "retryInSeconds": round(delay, 1)}
            log.warning("the API server refused a write", extra=fields)
        except Exception:
            # A bug costs this key a back-off, not all of them the process.
            metrics.RECONCILES.labels(item.key.kind, "bug").inc()
            delay = self.queue.retry(item.key, lane=item.lane, scope=item.scope)
            log.exception("reconcile failed", extra={"key": str(item.key), "retryInSeconds": round(delay, 1)})
        else:
            self.read(report.read)
            self._follow(item, facts, report)

    async def _refreshed(self, item: Item) -> bool:
        """Read an object of which the cache may be behind; where that fails, queue it again."""
        try:
            await self.refresh(item.key)
        except Exception as error:
            log.warning("cannot read object", extra={"key": str(item.key), "error": str(error)})
            self.queue.retry(item.key, lane=item.lane, scope=item.scope)
            return False
        self._stale.discard(item.key)
        return True

    def _note_edit(self, item: Item, facts: Facts) -> None:
        """Note since when a generation is known that no reconcile has reported on."""
        noted = self._edits.get(item.key)
        if facts.edited and (noted is None or noted[0] != facts.generation):
            self._edits[item.key] = facts.generation, self.clock() - item.waited

    def _follow(self, item: Item, facts: Facts, report: Report) -> None:
        """Queue the key again as the report asks."""
        ready = find_condition(report.conditions)
        metrics.RECONCILES.labels(item.key.kind, ready.get("reason", "Released")).inc()
        if ready.get("status") == "True" and (edit := self._edits.pop(item.key, None)):
            metrics.EDIT_SECONDS.labels(item.key.kind).observe(self.clock() - edit[1])
        delay = report.requeue_after
        if report.backoff:
            grown = self.queue.retry(item.key, lane=item.lane, scope=report.again)
            delay = grown if delay is None else min(grown, delay)
        else:
            self.queue.forget(item.key)
        if delay is not None:
            self.queue.again(item.key, delay, lane=item.lane, scope=report.again)
        self._log(item, facts, report, delay)

    def _log(self, item: Item, facts: Facts, report: Report, delay: float | None) -> None:
        """Log what changed in one line, with the requests that failed; a reconcile that changed nothing is no news."""
        news = report.events or [*report.conditions] != [*(facts.me.status.get("conditions") or ())]
        ready = find_condition(report.conditions)
        log.log(
            logging.INFO if news else logging.DEBUG,
            "reconciled",
            extra={
                "key": str(item.key),
                "generation": facts.generation,
                "ready": ready.get("status", "released"),
                "reason": ready.get("reason", ""),
                "events": [event.note for event in report.events if event.node is None],
                "failed": [error.summary for error in report.errors[:SHOWN]],
                "requestIds": [error.request_id for error in report.errors[:SHOWN] if error.request_id],
                "again": None if delay is None else round(delay, 1),
            },
        )
