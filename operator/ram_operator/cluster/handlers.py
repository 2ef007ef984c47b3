"""kopf's watches in, wakes out. The handlers do no I/O and return nothing: kopf would write a result into the object.

Only low-level `on.event` handlers are used: kopf's higher ones keep state in annotations, drop what they could not
write, and release objects whose deletion failed for good.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import kopf

from ram_operator import metrics
from ram_operator.cluster.caches import Caches, Wake
from ram_operator.cluster.handover import Handover
from ram_operator.cluster.sessions import session
from ram_operator.engine.workqueue import WorkQueue
from ram_operator.model import GROUP, VERSION, Body, ObjectKey, Resource, Scope
from ram_operator.rules.nodes import node_facts

QUIET_SECONDS = 0.1
PATIENCE_SECONDS = 1.0
"""Nodes come in bursts: wait for so much quiet before working on them, but never longer than this in all."""
RELOGIN_SECONDS = 1800


@dataclass(slots=True)
class _Burst:
    first: float
    scope: Scope
    timer: asyncio.TimerHandle


@dataclass(slots=True)
class Intake:
    """Feeds the caches and queues whom a change concerns.

    Args:
        caches: what is known.
        queue: where keys go.
        now: seconds since the epoch, for the metric of the last event.

    Attributes:
        listed: set when a watch lists all objects, for the first time or again: a list tells of no deletion.
        changed: set when an object changes, or a node in more than its heartbeat.
    """

    caches: Caches
    queue: WorkQueue
    now: Callable[[], float]
    listed: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    _bursts: dict[ObjectKey, _Burst] = field(default_factory=dict)

    def put(self, body: Body) -> None:
        """Take in a version of one of our objects, from the watch or as the API server answered a write."""
        key = ObjectKey(body["kind"], body["metadata"]["name"])
        self._wake(self.caches.put(key, body))
        self.changed.set()

    def remove(self, key: ObjectKey, uid: str | None = None) -> None:
        """Take note that an object is gone; with `uid`, that one and not a newer one of its name.

        kopf handles each uid in a task of its own: the end of an object may be told after the start of the next.
        """
        self._wake(self.caches.remove(key, uid))
        self.changed.set()

    def put_node(self, body: Body) -> None:
        """Take in a version of a Node."""
        node = node_facts(body)
        before = self.caches.marks(node.name)
        wakes = self.caches.put_node(node)
        self._wake(wakes)
        if wakes or before != node.marks:
            self.changed.set()

    def remove_node(self, name: str, uid: str | None = None) -> None:
        """Take note that a Node is gone, likewise."""
        self._wake(self.caches.remove_node(name, uid))

    def _wake(self, wakes: Iterable[Wake]) -> None:
        for wake in wakes:
            if wake.edited:
                self.queue.forget(wake.key)
            if wake.burst:
                self._gather(wake)
            else:
                self.queue.add(wake.key, scope=wake.scope)

    def _gather(self, wake: Wake) -> None:
        loop = asyncio.get_running_loop()
        burst = self._bursts.get(wake.key)
        first, scope = loop.time(), wake.scope
        if burst:
            burst.timer.cancel()
            first = burst.first
            scope = burst.scope | wake.scope
        due = min(loop.time() + QUIET_SECONDS, first + PATIENCE_SECONDS)
        self._bursts[wake.key] = _Burst(first, scope, loop.call_at(due, self._release, wake.key))

    def _release(self, key: ObjectKey) -> None:
        self.queue.add(key, scope=self._bursts.pop(key).scope)


def register(intake: Intake, resources: Iterable[Resource], hand_over: Handover) -> kopf.OperatorRegistry:
    """Make the registry with our handlers of these resources and of nodes, which run in a loop of kopf's own."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def login(**kwargs: Any) -> kopf.AiohttpSession | None:
        info = kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)
        # Projected tokens are rotated: kopf must read the file again before the old one ends.
        if info is None:
            return None
        ends = datetime.fromtimestamp(intake.now() + RELOGIN_SECONDS, UTC)
        return kopf.AiohttpSession(server=info.server, aiohttp_session=session(info), expiration=ends)

    for resource in resources:
        _watch(registry, intake, resource, hand_over)

    @kopf.on.event("", "v1", "nodes", registry=registry)
    async def on_node(event: Any, name: str, uid: str, **_: Any) -> None:
        _note(intake, "Node", event, hand_over)
        if event["type"] == "DELETED":
            hand_over(intake.remove_node, name, uid)
        else:
            hand_over(intake.put_node, event["object"])

    return registry


def _watch(registry: kopf.OperatorRegistry, intake: Intake, resource: Resource, hand_over: Handover) -> None:
    @kopf.on.event(GROUP, VERSION, resource.plural, registry=registry, id=resource.kind)
    async def on_object(event: Any, name: str, uid: str, **_: Any) -> None:
        _note(intake, resource.kind, event, hand_over)
        if event["type"] == "DELETED":
            hand_over(intake.remove, ObjectKey(resource.kind, name), uid)
        else:
            # Items of a list carry no kind of their own.
            hand_over(intake.put, {**event["object"], "kind": resource.kind})


def _note(intake: Intake, kind: str, event: Any, hand_over: Handover) -> None:
    metrics.LAST_EVENT.labels(kind).set(intake.now())
    if event["type"] is None and not intake.listed.is_set():
        hand_over(intake.listed.set)
