"""A process that ends in the midst of its work."""

from __future__ import annotations

from datetime import datetime

from ram_operator.engine.filters import Filter
from ram_operator.model import Facts, Outcome, Plan


class Crash(Exception):
    """The process ends."""


class Crashing(Filter):
    """Ends the process after its writes, before it stored what came of them."""

    def learn(self, facts: Facts, outcome: Outcome, after: Plan, now: datetime) -> None:
        raise Crash
