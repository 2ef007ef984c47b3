"""The order in which policies come to a role and go from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ram_operator.cloud import PolicyName, PolicyType
from ram_operator.kinds.ram_role.steps import AttachPolicy, DetachPolicy, attachment
from ram_operator.model import Step


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

    Args:
        coming: the policies to attach.
        leaving: the policies to detach.
        attached: the policies that are attached now.
        trust: the subjects of steps that change who may assume the role: nothing is attached under another trust.
    """

    coming: tuple[PolicyName, ...]
    leaving: tuple[PolicyName, ...]
    attached: tuple[PolicyName, ...]
    trust: tuple[str, ...]

    def steps(self, role: str, limits: PolicyLimits) -> tuple[Step, ...]:
        """The steps in their order."""
        fits, late, first, last = self._by_room(limits)
        fitting, making_room = self._subjects(role, fits), self._subjects(role, first)
        return (
            *(AttachPolicy(policy, role, waits_for=self.trust) for policy in fits),
            *(DetachPolicy(policy, role, waits_for=(*self.trust, *fitting)) for policy in first),
            *(AttachPolicy(policy, role, waits_for=(*self.trust, *making_room)) for policy in late),
            *(DetachPolicy(policy, role, waits_for=self._subjects(role, self.coming)) for policy in last),
        )

    def _by_room(self, limits: PolicyLimits) -> tuple[list[PolicyName], ...]:
        """What fits, what has to wait for room, what makes that room, and what goes last."""
        fits, late, first, last = (list[PolicyName]() for _ in range(4))
        room = {kind: limits.of(kind) - sum(policy.type is kind for policy in self.attached) for kind in PolicyType}
        for policy in self.coming:
            (fits if room[policy.type] > 0 else late).append(policy)
            room[policy.type] -= 1
        for policy in self.leaving:
            (first if room[policy.type] < 0 else last).append(policy)
            room[policy.type] += 1
        return fits, late, first, last

    def _subjects(self, role: str, policies: Iterable[PolicyName]) -> tuple[str, ...]:
        return tuple(attachment(role, policy) for policy in policies)
