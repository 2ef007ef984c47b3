"""A scene whose objects are reconciled by workers, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from tests.unit.builders import NOW, binding_body, binding_key, instance, made_role_status, node, role_body
from tests.unit.scene import Instances, Scene

from ram_operator.engine.controller import Controller
from ram_operator.engine.workqueue import Lane, WorkQueue
from ram_operator.errors import CloudError
from ram_operator.model import Event, ObjectKey

ONE = instance(1)
BINDING = binding_key("storage-pool")


@dataclass
class Ears:
    """Takes events."""

    heard: list[tuple[ObjectKey, str, Event]] = field(default_factory=list)

    def record(self, key: ObjectKey, uid: str, event: Event) -> None:
        self.heard.append((key, uid, event))


class Slow(Instances):
    """Takes its time for each look, and remembers when it was asked and by how many at once."""

    def __init__(self) -> None:
        super().__init__({ONE: ""})
        self.seconds = 1.0
        self.looks: list[float] = []
        self.at_once = self.most_at_once = 0

    async def describe_instance_roles(self, region: str, ids: Any) -> Mapping[str, str | CloudError]:
        self.looks.append(now())
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.seconds)
            return await super().describe_instance_roles(region, ids)
        finally:
            self.at_once -= 1


class Place:
    """A scene with workers."""

    def __init__(self) -> None:
        self.ecs = Slow()
        self.scene = Scene(self.ecs.cloud)
        self.scene.put(role_body("oss-reader", made_role_status()))
        self.scene.put_node(node("node-1", 1, pool="storage"))
        self.scene.put(binding_body())
        self.queue = WorkQueue(now, lambda: 0.0)
        self.ears = Ears()
        self.refreshed: list[ObjectKey] = []
        self.scene.reconciler.clock = lambda: NOW + timedelta(seconds=now())
        self.controller = Controller(self.queue, self.scene.caches, self.scene.reconciler, self.ears, self.refresh, now)

    async def refresh(self, key: ObjectKey) -> None:
        """Read an object anew: the scene's caches are never behind."""
        self.refreshed.append(key)

    @asynccontextmanager
    async def working(self, workers: int = 3) -> AsyncIterator[None]:
        """Let the workers work while the test waits, and close the queue at the end."""
        gate = asyncio.Event()
        gate.set()
        tasks = [asyncio.create_task(self.controller.work(gate)) for _ in range(workers)]
        yield
        self.queue.close()
        await asyncio.gather(*tasks)


def now() -> float:
    return asyncio.get_running_loop().time()


def depth(place: Place) -> int:
    return sum(map(place.queue.depth, Lane))
