"""Another role is in the way: leave it, or take it off so that ours can take its place, and give it back if ours fails.

A role that is limited by another session policy than the one that is wanted is another role here.

ECS has no atomic replace: one plan has the detach and the attach, and the claim that is stored before them covers both
roles. A crash at any point leaves a row that says what was there.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from ram_operator.errors import ClassicNetwork, Rejected
from ram_operator.kinds.instance_role_binding.cases import NO_CLAIM, Case, Verdict, quoted
from ram_operator.kinds.instance_role_binding.rows import Origin, Row, State, same_role
from ram_operator.model import Intent, Json, Reason, explain, timestamp

FAILED_AGAIN = timedelta(hours=1)
"""When a request that was refused for one instance is repeated: what kept it may have gone without a word."""
SOON_SECONDS = 0.05
"""An instance without its role is not kept waiting for the next attempt's time."""


def other_role(case: Case, role: str, seen: str) -> Verdict:
    """It has another role, or its role with another session policy: ours to replace if a binding gave it."""
    ours = (case.row is not None and case.row.gave(seen)) or inherits(case) or case.taken_over
    if not ours and (conflict := _conflict(case, seen)):
        return undo(case, case.row) if case.row and case.half_done else conflict
    if refused := refusal(case):
        return Verdict(refused, hold=case.hold(Reason.SOME_FAILED, refused.message, refused_for(case, refused)))
    return exchange(case, role, seen)


def undo(case: Case, row: Row) -> Verdict:
    """An exchange that is no longer wanted: what it may have given goes, what it may have taken off comes back."""
    back = row.replaced_role if row.replaced_role and may_put_back(case, row, row.replaced_role) else None
    undone = case.next_row(State.PENDING, reason=Reason.VERIFYING)
    return Verdict(undone, detach=row.role, attach=back, intent=Intent.RELEASE)


def exchange(case: Case, role: str, seen: str) -> Verdict:
    """Take off what is there and give it ours. The claim is on both; what was there before us is written once."""
    given_by = next((row for row in (case.row, case.other_claim) if row and row.gave(seen)), None)
    # Nothing tells what limited a role that is taken over without a row: that was lost with the status.
    limited = given_by.session_of(seen) is not None if given_by else case.taken_over
    claim = {
        "role": role,
        "session": case.session,
        "replaced_limited": limited,
        "origin": Origin.ATTACHED,
        "confirmed": False,
        "previous_role": previous_role(case) or (None if given_by or case.taken_over else seen),
        "replaced_role": seen,
    }
    reason = Reason.API_ERROR if case.error else Reason.PROGRESSING
    place = "is attached anew with its session policy" if case.session else "is attached anew without a session policy"
    message = case.problem or (f"{role} {place}" if same_role(role, seen) else f"{role} takes the place of {seen}")
    row = case.next_row(State.PENDING, reason=reason, message=message, **claim)
    return Verdict(row, detach=seen, attach=role, intent=Intent.REPLACE)


def inherits(case: Case) -> bool:
    """Whether the role it has was given by another of our bindings, whose claim we take over."""
    return bool(case.other_claim and case.seen and case.other_claim.gave(case.seen))


def previous_role(case: Case) -> str | None:
    """What the instance had before the first of our roles, by our claim or by the one that we take over."""
    own = case.row.previous_role if case.row else None
    return own or (case.other_claim.previous_role if case.other_claim else None)


def _conflict(case: Case, seen: str) -> Verdict | None:
    """Why a role that somebody else gave is left where it is; None where it may be replaced."""
    same = same_role(seen, case.role)
    if not case.terms.replaces and same:
        reason, why = Reason.SESSION_POLICY_UNKNOWN, "; ECS does not tell its session policy"
    elif not case.terms.replaces:
        reason, why = Reason.OTHER_ROLE, ", which no binding gave it"
    elif not same and case.terms.protects(seen):
        reason, why = Reason.PROTECTED_ROLE, ", which add-ons of the node may depend on"
    elif not case.terms.may_give_back(seen):
        reason, why = Reason.NOT_RESTORABLE, ", which the operator may not give back"
    else:
        return None
    message = f"has role {seen}{why}; {explain(reason)}"
    row = case.next_row(State.CONFLICT, reason=reason, message=message, **NO_CLAIM)
    return Verdict(row, hold=case.hold(Reason.CONFLICT, message))


def may_put_back(case: Case, row: Row, role: str) -> bool:
    """Whether what was taken off may be given back; never without the session policy that limited it: that is lost."""
    return case.may_give_back(role) and not row.replaced_limited


def put_back(case: Case, row: Row, role: str) -> Verdict:
    """Ours was refused after the other role was taken off: that one comes back, and ours is not tried again."""
    refused = f"ECS refused the new role ({quoted(case.error)})" if case.error else "ECS refused the new role"
    failed = {"reason": Reason.ROLLED_BACK, "failed_generation": case.generation}
    if not may_put_back(case, row, role):
        lacks = "its session policy is not kept" if row.replaced_limited else "it is none of restorableRoles"
        told = f"{refused}; {role} is not given back ({lacks}); {explain(Reason.ROLLED_BACK)}"
        message = row.message if row.reason is Reason.ROLLED_BACK else told
        failed_row = case.next_row(State.FAILED, message=message, **failed)
        return Verdict(failed_row, hold=case.hold(Reason.SOME_FAILED, message))
    again = row.reason is Reason.ROLLED_BACK
    message = row.message if again else f"{role} is given back: {refused}; {explain(Reason.ROLLED_BACK)}"
    waiting = case.next_row(State.PENDING, message=message, **failed)
    if again and case.error:
        # That one fails, too: the failed call tells when it is tried again.
        lost = f"has no role, since {role} cannot be given back ({quoted(case.error)})"
        hold = case.hold(Reason.SOME_FAILED, f"{lost}; {explain(Reason.ROLLED_BACK)}")
    else:
        hold = case.hold(Reason.SOME_FAILED, message, SOON_SECONDS)
    return Verdict(waiting, attach=role, intent=Intent.RESTORE, hold=hold)


def is_rolled_back(case: Case, row: Row) -> bool:
    """Whether ours was refused for this generation, and nobody asks for another try."""
    return row.reason is Reason.ROLLED_BACK and row.failed_generation == case.generation and not case.requested


def rolled_back(case: Case, row: Row) -> Verdict:
    """Ours was refused before. A reading alone does not tell that the other role is back: it may be an old one."""
    back = row.replaced_role
    if back and (not case.seen or same_role(case.seen, back)):
        if not (case.attached and same_role(case.seen, back)):
            return put_back(case, row, back)
        ours = {"role": back, "session": None, "replaced_role": None, "confirmed": True}
        row = replace(row, state=State.FAILED, **(ours if row.gave(back) else NO_CLAIM))
    elif back and case.seen:
        return other_role(case, case.role or "", case.seen)
    hold = case.hold(Reason.SOME_FAILED, row.message)
    return Verdict(replace(row, node=case.node), hold=hold)


def refusal(case: Case, **claim: Json) -> Row | None:
    """The row of an instance for which repeating the request is pointless before an edit."""
    error = case.error
    if isinstance(error, Rejected):
        classic = isinstance(error, ClassicNetwork)
        reason = Reason.CLASSIC_NETWORK if classic else Reason.API_ERROR
        words = (
            "is in the classic network; only instances in a VPC can have a role"
            if classic
            else f"ECS refused the role ({quoted(error)})"
        )
        message = f"{words}; {explain(reason)}"
        failed = {
            "reason": reason,
            "message": message,
            "failed_generation": case.generation,
            "since": timestamp(case.now),
        }
        return case.next_row(State.FAILED, **{**claim, **failed})
    row = case.row
    failed_before = row is not None and row.state is State.FAILED and row.failed_generation == case.generation
    if error is None and row and failed_before and not case.requested:
        return None if refused_for(case, row) == 0 else replace(row, node=case.node)
    return None


def refused_for(case: Case, row: Row) -> float | None:
    """For how many seconds more a refusal is believed; None where only an edit can help."""
    if row.reason is Reason.CLASSIC_NETWORK:
        return None
    return max(0.0, case.left(row.since, FAILED_AGAIN))
