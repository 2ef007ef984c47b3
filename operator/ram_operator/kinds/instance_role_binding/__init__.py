"""InstanceRoleBinding: one role for the instances under some nodes.

`verdicts` decides about each instance, `rows` stores it. An instance that has another role is never touched; what we
attached is detached again when its node is no longer selected or the binding goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import chain, groupby

from ram_operator.cloud import Cloud
from ram_operator.errors import InvalidSpec
from ram_operator.kinds import ownership
from ram_operator.kinds.instance_role_binding import readiness
from ram_operator.kinds.instance_role_binding.drift import find_drift
from ram_operator.kinds.instance_role_binding.index import BindingIndex, selection
from ram_operator.kinds.instance_role_binding.links import BindingLinks
from ram_operator.kinds.instance_role_binding.observing import ObservedBinding, look
from ram_operator.kinds.instance_role_binding.rows import MOST_ROWS, Row, State, ordered, rows_of, summary
from ram_operator.kinds.instance_role_binding.steps import AttachRole, DetachRole
from ram_operator.kinds.instance_role_binding.verdicts import Case, Verdict, judge
from ram_operator.kinds.names import INSTANCE_ROLE_BINDING, RAM_ROLE
from ram_operator.kinds.offers import role_usable
from ram_operator.kinds.surveys import Drift, Survey
from ram_operator.model import (
    Body,
    Context,
    Entry,
    Event,
    EventReason,
    Facts,
    Hold,
    InstanceId,
    Json,
    NodeFacts,
    ObjectKey,
    Outcome,
    Plan,
    Reason,
    Reference,
    Scope,
    StatusFields,
    Step,
)
from ram_operator.rules.documents import dropped_values, policy_doubts, trusts_service
from ram_operator.rules.nodes import check_selector

BATCH = 100
"""How many instances AttachInstanceRamRole and DetachInstanceRamRole take in one call."""
DEFAULTS: Mapping[str, Json] = {
    "conflictPolicy": "Fail",
    "allowProtectedRoles": False,
    "unbindPolicy": "Restore",
    "instances": [],
    "rollout": {"maxUnavailable": "10%"},
    "sessionPolicy": None,
    "roleName": None,
}


@dataclass(frozen=True, slots=True)
class BindingSpec:
    """A parsed spec; selectors stay as they are, since the caches match nodes against them."""

    role: ObjectKey | None
    node_names: tuple[str, ...]
    unsupported: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DesiredBinding:
    """What is wanted. `role` is None where it cannot be attached now; `holds` then say why.

    `wanted` are instances that this binding should give the role, `overridden` those it selects and an older binding
    has; both with their node. `skipped` are nodes that are no instance that can have a role.
    """

    facts: Facts
    spec: BindingSpec | None
    role: str | None = None
    arn: str | None = None
    wanted: Mapping[InstanceId, str] = field(default_factory=dict)
    overridden: Mapping[InstanceId, str] = field(default_factory=dict)
    skipped: tuple[NodeFacts, ...] = ()
    holds: tuple[Hold, ...] = ()


@dataclass(frozen=True, slots=True)
class InstanceRoleBindingKind:
    """The verbs of InstanceRoleBinding.

    Args:
        node_gone_after: how long a claim outlives its Node object.
    """

    node_gone_after: timedelta = timedelta(minutes=10)
    resource = INSTANCE_ROLE_BINDING
    links = BindingLinks()

    def index(self) -> BindingIndex:
        return BindingIndex()

    async def find_drift(self, objects: Sequence[Facts], survey: Survey) -> Drift:
        return await find_drift(objects, survey)

    def verified_at(self, status: StatusFields) -> None:
        return None

    def parse(self, body: Body) -> BindingSpec:
        spec: Mapping[str, Json] = body.get("spec") or {}
        problems = check_selector(spec.get("nodeSelector"), "spec.nodeSelector") if "nodeSelector" in spec else ()
        problems = (*problems, *dropped_values(body))
        reference = (spec.get("roleRef") or {}).get("name")
        if bool(reference) == bool(spec.get("roleName")):
            problems = (
                *problems,
                "spec: write exactly one of roleRef and roleName; this version obeys roleRef: {name: <a RamRole>} only",
            )
        if not any(spec.get(field) for field in ("nodeSelector", "nodeNames", "instances")):
            problems = (*problems, "spec: write nodeSelector or nodeNames")
        if problems:
            raise InvalidSpec(*problems)
        return BindingSpec(
            role=ObjectKey(RAM_ROLE.kind, reference) if reference else None,
            node_names=tuple(spec.get("nodeNames") or ()),
            unsupported=ownership.unsupported(spec, DEFAULTS),
        )

    def doubts(self, body: Body) -> tuple[str, ...]:
        return policy_doubts((body.get("spec") or {}).get("sessionPolicy"), "spec.sessionPolicy")

    def retains(self, facts: Facts) -> bool:
        return facts.me.spec.get("unbindPolicy") == "Retain"

    def desire(self, spec: BindingSpec | None, stored: StatusFields, facts: Facts) -> DesiredBinding:
        if facts.me.deleting or spec is None or spec.role is None:
            return DesiredBinding(facts, None if facts.me.deleting else spec)
        nodes = selection(facts).nodes
        # of several nodes with one provider ID the first by name stands for the instance
        selected = {node.instance: node.name for node in reversed(nodes) if node.instance}
        wanted = {key: name for key, name in selected.items() if selection(facts).assigned.get(key) == facts.me.key}
        reference = facts.references.get(spec.role)
        holds = (*_role_holds(spec.role, reference), *_too_many(nodes))
        status = reference.status if reference else {}
        return DesiredBinding(
            facts=facts,
            spec=spec,
            role=None if holds else str(status["roleName"]),
            arn=status.get("arn"),
            wanted=wanted,
            overridden={key: name for key, name in selected.items() if key not in wanted},
            skipped=(
                *_no_instance(nodes, selected),
                *_absent(spec.node_names, nodes),
            ),
            holds=holds,
        )

    async def observe(
        self,
        desired: DesiredBinding,
        stored: StatusFields,
        scope: Scope,
        cloud: Cloud,
        before: ObservedBinding | None = None,
    ) -> ObservedBinding | None:
        if desired.spec and desired.spec.unsupported:
            return None
        rows = rows_of(stored)
        concerned = {*desired.wanted, *(key for key, row in rows.items() if row.claimed)}
        if before:
            again = {instance for instance in concerned if instance in scope}
            return before.renewed(again, await look(again, cloud.ecs))
        return await look(
            (
                instance
                for instance in concerned
                if instance in scope or instance not in desired.wanted or not _in_sync(rows.get(instance), desired.role)
            ),
            cloud.ecs,
        )

    def plan(
        self, desired: DesiredBinding, observed: ObservedBinding | None, stored: StatusFields, context: Context
    ) -> Plan:
        if observed is None:
            unsupported = desired.spec.unsupported if desired.spec else ()
            return Plan(holds=ownership.not_supported_yet("binding", unsupported), fields=stored)
        before = rows_of(stored)
        verdicts = self._verdicts(desired, observed, before, context)
        rows = _all_rows(desired, verdicts, before)
        room = {row.instance for row in rows}
        revisits = [verdict.revisit_after for verdict in verdicts.values() if verdict.revisit_after is not None]
        return Plan(
            steps=_steps({key: verdict for key, verdict in verdicts.items() if key in room}, desired.role),
            holds=(
                *desired.holds,
                *_without_instances(desired, rows),
                *readiness.without_room(desired.wanted.keys() - room),
                *(verdict.hold for verdict in verdicts.values() if verdict.hold),
            ),
            fields=_fields(desired, rows, stored),
            entries={"instances": tuple(_entry(row, before, verdicts) for row in ordered(rows))},
            in_sync=readiness.in_sync(rows, desired.role),
            revisit_after=min(revisits, default=None),
            remarks=_left_alone(before, verdicts, observed, desired.facts),
            unreadable=tuple(observed.unreadable.values()),
            nodes={str(instance): node for instance, node in sorted(selection(desired.facts).known.items())},
        )

    def _verdicts(
        self, desired: DesiredBinding, observed: ObservedBinding, rows: Mapping[InstanceId, Row], context: Context
    ) -> dict[InstanceId, Verdict]:
        subjects = sorted({*desired.wanted, *desired.overridden, *rows})
        now = _Now(desired, observed, context, self.node_gone_after, *_written(context.outcome))
        return {subject: judge(now.case(subject, rows.get(subject))) for subject in subjects}


@dataclass(frozen=True, slots=True)
class _Now:
    """What one reconcile knows of all instances; `attached` and `detached` are those it has written to."""

    desired: DesiredBinding
    observed: ObservedBinding
    context: Context
    node_gone_after: timedelta
    attached: frozenset[InstanceId]
    detached: frozenset[InstanceId]

    def case(self, subject: InstanceId, row: Row | None) -> Case:
        """All that bears on one instance, which has this row."""
        desired, facts = self.desired, self.desired.facts
        other = selection(facts).assigned.get(subject)
        taken = other if other and other != facts.me.key else None
        if taken and row is None:
            row = Row(State.OVERRIDDEN, subject)
        return Case(
            instance=subject,
            row=row,
            role=desired.role,
            wanted=subject in desired.wanted,
            selected=subject in desired.wanted or subject in desired.overridden,
            seen=self.observed.roles.get(subject),
            missing=subject in self.observed.missing,
            node=desired.wanted.get(subject) or selection(facts).known.get(subject),
            taken_by=taken,
            other_claim=selection(facts).other_rows.get(subject),
            deleting=facts.me.deleting,
            requested=facts.requested,
            node_gone_after=self.node_gone_after,
            error=self.context.outcome.error_of(str(subject)),
            attached=subject in self.attached,
            detached=subject in self.detached,
            now=self.context.now,
            generation=facts.generation,
        )


def _written(outcome: Outcome) -> tuple[frozenset[InstanceId], frozenset[InstanceId]]:
    """The instances that were given a role, and those that a role was taken off."""
    attached = (step.instances for step in outcome.done if isinstance(step, AttachRole))
    detached = (step.instances for step in outcome.done if isinstance(step, DetachRole))
    return frozenset(chain.from_iterable(attached)), frozenset(chain.from_iterable(detached))


def _in_sync(row: Row | None, role: str | None) -> bool:
    return row is not None and row.in_sync and (role is None or row.role == role)


def _role_holds(key: ObjectKey, role: Reference | None) -> tuple[Hold, ...]:
    if role is None:
        return (Hold(str(key), Reason.ROLE_NOT_READY, f"waits for {key}, which does not exist"),)
    trust = role.spec.get("trust") or {}
    if "document" in trust and not trusts_service(trust["document"]):
        message = f"{key} does not trust ecs.aliyuncs.com; let spec.trust of the role allow it"
        return (Hold(str(key), Reason.TRUST_NOT_ECS, message),)
    if "document" not in trust and "ecs.aliyuncs.com" not in trust.get("services", ["ecs.aliyuncs.com"]):
        message = f"{key} does not trust ecs.aliyuncs.com; add it to spec.trust.services of the role"
        return (Hold(str(key), Reason.TRUST_NOT_ECS, message),)
    if not role_usable(role):
        what = "which is being deleted" if role.deleting else "to be ready"
        return (Hold(str(key), Reason.ROLE_NOT_READY, f"waits for {key}{',' if role.deleting else ''} {what}"),)
    return ()


def _too_many(nodes: tuple[NodeFacts, ...]) -> tuple[Hold, ...]:
    if len(nodes) <= MOST_ROWS:
        return ()
    message = f"selects {len(nodes)} nodes, at most {MOST_ROWS} fit in one binding; split it by node pool"
    return (Hold("binding", Reason.INVALID_SPEC, message),)


def _absent(names: Iterable[str], nodes: tuple[NodeFacts, ...]) -> tuple[NodeFacts, ...]:
    """Nodes that the spec names and the cluster does not have."""
    present = {node.name for node in nodes}
    return tuple(
        NodeFacts(name, "", (), None, Reason.NODE_NOT_FOUND, "there is no such Node")
        for name in names
        if name not in present
    )


def _no_instance(nodes: Iterable[NodeFacts], selected: Mapping[InstanceId, str]) -> Iterator[NodeFacts]:
    """The nodes that stand for no instance: that are none, or whose instance is another node's."""
    for node in nodes:
        first = selected[node.instance] if node.instance else node.name
        if node.instance is None:
            yield node
        elif first != node.name:
            message = f"Node {first} has the same provider ID, which stands for the instance"
            yield replace(node, instance=None, skip=Reason.DUPLICATE_PROVIDER_ID, skip_message=message)


def _all_rows(
    desired: DesiredBinding, verdicts: Mapping[InstanceId, Verdict], before: Mapping[InstanceId, Row]
) -> list[Row]:
    rows = [verdict.row for verdict in verdicts.values() if verdict.row]
    skipped = [
        Row(State.SKIPPED, node=node.name, reason=node.skip, message=node.skip_message) for node in desired.skipped
    ]
    stored = {instance for instance, row in before.items() if row.claimed}
    # Where not all fit, a claim must never be the row that is left out.
    return sorted([*rows, *skipped], key=lambda row: (row.instance not in stored, not row.claimed))[:MOST_ROWS]


def _without_instances(desired: DesiredBinding, rows: Sequence[Row]) -> tuple[Hold, ...]:
    """Why the binding has no instance, where that is not simply an empty pool."""
    assigned = selection(desired.facts).assigned
    holders = [assigned[instance] for instance in desired.overridden if instance in assigned]
    taken = readiness.overridden(holders, desired.wanted)
    return taken or readiness.named_in_vain(desired.skipped, rows, desired.wanted)


def _fields(desired: DesiredBinding, rows: Sequence[Row], stored: StatusFields) -> StatusFields:
    fields: dict[str, Json] = {"summary": summary(rows)}
    if desired.spec is None:
        return {**{key: value for key, value in stored.items() if key != "instances"}, **fields}
    role = desired.role or stored.get("roleName")
    arn = desired.arn or stored.get("roleArn")
    return {**fields, **({"roleName": role} if role else {}), **({"roleArn": arn} if arn else {})}


def _entry(row: Row, before: Mapping[InstanceId, Row], verdicts: Mapping[InstanceId, Verdict]) -> Entry:
    """The row in status; while its steps are withheld the stored claim stays as it is."""
    if row.instance is None:
        return Entry("", row.as_json())
    old, verdict = before.get(row.instance), verdicts[row.instance]
    writes = verdict.attach or verdict.detach is not None
    claims = writes and (old is None or (old.role, old.origin) != (row.role, row.origin))
    withheld = row.with_claim_of(old).as_json() if writes else row.as_json()
    return Entry(str(row.instance), row.as_json(), withheld, claims=claims, explains=writes)


def _steps(verdicts: Mapping[InstanceId, Verdict], role: str | None) -> tuple[Step, ...]:
    detach: dict[str, list[InstanceId]] = {}
    attach: list[InstanceId] = []
    for instance, verdict in verdicts.items():
        if verdict.detach:
            detach.setdefault(verdict.detach, []).append(instance)
        if verdict.attach:
            attach.append(instance)
    detaches = [DetachRole(old, batch) for old, instances in sorted(detach.items()) for batch in _batches(instances)]
    attaches = [AttachRole(role, batch) for batch in _batches(attach)] if role else []
    return (*detaches, *attaches)


def _batches(instances: Iterable[InstanceId]) -> Iterable[tuple[InstanceId, ...]]:
    for _, group in groupby(sorted(instances), key=lambda instance: instance.region):
        members = tuple(group)
        for start in range(0, len(members), BATCH):
            yield members[start : start + BATCH]


def _left_alone(
    rows: Mapping[InstanceId, Row], verdicts: Mapping[InstanceId, Verdict], observed: ObservedBinding, facts: Facts
) -> tuple[Event, ...]:
    """Tell of claims given up because somebody else, no binding, has changed the instance's role."""
    return tuple(
        Event(EventReason.LEFT_ALONE, f"left {key} alone: it has role {seen}, not {rows[key].role}", warning=True)
        for key, verdict in verdicts.items()
        if verdict.row is None and key in rows and rows[key].claimed and (seen := observed.roles.get(key))
        if selection(facts).assigned.get(key, facts.me.key) == facts.me.key
    )
