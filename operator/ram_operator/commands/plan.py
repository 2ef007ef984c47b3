"""`ram-operator plan`: what applying manifests, or deleting all objects, would do to the cloud, object by object."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ram_operator.cluster.caches import Caches
from ram_operator.engine.reconciler import Preview, Reconciler
from ram_operator.errors import CloudError
from ram_operator.model import EVERYTHING, Intent, ObjectKey, number_of

SIGNS = {Intent.GRANT: "+", Intent.RESTORE: "+", Intent.RELEASE: "-", Intent.REPLACE: "-", Intent.KEEP: "~"}
"""How a step is marked: what gives, what takes away, what only keeps the rest as the spec says."""


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
    steps = [*preview.plan.steps, *(each.step for each in preview.plan.withheld)]
    lines = tuple(_lines(preview))
    nothing = "nothing to do" if not preview.facts.me.deleting else "nothing to delete; what it has in the cloud stays"
    waits = "has to wait" if preview.facts.me.deleting and preview.plan.holds else nothing
    head = "cannot be planned" if preview.error else number_of(len(steps), "step") if steps else waits
    return Planned(key, (f"{key}: {head}", *lines), len(steps), preview.error is not None)


def _lines(preview: Preview) -> Iterator[str]:
    if preview.error:
        yield f"  ! {_words(preview.error)}"
    for step in preview.plan.steps:
        yield f"  {SIGNS[step.intent]} {step.todo()}"
    for each in preview.plan.withheld:
        yield f"  {SIGNS[each.step.intent]} {each.step.todo()} (withheld: {each.hold.reason})"
    for part in preview.plan.unreadable:
        yield f"  ! {part.place}: {_words(part.error)}"
    for hold in preview.plan.holds:
        yield f"  ! {hold.reason}: {hold.sentence}"


def _words(error: CloudError) -> str:
    return f"cannot be read: {error}"
