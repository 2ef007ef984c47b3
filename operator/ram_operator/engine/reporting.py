"""report(): the one author of conditions, events and delays.

Conditions follow kstatus (https://github.com/kubernetes-sigs/cli-utils, pkg/kstatus): `Ready` always, `Reconciling` and
`Stalled` only while true. The reason of what holds an object decides its disposition, by one table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ram_operator.errors import (
    AlreadyExists,
    CloudError,
    Denied,
    InUse,
    NotFound,
    Rejected,
    Throttled,
    Unauthenticated,
    WrongAccount,
)
from ram_operator.model import (
    ACCOUNT_REMEDY,
    Change,
    Disposition,
    Event,
    EventReason,
    Facts,
    Hold,
    Json,
    Outcome,
    Plan,
    Reason,
    Report,
    Stall,
    Step,
    disposition,
    find_condition,
    listing,
    possible,
    timestamp,
)

MESSAGE_LENGTH = 1024
NOTE_LENGTH = 900
"""Characters of what is done in an event, whose note may have 1 kB."""
SHOWN = 3
"""How many holds a condition's message spells out."""
DENIED_RETRY_SECONDS = 60.0
"""A person who adds the missing permission waits for the result."""
REJECTED_RETRY_SECONDS = 3600.0
"""A refused request is repeated now and then: a quota may have been raised, which nothing here would tell."""
IN_USE_RETRY_SECONDS = 30.0
NOTHING = Report()
"""What is said of an object that is cleaned up already."""
NEXT_SECONDS = 0.05
"""How soon the steps are made that became possible by what was written: each reconcile writes once."""


_ORDER = (
    Disposition.STALLED,
    Disposition.PLANNED,
    Disposition.RETRYING,
    Disposition.WAITING,
    Disposition.SUSPENDED,
)
"""Of several dispositions the first one counts."""
_CONDITION_OF = {
    Disposition.STALLED: "Stalled",
    Disposition.RETRYING: "Reconciling",
    Disposition.WAITING: "Reconciling",
}
"""The condition that stands beside Ready while an object is not in sync."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose report it is: the stored conditions and the facts that were reconciled.

    `overdue` says that nothing of it could be observed for too long, `swept` that a sweep saw a difference. `doubts`
    are what of the spec is legal and probably not meant. `told` is what stalled it when all of it could be read last;
    None after a start of the process, when only the condition tells.
    """

    conditions: Sequence[Mapping[str, Json]]
    facts: Facts
    overdue: bool = False
    swept: bool = False
    doubts: Sequence[str] = ()
    told: frozenset[Stall] | None = None

    @property
    def generation(self) -> int:
        """The generation that was reconciled."""
        return self.facts.generation


def report(subject: Subject, after: Plan, outcome: Outcome, now: datetime, error: CloudError | None = None) -> Report:
    """Say what a reconcile came to.

    Args:
        subject: whose reconcile it was.
        after: the plan made after the last observation, filtered; empty means that the world is as wanted.
        outcome: what was written.
        now: the time.
        error: what kept the cloud from being read; `after` is then what was planned before.
    """
    unread = (*_error_holds(error), *_unreadable_holds(after))
    failed = _failure_holds(after, outcome, confirmed=not subject.facts.me.just_deleted(now))
    holds = (*unread, *after.all_holds, *failed, *_unfinished(after, outcome))
    events = (*_step_events(outcome.done, subject, after.nodes), *after.remarks, *after.news, *_doubtful(subject))
    errors = _errors(after, outcome, error)
    if not holds:
        reason, message = after.in_sync
        ready = ("True", reason, "; ".join((message, *(f"doubtful: {words}" for words in _doubts(subject)))))
        conditions = _conditions(subject, ready, None, now)
        return Report(conditions, events, after.revisit_after, errors=errors, stalls=frozenset())
    state = next(state for state in _ORDER if any(disposition(hold.reason) is state for hold in holds))
    chosen = [hold for hold in holds if disposition(hold.reason) is state]
    waits = [hold for hold in holds if disposition(hold.reason) is Disposition.WAITING]
    notes = (Hold(str(subject.facts.me.key), Reason.PROGRESSING, note) for note in after.notes)
    besides = [hold for hold in (*_briefly(unread, chosen), *waits, *notes) if hold not in chosen]
    reason, message = chosen[0].reason, _words(chosen, besides)
    conditions = _conditions(subject, _readiness(subject, state, reason, message), (state, reason, message), now)
    stalls = _stalls(subject, chosen) if state is Disposition.STALLED else frozenset()
    warning = () if _was_told(subject, stalls) else (Event(str(reason), message, warning=True),)
    if unread:
        # What could not be read may stall it still.
        stalls |= subject.told or frozenset()
    delays = [hold.retry_after for hold in holds if hold.retry_after is not None]
    delays += [] if after.revisit_after is None else [after.revisit_after]
    backoff = any(disposition(hold.reason) is Disposition.RETRYING and hold.retry_after is None for hold in holds)
    delay = min(delays, default=None)
    return Report(conditions, (*events, *warning), delay, backoff, errors=errors, stalls=stalls)


def released(subject: Subject, finalizers: Iterable[str], now: datetime) -> list[Mapping[str, Json]]:
    """The conditions of an object that is cleaned up and that only the finalizers of others keep."""
    message = f"cleaned up by this operator; kept by the finalizers of others: {listing(finalizers)}"
    return _conditions(subject, ("False", Reason.RELEASED, message), None, now)


def hold_for(subject: str, error: CloudError, step: Step | None = None) -> Hold:
    """The hold that a failed call amounts to; `step` is the one that failed, None for a reading."""
    match error:
        case WrongAccount():
            return Hold(subject, Reason.WRONG_ACCOUNT, f"{error}; {ACCOUNT_REMEDY}", DENIED_RETRY_SECONDS)
        case Unauthenticated():
            fix = f"{error}; give the operator valid credentials (the Secret that the chart names)"
            return Hold(subject, Reason.ACCESS_DENIED, fix, IN_USE_RETRY_SECONDS)
        case Denied():
            fix = f"{error}; allow the operator's credentials {_needed(error, subject, step)}"
            again = f"tried again every {DENIED_RETRY_SECONDS:.0f} s"
            return Hold(subject, Reason.ACCESS_DENIED, f"{fix}; {again}", DENIED_RETRY_SECONDS)
        case Throttled():
            # Without the time that is left: it would be another status, and another write, in each reconcile.
            return Hold(subject, Reason.THROTTLED, f"{error}; waits and tries again", error.retry_after)
        case Rejected():
            kept = "; what was in force before stays in force" if step and step.change is Change.UPDATE else ""
            return Hold(subject, Reason.REJECTED, f"{error}{kept}", REJECTED_RETRY_SECONDS)
        case InUse():
            return Hold(
                subject, Reason.IN_USE, f"{error}; remove that use, or set deletionPolicy: Retain", IN_USE_RETRY_SECONDS
            )
        case NotFound() | AlreadyExists():
            return Hold(subject, Reason.VERIFYING, f"{error}; it is read again")
        case _:
            return Hold(subject, Reason.RETRYING, f"{error}; tries again")


def _needed(error: Denied, subject: str, step: Step | None) -> str:
    """The permission that a call lacked, to be pasted into a policy: `ram:CreateRole on acs:ram:*:*:role/x`."""
    resources = step.resources(subject) if step else {}
    own = next(iter(resources.values()), (error.resource or "*",))
    action = error.missing_action or f"the call {error.action}"
    return f"{action} on {' and '.join(resources.get(error.missing_action, own))}"


def _errors(after: Plan, outcome: Outcome, error: CloudError | None) -> tuple[CloudError, ...]:
    """All calls that failed, each once: one call can be for many subjects."""
    met = (error, *(part.error for part in after.unreadable), *(failure.error for failure in outcome.failures))
    return tuple({(each.summary, each.request_id): each for each in met if each}.values())


def _error_holds(error: CloudError | None) -> tuple[Hold, ...]:
    return (hold_for("all resources", error),) if error else ()


def _unreadable_holds(after: Plan) -> tuple[Hold, ...]:
    """One hold for each place that could not be read, by its name."""
    holds = (hold_for(part.place, part.error) for part in after.unreadable)
    return tuple(replace(hold, message=f"{hold.subject}: {hold.message}") for hold in holds)


def _briefly(unread: Iterable[Hold], chosen: Sequence[Hold]) -> Iterable[Hold]:
    """What could not be read, where it stands beside something else: in words that do not change with each error."""
    return (
        replace(hold, message=f"{hold.subject} cannot be read, tries again") for hold in unread if hold not in chosen
    )


def _failure_holds(after: Plan, outcome: Outcome, *, confirmed: bool) -> tuple[Hold, ...]:
    """Failures that still matter: if nothing is left to do for a subject, a lost reply or a race was no failure.

    What is not seen in use and yet cannot be deleted was detached moments ago, where that is not `confirmed` yet.
    """
    left = {subject for step in after.steps for subject in step.subjects}
    failures = (failure for failure in outcome.failures if failure.subject in left)
    return tuple(
        Hold(each.subject, Reason.VERIFYING, f"{each.error}; waits for the cloud to show that nothing uses it", 2.0)
        if isinstance(each.error, InUse) and not confirmed
        else hold_for(each.subject, each.error, each.step)
        for each in failures
    )


def _unfinished(after: Plan, outcome: Outcome) -> tuple[Hold, ...]:
    """Steps that became possible by what was written, or because the world changed meanwhile.

    What failed waits for its own time, and so does what waits for it; the other subjects of its batch do not.
    """
    left = possible(after.steps, (failure.subject for failure in outcome.failures))
    return tuple(Hold(step.subjects[0], Reason.PROGRESSING, f"has to {step.todo()}", NEXT_SECONDS) for step in left)


def _words(holds: Sequence[Hold], others: Sequence[Hold] = ()) -> str:
    """Some of the holds in words, and what is waited for or unreadable besides: that must not be cut off."""
    alike: dict[str, list[Hold]] = {}
    for hold in holds:
        alike.setdefault(hold.message, []).append(hold)
    messages = [_together(group) for group in alike.values()]
    rest = len(messages) - SHOWN
    besides = f"; also {_words(others)}"[: MESSAGE_LENGTH // 2] if others else ""
    words = "; ".join(messages[:SHOWN]) + (f"; and {rest} more" if rest > 0 else "")
    return words[: MESSAGE_LENGTH - len(besides)] + besides


def _together(holds: Sequence[Hold]) -> str:
    """Holds of one message in words: how many instances, and which."""
    names = list(dict.fromkeys(hold.instance for hold in holds))
    if len(names) == 1:
        return holds[0].sentence
    return f"{len(names)} instances ({listing(names, SHOWN)}): {holds[0].message}"


def _readiness(subject: Subject, state: Disposition, reason: Reason, message: str) -> tuple[str, str, str]:
    """Ready while something holds: False, but for waiting and retrying the last truth about this generation."""
    before = find_condition(subject.conditions)
    if state is Disposition.SUSPENDED:
        return str(before.get("status", "Unknown")), reason, message
    if subject.overdue and state is Disposition.RETRYING:
        return "Unknown", Reason.NOT_OBSERVED, f"not observed for too long: {message}"
    same = before.get("observedGeneration") == subject.generation and before.get("status") == "True"
    keeps = state in (Disposition.RETRYING, Disposition.WAITING) and not subject.facts.me.deleting
    # Where a named node is waited for again, the role that it had is gone with it.
    if keeps and same and reason is not Reason.NODE_NOT_FOUND:
        return "True", before["reason"], before["message"]
    return "False", reason, message


def _conditions(
    subject: Subject,
    ready: tuple[str, str, str],
    other: tuple[Disposition, Reason, str] | None,
    now: datetime,
) -> list[Mapping[str, Json]]:
    rows = [("Ready", *ready)]
    if other and (kind := _CONDITION_OF.get(other[0])):
        rows.append((kind, "True", *other[1:]))
    return [_condition(subject, row, now) for row in rows]


def _condition(subject: Subject, row: tuple[str, str, str, str], now: datetime) -> Mapping[str, Json]:
    """One condition; `lastTransitionTime` moves only when the status does."""
    kind, status, reason, message = row
    before = find_condition(subject.conditions, kind)
    since = before.get("lastTransitionTime") if before.get("status") == status else None
    known = (reason, subject.generation) == (before.get("reason"), before.get("observedGeneration"))
    if known and reason == Reason.THROTTLED:
        # Which API is throttled, and in which words, differs in each reconcile: each would be a write of the status.
        message = before["message"]
    return {
        "type": kind,
        "status": status,
        "reason": str(reason),
        "message": message[:MESSAGE_LENGTH],
        "observedGeneration": subject.generation,
        "lastTransitionTime": since or timestamp(now),
    }


def _step_events(steps: Iterable[Step], subject: Subject, nodes: Mapping[str, str]) -> list[Event]:
    """One event per step on the object, and one for each subject that has a Node on the Node.

    A creation tells of all that was done with it. A write that a sweep led to, on a generation that was in sync
    before, repairs what something else changed.
    """
    ready = find_condition(subject.conditions)
    drift = subject.swept and ready.get("status") == "True" and ready.get("observedGeneration") == subject.generation
    events: list[Event] = []
    for step, words in _notes(list(steps)):
        what = EventReason.DRIFT_REPAIRED if drift else step.event
        events.append(Event(what, f"changed by something else; {words}" if drift else words))
        for one in step.subjects:
            if (node := nodes.get(one)) and (alone := step.without(frozenset(step.subjects) - {one})):
                events.append(Event(step.event, f"{alone.done()} ({subject.facts.me.key})", node=node))
    return events


def _notes(steps: list[Step]) -> list[tuple[Step, str]]:
    """The steps to tell of, with the words; all in those of a creation, where they fit into one event."""
    words = "; ".join(step.done() for step in steps)
    if steps and steps[0].change is Change.CREATE and len(words) < NOTE_LENGTH:
        return [(steps[0], words)]
    return [(step, step.done()) for step in steps]


def _doubts(subject: Subject) -> tuple[str, ...]:
    """The doubts in one text, if there are any."""
    more = len(subject.doubts) - SHOWN
    words = (*subject.doubts[:SHOWN], *((f"and {more} more",) if more > 0 else ()))
    return ("; ".join(words),) if words else ()


def _doubtful(subject: Subject) -> tuple[Event, ...]:
    """A warning of the doubts, once an edit."""
    words = _doubts(subject) if subject.facts.edited else ()
    return tuple(Event(EventReason.DOUBTFUL, one, warning=True) for one in words)


def _stalls(subject: Subject, chosen: Iterable[Hold]) -> frozenset[Stall]:
    return frozenset(Stall(subject.generation, hold.subject, hold.reason) for hold in chosen)


def _was_told(subject: Subject, stalls: frozenset[Stall]) -> bool:
    """Whether a warning has told of all that stalls the object, of this generation."""
    if subject.told is not None:
        return stalls <= subject.told
    before = find_condition(subject.conditions, "Stalled")
    known = (before.get("observedGeneration"), before.get("reason"))
    return all(known == (stall.generation, stall.reason) for stall in stalls)
