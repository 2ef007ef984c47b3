"""What a person has said about writing: Retain, Suspend and Plan in the spec, read-only in the operator's settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from ram_operator.engine.filters import Filter, alone, withhold
from ram_operator.kinds import AnyKind
from ram_operator.model import Facts, Hold, ManagementPolicy, ObjectKey, Plan, Reason, Step


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
            return Plan(holds=(_deletion_paused(facts, "managementPolicy is Suspend"),))
        message = f"managementPolicy is Suspend: nothing is read or written; to go on: {_enforce(facts.me.key)}"
        return Plan(holds=(Hold(str(facts.me.key), Reason.SUSPENDED, message),))


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
            return _only_planned(facts, plan, _READ_ONLY)
        return _only_planned(facts, plan) if facts.management is ManagementPolicy.PLAN else plan


_READ_ONLY = "the operator is read-only"


def _only_planned(facts: Facts, plan: Plan, because: str = "") -> Plan:
    reason = Reason.DELETION_PAUSED if facts.me.deleting else Reason.PLAN_PENDING
    why = f" ({because})" if because else ""

    def held(step: Step, subject: str) -> Hold:
        return Hold(subject, reason, f"would {alone(step, subject).todo()}{why}")

    only = withhold(plan, held)
    if not facts.me.deleting or not only.withheld:
        return only
    return replace(only, holds=(*only.holds, _deletion_paused(facts, because or "managementPolicy is Plan")))


def _deletion_paused(facts: Facts, because: str) -> Hold:
    """The hold of a deletion that may not write, with what lets the object go."""
    fix = "set deletionPolicy (unbindPolicy where there is one) to Retain to leave the cloud as it is"
    if because != _READ_ONLY:
        fix += f", or let it clean up: {_enforce(facts.me.key)}"
    return Hold(str(facts.me.key), Reason.DELETION_PAUSED, f"{because}, so that nothing is cleaned up; {fix}")


def _enforce(key: ObjectKey) -> str:
    return key.to_set("managementPolicy", ManagementPolicy.ENFORCE)
