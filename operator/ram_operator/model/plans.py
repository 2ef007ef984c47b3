"""What a pass makes: a plan of steps and holds, its outcome, and the report on both.

`kinds` plan, `engine.applying` carries out, `engine.reporting` reports.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, Self

from ram_operator.cloud import Cloud
from ram_operator.errors import CloudError, OperatorError
from ram_operator.model.facts import Owner
from ram_operator.model.names import Json
from ram_operator.model.reasons import EventReason, Reason


@dataclass(frozen=True, slots=True)
class Scope:
    """Which subjects `observe` reads: all, or just these (the region.id of instances).

    `swept` says that a sweep asks, and nobody else.
    """

    subjects: frozenset[str] | None = None
    swept: bool = False

    def __contains__(self, subject: object) -> bool:
        return self.subjects is None or str(subject) in self.subjects

    def __or__(self, other: Scope) -> Scope:
        """What both ask for: everything where one does, and a sweep's only where both are."""
        every = self.subjects is None or other.subjects is None
        subjects = None if every else (self.subjects or frozenset()) | (other.subjects or frozenset())
        return Scope(subjects, self.swept and other.swept)


EVERYTHING = Scope()


class Step(Protocol):
    """One write to the cloud, as data. Doing it twice is as good as once, also when the first reply was lost.

    Implementations are frozen dataclasses, so that two plans compare.
    """

    @property
    def subjects(self) -> tuple[str, ...]:
        """What it changes: a role, a policy, instances. Steps that share a subject run in order."""

    @property
    def api(self) -> str:
        """The API's name of the call; after a Denied or Throttled no further call of it is made in the pass."""

    @property
    def event(self) -> EventReason:
        """The reason of the event that tells of it."""

    @property
    def effect(self) -> str:
        """What it does to each of its subjects, in words that are the same however they are batched."""

    def without(self, subjects: frozenset[str]) -> Self | None:
        """The rest of this step without some of its subjects, None where nothing is left."""

    async def apply(self, cloud: Cloud) -> Mapping[str, CloudError]:
        """Make the one port call; return failures by subject. A CloudError raised is a failure of all subjects."""

    def todo(self) -> str:
        """A line of status.plan, imperative: `attach EcsRole to cn-hangzhou.i-1`."""

    def done(self) -> str:
        """The event's note, past tense: `attached EcsRole to 2 instances`."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A status field that must be stored before the steps run: rows, managedPolicies, grantedTo."""

    field: str
    value: Json


@dataclass(frozen=True, slots=True)
class Hold:
    """What is refused, or cannot be done yet. Data, not an exception; its reason decides the disposition.

    `retry_after` in seconds asks for another pass; None waits for an event, an edit or the next full check.
    """

    subject: str
    reason: Reason
    message: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A Kubernetes event to be recorded. `node` names the Node it is about; None means the object itself."""

    reason: str
    note: str
    warning: bool = False
    node: str | None = None


@dataclass(frozen=True, slots=True)
class Unread:
    """A part of the cloud that could not be read: which place, which subjects in it, and why. The rest could."""

    place: str
    subjects: frozenset[str]
    error: CloudError


@dataclass(frozen=True, slots=True)
class Plan:
    """What has to be done: claims to be stored first, then steps; and what is held back.

    `unread` is what the plan had to leave as it was, since it could not be seen. `settled` is what Ready says once
    nothing is left to do. `revisit_after` (seconds) is when time alone, without an event, will change the plan.
    `remarks` are events to be recorded although nothing was written.
    """

    claims: tuple[Claim, ...] = ()
    steps: tuple[Step, ...] = ()
    holds: tuple[Hold, ...] = ()
    settled: tuple[Reason, str] = (Reason.SETTLED, "the cloud is as the spec says")
    revisit_after: float | None = None
    remarks: tuple[Event, ...] = ()
    unread: tuple[Unread, ...] = ()

    @property
    def empty(self) -> bool:
        """Nothing to do, nothing held and all of it seen: the world is as wanted."""
        return not (self.steps or self.holds or self.unread)

    @property
    def unseen(self) -> frozenset[str]:
        """The subjects that could not be read."""
        return frozenset(subject for part in self.unread for subject in part.subjects)


@dataclass(frozen=True, slots=True)
class Failure:
    """One subject of a step that failed."""

    subject: str
    step: Step
    error: CloudError


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a plan's steps. `done` holds what succeeded, without the subjects that failed."""

    done: tuple[Step, ...] = ()
    failures: tuple[Failure, ...] = ()

    @property
    def touched(self) -> frozenset[str]:
        """All subjects that a call was made for, whatever came of it: they are observed again."""
        return frozenset(subject for step in self.done for subject in step.subjects) | frozenset(
            failure.subject for failure in self.failures
        )

    def error_of(self, subject: str) -> CloudError | None:
        """The error that this subject met, if any."""
        return next((failure.error for failure in self.failures if failure.subject == subject), None)


@dataclass(frozen=True, slots=True)
class Pass:
    """One run of the pipeline over one object: whose hand writes, what time it is, and what writing came to so far."""

    owner: Owner
    now: datetime
    outcome: Outcome = Outcome()


@dataclass(frozen=True, slots=True)
class Report:
    """What a pass says: conditions to store, events to record, when to come back.

    `requeue_after` in seconds; `backoff` asks the queue for the key's own growing delay instead. `again` is what has to
    be looked at then, besides what is not settled. `unstored` is what kept the conditions from being stored.
    """

    conditions: Sequence[Mapping[str, Json]] = ()
    events: tuple[Event, ...] = ()
    requeue_after: float | None = None
    backoff: bool = False
    again: Scope = EVERYTHING
    unstored: OperatorError | None = None
