"""Which policies a role gets: the entries of spec.policies, resolved, awaited and claimed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ram_operator.cloud import PolicyName, PolicyType
from ram_operator.errors import PolicyNotFound, Problem, Unavailable
from ram_operator.kinds import ownership
from ram_operator.kinds.names import RAM_POLICY
from ram_operator.kinds.offers import policy_exists, policy_name
from ram_operator.kinds.ram_role.steps import AttachPolicy, DetachPolicy, attachment
from ram_operator.kinds.steps import tags_of
from ram_operator.model import (
    Entry,
    Facts,
    Hold,
    Json,
    ObjectKey,
    Outcome,
    Owner,
    Reason,
    Reference,
    StatusFields,
    listing,
)
from ram_operator.rules.documents import canonical
from ram_operator.rules.names import check_policy_name
from ram_operator.rules.patterns import matches_any


def problems(policies: Iterable[Mapping[str, Json]]) -> tuple[Problem, ...]:
    """Problems of spec.policies."""
    found: list[Problem] = []
    for index, entry in enumerate(policies):
        where = f"spec.policies[{index}]"
        given = [field for field in ("policyRef", "custom", "system") if field in entry]
        if len(given) != 1:
            found.append(Problem(where, "write exactly one of policyRef, custom and system"))
        elif given != ["policyRef"]:
            found += check_policy_name(entry[given[0]], f"{where}.{given[0]}")
    return tuple(found)


Way = tuple[str, str]
"""How an object has to be waited for, in words: one object, several."""
_MISSING: Way = (", which does not exist", ", which do not exist")
_DELETING: Way = (", which is being deleted", ", which are being deleted")
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
        way = _waiting(reference, facts) if key else None
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
    return {policy_name(policy).lower(): policy.key for policy in ordered}


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
            return key, PolicyName(PolicyType.CUSTOM, policy_name(reference) if reference else "")


def _waiting(policy: Reference | None, facts: Facts) -> Way | None:
    """How a role waits for the object before it can attach its policy; None where it can.

    A policy that the cloud has as ours can be attached, also while an edit of it is refused.
    """
    if policy is None:
        return _MISSING
    if policy.deleting:
        return _DELETING
    return None if facts.only_planned or policy_exists(policy) else _UNREADY


def managed(stored: StatusFields) -> tuple[PolicyName, ...]:
    """The policies that we attached, or were about to."""
    return tuple(_name(row) for row in stored.get("managedPolicies") or ())


def unprotected(policies: Iterable[PolicyName], patterns: tuple[str, ...]) -> tuple[PolicyName, ...]:
    """Policies, each once, without those whose names match the patterns."""
    found = {policy.folded: policy for policy in policies}
    return tuple(policy for policy in found.values() if not matches_any(policy.name, patterns))


def spelled(policies: Iterable[PolicyName], others: Iterable[PolicyName]) -> tuple[PolicyName, ...]:
    """The policies as the others spell them, if they are among them."""
    known = {policy.folded: policy for policy in others}
    return tuple(known.get(policy.folded, policy) for policy in policies)


def others(policies: Iterable[PolicyName], wanted: Iterable[PolicyName]) -> tuple[PolicyName, ...]:
    """Those of the policies that are none of the wanted ones."""
    folded = {policy.folded for policy in wanted}
    return tuple(policy for policy in policies if policy.folded not in folded)


def documents(facts: Facts) -> Mapping[tuple[str, str], str]:
    """The documents of the policies that RamPolicies make, by the policies' folded names."""
    managers = _managers(facts)
    return {
        PolicyName(PolicyType.CUSTOM, name).folded: canonical(facts.references[key].spec.get("document"))
        for name, key in managers.items()
    }


def managed_here(custom: Iterable[PolicyName], facts: Facts) -> tuple[PolicyName, ...]:
    """Those of some custom policies that RamPolicies make."""
    managers = _managers(facts)
    return tuple(policy for policy in custom if policy.name.lower() in managers)


def in_sync(facts: Facts) -> Mapping[tuple[str, str], str]:
    """The default versions that are as the specs of their RamPolicies say, by the policies' folded names."""
    managers = {name: facts.references[key] for name, key in _managers(facts).items()}
    return {
        PolicyName(PolicyType.CUSTOM, name).folded: str(verified.get("defaultVersion", ""))
        for name, policy in managers.items()
        if policy.ready and (verified := policy.status.get("verified") or {}).get("generation") == policy.generation
    }


def of_predecessors(facts: Facts) -> tuple[PolicyName, ...]:
    """What the objects attached that this one takes the role over from."""
    return tuple(policy for rival in facts.rivals if rival.deleting for policy in managed(rival.status))


def unconfirmed(stored: StatusFields, outcome: Outcome) -> frozenset[tuple[str, str]]:
    """The folded names of what is attached for all we know, and that RAM has not shown since.

    An attach that got no answer may have taken effect. One that is refused says nothing of an earlier one.
    """
    before = {_name(row).folded for row in stored.get("managedPolicies") or () if row.get("pending")}
    attached = {step.policy.folded for step in outcome.done if isinstance(step, AttachPolicy)}
    unanswered = {
        failure.step.policy.folded
        for failure in outcome.failures
        if isinstance(failure.step, AttachPolicy) and isinstance(failure.error, Unavailable)
    }
    undone = {step.policy.folded for step in outcome.done if isinstance(step, DetachPolicy)}
    return frozenset((before | attached | unanswered) - undone)


def of_deleted(stored: StatusFields, outcome: Outcome) -> StatusFields:
    """The status of a role that is being deleted: what was detached unconfirmed is not detached a second time."""
    if not stored.get("managedPolicies"):
        return stored
    pending = unconfirmed(stored, outcome)
    return {
        **stored,
        "managedPolicies": [_row(policy, pending=policy.folded in pending) for policy in sorted(managed(stored))],
    }


def stored_entries(stored: StatusFields) -> Mapping[str, tuple[Entry, ...]]:
    """`status.managedPolicies` as it is, where the role cannot be seen or is not ours: claims outlive that reading."""
    rows = stored.get("managedPolicies") or ()
    return {"managedPolicies": tuple(Entry(str(_name(row)), row, row) for row in rows)} if rows else {}


def entries(
    role: str,
    wanted: Iterable[PolicyName],
    shown: Iterable[PolicyName] | None,
    claimed: Iterable[PolicyName],
    facts: Facts,
    outcome: Outcome,
) -> Mapping[str, tuple[Entry, ...]]:
    """`status.managedPolicies` as it follows from a plan.

    Args:
        role: the role's name.
        wanted: the policies that it should have.
        shown: the policies that RAM shows; None where it does not show the role.
        claimed: what is ours from now on: stored before it is attached, so that a crash does not make it foreign.
        facts: of the object, with its stored status.
        outcome: what was written in this reconcile.
    """
    stored = facts.me.status
    before = {policy.folded: policy for policy in managed(stored)}
    spelled = {policy.folded: policy for policy in shown or ()}
    attached = spelled.keys()
    pending = unconfirmed(stored, outcome)
    current = attached | pending | {policy.folded for policy in wanted}
    # Claims outlive a reading that does not show the role yet.
    kept = {folded: policy for folded, policy in before.items() if shown is None or folded in current}
    new = {policy.folded: policy for policy in claimed if policy.folded not in before}
    # What was in sync and is attached anew, in this reconcile's first plan: until that shows, it may come late.
    lost = (
        {policy.folded for policy in wanted} - attached - pending if facts.me.ready and not outcome.touched else set()
    )
    found: list[Entry] = []
    for folded, policy in sorted({**kept, **new}.items(), key=lambda item: item[1]):
        claims, spelling = folded in lost | new.keys(), spelled.get(folded, policy)
        row = _row(spelling, pending=folded in pending and folded not in attached)
        claim = _row(spelling, pending=folded not in attached) if claims else row
        # What is attached already is claimed by the tags of the role, which are the step that takes it over.
        subject = tags_of(role) if folded in attached else attachment(role, policy)
        found.append(Entry(subject, claim, None if folded in new else row, claims=claims))
    return {"managedPolicies": tuple(found)}


def _name(row: Mapping[str, Json]) -> PolicyName:
    return PolicyName(PolicyType(row["type"]), row["name"])


def _row(policy: PolicyName, *, pending: bool) -> Mapping[str, Json]:
    """How `status.managedPolicies` stores a policy; `pending` says that RAM has not shown it yet."""
    return {"type": policy.type.value, "name": policy.name} | ({"pending": True} if pending else {})


def absent(
    attach: Iterable[PolicyName], facts: Facts, outcome: Outcome
) -> tuple[frozenset[PolicyName], tuple[Hold, ...]]:
    """What RAM said in this reconcile that it does not have, and no RamPolicy here makes: waiting would not help."""
    made_here = {policy_name(policy).lower() for policy in facts.references.values()}
    missing = {
        failure.step.policy
        for failure in outcome.failures
        if isinstance(failure.step, AttachPolicy) and isinstance(failure.error, PolicyNotFound)
    }
    gone = [
        policy
        for policy in attach
        if policy in missing and not (policy.type is PolicyType.CUSTOM and policy.name.lower() in made_here)
    ]
    return frozenset(gone), _not_there(gone)


def foreign(
    attach: Iterable[PolicyName],
    tags: Mapping[tuple[str, str], Mapping[str, str] | None],
    facts: Facts,
    owner: Owner,
) -> tuple[frozenset[PolicyName], tuple[Hold, ...]]:
    """The policies that RamPolicies name and do not own, whatever their status says: nobody judged what they allow."""
    managers, found, holds = _managers(facts), [], []
    for policy in attach:
        its, key = tags.get(policy.folded), managers.get(policy.name.lower())
        if key and its is not None and not ownership.owned(its, replace(owner, key=key)):
            found.append(policy)
            message = f"policy {policy} does not have the tags of {key}; waits for {key} to own it"
            holds.append(Hold(str(key), Reason.POLICY_NOT_READY, message, ownership.RECHECK_SECONDS))
    return frozenset(found), tuple(holds)


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
        Hold(str(some[0]), Reason.REJECTED, f"{_not_existing(some)}{fixes[len(some) > 1]}", ownership.RECHECK_SECONDS)
        for some, *fixes in found
        if some
    )


def _not_existing(policies: Sequence[PolicyName]) -> str:
    names = listing(map(str, policies))
    return f"policies {names} do not exist" if len(policies) > 1 else f"policy {names} does not exist"


def _entries(field: str, policies: Iterable[PolicyName]) -> str:
    return listing(f"{field}: {policy.name}" for policy in policies)


def _looks_like_system(name: str) -> bool:
    return name.startswith("Aliyun") or name in ("AdministratorAccess", "ReadOnlyAccess")
