"""The writes for instances: giving them a role and taking it off, in batches of one region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from ram_operator.cloud import Cloud
from ram_operator.kinds.steps import Failures, WordedStep, instance_arn, role_arn
from ram_operator.model import Change, EventReason, InstanceId, Intent

PASS_ROLE = "ram:PassRole"
"""What AttachInstanceRamRole needs besides its own action, on the role."""


@dataclass(frozen=True, slots=True)
class _BatchStep(WordedStep):
    """A step for some instances of one region, up to what one call takes; each succeeds or fails on its own."""

    role: str
    instances: tuple[InstanceId, ...]

    @property
    def subjects(self) -> tuple[str, ...]:
        return tuple(map(str, self.instances))

    @property
    def region(self) -> str:
        return self.instances[0].region

    @property
    def effect(self) -> str:
        return f"{self.verbs[0]} {self.role}"

    @property
    def identity(self) -> tuple[str, ...]:
        return (self.api, self.role)

    def without(self, subjects: frozenset[str]) -> Self | None:
        left = tuple(instance for instance in self.instances if str(instance) not in subjects)
        return replace(self, instances=left) if left else None

    async def apply(self, cloud: Cloud) -> Failures:
        failures = await self.call(cloud, [instance.id for instance in self.instances])
        return {str(InstanceId(self.region, id_)): error for id_, error in failures.items()}

    async def call(self, cloud: Cloud, ids: list[str]) -> Failures:
        raise NotImplementedError

    def target(self) -> str:
        return str(self.instances[0]) if len(self.instances) == 1 else f"{len(self.instances)} instances"


@dataclass(frozen=True, slots=True)
class AttachRole(_BatchStep):
    """Attach a role to instances that have none; attached already is as good, but with a session policy.

    `policy` is the text of a document that limits the role on these instances, None for no limit.
    """

    intent: Intent = Intent.GRANT
    policy: str | None = None

    event, change = EventReason.ATTACHED, Change.ATTACH
    api, verbs = "AttachInstanceRamRole", ("attach", "attached")

    def object(self) -> str:
        limited = " with its session policy" if self.policy else ""
        return f"{self.role} to {self.target()}{limited}"

    def resources(self, subject: str) -> Mapping[str, tuple[str, ...]]:
        role = role_arn(self.role)
        return {f"ecs:{self.api}": (instance_arn(InstanceId.of(subject)), role), PASS_ROLE: (role,)}

    async def call(self, cloud: Cloud, ids: list[str]) -> Failures:
        return await cloud.ecs.attach_role(self.region, self.role, ids, self.policy)


@dataclass(frozen=True, slots=True)
class DetachRole(_BatchStep):
    """Detach a role from instances; detached already is as good."""

    intent: Intent = Intent.RELEASE

    event, change = EventReason.DETACHED, Change.DETACH
    api, verbs = "DetachInstanceRamRole", ("detach", "detached")

    def object(self) -> str:
        return f"{self.role} from {self.target()}"

    def resources(self, subject: str) -> Mapping[str, tuple[str, ...]]:
        return {f"ecs:{self.api}": (instance_arn(InstanceId.of(subject)),), PASS_ROLE: (role_arn(self.role),)}

    async def call(self, cloud: Cloud, ids: list[str]) -> Failures:
        return await cloud.ecs.detach_role(self.region, self.role, ids)
