"""What was written moments ago and is not confirmed by a reading yet.

RAM and ECS publish no propagation times. For 60 seconds after a write of ours a reading without it counts as old: it
must lead neither to a second create nor to a repair.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ram_operator.engine.filters import Effect, Filter, alone, effects, withhold
from ram_operator.errors import Unavailable
from ram_operator.model import Change, Facts, Hold, ObjectKey, Outcome, Plan, Reason, Reference, Step

_WHOLE_LIFE = (Change.CREATE, Change.DELETE)


@dataclass(frozen=True, slots=True)
class _Written:
    """A write, and whether the cloud said that it is done."""

    step: Step
    at: datetime
    generation: int
    answered: bool = True

    def covers(self, step: Step) -> bool:
        """Whether the step is this one again. What was created or deleted is so, whatever else the step tells."""
        return self.answered and (step == self.step or step.change in _WHOLE_LIFE)


@dataclass(slots=True)
class Unconfirmed(Filter):
    """Withholds a write that succeeded moments ago and that the cloud does not show yet.

    What a call without an answer may still bring about is neither taken back nor taken for absent meanwhile. That holds
    for the calls of a process before this one, too: they end within `patience` of this one's first reconcile. Which
    changes it asked for is not stored: what it did not leave in sync is read once more then.

    Args:
        patience: for how long a reading without the write counts as old.
        retry_after: seconds until it is read again.
    """

    patience: timedelta = timedelta(seconds=60)
    retry_after: float = 2.0
    _began: datetime | None = None
    _written: dict[ObjectKey, dict[Effect, _Written]] = field(default_factory=dict)
    _created: dict[ObjectKey, tuple[int, datetime]] = field(default_factory=dict)
    _unanswered: dict[ObjectKey, dict[str, datetime]] = field(default_factory=dict)
    _left_open: set[ObjectKey] = field(default_factory=set)

    def apply(self, facts: Facts, plan: Plan, now: datetime) -> Plan:
        """Withhold what the cloud should show any moment."""
        key = facts.me.key
        plan = self._read_back(facts, self._reverted_edit(facts, self._just_created(key, plan, now), now), now)
        written, late = self._written.get(key, {}), self._late(facts, plan, now)

        def held(step: Step, subject: str) -> Hold | None:
            if step.change is Change.DETACH and subject in late:
                return self._may_come(subject)
            before = written.get((subject, step.identity))
            if before is None or not self._is_recent(before.at, now) or not before.covers(alone(step, subject)):
                return None
            message = f"{subject}: waits for the cloud to show the result of: {step.effect}"
            return Hold(subject, Reason.VERIFYING, message, self.retry_after)

        if facts.me.deleting and plan.empty and late:
            return replace(plan, holds=tuple(map(self._may_come, sorted(late))))
        return withhold(plan, held) if written or late else plan

    def _late(self, facts: Facts, plan: Plan, now: datetime) -> frozenset[str]:
        """The subjects of a plan for which a call without an answer may still be carried out."""
        asked = self._asked(facts.me, plan, now)
        return frozenset(one for one in plan.unconfirmed if one in asked and self._is_recent(asked[one], now))

    def _asked(self, me: Reference, plan: Plan, now: datetime) -> Mapping[str, datetime]:
        """When calls without an answer were made; those of a process before this one until this one began."""
        if me.key in self._unanswered or not me.guarded:
            return self._unanswered.get(me.key, {})
        return dict.fromkeys(plan.unconfirmed, self._began or now)

    def _may_come(self, subject: str) -> Hold:
        message = f"{subject}: may still be made by a call that got no answer; it is read again for a minute"
        return Hold(subject, Reason.VERIFYING, message, self.retry_after)

    def _is_recent(self, at: datetime, now: datetime) -> bool:
        """Whether a reading may not show yet what was written then; a clock that was ahead does not make it longer."""
        return timedelta(0) <= now - at < self.patience

    def _just_created(self, key: ObjectKey, plan: Plan, now: datetime) -> Plan:
        """What was created and did not show at once may lack its tags, or still be missing when it is deleted."""
        _, at = self._created.get(key, (0, None))
        if at is None or not self._is_recent(at, now):
            return plan
        wait = Hold(str(key), Reason.VERIFYING, f"waits for the cloud to show all of {key}", self.retry_after)
        if plan.empty:
            return replace(plan, holds=(wait,))
        return replace(plan, holds=tuple(wait if hold.reason is Reason.NOT_OWNED else hold for hold in plan.holds))

    def _reverted_edit(self, facts: Facts, plan: Plan, now: datetime) -> Plan:
        """Nothing to do may mean that what was written before an edit does not show, and the edit took it back."""
        written = self._written.get(facts.me.key, {}).values()
        if not plan.empty or not any(self._of_earlier_edit(write, facts, now) for write in written):
            return plan
        message = f"waits for the cloud to show what was written before {facts.me.key} was edited"
        return replace(plan, holds=(Hold(str(facts.me.key), Reason.VERIFYING, message, self.retry_after),))

    def _read_back(self, facts: Facts, plan: Plan, now: datetime) -> Plan:
        """Nothing to do may mean that a change is still to come which the process before this one asked for."""
        me, began = facts.me, self._began or now
        if not self._is_recent(began, now):
            self._left_open.clear()
        if not plan.empty or me.deleting or me.key not in self._left_open:
            return plan
        seconds = (began + self.patience - now).total_seconds()
        return replace(plan, revisit_after=min(seconds, plan.revisit_after or seconds))

    def _of_earlier_edit(self, write: _Written, facts: Facts, now: datetime) -> bool:
        of_earlier = write.generation != facts.generation and self._is_recent(write.at, now)
        return write.step.change is Change.UPDATE and of_earlier

    def learn(self, facts: Facts, outcome: Outcome, after: Plan, now: datetime) -> None:
        """Remember what was written and is still planned: the cloud does not show it."""
        self._began = self._began or now
        key, changes = facts.me.key, {step.change for step in outcome.done}
        unconfirmed = any(step.change is Change.CREATE for step in after.steps) or Reason.NOT_OWNED in {
            hold.reason for hold in after.holds
        }
        created_in, _ = self._created.get(key, (None, now))
        if Change.CREATE in changes and unconfirmed:
            self._created[key] = (facts.generation, now)
        elif Change.DELETE in changes or (created_in == facts.generation and not unconfirmed):
            # In a later generation it may be deleted: then nothing to do can mean that it does not show yet.
            self._created.pop(key, None)
        written = self._written.pop(key, {})
        for step in outcome.done:
            for subject in step.subjects:
                written[subject, step.identity] = _Written(alone(step, subject), now, facts.generation)
        for failure in outcome.failures:
            if isinstance(failure.error, Unavailable) and failure.step.change is Change.UPDATE:
                change = failure.subject, failure.step.identity
                written[change] = _Written(failure.step, now, facts.generation, answered=False)
        # What a binding does to an instance its row tells, as the process before this one stored it.
        unstored = bool(after.grants) and facts.me.guarded and (facts.edited or not facts.me.ready)
        if key not in self._unanswered and unstored and self._is_recent(self._began, now):
            self._left_open.add(key)
        self._note_answers(facts.me, outcome, after, now)
        planned, unread = effects(after.steps), after.unread
        left: dict[Effect, _Written] = {}
        for effect, write in written.items():
            reverted = self._of_earlier_edit(write, facts, now) and Change.DELETE not in changes
            if effect in planned or effect[0] in unread or reverted:
                left[effect] = write
        if left:
            self._written[key] = left

    def _note_answers(self, me: Reference, outcome: Outcome, after: Plan, now: datetime) -> None:
        """Remember for which subjects that do not show a call got no answer.

        A call that is refused says nothing of those before it: one that succeeds, a reading and time do.
        """
        lost = (failure.subject for failure in outcome.failures if isinstance(failure.error, Unavailable))
        asked = {**self._asked(me, after, now), **dict.fromkeys(lost, now)}
        answered = {subject for step in outcome.done for subject in step.subjects}
        self._unanswered[me.key] = {
            one: at for one, at in asked.items() if one in after.unconfirmed and one not in answered
        }

    def start_over(self, key: ObjectKey) -> None:
        """Believe the next reading, but in what may still come."""
        self._written.pop(key, None)
        self._created.pop(key, None)

    def forget(self, key: ObjectKey) -> None:
        """Drop an object that is gone."""
        self.start_over(key)
        self._unanswered.pop(key, None)
        self._left_open.discard(key)
