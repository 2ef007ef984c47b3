"""The writes for a role: itself, and the policies that are attached to it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from ram_operator.cloud import Cloud, NewRole, PolicyName, RoleChange
from ram_operator.errors import AlreadyExists, NotFound
from ram_operator.kinds.steps import ObjectStep, WholeStep, policy_arn, role_arn
from ram_operator.model import Change, EventReason, Intent, listing


def attachment(role: str, policy: PolicyName) -> str:
    """The subject of attaching or detaching a policy."""
    return f"{role}/{policy}"


def _letting_in(names: Sequence[str]) -> str:
    """Whom a role lets in that it did not before, for the event that tells of it."""
    return f", which now lets in {listing(names)} besides ECS" if names else ""


@dataclass(frozen=True, slots=True)
class _AttachmentStep(WholeStep):
    """A step on one policy of a role. Its subject is the pair: a policy that cannot be attached stops no other."""

    policy: PolicyName
    role: str

    @property
    def subjects(self) -> tuple[str, ...]:
        return (attachment(self.role, self.policy),)

    def arns(self) -> tuple[str, ...]:
        return (role_arn(self.role), policy_arn(self.policy))


@dataclass(frozen=True, slots=True)
class CreateRole(WholeStep):
    """Create a role with its tags. A name taken meanwhile is a failure: only an observation tells whose it is.

    `before` are the attachments that wait for it, `trusts` those besides ECS whom it lets assume the role.
    """

    role: NewRole
    before: tuple[PolicyName, ...] = ()
    trusts: tuple[str, ...] = field(default=(), compare=False)
    event, change = EventReason.ROLE_CREATED, Change.CREATE
    api, verbs = "CreateRole", ("create", "created")

    @property
    def subjects(self) -> tuple[str, ...]:
        return (self.role.name, *(attachment(self.role.name, policy) for policy in self.before))

    def arns(self) -> tuple[str, ...]:
        return (role_arn(self.role.name),)

    def object(self) -> str:
        return f"role {self.role.name}"

    def done(self) -> str:
        return f"created {self.object()}{_letting_in(self.trusts)}"

    async def call(self, cloud: Cloud) -> None:
        await cloud.ram.create_role(self.role)


@dataclass(frozen=True, slots=True)
class UpdateRole(ObjectStep):
    """Change a role's trust document, description or session duration.

    `fields` names them for people, `differences` tells what they are and become, `trusts` those besides ECS whom it
    lets assume the role from now on.
    """

    name: str
    change_to: RoleChange
    fields: tuple[str, ...]
    differences: tuple[str, ...] = field(default=(), compare=False)
    trusts: tuple[str, ...] = field(default=(), compare=False)
    event, change = EventReason.ROLE_UPDATED, Change.UPDATE
    api, verbs = "UpdateRole", ("update", "updated")

    @property
    def intent(self) -> Intent:
        return Intent.KEEP if self.change_to.trust is None else Intent.GRANT

    def arns(self) -> tuple[str, ...]:
        return (role_arn(self.name),)

    @property
    def effect(self) -> str:
        # Whichever fields differ: a role that is changed back again and again is contended by all of them.
        return f"update role {self.name}"

    def object(self) -> str:
        return f"{' and '.join(self.fields)} of role {self.name}"

    def todo(self) -> str:
        return f"{self.effect} ({'; '.join(self.differences)})" if self.differences else self.effect

    def done(self) -> str:
        return f"updated {self.object()}{_letting_in(self.trusts)}"

    async def call(self, cloud: Cloud) -> None:
        await cloud.ram.update_role(self.name, self.change_to)


@dataclass(frozen=True, slots=True)
class DeleteRole(WholeStep):
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
class AttachPolicy(_AttachmentStep):
    """Attach a policy to a role; attached already is as good."""

    event, change = EventReason.POLICY_ATTACHED, Change.ATTACH
    api, verbs = "AttachPolicyToRole", ("attach", "attached")

    def object(self) -> str:
        return f"policy {self.policy} to role {self.role}"

    async def call(self, cloud: Cloud) -> None:
        with suppress(AlreadyExists):
            await cloud.ram.attach_policy_to_role(self.policy, self.role)


@dataclass(frozen=True, slots=True)
class DetachPolicy(_AttachmentStep):
    """Detach a policy from a role; detached already is as good."""

    event, change = EventReason.POLICY_DETACHED, Change.DETACH
    api, verbs = "DetachPolicyFromRole", ("detach", "detached")

    def object(self) -> str:
        return f"policy {self.policy} from role {self.role}"

    async def call(self, cloud: Cloud) -> None:
        with suppress(NotFound):
            await cloud.ram.detach_policy_from_role(self.policy, self.role)
