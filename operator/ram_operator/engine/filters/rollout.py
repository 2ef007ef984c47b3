"""What is taken away so that something else can take its place is taken away step by step.

The first subject goes alone; once it has what it should get, as many as may be without at a time. A failure stops it.
Subjects that are released leave the count that a percentage is of: how many may be without is kept from when it began.
What nothing could be taken away from comes last, and the others wait a moment: they may meet the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ram_operator.engine.filters import Filter, withhold
from ram_operator.model import Change, Facts, Hold, Intent, ObjectKey, Outcome, Plan, Reason, Rollout, Step

PAUSE = timedelta(seconds=1)
"""How long nothing else is taken away after a failure."""
SOON_SECONDS = 0.05
"""How soon the next ones are looked at once some have what they should get."""


@dataclass(frozen=True, slots=True)
class _UnderWay:
    """A rollout that has begun, in the generation in which it did.

    `most` may be without; `failed` are those that nothing could be taken away from, `latest` those of the last failure.
    """

    generation: int
    most: int = 0
    failed: frozenset[str] = frozenset()
    latest: frozenset[str] = frozenset()
    failed_at: datetime | None = None

    def pause(self, now: datetime) -> float:
        """The seconds for which nothing else is taken away yet, since something has failed just now."""
        since = now - self.failed_at if self.failed_at else PAUSE
        return (PAUSE - since).total_seconds() if timedelta(0) <= since < PAUSE else 0


@dataclass(slots=True)
class Rollouts(Filter):
    """Withholds exchanges beyond what the plan's rollout lets be without at a time."""

    _under_way: dict[ObjectKey, _UnderWay] = field(default_factory=dict)

    def apply(self, facts: Facts, plan: Plan, now: datetime) -> Plan:
        """Withhold the rest."""
        rollout = plan.rollout
        if rollout is None:
            return plan
        begun = self._begun(facts)
        all_back, all_replaced = (_exchanged(plan, intent, begun.failed) for intent in (Intent.RELEASE, Intent.REPLACE))
        without = len(rollout.without.difference(all_back, all_replaced))
        pause = begun.pause(now)
        back, replaced = (
            [one for one in some if one in begun.latest] if pause else some for some in (all_back, all_replaced)
        )
        free = max(0, max(rollout.most, begun.most) - without)
        first = free if rollout.proven else max(0, 1 - without)
        may_go = {*back[:free], *replaced[: 0 if rollout.stopped_at else max(0, first - len(back))]}
        following = next(iter(all_back + all_replaced), "")
        soon = None if rollout.without else SOON_SECONDS
        if pause:
            # What nothing could be taken away from is tried again when its failure says.
            soon = None if following in begun.failed else pause
        waiting = Reason.PROGRESSING, f"{rollout.progress}; next {following}", soon
        held = dict.fromkeys(all_back, waiting) | dict.fromkeys(all_replaced, _stopped(rollout) or waiting)

        def hold(step: Step, subject: str) -> Hold | None:
            if subject not in held or subject in may_go:
                return None
            reason, message, retry_after = held[subject]
            return Hold(subject, reason, message, retry_after)

        return withhold(plan, hold)

    def _begun(self, facts: Facts) -> _UnderWay:
        begun = self._under_way.get(facts.me.key)
        return begun if begun and begun.generation == facts.generation else _UnderWay(facts.generation)

    def learn(self, facts: Facts, outcome: Outcome, after: Plan, now: datetime) -> None:
        """Keep how far it is as long as something is left to exchange."""
        if not after.rollout or not (_exchanged(after, Intent.RELEASE) or _exchanged(after, Intent.REPLACE)):
            self.forget(facts.me.key)
            return
        begun = self._begun(facts)
        failed = {failure.subject for failure in outcome.failures if failure.step.change is Change.DETACH}
        begun = replace(begun, most=max(begun.most, after.rollout.most), failed=begun.failed | failed)
        self._under_way[facts.me.key] = replace(begun, latest=frozenset(failed), failed_at=now) if failed else begun

    def forget(self, key: ObjectKey) -> None:
        """Count anew."""
        self._under_way.pop(key, None)


def _exchanged(plan: Plan, intent: Intent, last: frozenset[str] = frozenset()) -> list[str]:
    """The subjects that something is taken away from for this reason and that get something else."""
    taken = {
        one for step in plan.steps if step.change is Change.DETACH and step.intent is intent for one in step.subjects
    }
    given = {one for step in plan.steps if step.change is Change.ATTACH for one in step.subjects}
    return sorted(taken & given, key=lambda one: (one in last, one))


Waiting = tuple[Reason, str, float | None]
"""What those that wait are told, and when they are looked at again."""


def _stopped(rollout: Rollout) -> Waiting | None:
    if rollout.stopped_at is None:
        return None
    message = f"{rollout.progress}; the rollout stopped at {rollout.stopped_at}, the others keep what they have"
    return Reason.ROLLOUT_STOPPED, message, None
