"""What is taken away so that something else can take its place is taken away step by step.

The first subject goes alone; once it has what it should get, as many as may be without at a time. A failure stops it.
Subjects that are let go leave the count that a percentage is of: how many may be without is kept from when it began.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from ram_operator.engine.filters import Filter, withhold
from ram_operator.model import Change, Facts, Hold, Intent, ObjectKey, Outcome, Plan, Reason, Rollout, Step

SOON_SECONDS = 0.05
"""How soon the next ones are looked at once some have what they should get."""


@dataclass(slots=True)
class Rollouts(Filter):
    """Withholds exchanges beyond what the plan's rollout lets be without at a time."""

    _began_with: dict[ObjectKey, tuple[int, int]] = field(default_factory=dict)

    def apply(self, facts: Facts, plan: Plan, now: datetime) -> Plan:
        """Withhold the rest."""
        rollout = plan.rollout
        if rollout is None:
            return plan
        back, replaced = _exchanged(plan, Intent.RELEASE), _exchanged(plan, Intent.REPLACE)
        without = len(rollout.without.difference(back, replaced))
        free = max(0, self._most(facts, rollout) - without)
        first = free if rollout.proven else max(0, 1 - without)
        may_go = {*back[:free], *replaced[: 0 if rollout.stopped_at else max(0, first - len(back))]}
        waiting = _next(rollout, next(iter(back + replaced), ""))
        held = dict.fromkeys(back, waiting) | dict.fromkeys(replaced, _stopped(rollout) or waiting)

        def hold(step: Step, subject: str) -> Hold | None:
            if subject not in held or subject in may_go:
                return None
            reason, message, retry_after = held[subject]
            return Hold(subject, reason, message, retry_after)

        return withhold(plan, hold)

    def _most(self, facts: Facts, rollout: Rollout) -> int:
        generation, most = self._began_with.get(facts.me.key, (0, 0))
        return max(rollout.most, most) if generation == facts.generation else rollout.most

    def learn(self, facts: Facts, outcome: Outcome, after: Plan, now: datetime) -> None:
        """Keep how many may be without as long as something is left to exchange."""
        if after.rollout and (_exchanged(after, Intent.RELEASE) or _exchanged(after, Intent.REPLACE)):
            self._began_with[facts.me.key] = facts.generation, self._most(facts, after.rollout)
        else:
            self.forget(facts.me.key)

    def forget(self, key: ObjectKey) -> None:
        """Count anew."""
        self._began_with.pop(key, None)


def _exchanged(plan: Plan, intent: Intent) -> list[str]:
    """The subjects that something is taken away from for this reason and that get something else."""
    taken = {
        one for step in plan.steps if step.change is Change.DETACH and step.intent is intent for one in step.subjects
    }
    given = {one for step in plan.steps if step.change is Change.ATTACH for one in step.subjects}
    return sorted(taken & given)


Waiting = tuple[Reason, str, float | None]
"""What those that wait are told, and when they are looked at again."""


def _next(rollout: Rollout, following: str) -> Waiting:
    seconds = None if rollout.without else SOON_SECONDS
    return Reason.PROGRESSING, f"{rollout.progress}; next {following}", seconds


def _stopped(rollout: Rollout) -> Waiting | None:
    if rollout.stopped_at is None:
        return None
    message = f"{rollout.progress}; the rollout stopped at {rollout.stopped_at}, the others keep what they have"
    return Reason.ROLLOUT_STOPPED, message, None
