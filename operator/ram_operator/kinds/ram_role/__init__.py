"""RamRole: a role, who may assume it, and which policies are attached to it.

Attaching is additive, unless the spec says Exclusive: what others attached is left alone, and only what
`status.managedPolicies` claims is ever detached. While a reference is unresolved nothing is detached at all: the last
good state stays in force.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from ram_operator.cloud import Cloud, NewRole, PolicyName, PolicyType, RoleChange, Taggable
from ram_operator.errors import InvalidSpec, Problem
from ram_operator.kinds import ownership
from ram_operator.kinds.names import RAM_ROLE
from ram_operator.kinds.offers import role_name
from ram_operator.kinds.ram_role import attachments
from ram_operator.kinds.ram_role.deleting import deletion, users
from ram_operator.kinds.ram_role.drift import find_drift
from ram_operator.kinds.ram_role.granting import granted
from ram_operator.kinds.ram_role.links import RoleLinks
from ram_operator.kinds.ram_role.observing import Asked, ObservedRole, observe
from ram_operator.kinds.ram_role.steps import CreateRole, DetachPolicy, UpdateRole, attachment
from ram_operator.kinds.ram_role.swaps import PolicyLimits, Swap
from ram_operator.kinds.ram_role.trust import read_trust
from ram_operator.kinds.steps import WholeStep, difference, tags_of
from ram_operator.model import (
    Body,
    Context,
    Event,
    EventReason,
    Facts,
    Granted,
    Hold,
    Json,
    Owner,
    Ownership,
    Plan,
    Reason,
    Scope,
    StatusFields,
)
from ram_operator.rules.boundary import Boundary
from ram_operator.rules.documents import (
    canonical,
    dropped_values,
    only_adds,
    same_meaning,
    service_doubts,
    trust_doubts,
)
from ram_operator.rules.names import check_description, check_role_name, check_session_seconds
from ram_operator.rules.patterns import matches_any
from ram_operator.rules.trust import beyond_ecs

EXCLUSIVE = "Exclusive"
NEVER_ADOPTED = ("AliyunServiceRoleFor*", "AliyunCS*")
"""Service-linked roles, and those that ACK works with."""


@dataclass(frozen=True, slots=True)
class RoleSpec:
    """A parsed spec. `trust` is canonical JSON text; `policies` are the entries of the spec, each with one key."""

    name: str
    trust: str
    description: str | None
    session_seconds: int
    policies: tuple[Mapping[str, Json], ...]
    tags: Mapping[str, str]
    adoption: str
    exclusive: bool


@dataclass(frozen=True, slots=True)
class DesiredRole:
    """What is wanted. `policies` are those that can be attached now, `holds` say what the others wait for.

    `spec` is None when deleting: `policies` are then those that may be detached. `leaving` are policies that must not
    be attached any more but count where they still are; `awaited` is the number of all those waited for.
    """

    name: str | None
    spec: RoleSpec | None
    facts: Facts
    policies: tuple[PolicyName, ...] = ()
    holds: tuple[Hold, ...] = ()
    leaving: tuple[PolicyName, ...] = ()
    awaited: int = 0


@dataclass(frozen=True, slots=True)
class RamRoleKind:
    """The verbs of RamRole.

    Args:
        full_check: how often everything is read in detail although no list shows a change.
        limits: policies per role.
        boundary: what may be granted: what lies outside is looked at after every start.
        protected_roles: name patterns of roles that are never taken over.
        protected_policies: name patterns of policies that policyAttachment Exclusive leaves attached.
    """

    full_check: timedelta
    limits: PolicyLimits = field(default_factory=PolicyLimits)
    boundary: Boundary | None = None
    protected_roles: tuple[str, ...] = ()
    protected_policies: tuple[str, ...] = ()
    resource = RAM_ROLE
    find_drift = staticmethod(find_drift)
    verified_at, retains = staticmethod(ownership.verified_at), staticmethod(ownership.retains)

    @property
    def links(self) -> RoleLinks:
        return RoleLinks(self.boundary)

    def index(self) -> None:
        return None

    def parse(self, body: Body) -> RoleSpec:
        spec: Mapping[str, Json] = body.get("spec") or {}
        name = spec.get("roleName") or body["metadata"]["name"]
        trust, trust_problems = read_trust(spec)
        policies = tuple(spec.get("policies") or ())
        problems = (
            *check_role_name(name, "spec.roleName" if "roleName" in spec else "metadata.name"),
            *trust_problems,
            *dropped_values(body),
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
            adoption=spec.get("adoptionPolicy") or "Never",
            exclusive=spec.get("policyAttachment") == EXCLUSIVE,
        )

    def doubts(self, body: Body) -> tuple[Problem, ...]:
        trust = (body.get("spec") or {}).get("trust") or {}
        return (*trust_doubts(trust.get("document")), *service_doubts(trust.get("services")))

    def never_adopts(self, name: str) -> bool:
        """Whether a role of this name is never taken over, whatever the spec says."""
        return matches_any(name, (*NEVER_ADOPTED, *self.protected_roles))

    def desire(self, spec: RoleSpec | None, facts: Facts) -> DesiredRole:
        name: str | None = role_name(facts.me)
        if check_role_name(name):
            name = None
        if spec is None:
            return DesiredRole(name, None, facts)
        found = attachments.resolve(spec.policies, facts)
        if facts.me.deleting:
            return DesiredRole(name, None, facts, found.policies, leaving=found.leaving)
        holds = (*found.holds, *self._over_limit(found.policies))
        return DesiredRole(name, spec, facts, found.policies, holds, found.leaving, found.awaited)

    def _over_limit(self, policies: tuple[PolicyName, ...]) -> tuple[Hold, ...]:
        counts = {kind: sum(policy.type is kind for policy in policies) for kind in PolicyType}
        return tuple(
            Hold(
                "spec.policies",
                Reason.INVALID_SPEC,
                f"spec.policies: {counts[kind]} {kind.value.lower()} policies, RAM allows {limit} a role; remove some",
            )
            for kind in PolicyType
            if counts[kind] > (limit := self.limits.of(kind))
        )

    async def observe(
        self,
        desired: DesiredRole,
        stored: StatusFields,
        scope: Scope,
        cloud: Cloud,
        before: ObservedRole | None = None,
    ) -> ObservedRole | None:
        if desired.name is None:
            return None
        deleting = desired.spec is None and not users(desired.facts)
        wanted = desired.policies if desired.spec else ()
        custom = tuple(policy for policy in wanted if policy.type is PolicyType.CUSTOM)
        managed = attachments.managed_here(custom, desired.facts)
        known = attachments.in_sync(desired.facts)
        granting = (desired.spec.trust, desired.spec.adoption) if desired.spec else ()
        asked = Asked(desired.name, scope, custom, managed, known, deleting, *granting)
        return await observe(asked, before or bool(stored.get("arn")), cloud)

    def plan(self, desired: DesiredRole, observed: ObservedRole | None, stored: StatusFields, context: Context) -> Plan:
        if observed is None:
            return Plan(fields=stored)
        if desired.spec is None:
            fields = attachments.of_deleted(stored, context.outcome)
            ours = (*attachments.managed(stored), *desired.policies, *desired.leaving)
            if desired.facts.me.spec.get("policyAttachment") == EXCLUSIVE:
                ours = attachments.unprotected((*ours, *observed.attached), self.protected_policies)
            planned = deletion(str(desired.name), desired.facts, ours, observed, stored, context)
            return replace(planned, fields=fields)
        fields = self._fields(desired, observed, stored, context)
        return replace(self._corrections(desired, desired.spec, observed, stored, context), fields=fields)

    def _corrections(
        self, desired: DesiredRole, spec: RoleSpec, observed: ObservedRole, stored: StatusFields, context: Context
    ) -> Plan:
        subject, adopts = f"role {desired.name}", ownership.adopts(spec.adoption, observed.tags)
        if refusal := self._refusal(spec.name, desired.facts, observed.tags, adopts, context.owner):
            return Plan(holds=(refusal,), entries=attachments.stored_entries(stored))
        shown, outcome = observed.attached if observed.role else None, context.outcome
        if any(hold.reason is Reason.INVALID_SPEC for hold in desired.holds):
            kept = attachments.entries(spec.name, desired.policies, shown, (), desired.facts, outcome)
            return Plan(holds=desired.holds, entries=kept)
        name = observed.role.name if observed.role else spec.name
        inherited = _inherited(desired.facts, observed, context)
        managed = (*attachments.managed(stored), *inherited)
        if spec.exclusive:
            managed = attachments.unprotected((*managed, *observed.attached), self.protected_policies)
        attached = {policy.folded for policy in observed.attached}
        attach = tuple(policy for policy in desired.policies if policy.folded not in attached)
        # What we attached may be there although RAM does not show it yet.
        present = attached | attachments.unconfirmed(stored, outcome)
        superfluous = attachments.others(managed, desired.policies)
        detach = () if desired.holds else tuple(policy for policy in superfluous if policy.folded in present)
        absent, absences = attachments.absent(attach, desired.facts, outcome)
        foreign, refusals = attachments.foreign(attach, observed.policy_tags, desired.facts, context.owner)
        # What is attached counts under the names that the steps have for it.
        exposed = attachments.spelled(observed.exposed(spec.trust, spec.adoption), (*desired.policies, *detach))
        swap = Swap(
            attach,
            absent | foreign,
            detach,
            observed.attached,
            _role_steps(spec, observed, attach, exposed, context),
            opens=observed.role is not None and only_adds(observed.role.trust, spec.trust),
        )
        steps = swap.steps(name, self.limits)
        leaving = (step.policy for step in steps if isinstance(step, DetachPolicy))
        # The role has our tags, so that what the spec names is ours, whoever attached it: a status may be lost.
        claimed = (*(policy for policy in desired.policies if policy not in foreign), *inherited)
        missing = [one for one in dict.fromkeys((*managed, *desired.policies)) if one.folded not in attached]
        own = (*(() if observed.role else (name,)), *((tags_of(name),) if adopts else ()))
        plan = Plan(
            steps=steps,
            holds=(*desired.holds, *absences, *refusals),
            entries=attachments.entries(name, desired.policies, shown, claimed, desired.facts, outcome),
            grants={
                spec.name: (Granted(trust=spec.trust),),
                **granted(name, desired.policies, exposed, leaving, observed, desired.facts),
            },
            unconfirmed=(*own, *(attachment(name, one) for one in missing)),
            remarks=_remarks(spec, observed, stored, desired.facts),
        )
        return ownership.adoption(plan, spec.adoption, subject) if adopts else plan

    def _refusal(
        self, name: str, facts: Facts, tags: Mapping[str, str] | None, adopts: bool, owner: Owner
    ) -> Hold | None:
        """Why the role is not this object's to write; `tags` are None for one that is not there."""
        subject, tags = f"role {name}", None if adopts else tags
        if taken := ownership.name_taken(subject, facts, tags, owner):
            return taken
        if adopts and self.never_adopts(name):
            fix = "to add a policy to it, name it under attachTo.roles of a RamPolicy"
            message = f"{subject} is Alibaba Cloud's own or protected by the settings, and never taken over; {fix}"
            return Hold(subject, Reason.NOT_OWNED, message)
        return None if tags is None else ownership.foreign(subject, tags, owner)

    def _fields(
        self, desired: DesiredRole, observed: ObservedRole, stored: StatusFields, context: Context
    ) -> StatusFields:
        role, tags = observed.role, observed.tags
        if role is None or tags is None or not ownership.owned(tags, context.owner):
            return {}
        attached = {policy.folded for policy in observed.attached}
        wanted = {policy.folded for policy in desired.policies}
        summed = wanted | {policy.folded for policy in desired.leaving}
        versions = {"policies": list(observed.versions)} if observed.versions else {}
        seen = {"generation": desired.facts.generation, "updateDate": role.update_date, **versions}
        counts = {"attached": len(summed & attached), "wanted": len(wanted) + desired.awaited}
        return {
            "roleName": role.name,
            "roleId": role.role_id,
            "arn": role.arn,
            "origin": ownership.origin(tags),
            **({"trustedPrincipals": list(beyond)} if (beyond := beyond_ecs(role.trust)) else {}),
            "policyCounts": counts,
            "policySummary": f"{counts['attached']}/{counts['wanted']}",
            "verified": ownership.verified(seen, stored, context, self.full_check),
        }


def _inherited(facts: Facts, observed: ObservedRole, context: Context) -> tuple[PolicyName, ...]:
    """What the object attached that this one takes the role over from."""
    succeeds = observed.tags is not None and context.owner.judge(observed.tags) is Ownership.INHERITED
    return attachments.of_predecessors(facts) if succeeds else ()


def _remarks(spec: RoleSpec, observed: ObservedRole, stored: StatusFields, facts: Facts) -> tuple[Event, ...]:
    """What is told of the trust policy that takes the place of another one, and of a role in the place of another."""
    if (role := observed.role) is None:
        return ()
    removed = ownership.removed_conditions(role.trust, spec.trust, "spec.trust.document", facts)
    before = stored.get("roleId", role.role_id)
    words = f"role {role.name} has id {role.role_id}, and had {before}: something else made it anew"
    return removed if before == role.role_id else (*removed, Event(EventReason.ROLE_REPLACED, words, warning=True))


def _role_steps(
    spec: RoleSpec,
    observed: ObservedRole,
    attach: tuple[PolicyName, ...],
    exposed: tuple[PolicyName, ...],
    context: Context,
) -> tuple[WholeStep, ...]:
    """The steps for the role itself: create it, or correct its fields and tags.

    A trust policy waits for what it exposes: nobody new is let in to what may not be granted.
    """
    if observed.role is None or observed.tags is None:
        tags = {**spec.tags, **context.owner.tags()}
        role = NewRole(spec.name, spec.trust, spec.description or "", spec.session_seconds, tags)
        return (CreateRole(role, attach, beyond_ecs(spec.trust)),)
    role_now = observed.role
    trust = spec.trust if not same_meaning(role_now.trust, spec.trust) else None
    described = spec.description is not None and spec.description != role_now.description
    fields = {
        **({"trust document": (role_now.trust, trust)} if trust else {}),
        **({"description": (role_now.description, spec.description)} if described else {}),
        **(
            {"session duration": (role_now.max_session_seconds, spec.session_seconds)}
            if spec.session_seconds != role_now.max_session_seconds
            else {}
        ),
    }
    differences = tuple(difference(name, now, wanted) for name, (now, wanted) in fields.items())
    change = RoleChange(spec.session_seconds, trust, spec.description if described else None)
    before = beyond_ecs(role_now.trust)
    lets_in = tuple(name for name in beyond_ecs(trust) if name not in before) if trust else ()
    update = UpdateRole(spec.name, role_now.name, change, tuple(fields), differences, lets_in)
    if trust:
        update = update.waiting_for(tuple(attachment(role_now.name, policy) for policy in exposed))
    missing = ownership.missing_tags(spec.tags, observed.tags, context.owner)
    return (*((update,) if fields else ()), *ownership.tag_step(Taggable.ROLE, role_now.name, missing))
