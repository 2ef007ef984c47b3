"""What may be granted at all: the boundary of the operator's settings, judged before every write that grants."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from ram_operator.engine.filters import Filter, withhold
from ram_operator.model import Change, Facts, Granted, Hold, Intent, Plan, Reason, Step, listing
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
        found = {subject: hold for subject, some in plan.grants.items() if (hold := self._hold(subject, some))}
        leaving = frozenset(subject for subject in found if any(one.leaving for one in plan.grants[subject]))
        outside = {subject: hold for subject, hold in found.items() if subject not in leaving}
        if not found or facts.me.deleting:
            return plan

        def held(step: Step, subject: str) -> Hold | None:
            if step.intent in (Intent.RELEASE, Intent.KEEP) or subject != step.subjects[0]:
                return None
            # To take something over grants all that it has.
            return next(iter(outside.values()), None) if step.change is Change.TAG else outside.get(subject)

        kept = withhold(plan, held, free=leaving, wrong=found)
        told = {each.hold.subject for each in kept.withheld}
        rest = tuple(hold for subject, hold in outside.items() if subject not in told)
        return replace(kept, holds=(*kept.holds, *rest))

    def _hold(self, subject: str, granted: Iterable[Granted]) -> Hold | None:
        found = [(one, problem) for one in granted for problem in self.boundary.problems(one)]
        if not found:
            return None
        problems = dict.fromkeys(problem for _, problem in found)
        recheck = min((one.recheck for one, _ in found if one.recheck is not None), default=None)
        message = f"{subject} is outside the boundary: {listing(problems, 3)}"
        return Hold(subject, Reason.FORBIDDEN, message, recheck)
