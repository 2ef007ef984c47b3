"""What was written moments ago and is not confirmed by a reading yet.

RAM and ECS publish no propagation times. For 60 seconds after a write of ours a reading without it counts as old: it
must lead neither to a second create nor to a repair.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ram_operator.engine.filters import Effect, Filter, alone, effects, withhold
from ram_operator.errors import Unavailable
from ram_operator.model import Change, Facts, Hold, ObjectKey, Outcome, Plan, Reason, Step

_WHOLE_LIFE = (Change.CREATE, Change.DELETE)


@dataclass(frozen=True, slots=True)
class _Written:
    step: Step
    at: datetime
    generation: int

    def covers(self, step: Step) -> bool:
        """Whether the step is this one again. What was created or deleted is so, whatever else the step tells."""
        return step == self.step or step.change in _WHOLE_LIFE


@dataclass(slots=True)
class Unconfirmed(Filter):
    """Withholds a write that succeeded moments ago and that the cloud does not show yet.

    Args:
        patience: for how long a reading without the write counts as old.
        retry_after: seconds until it is read again.
    """

    patience: timedelta = timedelta(seconds=60)
    retry_after: float = 2.0
    _written: dict[ObjectKey, dict[Effect, _Written]] = field(default_factory=dict)
    _created: dict[ObjectKey, tuple[int, datetime]] = field(default_factory=dict)
    _unanswered: dict[ObjectKey, dict[str, datetime]] = field(default_factory=dict)

    def apply(self, facts: Facts, plan: Plan, now: datetime) -> Plan:
        """Withhold what the cloud should show any moment."""
        key = facts.me.key
        plan = self._reverted_edit(facts, self._just_created(key, plan, now), now)
        written, unanswered = self._written.get(key, {}), self._unanswered.get(key, {})

        def held(step: Step, subject: str) -> Hold | None:
            asked = unanswered.get(subject)
            if step.change is Change.DETACH and asked is not None and now - asked < self.patience:
                message = f"{subject}: may still be attached by a call that got no answer"
                return Hold(subject, Reason.VERIFYING, message, self.retry_after)
            before = written.get((subject, step.effect))
            if before is None or not self._is_recent(before.at, now) or not before.covers(alone(step, subject)):
                return None
            message = f"{subject}: waits for the cloud to show the result of: {step.effect}"
            return Hold(subject, Reason.VERIFYING, message, self.retry_after)

        return withhold(plan, held) if written or unanswered else plan

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

    def _of_earlier_edit(self, write: _Written, facts: Facts, now: datetime) -> bool:
        of_earlier = write.generation != facts.generation and self._is_recent(write.at, now)
        return write.step.change is Change.UPDATE and of_earlier

    def learn(self, facts: Facts, outcome: Outcome, after: Plan, now: datetime) -> None:
        """Remember what was written and is still planned: the cloud does not show it."""
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
                written[subject, step.effect] = _Written(alone(step, subject), now, facts.generation)
        self._note_answers(key, outcome, after, now)
        planned, unread = effects(after.steps), after.unread
        left: dict[Effect, _Written] = {}
        for effect, write in written.items():
            reverted = self._of_earlier_edit(write, facts, now) and Change.DELETE not in changes
            if effect in planned or effect[0] in unread or reverted:
                left[effect] = write
        if left:
            self._written[key] = left

    def _note_answers(self, key: ObjectKey, outcome: Outcome, after: Plan, now: datetime) -> None:
        """Remember which attachments in RAM got no answer: they may be made after all, once they are taken back.

        What is planned no more is attached.
        """
        planned = {subject for step in after.steps for subject in step.subjects}
        left = self._unanswered.pop(key, {}) | {
            failure.subject: now
            for failure in outcome.failures
            if failure.step.change is Change.ATTACH and not failure.step.region
            if isinstance(failure.error, Unavailable)
        }
        answered = {subject for step in outcome.done for subject in step.subjects}
        if still := {one: at for one, at in left.items() if one in planned - answered}:
            self._unanswered[key] = still

    def forget(self, key: ObjectKey) -> None:
        """Believe the next reading."""
        self._written.pop(key, None)
        self._created.pop(key, None)
        self._unanswered.pop(key, None)
