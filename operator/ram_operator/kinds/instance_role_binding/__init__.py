"""InstanceRoleBinding: one role for the instances under some nodes.

`desiring` says what is wanted, `verdicts` decides about each instance, `rows` stores it, `planning` makes the plan. An
instance that has another role is touched only where the spec says Replace; what we attached is detached again, and what
was there before us is given back, when its node is no longer selected or the binding goes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import chain

from ram_operator.cloud import Cloud
from ram_operator.errors import CloudError, InvalidSpec, Problem
from ram_operator.kinds.instance_role_binding import lacking, planning, readiness
from ram_operator.kinds.instance_role_binding.cases import Case, Verdict
from ram_operator.kinds.instance_role_binding.claims import Proof, refuted, suspended, with_tags
from ram_operator.kinds.instance_role_binding.counting import as_json, counted
from ram_operator.kinds.instance_role_binding.desiring import (
    BindingSpec,
    DesiredBinding,
    checked,
    desired,
    restored,
    session_policy,
    session_policy_problems,
    takes_over,
    unchecked,
)
from ram_operator.kinds.instance_role_binding.drift import find_drift
from ram_operator.kinds.instance_role_binding.index import BindingIndex, instances_of, selection
from ram_operator.kinds.instance_role_binding.links import BindingLinks
from ram_operator.kinds.instance_role_binding.observing import ObservedBinding, look, look_at_tags, read_role
from ram_operator.kinds.instance_role_binding.rows import Row, State, ordered, rows_of
from ram_operator.kinds.instance_role_binding.steps import AttachRole, DetachRole
from ram_operator.kinds.instance_role_binding.terms import RoleRules, Terms
from ram_operator.kinds.instance_role_binding.verdicts import judge
from ram_operator.kinds.names import INSTANCE_ROLE_BINDING, RAM_ROLE
from ram_operator.kinds.offers import role_made_here
from ram_operator.kinds.surveys import Drift, Survey
from ram_operator.model import (
    Body,
    Context,
    Facts,
    InstanceId,
    Json,
    ObjectKey,
    Outcome,
    Plan,
    Scope,
    StatusFields,
)
from ram_operator.rules.documents import dropped_values, policy_doubts
from ram_operator.rules.nodes import check_selector


@dataclass(frozen=True, slots=True)
class InstanceRoleBindingKind:
    """The verbs of InstanceRoleBinding.

    Args:
        node_gone_after: how long a claim outlives its Node object.
        rules: the settings about roles that nobody here manages.
    """

    node_gone_after: timedelta = timedelta(minutes=10)
    rules: RoleRules = field(default_factory=RoleRules)
    _comparing: lacking.Comparing = field(default_factory=lacking.Comparing, init=False)
    resource = INSTANCE_ROLE_BINDING
    links = BindingLinks()

    def index(self) -> BindingIndex:
        return BindingIndex(self.rules.any_instance)

    async def find_drift(self, objects: Sequence[Facts], survey: Survey) -> Drift:
        self._comparing.begin_sweep()
        return await find_drift(objects, survey)

    def verified_at(self, status: StatusFields) -> None:
        return None

    def parse(self, body: Body) -> BindingSpec:
        spec: Mapping[str, Json] = body.get("spec") or {}
        problems = check_selector(spec.get("nodeSelector"), "spec.nodeSelector") if "nodeSelector" in spec else ()
        problems = (*problems, *dropped_values(body), *session_policy_problems(spec))
        reference = (spec.get("roleRef") or {}).get("name")
        if bool(reference) == bool(spec.get("roleName")):
            fix = "write exactly one of roleRef: {name: <a RamRole>} and roleName: <a role without a RamRole>"
            problems = (*problems, Problem("spec", fix))
        if not any(spec.get(field) for field in ("nodeSelector", "nodeNames", "instances")):
            problems = (*problems, Problem("spec", "write nodeSelector, nodeNames or instances"))
        if problems:
            raise InvalidSpec(*problems)
        return BindingSpec(
            role=ObjectKey(RAM_ROLE.kind, reference) if reference else None,
            role_name=spec.get("roleName") or None,
            node_names=tuple(spec.get("nodeNames") or ()),
            instances=instances_of(spec),
            session=session_policy(spec),
            restored=restored(body),
            takes_over=takes_over(body),
            unchecked=unchecked(body),
        )

    def doubts(self, body: Body) -> tuple[Problem, ...]:
        return policy_doubts((body.get("spec") or {}).get("sessionPolicy"), "spec.sessionPolicy")

    def retains(self, facts: Facts) -> bool:
        """Also where nothing is claimed: then there is nothing to take off."""
        claimed = any(row.claimed for row in rows_of(facts.me.status).values())
        return not claimed or facts.me.spec.get("unbindPolicy") == "Retain"

    def desire(self, spec: BindingSpec | None, facts: Facts) -> DesiredBinding:
        return desired(spec, facts, self.rules)

    async def observe(
        self,
        desired: DesiredBinding,
        stored: StatusFields,
        scope: Scope,
        cloud: Cloud,
        before: ObservedBinding | None = None,
    ) -> ObservedBinding | None:
        if desired.spec and desired.spec.unsupported_holds:
            return None
        rows = rows_of(stored)
        concerned = {*desired.wanted, *(key for key, row in rows.items() if row.claimed)}
        if before:
            again = {instance for instance in concerned if instance in scope}
            return before.renewed(again, await look(again, cloud.ecs))
        asked = {one for one in concerned if one in scope or self._is_open(one, desired, rows)}
        seen = await self._look(asked, desired, rows, cloud)
        seen = await with_tags(seen, desired, rows, self.rules, cloud.ram)
        named = desired.spec is not None and desired.spec.role_name is not None
        waiting = _waiting_for_preflight(desired, rows, seen, named=named)
        if not desired.role or not (named or waiting):
            return seen
        try:
            seen = replace(seen, role=await read_role(desired.role, cloud.ram))
        except CloudError as error:
            return seen.without(f"role {desired.role}", waiting, error)
        if replaced := _replaced(desired, rows, seen):
            compared = await self._comparing.compare(desired.role, replaced, cloud.ram, swept=scope.swept)
            return replace(seen, compared=compared)
        return seen

    async def _look(
        self, asked: set[InstanceId], desired: DesiredBinding, rows: Mapping[InstanceId, Row], cloud: Cloud
    ) -> ObservedBinding:
        """Read the role of each instance, except where no binding gave it one and it lacks the tag that it needs."""
        given = {*selection(desired.facts).other_rows, *(key for key, row in rows.items() if row.claimed)}
        tag, new = self.rules.required_tag, asked - given
        if tag is None or not new:
            return await look(asked, cloud.ecs)
        tags = await look_at_tags(new, tag, cloud.ecs)
        readable = {one for one in asked - tags.untagged if not tags.error_of(one)}
        return tags.renewed((), await look(readable, cloud.ecs))

    def _is_open(self, one: InstanceId, desired: DesiredBinding, rows: Mapping[InstanceId, Row]) -> bool:
        """Whether an instance has to be read before the next sweep."""
        return one not in desired.wanted or not _in_sync(rows.get(one), desired)

    def plan(
        self, desired: DesiredBinding, observed: ObservedBinding | None, stored: StatusFields, context: Context
    ) -> Plan:
        if observed is None:
            return Plan(holds=desired.spec.unsupported_holds if desired.spec else (), fields=stored)
        tags = observed.tags.get((desired.role or "").lower())
        desired = checked(desired, observed.role, tags, context.owner)
        proof, stored_rows = Proof(observed.tags, context.owner), rows_of(stored)
        before = {key: proof.counting(row) for key, row in stored_rows.items()}
        verdicts = self._verdicts(desired, observed, stored_rows, context)
        rows = planning.all_rows(desired, verdicts, stored_rows)
        room = {row.instance for row in rows}
        revisits = [verdict.revisit_after for verdict in verdicts.values() if verdict.revisit_after is not None]
        me, assigned, known = desired.facts.me.key, selection(desired.facts).assigned, selection(desired.facts).known
        handed_over = {one for one, has in assigned.items() if has != me}
        releases = counted(desired.facts, verdicts, before, stored, context.outcome, context.now)
        return Plan(
            steps=planning.steps(desired, {key: verdict for key, verdict in verdicts.items() if key in room}),
            holds=(
                *desired.holds,
                *planning.without_instances(desired, rows),
                *readiness.rows_exceeded(desired.wanted.keys() - room),
                *(verdict.hold for verdict in verdicts.values() if verdict.hold),
            ),
            fields={
                **planning.fields(desired, observed, verdicts, rows, stored),
                "releases": as_json(releases) or None,
            },
            entries={"instances": tuple(planning.entry(row, stored_rows, verdicts) for row in ordered(rows))},
            in_sync=readiness.in_sync(rows, desired.role),
            revisit_after=min(revisits, default=None),
            remarks=(
                *refuted(stored_rows, before, verdicts),
                *planning.left_alone(before, verdicts, observed, handed_over),
                *(verdict.remark for verdict in verdicts.values() if verdict.remark),
            ),
            notes=tuple(lacking.in_words(desired.role, observed.compared)) if desired.role else (),
            news=planning.news(rows, stored, me),
            unreadable=observed.unreadable_of(row.instance for row in before.values() if row.claimed),
            nodes={str(instance): node for instance, node in sorted(known.items())},
            read=tuple(known[one] for one in sorted(observed.roles) if one in known),
            rollout=planning.rollout(desired, verdicts, observed),
            releases=releases,
        )

    def _verdicts(
        self, desired: DesiredBinding, observed: ObservedBinding, rows: Mapping[InstanceId, Row], context: Context
    ) -> dict[InstanceId, Verdict]:
        subjects = sorted({*desired.wanted, *desired.overridden, *rows})
        proof = Proof(observed.tags, context.owner)
        terms = Terms.of(desired.facts.me.spec, self.rules, proof.owned)
        now = _Now(desired, observed, context, terms, proof, self.node_gone_after, *_written(context.outcome))
        return {subject: now.verdict(subject, rows.get(subject)) for subject in subjects}


@dataclass(frozen=True, slots=True)
class _Now:
    """What one reconcile knows of all instances; `attached` and `detached` are those it has written to."""

    desired: DesiredBinding
    observed: ObservedBinding
    context: Context
    terms: Terms
    proof: Proof
    node_gone_after: timedelta
    attached: frozenset[InstanceId]
    detached: frozenset[InstanceId]

    def verdict(self, subject: InstanceId, stored: Row | None) -> Verdict:
        """What follows for one instance, by as much of its stored claim as counts."""
        case = self._case(subject, self.proof.counting(stored) if stored else None)
        return suspended(case, judge(case), stored)

    def _case(self, subject: InstanceId, row: Row | None) -> Case:
        """All that bears on one instance, which has this row."""
        desired, facts = self.desired, self.desired.facts
        indexed = selection(facts)
        other = indexed.assigned.get(subject)
        taken = other if other and other != facts.me.key else None
        if taken and row is None:
            row = Row(State.OVERRIDDEN, subject)
        return Case(
            instance=subject,
            row=row,
            role=desired.role,
            session=desired.session,
            wanted=subject in desired.wanted,
            selected=subject in desired.wanted or subject in desired.overridden,
            seen=self.observed.roles.get(subject),
            unreadable=self.observed.error_of(subject),
            missing=subject in self.observed.missing,
            untagged=subject in self.observed.untagged,
            node=desired.wanted.get(subject) or indexed.known.get(subject),
            contested=indexed.contested.get(subject, ()),
            claimable=self._claimable(subject),
            taken_by=taken,
            heir=self._claim_of(indexed.heirs.get(subject)),
            other_claim=self._claim_of(indexed.other_rows.get(subject)),
            terms=self.terms,
            deleting=facts.me.deleting,
            requested=facts.requested,
            edited=facts.edited,
            node_gone_after=self.node_gone_after,
            error=self.context.outcome.error_of(str(subject)),
            attached=subject in self.attached,
            detached=subject in self.detached,
            now=self.context.now,
            generation=facts.generation,
            binding=facts.me.key,
        )

    def _claimable(self, subject: InstanceId) -> bool:
        """Whether the wanted role may be claimed where no row says who gave it.

        A role that the operator created and that only this binding gives was given by it, if its status was lost.
        """
        spec, facts = self.desired.spec, self.desired.facts
        role = facts.references.get(spec.role) if spec and spec.role else None
        told = self.desired.restored and role is not None and role_made_here(role)
        alone = subject not in selection(facts).shared
        return self.desired.takes_over or (told and alone)

    def _claim_of(self, other: Row | None) -> Row | None:
        """The row of another binding, as far as its claim counts."""
        return self.proof.counting(other) if other else None


def _written(outcome: Outcome) -> tuple[frozenset[InstanceId], frozenset[InstanceId]]:
    """The instances that were given a role, and those that a role was taken off."""
    attached = (step.instances for step in outcome.done if isinstance(step, AttachRole))
    detached = (step.instances for step in outcome.done if isinstance(step, DetachRole))
    return frozenset(chain.from_iterable(attached)), frozenset(chain.from_iterable(detached))


def _waiting_for_preflight(
    desired: DesiredBinding, rows: Mapping[InstanceId, Row], seen: ObservedBinding, *, named: bool
) -> frozenset[InstanceId]:
    """The instances that get the role only once it was read: it takes the place of something, or no RamRole has it."""
    replaces = desired.facts.me.spec.get("conflictPolicy") == "Replace"
    without_it = (one for one in desired.wanted if one in seen.roles and not _has_it(desired, rows.get(one), seen, one))
    return frozenset(
        one for one in without_it if named or (seen.roles[one] and (replaces or (one in rows and rows[one].claimed)))
    )


def _replaced(desired: DesiredBinding, rows: Mapping[InstanceId, Row], seen: ObservedBinding) -> tuple[str, ...]:
    """The roles of others that are to be replaced for the first time."""
    if desired.facts.me.spec.get("conflictPolicy") != "Replace":
        return ()
    return lacking.replaced_roles(desired.role or "", desired.wanted, seen.roles, rows)


def _has_it(desired: DesiredBinding, row: Row | None, seen: ObservedBinding, one: InstanceId) -> bool:
    return desired.is_met(seen.roles[one], row.session if row else None)


def _in_sync(row: Row | None, desired: DesiredBinding) -> bool:
    if row is None or not row.in_sync:
        return False
    return desired.role is None or desired.is_met(row.role, row.session)
