"""The order in which policies come to a role and go from it, and who may assume it changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ram_operator.cloud import PolicyName, PolicyType
from ram_operator.kinds.ram_role.steps import AttachPolicy, DetachPolicy, attachment
from ram_operator.kinds.steps import WholeStep
from ram_operator.model import Change, Intent, Step


@dataclass(frozen=True, slots=True)
class PolicyLimits:
    """How many policies a role takes: RAM's quotas, 20 system and 10 custom ones unless the account has other."""

    system: int = 20
    custom: int = 10

    def of(self, kind: PolicyType) -> int:
        """The limit of a type."""
        return self.system if kind is PolicyType.SYSTEM else self.custom


@dataclass(frozen=True, slots=True)
class Swap:
    """Policies that come and policies that go.

    What goes waits for what comes, so that a name that RAM does not have leaves the role with what it had. Only where
    the quota has no room for both, as many go first as must.

    Nothing is attached before the trust policy under which it is meant. Only a trust policy that lets in more and puts
    nobody out comes last: nobody new gets what goes. So does any where nothing is attached.

    Args:
        coming: the policies to attach.
        absent: those of them that RAM does not have: nothing goes in exchange for them.
        leaving: the policies to detach.
        attached: the policies that are attached now.
        own: the steps for the role itself.
        opens: whether they let more assume the role, and nobody less.
    """

    coming: tuple[PolicyName, ...]
    absent: frozenset[PolicyName]
    leaving: tuple[PolicyName, ...]
    attached: tuple[PolicyName, ...]
    own: tuple[WholeStep, ...]
    opens: bool

    def steps(self, role: str, limits: PolicyLimits) -> tuple[Step, ...]:
        """The steps in their order, those for the role itself included."""
        if self.coming and not self.opens:
            trust = tuple(step.subjects[0] for step in self.own if _lets_in(step))
            return (*self.own, *self._exchange(role, limits, trust))
        exchange = self._exchange(role, limits, ())
        awaited = self._subjects(role, (*self.coming, *self.leaving))
        return (*exchange, *(step.waiting_for(awaited) if _lets_in(step) else step for step in self.own))

    def _exchange(self, role: str, limits: PolicyLimits, trust: tuple[str, ...]) -> tuple[Step, ...]:
        fits, late, first, last = self._by_room(limits)
        fitting, making_room = self._subjects(role, fits), self._subjects(role, first)
        return (
            *(AttachPolicy(policy, role, waits_for=trust) for policy in fits),
            *(DetachPolicy(policy, role, waits_for=(*trust, *fitting)) for policy in first),
            *(AttachPolicy(policy, role, waits_for=(*trust, *making_room)) for policy in late),
            *(DetachPolicy(policy, role, waits_for=self._subjects(role, self.coming)) for policy in last),
        )

    def _by_room(self, limits: PolicyLimits) -> tuple[list[PolicyName], ...]:
        """What fits, what has to wait for room, what makes that room, and what goes last."""
        fits, late, first, last = (list[PolicyName]() for _ in range(4))
        room = {kind: limits.of(kind) - sum(policy.type is kind for policy in self.attached) for kind in PolicyType}
        for policy in (one for one in self.coming if one not in self.absent):
            (fits if room[policy.type] > 0 else late).append(policy)
            room[policy.type] -= 1
        for policy in () if self.absent else self.leaving:
            (first if room[policy.type] < 0 else last).append(policy)
            room[policy.type] += 1
        return fits, late, first, last

    def _subjects(self, role: str, policies: Iterable[PolicyName]) -> tuple[str, ...]:
        return tuple(attachment(role, policy) for policy in policies)


def _lets_in(step: WholeStep) -> bool:
    """Whether a step for the role itself may let somebody assume it; its tags come first, whatever they grant."""
    return step.intent is Intent.GRANT and step.change is not Change.TAG
