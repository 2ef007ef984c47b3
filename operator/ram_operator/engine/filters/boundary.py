"""What may be granted at all: the boundary of the operator's settings, judged before every write that grants."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from ram_operator.engine.filters import Filter, withhold
from ram_operator.model import Change, Facts, Hold, Intent, Plan, Reason, Step, listing
from ram_operator.rules.boundary import Boundary


@dataclass(frozen=True, slots=True)
class WithinBoundary(Filter):
    """Withholds what grants something outside the boundary, and names what was granted before it was drawn so.

    It stops no revocation: what is taken away from outside the boundary waits for nothing that is withheld.

    Args:
        boundary: what may be granted.
    """

    boundary: Boundary

    def apply(self, facts: Facts, plan: Plan, now: datetime) -> Plan:
        """Withhold the grants outside."""
        found = {subject: self.boundary.problems(granted) for subject, granted in plan.grants.items()}
        leaving = frozenset(subject for subject, problems in found.items() if problems and plan.grants[subject].leaving)
        outside = {subject: _hold(subject, problems) for subject, problems in found.items() if problems}
        outside = {subject: hold for subject, hold in outside.items() if subject not in leaving}
        if not outside or facts.me.deleting:
            return plan

        def held(step: Step, subject: str) -> Hold | None:
            if step.intent is Intent.RELEASE or subject != step.subjects[0]:
                return None
            if step.change is Change.TAG:
                return next(iter(outside.values()))
            return outside.get(subject) if step.intent is not Intent.KEEP else None

        kept = withhold(plan, held, free=leaving)
        told = {each.hold.subject for each in kept.withheld}
        rest = tuple(hold for subject, hold in outside.items() if subject not in told)
        return replace(kept, holds=(*kept.holds, *rest))


def _hold(subject: str, problems: tuple[str, ...]) -> Hold:
    message = f"{subject} is outside the boundary of the operator's settings: {listing(problems, 3)}"
    return Hold(subject, Reason.FORBIDDEN, message)
