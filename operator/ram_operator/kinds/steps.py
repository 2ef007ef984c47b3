"""Every write this operator can make, as data. Kinds plan them, `engine.applying` carries them out.

Each step is idempotent: applied twice, or again after a lost reply, it leaves the cloud as once.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from ram_operator.cloud import Cloud, NewPolicy, NewRole, PolicyName, PolicyType, RoleChange, Taggable
from ram_operator.errors import AlreadyExists, CloudError, NotFound
from ram_operator.model import EventReason, InstanceId, listing
from ram_operator.rules.documents import same_meaning

Failures = Mapping[str, CloudError]


@dataclass(frozen=True, slots=True)
class _Worded:
    """A step in words: what is to be done and what was done differ in the verb alone."""

    event: ClassVar[EventReason]
    api: ClassVar[str]
    verbs: ClassVar[tuple[str, str]]

    def object(self) -> str:
        raise NotImplementedError

    def todo(self) -> str:
        return f"{self.verbs[0]} {self.object()}"

    def done(self) -> str:
        return f"{self.verbs[1]} {self.object()}"


@dataclass(frozen=True, slots=True)
class _Whole(_Worded):
    """A step that is done or is not, whatever the number of its subjects."""

    @property
    def subjects(self) -> tuple[str, ...]:
        raise NotImplementedError

    @property
    def effect(self) -> str:
        return self.todo()

    def without(self, subjects: frozenset[str]) -> Self | None:
        return None if subjects.intersection(self.subjects) else self

    async def apply(self, cloud: Cloud) -> Failures:
        await self.call(cloud)
        return {}

    async def call(self, cloud: Cloud) -> None:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class _OnObject(_Whole):
    """A step on one role or policy."""

    subject: str

    @property
    def subjects(self) -> tuple[str, ...]:
        return (self.subject,)


@dataclass(frozen=True, slots=True)
class _OnAttachment(_Whole):
    """A step on one policy of a role. Its subject is the pair: a policy that cannot be attached stops no other."""

    policy: PolicyName
    role: str

    @property
    def subjects(self) -> tuple[str, ...]:
        return (attachment(self.role, self.policy),)


def attachment(role: str, policy: PolicyName) -> str:
    """The subject of attaching or detaching a policy."""
    return f"{role}/{policy}"


@dataclass(frozen=True, slots=True)
class CreateRole(_Whole):
    """Create a role with its tags. A name taken meanwhile is a failure: only an observation tells whose it is.

    `before` are the attachments that wait for it.
    """

    role: NewRole
    before: tuple[PolicyName, ...] = ()
    event, api, verbs = EventReason.ROLE_CREATED, "CreateRole", ("create", "created")

    @property
    def subjects(self) -> tuple[str, ...]:
        return (self.role.name, *(attachment(self.role.name, policy) for policy in self.before))

    def object(self) -> str:
        return f"role {self.role.name}"

    async def call(self, cloud: Cloud) -> None:
        await cloud.ram.create_role(self.role)


@dataclass(frozen=True, slots=True)
class UpdateRole(_OnObject):
    """Change a role's trust document, description or session duration. `fields` names them for people."""

    name: str
    change: RoleChange
    fields: tuple[str, ...]
    event, api, verbs = EventReason.ROLE_UPDATED, "UpdateRole", ("update", "updated")

    def object(self) -> str:
        return f"{' and '.join(self.fields)} of role {self.name}"

    async def call(self, cloud: Cloud) -> None:
        await cloud.ram.update_role(self.name, self.change)


@dataclass(frozen=True, slots=True)
class DeleteRole(_Whole):
    """Delete a role; gone already is as good. `after` are the attachments that it waits for."""

    name: str
    after: tuple[PolicyName, ...] = ()
    event, api, verbs = EventReason.ROLE_DELETED, "DeleteRole", ("delete", "deleted")

    @property
    def subjects(self) -> tuple[str, ...]:
        return (self.name, *(attachment(self.name, policy) for policy in self.after))

    def object(self) -> str:
        return f"role {self.name}"

    async def call(self, cloud: Cloud) -> None:
        with suppress(NotFound):
            await cloud.ram.delete_role(self.name)


@dataclass(frozen=True, slots=True)
class CreatePolicy(_OnObject):
    """Create a custom policy with its tags. A name taken meanwhile is a failure, as for CreateRole."""

    policy: NewPolicy
    event, api, verbs = EventReason.POLICY_CREATED, "CreatePolicy", ("create", "created")

    def object(self) -> str:
        return f"policy {self.policy.name}"

    async def call(self, cloud: Cloud) -> None:
        await cloud.ram.create_policy(self.policy)


@dataclass(frozen=True, slots=True)
class CreatePolicyVersion(_OnObject):
    """Make a document the policy's default version.

    It reads before it writes: a version made by a call whose reply was lost must not be made a second time, since RAM
    keeps five versions and each extra one rotates out a piece of history.
    """

    name: str
    document: str
    event, api, verbs = EventReason.VERSION_CREATED, "CreatePolicyVersion", ("create", "created")

    def object(self) -> str:
        return f"a new default version of policy {self.name}, whose document differs"

    async def call(self, cloud: Cloud) -> None:
        policy = await cloud.ram.get_policy(PolicyName(PolicyType.CUSTOM, self.name))
        if not same_meaning(policy.document, self.document):
            await cloud.ram.create_policy_version(self.name, self.document)


@dataclass(frozen=True, slots=True)
class UpdatePolicyDescription(_OnObject):
    """Change a custom policy's description."""

    name: str
    description: str
    event, api, verbs = EventReason.POLICY_UPDATED, "UpdatePolicyDescription", ("update", "updated")

    def object(self) -> str:
        return f"description of policy {self.name}"

    async def call(self, cloud: Cloud) -> None:
        await cloud.ram.update_policy_description(self.name, self.description)


@dataclass(frozen=True, slots=True)
class DeletePolicy(_OnObject):
    """Delete a custom policy with its versions; gone already is as good."""

    name: str
    event, api, verbs = EventReason.POLICY_DELETED, "DeletePolicy", ("delete", "deleted")

    def object(self) -> str:
        return f"policy {self.name}"

    async def call(self, cloud: Cloud) -> None:
        with suppress(NotFound):
            await cloud.ram.delete_policy(self.name)


@dataclass(frozen=True, slots=True)
class AttachPolicy(_OnAttachment):
    """Attach a policy to a role; attached already is as good."""

    event, api, verbs = EventReason.POLICY_ATTACHED, "AttachPolicyToRole", ("attach", "attached")

    def object(self) -> str:
        return f"policy {self.policy} to role {self.role}"

    async def call(self, cloud: Cloud) -> None:
        with suppress(AlreadyExists):
            await cloud.ram.attach_policy_to_role(self.policy, self.role)


@dataclass(frozen=True, slots=True)
class DetachPolicy(_OnAttachment):
    """Detach a policy from a role; detached already is as good."""

    event, api, verbs = EventReason.POLICY_DETACHED, "DetachPolicyFromRole", ("detach", "detached")

    def object(self) -> str:
        return f"policy {self.policy} from role {self.role}"

    async def call(self, cloud: Cloud) -> None:
        with suppress(NotFound):
            await cloud.ram.detach_policy_from_role(self.policy, self.role)


@dataclass(frozen=True, slots=True)
class Tag(_OnObject):
    """Add or overwrite tags of a role or policy."""

    resource: Taggable
    name: str
    tags: tuple[tuple[str, str], ...]
    event, api, verbs = EventReason.TAGGED, "TagResources", ("tag", "tagged")

    def object(self) -> str:
        return f"{self.resource} {self.name} with {listing(key for key, _ in self.tags)}"

    async def call(self, cloud: Cloud) -> None:
        await cloud.ram.tag(self.resource, self.name, dict(self.tags))


@dataclass(frozen=True, slots=True)
class _Batch(_Worded):
    """A step for some instances of one region, up to what one call takes; each succeeds or fails on its own."""

    role: str
    instances: tuple[InstanceId, ...]

    @property
    def subjects(self) -> tuple[str, ...]:
        return tuple(map(str, self.instances))

    @property
    def effect(self) -> str:
        return f"{self.verbs[0]} {self.role}"

    def without(self, subjects: frozenset[str]) -> Self | None:
        left = tuple(instance for instance in self.instances if str(instance) not in subjects)
        return replace(self, instances=left) if left else None

    async def apply(self, cloud: Cloud) -> Failures:
        region = self.instances[0].region
        failures = await self.call(cloud, region, [instance.id for instance in self.instances])
        return {str(InstanceId(region, id_)): error for id_, error in failures.items()}

    async def call(self, cloud: Cloud, region: str, ids: list[str]) -> Failures:
        raise NotImplementedError

    def target(self) -> str:
        return str(self.instances[0]) if len(self.instances) == 1 else f"{len(self.instances)} instances"


@dataclass(frozen=True, slots=True)
class AttachRole(_Batch):
    """Attach a role to instances that have none; attached already is as good."""

    event, api, verbs = EventReason.ATTACHED, "AttachInstanceRamRole", ("attach", "attached")

    def object(self) -> str:
        return f"{self.role} to {self.target()}"

    async def call(self, cloud: Cloud, region: str, ids: list[str]) -> Failures:
        return await cloud.ecs.attach_role(region, self.role, ids)


@dataclass(frozen=True, slots=True)
class DetachRole(_Batch):
    """Detach a role from instances; detached already is as good."""

    event, api, verbs = EventReason.DETACHED, "DetachInstanceRamRole", ("detach", "detached")

    def object(self) -> str:
        return f"{self.role} from {self.target()}"

    async def call(self, cloud: Cloud, region: str, ids: list[str]) -> Failures:
        return await cloud.ecs.detach_role(region, self.role, ids)
