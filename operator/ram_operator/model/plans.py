"""What a reconcile makes: a plan of steps, what is withheld of them, its outcome, and the report on both.

`kinds` plan, `engine.filters` withhold, `engine.applying` carries out, `engine.reporting` reports.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol, Self

from ram_operator.cloud import Cloud, Grantee, PolicyName
from ram_operator.errors import CloudError, OperatorError
from ram_operator.model.entries import Entry, listed
from ram_operator.model.facts import Owner
from ram_operator.model.names import Json, StatusFields
from ram_operator.model.reasons import Reason


@dataclass(frozen=True, slots=True)
class Scope:
    """Which subjects `observe` reads: all, or just these (the region.id of instances).

    `swept` says that a sweep asks, and nobody else.
    """

    subjects: frozenset[str] | None = None
    swept: bool = False

    def __contains__(self, subject: object) -> bool:
        return self.subjects is None or str(subject) in self.subjects

    def names(self, subject: str) -> bool:
        """Whether a subject of RAM is asked for: RAM may spell a name in another case than the spec."""
        return self.subjects is None or subject.lower() in map(str.lower, self.subjects)

    def __or__(self, other: Scope) -> Scope:
        """What both ask for: everything where one does, and a sweep's only where both are."""
        every = self.subjects is None or other.subjects is None
        subjects = None if every else (self.subjects or frozenset()) | (other.subjects or frozenset())
        return Scope(subjects, self.swept and other.swept)


EVERYTHING = Scope()
NOTHING_TO_READ = Scope(frozenset())
"""What is in sync is not read; what is not is read in every reconcile."""


class Intent(StrEnum):
    """Why a step is made. Filters decide by it what may be written now."""

    GRANT = "Grant"
    """Gives somebody something: creates, attaches, changes a document."""
    RELEASE = "Release"
    """Takes away what we gave, or deletes what we made."""
    REPLACE = "Replace"
    """Takes away what is there, so that ours can take its place."""
    RESTORE = "Restore"
    """Gives back what we replaced."""
    KEEP = "Keep"
    """Keeps what grants nothing as the spec says: tags, a description."""


class Change(StrEnum):
    """What a step does to its subjects, as far as the engine has to tell steps apart."""

    CREATE = "Create"
    UPDATE = "Update"
    DELETE = "Delete"
    ATTACH = "Attach"
    DETACH = "Detach"
    TAG = "Tag"


class Step(Protocol):
    """One write to the cloud, as data. Doing it twice is as good as once, also when the first reply was lost.

    Implementations are frozen dataclasses, so that two plans compare.
    """

    @property
    def subjects(self) -> tuple[str, ...]:
        """What it changes: a role, a policy, instances. Steps that share a subject run in order."""

    @property
    def waits_for(self) -> tuple[str, ...]:
        """Subjects, besides its own, whose earlier steps must have succeeded: what takes away waits for what gives."""

    @property
    def intent(self) -> Intent:
        """Why it is made."""

    @property
    def change(self) -> Change:
        """What it does to its subjects."""

    @property
    def api(self) -> str:
        """The API's name of the call; after a Denied or Throttled no further call of it is made in its region."""

    @property
    def region(self) -> str:
        """The region that the call goes to, "" for a service without regions."""

    @property
    def event(self) -> str:
        """The reason of the event that tells of it: what happened, past tense."""

    @property
    def effect(self) -> str:
        """What it does to each of its subjects, for people, in words that are the same however they are batched."""

    @property
    def identity(self) -> tuple[str, ...]:
        """What tells it from other steps on one of its subjects: the call, and what it names besides the subject."""

    def resources(self, subject: str) -> Mapping[str, tuple[str, ...]]:
        """The ARNs that each RAM action must be allowed on for this subject, by action, the call's own first."""

    def without(self, subjects: frozenset[str]) -> Self | None:
        """The rest of this step without some of its subjects, None where nothing is left."""

    async def apply(self, cloud: Cloud) -> Mapping[str, CloudError]:
        """Make the one port call; return failures by subject. A CloudError raised is a failure of all subjects."""

    def todo(self) -> str:
        """A line of status.plan, imperative: `attach EcsRole to cn-hangzhou.i-1`."""

    def done(self) -> str:
        """The event's note, past tense: `attached EcsRole to 2 instances`."""


def possible(steps: Iterable[Step], missing: Iterable[str]) -> Iterator[Step]:
    """What can be made of some steps, in their order, while what concerns the subjects `missing` is not made."""
    gone = frozenset(missing)
    blocked = set(gone)
    for step in steps:
        left = None if blocked.intersection(step.waits_for) else step.without(gone)
        if left is None:
            blocked.update(step.subjects)
        else:
            yield left


@dataclass(frozen=True, slots=True)
class Hold:
    """What is refused, or cannot be done yet. Data, not an exception; its reason decides the disposition.

    `retry_after` in seconds asks for another reconcile; None waits for an event, an edit or the next full check.
    `instance` is the instance that it is about, with its node, in words: instances held alike are told of together.
    """

    subject: str
    reason: Reason
    message: str
    retry_after: float | None = None
    instance: str = ""

    @property
    def sentence(self) -> str:
        """The message with the instance that it is about."""
        return f"{self.instance}: {self.message}" if self.instance else self.message


@dataclass(frozen=True, slots=True)
class Withheld:
    """A step that a filter did not let through, and why."""

    step: Step
    hold: Hold


@dataclass(frozen=True, slots=True)
class Event:
    """A Kubernetes event to be recorded. `node` names the Node it is about; None means the object itself."""

    reason: str
    note: str
    warning: bool = False
    node: str | None = None


@dataclass(frozen=True, slots=True)
class Granted:
    """Something that an object asks the cloud to grant, for the boundary to judge.

    Args:
        document: a policy document, JSON text; None where it is not known or there is none, "" where it may not be
            read.
        trust: a trust policy, JSON text.
        policy: the policy that is attached.
        grantee: the user, group or role of somebody else that it is attached to.
        leaving: whether it is taken away instead.
        recheck: seconds until it is read again, where the cloud says it, which sends no events; None otherwise.
    """

    document: str | None = None
    trust: str | None = None
    policy: PolicyName | None = None
    grantee: Grantee | None = None
    leaving: bool = False
    recheck: float | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A part of the cloud that could not be read: which place, which subjects in it, and why. The rest could."""

    place: str
    subjects: frozenset[str]
    error: CloudError


@dataclass(frozen=True, slots=True)
class Releases:
    """What an object lets go because of something else than its own spec or deletion.

    Args:
        subjects: what a plan would release for such a cause, as far as that was not let pass before.
        held: how many claims the object has, these included.
        group: the role whose releases are counted together, of all objects; its case does not count.
        recent: what was released so within the time that counts: when, and how many.
    """

    subjects: frozenset[str] = frozenset()
    held: int = 0
    group: str = ""
    recent: tuple[tuple[datetime, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Rollout:
    """How far a plan that takes things away to give others in their place may go at once.

    Args:
        most: how many subjects may be without at a time.
        without: those that are: what they had was taken away, and they have nothing in its place yet.
        proven: whether some subject has got what is given; until then one at a time is risked.
        stopped_at: the subject that stopped it, since it could not get what is given.
        progress: how far it is, in words.
    """

    most: int
    without: frozenset[str] = frozenset()
    proven: bool = False
    stopped_at: str | None = None
    progress: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What has to be done, what is withheld of it, and the status that follows.

    Args:
        steps: the writes, in their order.
        withheld: the steps that a filter did not let through.
        holds: what is refused or waited for besides; no step belongs to it.
        fields: the status fields of the kind, lists of `entries` excepted.
        entries: the lists in status whose entries stand for subjects, by field, or field and part: `grantedTo.users`.
        in_sync: what Ready says once nothing is left to do.
        revisit_after: seconds until time alone, without an event, changes the plan.
        remarks: events to be recorded although nothing was written.
        news: events about subjects whose entry begins to say why they have nothing.
        notes: what a person should know before the steps are made; said beside what is held.
        unreadable: what the plan left as it was, since it could not be read.
        unconfirmed: the subjects that were claimed and that the cloud does not show: a call of ours whose answer nobody
            knows may still be carried out for them.
        grants: what the object asks to be granted, by subject, whether steps are left for it or not.
        nodes: the Node of each subject that has one: it gets an event of its own for what is done to the subject.
        read: those Nodes whose subject was read for this plan.
        rollout: how far the steps may go at once; None where each stands for itself.
        releases: what of the steps is counted, since it may be a mistake; None where nothing is.
    """

    steps: tuple[Step, ...] = ()
    withheld: tuple[Withheld, ...] = ()
    holds: tuple[Hold, ...] = ()
    fields: StatusFields = field(default_factory=dict)
    entries: Mapping[str, tuple[Entry, ...]] = field(default_factory=dict)
    in_sync: tuple[Reason, str] = (Reason.IN_SYNC, "the cloud is as the spec says")
    revisit_after: float | None = None
    remarks: tuple[Event, ...] = ()
    news: tuple[Event, ...] = ()
    notes: tuple[str, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    unconfirmed: tuple[str, ...] = ()
    nodes: Mapping[str, str] = field(default_factory=dict)
    read: tuple[str, ...] = ()
    rollout: Rollout | None = None
    releases: Releases | None = None
    grants: Mapping[str, tuple[Granted, ...]] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Nothing to do, nothing withheld or held, and all of it read: the world is as wanted."""
        return not (self.steps or self.withheld or self.holds or self.unreadable)

    @property
    def all_holds(self) -> tuple[Hold, ...]:
        """What keeps the object from being in sync, the reasons of what is withheld included."""
        return (*self.holds, *(each.hold for each in self.withheld))

    @property
    def unread(self) -> frozenset[str]:
        """The subjects that could not be read."""
        return frozenset(subject for part in self.unreadable for subject in part.subjects)

    @property
    def status(self) -> StatusFields:
        """The status fields that follow from the plan, as far as its steps may be made."""
        reasons = {
            subject: (each.hold.reason, each.hold.message) for each in self.withheld for subject in each.step.subjects
        }
        status: dict[str, Json] = dict(self.fields)
        for name, rows in self.entries.items():
            field_, _, part = name.partition(".")
            values = listed(rows, reasons)
            status[field_] = {**status.get(field_, {}), part: values} if part else values
        return status

    @property
    def claims(self) -> StatusFields:
        """The lists that must be stored before the steps are made; empty where all that they claim is stored."""
        written = {subject for step in self.steps for subject in step.subjects}
        claimed = [
            name.partition(".")[0]
            for name, rows in self.entries.items()
            if any(row.claims and row.subject in written for row in rows)
        ]
        # To make a status of a thousand rows takes milliseconds: not where nothing is claimed.
        return {name: value for name, value in self.status.items() if name in claimed} if claimed else {}


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
class Context:
    """What a reconcile has besides the object: whose tags it writes, the time, and what its writes came to so far."""

    owner: Owner
    now: datetime
    outcome: Outcome = Outcome()


class Stall(NamedTuple):
    """What stalls an object, and in which generation of it."""

    generation: int
    subject: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Report:
    """What a reconcile says: conditions to store, events to record, when to come back.

    `requeue_after` in seconds; `backoff` asks the queue for the key's own growing delay instead. `again` is what has to
    be read then, besides what is not in sync. `errors` are the calls to the cloud that failed. `unstored` is what kept
    the conditions from being stored. `read` are the Nodes whose subjects were read. `stalls` are told of, or were
    before and could not be read since.
    """

    conditions: Sequence[Mapping[str, Json]] = ()
    events: tuple[Event, ...] = ()
    requeue_after: float | None = None
    backoff: bool = False
    again: Scope = EVERYTHING
    errors: tuple[CloudError, ...] = ()
    unstored: OperatorError | None = None
    read: tuple[str, ...] = ()
    stalls: frozenset[Stall] = frozenset()
