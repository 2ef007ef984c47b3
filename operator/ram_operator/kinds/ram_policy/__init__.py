"""RamPolicy: a custom policy of the account, its document, description and tags.

RAM keeps five versions of a document; an edit makes a new default version and rotates out the oldest other one. What
the policy is attached to is the roles' business; here it only blocks the deletion.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from ram_operator.cloud import Cloud, Entities, Grantee, NewPolicy, PolicyName, PolicyType, Taggable
from ram_operator.errors import InvalidSpec, Problem
from ram_operator.kinds import ownership
from ram_operator.kinds.names import RAM_POLICY
from ram_operator.kinds.offers import policy_name, role_name
from ram_operator.kinds.ram_policy import grants
from ram_operator.kinds.ram_policy.drift import find_drift, other_attachments
from ram_operator.kinds.ram_policy.links import PolicyLinks
from ram_operator.kinds.ram_policy.observing import Asked, ObservedPolicy, observe
from ram_operator.kinds.ram_policy.steps import (
    CreatePolicy,
    CreatePolicyVersion,
    DeletePolicy,
    Revoke,
    UpdatePolicyDescription,
    grant,
)
from ram_operator.kinds.steps import tags_of
from ram_operator.model import (
    Body,
    Context,
    Facts,
    Granted,
    Hold,
    Json,
    Plan,
    Reason,
    Scope,
    StatusFields,
    Step,
    listing,
)
from ram_operator.rules.boundary import Boundary
from ram_operator.rules.documents import canonical, check_policy, dropped_values, policy_doubts, same_meaning
from ram_operator.rules.names import check_description, check_policy_name


@dataclass(frozen=True, slots=True)
class PolicySpec:
    """A parsed spec. `document` is the canonical JSON text; `description` None leaves RAM's as it is."""

    name: str
    document: str
    description: str | None
    tags: Mapping[str, str]
    adoption: str
    attach_to: tuple[Grantee, ...]


@dataclass(frozen=True, slots=True)
class DesiredPolicy:
    """What is wanted. `name` is None where RAM cannot have one of that name; `spec` is None when deleting."""

    name: str | None
    spec: PolicySpec | None
    facts: Facts


@dataclass(frozen=True, slots=True)
class RamPolicyKind:
    """The verbs of RamPolicy.

    Args:
        full_check: how often everything is read in detail although no list shows a change.
        boundary: what may be granted: what lies outside is looked at after every start.
    """

    full_check: timedelta
    boundary: Boundary | None = None
    resource = RAM_POLICY
    find_drift = staticmethod(find_drift)
    verified_at, retains = staticmethod(ownership.verified_at), staticmethod(ownership.retains)

    @property
    def links(self) -> PolicyLinks:
        return PolicyLinks(self.boundary)

    def index(self) -> None:
        return None

    def parse(self, body: Body) -> PolicySpec:
        spec: Mapping[str, Json] = body.get("spec") or {}
        name = spec.get("policyName") or body["metadata"]["name"]
        problems = (
            *check_policy_name(name, "spec.policyName" if "policyName" in spec else "metadata.name"),
            *check_policy(spec.get("document"), "spec.document", strict=spec.get("documentValidation") != "Warn"),
            *dropped_values(body),
            *check_description(spec.get("description"), "spec.description"),
            *ownership.tag_problems(spec),
            *grants.problems(spec.get("attachTo") or {}),
        )
        if problems:
            raise InvalidSpec(*problems)
        return PolicySpec(
            name=name,
            document=canonical(spec["document"]),
            description=spec.get("description"),
            tags=spec.get("tags") or {},
            adoption=spec.get("adoptionPolicy") or "Never",
            attach_to=grants.read(spec.get("attachTo")),
        )

    def doubts(self, body: Body) -> tuple[Problem, ...]:
        return policy_doubts((body.get("spec") or {}).get("document"), "spec.document")

    def desire(self, spec: PolicySpec | None, facts: Facts) -> DesiredPolicy:
        name: str | None = policy_name(facts.me)
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
        if desired.name is None:
            return None
        exists = before or bool(stored.get("defaultVersion"))
        granting = bool(grants.granted(stored) or (desired.spec and desired.spec.attach_to))
        return await observe(desired.name, exists, Asked(scope, granting), cloud.ram, desired.facts)

    def plan(
        self, desired: DesiredPolicy, observed: ObservedPolicy | None, stored: StatusFields, context: Context
    ) -> Plan:
        if observed is None:
            return Plan(fields=stored)
        if desired.spec is None:
            return replace(self._deletion(desired, observed, stored, context), fields=stored)
        plan = self._corrections(desired, desired.spec, observed, stored, context)
        return replace(plan, fields={**plan.fields, **self._fields(desired, observed, stored, context)})

    def _corrections(
        self, desired: DesiredPolicy, spec: PolicySpec, observed: ObservedPolicy, stored: StatusFields, context: Context
    ) -> Plan:
        subject = f"policy {desired.name}"
        kept = {"grantedTo": stored["grantedTo"]} if "grantedTo" in stored else {}
        adopts = ownership.adopts(spec.adoption, observed.tags)
        tags = None if adopts else observed.tags
        if taken := ownership.name_taken(subject, desired.facts, tags, context.owner):
            return Plan(holds=(taken,), fields=kept)
        # The two types of policies share their names.
        if observed.system:
            message = f"{subject}: the name is taken by a system policy; choose another spec.policyName"
            return Plan(holds=(Hold(subject, Reason.NAME_TAKEN, message, ownership.RECHECK_SECONDS),), fields=kept)
        if tags is not None and (hold := ownership.foreign(subject, tags, context.owner)):
            return Plan(holds=(hold,), fields=kept)
        name = PolicyName(PolicyType.CUSTOM, observed.name or spec.name)
        shown = observed.entities.grantees if observed.entities else ()
        to = grants.Grants(name, spec.attach_to, grants.granted(stored), shown, context.outcome)
        steps = (*_own_steps(spec, observed, context), *to.steps())
        asked = {name.name: (Granted(document=spec.document),)}
        asked |= {grant(name, one): (Granted(spec.document, grantee=one),) for one in spec.attach_to}
        own = (*(() if observed.policy else (spec.name,)), *((tags_of(name.name),) if adopts else ()))
        before = observed.policy.document if observed.policy else ""
        plan = Plan(
            steps=steps,
            holds=to.holds(),
            entries=to.entries(),
            grants=asked,
            unconfirmed=(*own, *to.unconfirmed()),
            remarks=ownership.removed_conditions(before, spec.document, "spec.document", desired.facts),
        )
        return ownership.adoption(plan, spec.adoption, subject) if adopts else plan

    def _deletion(
        self, desired: DesiredPolicy, observed: ObservedPolicy, stored: StatusFields, context: Context
    ) -> Plan:
        facts, subject = desired.facts, f"policy {desired.name}"
        if observed.policy is None or observed.tags is None:
            return ownership.nothing_to_delete(str(desired.name), stored, "defaultVersion")
        if not ownership.owned(observed.tags, context.owner):
            return ownership.nothing_of_ours(observed.policy.name, observed.tags, facts, context.owner)
        if hold := ownership.hand_over(subject, facts):
            return Plan(holds=(hold,))
        if ownership.left_alone(facts, observed.tags, context.owner):
            return Plan()
        name, entities = observed.policy.name, observed.entities or Entities()
        ours = {one.folded for one in (*grants.granted(stored), *grants.read(facts.me.spec.get("attachTo")))}
        mine = [one for one in entities.grantees if one.folded in ours]
        others = entities.without(mine)
        if others.grantees:
            return Plan(holds=(_users(replace(observed, entities=others), facts, context),))
        revoke = [Revoke(PolicyName(PolicyType.CUSTOM, name), one) for one in mine]
        awaited = tuple(subject for step in revoke for subject in step.subjects)
        return Plan(steps=(*revoke, DeletePolicy(name, name, waits_for=awaited)))

    def _fields(
        self, desired: DesiredPolicy, observed: ObservedPolicy, stored: StatusFields, context: Context
    ) -> StatusFields:
        policy = observed.policy
        if policy is None or observed.tags is None or not ownership.owned(observed.tags, context.owner):
            return {}
        seen = {
            "generation": desired.facts.generation,
            "updateDate": policy.update_date,
            "defaultVersion": policy.default_version,
            "otherAttachments": other_attachments(policy.attachment_count, policy.name, desired.facts),
        }
        return {
            "policyName": policy.name,
            "origin": ownership.origin(observed.tags),
            "defaultVersion": policy.default_version,
            "attachmentCount": policy.attachment_count,
            "verified": ownership.verified(seen, stored, context, self.full_check),
        }


def _own_steps(spec: PolicySpec, observed: ObservedPolicy, context: Context) -> tuple[Step, ...]:
    """The steps for the policy itself: create it, or correct its document, description and tags."""
    policy, tags = observed.policy, observed.tags
    if policy is None or tags is None:
        marks = {**spec.tags, **context.owner.tags()}
        return (CreatePolicy(spec.name, NewPolicy(spec.name, spec.document, spec.description or "", marks)),)
    steps: list[Step] = []
    if not same_meaning(policy.document, spec.document):
        steps.append(CreatePolicyVersion(policy.name, policy.name, spec.document, policy.document))
    if spec.description is not None and policy.description != spec.description:
        steps.append(UpdatePolicyDescription(policy.name, policy.name, spec.description, policy.description))
    missing = ownership.missing_tags(spec.tags, tags, context.owner)
    return (*steps, *ownership.tag_step(Taggable.POLICY, policy.name, missing))


def _users(observed: ObservedPolicy, facts: Facts, context: Context) -> Hold:
    """The hold of a deletion by what the policy is attached to."""
    subject, entities = f"policy {observed.name}", observed.entities or Entities()
    managing = {role_name(role).lower(): role for role in facts.referrers}
    managers = {name: managing.get(name.lower()) for name in entities.roles}
    others = [*(f"user {name}" for name in entities.users), *(f"group {name}" for name in entities.groups)]
    # What nobody here claims was detached moments ago, where the role is gone or ours.
    recent, cluster = facts.me.just_deleted(context.now), context.owner.cluster
    staying = [
        name
        for name, role in managers.items()
        if not (role.deleting if role else recent and observed.may_be_stale(name, cluster))
    ]
    if not staying and not others:
        if leaving := listing(sorted(str(role.key) for role in managers.values() if role)):
            return ownership.waits_for(subject, leaving)
        message = f"{subject}: waits for the cloud to show that it is detached"
        return Hold(subject, Reason.VERIFYING, message, ownership.UNCONFIRMED_SECONDS)
    roles = [
        f"role {name} ({role.key})" if role else f"role {name}, whose RamRole, if any, does not name the policy"
        for name, role in managers.items()
    ]
    instead = ownership.retain_instead(facts.me.key)
    message = f"{subject} is attached to {listing([*roles, *others])}; detach it there first, {instead}"
    return Hold(subject, Reason.IN_USE, message, ownership.RECHECK_SECONDS)
