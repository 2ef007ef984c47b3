"""The event recorder: what `kubectl describe` shows under Events.

kopf's own events of cluster-scoped objects do not show there: they name a namespace in `regarding`. These do not, and
live in the namespace `default`, as Kubernetes itself writes the events of nodes. Repeated ones become one with a count.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from ram_operator import metrics
from ram_operator.cluster.kube import Kube
from ram_operator.errors import KubeError
from ram_operator.model import GROUP, VERSION, Event, Json, ObjectKey

log = logging.getLogger(__name__)

PATH = "/apis/events.k8s.io/v1/namespaces/default/events"
NOTE_LENGTH = 1024
"""Bytes of a note, not characters."""
NAME_LENGTH = 230
BURST = 25
REFILL_SECONDS = 300.0
"""Each object may have 25 events at once and one more per 5 minutes, the limits of client-go's event broadcaster."""
SERIES_SECONDS = 600.0
"""Within this time the same event again is counted in the first one."""
BACKLOG = 5000
Said = tuple[str, str, str, str]


@dataclass(slots=True)
class _Series:
    name: str
    count: int
    last: datetime


@dataclass(slots=True)
class EventRecorder:
    """Takes events at once and writes them one after the other; implements `engine.controller.Recorder`.

    Args:
        kube: the connection.
        clock: the time of day.
        instance: this process, for `reportingInstance`.
    """

    kube: Kube
    clock: Callable[[], datetime]
    instance: str
    _queue: asyncio.Queue[tuple[Said, dict[str, Json], bool]] = field(default_factory=lambda: asyncio.Queue(BACKLOG))
    _series: dict[Said, _Series] = field(default_factory=dict)
    _buckets: dict[str, tuple[float, datetime]] = field(default_factory=dict)

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
        if not self._allowed(regarding["uid"]):
            metrics.EVENTS_DROPPED.labels("rate").inc()
            return
        # By uid: an event of an object of the same name that was deleted is not shown for this one.
        said = (regarding["kind"], regarding["uid"], event.reason, event.note)
        try:
            self._queue.put_nowait((said, regarding, event.warning))
        except asyncio.QueueFull:
            metrics.EVENTS_DROPPED.labels("backlog").inc()

    async def run(self) -> None:
        """Write events for ever."""
        while True:
            said, regarding, warning = await self._queue.get()
            try:
                await self._write(said, regarding, warning)
            except KubeError as error:
                metrics.EVENTS_DROPPED.labels("refused").inc()
                log.warning("event not written", extra={"error": str(error)})
            finally:
                self._queue.task_done()

    async def flush(self) -> None:
        """Wait until all is written."""
        await self._queue.join()

    def _allowed(self, who: str) -> bool:
        now = self.clock()
        tokens, at = self._buckets.get(who, (float(BURST), now))
        tokens = min(BURST, tokens + (now - at).total_seconds() / REFILL_SECONDS)
        self._buckets[who] = (max(tokens - 1, 0.0) if tokens >= 1 else tokens, now)
        if len(self._buckets) > BACKLOG:
            full = BURST * REFILL_SECONDS
            self._buckets = {key: row for key, row in self._buckets.items() if (now - row[1]).total_seconds() < full}
        return tokens >= 1

    async def _write(self, said: Said, regarding: dict[str, Json], warning: bool) -> None:
        now = self.clock()
        self._series = {key: row for key, row in self._series.items() if _age(row, now) < SERIES_SECONDS}
        row = self._series.get(said)
        if row is None or not await self._counted(row, now):
            name = f"{regarding['name'][:NAME_LENGTH]}.{secrets.token_hex(8)}"
            await self.kube.request("POST", PATH, body=self._event(name, said, regarding, warning))
            self._series[said] = _Series(name, 1, now)

    async def _counted(self, row: _Series, now: datetime) -> bool:
        """Count one more in the event that is there; False where somebody has deleted it."""
        row.count, row.last = row.count + 1, now
        series = {"series": {"count": row.count, "lastObservedTime": _micro(now)}}
        patch = {"Content-Type": "application/merge-patch+json"}
        try:
            await self.kube.request("PATCH", f"{PATH}/{row.name}", body=series, headers=patch)
        except KubeError as error:
            if error.status == 404:
                return False
            raise
        return True

    def _event(self, name: str, said: Said, regarding: dict[str, Json], warning: bool) -> Json:
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": "default"},
            "eventTime": _micro(self.clock()),
            "type": "Warning" if warning else "Normal",
            "reason": said[2],
            "action": "Reconcile",
            "note": said[3].encode()[:NOTE_LENGTH].decode(errors="ignore"),
            "regarding": regarding,
            "reportingController": f"{GROUP}/operator",
            "reportingInstance": self.instance,
        }


def _age(row: _Series, now: datetime) -> float:
    return (now - row.last).total_seconds()


def _micro(now: datetime) -> str:
    return now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
