"""Every write this operator can make, as data. Kinds plan them, `engine.reconciler` applies them.

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
class _Whole:
    """A step with one subject: it is done or it is not."""

    subject: str
    event: ClassVar[EventReason]
    api: ClassVar[str]

    @property
    def subjects(self) -> tuple[str, ...]:
        return (self.subject,)

    def without(self, subjects: frozenset[str]) -> Self | None:
        return None if self.subject in subjects else self


@dataclass(frozen=True, slots=True)
class CreateRole(_Whole):
    """Create a role with its tags. A name taken meanwhile is a failure: only an observation tells whose it is."""

    role: NewRole
    event = EventReason.ROLE_CREATED
    api = "CreateRole"

    async def apply(self, cloud: Cloud) -> Failures:
        await cloud.ram.create_role(self.role)
        return {}

    def todo(self) -> str:
        return f"create role {self.role.name}"

    def done(self) -> str:
        return f"created role {self.role.name}"


@dataclass(frozen=True, slots=True)
class UpdateRole(_Whole):
    """Change a role's trust document, description or session duration. `fields` names them for people."""

    name: str
    change: RoleChange
    fields: tuple[str, ...]
    event = EventReason.ROLE_UPDATED
    api = "UpdateRole"

    async def apply(self, cloud: Cloud) -> Failures:
        await cloud.ram.update_role(self.name, self.change)
        return {}

    def todo(self) -> str:
        return f"update {' and '.join(self.fields)} of role {self.name}"

    def done(self) -> str:
        return f"updated {' and '.join(self.fields)} of role {self.name}"


@dataclass(frozen=True, slots=True)
class DeleteRole(_Whole):
    """Delete a role; gone already is as good."""

    name: str
    event = EventReason.ROLE_DELETED
    api = "DeleteRole"

    async def apply(self, cloud: Cloud) -> Failures:
        with suppress(NotFound):
            await cloud.ram.delete_role(self.name)
        return {}

    def todo(self) -> str:
        return f"delete role {self.name}"

    def done(self) -> str:
        return f"deleted role {self.name}"


@dataclass(frozen=True, slots=True)
class CreatePolicy(_Whole):
    """Create a custom policy with its tags. A name taken meanwhile is a failure, as for CreateRole."""

    policy: NewPolicy
    event = EventReason.POLICY_CREATED
    api = "CreatePolicy"

    async def apply(self, cloud: Cloud) -> Failures:
        await cloud.ram.create_policy(self.policy)
        return {}

    def todo(self) -> str:
        return f"create policy {self.policy.name}"

    def done(self) -> str:
        return f"created policy {self.policy.name}"


@dataclass(frozen=True, slots=True)
class CreatePolicyVersion(_Whole):
    """Make a document the policy's default version.

    It reads before it writes: a version made by a call whose reply was lost must not be made a second time, since RAM
    keeps five versions and each extra one rotates out a piece of history.
    """

    name: str
    document: str
    event = EventReason.VERSION_CREATED
    api = "CreatePolicyVersion"

    async def apply(self, cloud: Cloud) -> Failures:
        policy = await cloud.ram.get_policy(PolicyName(PolicyType.CUSTOM, self.name))
        if not same_meaning(policy.document, self.document):
            await cloud.ram.create_policy_version(self.name, self.document)
        return {}

    def todo(self) -> str:
        return f"create a new default version of policy {self.name}"

    def done(self) -> str:
        return f"created a new default version of policy {self.name}: document changed"


@dataclass(frozen=True, slots=True)
class UpdatePolicyDescription(_Whole):
    """Change a custom policy's description."""

    name: str
    description: str
    event = EventReason.POLICY_UPDATED
    api = "UpdatePolicyDescription"

    async def apply(self, cloud: Cloud) -> Failures:
        await cloud.ram.update_policy_description(self.name, self.description)
        return {}

    def todo(self) -> str:
        return f"update description of policy {self.name}"

    def done(self) -> str:
        return f"updated description of policy {self.name}"


@dataclass(frozen=True, slots=True)
class DeletePolicy(_Whole):
    """Delete a custom policy with its versions; gone already is as good."""

    name: str
    event = EventReason.POLICY_DELETED
    api = "DeletePolicy"

    async def apply(self, cloud: Cloud) -> Failures:
        with suppress(NotFound):
            await cloud.ram.delete_policy(self.name)
        return {}

    def todo(self) -> str:
        return f"delete policy {self.name}"

    def done(self) -> str:
        return f"deleted policy {self.name}"


@dataclass(frozen=True, slots=True)
class AttachPolicy(_Whole):
    """Attach a policy to a role; attached already is as good."""

    policy: PolicyName
    role: str
    event = EventReason.POLICY_ATTACHED
    api = "AttachPolicyToRole"

    async def apply(self, cloud: Cloud) -> Failures:
        with suppress(AlreadyExists):
            await cloud.ram.attach_policy_to_role(self.policy, self.role)
        return {}

    def todo(self) -> str:
        return f"attach policy {self.policy} to role {self.role}"

    def done(self) -> str:
        return f"attached policy {self.policy} to role {self.role}"


@dataclass(frozen=True, slots=True)
class DetachPolicy(_Whole):
    """Detach a policy from a role; detached already is as good."""

    policy: PolicyName
    role: str
    event = EventReason.POLICY_DETACHED
    api = "DetachPolicyFromRole"

    async def apply(self, cloud: Cloud) -> Failures:
        with suppress(NotFound):
            await cloud.ram.detach_policy_from_role(self.policy, self.role)
        return {}

    def todo(self) -> str:
        return f"detach policy {self.policy} from role {self.role}"

    def done(self) -> str:
        return f"detached policy {self.policy} from role {self.role}"


@dataclass(frozen=True, slots=True)
class Tag(_Whole):
    """Add or overwrite tags of a role or policy."""

    resource: Taggable
    name: str
    tags: tuple[tuple[str, str], ...]
    event = EventReason.TAGGED
    api = "TagResources"

    async def apply(self, cloud: Cloud) -> Failures:
        await cloud.ram.tag(self.resource, self.name, dict(self.tags))
        return {}

    def todo(self) -> str:
        return f"tag {self.resource} {self.name} with {listing(key for key, _ in self.tags)}"

    def done(self) -> str:
        return f"tagged {self.resource} {self.name} with {listing(key for key, _ in self.tags)}"


@dataclass(frozen=True, slots=True)
class _Batch:
    """A step for some instances of one region, up to what one call takes; each succeeds or fails on its own."""

    role: str
    instances: tuple[InstanceId, ...]

    @property
    def subjects(self) -> tuple[str, ...]:
        return tuple(map(str, self.instances))

    def without(self, subjects: frozenset[str]) -> Self | None:
        left = tuple(instance for instance in self.instances if str(instance) not in subjects)
        return replace(self, instances=left) if left else None

    @property
    def _ids(self) -> list[str]:
        return [instance.id for instance in self.instances]

    @property
    def _region(self) -> str:
        return self.instances[0].region

    def _by_subject(self, failures: Failures) -> Failures:
        return {str(InstanceId(self._region, key)): error for key, error in failures.items()}

    def _what(self) -> str:
        return str(self.instances[0]) if len(self.instances) == 1 else f"{len(self.instances)} instances"


@dataclass(frozen=True, slots=True)
class AttachRole(_Batch):
    """Attach a role to instances that have none; attached already is as good."""

    event: ClassVar[EventReason] = EventReason.ATTACHED
    api: ClassVar[str] = "AttachInstanceRamRole"

    async def apply(self, cloud: Cloud) -> Failures:
        return self._by_subject(await cloud.ecs.attach_role(self._region, self.role, self._ids))

    def todo(self) -> str:
        return f"attach {self.role} to {self._what()}"

    def done(self) -> str:
        return f"attached {self.role} to {self._what()}"


@dataclass(frozen=True, slots=True)
class DetachRole(_Batch):
    """Detach a role from instances; detached already is as good."""

    event: ClassVar[EventReason] = EventReason.DETACHED
    api: ClassVar[str] = "DetachInstanceRamRole"

    async def apply(self, cloud: Cloud) -> Failures:
        return self._by_subject(await cloud.ecs.detach_role(self._region, self.role, self._ids))

    def todo(self) -> str:
        return f"detach {self.role} from {self._what()}"

    def done(self) -> str:
        return f"detached {self.role} from {self._what()}"
