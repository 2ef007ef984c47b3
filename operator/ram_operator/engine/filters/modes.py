"""What a person has said about writing: Retain, Suspend and Plan in the spec, read-only in the operator's settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from ram_operator.engine.filters import Filter, alone, withhold
from ram_operator.kinds import AnyKind
from ram_operator.model import Facts, Hold, ManagementPolicy, Plan, Reason, Step

RETAIN_OR_ENFORCE = (
    "set managementPolicy: Enforce to let it clean up, or deletionPolicy (unbindPolicy where there is one) to Retain "
    "to leave the cloud as it is"
)


@dataclass(frozen=True, slots=True)
class Retain(Filter):
    """Lets an object go without a read or a write where its deletion must leave the cloud as it is.

    Args:
        kinds: the verbs, by kind: each knows where its specs say so.
    """

    kinds: Mapping[str, AnyKind]

    def without_reading(self, facts: Facts) -> Plan | None:
        """An empty plan: the object is released."""
        retained = facts.me.deleting and self.kinds[facts.me.key.kind].retains(facts)
        return Plan() if retained else None


@dataclass(frozen=True, slots=True)
class Suspend(Filter):
    """Neither reads nor writes for an object with managementPolicy Suspend, also while it is being deleted."""

    def without_reading(self, facts: Facts) -> Plan | None:
        """A plan with nothing but a hold."""
        if not facts.suspended:
            return None
        if facts.me.deleting:
            message = f"managementPolicy is Suspend, so that nothing is cleaned up; {RETAIN_OR_ENFORCE}"
            hold = Hold(str(facts.me.key), Reason.DELETION_PAUSED, message)
        else:
            message = "managementPolicy is Suspend; nothing is read or written until it is Enforce or Plan"
            hold = Hold(str(facts.me.key), Reason.SUSPENDED, message)
        return Plan(holds=(hold,))


@dataclass(frozen=True, slots=True)
class PlanOnly(Filter):
    """Withholds every step of an object with managementPolicy Plan.

    Args:
        all_objects: the setting readOnly: those of every object.
    """

    all_objects: bool = False

    def apply(self, facts: Facts, plan: Plan, now: datetime) -> Plan:
        """Withhold all."""
        if self.all_objects:
            return _only_planned(facts, plan, " (the operator is read-only)")
        return _only_planned(facts, plan) if facts.management is ManagementPolicy.PLAN else plan


def _only_planned(facts: Facts, plan: Plan, why: str = "") -> Plan:
    reason = Reason.DELETION_PAUSED if facts.me.deleting else Reason.PLAN_PENDING

    def held(step: Step, subject: str) -> Hold:
        return Hold(subject, reason, f"would {alone(step, subject).todo()}{why}")

    only = withhold(plan, held)
    if not facts.me.deleting or not only.withheld:
        return only
    advice = Hold(str(facts.me.key), reason, RETAIN_OR_ENFORCE)
    return replace(only, holds=(*only.holds, advice))
