"""One instance, one decision: what its row says next, and what has to be attached to or detached from it.

Pure and total: `judge` is called for every instance that a binding wants or has a row for, before and after the writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ram_operator.errors import ClassicNetwork, CloudError, Rejected, Throttled, Unavailable
from ram_operator.kinds.instance_role_binding.rows import Origin, Row, State
from ram_operator.model import Hold, InstanceId, Json, ObjectKey, Reason, parse_timestamp, timestamp

GONE_AFTER = timedelta(seconds=60)
"""An instance is gone when two successful looks this far apart do not find it."""
HAND_OVER = timedelta(seconds=10)
"""How long a binding that goes waits for the next one to take a role over, so that no instance is without it."""

FAILED_AGAIN = timedelta(hours=1)
"""When a request that was refused for one instance is repeated: what kept it may have gone without a word."""

CONFLICT_FIX = (
    "detach it there (DetachInstanceRamRole), or take the node out of the selector; "
    "it is looked at again with each sweep"
)


@dataclass(frozen=True, slots=True)
class Case:
    """All that bears on one instance in one pass.

    Args:
        role: the role it should have from us; None where it should have none, or where the role is not usable now.
        wanted: whether this binding is the one that should have the instance.
        selected: whether the binding selects it, be it wanted or another binding's.
        taken_by: another binding that has the instance now, with `other_claim`, its stored row, once it has one.
        seen: the role it has, "" for none, None where it was not read in this pass.
        missing: DescribeInstances did not return it.
        node: its Node; None when there is none (any more).
        error: what the write of this pass met.
        attached: this pass has given it the role.
        detached: this pass has taken a role off it.
    """

    instance: InstanceId
    row: Row | None
    role: str | None
    wanted: bool
    seen: str | None
    now: datetime
    generation: int
    selected: bool = False
    missing: bool = False
    node: str | None = None
    taken_by: ObjectKey | None = None
    other_claim: Mapping[str, Json] | None = None
    deleting: bool = False
    requested: bool = False
    node_gone_after: timedelta = timedelta(minutes=10)
    error: CloudError | None = None
    attached: bool = False
    detached: bool = False

    @property
    def sent(self) -> bool:
        """Whether an attach of this pass may have taken effect: it succeeded, or got no answer."""
        return self.attached or (isinstance(self.error, Unavailable) and not self.detached)

    @property
    def unconfirmed(self) -> bool:
        """Whether it has our role for all we know, and ECS did not show it since: no reading tells that it has not."""
        return self.row is not None and self.row.unconfirmed and self.seen == "" and not self.detached


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows: the next row (None: forget the instance), writes, a hold, seconds until time changes something."""

    row: Row | None
    detach: str | None = None
    attach: bool = False
    hold: Hold | None = None
    revisit_after: float | None = None


def judge(case: Case) -> Verdict:
    """Decide about one instance."""
    if case.missing:
        return _missing(case)
    if case.wanted:
        return _wanted(case) if case.seen is not None else Verdict(_kept(case))
    return _unwanted(case)


def _kept(case: Case) -> Row:
    """The row of an instance that was not read: as it is, with the node's present name."""
    row = case.row or Row(State.PENDING, case.instance)
    return replace(row, node=case.node, confirmed=row.confirmed and not case.sent)


def _next(case: Case, state: State, **changes: Json) -> Row:
    """The row in its new state; `since` moves only with the state, and what a past look found is forgotten."""
    row = case.row or Row(state, case.instance)
    since = row.since if row.since and row.state is state else timestamp(case.now)
    cleared = {"reason": None, "message": "", "missing_since": None, "node_gone_since": None, "failed_generation": None}
    return replace(row, **{**cleared, "state": state, "since": since, "node": case.node, **changes})


def _wanted(case: Case) -> Verdict:
    if case.role is None:
        return _waiting_for_role(case)
    if case.seen and case.seen.lower() == case.role.lower():
        return Verdict(_attached(case))
    if case.seen:
        return _other_role(case, case.seen)
    return _without_role(case, case.role)


def _waiting_for_role(case: Case) -> Verdict:
    """The role cannot be attached now: what is there stays, nothing is written."""
    if case.row and case.row.role and case.seen and case.seen.lower() == case.row.role.lower():
        return Verdict(_next(case, State.ATTACHED, confirmed=True))
    if case.unconfirmed:
        return Verdict(_next(case, State.PENDING, reason=Reason.VERIFYING))
    refused = {"role": None, "origin": None} if case.row and case.row.reason is Reason.API_ERROR else {}
    return Verdict(_next(case, State.PENDING, reason=Reason.ROLE_NOT_READY, **refused))


def _attached(case: Case) -> Row:
    """It has the role. Without a claim of ours, or of the binding that had it before us, it was not we who gave it."""
    ours = case.row is not None and case.row.claimed and (case.row.role or "").lower() == (case.role or "").lower()
    inherited = _inherits(case)
    origin = Origin.ATTACHED if ours or inherited else Origin.FOUND
    return _next(case, State.ATTACHED, role=case.role, origin=origin, confirmed=True)


def _inherits(case: Case) -> bool:
    """Whether the role it has was given by another of our bindings, whose claim we take over."""
    claim = case.other_claim
    return bool(claim and case.seen and str(claim.get("roleName", "")).lower() == case.seen.lower())


def _without_role(case: Case, role: str) -> Verdict:
    """It has none: attach ours, unless the API has said of this very generation that it will not."""
    if case.row and case.row.role and case.unconfirmed and case.row.role.lower() != role.lower():
        # The claim is on the role that we gave it before: that has to go first, as if it were seen.
        return Verdict(_next(case, State.PENDING, reason=Reason.VERIFYING), detach=case.row.role)
    refused = _refusal(case)
    if refused:
        return Verdict(refused, hold=_hold(case, Reason.SOME_FAILED, refused.message, _failed_for(case, refused)))
    row = _next(case, State.PENDING, role=role, origin=Origin.ATTACHED, **_sent(case, role), message=_problem(case))
    return Verdict(row, attach=True)


def _problem(case: Case) -> str:
    """The error in words; a throttled call is told of by the reason alone, since its words change with each try."""
    return "" if case.error is None or isinstance(case.error, Throttled) else str(case.error)


def _sent(case: Case, role: str) -> Mapping[str, Json]:
    """What a row says of its attach: without an answer it may have taken effect, until ECS shows or refuses it."""
    if case.sent or (case.unconfirmed and not case.error):
        return {"reason": Reason.VERIFYING, "confirmed": False}
    if case.error:
        refused = Reason.THROTTLED if isinstance(case.error, Throttled) else Reason.API_ERROR
        return {"reason": refused, "confirmed": False}
    row = case.row
    return {"confirmed": row is not None and row.confirmed and (row.role or "").lower() == role.lower()}


def _refusal(case: Case) -> Row | None:
    """The row of an instance for which repeating the request is pointless before an edit."""
    error = case.error
    if isinstance(error, Rejected):
        classic = isinstance(error, ClassicNetwork)
        reason = Reason.CLASSIC_NETWORK if classic else Reason.API_ERROR
        message = error.message if classic and error.message else str(error)
        failed = {
            "reason": reason,
            "message": message,
            "failed_generation": case.generation,
            "since": timestamp(case.now),
        }
        return _next(case, State.FAILED, role=None, origin=None, confirmed=False, **failed)
    row = case.row
    if error is None and row and row.failed_generation == case.generation and not case.requested:
        return None if _failed_for(case, row) == 0 else replace(row, node=case.node)
    return None


def _failed_for(case: Case, row: Row) -> float | None:
    """For how many seconds more a refusal is believed; None where only an edit can help."""
    if row.reason is Reason.CLASSIC_NETWORK:
        return None
    since = parse_timestamp(row.since) or case.now
    return max(0.0, (since + FAILED_AGAIN - case.now).total_seconds())


def _other_role(case: Case, seen: str) -> Verdict:
    """It has another role: ours to replace if we or another of our bindings gave it, else somebody's.

    The claim stays on what is there until it is gone; only then a claim on the new role is stored and the role
    attached. A crash in between finds a claim that covers what the instance has.
    """
    mine = case.row is not None and case.row.claimed and (case.row.role or "").lower() == seen.lower()
    if mine or _inherits(case):
        row = _next(case, State.PENDING, role=seen, origin=Origin.ATTACHED, confirmed=True)
        return Verdict(row, detach=seen)
    message = f"has role {seen}, which no binding gave it; {CONFLICT_FIX}"
    row = _next(
        case, State.CONFLICT, reason=Reason.OTHER_ROLE, message=message, role=None, origin=None, confirmed=False
    )
    return Verdict(row, hold=_hold(case, Reason.CONFLICT, message))


def _unwanted(case: Case) -> Verdict:
    row = case.row
    if row is None:
        return Verdict(None)
    if case.taken_by and not case.deleting:
        return _overridden(case, case.taken_by, row)
    if not row.claimed:
        return Verdict(None)
    if case.taken_by and (handed := _handed_over(case, case.taken_by, row)):
        return handed
    if case.node is None and not case.deleting and (wait := _node_gone(case, row)):
        return wait
    # The time that the node is gone stays: it is looked at again after the claims are stored.
    kept = {"reason": row.reason} if row.reason in (Reason.VERIFYING, Reason.API_ERROR) else {}
    releasing = _next(case, State.RELEASING, node_gone_since=row.node_gone_since, **kept)
    if case.seen is None:
        return Verdict(releasing)
    if case.unconfirmed:
        return Verdict(releasing, detach=row.role)
    if case.seen.lower() != (row.role or "").lower():
        return Verdict(None)
    return Verdict(releasing, detach=case.seen)


def _overridden(case: Case, taken_by: ObjectKey, row: Row) -> Verdict:
    """Another binding has it. Our claim stays until theirs is stored, so that they can take the role over."""
    if row.claimed and not _is_covered(case, row):
        return Verdict(_next(case, State.OVERRIDDEN, message=f"{taken_by} takes it over"))
    if not case.selected:
        return Verdict(None)
    message = f"{taken_by} has this instance; the older binding wins"
    free = {"role": None, "origin": None, "confirmed": False, "previous_role": None}
    return Verdict(_next(case, State.OVERRIDDEN, message=message, **free))


def _is_covered(case: Case, row: Row) -> bool:
    """Whether nothing is lost with our claim: another binding's covers the same role, or the instance has it no more.

    A claim of theirs on another role covers nothing: it may be an old one.
    """
    role = (row.role or "").lower()
    theirs = str(case.other_claim.get("roleName", "")).lower() if case.other_claim else ""
    return theirs == role or (case.seen is not None and case.seen.lower() != role and not case.unconfirmed)


def _handed_over(case: Case, taken_by: ObjectKey, row: Row) -> Verdict | None:
    """The binding goes and another has the instance: nothing is written, unless that one does not take it in time."""
    if _is_covered(case, row):
        return Verdict(None)
    since = parse_timestamp(row.since) if row.state is State.RELEASING else None
    left = ((since or case.now) + HAND_OVER - case.now).total_seconds()
    if left <= 0:
        return None
    message = f"waits for {taken_by} to take it over"
    return Verdict(_next(case, State.RELEASING, message=message), hold=_hold(case, Reason.PROGRESSING, message, left))


def _node_gone(case: Case, row: Row) -> Verdict | None:
    """The Node object is gone: keep the claim for a while, it may come back (a re-registration, a restored backup)."""
    since = parse_timestamp(row.node_gone_since) or case.now
    left = (since + case.node_gone_after - case.now).total_seconds()
    if left <= 0:
        return None
    message = f"its Node is gone; released at {timestamp(since + case.node_gone_after)}"
    return Verdict(replace(row, node_gone_since=timestamp(since), message=message), revisit_after=left)


def _missing(case: Case) -> Verdict:
    """DescribeInstances lacks it: look again before believing it."""
    since = parse_timestamp(case.row.missing_since if case.row else None) or case.now
    left = (since + GONE_AFTER - case.now).total_seconds()
    state = State.PENDING if case.wanted else State.RELEASING
    if left > 0:
        message = "ECS does not know this instance; looking again"
        row = _next(case, state, reason=Reason.INSTANCE_GONE, message=message, missing_since=timestamp(since))
        hold = _hold(case, Reason.VERIFYING, message, left) if case.wanted or case.deleting else None
        return Verdict(row, hold=hold, revisit_after=left)
    if not case.wanted:
        return Verdict(None)
    message = "ECS does not know this instance in its region"
    gone = {"reason": Reason.INSTANCE_GONE, "message": message, "missing_since": timestamp(since)}
    return Verdict(_next(case, State.SKIPPED, role=None, origin=None, confirmed=False, **gone))


def _hold(case: Case, reason: Reason, message: str, retry_after: float | None = None) -> Hold:
    where = f"{case.instance} ({case.node})" if case.node else str(case.instance)
    return Hold(str(case.instance), reason, f"{where}: {message}", retry_after)
