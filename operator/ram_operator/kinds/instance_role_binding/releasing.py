"""An instance is released: it passes to another binding, keeps our role for a while, or gets its former role back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from ram_operator.errors import ClassicNetwork
from ram_operator.kinds.instance_role_binding.cases import NO_CLAIM, Case, Verdict
from ram_operator.kinds.instance_role_binding.replacing import SOON_SECONDS, undo
from ram_operator.kinds.instance_role_binding.rows import Row, State, same_role
from ram_operator.kinds.instance_role_binding.terms import Unbind
from ram_operator.model import PROPAGATION, Event, EventReason, Intent, Json, ObjectKey, Reason, timestamp

HAND_OVER = timedelta(seconds=10)
"""How long a binding that goes waits for the next one to take a role over, so that no instance is without it."""


def unwanted(case: Case) -> Verdict:
    """Decide about an instance that this binding should not have."""
    row = case.row
    if row is None:
        return Verdict(None)
    if case.taken_by and not case.deleting and case.selected:
        return _overridden(case, case.taken_by, row)
    if not row.claimed:
        return Verdict(None)
    if case.taken_by and (handed := _handed_over(case, case.taken_by, row)):
        return handed
    was_node = row.node is not None or row.node_gone_since is not None
    if case.node is None and was_node and not case.deleting and (wait := _node_gone(case, row)):
        return wait
    return _release(case, row)


def _overridden(case: Case, taken_by: ObjectKey, row: Row) -> Verdict:
    """An older binding selects it, too. Ours stays until theirs is stored, so that they can take the role over."""
    if row.claimed and not _is_covered(case, row):
        message = f"keeps its role until {taken_by} takes it over"
        kept = case.next_row(State.OVERRIDDEN, reason=Reason.OVERRIDDEN, message=message)
        return Verdict(kept, hold=case.hold(Reason.ROLE_NOT_READY, message))
    message = f"{taken_by} has this instance; the older binding wins"
    return Verdict(case.next_row(State.OVERRIDDEN, reason=Reason.OVERRIDDEN, message=message, **NO_CLAIM))


def _is_covered(case: Case, row: Row) -> bool:
    """Whether nothing is lost with our claim: the claim of the binding that takes over covers the same role.

    Or the instance has our role no more. A claim of theirs on another role covers nothing: it may be an old one.
    """
    if case.heir and (case.heir.gave(row.role or "") or (case.heir.confirmed and case.heir.gave(case.seen or ""))):
        return True
    return case.seen is not None and not row.gave(case.seen) and not case.unconfirmed


def _handed_over(case: Case, taken_by: ObjectKey, row: Row) -> Verdict | None:
    """Another binding has the instance: nothing is written, unless that one does not take it in time."""
    if _is_covered(case, row):
        return Verdict(None)
    left = case.left(row.since if row.state is State.RELEASING else None, HAND_OVER)
    if left <= 0:
        return None
    message = f"waits for {taken_by} to take it over"
    reason = Reason.UNBOUND if case.by_spec else Reason.PROGRESSING
    waiting = case.next_row(State.RELEASING, reason=reason, message=message, by_nodes=not case.by_spec)
    return Verdict(waiting, hold=case.hold(Reason.PROGRESSING, message, left))


def _node_gone(case: Case, row: Row) -> Verdict | None:
    """The Node object is gone: keep the claim for a while, it may come back (a re-registration, a restored backup)."""
    since = case.since(row.node_gone_since)
    left = case.left(timestamp(since), case.node_gone_after)
    if left <= 0:
        return None
    message = f"Node deleted; the role will be detached at {timestamp(since + case.node_gone_after)} unless it returns"
    reason = row.reason if row.state is State.ATTACHED else row.reason or Reason.NODE_NOT_FOUND
    waiting = replace(row, node_gone_since=timestamp(since), reason=reason, message=message)
    return Verdict(waiting, revisit_after=left)


def _release(case: Case, row: Row) -> Verdict:
    """Take off what we gave, and give back what was there before."""
    # The time that the node is gone stays: it is looked at again after the claims are stored.
    kept: Mapping[str, Json] = {"node_gone_since": row.node_gone_since, "by_nodes": not case.by_spec}
    releasing = case.next_row(State.RELEASING, **kept, **_why(case, row))
    back = row.previous_role if case.terms.unbind is Unbind.RESTORE else None
    if case.terms.unbind is Unbind.RETAIN or isinstance(case.error, ClassicNetwork):
        # What is in a classic network cannot have a role.
        return Verdict(None)
    if case.seen is None:
        # The limit on mass releases allows only what was read.
        unread = Reason.PROGRESSING if releasing.reason is Reason.NOT_SELECTED is not row.reason else releasing.reason
        return Verdict(replace(releasing, reason=unread))
    if row.unanswered and case.seen == "" and (wait := _unanswered(case, row, releasing)):
        return wait
    if back and not case.terms.may_give_back(back):
        remark = _not_given_back(case, back, "it is none of restorableRoles")
        verdict = _taken_off(case, row, releasing)
        return replace(verdict, remark=remark)
    anew = case.detached and case.attached
    if same_role(case.seen, back) and not case.half_done and (anew or not row.session_of(case.seen)):
        return Verdict(None)
    if case.half_done:
        return replace(undo(case, row), row=releasing)
    if case.detached and case.seen and row.gave(case.seen):
        # An exchange was undone: from now on the claim is on what is there, so that it is not undone again.
        releasing = replace(releasing, role=case.seen, replaced_role=None, confirmed=True)
    if back is None or row.gave(case.seen) or case.unconfirmed:
        return _taken_off(case, row, releasing, back)
    return _given_back(case, row, releasing, back)


def _unanswered(case: Case, row: Row, releasing: Row) -> Verdict | None:
    """A call without an answer may be carried out after its time-out: what it does must not be left behind."""
    left = case.left(row.since if row.state is State.RELEASING else None, PROPAGATION)
    if left <= 0:
        return None
    return Verdict(releasing, hold=case.hold(Reason.VERIFYING, releasing.message, left))


def _taken_off(case: Case, row: Row, releasing: Row, back: str | None = None) -> Verdict:
    if case.unconfirmed or (case.seen and row.gave(case.seen)):
        detach = case.seen or row.role
        # What it had before was without our session policy, also where it was the same role.
        restore = back if back and (row.session_of(detach) or not same_role(back, detach)) else None
        by_nodes = row.reason is not Reason.NOT_SELECTED and not case.by_spec
        return Verdict(releasing, detach=detach, attach=restore, intent=Intent.RELEASE, by_nodes=by_nodes)
    return Verdict(None)


def _given_back(case: Case, row: Row, releasing: Row, back: str) -> Verdict:
    """It has nothing of ours (any more), and had a role before us."""
    if case.seen:
        return Verdict(None)
    if case.refused:
        # Told and forgotten in the next reconcile, so that the event is recorded.
        message = str(case.refused)
        failed = replace(releasing, failed_generation=case.generation, reason=Reason.NOT_RESTORABLE, message=message)
        return Verdict(failed, hold=case.hold(Reason.PROGRESSING, message, SOON_SECONDS))
    if row.reason is Reason.NOT_RESTORABLE and row.failed_generation == case.generation:
        return Verdict(None, remark=_not_given_back(case, back, row.message))
    return Verdict(releasing, attach=back, intent=Intent.RESTORE)


def _not_given_back(case: Case, role: str, why: str) -> Event:
    return Event(EventReason.NOT_RESTORED, f"{case.instance} did not get role {role} back ({why})", warning=True)


def _why(case: Case, row: Row) -> dict[str, Json]:
    """The reason of a release. What was refused or is unconfirmed stays so."""
    if row.unanswered:
        return {"reason": Reason.RETRYING, "message": "waits for the end of a call that got no answer"}
    if row.reason in (Reason.VERIFYING, Reason.API_ERROR):
        return {"reason": row.reason, "message": row.message}
    if case.by_spec:
        return {"reason": Reason.UNBOUND, "message": "the binding releases it"}
    return {"reason": Reason.NOT_SELECTED, "message": "its node is no longer selected"}
