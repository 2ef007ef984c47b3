"""The limit on mass releases: a change outside of an object must not make it release most of what it has.

A label that is lost on a whole node pool, or a controller that deletes Nodes, looks like any other change. What exceeds
the limit is withheld until a person allows it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ram_operator.engine.filters import Filter, withhold
from ram_operator.model import ALLOW_RELEASE, Facts, Hold, ObjectKey, Outcome, Plan, Reason, Releases, Step


@dataclass(slots=True)
class MassRelease(Filter):
    """Withholds releases of one object, of one group of objects, or of all, beyond a share of what they have.

    Args:
        most: how many are always let pass.
        share: the share of what is held that is let pass.
        window: for how long a release counts.
    """

    most: int = 5
    share: float = 0.2
    window: timedelta = timedelta(minutes=10)
    _known: dict[ObjectKey, Releases] = field(default_factory=dict)

    def apply(self, facts: Facts, plan: Plan, now: datetime) -> Plan:
        """Withhold all of them where they are too many."""
        releases = plan.releases
        if releases is None or not releases.subjects or facts.allowed == str(facts.generation):
            return plan
        words = self._exceeded(facts.me.key, releases, now)
        if words is None:
            return plan
        by_nodes = f"{words} would be released by changes of nodes within {self.window.seconds // 60} min"
        fix = f"if that is meant: {facts.me.key.to_annotate(ALLOW_RELEASE, facts.generation)}"
        message = f"{by_nodes}; nothing is released; {fix}"

        def held(step: Step, subject: str) -> Hold | None:
            if subject not in releases.subjects:
                return None
            return Hold(subject, Reason.MASS_RELEASE, message, self._over_in(releases, now))

        return withhold(plan, held)

    def _exceeded(self, key: ObjectKey, releases: Releases, now: datetime) -> str | None:
        others = [known for other, known in self._known.items() if other != key]
        scopes = {
            "of this object": [],
            f"that all bindings have given role {releases.group}": [
                other for other in others if other.group.lower() == releases.group.lower()
            ],
            "of all objects": others,
        }
        for name, besides in scopes.items():
            lately = self._lately((releases, *besides), now)
            count = len(releases.subjects) + lately
            of = releases.held + sum(other.held for other in besides) + lately
            if count > max(self.most, int(of * self.share)):
                return f"{count} of the {of} instances {name}"
        return None

    def _lately(self, some: Iterable[Releases], now: datetime) -> int:
        return sum(count for one in some for at, count in one.recent if timedelta(0) <= now - at < self.window)

    def _over_in(self, releases: Releases, now: datetime) -> float | None:
        """When what was released before counts no more."""
        ends = [(at + self.window - now).total_seconds() for at, _ in releases.recent]
        return min((left for left in ends if left > 0), default=None)

    def learn(self, facts: Facts, outcome: Outcome, after: Plan, now: datetime) -> None:
        """Take note of what the object has and has released."""
        if after.releases:
            self._known[facts.me.key] = after.releases

    def forget(self, key: ObjectKey) -> None:
        """Drop an object that is gone; of one that is there the next reconcile tells again."""
        self._known.pop(key, None)
