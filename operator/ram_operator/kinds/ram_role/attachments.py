"""Which policies a role gets: the entries of spec.policies, resolved, awaited and claimed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ram_operator.cloud import PolicyName, PolicyType
from ram_operator.kinds import ownership
from ram_operator.kinds.steps import AttachPolicy
from ram_operator.model import Claim, Facts, Hold, Json, KindName, ObjectKey, Outcome, Reason, Reference, StatusFields
from ram_operator.rules.names import check_policy_name


def problems(policies: Iterable[Mapping[str, Json]]) -> tuple[str, ...]:
    """Problems of spec.policies."""
    found: list[str] = []
    for index, entry in enumerate(policies):
        where = f"spec.policies[{index}]"
        given = [field for field in ("policyRef", "custom", "system") if field in entry]
        if len(given) != 1:
            found.append(f"{where}: write exactly one of policyRef, custom and system")
        elif given != ["policyRef"]:
            found += check_policy_name(entry[given[0]], f"{where}.{given[0]}")
    return tuple(found)


def resolve(policies: Iterable[Mapping[str, Json]], facts: Facts) -> tuple[tuple[PolicyName, ...], tuple[Hold, ...]]:
    """The policies to attach, each once, and a hold for each that has to be waited for."""
    names: dict[tuple[str, str], PolicyName] = {}
    holds: list[Hold] = []
    # Of several that name one policy, the one that has it comes last and counts.
    ordered = sorted(facts.references.values(), key=lambda policy: (_has_policy(policy), policy.key))
    managers = {
        str(policy.status.get("policyName") or policy.spec.get("policyName") or policy.key.name).lower(): policy
        for policy in ordered
    }
    for entry in policies:
        match entry:
            case {"system": str(system)}:
                policy, wait = PolicyName(PolicyType.SYSTEM, system), None
            case {"custom": str(custom)}:
                manager = managers.get(custom.lower())
                policy, wait = (
                    PolicyName(PolicyType.CUSTOM, custom),
                    _waiting(manager.key, manager) if manager else None,
                )
            case _:
                key = ObjectKey(KindName.RAM_POLICY, str((entry.get("policyRef") or {}).get("name")))
                reference = facts.references.get(key)
                wait = _waiting(key, reference)
                policy = PolicyName(PolicyType.CUSTOM, str(reference.status.get("policyName")) if reference else "")
        if wait:
            holds.append(wait)
        else:
            names.setdefault(policy.folded, policy)
    return tuple(names.values()), tuple(holds)


def _waiting(key: ObjectKey, policy: Reference | None) -> Hold | None:
    """What a role waits for before it can attach the policy of this object; None where it can.

    A policy that the cloud has as ours can be attached, also while an edit of it is refused.
    """
    if policy is None:
        message = f"waits for {key}, which does not exist"
    elif policy.deleting:
        message = f"waits for {key}, which is being deleted"
    elif not _has_policy(policy):
        message = f"waits for {key} to be ready"
    else:
        return None
    return Hold(str(key), Reason.POLICY_NOT_READY, message)


def managed(known: StatusFields) -> tuple[PolicyName, ...]:
    """The policies that we attached, or were about to."""
    return tuple(PolicyName(PolicyType(row["type"]), row["name"]) for row in known.get("managedPolicies") or ())


def as_json(policies: Iterable[PolicyName]) -> list[Json]:
    """How `status.managedPolicies` stores policies."""
    return [{"type": policy.type.value, "name": policy.name} for policy in sorted(policies)]


def claims(before: tuple[PolicyName, ...], attach: tuple[PolicyName, ...]) -> tuple[Claim, ...]:
    """What we are about to attach or take over is stored first: a crash in between must not make it foreign."""
    claimed = {policy.folded for policy in before}
    new = [policy for policy in attach if policy.folded not in claimed]
    return (Claim("managedPolicies", as_json([*before, *new])),) if new else ()


def absent(attach: Iterable[PolicyName], facts: Facts, outcome: Outcome) -> Mapping[PolicyName, Hold]:
    """What RAM said in this pass that it does not have, and no RamPolicy here makes: waiting would not help."""
    made_here = {str(policy.status.get("policyName", "")).lower() for policy in facts.references.values()}
    missing = {
        failure.step.policy
        for failure in outcome.failures
        if isinstance(failure.step, AttachPolicy) and failure.error.code.startswith("EntityNotExist.Policy")
    }
    return {
        policy: _not_there(policy) for policy in attach if policy in missing and policy.name.lower() not in made_here
    }


def _not_there(policy: PolicyName) -> Hold:
    message = f"policy {policy} does not exist; create it, or name another one in spec.policies"
    return Hold(str(policy), Reason.REJECTED, message, ownership.RECHECK_SECONDS)


def _has_policy(policy: Reference) -> bool:
    return ownership.established(policy.status, KindName.RAM_POLICY)
