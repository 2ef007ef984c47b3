"""Whom a policy is attached to besides the roles of RamRoles: spec.attachTo, and status.grantedTo as its memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ram_operator.cloud import Grantee, GranteeKind, PolicyName
from ram_operator.errors import NotFound, PolicyNotFound, Problem
from ram_operator.kinds import ownership
from ram_operator.kinds.ram_policy.steps import Grant, Revoke, grant
from ram_operator.model import Change, Entry, Granted, Hold, Json, Outcome, Reason, StatusFields, Step
from ram_operator.rules.documents import canonical
from ram_operator.rules.names import check_person_name, check_role_name

FIELDS: Mapping[str, GranteeKind] = {
    "users": GranteeKind.USER,
    "groups": GranteeKind.GROUP,
    "roles": GranteeKind.ROLE,
}


def read(lists: Mapping[str, Json] | None) -> tuple[Grantee, ...]:
    """The grantees of spec.attachTo or status.grantedTo, each once."""
    given = (Grantee(kind, name) for field, kind in FIELDS.items() for name in (lists or {}).get(field) or ())
    return tuple({one.folded: one for one in given}.values())


def problems(lists: Mapping[str, Json]) -> tuple[Problem, ...]:
    """Problems of spec.attachTo."""
    return tuple(
        problem
        for field, check in (("users", check_person_name), ("groups", check_person_name), ("roles", check_role_name))
        for index, name in enumerate(lists.get(field) or ())
        for problem in check(name, f"spec.attachTo.{field}[{index}]")
    )


def asked(spec: Mapping[str, Json]) -> Iterator[Granted]:
    """What a spec asks to be granted."""
    document = canonical(spec.get("document"))
    yield Granted(document)
    yield from (Granted(document, grantee=one) for one in read(spec.get("attachTo")))


def granted(stored: StatusFields) -> tuple[Grantee, ...]:
    """Those that we attached the policy to, or were about to."""
    return read(stored.get("grantedTo"))


@dataclass(frozen=True, slots=True)
class Grants:
    """Who gets a policy and who loses it.

    Args:
        policy: the policy.
        wanted: the grantees of the spec.
        before: the grantees of the stored status.
        shown: whom RAM shows it attached to.
        outcome: what was written in this reconcile.
    """

    policy: PolicyName
    wanted: tuple[Grantee, ...]
    before: tuple[Grantee, ...]
    shown: tuple[Grantee, ...]
    outcome: Outcome

    def steps(self) -> tuple[Step, ...]:
        """Grants wait for the policy's own document; a grantee that RAM does not have is none of them."""
        shown, absent = {one.folded for one in self.shown}, {one.folded for one in self._absent()}
        coming = (one for one in self.wanted if one.folded not in shown | absent)
        return (
            *(Grant(self.policy, one, waits_for=(self.policy.name,)) for one in coming),
            *(Revoke(self.policy, one) for one in self._revoked()),
        )

    def holds(self) -> tuple[Hold, ...]:
        """One for each grantee that RAM said it does not have."""
        return tuple(
            Hold(
                grant(self.policy, one),
                Reason.REJECTED,
                f"{one} does not exist; create it, or take it out of spec.attachTo.{one.kind}s",
                ownership.RECHECK_SECONDS,
            )
            for one in self._absent()
        )

    def entries(self) -> Mapping[str, tuple[Entry, ...]]:
        """`status.grantedTo`: stored before the policy is attached, kept until it is known to be detached."""
        before, revoked = {one.folded: one for one in self.before}, {one.folded for one in self._revoked()}
        wanted = {one.folded: one for one in self.wanted}
        rows = {**before, **wanted}
        found: dict[str, list[Entry]] = {}
        for folded, one in sorted(rows.items()):
            if folded in wanted or folded in revoked:
                new = folded not in before
                entry = Entry(grant(self.policy, one), one.name, None if new else one.name, claims=new)
                found.setdefault(f"grantedTo.{one.kind}s", []).append(entry)
        return {field: tuple(entries) for field, entries in found.items()}

    def unconfirmed(self) -> tuple[str, ...]:
        """What was claimed and does not show."""
        shown = {one.folded for one in self.shown}
        claimed = {one.folded: one for one in (*self.before, *self.wanted)}
        return tuple(grant(self.policy, one) for folded, one in claimed.items() if folded not in shown)

    def _revoked(self) -> list[Grantee]:
        """Those that still have it for all we know: what was detached may not show yet."""
        wanted, shown = {one.folded for one in self.wanted}, {one.folded for one in self.shown}
        undone = {
            step.grantee.folded
            for step in self.outcome.done
            if isinstance(step, Revoke) and step.change is Change.DETACH
        }
        gone = undone - shown
        return [one for one in self.before if one.folded not in wanted and one.folded not in gone]

    def _absent(self) -> Iterable[Grantee]:
        return [
            failure.step.grantee
            for failure in self.outcome.failures
            if isinstance(failure.step, Grant)
            and isinstance(failure.error, NotFound)
            and not isinstance(failure.error, PolicyNotFound)
        ]
