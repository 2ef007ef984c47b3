"""What a role grants by its policies, for the boundary to judge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ram_operator.cloud import PolicyName
from ram_operator.kinds import ownership
from ram_operator.kinds.ram_role import attachments
from ram_operator.kinds.ram_role.observing import ObservedRole
from ram_operator.kinds.ram_role.steps import attachment
from ram_operator.model import Facts, Granted


def granted(
    role: str,
    wanted: tuple[PolicyName, ...],
    exposed: tuple[PolicyName, ...],
    detach: Iterable[PolicyName],
    observed: ObservedRole,
    facts: Facts,
) -> Mapping[str, tuple[Granted, ...]]:
    """What each attachment grants, by its subject.

    A policy that a RamPolicy makes counts twice, as its spec says and as RAM has it: an edit may be refused or only
    planned, and RAM may show an earlier document.

    Args:
        role: the role's name.
        wanted: the policies that it should have.
        exposed: what is attached already and is granted anew.
        detach: those that leave.
        observed: what was read of the role and its policies.
        facts: of the object.
    """
    specs = attachments.documents(facts)

    def of(policy: PolicyName, *, leaving: bool = False) -> tuple[Granted, ...]:
        now, spec = observed.documents.get(policy.folded), specs.get(policy.folded)
        known = ((spec, None), (now, ownership.RECHECK_SECONDS))
        found = tuple(
            Granted(text, None, policy, None, leaving, recheck) for text, recheck in known if text is not None
        )
        others = None if policy in wanted else ownership.RECHECK_SECONDS
        return found or (Granted(policy=policy, leaving=leaving, recheck=others),)

    return {
        **{attachment(role, policy): of(policy) for policy in (*wanted, *exposed)},
        **{attachment(role, policy): of(policy, leaving=True) for policy in detach},
    }
