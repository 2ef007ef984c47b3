"""RamRole: a role, who may assume it, and which policies are attached to it.

Attaching is additive: what others attached is left alone, and only what `status.managedPolicies` claims is ever
detached. While a reference is unresolved nothing is detached at all: the last good state stays in force.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ram_operator.cloud import Cloud, EcsApi, NewRole, PolicyName, PolicyType, Role, RoleChange, Taggable
from ram_operator.errors import CloudError, InvalidSpec, NotFound
from ram_operator.kinds import ownership
from ram_operator.kinds.names import RAM_ROLE
from ram_operator.kinds.ram_role import attachments
from ram_operator.kinds.ram_role.drift import find_drift
from ram_operator.kinds.ram_role.links import RoleLinks
from ram_operator.kinds.steps import AttachPolicy, CreateRole, DeleteRole, DetachPolicy, UpdateRole
from ram_operator.kinds.surveys import Drift, Survey
from ram_operator.model import (
    Body,
    Facts,
    Hold,
    Json,
    Ownership,
    Pass,
    Plan,
    Reason,
    Reference,
    Scope,
    StatusFields,
    Step,
    Unread,
    listing,
)
from ram_operator.rules.documents import canonical, check_services, check_trust, same_meaning, trust_for_services
from ram_operator.rules.names import check_description, check_role_name, check_session_seconds


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
    release: bool
    policies: tuple[PolicyName, ...] = ()
    holds: tuple[Hold, ...] = ()
    leaving: tuple[PolicyName, ...] = ()
    awaited: int = 0


@dataclass(frozen=True, slots=True)
class ObservedRole:
    """What is there; None in its place means that nothing was read.

    `players` are the instances that have the role, read only when deleting; `unread` are regions that did not tell.
    """

    role: Role | None = None
    tags: Mapping[str, str] | None = None
    attached: tuple[PolicyName, ...] = ()
    players: tuple[str, ...] = ()
    unread: tuple[Unread, ...] = ()


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

    def desire(self, spec: RoleSpec | None, known: StatusFields, facts: Facts) -> DesiredRole:
        name = known.get("roleName") or facts.me.spec.get("roleName") or facts.me.key.name
        if check_role_name(name):
            name = None
        if facts.me.deleting or spec is None:
            return DesiredRole(name, None, facts, ownership.retains(facts))
        found = attachments.resolve(spec.policies, facts)
        holds = (*found.holds, *self._over_limit(found.policies))
        return DesiredRole(name, spec, facts, False, found.policies, holds, found.leaving, found.awaited)

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
        known: StatusFields,
        scope: Scope,
        cloud: Cloud,
        before: ObservedRole | None = None,
    ) -> ObservedRole | None:
        if desired.name is None or desired.release or (desired.spec and desired.spec.unsupported):
            return None
        try:
            role = await cloud.ram.get_role(desired.name)
            tags, attached = await asyncio.gather(
                cloud.ram.list_tags(Taggable.ROLE, desired.name), cloud.ram.list_policies_for_role(desired.name)
            )
        except NotFound:
            return ObservedRole()
        found = ObservedRole(role, tags, attached)
        return found if desired.spec or _users(desired.facts) else await _with_players(found, role.name, cloud.ecs)

    def plan(self, desired: DesiredRole, observed: ObservedRole | None, known: StatusFields, turn: Pass) -> Plan:
        subject = f"role {desired.name}"
        if observed is None:
            return Plan(holds=ownership.not_supported_yet(subject, desired.spec.unsupported if desired.spec else ()))
        if desired.spec is None:
            return self._deletion(desired, observed, known, turn)
        if taken := ownership.name_taken(subject, desired.facts, observed.tags, turn.owner):
            return Plan(holds=(taken,))
        if observed.tags is not None and (hold := ownership.foreign(subject, observed.tags, turn.owner)):
            return Plan(holds=(hold,))
        if any(hold.reason is Reason.INVALID_SPEC for hold in desired.holds):
            return Plan(holds=desired.holds)
        return self._corrections(desired, desired.spec, observed, known, turn)

    def _corrections(
        self, desired: DesiredRole, spec: RoleSpec, observed: ObservedRole, known: StatusFields, turn: Pass
    ) -> Plan:
        attached = {policy.folded for policy in observed.attached}
        wanted = {policy.folded for policy in desired.policies}
        managed = attachments.managed(known)
        attach = tuple(policy for policy in desired.policies if policy.folded not in attached)
        superfluous = tuple(policy for policy in managed if policy.folded not in wanted)
        # What we attached may be there although RAM does not show it yet.
        present = attached | attachments.unshown(known, turn.outcome)
        detach = () if desired.holds else tuple(policy for policy in superfluous if policy.folded in present)
        # A cluster that is succeeded leaves its tags but no status: what it attached is taken over with the role.
        inherited = observed.tags is not None and turn.owner.judge(observed.tags) is Ownership.INHERITED
        claims = attachments.claims(known, desired.policies if inherited else attach)
        absent, absences = attachments.absent(attach, desired.facts, turn.outcome)
        steps: list[Step] = _role_steps(spec, observed, attach, turn)
        name = observed.role.name if observed.role else spec.name
        steps += (AttachPolicy(policy, name) for policy in attach if policy not in absent)
        steps += (DetachPolicy(policy, name) for policy in detach)
        return Plan(claims, tuple(steps), (*desired.holds, *absences))

    def _deletion(self, desired: DesiredRole, observed: ObservedRole, known: StatusFields, turn: Pass) -> Plan:
        if observed.role is None or observed.tags is None or ownership.foreign("", observed.tags, turn.owner):
            return Plan()
        name = observed.role.name
        managed = {policy.folded for policy in attachments.managed(known)}
        foreign = [str(policy) for policy in observed.attached if policy.folded not in managed]
        if users := _users(desired.facts):
            bindings = listing(str(binding.key) for binding in users)
            if all(binding.deleting for binding in users):
                return Plan(holds=(ownership.waits_for(f"role {name}", bindings),))
            return _in_use(name, f"bound by {bindings}; delete {'them' if len(users) > 1 else 'it'} first", None)
        if observed.players:
            count = f"{len(observed.players)} instance{'s' if len(observed.players) > 1 else ''}"
            return _in_use(name, f"played by {count}: {listing(observed.players)}; detach it there first")
        if observed.unread:
            return Plan(unread=observed.unread)
        if foreign:
            return _in_use(name, f"policies that others attached to it: {listing(foreign)}; detach them first")
        attached = {policy.folded for policy in observed.attached}
        pending = attachments.unshown(known, turn.outcome) - attached
        hidden = (policy for policy in attachments.managed(known) if policy.folded in pending)
        going = (*observed.attached, *hidden)
        return Plan(steps=(*(DetachPolicy(policy, name) for policy in going), DeleteRole(name, going)))

    def project(
        self, desired: DesiredRole, observed: ObservedRole | None, known: StatusFields, turn: Pass
    ) -> StatusFields:
        if observed is None:
            return known
        if desired.spec is None:
            return attachments.going(known, turn.outcome)
        role, tags = observed.role, observed.tags
        if role is None or tags is None or ownership.foreign("", tags, turn.owner):
            # Claims outlive a reading that does not show the role yet: what we attached must not become foreign.
            return {field: known[field] for field in ("managedPolicies",) if known.get(field)}
        attached = {policy.folded for policy in observed.attached}
        wanted = {policy.folded for policy in desired.policies}
        summed = wanted | {policy.folded for policy in desired.leaving}
        pending = attachments.unshown(known, turn.outcome) - attached
        managed = [policy for policy in attachments.managed(known) if policy.folded in attached | wanted | pending]
        seen = {"generation": desired.facts.generation, "updateDate": role.update_date}
        return {
            "roleName": role.name,
            "roleId": role.role_id,
            "arn": role.arn,
            "origin": "Created",
            "policySummary": f"{len(summed & attached)}/{len(wanted) + desired.awaited}",
            "managedPolicies": attachments.as_json(managed, pending),
            "verified": ownership.verified(seen, known, turn, self.full_check),
        }


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


def _role_steps(spec: RoleSpec, observed: ObservedRole, attach: tuple[PolicyName, ...], turn: Pass) -> list[Step]:
    """The steps for the role itself: create it, or correct its fields and tags."""
    if observed.role is None or observed.tags is None:
        tags = {**spec.tags, **turn.owner.tags()}
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
    missing = ownership.missing_tags(spec.tags, observed.tags, turn.owner)
    return [*update, *ownership.tag_step(Taggable.ROLE, role_now.name, missing)]


async def _with_players(found: ObservedRole, role: str, ecs: EcsApi) -> ObservedRole:
    """With the instances of all regions that have the role: RAM itself would delete it under them."""
    regions = await ecs.describe_regions()
    answers = await asyncio.gather(*(_players(region, role, ecs) for region in regions))
    players = tuple(player for answer in answers if not isinstance(answer, Unread) for player in answer)
    return replace(found, players=players, unread=tuple(answer for answer in answers if isinstance(answer, Unread)))


async def _players(region: str, role: str, ecs: EcsApi) -> tuple[str, ...] | Unread:
    try:
        return tuple(f"{region}.{id_}" for id_ in await ecs.instances_with_role(region, role))
    except CloudError as error:
        return Unread(region, frozenset({role}), error)


def _users(facts: Facts) -> tuple[Reference, ...]:
    """The bindings in the way of a deletion: not those that have attached nothing and wait for this role themselves."""
    return tuple(
        binding
        for binding in facts.referrers
        if binding.reason != Reason.ROLE_NOT_READY
        or any(row.get("origin") == "Attached" for row in binding.status.get("instances") or ())
    )


def _in_use(name: str, users: str, retry_after: float | None = ownership.RECHECK_SECONDS) -> Plan:
    message = f"role {name} is in use: {users}, {ownership.RETAIN_INSTEAD}"
    return Plan(holds=(Hold(f"role {name}", Reason.IN_USE, message, retry_after),))
