"""What makes the kinds the same: the seven verbs of `Kind`. Know one kind, know all three.

`engine.reconciler` calls the verbs in this order: parse, desire, observe, plan, (apply, observe, plan again,) project.
Every verb but `observe` is pure, total and reads no clock. The kinds are built in `__main__` with their settings.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

from ram_operator.cloud import Cloud
from ram_operator.model import Body, Facts, Pass, Plan, Resource, Scope, StatusFields

SpecT = TypeVar("SpecT")
DesiredT = TypeVar("DesiredT")
ObservedT = TypeVar("ObservedT")


class Kind(Protocol[SpecT, DesiredT, ObservedT]):
    """One kind of custom resource.

    Laws: `observe` never writes. `plan` is deterministic and total, and plans no step on what `owner` did not mark.
    Deletion is the same plan with the object deleting: nothing is wanted any more.
    """

    resource: Resource

    def parse(self, body: Body) -> SpecT:
        """Read the spec. Raises InvalidSpec with every problem found, each with its place and fix."""

    def desire(self, spec: SpecT | None, known: StatusFields, facts: Facts) -> DesiredT:
        """Say what is wanted. `spec` is None when it no longer parses while deleting: names then come from `known`."""

    async def observe(
        self, desired: DesiredT, known: StatusFields, scope: Scope, cloud: Cloud, before: ObservedT | None = None
    ) -> ObservedT:
        """Read what is there, reads only, as far as `scope` asks for it. NotFound is a value here.

        `before` is what the pass saw before it wrote: a kind may read only what was touched, and keep the rest of it.
        """

    def plan(self, desired: DesiredT, observed: ObservedT, known: StatusFields, turn: Pass) -> Plan:
        """Say what has to be done, as data."""

    def project(self, desired: DesiredT, observed: ObservedT, known: StatusFields, turn: Pass) -> StatusFields:
        """Return the status fields of this kind after the pass; None as a value removes a field."""
