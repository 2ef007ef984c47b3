"""One instance, one decision: what its row says next, and what has to be attached to or detached from it.

Pure and total: `judge` is called for every instance that a binding wants or has a row for, before and after the writes.
`replacing` decides where another role has to go first, `releasing` where ours has to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from ram_operator.errors import CloudError, Denied, NotFound, RegionNotFound, Rejected, Throttled
from ram_operator.kinds.instance_role_binding.cases import NO_CLAIM, Case, Verdict, in_words
from ram_operator.kinds.instance_role_binding.releasing import unwanted
from ram_operator.kinds.instance_role_binding.replacing import (
    exchange,
    inherits,
    is_rolled_back,
    may_put_back,
    other_role,
    previous_role,
    put_back,
    refusal,
    refused_for,
    rolled_back,
)
from ram_operator.kinds.instance_role_binding.rows import Origin, Row, State, same_role
from ram_operator.model import TAKE_OVER, Intent, Json, Reason, explain, listing, timestamp

GONE_AFTER = timedelta(seconds=60)
"""An instance is gone when two successful looks this far apart do not find it."""
LOOK_FOR_GONE_AT_LEAST = 3600.0
"""The longest time in seconds between two looks for an instance that is gone while its node is there."""


def judge(case: Case) -> Verdict:
    """Decide about one instance."""
    if case.contested and not case.deleting:
        return Verdict(_contested(case))
    if case.missing:
        return _missing(case)
    if case.untagged and case.wanted:
        return Verdict(_untagged(case))
    if case.wanted:
        return _wanted(case) if case.seen is not None else Verdict(_unread(case))
    return unwanted(case)


def _contested(case: Case) -> Row:
    """Several Nodes have its provider ID, or its only one has too many labels: neither decides about the instance.

    Whoever may register a Node must not decide about another's instance, and a label that is not looked at may be the
    one that a binding selects by.
    """
    [first, *others] = case.contested
    reason, message = first.skip, first.skip_message
    if others:
        reason = Reason.DUPLICATE_PROVIDER_ID
        message = contested_words(tuple(node.name for node in case.contested))
    if case.row and case.row.claimed:
        return replace(case.row, node=case.node, reason=reason, message=message)
    return case.next_row(State.SKIPPED, reason=reason, message=message, **NO_CLAIM)


def contested_words(nodes: tuple[str, ...]) -> str:
    """Why nothing is changed on an instance that several nodes stand for."""
    named = f"{len(nodes)} Nodes ({listing(nodes, most=2)}) have the same provider ID"
    return f"{named}; nothing is changed until one is left; {explain(Reason.DUPLICATE_PROVIDER_ID)}"


def _untagged(case: Case) -> Row:
    """Whoever may register a Node can name any instance: the tag says that it belongs to the cluster."""
    message = f"lacks the tag of requiredInstanceTag ({case.terms.rules.required_tag})"
    message = f"{message}; {explain(Reason.UNTAGGED_INSTANCE)}"
    return case.next_row(State.SKIPPED, reason=Reason.UNTAGGED_INSTANCE, message=message, **NO_CLAIM)


def _unread(case: Case) -> Row:
    """The row of an instance that was not read: as it is, with the node's present name."""
    row = case.row or Row(State.PENDING, case.instance)
    row = replace(row, node=case.node, confirmed=row.confirmed and not case.sent)
    if row.reason in (Reason.PLAN_PENDING, Reason.DELETION_PAUSED):
        # A filter says so anew where it still holds.
        row = replace(row, reason=None, message="")
    if row.state is State.ATTACHED or (row.reason and case.unreadable is None):
        return row
    if isinstance(case.unreadable, RegionNotFound) and not row.claimed:
        words = f"ECS has no region {case.instance.region}; {explain(Reason.REGION_NOT_FOUND)}"
        return case.next_row(State.SKIPPED, reason=Reason.REGION_NOT_FOUND, message=words, **NO_CLAIM)
    if case.unreadable is None:
        return replace(row, reason=Reason.NOT_OBSERVED, message="was not read yet")
    if row.reason in (Reason.VERIFYING, Reason.API_ERROR, Reason.ROLLED_BACK):
        # What it says of our write still counts.
        return row
    return replace(row, reason=_reason_of(case.unreadable), message=f"cannot be read: {in_words(case.unreadable)}")


def _reason_of(error: CloudError) -> Reason:
    match error:
        case Throttled():
            return Reason.THROTTLED
        case Denied():
            return Reason.ACCESS_DENIED
        case Rejected() | NotFound():
            return Reason.REJECTED
        case _:
            return Reason.RETRYING


def _wanted(case: Case) -> Verdict:
    if case.role is None:
        return _waiting_for_role(case)
    if case.row and case.row.role and case.half_done and not same_role(case.row.role, case.role):
        # An edit back: what was given meanwhile goes, whether it shows or not.
        return exchange(case, case.role, case.row.role)
    if same_role(case.seen, case.role) and case.limited_as_wanted:
        return Verdict(_attached(case))
    if case.row and is_rolled_back(case, case.row):
        return rolled_back(case, case.row)
    if case.seen:
        return other_role(case, case.role, case.seen)
    return _without_role(case, case.role)


def _waiting_for_role(case: Case) -> Verdict:
    """The role cannot be attached now: what is there stays, what was taken off for it is given back."""
    row, waits = case.row, {"reason": Reason.ROLE_NOT_READY, "message": "waits for its role to be ready"}
    if case.half_done:
        return Verdict(case.next_row(State.PENDING, reason=Reason.VERIFYING))
    if row and case.seen and (row.gave(case.seen) or same_role(row.role, case.seen)):
        kept = {"role": case.seen, "session": row.session_of(case.seen)}
        return Verdict(
            case.next_row(State.ATTACHED, **kept, replaced_role=None, replaced_limited=False, confirmed=True)
        )
    if row and row.replaced_role and not case.seen and may_put_back(case, row, row.replaced_role):
        return Verdict(case.next_row(State.PENDING, **waits), attach=row.replaced_role, intent=Intent.RESTORE)
    if case.unconfirmed:
        return Verdict(case.next_row(State.PENDING, reason=Reason.VERIFYING))
    unclaimed: Mapping[str, Json] = NO_CLAIM if case.seen or (row and row.reason is Reason.API_ERROR) else {}
    return Verdict(case.next_row(State.PENDING, **waits, **unclaimed))


def _attached(case: Case) -> Row:
    """It has the role. Without a claim of ours, or of the binding that had it before us, it was not we who gave it."""
    origin, message = _origin(case)
    previous = None if origin is Origin.FOUND else previous_role(case)
    claim = {"role": case.role, "origin": origin, "previous_role": previous, "session": case.session}
    return case.next_row(
        State.ATTACHED, confirmed=True, message=message, replaced_role=None, replaced_limited=False, **claim
    )


def _origin(case: Case) -> tuple[Origin, str]:
    """Who gave the role, and what of that is not known."""
    lost = "taken over without a status: which role it had before is not known, so that none will be given back"
    if case.row is not None and case.row.gave(case.role or ""):
        taken_over = case.row.origin is Origin.TAKEN_OVER
        return (Origin.TAKEN_OVER, lost) if taken_over else (Origin.ATTACHED, "")
    if inherits(case):
        return Origin.ATTACHED, ""
    if case.taken_over:
        return Origin.TAKEN_OVER, lost
    command = case.binding.to_annotate(TAKE_OVER, case.generation)
    return Origin.FOUND, f"had the role already; if this binding gave it: {command}"


def _without_role(case: Case, role: str) -> Verdict:
    """It has none: attach ours, unless the API has said of this very generation that it will not."""
    row = case.row
    as_claimed = row is not None and same_role(row.role, role) and row.session == case.session
    if row and row.role and case.unconfirmed and not as_claimed:
        # The claim is on what we gave it before: that has to go first, as if it were seen.
        return exchange(case, role, row.role)
    other = case.other_claim
    if (
        other
        and other.unconfirmed
        and not case.detached
        and same_role(other.role, role)
        and other.session != case.session
    ):
        # What another binding gave may show later, and ECS does not tell under which session policy.
        return exchange(case, role, role)
    if row and row.replaced_role and case.refused:
        return put_back(case, row, row.replaced_role)
    if refused := refusal(case, **NO_CLAIM):
        return Verdict(refused, hold=case.hold(Reason.SOME_FAILED, refused.message, refused_for(case, refused)))
    claim = {
        "role": role,
        "origin": Origin.ATTACHED,
        "previous_role": previous_role(case),
        "session": case.session,
    }
    return Verdict(case.next_row(State.PENDING, **claim, **_sent(case, role)), attach=role)


def _sent(case: Case, role: str) -> Mapping[str, Json]:
    """What a row says of its attach: without an answer it may have taken effect, until ECS shows or refuses it."""
    if case.sent or (case.unconfirmed and not case.error):
        unanswered = case.error is not None or (case.row is not None and case.row.unanswered)
        reason = Reason.RETRYING if unanswered and not case.attached else Reason.VERIFYING
        return {"reason": reason, "message": case.problem, "confirmed": False}
    if case.error:
        refused = Reason.THROTTLED if isinstance(case.error, Throttled) else Reason.API_ERROR
        return {"reason": refused, "message": case.problem, "confirmed": False}
    return {"reason": Reason.PROGRESSING, "message": f"gets role {role}", "confirmed": False}


def _missing(case: Case) -> Verdict:
    """DescribeInstances lacks it: look again before believing it, and go on looking as long as its node is there."""
    since = case.since(case.row.missing_since if case.row else None)
    left = case.left(timestamp(since), GONE_AFTER)
    if left > 0:
        message = "ECS does not know this instance; looking again"
        state = State.PENDING if case.wanted else State.RELEASING
        gone = {"reason": Reason.INSTANCE_GONE, "message": message, "missing_since": timestamp(since)}
        row = case.next_row(state, by_nodes=not case.wanted and not case.by_spec, **gone)
        hold = case.hold(Reason.VERIFYING, message, left) if case.wanted or case.deleting else None
        return Verdict(row, hold=hold, revisit_after=left)
    if not case.wanted:
        return Verdict(None)
    message = f"ECS does not know this instance in its region; {explain(Reason.INSTANCE_GONE)}"
    gone = {"reason": Reason.INSTANCE_GONE, "message": message, "missing_since": timestamp(since)}
    again = min((case.now - since).total_seconds(), LOOK_FOR_GONE_AT_LEAST)
    return Verdict(case.next_row(State.SKIPPED, confirmed=False, **gone), revisit_after=again)
