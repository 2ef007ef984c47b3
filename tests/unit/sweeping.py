"""Sweeps over a scene: what they nominate, and what that costs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import cast

from tests.unit.scene import Instances, Roles, Scene

from ram_operator.cloud import Cloud, Policy, PolicyEntry, PolicyName, PolicyType, RamApi, RoleEntry, StsApi
from ram_operator.engine.sweeps import Sweeps
from ram_operator.engine.workqueue import Lane, WorkQueue
from ram_operator.errors import CloudError, Unavailable
from ram_operator.model import Event, ObjectKey, Scope


class Lists(Roles):
    """RAM as far as its lists go.

    Attributes:
        failure: what the lists fail with.
        calls: how many lists were asked for.
        meanwhile: what happens while a list is read.
    """

    def __init__(self, policies: Sequence[PolicyEntry] = (), roles: Sequence[RoleEntry] = ()) -> None:
        super().__init__()
        self.listed = policies
        self.roles = roles
        self.failure: CloudError | None = None
        self.calls = 0
        self.meanwhile: Callable[[], Awaitable[None]] | None = None

    async def list_policies(self, policy_type: PolicyType) -> Sequence[PolicyEntry]:
        assert policy_type is PolicyType.CUSTOM
        await self._answer()
        return self.listed

    async def list_roles(self) -> Sequence[RoleEntry]:
        await self._answer()
        return self.roles

    async def get_policy(self, policy: PolicyName) -> Policy:
        raise Unavailable("GetPolicy", "ServiceUnavailable")

    async def _answer(self) -> None:
        self.calls += 1
        if self.meanwhile:
            await self.meanwhile()
        if self.failure:
            raise self.failure


class Swept:
    """A scene that is swept, and what the sweeps nominate."""

    def __init__(self, ram: Lists | None = None, ecs: Instances | None = None) -> None:
        self.ram, self.ecs = ram or Lists(), ecs or Instances({})
        cloud = Cloud(cast("RamApi", self.ram), self.ecs, cast("StsApi", None))
        self.scene = Scene(cloud)
        self.queue = WorkQueue(lambda: 0.0, lambda: 0.0)
        self.told: list[Event] = []
        self.sweeps = Sweeps(
            cloud=cloud,
            world=self.scene.caches,
            queue=self.queue,
            reconciler=self.scene.reconciler,
            interval=600,
            full_check=timedelta(hours=6),
            clock=lambda: self.scene.now,
            chance=lambda: 0.5,
            tell=self.told.append,
        )

    async def nominated(self, kind: str) -> dict[ObjectKey, Scope]:
        """Sweep once and empty the queue."""
        return await self.nominated_in_one_round(kind)

    async def nominated_in_one_round(self, *kinds: str) -> dict[ObjectKey, Scope]:
        """Sweep these kinds in one round and empty the queue."""
        survey = self.scene.reconciler.survey()
        for kind in kinds:
            await self.sweeps.sweep(kind, survey)
        found: dict[ObjectKey, Scope] = {}
        for _ in range(self.queue.depth(Lane.SWEEP)):
            item = await self.queue.get()
            assert item.lane is Lane.SWEEP
            found[item.key] = item.scope
            self.queue.done(item.key)
        return found
