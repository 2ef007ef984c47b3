"""report(): the one author of conditions, events and delays.

Conditions follow kstatus (https://github.com/kubernetes-sigs/cli-utils, pkg/kstatus): `Ready` always, `Reconciling` and
`Stalled` only while true. The reason of what holds an object decides its disposition, by one table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto

from ram_operator.engine.permissions import needed
from ram_operator.errors import AlreadyExists, CloudError, Denied, InUse, NotFound, Rejected, Throttled, Unauthenticated
from ram_operator.kinds.ownership import RETAIN_INSTEAD
from ram_operator.model import (
    Event,
    EventReason,
    Facts,
    Hold,
    InstanceId,
    Json,
    Outcome,
    Plan,
    Reason,
    Report,
    Step,
    timestamp,
)

MESSAGE_LENGTH = 1024
SHOWN = 3
"""How many holds a condition's message spells out."""
DENIED_RETRY_SECONDS = 60.0
"""Who mends the rights waits in front of the screen."""
REJECTED_RETRY_SECONDS = 3600.0
"""A refused request is repeated now and then: a quota may have been raised, which nothing here would tell."""
IN_USE_RETRY_SECONDS = 30.0
NEXT_SECONDS = 0.05
"""How soon the rest of the work is done that a pass left over, because each pass writes once."""


class Disposition(Enum):
    """What happens to an object next."""

    DONE = auto()
    """Nothing: it is settled."""
    WAITING = auto()
    """Another object's event wakes it."""
    RETRYING = auto()
    """It comes back by itself."""
    STALLED = auto()
    """A person must act; edits and the next full check bring it back."""


_WAITING = (Reason.POLICY_NOT_READY, Reason.ROLE_NOT_READY, Reason.NODE_NOT_FOUND)
_RETRYING = (Reason.PROGRESSING, Reason.RETRYING, Reason.THROTTLED, Reason.VERIFYING, Reason.NOT_OBSERVED)
_DONE = (Reason.SETTLED, Reason.ALL_ATTACHED, Reason.NO_INSTANCES)
DISPOSITIONS: Mapping[Reason, Disposition] = {
    **dict.fromkeys(_DONE, Disposition.DONE),
    **dict.fromkeys(_WAITING, Disposition.WAITING),
    **dict.fromkeys(_RETRYING, Disposition.RETRYING),
}
_ORDER = (Disposition.STALLED, Disposition.RETRYING, Disposition.WAITING)


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose report it is: the stored conditions, the generation that the pass worked on, and the facts it had.

    `overdue` says that nothing of it could be observed for too long, `swept` that a sweep saw something amiss.
    """

    conditions: Sequence[Mapping[str, Json]]
    generation: int
    facts: Facts | None = None
    overdue: bool = False
    swept: bool = False


def disposition(reason: Reason) -> Disposition:
    """What a reason means for the object; what no table names needs a person."""
    return DISPOSITIONS.get(reason, Disposition.STALLED)


def report(subject: Subject, after: Plan, outcome: Outcome, now: datetime, error: CloudError | None = None) -> Report:
    """Say what a pass came to.

    Args:
        subject: whose pass it was.
        after: the plan made after the last observation, sifted; empty means that the world is as wanted.
        outcome: what was written.
        now: the time.
        error: what kept the pass from observing; `after` is then what was planned before.
    """
    unseen = (*_error_holds(error), *_unread_holds(after))
    holds = (*unseen, *after.holds, *_failure_holds(after, outcome), *_unfinished(after, outcome))
    events = (*_step_events(outcome.done, subject), *after.remarks)
    if not holds:
        reason, message = after.settled
        ready = ("True", reason, message)
        return Report(_conditions(subject, ready, None, now), events, after.revisit_after)
    state = next(state for state in _ORDER if any(disposition(hold.reason) is state for hold in holds))
    chosen = [hold for hold in holds if disposition(hold.reason) is state]
    waits = [hold for hold in holds if disposition(hold.reason) is Disposition.WAITING]
    besides = [hold for hold in (*_briefly(unseen, chosen), *waits) if hold not in chosen]
    reason, message = chosen[0].reason, _words(chosen, besides)
    conditions = _conditions(subject, _readiness(subject, state, reason, message), (state, reason, message), now)
    warning = _warning(subject, chosen, state, message)
    delays = [hold.retry_after for hold in holds if hold.retry_after is not None]
    delays += [] if after.revisit_after is None else [after.revisit_after]
    backoff = any(disposition(hold.reason) is Disposition.RETRYING and hold.retry_after is None for hold in holds)
    return Report(conditions, (*events, *warning), min(delays, default=None), backoff)


def hold_for(subject: str, error: CloudError, step: Step | None = None) -> Hold:
    """The hold that a failed call amounts to; `step` is the one that failed, None for a reading."""
    match error:
        case Unauthenticated():
            fix = f"{error}; give the operator valid credentials (the Secret that the chart names)"
            return Hold(subject, Reason.ACCESS_DENIED, fix, IN_USE_RETRY_SECONDS)
        case Denied():
            fix = f"{error}; allow the operator's credentials {needed(error, subject, step)}"
            again = f"tried again every {DENIED_RETRY_SECONDS:.0f} s"
            return Hold(subject, Reason.ACCESS_DENIED, f"{fix}; {again}", DENIED_RETRY_SECONDS)
        case Throttled():
            # Without the time that is left: it would be another status, and another write, in each reconcile.
            return Hold(subject, Reason.THROTTLED, f"{error}; waits and tries again", error.retry_after)
        case Rejected():
            return Hold(subject, Reason.REJECTED, str(error), REJECTED_RETRY_SECONDS)
        case InUse():
            return Hold(subject, Reason.IN_USE, f"{error}; {RETAIN_INSTEAD}", IN_USE_RETRY_SECONDS)
        case NotFound() | AlreadyExists():
            return Hold(subject, Reason.VERIFYING, f"{error}; looks again")
        case _:
            return Hold(subject, Reason.RETRYING, f"{error}; tries again")


def _error_holds(error: CloudError | None) -> tuple[Hold, ...]:
    return (hold_for("all resources", error),) if error else ()


def _unread_holds(after: Plan) -> tuple[Hold, ...]:
    """One hold for each place that could not be read, by its name."""
    holds = (hold_for(part.place, part.error) for part in after.unread)
    return tuple(replace(hold, message=f"{hold.subject}: {hold.message}") for hold in holds)


def _briefly(unseen: Iterable[Hold], chosen: Sequence[Hold]) -> Iterable[Hold]:
    """What could not be read, where it stands beside something else: in words that do not change with each error."""
    return (
        replace(hold, message=f"{hold.subject} cannot be read, tries again") for hold in unseen if hold not in chosen
    )


def _failure_holds(after: Plan, outcome: Outcome) -> tuple[Hold, ...]:
    """Failures that still matter: if nothing is left to do for a subject, a lost reply or a race was no failure."""
    left = {subject for step in after.steps for subject in step.subjects}
    return tuple(
        hold_for(failure.subject, failure.error, failure.step)
        for failure in outcome.failures
        if failure.subject in left
    )


def _unfinished(after: Plan, outcome: Outcome) -> tuple[Hold, ...]:
    """Steps that became due by what this pass did, or because the world changed meanwhile."""
    failed = {failure.subject for failure in outcome.failures}
    return tuple(
        Hold(step.subjects[0], Reason.PROGRESSING, f"has to {step.todo()}", NEXT_SECONDS)
        for step in after.steps
        if not failed & set(step.subjects)
    )


def _words(holds: Sequence[Hold], others: Sequence[Hold] = ()) -> str:
    """Some of the holds in words, and what is waited for or unseen besides: that must not be cut off."""
    messages = list(dict.fromkeys(hold.message for hold in holds))
    rest = len(messages) - SHOWN
    besides = f"; also {_words(others)}"[: MESSAGE_LENGTH // 2] if others else ""
    said = "; ".join(messages[:SHOWN]) + (f"; and {rest} more" if rest > 0 else "")
    return said[: MESSAGE_LENGTH - len(besides)] + besides


def _find(conditions: Iterable[Mapping[str, Json]], kind: str) -> Mapping[str, Json]:
    return next((condition for condition in conditions if condition.get("type") == kind), {})


def _readiness(subject: Subject, state: Disposition, reason: Reason, message: str) -> tuple[str, str, str]:
    """Ready while something holds: False, but for waiting and retrying the last truth about this generation."""
    if subject.overdue and state is Disposition.RETRYING:
        return "Unknown", Reason.NOT_OBSERVED, f"not observed for too long: {message}"
    before = _find(subject.conditions, "Ready")
    deleting = subject.facts is not None and subject.facts.me.deleting
    same = before.get("observedGeneration") == subject.generation and before.get("status") == "True"
    # A node that is waited for again has taken the last truth with it.
    if state is not Disposition.STALLED and reason is not Reason.NODE_NOT_FOUND and same and not deleting:
        return "True", before["reason"], before["message"]
    return "False", reason, message


def _conditions(
    subject: Subject,
    ready: tuple[str, str, str],
    other: tuple[Disposition, Reason, str] | None,
    now: datetime,
) -> list[Mapping[str, Json]]:
    rows = [("Ready", *ready)]
    if other:
        state, reason, message = other
        rows.append(("Stalled" if state is Disposition.STALLED else "Reconciling", "True", reason, message))
    return [_condition(subject, row, now) for row in rows]


def _condition(subject: Subject, row: tuple[str, str, str, str], now: datetime) -> Mapping[str, Json]:
    """One condition; `lastTransitionTime` moves only when the status does."""
    kind, status, reason, message = row
    before = _find(subject.conditions, kind)
    since = before.get("lastTransitionTime") if before.get("status") == status else None
    return {
        "type": kind,
        "status": status,
        "reason": str(reason),
        "message": message[:MESSAGE_LENGTH],
        "observedGeneration": subject.generation,
        "lastTransitionTime": since or timestamp(now),
    }


def _step_events(steps: Iterable[Step], subject: Subject) -> list[Event]:
    """One event per step on the object, and one per instance on its Node.

    A write that a sweep led to, on a generation that was settled before, repairs what somebody else changed.
    """
    facts = subject.facts
    ready = _find(subject.conditions, "Ready")
    drift = subject.swept and ready.get("status") == "True" and ready.get("observedGeneration") == subject.generation
    events: list[Event] = []
    for step in steps:
        what = EventReason.DRIFT_REPAIRED if drift else step.event
        events.append(Event(what, f"changed by another hand; {step.done()}" if drift else step.done()))
        for one in step.subjects if facts else ():
            if facts and facts.indexed and (node := facts.indexed.known.get(InstanceId.of(one))):
                alone = step.without(frozenset(step.subjects) - {one})
                events.append(Event(step.event, f"{alone.done()} by {facts.me.key}" if alone else "", node=node))
    return events


def _warning(subject: Subject, chosen: Sequence[Hold], state: Disposition, message: str) -> tuple[Event, ...]:
    """A warning when the object stalls, or stalls on something else; never again for the same words.

    What else is amiss may come and go: it makes no new warning.
    """
    before = _find(subject.conditions, "Stalled")
    # As much of the words as is left whatever stands beside them.
    said = _words(chosen)[: MESSAGE_LENGTH // 2]
    same = before.get("reason") == str(chosen[0].reason) and str(before.get("message")).startswith(said)
    return () if state is not Disposition.STALLED or same else (Event(str(chosen[0].reason), message, warning=True),)
