"""The one pipeline, the same for every kind: parse, desire, observe, plan, filter; then write, observe and plan again.

`preview` is the first half: it only reads, so that Plan mode, a command line and tests can use it as it is. `carry_out`
is the second. The order of its writes is the safety of it: the plan's claims first, then the finalizer, only then the
cloud, last the status. An object with our finalizer and nothing in its status has therefore lost its status.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from ram_operator.cloud import Cloud
from ram_operator.engine.applying import apply
from ram_operator.engine.filters import Filter
from ram_operator.engine.reporting import NOTHING, Subject, released, report
from ram_operator.errors import CloudError, InvalidSpec, OperatorError
from ram_operator.kinds import AnyKind
from ram_operator.kinds.surveys import Survey
from ram_operator.model import (
    FINALIZER,
    Body,
    Change,
    Context,
    Disposition,
    Facts,
    Hold,
    Json,
    ObjectKey,
    Outcome,
    Owner,
    Plan,
    Reason,
    Report,
    Scope,
    Stall,
    StatusFields,
    disposition,
)

REPORTED = ("conditions", "observedGeneration", "lastHandledReconcileAt", "plan")
"""The status fields that no kind has: the reconciler writes them for all."""
PLANNED_STEPS = 20
"""How many steps `status.plan` spells out."""


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
class Reading:
    """What was wanted and what was seen, in the kind's own types, and the plan that follows before the filters."""

    kind: AnyKind
    desired: Any
    observed: Any
    planned: Plan


@dataclass(frozen=True, slots=True)
class Preview:
    """What a reconcile of an object would do now.

    Args:
        body: the object.
        facts: what was known of it.
        scope: what was asked for.
        plan: what would be written, what is withheld, and the status that follows.
        reading: where the plan comes from; None where nothing was read.
        error: what kept the cloud from being read; the plan has no steps then.
    """

    body: Body
    facts: Facts
    scope: Scope
    plan: Plan
    reading: Reading | None = None
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
    _told: dict[ObjectKey, frozenset[Stall]] = field(default_factory=dict)
    _rounds: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def reconcile(self, body: Body, facts: Facts, scope: Scope) -> Report:
        """Bring one object's part of the cloud to what it says, and its status to the truth.

        Raises StaleObject when the object changed meanwhile: read it again and start over.
        """
        # While our finalizer is there nothing is finished, whatever the status says.
        if facts.me.released and FINALIZER not in (body["metadata"].get("finalizers") or ()):
            return NOTHING
        if facts.requested:
            self._observed.pop(facts.me.key, None)
            for filter_ in self.filters:
                filter_.start_over(facts.me.key)
        return await self.carry_out(await self.preview(body, facts, scope))

    async def own_round(self) -> None:
        """Wait for a round of the event loop in which no other reconcile begins or plans.

        Many that begin together, or were answered together, would stop the loop for as long as they all take.
        """
        async with self._rounds:
            await asyncio.sleep(0)

    async def preview(self, body: Body, facts: Facts, scope: Scope) -> Preview:
        """Say what a reconcile would do. Reads the cloud and writes nothing."""
        kind, stored = self.kinds[facts.me.key.kind], stored_fields(body)
        spec = None
        try:
            spec = kind.parse(body)
        except InvalidSpec as invalid:
            if not facts.me.deleting:
                kept = "; what was in force before stays in force" if stored else ""
                *first, last = invalid.problems
                problems = (*first, f"{last}{kept}")
                holds = tuple(Hold("spec", Reason.INVALID_SPEC, problem) for problem in problems)
                return Preview(body, facts, scope, Plan(holds=holds, fields=stored))
        for filter_ in self.filters:
            if (plan := filter_.without_reading(facts)) is not None:
                return Preview(body, facts, scope, replace(plan, fields=stored))
        desired = kind.desire(spec, facts)
        try:
            observed = await kind.observe(desired, stored, scope, self.cloud)
        except CloudError as error:
            return Preview(body, facts, scope, Plan(fields=stored), error=error)
        await self.own_round()
        planned = kind.plan(desired, observed, stored, self.context(facts))
        return Preview(body, facts, scope, self._filtered(facts, planned), Reading(kind, desired, observed, planned))

    async def carry_out(self, preview: Preview) -> Report:
        """Write what a preview says, observe what was touched, and report.

        Raises StaleObject when the object changed since the preview.
        """
        body, facts, plan = preview.body, preview.facts, preview.plan
        reading = preview.reading
        if reading is None:
            return await self._finish(body, preview, plan, Outcome(), preview.error)
        outcome = Outcome()
        if plan.steps:
            body = await self._prepare(body, facts, plan)
            outcome = await apply(plan, self.cloud)
            try:
                reading = await self._observe_again(reading, body, facts, outcome)
            except CloudError as error:
                self._learn(facts, outcome, reading.planned)
                held = replace(plan, steps=(), news=(), fields=stored_fields(body), entries={})
                return await self._finish(body, preview, held, outcome, error)
        self._learn(facts, outcome, reading.planned)
        news = tuple(dict.fromkeys((*plan.news, *reading.planned.news)))
        after = replace(self._filtered(facts, reading.planned), remarks=plan.remarks, news=news)
        return await self._finish(body, preview, after, outcome)

    def forget(self, key: ObjectKey) -> None:
        """Drop what is remembered of an object."""
        self._observed.pop(key, None)
        self._told.pop(key, None)
        for filter_ in self.filters:
            filter_.forget(key)

    def survey(self, *, first: bool = False) -> Survey:
        """Begin a round of sweeps; `first` is the one after a start."""
        return Survey(self.cloud, lambda key: Owner(self.cluster.id, key, self.cluster.previous), first)

    def mark_observed(self, key: ObjectKey) -> None:
        """Note that a sweep found the object as it should be."""
        self._observed[key] = self.clock()

    def _filtered(self, facts: Facts, plan: Plan) -> Plan:
        for filter_ in self.filters:
            plan = filter_.apply(facts, plan, self.clock())
        return plan

    def _learn(self, facts: Facts, outcome: Outcome, after: Plan) -> None:
        for filter_ in self.filters:
            filter_.learn(facts, outcome, after, self.clock())

    def context(self, facts: Facts, outcome: Outcome = Outcome()) -> Context:  # noqa: B008
        """What the kinds get besides the object."""
        predecessors = tuple(rival.key for rival in facts.rivals if rival.deleting)
        owner = Owner(self.cluster.id, facts.me.key, self.cluster.previous, predecessors)
        return Context(owner, self.clock(), outcome)

    async def _observe_again(self, before: Reading, body: Body, facts: Facts, outcome: Outcome) -> Reading:
        """Observe what was touched, and plan again."""
        kind, stored, observed = before.kind, stored_fields(body), before.observed
        if outcome.touched:
            observed = await kind.observe(before.desired, stored, Scope(outcome.touched), self.cloud, observed)
        return replace(
            before,
            observed=observed,
            planned=kind.plan(before.desired, observed, stored, self.context(facts, outcome)),
        )

    async def _prepare(self, body: Body, facts: Facts, plan: Plan) -> Body:
        """Store what must survive a crash before anything is written to the cloud."""
        status, claims = body.get("status") or {}, plan.claims
        if any(step.change is Change.CREATE for step in plan.steps):
            # What is to be created again is not there: a status that says otherwise would outlive a lost answer.
            status, claims = {name: status[name] for name in REPORTED if name in status}, plan.status
        body = await self.store.write_status(body, {**status, **claims})
        return await self._ensure_finalizer(body, facts)

    async def _ensure_finalizer(self, body: Body, facts: Facts) -> Body:
        """Keep the object from vanishing while the cloud has something of it."""
        if facts.me.deleting or FINALIZER in (body["metadata"].get("finalizers") or ()):
            return body
        return await self.store.set_finalizer(body, present=True)

    async def _finish(
        self, body: Body, preview: Preview, after: Plan, outcome: Outcome, error: CloudError | None = None
    ) -> Report:
        """Report, and store what is reported; release the object when its deletion is done."""
        facts, now = preview.facts, self.clock()
        if error is None and not after.unreadable:
            self._observed[facts.me.key] = now
        last = self._observed.setdefault(facts.me.key, now)
        overdue = (now - last).total_seconds() > self.overdue_after
        status = body.get("status") or {}
        doubts = () if facts.me.deleting else tuple(self.kinds[facts.me.key.kind].doubts(body))
        told = self._told.get(facts.me.key)
        subject = Subject(status.get("conditions") or (), facts, overdue, preview.scope.swept, doubts, told)
        made = report(subject, after, outcome, now, error)
        self._told[facts.me.key] = made.stalls
        # What is not in sync is read in every reconcile.
        made = replace(made, again=preview.scope if error else Scope(after.unread), read=after.read)
        released = facts.me.deleting and error is None and after.empty and not after.revisit_after
        try:
            if released:
                await self._release(body, subject)
                self.forget(facts.me.key)
                return replace(made, requeue_after=None, backoff=False)
            body = await self._store_status(body, facts, after, made, read=error is None and not after.unreadable)
            if after.fields or after.entries:
                await self._ensure_finalizer(body, facts)
        except OperatorError as unstored:
            # Events still tell what was written to the cloud.
            return replace(made, unstored=unstored)
        return made

    async def _release(self, body: Body, subject: Subject) -> None:
        """Let the object go; where the finalizers of others keep it, say that the cloud has nothing of it any more."""
        if others := [name for name in body["metadata"].get("finalizers") or () if name != FINALIZER]:
            conditions = released(subject, others, self.clock())
            status = {"conditions": conditions, "observedGeneration": subject.generation}
            body = await self.store.write_status(body, status)
        await self.store.set_finalizer(body, present=False)

    async def _store_status(self, body: Body, facts: Facts, after: Plan, made: Report, *, read: bool) -> Body:
        # What the reconcile began with: the annotation may have changed since, and asks for another one then.
        status = body.get("status") or {}
        handled = facts.asked or status.get("lastHandledReconcileAt")
        fields: dict[str, Json] = {
            **after.status,
            # Where not all could be read, an empty plan does not mean that nothing would be done.
            "plan": _planned(after) or (None if read else status.get("plan")),
            "conditions": list(made.conditions),
            "observedGeneration": facts.generation,
            "lastHandledReconcileAt": handled,
        }
        return await self.store.write_status(body, {name: value for name, value in fields.items() if value is not None})


def stored_fields(body: Body) -> dict[str, Json]:
    """The stored status of an object without what the reconciler writes for every kind."""
    return {key: value for key, value in (body.get("status") or {}).items() if key not in REPORTED}


def _planned(after: Plan) -> Json:
    """`status.plan`: what is withheld until a person acts; None where nothing is."""
    shown = (Disposition.STALLED, Disposition.PLANNED)
    steps = [each.step.todo() for each in after.withheld if disposition(each.hold.reason) in shown]
    return {"count": len(steps), "steps": steps[:PLANNED_STEPS]} if steps else None
