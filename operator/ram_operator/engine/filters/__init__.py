"""Filters: Plan -> Plan, between planning and writing. What must not be written now stays in the plan as withheld.

The reconciler runs them in this order; each sees the object's facts and what the ones before it let through:

1. `modes.Retain`: a deletion that leaves the cloud as it is has no steps.
2. `modes.Suspend`: a suspended object is neither read nor written.
3. `boundary.WithinBoundary`: what lies outside the boundary of the settings is not granted.
4. `unconfirmed.Unconfirmed`: a write of ours that the cloud does not show yet is not made again.
5. `contention.Contention`: a write that something else keeps undoing is not repeated for ever.
6. `mass_release.MassRelease`: changes of nodes release no more than a share of what is held.
7. `modes.PlanOnly`: whatever would be written now is withheld and shown.
8. `rollout.Rollouts`: what is replaced is replaced step by step.

A filter decides by a step's intent and change, never by its class. What a filter remembers is per object and is gone
with the process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from ram_operator.model import Change, Facts, Hold, Intent, ObjectKey, Outcome, Plan, Step, Withheld

Identity = tuple[str, ...]
"""What a step does to a subject, as `Step.identity` has it."""

Effect = tuple[str, Identity]
"""A subject, and what is done to it."""


class Filter:
    """A rule about what may be written now. What a filter does not define does nothing."""

    def without_reading(self, facts: Facts) -> Plan | None:
        """Return the plan of an object that must not even be read; None where this rule lets it be read."""
        return None

    def apply(self, facts: Facts, plan: Plan, now: datetime) -> Plan:
        """Return the plan with the steps that may not be made now as withheld. Changes no memory."""
        return plan

    def learn(self, facts: Facts, outcome: Outcome, after: Plan, now: datetime) -> None:
        """Take note of what was written and of what is still planned after observing again."""

    def start_over(self, key: ObjectKey) -> None:
        """Drop what may be outdated of an object that a person asked to be reconciled."""
        self.forget(key)

    def forget(self, key: ObjectKey) -> None:
        """Drop what is remembered of an object that is gone."""


def effects(steps: tuple[Step, ...]) -> set[Effect]:
    """All effects of some steps."""
    return {(subject, step.identity) for step in steps for subject in step.subjects}


def withhold(
    plan: Plan,
    held: Callable[[Step, str], Hold | None],
    free: frozenset[str] = frozenset(),
    wrong: Mapping[str, Hold] | None = None,
) -> Plan:
    """The plan with what `held` gives a hold for, by step and subject, as withheld.

    Nothing is deleted before what is withheld: the cloud would refuse it. What waits for what is withheld is not made,
    unless its subject is `free`. Nothing is taken away while what should take its place is withheld. A subject that is
    `wrong` as it is keeps back what waits for it until a step changes it.
    """
    found = [{one: hold for one in step.subjects if (hold := held(step, one))} for step in plan.steps]
    left_wrong = dict(wrong or {})
    if not any(found) and not any(left_wrong.keys() & set(step.waits_for) for step in plan.steps):
        return plan
    replaced = {one for step in plan.steps if step.intent is Intent.REPLACE for one in step.subjects}
    exchanges = {one: hold for holds in found for one, hold in holds.items() if one in replaced}
    steps: list[Step] = []
    withheld: list[Withheld] = []
    missing: dict[str, Hold] = {}
    for step, holds in zip(plan.steps, found, strict=True):
        all_holds = {one: exchanges[one] for one in step.subjects if one in exchanges} | holds
        awaited = (*step.waits_for, *(step.subjects if step.change is Change.DELETE else ()))
        cause = next((hold for one in awaited if (hold := missing.get(one) or left_wrong.get(one))), None)
        if cause and not free.intersection(step.subjects):
            all_holds = {one: all_holds.get(one, cause) for one in step.subjects}
        withheld += _parts(step, all_holds)
        missing.update(all_holds)
        if left := step.without(frozenset(all_holds)):
            steps.append(left)
            left_wrong = {one: hold for one, hold in left_wrong.items() if one not in left.subjects}
    return replace(plan, steps=tuple(steps), withheld=(*plan.withheld, *withheld))


def _parts(step: Step, found: Mapping[str, Hold]) -> list[Withheld]:
    """One for each subject; a step that is made or not made as a whole is withheld once."""
    parts = [Withheld(alone(step, subject), hold) for subject, hold in found.items()]
    return parts[:1] if parts and parts[0].step is step else parts


def alone(step: Step, subject: str) -> Step:
    """What a step does to one of its subjects; a step that is made or not made as a whole stays whole."""
    return step.without(frozenset(step.subjects) - {subject}) or step
