"""`ram-operator plan`: what applying manifests, or deleting objects, would do to the cloud, object by object."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ram_operator.cluster.caches import Caches
from ram_operator.engine.reconciler import Preview, Reconciler
from ram_operator.errors import CloudError
from ram_operator.kinds.ownership import heirs
from ram_operator.model import (
    EVERYTHING,
    Change,
    Disposition,
    Hold,
    Intent,
    ObjectKey,
    Plan,
    Reason,
    Step,
    disposition,
    listing,
    number_of,
)

SIGNS = {Intent.GRANT: "+", Intent.RESTORE: "+", Intent.RELEASE: "-", Intent.REPLACE: "-", Intent.KEEP: "~"}
"""How a step is marked: what gives, what takes away, what only keeps the rest as the spec says."""
PLANNED_ONLY = "managementPolicy is Plan, or the operator is read-only: none of this is done before that is changed"
_COMES_BACK = {Disposition.WAITING, Disposition.RETRYING}
_IN_ITS_TURN = {Reason.PROGRESSING}
"""Why a rollout makes a step later: it is no less planned."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What would be done for one object: lines to print, the number of steps, and what kept it from being planned."""

    key: ObjectKey
    lines: tuple[str, ...]
    steps: int
    failed: bool


async def plan(keys: Iterable[ObjectKey], caches: Caches, reconciler: Reconciler) -> list[Planned]:
    """Preview each object. Reads the cloud and writes nothing."""
    planned: list[Planned] = []
    for key in keys:
        body, facts = caches.body(key), caches.facts(key)
        if body is not None and facts is not None:
            planned.append(_planned(key, await reconciler.preview(body, replace(facts, dry_run=True), EVERYTHING)))
    return planned


def summary(planned: Sequence[Planned], then: str) -> str:
    """The last line to print: the counts, and the command to type next, `then` where everything could be planned."""
    if failed := sum(one.failed for one in planned):
        return f"{failed} of {number_of(len(planned), 'object')} cannot be planned; next: ram-operator doctor"
    changed = sum(one.steps > 0 for one in planned)
    steps = number_of(sum(one.steps for one in planned), "step")
    return f"{steps} for {changed} of {number_of(len(planned), 'object')}; next: {then}"


def _planned(key: ObjectKey, preview: Preview) -> Planned:
    steps = [*_steps(preview), *_later(preview)]
    failed = preview.error is not None or bool(preview.plan.unreadable)
    head = "cannot be planned" if failed else number_of(len(steps), "step") if steps else _idle(preview)
    lines = (f"{key}: {head}", *_before(preview), *steps, *_obstacles(preview))
    return Planned(key, lines, len(steps), failed)


def _idle(preview: Preview) -> str:
    """What is said of an object without a step."""
    if preview.plan.holds:
        comes_back = all(disposition(hold.reason) in _COMES_BACK for hold in preview.plan.holds)
        return "has to wait" if comes_back else "nothing can be done"
    return "nothing to delete; what it has in the cloud stays" if preview.facts.me.deleting else "nothing to do"


def _before(preview: Preview) -> Iterator[str]:
    """What to know of the steps before they are made, and of an object that needs none."""
    plan = preview.plan
    if pace := _pace(preview):
        yield f"  * {pace}"
    for note in plan.notes:
        yield f"  * {note}"
    reason, message = plan.in_sync
    if plan.empty and preview.reading and not preview.facts.me.deleting and reason is not Reason.IN_SYNC:
        yield f"  * {message}"


def _pace(preview: Preview) -> str:
    """How fast the instances change their role; empty where no more than one does."""
    rollout, steps = preview.plan.rollout, _all_steps(preview)
    taken, given = (
        {one for step in steps if step.change is change for one in step.subjects}
        for change in (Change.DETACH, Change.ATTACH)
    )
    if rollout is None or len(taken & given) < 2:
        return ""
    first = "" if rollout.proven else "one instance first, and once it has its role "
    return f"step by step: {first}at most {rollout.most} without a role at a time (rollout.maxUnavailable)"


def _all_steps(preview: Preview) -> tuple[Step, ...]:
    return preview.reading.planned.steps if preview.reading else ()


def _steps(preview: Preview) -> Iterator[str]:
    held = {(each.step.identity, one): each.hold for each in preview.plan.withheld for one in each.step.subjects}
    for step in _all_steps(preview):
        parts: dict[Reason | None, set[str]] = {}
        for one in step.subjects:
            hold = held.get((step.identity, one))
            parts.setdefault(hold.reason if hold and hold.reason not in _IN_ITS_TURN else None, set()).add(one)
        for reason, subjects in parts.items():
            part = step if len(parts) == 1 else step.without(frozenset(step.subjects) - subjects)
            if part:
                withheld = f" (withheld: {reason})" if reason else ""
                yield f"  {SIGNS[part.intent]} {part.todo()}{_nodes(part, preview.plan)}{withheld}"


def _nodes(step: Step, plan: Plan) -> str:
    names = sorted(plan.nodes[one] for one in step.subjects if one in plan.nodes)
    return f" ({listing(names)})" if names else ""


def _later(preview: Preview) -> Iterator[str]:
    """What a deletion does once others that are being deleted as well are gone."""
    for hold in preview.plan.holds:
        if _is_later(preview, hold):
            yield f"  - delete {hold.subject}, afterwards: {hold.message}"


def _is_later(preview: Preview, hold: Hold) -> bool:
    deleting = preview.facts.me.deleting and not heirs(preview.facts)
    return deleting and hold.reason is Reason.PROGRESSING and not hold.instance


def _obstacles(preview: Preview) -> Iterator[str]:
    """What cannot be read, and what keeps steps from being made, alike things of several instances together."""
    plan = preview.plan
    if preview.error:
        yield f"  ! {_words(preview.error)}"
    for part in plan.unreadable:
        yield f"  ! {part.place}: {_words(part.error)}"
    holds = [hold for hold in plan.holds if not _is_later(preview, hold)]
    holds += [each.hold for each in plan.withheld if each.hold.reason not in _IN_ITS_TURN]
    alike: dict[tuple[Reason, str], dict[str, None]] = {}
    for hold in holds:
        if hold.reason is Reason.PLAN_PENDING:
            alike[hold.reason, PLANNED_ONLY] = {}
        elif not (hold.reason is Reason.DELETION_PAUSED and hold not in plan.holds):
            alike.setdefault((hold.reason, hold.message), {}).update({hold.instance: None} if hold.instance else {})
    for (reason, message), instances in alike.items():
        yield f"  ! {reason}: " + (f"{listing(instances)}: " if instances else "") + message


def _words(error: CloudError) -> str:
    return f"cannot be read: {error}"
