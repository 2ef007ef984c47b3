"""The forms of steps, and the step that roles and policies share. Each kind's own steps are in its room.

A step is one write to the cloud, as data: kinds plan it, `engine.applying` makes it. Each is idempotent: made twice, or
again after a lost reply, it leaves the cloud as once. It also says what the engine has to know of it: its intent, what
it changes, and which permissions it takes. ARNs: the authorization tables of the APIs' own pages
(https://api.aliyun.com, RAM 2015-05-01, ECS 2014-05-26); region and account may be `*` in a policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

from ram_operator.cloud import Cloud, PolicyName, PolicyType, Taggable
from ram_operator.errors import CloudError
from ram_operator.model import ADOPTED_TAG, Change, EventReason, InstanceId, Intent, listing

Failures = Mapping[str, CloudError]


@dataclass(frozen=True, slots=True)
class WordedStep:
    """A step in words: what is to be done and what was done differ in the verb alone."""

    event: ClassVar[EventReason]
    change: ClassVar[Change]
    api: ClassVar[str]
    verbs: ClassVar[tuple[str, str]]

    @property
    def waits_for(self) -> tuple[str, ...]:
        return ()

    def object(self) -> str:
        raise NotImplementedError

    def todo(self) -> str:
        return f"{self.verbs[0]} {self.object()}"

    def done(self) -> str:
        return f"{self.verbs[1]} {self.object()}"


@dataclass(frozen=True, slots=True)
class WholeStep(WordedStep):
    """A step that is done or is not, whatever the number of its subjects.

    Two of them are equal whatever they wait for: that is no part of what they do.
    """

    waits_for: tuple[str, ...] = field(default=(), compare=False, kw_only=True)

    @property
    def subjects(self) -> tuple[str, ...]:
        raise NotImplementedError

    @property
    def region(self) -> str:
        return ""

    @property
    def intent(self) -> Intent:
        return Intent.RELEASE if self.change in (Change.DELETE, Change.DETACH) else Intent.GRANT

    @property
    def effect(self) -> str:
        return f"{self.verbs[0]} {self.object()}"

    @property
    def identity(self) -> tuple[str, ...]:
        return (self.api,)

    def arns(self) -> tuple[str, ...]:
        raise NotImplementedError

    def resources(self, subject: str) -> Mapping[str, tuple[str, ...]]:
        return {f"ram:{self.api}": self.arns()}

    def without(self, subjects: frozenset[str]) -> Self | None:
        return None if subjects.intersection(self.subjects) else self

    def waiting_for(self, subjects: tuple[str, ...]) -> Self:
        """The same step, which waits for `subjects` as well."""
        return replace(self, waits_for=(*self.waits_for, *subjects))

    async def apply(self, cloud: Cloud) -> Failures:
        await self.call(cloud)
        return {}

    async def call(self, cloud: Cloud) -> None:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class ObjectStep(WholeStep):
    """A step on one role or policy."""

    subject: str

    @property
    def subjects(self) -> tuple[str, ...]:
        return (self.subject,)


def difference(field: str, now: object, wanted: object) -> str:
    """How a field differs, for people: `description: "old" becomes "new"`."""
    return f"{field}: {_short(now)} becomes {_short(wanted)}"


def _short(value: object) -> str:
    text = str(value) if isinstance(value, int) or str(value).startswith("{") else f'"{value}"'
    return text if len(text) <= SHOWN_LENGTH else f"{text[:SHOWN_LENGTH]}..."


SHOWN_LENGTH = 160
"""How much of a value a difference shows."""


def tags_of(name: str) -> str:
    """The subject of setting tags of a role or policy: it waits for nothing, and nothing waits for it."""
    return f"{name}/tags"


def role_arn(name: str) -> str:
    """A role of any account."""
    return f"acs:ram:*:*:role/{name}"


def policy_arn(policy: PolicyName) -> str:
    """A system policy, or a custom one of any account."""
    return f"acs:ram:*:{'system' if policy.type is PolicyType.SYSTEM else '*'}:policy/{policy.name}"


def instance_arn(instance: InstanceId) -> str:
    """An instance of any account."""
    return f"acs:ecs:{instance.region}:*:instance/{instance.id}"


@dataclass(frozen=True, slots=True)
class Tag(ObjectStep):
    """Add or overwrite tags of a role or policy. To mark what others made as taken over grants whatever it has."""

    resource: Taggable
    name: str
    tags: tuple[tuple[str, str], ...]
    event, change = EventReason.TAGGED, Change.TAG
    api, verbs = "TagResources", ("tag", "tagged")

    @property
    def intent(self) -> Intent:
        return Intent.GRANT if ADOPTED_TAG in dict(self.tags) else Intent.KEEP

    def arns(self) -> tuple[str, ...]:
        role = self.resource is Taggable.ROLE
        return (role_arn(self.name) if role else policy_arn(PolicyName(PolicyType.CUSTOM, self.name)),)

    @property
    def effect(self) -> str:
        return f"tag {self.resource} {self.name}"

    def object(self) -> str:
        return f"{self.resource} {self.name} with {listing(key for key, _ in self.tags)}"

    async def call(self, cloud: Cloud) -> None:
        await cloud.ram.tag(self.resource, self.name, dict(self.tags))
