"""What bears on one instance, and what follows: the question and the answer of `verdicts`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ram_operator.errors import AlreadyExists, CloudError, Denied, NotFound, Rejected, Throttled, Unavailable
from ram_operator.kinds.instance_role_binding.rows import Row, State, same_role
from ram_operator.kinds.instance_role_binding.terms import Terms
from ram_operator.model import (
    Event,
    Hold,
    InstanceId,
    Intent,
    Json,
    NodeFacts,
    ObjectKey,
    Reason,
    parse_timestamp,
    timestamp,
)

QUOTED_LENGTH = 100
"""How much of an error a row quotes."""


@dataclass(frozen=True, slots=True)
class Case:
    """All that bears on one instance in one reconcile.

    Args:
        binding: the binding itself.
        role: the role it should have from us; None where it should have none, or where the role is not usable now.
        session: the hash of the session policy that is to limit the role on it; None for none.
        wanted: whether this binding is the one that should have the instance.
        selected: whether the binding selects it, be it wanted or another binding's.
        taken_by: another binding that has the instance now.
        claimable: whether its role is taken for ours although no row says so, where it is the one that is wanted.
        heir: the claim of that binding, once it has one and as long as it is not releasing it itself.
        other_claim: the claim of any other binding.
        seen: the role it has, "" for none, None where it was not read.
        unreadable: what kept it from being read.
        missing: DescribeInstances did not return it.
        untagged: it lacks the tag that the settings ask for, and no binding gave it a role.
        node: its Node; None when there is none (any more).
        contested: its Nodes, where they do not tell which binding has it.
        edited: whether the spec was edited since the last reconcile.
        error: what the write of this reconcile met.
        attached: this reconcile has given it the role.
        detached: this reconcile has taken a role off it.
    """

    instance: InstanceId
    row: Row | None
    role: str | None
    wanted: bool
    seen: str | None
    now: datetime
    generation: int
    binding: ObjectKey
    terms: Terms = field(default_factory=Terms)
    session: str | None = None
    selected: bool = False
    unreadable: CloudError | None = None
    missing: bool = False
    untagged: bool = False
    node: str | None = None
    contested: tuple[NodeFacts, ...] = ()
    claimable: bool = False
    taken_by: ObjectKey | None = None
    heir: Row | None = None
    other_claim: Row | None = None
    deleting: bool = False
    requested: bool = False
    edited: bool = False
    node_gone_after: timedelta = timedelta(minutes=10)
    error: CloudError | None = None
    attached: bool = False
    detached: bool = False

    @property
    def sent(self) -> bool:
        """Whether an attach of this reconcile may have taken effect: it succeeded, or got no answer."""
        return self.attached or (isinstance(self.error, Unavailable) and not self.detached)

    @property
    def unconfirmed(self) -> bool:
        """Whether it has our role for all we know, and ECS did not show it since: no reading tells that it has not."""
        return self.row is not None and self.row.unconfirmed and self.seen == "" and not self.detached

    @property
    def half_done(self) -> bool:
        """Whether a reading shows what an exchange may have taken off long ago: it may be an old one."""
        row = self.row
        if row is None or not row.unconfirmed or same_role(row.role, row.replaced_role):
            return False
        return same_role(self.seen, row.replaced_role) and not self.detached

    @property
    def taken_over(self) -> bool:
        """Whether the wanted role that it has is claimed without a row that says that we gave it."""
        return self.claimable and same_role(self.seen, self.role)

    @property
    def limited_as_wanted(self) -> bool:
        """Whether the role that it has is known to be limited by the session policy that is wanted, if any.

        ECS does not tell: only a claim of ours does. Without one, and where none is wanted, nothing is asked.
        """
        if self.row and self.row.gave(self.seen or ""):
            given = self.attached and self.row.reason is not Reason.ROLLED_BACK
            return given or self.row.session_of(self.seen) == self.session
        other = self.other_claim
        inherited = other is not None and other.gave(self.seen or "")
        return (other.session_of(self.seen) if other and inherited else None) == self.session

    @property
    def by_spec(self) -> bool:
        """Whether the spec or the deletion releases it, and not its node. A later edit does not change that."""
        if self.row is not None and self.row.state is State.RELEASING:
            return self.deleting or not self.row.by_nodes
        return self.deleting or self.edited

    @property
    def refused(self) -> CloudError | None:
        """The answer to the write of this reconcile, where it was no and not just a failure."""
        return self.error if isinstance(self.error, Rejected | Denied | NotFound | AlreadyExists) else None

    @property
    def problem(self) -> str:
        """What the write of this reconcile met, in words."""
        return in_words(self.error) if self.error else ""

    def may_give_back(self, role: str) -> bool:
        """Whether the instance may be given back a role: by the settings, or since a binding gave it."""
        return self.terms.may_give_back(role) or (self.other_claim is not None and self.other_claim.gave(role))

    def since(self, text: str | None) -> datetime:
        """When something began by its timestamp; now where there is none, or one of a clock that was ahead."""
        return min(parse_timestamp(text) or self.now, self.now)

    def left(self, text: str | None, patience: timedelta) -> float:
        """For how many seconds more something may last that began then; 0 or less where it is over."""
        return (self.since(text) + patience - self.now).total_seconds()

    def next_row(self, state: State, **changes: Json) -> Row:
        """The row in its new state; `since` moves only with the state, and what a past look found is forgotten."""
        row = self.row or Row(state, self.instance)
        since = row.since if row.since and row.state is state else timestamp(self.now)
        cleared: Mapping[str, Json] = {
            "reason": None,
            "message": "",
            "missing_since": None,
            "node_gone_since": None,
            "failed_generation": None,
            "by_nodes": False,
        }
        return replace(row, **{**cleared, "state": state, "since": since, "node": self.node, **changes})

    def hold(self, reason: Reason, message: str, retry_after: float | None = None) -> Hold:
        """A hold that names the instance and its node."""
        where = f"{self.instance} ({self.node})" if self.node else str(self.instance)
        return Hold(str(self.instance), reason, message, retry_after, where)


def in_words(error: CloudError) -> str:
    """An error for a row of status; a throttled call is named only, since its words change with each try."""
    return error.action if isinstance(error, Throttled) else str(error)


def quoted(error: CloudError) -> str:
    """The beginning of an error, to be put in brackets: what follows it must not be cut off."""
    text = str(error)
    return text if len(text) <= QUOTED_LENGTH else f"{text[:QUOTED_LENGTH]}..."


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows for one instance.

    Args:
        row: the next row; None: forget the instance.
        detach: the role to be taken off it.
        attach: the role to be given to it, after that.
        intent: why a role is taken off, or else why it is given.
        hold: what is refused or waited for.
        revisit_after: seconds until time changes something.
        remark: an event to be recorded.
        by_nodes: whether it is released because of its node, and the limit on mass releases did not allow it before.
    """

    row: Row | None
    detach: str | None = None
    attach: str | None = None
    intent: Intent = Intent.GRANT
    hold: Hold | None = None
    revisit_after: float | None = None
    remark: Event | None = None
    by_nodes: bool = False

    @property
    def writes(self) -> bool:
        """Whether anything is to be written."""
        return self.detach is not None or self.attach is not None


NO_CLAIM: Mapping[str, Json] = {
    "role": None,
    "origin": None,
    "confirmed": False,
    "previous_role": None,
    "replaced_role": None,
    "session": None,
    "replaced_limited": False,
}
"""What a row of an instance says that has nothing of ours."""
