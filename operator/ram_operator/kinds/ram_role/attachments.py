"""Which policies a role gets: the entries of spec.policies, resolved, awaited and claimed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ram_operator.cloud import PolicyName, PolicyType
from ram_operator.errors import Throttled, Unavailable
from ram_operator.kinds import ownership
from ram_operator.kinds.names import RAM_POLICY
from ram_operator.kinds.offers import policy_exists
from ram_operator.kinds.steps import AttachPolicy, DetachPolicy
from ram_operator.model import (
    Claim,
    Facts,
    Hold,
    Json,
    ObjectKey,
    Outcome,
    Reason,
    Reference,
    StatusFields,
    listing,
)
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


Way = tuple[str, str]
"""How an object has to be waited for, in words: one object, several."""
_MISSING: Way = (", which does not exist", ", which do not exist")
_GOING: Way = (", which is being deleted", ", which are being deleted")
_UNREADY: Way = (" to be ready", " to be ready")


@dataclass(frozen=True, slots=True)
class Resolution:
    """What becomes of spec.policies.

    Args:
        policies: those to attach, each once.
        leaving: those whose object is being deleted: not to be attached, but perhaps they still are.
        awaited: how many cannot be attached now.
        holds: what they wait for: one hold for all that wait in the same way, so that a message can name all.
    """

    policies: tuple[PolicyName, ...]
    leaving: tuple[PolicyName, ...]
    awaited: int
    holds: tuple[Hold, ...]


def resolve(policies: Iterable[Mapping[str, Json]], facts: Facts) -> Resolution:
    """The policies to attach, and what the others wait for."""
    names: dict[tuple[str, str], PolicyName] = {}
    leaving: dict[tuple[str, str], PolicyName] = {}
    waits: dict[Way, dict[ObjectKey, None]] = {}
    managers = _managers(facts)
    for entry in policies:
        key, policy = _target(entry, managers, facts)
        reference = facts.references.get(key) if key else None
        way = _waiting(reference) if key else None
        if key is None or way is None:
            names.setdefault(policy.folded, policy)
            continue
        waits.setdefault(way, {})[key] = None
        if reference and reference.deleting and policy_exists(reference):
            leaving.setdefault(policy.folded, policy)
    holds = tuple(
        Hold(str(min(keys)), Reason.POLICY_NOT_READY, f"waits for {listing(map(str, keys))}{way[len(keys) > 1]}")
        for way, keys in waits.items()
    )
    return Resolution(tuple(names.values()), tuple(leaving.values()), sum(map(len, waits.values())), holds)


def _managers(facts: Facts) -> Mapping[str, ObjectKey]:
    """The object that makes each policy, by the policy's folded name."""
    # Of several that name one policy, the one that has it comes last and counts.
    ordered = sorted(facts.references.values(), key=lambda policy: (policy_exists(policy), policy.key))
    return {
        str(policy.status.get("policyName") or policy.spec.get("policyName") or policy.key.name).lower(): policy.key
        for policy in ordered
    }


def _target(
    entry: Mapping[str, Json], managers: Mapping[str, ObjectKey], facts: Facts
) -> tuple[ObjectKey | None, PolicyName]:
    """The policy that an entry means, and the object that makes it, if it is one of ours."""
    match entry:
        case {"system": str(system)}:
            return None, PolicyName(PolicyType.SYSTEM, system)
        case {"custom": str(custom)}:
            return managers.get(custom.lower()), PolicyName(PolicyType.CUSTOM, custom)
        case _:
            key = ObjectKey(RAM_POLICY.kind, str((entry.get("policyRef") or {}).get("name")))
            reference = facts.references.get(key)
            return key, PolicyName(PolicyType.CUSTOM, str(reference.status.get("policyName")) if reference else "")


def _waiting(policy: Reference | None) -> Way | None:
    """How a role waits for the object before it can attach its policy; None where it can.

    A policy that the cloud has as ours can be attached, also while an edit of it is refused.
    """
    if policy is None:
        return _MISSING
    if policy.deleting:
        return _GOING
    return None if policy_exists(policy) else _UNREADY


def managed(known: StatusFields) -> tuple[PolicyName, ...]:
    """The policies that we attached, or were about to."""
    return tuple(PolicyName(PolicyType(row["type"]), row["name"]) for row in known.get("managedPolicies") or ())


def unshown(known: StatusFields, outcome: Outcome) -> frozenset[tuple[str, str]]:
    """The folded names of what is attached for all we know, and was not shown by RAM since.

    An attach that got no answer may have taken effect; one that was refused has not. One that was throttled says
    nothing of an earlier one.
    """
    rows = (row for row in known.get("managedPolicies") or () if row.get("pending"))
    before = {PolicyName(PolicyType(row["type"]), row["name"]).folded for row in rows}
    attached = {step.policy.folded for step in outcome.done if isinstance(step, AttachPolicy)}
    undone = {step.policy.folded for step in outcome.done if isinstance(step, DetachPolicy)}
    refused = {
        failure.step.policy.folded
        for failure in outcome.failures
        if isinstance(failure.step, AttachPolicy) and not isinstance(failure.error, Unavailable | Throttled)
    }
    return frozenset((before | attached) - undone - refused)


def as_json(policies: Iterable[PolicyName], pending: Collection[tuple[str, str]] = ()) -> list[Json]:
    """How `status.managedPolicies` stores policies; `pending` are the folded names of those RAM did not show."""
    return [
        {"type": policy.type.value, "name": policy.name} | ({"pending": True} if policy.folded in pending else {})
        for policy in sorted(policies)
    ]


def going(known: StatusFields, outcome: Outcome) -> StatusFields:
    """The status of a role that is being deleted: what was detached unseen is not detached a second time."""
    if not known.get("managedPolicies"):
        return known
    return {**known, "managedPolicies": as_json(managed(known), unshown(known, outcome))}


def claims(known: StatusFields, attach: tuple[PolicyName, ...]) -> tuple[Claim, ...]:
    """What we are about to attach or take over is stored first: a crash in between must not make it foreign."""
    before = managed(known)
    claimed = {policy.folded for policy in before}
    new = [policy for policy in attach if policy.folded not in claimed]
    pending = unshown(known, Outcome()) | {policy.folded for policy in new}
    return (Claim("managedPolicies", as_json([*before, *new], pending)),) if new else ()


def absent(
    attach: Iterable[PolicyName], facts: Facts, outcome: Outcome
) -> tuple[frozenset[PolicyName], tuple[Hold, ...]]:
    """What RAM said in this pass that it does not have, and no RamPolicy here makes: waiting would not help."""
    made_here = {str(policy.status.get("policyName", "")).lower() for policy in facts.references.values()}
    missing = {
        failure.step.policy
        for failure in outcome.failures
        if isinstance(failure.step, AttachPolicy) and failure.error.code.startswith("EntityNotExist.Policy")
    }
    gone = [
        policy
        for policy in attach
        if policy in missing and not (policy.type is PolicyType.CUSTOM and policy.name.lower() in made_here)
    ]
    return frozenset(gone), _not_there(gone)


def _not_there(policies: Sequence[PolicyName]) -> tuple[Hold, ...]:
    """One hold for all that can be mended in the same way."""
    kinds: dict[tuple[PolicyType, bool], list[PolicyName]] = {}
    for policy in policies:
        kinds.setdefault((policy.type, _looks_like_system(policy.name)), []).append(policy)
    custom, mistaken = (kinds.get((PolicyType.CUSTOM, looks), []) for looks in (False, True))
    own, system = (kinds.get((PolicyType.SYSTEM, looks), []) for looks in (False, True))
    found = (
        (custom, "; create it, or name another one in spec.policies", "; create them, or name others in spec.policies"),
        (
            mistaken,
            f": it is a system policy; write {_entries('system', mistaken)}",
            f": these are system policies; write {_entries('system', mistaken)}",
        ),
        (
            own,
            f"; if it is a policy of this account, write {_entries('custom', own)}",
            f"; if these are policies of this account, write {_entries('custom', own)}",
        ),
        (system, "; name another one in spec.policies", "; name others in spec.policies"),
    )
    return tuple(
        Hold(str(some[0]), Reason.REJECTED, f"{_said(some)}{fixes[len(some) > 1]}", ownership.RECHECK_SECONDS)
        for some, *fixes in found
        if some
    )


def _said(policies: Sequence[PolicyName]) -> str:
    names = listing(map(str, policies))
    return f"policies {names} do not exist" if len(policies) > 1 else f"policy {names} does not exist"


def _entries(field: str, policies: Iterable[PolicyName]) -> str:
    return listing(f"{field}: {policy.name}" for policy in policies)


def _looks_like_system(name: str) -> bool:
    return name.startswith("Aliyun") or name in ("AdministratorAccess", "ReadOnlyAccess")
