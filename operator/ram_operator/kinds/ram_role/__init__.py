"""RamRole: a role, who may assume it, and which policies are attached to it.

Attaching is additive: what others attached is left alone, and only what `status.managedPolicies` claims is ever
detached. While a reference is unresolved nothing is detached at all: the last good state stays in force.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from ram_operator.cloud import Cloud, EcsApi, NewRole, PolicyName, PolicyType, RamApi, Role, RoleChange, Taggable
from ram_operator.errors import CloudError, InvalidSpec, NotFound
from ram_operator.kinds import ownership
from ram_operator.kinds.names import RAM_ROLE
from ram_operator.kinds.ram_role import attachments
from ram_operator.kinds.ram_role.drift import find_drift
from ram_operator.kinds.ram_role.links import RoleLinks
from ram_operator.kinds.ram_role.steps import AttachPolicy, CreateRole, DeleteRole, DetachPolicy, UpdateRole
from ram_operator.kinds.steps import tags_of
from ram_operator.kinds.surveys import Drift, Survey
from ram_operator.model import (
    RETAIN_INSTEAD,
    Body,
    Context,
    Facts,
    Hold,
    Json,
    Ownership,
    Plan,
    Reason,
    Reference,
    Scope,
    StatusFields,
    Step,
    Unreadable,
    listing,
)
from ram_operator.rules.documents import canonical, check_services, check_trust, same_meaning, trust_for_services
from ram_operator.rules.names import check_description, check_role_name, check_session_seconds

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PolicyLimits:
    """How many policies a role takes: RAM's quotas, 20 system and 10 custom ones unless the account has other."""

    system: int = 20
    custom: int = 10


@dataclass(frozen=True, slots=True)
class RoleSpec:
    """A parsed spec. `trust` is canonical JSON text; `policies` are the entries of the spec, each with one key."""

    name: str
    trust: str
    description: str | None
    session_seconds: int
    policies: tuple[Mapping[str, Json], ...]
    tags: Mapping[str, str]
    unsupported: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DesiredRole:
    """What is wanted. `policies` are those that can be attached now, `holds` say what the others wait for.

    `leaving` are policies that must not be attached any more but count where they still are; `awaited` is the number of
    all those waited for.
    """

    name: str | None
    spec: RoleSpec | None
    facts: Facts
    policies: tuple[PolicyName, ...] = ()
    holds: tuple[Hold, ...] = ()
    leaving: tuple[PolicyName, ...] = ()
    awaited: int = 0


@dataclass(frozen=True, slots=True)
class ObservedRole:
    """What is there; None in its place means that nothing was read.

    `instances` are those that have the role, read only when deleting; `unreadable` are regions that gave no answer.
    """

    role: Role | None = None
    tags: Mapping[str, str] | None = None
    attached: tuple[PolicyName, ...] = ()
    instances: tuple[str, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()


@dataclass(frozen=True, slots=True)
class RamRoleKind:
    """The verbs of RamRole.

    Args:
        full_check: how often everything is read in detail although no list shows a change.
        limits: policies per role.
    """

    full_check: timedelta
    limits: PolicyLimits = PolicyLimits()
    resource = RAM_ROLE
    links = RoleLinks()

    def index(self) -> None:
        return None

    async def find_drift(self, objects: Sequence[Facts], survey: Survey) -> Drift:
        return await find_drift(objects, survey)

    def verified_at(self, status: StatusFields) -> datetime | None:
        return ownership.verified_at(status)

    def parse(self, body: Body) -> RoleSpec:
        spec: Mapping[str, Json] = body.get("spec") or {}
        name = spec.get("roleName") or body["metadata"]["name"]
        trust, trust_problems = _trust(spec)
        policies = tuple(spec.get("policies") or ())
        problems = (
            *check_role_name(name, "spec.roleName" if "roleName" in spec else "metadata.name"),
            *trust_problems,
            *attachments.problems(policies),
            *check_description(spec.get("description"), "spec.description"),
            *check_session_seconds(spec.get("maxSessionDurationSeconds"), "spec.maxSessionDurationSeconds"),
            *ownership.tag_problems(spec),
        )
        if problems:
            raise InvalidSpec(*problems)
        return RoleSpec(
            name=name,
            trust=canonical(trust),
            description=spec.get("description"),
            session_seconds=spec.get("maxSessionDurationSeconds") or 3600,
            policies=policies,
            tags=spec.get("tags") or {},
            unsupported=ownership.unsupported(spec, {**ownership.DEFAULTS, "policyAttachment": "Additive"}),
        )

    def retains(self, facts: Facts) -> bool:
        return ownership.retains(facts)

    def desire(self, spec: RoleSpec | None, stored: StatusFields, facts: Facts) -> DesiredRole:
        name = stored.get("roleName") or facts.me.spec.get("roleName") or facts.me.key.name
        if check_role_name(name):
            name = None
        if facts.me.deleting or spec is None:
            return DesiredRole(name, None, facts)
        found = attachments.resolve(spec.policies, facts)
        holds = (*found.holds, *self._over_limit(found.policies))
        return DesiredRole(name, spec, facts, found.policies, holds, found.leaving, found.awaited)

    def _over_limit(self, policies: tuple[PolicyName, ...]) -> tuple[Hold, ...]:
        limits = {PolicyType.SYSTEM: self.limits.system, PolicyType.CUSTOM: self.limits.custom}
        counts = {kind: sum(policy.type is kind for policy in policies) for kind in limits}
        return tuple(
            Hold(
                "spec.policies",
                Reason.INVALID_SPEC,
                f"spec.policies: {counts[kind]} {kind.value.lower()} policies, RAM allows {limit} a role; remove some",
            )
            for kind, limit in limits.items()
            if counts[kind] > limit
        )

    async def observe(
        self,
        desired: DesiredRole,
        stored: StatusFields,
        scope: Scope,
        cloud: Cloud,
        before: ObservedRole | None = None,
    ) -> ObservedRole | None:
        if desired.name is None or (desired.spec and desired.spec.unsupported):
            return None
        try:
            if before and before.role and before.tags is not None:
                found = await _read_again(before, before.role, before.tags, desired.name, scope, cloud.ram)
            else:
                found = await _read(desired.name, cloud.ram, exists=bool(before or stored.get("arn")))
        except NotFound:
            return ObservedRole()
        if desired.spec or _users(desired.facts):
            return found
        return await _with_instances(found, desired.name, cloud.ecs)

    def plan(self, desired: DesiredRole, observed: ObservedRole | None, stored: StatusFields, context: Context) -> Plan:
        if observed is None:
            unsupported = desired.spec.unsupported if desired.spec else ()
            return Plan(holds=ownership.not_supported_yet(f"role {desired.name}", unsupported), fields=stored)
        if desired.spec is None:
            fields = attachments.of_deleted(stored, context.outcome)
            return replace(self._deletion(desired, observed, stored, context), fields=fields)
        fields = self._fields(desired, observed, stored, context)
        return replace(self._corrections(desired, desired.spec, observed, stored, context), fields=fields)

    def _corrections(
        self, desired: DesiredRole, spec: RoleSpec, observed: ObservedRole, stored: StatusFields, context: Context
    ) -> Plan:
        subject = f"role {desired.name}"
        kept = attachments.stored_entries(stored)
        if taken := ownership.name_taken(subject, desired.facts, observed.tags, context.owner):
            return Plan(holds=(taken,), entries=kept)
        if observed.tags is not None and (hold := ownership.foreign(subject, observed.tags, context.owner)):
            return Plan(holds=(hold,), entries=kept)
        shown, outcome = observed.attached if observed.role else None, context.outcome
        if any(hold.reason is Reason.INVALID_SPEC for hold in desired.holds):
            kept = attachments.entries(spec.name, desired.policies, shown, (), stored, outcome)
            return Plan(holds=desired.holds, entries=kept)
        attached = {policy.folded for policy in observed.attached}
        wanted = {policy.folded for policy in desired.policies}
        attach = tuple(policy for policy in desired.policies if policy.folded not in attached)
        superfluous = tuple(policy for policy in attachments.managed(stored) if policy.folded not in wanted)
        # What we attached may be there although RAM does not show it yet.
        present = attached | attachments.unconfirmed(stored, outcome)
        detach = () if desired.holds else tuple(policy for policy in superfluous if policy.folded in present)
        # A cluster that is succeeded leaves its tags but no status: what it attached is taken over with the role.
        inherited = observed.tags is not None and context.owner.judge(observed.tags) is Ownership.INHERITED
        claimed = desired.policies if inherited else attach
        absent, absences = attachments.absent(attach, desired.facts, outcome)
        steps: list[Step] = _role_steps(spec, observed, attach, context)
        name = observed.role.name if observed.role else spec.name
        steps += (AttachPolicy(policy, name) for policy in attach if policy not in absent)
        steps += (DetachPolicy(policy, name) for policy in detach)
        entries = attachments.entries(name, desired.policies, shown, claimed, stored, outcome)
        return Plan(steps=tuple(steps), holds=(*desired.holds, *absences), entries=entries)

    def _deletion(self, desired: DesiredRole, observed: ObservedRole, stored: StatusFields, context: Context) -> Plan:
        if observed.role is None or observed.tags is None or ownership.foreign("", observed.tags, context.owner):
            return Plan()
        name = observed.role.name
        managed = {policy.folded for policy in attachments.managed(stored)}
        foreign = [str(policy) for policy in observed.attached if policy.folded not in managed]
        if users := _users(desired.facts):
            bindings = listing(str(binding.key) for binding in users)
            if all(binding.deleting for binding in users):
                return Plan(holds=(ownership.waits_for(f"role {name}", bindings),))
            return _in_use(name, f"bound by {bindings}; delete {'them' if len(users) > 1 else 'it'} first", None)
        if observed.instances:
            instances = listing(observed.instances)
            count = len(observed.instances)
            have = f"{count} instances have it" if count > 1 else "1 instance has it"
            return _in_use(name, f"{have}: {instances}; detach it there first")
        if observed.unreadable:
            return Plan(unreadable=observed.unreadable)
        if foreign:
            return _in_use(name, f"policies that others attached to it: {listing(foreign)}; detach them first")
        attached = {policy.folded for policy in observed.attached}
        unconfirmed = attachments.unconfirmed(stored, context.outcome) - attached
        unread = (policy for policy in attachments.managed(stored) if policy.folded in unconfirmed)
        detach = (*observed.attached, *unread)
        return Plan(steps=(*(DetachPolicy(policy, name) for policy in detach), DeleteRole(name, detach)))

    def _fields(
        self, desired: DesiredRole, observed: ObservedRole, stored: StatusFields, context: Context
    ) -> StatusFields:
        role, tags = observed.role, observed.tags
        if role is None or tags is None or ownership.foreign("", tags, context.owner):
            return {}
        attached = {policy.folded for policy in observed.attached}
        wanted = {policy.folded for policy in desired.policies}
        summed = wanted | {policy.folded for policy in desired.leaving}
        seen = {"generation": desired.facts.generation, "updateDate": role.update_date}
        counts = {"attached": len(summed & attached), "wanted": len(wanted) + desired.awaited}
        return {
            "roleName": role.name,
            "roleId": role.role_id,
            "arn": role.arn,
            "origin": "Created",
            "policyCounts": counts,
            "policySummary": f"{counts['attached']}/{counts['wanted']}",
            "verified": ownership.verified(seen, stored, context, self.full_check),
        }


async def _read(name: str, ram: RamApi, *, exists: bool) -> ObservedRole:
    """Read a role; one that probably does not `exist` yet has no tags and policies to ask for."""
    if exists:
        role, tags, attached = await asyncio.gather(
            ram.get_role(name), ram.list_tags(Taggable.ROLE, name), ram.list_policies_for_role(name)
        )
        return ObservedRole(role, tags, attached)
    role = await ram.get_role(name)
    tags, attached = await asyncio.gather(ram.list_tags(Taggable.ROLE, name), ram.list_policies_for_role(name))
    return ObservedRole(role, tags, attached)


async def _read_again(
    before: ObservedRole, role: Role, tags: Mapping[str, str], name: str, scope: Scope, ram: RamApi
) -> ObservedRole:
    """Read of a role what was touched: the role itself, its tags, its policies."""
    of_policies = scope.subjects is None or scope.subjects - {name, tags_of(name)}
    role, tags, attached = await asyncio.gather(
        ram.get_role(name) if name in scope else _value(role),
        ram.list_tags(Taggable.ROLE, name) if tags_of(name) in scope else _value(tags),
        ram.list_policies_for_role(name) if of_policies else _value(before.attached),
    )
    return ObservedRole(role, tags, attached)


async def _value(value: T) -> T:
    return value


def _trust(spec: Mapping[str, Json]) -> tuple[Json, tuple[str, ...]]:
    """The trust document that the spec asks for, and its problems."""
    trust = spec.get("trust") or {"services": ["ecs.aliyuncs.com"]}
    if "document" in trust:
        both = ("spec.trust: write services or document, not both",) if "services" in trust else ()
        return trust["document"], (*both, *check_trust(trust["document"], "spec.trust.document"))
    services = trust.get("services") or []
    if not services:
        return {}, ("spec.trust.services: is empty; write [ecs.aliyuncs.com]",)
    return trust_for_services(services), check_services(services, "spec.trust.services")


def _role_steps(spec: RoleSpec, observed: ObservedRole, attach: tuple[PolicyName, ...], context: Context) -> list[Step]:
    """The steps for the role itself: create it, or correct its fields and tags."""
    if observed.role is None or observed.tags is None:
        tags = {**spec.tags, **context.owner.tags()}
        role = NewRole(spec.name, spec.trust, spec.description or "", spec.session_seconds, tags)
        return [CreateRole(role, attach)]
    role_now = observed.role
    trust = spec.trust if not same_meaning(role_now.trust, spec.trust) else None
    described = spec.description is not None and spec.description != role_now.description
    fields = (
        *(("trust document",) if trust else ()),
        *(("description",) if described else ()),
        *(("session duration",) if spec.session_seconds != role_now.max_session_seconds else ()),
    )
    change = RoleChange(spec.session_seconds, trust, spec.description if described else None)
    update: list[Step] = [UpdateRole(spec.name, role_now.name, change, fields)] if fields else []
    missing = ownership.missing_tags(spec.tags, observed.tags, context.owner)
    return [*update, *ownership.tag_step(Taggable.ROLE, role_now.name, missing)]


async def _with_instances(found: ObservedRole, role: str, ecs: EcsApi) -> ObservedRole:
    """With the instances of all regions that have the role: RAM itself would delete it under them."""
    regions = await ecs.describe_regions()
    answers = await asyncio.gather(*(_instances_in(region, role, ecs) for region in regions))
    instances = tuple(one for answer in answers if not isinstance(answer, Unreadable) for one in answer)
    unreadable = tuple(answer for answer in answers if isinstance(answer, Unreadable))
    return replace(found, instances=instances, unreadable=unreadable)


async def _instances_in(region: str, role: str, ecs: EcsApi) -> tuple[str, ...] | Unreadable:
    try:
        return tuple(f"{region}.{id_}" for id_ in await ecs.instances_with_role(region, role))
    except CloudError as error:
        return Unreadable(region, frozenset({role}), error)


def _users(facts: Facts) -> tuple[Reference, ...]:
    """The bindings in the way of a deletion: not those that have attached nothing and wait for this role themselves."""
    return tuple(
        binding
        for binding in facts.referrers
        if binding.reason != Reason.ROLE_NOT_READY
        or any(row.get("origin") == "Attached" for row in binding.status.get("instances") or ())
    )


def _in_use(name: str, users: str, retry_after: float | None = ownership.RECHECK_SECONDS) -> Plan:
    message = f"role {name} is in use: {users}, {RETAIN_INSTEAD}"
    return Plan(holds=(Hold(f"role {name}", Reason.IN_USE, message, retry_after),))
