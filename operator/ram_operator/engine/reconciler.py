"""reconcile(): the one pipeline. parse, desire, observe, plan, apply, observe, plan, report; the same for every kind.

The order of writes is the safety of it: the finalizer first, then the plan's claims, only then the cloud, last the
status.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Generic, Protocol

from ram_operator.cloud import Cloud
from ram_operator.engine.applying import apply
from ram_operator.engine.filters import Filter
from ram_operator.engine.reporting import Subject, report
from ram_operator.errors import CloudError, InvalidSpec, OperatorError
from ram_operator.kinds import AnyKind, DesiredT, Kind, ObservedT, SpecT
from ram_operator.model import (
    FINALIZER,
    Body,
    Facts,
    Hold,
    Json,
    ObjectKey,
    Outcome,
    Owner,
    Pass,
    Plan,
    Reason,
    Report,
    Scope,
    StatusFields,
)


class Store(Protocol):
    """Where objects are kept. A write returns the object as stored and raises StaleObject when it changed meanwhile."""

    async def set_finalizer(self, body: Body, present: bool) -> Body:
        """Add or remove our finalizer."""

    async def write_status(self, body: Body, status: StatusFields) -> Body:
        """Make `status` the object's status. Writes nothing where it is that already."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Who writes: the id in our tags, and the ids of clusters whose objects we may take over."""

    id: str
    previous: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """What a pass came to: the last plan, sifted; what was written; the status fields; what kept it from reading."""

    after: Plan
    outcome: Outcome = field(default_factory=Outcome)
    fields: StatusFields = field(default_factory=dict)
    error: CloudError | None = None


@dataclass(slots=True)
class Reconciler:
    """The pipeline with what it needs.

    Args:
        kinds: the verbs, by kind.
        cloud: the ports.
        store: where objects are written to.
        cluster: who we are.
        filters: what may be written now, in order.
        clock: the time of day.
        overdue_after: seconds without an observation after which readiness is unknown.
    """

    kinds: Mapping[str, AnyKind]
    cloud: Cloud
    store: Store
    cluster: Cluster
    filters: Sequence[Filter]
    clock: Callable[[], datetime]
    overdue_after: float
    _observed: dict[ObjectKey, datetime] = field(default_factory=dict)

    async def reconcile(self, body: Body, facts: Facts, scope: Scope) -> Report:
        """Bring one object's part of the cloud to what it says, and its status to the truth.

        Raises StaleObject when the object changed under the pass: read it again and start over.
        """
        kind = self.kinds[facts.me.key.kind]
        if facts.requested:
            self.forget(facts.me.key)
        try:
            spec = kind.parse(body)
        except InvalidSpec as invalid:
            if not facts.me.deleting:
                held = Plan(holds=tuple(Hold("spec", Reason.INVALID_SPEC, problem) for problem in invalid.problems))
                return await self.finish(body, facts, scope, Found(held, fields=_own_fields(body)))
            spec = None
        run = _Run(self, kind, body, facts, scope)
        return await run.go(kind.desire(spec, _own_fields(body), facts))

    def forget(self, key: ObjectKey) -> None:
        """Drop what is remembered of an object."""
        self._observed.pop(key, None)
        for filter_ in self.filters:
            filter_.forget(key)

    def seen(self, key: ObjectKey) -> None:
        """Note that a sweep found the object as it should be."""
        self._observed[key] = self.clock()

    def sift(self, facts: Facts, plan: Plan) -> Plan:
        """Run the plan through the filters."""
        for filter_ in self.filters:
            plan = filter_.sift(facts.me.key, facts.generation, plan, self.clock())
        return plan

    def learn(self, facts: Facts, outcome: Outcome, after: Plan) -> None:
        """Let the filters know what was written, and what is planned after looking again."""
        for filter_ in self.filters:
            filter_.learn(facts.me.key, facts.generation, outcome, after, self.clock())

    def turn(self, facts: Facts, outcome: Outcome = Outcome()) -> Pass:  # noqa: B008
        """The pass as the kinds see it."""
        owner = Owner(self.cluster.id, facts.me.key, self.cluster.previous)
        return Pass(owner, self.clock(), outcome)

    async def finish(self, body: Body, facts: Facts, scope: Scope, found: Found) -> Report:
        """Report, and store what is reported; release the object when its deletion is done."""
        now = self.clock()
        if found.error is None and not found.after.unread:
            self._observed[facts.me.key] = now
        last = self._observed.setdefault(facts.me.key, now)
        overdue = (now - last).total_seconds() > self.overdue_after
        status = body.get("status") or {}
        subject = Subject(status.get("conditions") or (), facts.generation, facts, overdue, scope.swept)
        said = report(subject, found.after, found.outcome, now, found.error)
        # What is not settled is read in every pass.
        said = replace(said, again=scope if found.error else Scope(found.after.unseen))
        released = facts.me.deleting and found.error is None and found.after.empty and not found.after.revisit_after
        try:
            if released:
                await self.store.set_finalizer(body, present=False)
                self.forget(facts.me.key)
                return replace(said, requeue_after=None, backoff=False)
            await self._store(body, facts, found, said)
        except OperatorError as error:
            # What was written to the cloud is told all the same.
            return replace(said, unstored=error)
        return said

    async def _store(self, body: Body, facts: Facts, found: Found, said: Report) -> None:
        status = body.get("status") or {}
        # What the pass began with: the annotation may have changed since, and asks for another pass then.
        handled = facts.asked or status.get("lastHandledReconcileAt")
        final = {**found.fields, "conditions": list(said.conditions), "observedGeneration": facts.generation}
        await self.store.write_status(body, {**final, "lastHandledReconcileAt": handled} if handled else final)


@dataclass(slots=True)
class _Run(Generic[SpecT, DesiredT, ObservedT]):
    """One pass over one object whose spec is understood."""

    pipeline: Reconciler
    kind: Kind[SpecT, DesiredT, ObservedT]
    body: Body
    facts: Facts
    scope: Scope

    async def go(self, desired: DesiredT) -> Report:
        """Observe, plan, apply, observe and plan again, report."""
        outcome, plan, planned = Outcome(), Plan(), None
        try:
            observed = await self._observe(desired, self.scope)
            planned = self._plan(desired, observed, outcome)
            plan = self.pipeline.sift(self.facts, planned)
            await self._prepare(plan)
            outcome = await apply(plan, self.pipeline.cloud)
            if outcome.touched:
                observed = await self._observe(desired, Scope(outcome.touched), observed)
                planned = replace(self._plan(desired, observed, outcome), remarks=plan.remarks)
        except CloudError as error:
            if planned:
                self.pipeline.learn(self.facts, outcome, planned)
            held = Plan(holds=plan.holds, remarks=plan.remarks)
            return await self._finish(Found(held, outcome, _own_fields(self.body), error))
        self.pipeline.learn(self.facts, outcome, planned)
        after = self.pipeline.sift(self.facts, planned)
        turn = self.pipeline.turn(self.facts, outcome)
        fields = self.kind.project(desired, observed, _own_fields(self.body), turn)
        if fields:
            await self._hold_on()
        return await self._finish(Found(after, outcome, fields))

    async def _finish(self, found: Found) -> Report:
        return await self.pipeline.finish(self.body, self.facts, self.scope, found)

    async def _observe(self, desired: DesiredT, scope: Scope, before: ObservedT | None = None) -> ObservedT:
        return await self.kind.observe(desired, _own_fields(self.body), scope, self.pipeline.cloud, before)

    def _plan(self, desired: DesiredT, observed: ObservedT, outcome: Outcome) -> Plan:
        return self.kind.plan(desired, observed, _own_fields(self.body), self.pipeline.turn(self.facts, outcome))

    async def _prepare(self, plan: Plan) -> None:
        """Store what must survive a crash before anything is written to the cloud."""
        if not plan.steps:
            return
        await self._hold_on()
        if plan.claims:
            claims = {claim.field: claim.value for claim in plan.claims}
            self.body = await self.pipeline.store.write_status(self.body, {**(self.body.get("status") or {}), **claims})

    async def _hold_on(self) -> None:
        """Keep the object from vanishing while the cloud has something of it."""
        if not self.facts.me.deleting and FINALIZER not in (self.body["metadata"].get("finalizers") or ()):
            self.body = await self.pipeline.store.set_finalizer(self.body, present=True)


def _own_fields(body: Body) -> dict[str, Json]:
    """The status without what belongs to the report."""
    reported = ("conditions", "observedGeneration", "lastHandledReconcileAt")
    return {key: value for key, value in (body.get("status") or {}).items() if key not in reported}
