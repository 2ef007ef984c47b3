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
    """Neither reads nor writes for an object with managementPolicy Suspend, also while it is being deleted.

    Args:
        all_objects: the setting readOnly: no other policy lets an object be cleaned up.
    """

    all_objects: bool = False

    def without_reading(self, facts: Facts) -> Plan | None:
        """A plan with nothing but a hold."""
        if not facts.suspended:
            return None
        if facts.me.deleting:
            paused = _deletion_paused(facts, "managementPolicy is Suspend", read_only=self.all_objects)
            return Plan(holds=(paused,))
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
        if self.all_objects or facts.management is ManagementPolicy.PLAN:
            return _only_planned(facts, plan, read_only=self.all_objects)
        return plan


def _only_planned(facts: Facts, plan: Plan, *, read_only: bool) -> Plan:
    reason = Reason.DELETION_PAUSED if facts.me.deleting else Reason.PLAN_PENDING
    because = "the operator is read-only" if read_only else "managementPolicy is Plan"
    why = f" ({because})" if read_only else ""

    def held(step: Step, subject: str) -> Hold:
        return Hold(subject, reason, f"would {alone(step, subject).todo()}{why}")

    only = withhold(plan, held)
    if not facts.me.deleting or not only.withheld:
        return only
    return replace(only, holds=(*only.holds, _deletion_paused(facts, because, read_only=read_only)))


def _deletion_paused(facts: Facts, because: str, *, read_only: bool) -> Hold:
    """The hold of a deletion that may not write, with what lets the object go."""
    fix = "set deletionPolicy (unbindPolicy where there is one) to Retain to leave the cloud as it is"
    if not read_only:
        fix += f", or let it clean up: {_enforce(facts.me.key)}"
    return Hold(str(facts.me.key), Reason.DELETION_PAUSED, f"{because}, so that nothing is cleaned up; {fix}")


def _enforce(key: ObjectKey) -> str:
    return key.to_set("managementPolicy", ManagementPolicy.ENFORCE)
