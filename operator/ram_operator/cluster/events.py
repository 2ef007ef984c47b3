"""The event recorder: what `kubectl describe` shows under Events.

kopf's own events of cluster-scoped objects do not show there: they name a namespace in `regarding`. These do not, and
live in the namespace `default`, as Kubernetes itself writes the events of nodes. Repeated ones become one with a count.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zlib import crc32

from ram_operator import metrics
from ram_operator.cluster.kube import Kube
from ram_operator.errors import KubeError
from ram_operator.model import GROUP, VERSION, Event, Json, ObjectKey

log = logging.getLogger(__name__)

HOME = "default"
"""The namespace of events about objects without one."""
NOTE_LENGTH = 1024
"""Bytes of a note, not characters."""
NAME_LENGTH = 230
BURST = 25
REFILL = timedelta(minutes=5)
"""Each object may have 25 events at once and one more per 5 minutes, the limits of client-go's event broadcaster."""
SERIES = timedelta(minutes=10)
"""Within this time the same event again is counted in the first one."""
WRITERS = 4
BACKLOG = 5000
"""How many events may wait to be written."""
MOST_SERIES = 10_000
"""How many events are remembered, to count the same ones again; the oldest are forgotten first."""
Identity = tuple[str, str, str, str]
"""Kind, uid, reason and note: what makes two events the same one."""


@dataclass(slots=True)
class _Budget:
    """How many events each object may still have.

    For each object the time is kept at which it may have all of them again (the generic cell rate algorithm).
    """

    _full_at: dict[str, datetime] = field(default_factory=dict)
    _checked_at: int = BACKLOG

    def take(self, uid: str, now: datetime) -> bool:
        """Take one event of an object's budget; False where none is left."""
        full_at = max(self._full_at.get(uid, now), now) + REFILL
        if full_at - now > BURST * REFILL:
            return False
        self._full_at[uid] = full_at
        if len(self._full_at) > self._checked_at:
            self._full_at = {uid: at for uid, at in self._full_at.items() if at > now}
            # Only when there are twice as many again, or many objects with events would cost a look at all for each.
            self._checked_at = max(BACKLOG, 2 * len(self._full_at))
        return True


@dataclass(slots=True)
class _Series:
    path: str
    count: int
    last: datetime


@dataclass(slots=True)
class _Writer:
    """Writes the events of some objects, one after the other.

    A new event goes to the end of `_series`, and so does one that is counted again: the oldest stand first.
    """

    kube: Kube
    clock: Callable[[], datetime]
    instance: str
    queue: asyncio.Queue[tuple[Identity, dict[str, Json], bool]] = field(
        default_factory=lambda: asyncio.Queue(BACKLOG // WRITERS)
    )
    _series: dict[Identity, _Series] = field(default_factory=dict)

    async def run(self) -> None:
        """Write events for ever."""
        while True:
            identity, regarding, warning = await self.queue.get()
            try:
                await self._write(identity, regarding, warning)
            except KubeError as error:
                metrics.EVENTS_DROPPED.labels("refused").inc()
                log.warning("event not written", extra={"error": str(error)})
            finally:
                self.queue.task_done()

    async def _write(self, identity: Identity, regarding: dict[str, Json], warning: bool) -> None:
        now = self.clock()
        self._forget(now)
        row = self._series.pop(identity, None)
        if row is None or not await self._counted(row, now):
            name = f"{regarding['name'][:NAME_LENGTH]}.{secrets.token_hex(8)}"
            path = _path(regarding)
            await self.kube.request("POST", path, body=self._event(name, identity, regarding, warning))
            row = _Series(f"{path}/{name}", 1, now)
        self._series[identity] = row

    def _forget(self, now: datetime) -> None:
        """Forget what is too old to be counted, and the oldest of too many."""
        while self._series:
            oldest = next(iter(self._series))
            if len(self._series) < MOST_SERIES // WRITERS and now - self._series[oldest].last < SERIES:
                return
            del self._series[oldest]

    async def _counted(self, row: _Series, now: datetime) -> bool:
        """Count one more in the event that is there; False where somebody has deleted it."""
        row.count, row.last = row.count + 1, now
        series = {"series": {"count": row.count, "lastObservedTime": _micro(now)}}
        patch = {"Content-Type": "application/merge-patch+json"}
        try:
            await self.kube.request("PATCH", row.path, body=series, headers=patch)
        except KubeError as error:
            if error.status == 404:
                return False
            raise
        return True

    def _event(self, name: str, identity: Identity, regarding: dict[str, Json], warning: bool) -> Json:
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": regarding.get("namespace", HOME)},
            "eventTime": _micro(self.clock()),
            "type": "Warning" if warning else "Normal",
            "reason": identity[2],
            "action": "Reconcile",
            "note": identity[3].encode()[:NOTE_LENGTH].decode(errors="ignore"),
            "regarding": regarding,
            "reportingController": f"{GROUP}/operator",
            "reportingInstance": self.instance,
        }


@dataclass(slots=True)
class EventRecorder:
    """Takes events at once and gives them to its writers; implements `engine.controller.Recorder`.

    The events of an object all go to one writer, so that they are written in order.

    Args:
        kube: the connection.
        clock: the time of day.
        instance: this process, for `reportingInstance`.
        lease: what the leader holds: events about the operator itself are about it. They have nowhere to go without.
    """

    kube: Kube
    clock: Callable[[], datetime]
    instance: str
    lease: Callable[[], Mapping[str, Json] | None] = lambda: None
    _budget: _Budget = field(default_factory=_Budget)
    _writers: tuple[_Writer, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Make the writers."""
        self._writers = tuple(_Writer(self.kube, self.clock, self.instance) for _ in range(WRITERS))

    def record(self, key: ObjectKey, uid: str, event: Event) -> None:
        """Queue an event. What is too much for its object, or for the queue, is counted and dropped."""
        regarding: dict[str, Json] = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": key.kind,
            "name": key.name,
            "uid": uid,
        }
        if event.node is not None:
            # kubectl describe node looks for events whose uid is the node's name, as kubelet writes them.
            regarding = {"apiVersion": "v1", "kind": "Node", "name": event.node, "uid": event.node}
        self._record(regarding, event)

    def record_own(self, event: Event) -> None:
        """Queue an event about the operator itself."""
        if regarding := self.lease():
            self._record(dict(regarding), event)

    def _record(self, regarding: dict[str, Json], event: Event) -> None:
        if not self._budget.take(regarding["uid"], self.clock()):
            metrics.EVENTS_DROPPED.labels("rate").inc()
            return
        # By uid: an event of an object of the same name that was deleted is not shown for this one.
        identity = (regarding["kind"], regarding["uid"], event.reason, event.note)
        writer = self._writers[crc32(regarding["uid"].encode()) % len(self._writers)]
        try:
            writer.queue.put_nowait((identity, regarding, event.warning))
        except asyncio.QueueFull:
            metrics.EVENTS_DROPPED.labels("backlog").inc()

    async def run(self) -> None:
        """Write events for ever."""
        await asyncio.gather(*(writer.run() for writer in self._writers))

    async def flush(self) -> None:
        """Wait until all is written."""
        for writer in self._writers:
            await writer.queue.join()


def _path(regarding: Mapping[str, Json]) -> str:
    return f"/apis/events.k8s.io/v1/namespaces/{regarding.get('namespace', HOME)}/events"


def _micro(now: datetime) -> str:
    return now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
