"""Filters: Plan -> Plan, between planning and applying. What must not be written now becomes a hold.

The reconciler runs all of them in order; the list is open. Each keeps its own memory per object, gone with the process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from ram_operator.model import EventReason, Hold, ObjectKey, Outcome, Plan, Reason, Step

Effect = tuple[str, str]
"""A subject, and what a step does to it in the words of `Step.effect`."""


_CREATIONS = {EventReason.ROLE_CREATED, EventReason.POLICY_CREATED}
_DELETIONS = {EventReason.ROLE_DELETED, EventReason.POLICY_DELETED}
_UPDATES = {EventReason.ROLE_UPDATED, EventReason.POLICY_UPDATED, EventReason.VERSION_CREATED}


class Filter(Protocol):
    """A rule about what may be written now."""

    def sift(self, key: ObjectKey, generation: int, plan: Plan, now: datetime) -> Plan:
        """Return the plan without the steps that may not be made now, and a hold for each."""

    def learn(self, key: ObjectKey, generation: int, outcome: Outcome, after: Plan, now: datetime) -> None:
        """Take note of what was written and of what is still planned after looking again."""

    def forget(self, key: ObjectKey) -> None:
        """Drop what is remembered of an object that is gone."""


def effects(steps: tuple[Step, ...]) -> set[Effect]:
    """All effects of some steps."""
    return {(subject, step.effect) for step in steps for subject in step.subjects}


def withhold(plan: Plan, held: Callable[[Step, str], Hold | None]) -> Plan:
    """The plan without what `held` gives a hold for, by step and subject.

    Nothing is deleted before what is withheld: the cloud would refuse it.
    """
    steps: list[Step] = []
    holds: list[Hold] = []
    withheld: set[str] = set()
    for step in plan.steps:
        found = {subject: hold for subject in step.subjects if (hold := held(step, subject))}
        behind = withheld.intersection(step.subjects) if step.event in _DELETIONS else set()
        holds += found.values()
        withheld |= found.keys()
        if left := step.without(frozenset(found) | behind):
            steps.append(left)
    return replace(plan, steps=tuple(steps), holds=(*plan.holds, *holds)) if holds else plan


def alone(step: Step, subject: str) -> Step:
    """What a step does to one of its subjects; a step that is done or is not stays whole."""
    return step.without(frozenset(step.subjects) - {subject}) or step


@dataclass(frozen=True, slots=True)
class _Written:
    step: Step
    at: datetime
    generation: int

    def covers(self, step: Step) -> bool:
        """Whether the step is this one again. What was created or deleted is so, whatever else the step tells."""
        return step == self.step or step.event in _CREATIONS | _DELETIONS


@dataclass(slots=True)
class Unseen:
    """Withholds a write that succeeded moments ago and that the cloud does not show yet.

    RAM and ECS publish no propagation times. For 60 seconds after a write of ours a reading without it counts as old:
    it must lead neither to a second create nor to a repair.
    """

    patience: timedelta = timedelta(seconds=60)
    retry_after: float = 2.0
    _written: dict[ObjectKey, dict[Effect, _Written]] = field(default_factory=dict)
    _created: dict[ObjectKey, tuple[int, datetime]] = field(default_factory=dict)

    def sift(self, key: ObjectKey, generation: int, plan: Plan, now: datetime) -> Plan:
        """Hold what the cloud should show any moment."""
        plan = self._edited_back(key, generation, self._newborn(key, plan, now), now)
        written = self._written.get(key, {})

        def held(step: Step, subject: str) -> Hold | None:
            before = written.get((subject, step.effect))
            if before is None or now - before.at >= self.patience or not before.covers(alone(step, subject)):
                return None
            message = f"{subject}: waits for the cloud to show the result of: {step.effect}"
            return Hold(subject, Reason.VERIFYING, message, self.retry_after)

        return withhold(plan, held) if written else plan

    def _newborn(self, key: ObjectKey, plan: Plan, now: datetime) -> Plan:
        """What was created and did not show at once may lack its tags, or still be missing when it is deleted."""
        _, at = self._created.get(key, (0, None))
        if at is None or now - at >= self.patience:
            return plan
        wait = Hold(str(key), Reason.VERIFYING, f"waits for the cloud to show all of {key}", self.retry_after)
        if plan.empty:
            return replace(plan, holds=(wait,))
        return replace(plan, holds=tuple(wait if hold.reason is Reason.NOT_OWNED else hold for hold in plan.holds))

    def _edited_back(self, key: ObjectKey, generation: int, plan: Plan, now: datetime) -> Plan:
        """Nothing to do may mean that what was written before an edit does not show, and the edit took it back."""
        written = self._written.get(key, {}).values()
        if not plan.empty or not any(self._of_earlier_edit(write, generation, now) for write in written):
            return plan
        message = f"waits for the cloud to show what was written before {key} was edited"
        return replace(plan, holds=(Hold(str(key), Reason.VERIFYING, message, self.retry_after),))

    def _of_earlier_edit(self, write: _Written, generation: int, now: datetime) -> bool:
        return write.step.event in _UPDATES and write.generation != generation and now - write.at < self.patience

    def learn(self, key: ObjectKey, generation: int, outcome: Outcome, after: Plan, now: datetime) -> None:
        """Remember what was written and is still planned: the cloud does not show it."""
        written_events = {step.event for step in outcome.done}
        hidden = any(step.event in _CREATIONS for step in after.steps) or Reason.NOT_OWNED in {
            hold.reason for hold in after.holds
        }
        born, _ = self._created.get(key, (None, now))
        if written_events & _CREATIONS and hidden:
            self._created[key] = (generation, now)
        elif written_events & _DELETIONS or (born == generation and not hidden):
            # In a later generation it may be deleted: then nothing to do can mean that it does not show yet.
            self._created.pop(key, None)
        planned, unseen = effects(after.steps), after.unseen
        done = {
            (subject, step.effect): _Written(alone(step, subject), now, generation)
            for step in outcome.done
            for subject in step.subjects
        }
        written = {**self._written.get(key, {}), **done}
        left = {
            effect: write
            for effect, write in written.items()
            if effect in planned
            or effect[0] in unseen
            or (self._of_earlier_edit(write, generation, now) and not written_events & _DELETIONS)
        }
        if left:
            self._written[key] = left
        else:
            self._written.pop(key, None)

    def forget(self, key: ObjectKey) -> None:
        """Believe the next reading."""
        self._written.pop(key, None)
        self._created.pop(key, None)


@dataclass(frozen=True, slots=True)
class _Write:
    at: datetime
    excused: bool = False


@dataclass(slots=True)
class Contention:
    """Withholds a write that was made several times within an hour: somebody else keeps changing the same thing.

    A write is excused where we have written something else to the subject since: a node may join and leave a pool.

    Args:
        most: repairs within the window; the first write of a generation is none.
        most_writes: writes within the window, excused ones included.
        window: how long a write is remembered.
    """

    most: int = 3
    most_writes: int = 30
    window: timedelta = timedelta(hours=1)
    _written: dict[ObjectKey, tuple[int, dict[Effect, list[_Write]]]] = field(default_factory=dict)

    def sift(self, key: ObjectKey, generation: int, plan: Plan, now: datetime) -> Plan:
        """Hold what was repaired too often, until the oldest repair leaves the window."""
        of, written = self._written.get(key, (generation, {}))
        return (
            withhold(plan, lambda step, subject: self._held(step, subject, written, now)) if of == generation else plan
        )

    def _held(self, step: Step, subject: str, written: Mapping[Effect, Sequence[_Write]], now: datetime) -> Hold | None:
        writes = written.get((subject, step.effect), ())
        recent = [write for write in writes if now - write.at < self.window]
        repairs = [write for write in recent if not write.excused]
        counted = recent if len(recent) > self.most_writes else repairs if len(repairs) > self.most else []
        if not counted:
            return None
        message = (
            f"{subject}: had to {step.effect} again {len(counted) - 1} times within an hour; something else keeps "
            "changing it: find out what, or change this object to agree with it"
        )
        return Hold(subject, Reason.CONTENDED, message, (counted[0].at + self.window - now).total_seconds())

    def learn(self, key: ObjectKey, generation: int, outcome: Outcome, after: Plan, now: datetime) -> None:
        """Count the writes of this pass."""
        done = effects(outcome.done)
        if not done:
            return
        of, before = self._written.get(key, (generation, {}))
        subjects = {subject for subject, _ in done}
        written: dict[Effect, list[_Write]] = {}
        for effect, writes in before.items() if of == generation else ():
            changed = effect not in done and effect[0] in subjects
            written[effect] = [replace(write, excused=write.excused or changed) for write in writes]
        for effect in done:
            recent = [write for write in written.get(effect, []) if now - write.at < self.window]
            written[effect] = [*recent, _Write(now)]
        self._written[key] = (generation, written)

    def forget(self, key: ObjectKey) -> None:
        """Count anew: the object is gone, or a person asked for another try."""
        self._written.pop(key, None)
