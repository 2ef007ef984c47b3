"""RamPolicy: a custom policy of the account, its document, description and tags.

RAM keeps five versions of a document; an edit makes a new default version and rotates out the oldest other one. What
the policy is attached to is the roles' business; here it only blocks the deletion.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ram_operator.cloud import Cloud, Entities, NewPolicy, Policy, PolicyName, PolicyType, Taggable
from ram_operator.errors import AlreadyExists, InvalidSpec, NotFound
from ram_operator.kinds import ownership
from ram_operator.kinds.names import RAM_POLICY
from ram_operator.kinds.ram_policy.drift import find_drift
from ram_operator.kinds.ram_policy.links import PolicyLinks
from ram_operator.kinds.ram_policy.steps import CreatePolicy, CreatePolicyVersion, DeletePolicy, UpdatePolicyDescription
from ram_operator.kinds.steps import tags_of
from ram_operator.kinds.surveys import Drift, Survey
from ram_operator.model import (
    RETAIN_INSTEAD,
    Body,
    Context,
    Facts,
    Hold,
    Json,
    Plan,
    Reason,
    Reference,
    Scope,
    StatusFields,
    Step,
    listing,
)
from ram_operator.rules.documents import canonical, check_policy, same_meaning
from ram_operator.rules.names import check_description, check_policy_name


@dataclass(frozen=True, slots=True)
class PolicySpec:
    """A parsed spec. `document` is the canonical JSON text; `description` None leaves RAM's as it is."""

    name: str
    document: str
    description: str | None
    tags: Mapping[str, str]
    unsupported: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DesiredPolicy:
    """What is wanted. `name` is None where RAM cannot have one of that name; `spec` is None when deleting."""

    name: str | None
    spec: PolicySpec | None
    facts: Facts


@dataclass(frozen=True, slots=True)
class ObservedPolicy:
    """What is there; None in its place means that nothing was read. `entities` are read only to explain a deletion."""

    policy: Policy | None = None
    tags: Mapping[str, str] | None = None
    entities: Entities | None = None


@dataclass(frozen=True, slots=True)
class RamPolicyKind:
    """The verbs of RamPolicy.

    Args:
        full_check: how often everything is read in detail although no list shows a change.
    """

    full_check: timedelta
    resource = RAM_POLICY
    links = PolicyLinks()

    def index(self) -> None:
        return None

    async def find_drift(self, objects: Sequence[Facts], survey: Survey) -> Drift:
        return await find_drift(objects, survey)

    def verified_at(self, status: StatusFields) -> datetime | None:
        return ownership.verified_at(status)

    def parse(self, body: Body) -> PolicySpec:
        spec: Mapping[str, Json] = body.get("spec") or {}
        name = spec.get("policyName") or body["metadata"]["name"]
        problems = (
            *check_policy_name(name, "spec.policyName" if "policyName" in spec else "metadata.name"),
            *check_policy(spec.get("document"), "spec.document"),
            *check_description(spec.get("description"), "spec.description"),
            *ownership.tag_problems(spec),
        )
        if problems:
            raise InvalidSpec(*problems)
        grants = spec.get("attachTo") or {}
        granted = ("attachTo",) if grants.get("users") or grants.get("groups") else ()
        return PolicySpec(
            name=name,
            document=canonical(spec["document"]),
            description=spec.get("description"),
            tags=spec.get("tags") or {},
            unsupported=ownership.unsupported(spec, ownership.DEFAULTS) + granted,
        )

    def retains(self, facts: Facts) -> bool:
        return ownership.retains(facts)

    def desire(self, spec: PolicySpec | None, stored: StatusFields, facts: Facts) -> DesiredPolicy:
        name = stored.get("policyName") or facts.me.spec.get("policyName") or facts.me.key.name
        if check_policy_name(name):
            name = None
        return DesiredPolicy(name, None if facts.me.deleting else spec, facts)

    async def observe(
        self,
        desired: DesiredPolicy,
        stored: StatusFields,
        scope: Scope,
        cloud: Cloud,
        before: ObservedPolicy | None = None,
    ) -> ObservedPolicy | None:
        if desired.name is None or (desired.spec and desired.spec.unsupported):
            return None
        ram, name = cloud.ram, PolicyName(PolicyType.CUSTOM, desired.name)
        try:
            if before and before.tags is not None and tags_of(desired.name) not in scope:
                policy, tags = await ram.get_policy(name), before.tags
            elif before or stored.get("defaultVersion"):
                policy, tags = await asyncio.gather(ram.get_policy(name), ram.list_tags(Taggable.POLICY, desired.name))
            else:
                # One after the other, since a policy that was not created yet has no tags to ask for.
                policy = await ram.get_policy(name)
                tags = await ram.list_tags(Taggable.POLICY, desired.name)
            attached = desired.spec is None and policy.attachment_count > 0
            entities = await ram.list_entities_for_policy(name) if attached else None
        except NotFound:
            return ObservedPolicy()
        return ObservedPolicy(policy, tags, entities)

    def plan(
        self, desired: DesiredPolicy, observed: ObservedPolicy | None, stored: StatusFields, context: Context
    ) -> Plan:
        if observed is None:
            unsupported = desired.spec.unsupported if desired.spec else ()
            return Plan(holds=ownership.not_supported_yet(f"policy {desired.name}", unsupported), fields=stored)
        if desired.spec is None:
            return replace(self._deletion(desired, observed, context), fields=stored)
        fields = self._fields(desired, observed, stored, context)
        return replace(self._corrections(desired, desired.spec, observed, context), fields=fields)

    def _corrections(
        self, desired: DesiredPolicy, spec: PolicySpec, observed: ObservedPolicy, context: Context
    ) -> Plan:
        subject = f"policy {desired.name}"
        if taken := ownership.name_taken(subject, desired.facts, observed.tags, context.owner):
            return Plan(holds=(taken,))
        if observed.policy is None or observed.tags is None:
            return self._creation(subject, spec, context)
        if hold := ownership.foreign(subject, observed.tags, context.owner):
            return Plan(holds=(hold,))
        return Plan(steps=_updates(spec, observed.policy, observed.tags, context))

    def _creation(self, subject: str, spec: PolicySpec, context: Context) -> Plan:
        # The two types of policies share their names: what is absent and yet exists is a system policy.
        if isinstance(context.outcome.error_of(spec.name), AlreadyExists):
            whose = "a policy that is not this account's own (a system policy)"
            message = f"{subject}: the name is taken by {whose}; choose another spec.policyName"
            return Plan(holds=(Hold(subject, Reason.NAME_TAKEN, message, ownership.RECHECK_SECONDS),))
        tags = {**spec.tags, **context.owner.tags()}
        return Plan(steps=(CreatePolicy(spec.name, NewPolicy(spec.name, spec.document, spec.description or "", tags)),))

    def _deletion(self, desired: DesiredPolicy, observed: ObservedPolicy, context: Context) -> Plan:
        if observed.policy is None or observed.tags is None:
            return Plan()
        if ownership.foreign("", observed.tags, context.owner):
            return Plan()
        subject = f"policy {observed.policy.name}"
        if observed.entities and (leaving := _leaving(observed.entities, desired.facts.referrers)):
            return Plan(holds=(ownership.waits_for(subject, leaving),))
        if observed.entities and (users := _users(observed.entities, desired.facts.referrers)):
            message = f"{subject} is attached to {listing(users)}; detach it there first, {RETAIN_INSTEAD}"
            return Plan(holds=(Hold(subject, Reason.IN_USE, message, ownership.RECHECK_SECONDS),))
        return Plan(steps=(DeletePolicy(observed.policy.name, observed.policy.name),))

    def _fields(
        self, desired: DesiredPolicy, observed: ObservedPolicy, stored: StatusFields, context: Context
    ) -> StatusFields:
        policy = observed.policy
        if policy is None or observed.tags is None or ownership.foreign("", observed.tags, context.owner):
            return {}
        seen = {
            "generation": desired.facts.generation,
            "updateDate": policy.update_date,
            "defaultVersion": policy.default_version,
            "attachmentCount": policy.attachment_count,
        }
        return {
            "policyName": policy.name,
            "origin": "Created",
            "defaultVersion": policy.default_version,
            "attachmentCount": policy.attachment_count,
            "verified": ownership.verified(seen, stored, context, self.full_check),
        }


def _updates(spec: PolicySpec, policy: Policy, tags: Mapping[str, str], context: Context) -> tuple[Step, ...]:
    steps: list[Step] = []
    if not same_meaning(policy.document, spec.document):
        steps.append(CreatePolicyVersion(policy.name, policy.name, spec.document))
    if spec.description is not None and policy.description != spec.description:
        steps.append(UpdatePolicyDescription(policy.name, policy.name, spec.description))
    missing = ownership.missing_tags(spec.tags, tags, context.owner)
    return (*steps, *ownership.tag_step(Taggable.POLICY, policy.name, missing))


def _leaving(entities: Entities, referrers: tuple[Reference, ...]) -> str:
    """The objects whose roles have the policy, if all of them are being deleted; else nothing."""
    leaving = {str(role.status.get("roleName", "")).lower(): str(role.key) for role in referrers if role.deleting}
    roles = {name.lower() for name in entities.roles}
    only_these = roles <= leaving.keys() and not (entities.users or entities.groups)
    return listing(leaving[name] for name in sorted(roles)) if only_these else ""


def _users(entities: Entities, referrers: tuple[Reference, ...]) -> list[str]:
    """Who uses the policy, in words: roles by the object that manages them, others as foreign."""
    managed = {str(role.status.get("roleName", "")).lower(): role.key for role in referrers}
    roles = [
        f"role {name} ({key})" if (key := managed.get(name.lower())) else f"role {name}, which no RamRole here manages"
        for name in entities.roles
    ]
    return [*roles, *(f"user {name}" for name in entities.users), *(f"group {name}" for name in entities.groups)]
