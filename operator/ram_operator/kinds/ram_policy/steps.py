"""The writes for a custom policy."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

from ram_operator.cloud import Cloud, Grantee, NewPolicy, PolicyName, PolicyType
from ram_operator.errors import AlreadyExists, NotFound
from ram_operator.kinds.steps import ObjectStep, WholeStep, difference, policy_arn
from ram_operator.model import Change, EventReason, Intent


@dataclass(frozen=True, slots=True)
class CreatePolicy(ObjectStep):
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
class CreatePolicyVersion(ObjectStep):
    """Make a document the policy's default version.

    Made twice, the document in force is the same, and RAM keeps one version more. A lost reply leads to no second one:
    the pipeline reads the policy again before it plans.
    """

    name: str
    document: str
    before: str = field(default="", compare=False)
    event, change = EventReason.VERSION_CREATED, Change.UPDATE
    api, verbs = "CreatePolicyVersion", ("create", "created")

    def arns(self) -> tuple[str, ...]:
        return (policy_arn(PolicyName(PolicyType.CUSTOM, self.name)),)

    def object(self) -> str:
        return f"a new default version of policy {self.name}, whose document differs"

    def todo(self) -> str:
        return f"{self.effect} ({difference('document', self.before, self.document)})" if self.before else self.effect

    async def call(self, cloud: Cloud) -> None:
        await cloud.ram.create_policy_version(self.name, self.document)


@dataclass(frozen=True, slots=True)
class UpdatePolicyDescription(ObjectStep):
    """Change a custom policy's description."""

    name: str
    description: str
    before: str | None = field(default=None, compare=False)
    event, change = EventReason.POLICY_UPDATED, Change.UPDATE
    api, verbs = "UpdatePolicyDescription", ("update", "updated")

    @property
    def intent(self) -> Intent:
        return Intent.KEEP

    def arns(self) -> tuple[str, ...]:
        return (policy_arn(PolicyName(PolicyType.CUSTOM, self.name)),)

    def object(self) -> str:
        return f"description of policy {self.name}"

    def todo(self) -> str:
        if self.before is None:
            return self.effect
        return f"{self.effect} ({difference('description', self.before, self.description)})"

    async def call(self, cloud: Cloud) -> None:
        await cloud.ram.update_policy_description(self.name, self.description)


@dataclass(frozen=True, slots=True)
class DeletePolicy(ObjectStep):
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
class _GrantStep(WholeStep):
    """A step on one grantee of a policy. Its subject is the pair: a user that does not exist stops no other."""

    policy: PolicyName
    grantee: Grantee

    @property
    def subjects(self) -> tuple[str, ...]:
        return (grant(self.policy, self.grantee),)

    def arns(self) -> tuple[str, ...]:
        return (f"acs:ram:*:*:{self.grantee.kind}/{self.grantee.name}", policy_arn(self.policy))

    def object(self) -> str:
        return f"policy {self.policy} {'to' if self.change is Change.ATTACH else 'from'} {self.grantee}"


def grant(policy: PolicyName, grantee: Grantee) -> str:
    """The subject of attaching a policy to a grantee, or detaching it."""
    return f"{policy}/{grantee}"


@dataclass(frozen=True, slots=True)
class Grant(_GrantStep):
    """Attach a policy to a user, group or role; attached already is as good."""

    event, change = EventReason.POLICY_ATTACHED, Change.ATTACH
    verbs = ("attach", "attached")

    @property
    def api(self) -> str:  # type: ignore[override]
        return f"AttachPolicyTo{self.grantee.kind.title()}"

    async def call(self, cloud: Cloud) -> None:
        with suppress(AlreadyExists):
            await cloud.ram.attach_policy(self.policy, self.grantee)


@dataclass(frozen=True, slots=True)
class Revoke(_GrantStep):
    """Detach a policy from a user, group or role; detached already, or a grantee that is gone, is as good."""

    event, change = EventReason.POLICY_DETACHED, Change.DETACH
    verbs = ("detach", "detached")

    @property
    def api(self) -> str:  # type: ignore[override]
        return f"DetachPolicyFrom{self.grantee.kind.title()}"

    async def call(self, cloud: Cloud) -> None:
        with suppress(NotFound):
            await cloud.ram.detach_policy(self.policy, self.grantee)
