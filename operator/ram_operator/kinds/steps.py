"""Every write this operator can make, as data. Kinds plan them, `engine.applying` carries them out.

Each step is idempotent: applied twice, or again after a lost reply, it leaves the cloud as once. It also says what the
engine has to know of it: its intent, what it changes, and which permissions it takes. ARNs: the authorization tables of
the APIs' own pages (https://api.aliyun.com, RAM 2015-05-01, ECS 2014-05-26); region and account may be `*` in a policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from ram_operator.cloud import Cloud, NewPolicy, NewRole, PolicyName, PolicyType, RoleChange, Taggable
from ram_operator.errors import AlreadyExists, CloudError, NotFound
from ram_operator.model import Change, EventReason, InstanceId, Intent, listing

Failures = Mapping[str, CloudError]
PASS_ROLE = "ram:PassRole"
"""What AttachInstanceRamRole needs besides its own action, on the role."""


@dataclass(frozen=True, slots=True)
class _Worded:
    """A step in words: what is to be done and what was done differ in the verb alone."""

    event: ClassVar[EventReason]
    change: ClassVar[Change]
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
    def region(self) -> str:
        return ""

    @property
    def intent(self) -> Intent:
        return Intent.RELEASE if self.change in (Change.DELETE, Change.DETACH) else Intent.GRANT

    @property
    def effect(self) -> str:
        return self.todo()

    def arns(self) -> tuple[str, ...]:
        raise NotImplementedError

    def resources(self, subject: str) -> Mapping[str, tuple[str, ...]]:
        return {f"ram:{self.api}": self.arns()}

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

    def arns(self) -> tuple[str, ...]:
        return (role_arn(self.role), policy_arn(self.policy))


def attachment(role: str, policy: PolicyName) -> str:
    """The subject of attaching or detaching a policy."""
    return f"{role}/{policy}"


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
class CreateRole(_Whole):
    """Create a role with its tags. A name taken meanwhile is a failure: only an observation tells whose it is.

    `before` are the attachments that wait for it.
    """

    role: NewRole
    before: tuple[PolicyName, ...] = ()
    event, change = EventReason.ROLE_CREATED, Change.CREATE
    api, verbs = "CreateRole", ("create", "created")

    @property
    def subjects(self) -> tuple[str, ...]:
        return (self.role.name, *(attachment(self.role.name, policy) for policy in self.before))

    def arns(self) -> tuple[str, ...]:
        return (role_arn(self.role.name),)

    def object(self) -> str:
        return f"role {self.role.name}"

    async def call(self, cloud: Cloud) -> None:
        await cloud.ram.create_role(self.role)


@dataclass(frozen=True, slots=True)
class UpdateRole(_OnObject):
    """Change a role's trust document, description or session duration. `fields` names them for people."""

    name: str
    change_to: RoleChange
    fields: tuple[str, ...]
    event, change = EventReason.ROLE_UPDATED, Change.UPDATE
    api, verbs = "UpdateRole", ("update", "updated")

    @property
    def intent(self) -> Intent:
        return Intent.KEEP if self.change_to.trust is None else Intent.GRANT

    def arns(self) -> tuple[str, ...]:
        return (role_arn(self.name),)

    def object(self) -> str:
        return f"{' and '.join(self.fields)} of role {self.name}"

    async def call(self, cloud: Cloud) -> None:
        await cloud.ram.update_role(self.name, self.change_to)


@dataclass(frozen=True, slots=True)
class DeleteRole(_Whole):
    """Delete a role; gone already is as good. `after` are the attachments that it waits for."""

    name: str
    after: tuple[PolicyName, ...] = ()
    event, change = EventReason.ROLE_DELETED, Change.DELETE
    api, verbs = "DeleteRole", ("delete", "deleted")

    @property
    def subjects(self) -> tuple[str, ...]:
        return (self.name, *(attachment(self.name, policy) for policy in self.after))

    def arns(self) -> tuple[str, ...]:
        return (role_arn(self.name),)

    def object(self) -> str:
        return f"role {self.name}"

    async def call(self, cloud: Cloud) -> None:
        with suppress(NotFound):
            await cloud.ram.delete_role(self.name)


@dataclass(frozen=True, slots=True)
class CreatePolicy(_OnObject):
    """Create a custom policy with its tags. A name taken meanwhile is a failure, as for CreateRole."""

    policy: NewPolicy
    event, change = EventReason.POLICY_CREATED, Change.CREATE
    api, verbs = "CreatePolicy", ("create", "created")

    def arns(self) -> tuple[str, ...]:
        return (policy_arn(PolicyName(PolicyType.CUSTOM, self.policy.name)),)

    def object(self) -> str:
        return f"policy {self.policy.name}"

    async def call(self, cloud: Cloud) -> None:
        await cloud.ram.create_policy(self.policy)


@dataclass(frozen=True, slots=True)
class CreatePolicyVersion(_OnObject):
    """Make a document the policy's default version.

    Made twice, the document in force is the same, and RAM keeps one version more. A lost reply leads to no second one:
    the pipeline reads the policy again before it plans.
    """

    name: str
    document: str
    event, change = EventReason.VERSION_CREATED, Change.UPDATE
    api, verbs = "CreatePolicyVersion", ("create", "created")

    def arns(self) -> tuple[str, ...]:
        return (policy_arn(PolicyName(PolicyType.CUSTOM, self.name)),)

    def object(self) -> str:
        return f"a new default version of policy {self.name}, whose document differs"

    async def call(self, cloud: Cloud) -> None:
        await cloud.ram.create_policy_version(self.name, self.document)


@dataclass(frozen=True, slots=True)
class UpdatePolicyDescription(_OnObject):
    """Change a custom policy's description."""

    name: str
    description: str
    event, change = EventReason.POLICY_UPDATED, Change.UPDATE
    api, verbs = "UpdatePolicyDescription", ("update", "updated")

    @property
    def intent(self) -> Intent:
        return Intent.KEEP

    def arns(self) -> tuple[str, ...]:
        return (policy_arn(PolicyName(PolicyType.CUSTOM, self.name)),)

    def object(self) -> str:
        return f"description of policy {self.name}"

    async def call(self, cloud: Cloud) -> None:
        await cloud.ram.update_policy_description(self.name, self.description)


@dataclass(frozen=True, slots=True)
class DeletePolicy(_OnObject):
    """Delete a custom policy with its versions; gone already is as good."""

    name: str
    event, change = EventReason.POLICY_DELETED, Change.DELETE
    api, verbs = "DeletePolicy", ("delete", "deleted")

    def arns(self) -> tuple[str, ...]:
        return (policy_arn(PolicyName(PolicyType.CUSTOM, self.name)),)

    def object(self) -> str:
        return f"policy {self.name}"

    async def call(self, cloud: Cloud) -> None:
        with suppress(NotFound):
            await cloud.ram.delete_policy(self.name)


@dataclass(frozen=True, slots=True)
class AttachPolicy(_OnAttachment):
    """Attach a policy to a role; attached already is as good."""

    event, change = EventReason.POLICY_ATTACHED, Change.ATTACH
    api, verbs = "AttachPolicyToRole", ("attach", "attached")

    def object(self) -> str:
        return f"policy {self.policy} to role {self.role}"

    async def call(self, cloud: Cloud) -> None:
        with suppress(AlreadyExists):
            await cloud.ram.attach_policy_to_role(self.policy, self.role)


@dataclass(frozen=True, slots=True)
class DetachPolicy(_OnAttachment):
    """Detach a policy from a role; detached already is as good."""

    event, change = EventReason.POLICY_DETACHED, Change.DETACH
    api, verbs = "DetachPolicyFromRole", ("detach", "detached")

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
    event, change = EventReason.TAGGED, Change.TAG
    api, verbs = "TagResources", ("tag", "tagged")

    @property
    def intent(self) -> Intent:
        return Intent.KEEP

    def arns(self) -> tuple[str, ...]:
        role = self.resource is Taggable.ROLE
        return (role_arn(self.name) if role else policy_arn(PolicyName(PolicyType.CUSTOM, self.name)),)

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
    def region(self) -> str:
        return self.instances[0].region

    @property
    def effect(self) -> str:
        return f"{self.verbs[0]} {self.role}"

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
class AttachRole(_Batch):
    """Attach a role to instances that have none; attached already is as good."""

    intent: Intent = Intent.GRANT

    event, change = EventReason.ATTACHED, Change.ATTACH
    api, verbs = "AttachInstanceRamRole", ("attach", "attached")

    def object(self) -> str:
        return f"{self.role} to {self.target()}"

    def resources(self, subject: str) -> Mapping[str, tuple[str, ...]]:
        role = role_arn(self.role)
        return {f"ecs:{self.api}": (instance_arn(InstanceId.of(subject)), role), PASS_ROLE: (role,)}

    async def call(self, cloud: Cloud, ids: list[str]) -> Failures:
        return await cloud.ecs.attach_role(self.region, self.role, ids)


@dataclass(frozen=True, slots=True)
class DetachRole(_Batch):
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
