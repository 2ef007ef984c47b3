"""A row of `status.instances`: what the binding knows of one instance, and its claim on it.

A claim is stored before the first write for the instance and stays until the matter is settled. The API server keeps
rows as JSON; here they are values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from ram_operator.kinds.offers import CLAIMING
from ram_operator.model import InstanceId, Json, Reason, StatusFields

MOST_ROWS = 1000
"""How many rows a binding has at most: the list is kept within what the API server stores."""
UNKNOWN_SESSION = "unknown"
"""Stands for the hash of a session policy where it cannot be told which one a role is limited by; equals no hash."""
_REASONS = frozenset(Reason)


class State(StrEnum):
    """Where an instance stands."""

    PENDING = "Pending"
    ATTACHED = "Attached"
    CONFLICT = "Conflict"
    OVERRIDDEN = "Overridden"
    FAILED = "Failed"
    SKIPPED = "Skipped"
    RELEASING = "Releasing"


RELEASING_STATES = frozenset({State.RELEASING, State.OVERRIDDEN})
"""The states in which a claim is about to end, so that it covers nothing for another binding."""


class Origin(StrEnum):
    """Who attached the role that an instance has: we did (so we detach it), or it was there."""

    ATTACHED = "Attached"
    TAKEN_OVER = "TakenOver"
    """We did, for all that can be told without a status; what the instance had before is lost."""
    FOUND = "Found"


_STATES = frozenset(State)
_ORIGINS = frozenset(Origin)


@dataclass(frozen=True, slots=True)
class Row:
    """One instance, or a node that is none. Times are timestamps as Kubernetes writes them.

    `previous_role` is what the instance had before the first of our roles; `replaced_role` is what was taken off it so
    that `role` can take its place, until the instance was seen with `role`. `session` is the hash of
    the session policy that limits `role` on this instance, None for none; `replaced_limited` says whether one limited
    `replaced_role`. `by_nodes` says of a release that a node led to it, and not the spec.
    """

    state: State
    instance: InstanceId | None = None
    node: str | None = None
    reason: Reason | None = None
    message: str = ""
    role: str | None = None
    origin: Origin | None = None
    previous_role: str | None = None
    replaced_role: str | None = None
    session: str | None = None
    replaced_limited: bool = False
    confirmed: bool = False
    failed_generation: int | None = None
    since: str | None = None
    node_gone_since: str | None = None
    missing_since: str | None = None
    by_nodes: bool = False

    @property
    def claimed(self) -> bool:
        """Whether we attached a role to the instance, or were about to."""
        return self.role is not None and self.origin in CLAIMING

    @property
    def claim(self) -> tuple[str | bool | None, ...]:
        """What must be stored before a write."""
        return self.role, self.origin, self.previous_role, self.replaced_role, self.session, self.replaced_limited

    def gave(self, role: str) -> bool:
        """Whether it was we who gave the instance this role: also the one before it, while ours replaces ours."""
        return self.claimed and (
            same_role(role, self.role)
            or (same_role(role, self.replaced_role) and not same_role(role, self.previous_role))
        )

    def session_of(self, role: str | None) -> str | None:
        """What limits a role that we gave: the hash of a session policy, None for none. ECS does not tell it."""
        if not same_role(role, self.role):
            return UNKNOWN_SESSION if self.replaced_limited else None
        if self.confirmed:
            return self.session
        in_doubt = self.session or same_role(self.replaced_role, self.role)
        return UNKNOWN_SESSION if in_doubt else None

    @property
    def unconfirmed(self) -> bool:
        """Whether we may have attached the role, and ECS has neither shown nor refused it since."""
        return self.claimed and not self.confirmed and self.reason is not Reason.API_ERROR

    @property
    def unanswered(self) -> bool:
        """Whether an attach was sent, or about to be, and no answer came: the cloud may still carry it out."""
        return self.unconfirmed and self.reason in (Reason.RETRYING, Reason.PROGRESSING)

    @property
    def in_sync(self) -> bool:
        """Whether nothing needs to be read before the next sweep."""
        looked_for = self.reason or self.missing_since or self.node_gone_since
        return self.state is State.ATTACHED and self.confirmed and not looked_for

    def with_claim_of(self, stored: Row | None) -> Row:
        """The row with what is stored of its claim, none where it is not stored."""
        claim = stored or Row(self.state)
        return replace(
            self,
            role=claim.role,
            origin=claim.origin,
            # A reading that does not show the role makes a stored claim less certain, whatever may be written.
            confirmed=claim.confirmed and self.confirmed,
            previous_role=claim.previous_role,
            replaced_role=claim.replaced_role,
            session=claim.session,
            replaced_limited=claim.replaced_limited,
        )

    def as_json(self) -> dict[str, Json]:
        """The row as it is stored, without empty fields."""
        fields: dict[str, Json] = {
            "instance": str(self.instance) if self.instance else None,
            "node": self.node,
            "state": self.state.value,
            "reason": self.reason.value if self.reason else None,
            "message": self.message,
            "roleName": self.role,
            "origin": self.origin.value if self.origin else None,
            "previousRole": self.previous_role,
            "replacedRole": self.replaced_role,
            "sessionPolicyHash": self.session,
            "replacedLimited": self.replaced_limited,
            "confirmed": self.confirmed,
            "failedGeneration": self.failed_generation,
            "since": self.since,
            "nodeGoneSince": self.node_gone_since,
            "missingSince": self.missing_since,
        }
        stored = {key: value for key, value in fields.items() if value not in (None, "", False)}
        # A release says it also where the spec led to it: one that does not is of a version that stored no such field.
        return {**stored, "byNodes": self.by_nodes} if self.state is State.RELEASING else stored


def same_role(one: str | None, other: str | None) -> bool:
    """Whether two names are of one role: RAM compares them without regard to case."""
    return one is not None and other is not None and one.lower() == other.lower()


def row_from_json(row: Mapping[str, Json]) -> Row:
    """Read what `as_json` wrote.

    Another version may have written a word that this one does not know: the next reconcile replaces it.
    """
    return Row(
        state=State(row["state"]) if row.get("state") in _STATES else State.PENDING,
        instance=InstanceId.of(row["instance"]) if row.get("instance") else None,
        node=row.get("node"),
        reason=Reason(row["reason"]) if row.get("reason") in _REASONS else None,
        message=row.get("message", ""),
        role=row.get("roleName"),
        origin=Origin(row["origin"]) if row.get("origin") in _ORIGINS else None,
        previous_role=row.get("previousRole"),
        replaced_role=row.get("replacedRole"),
        session=row.get("sessionPolicyHash"),
        replaced_limited=bool(row.get("replacedLimited")),
        confirmed=bool(row.get("confirmed")),
        failed_generation=row.get("failedGeneration"),
        since=row.get("since"),
        node_gone_since=row.get("nodeGoneSince"),
        missing_since=row.get("missingSince"),
        by_nodes=bool(row.get("byNodes", _led_by_nodes(row))),
    )


def _led_by_nodes(row: Mapping[str, Json]) -> bool:
    """Whether a node may have led to a release that does not say so: all but what its reason calls the spec's."""
    return row.get("state") == State.RELEASING and row.get("reason") != Reason.UNBOUND


def rows_of(status: StatusFields) -> dict[InstanceId, Row]:
    """The rows of a status that are about an instance."""
    rows = (row_from_json(row) for row in status.get("instances") or ())
    return {row.instance: row for row in rows if row.instance}


def ordered(rows: Iterable[Row]) -> list[Row]:
    """The rows in an order that depends on nothing but their content."""
    return sorted(rows, key=lambda row: (row.node or "", str(row.instance or "")))


def summary(rows: Iterable[Row]) -> dict[str, Json]:
    """The counts of `status.summary`. `ready` says how many of the selected ones have the role."""
    counts = dict.fromkeys(State, 0)
    for row in rows:
        counts[row.state] += 1
    selected = sum(counts.values()) - counts[State.RELEASING]
    return {
        "selected": selected,
        **{state.value.lower(): count for state, count in counts.items()},
        "ready": f"{counts[State.ATTACHED]}/{selected}",
    }
