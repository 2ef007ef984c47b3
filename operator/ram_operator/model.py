"""The vocabulary that all rooms share: names of things, facts, and the pipeline's data (plans, outcomes, reports).

Everything here is a value: frozen, comparable, printable, without I/O and without a clock. `kinds` make plans out of
these, `engine` applies and reports them, `cluster` feeds the facts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, Self

from ram_operator.cloud import Cloud
from ram_operator.errors import CloudError, OperatorError

GROUP = "ram.alicloud.dev"
VERSION = "v1alpha1"
FINALIZER = f"{GROUP}/cleanup"
RECONCILE_AT = f"{GROUP}/reconcile-at"

Json = Any
"""A value as `json.loads` returns it."""
Body = Mapping[str, Json]
"""A Kubernetes object as the API server returns it."""
StatusFields = Mapping[str, Json]
"""A `status` as the API server stores it; `conditions` in it belong to the report alone."""


class KindName(StrEnum):
    """The three kinds of the API group."""

    RAM_POLICY = "RamPolicy"
    RAM_ROLE = "RamRole"
    INSTANCE_ROLE_BINDING = "InstanceRoleBinding"

    @property
    def plural(self) -> str:
        """The resource name in URLs and RBAC rules."""
        return f"{self.value.lower()[:-1]}ies" if self.value.endswith("y") else f"{self.value.lower()}s"


@dataclass(frozen=True, slots=True, order=True)
class ObjectKey:
    """One of our objects: all kinds are cluster-scoped, so kind and name suffice."""

    kind: KindName
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class InstanceId:
    """An ECS instance: a region and the id in it, written `cn-hangzhou.i-bp1...` as ACK writes provider IDs."""

    region: str
    id: str

    def __str__(self) -> str:
        return f"{self.region}.{self.id}"

    @classmethod
    def of(cls, text: str) -> InstanceId:
        """Read what `str` wrote; the region has no dot, so the first one splits."""
        region, _, instance = text.partition(".")
        return cls(region, instance)


class Reason(StrEnum):
    """Why a condition or a row of `status.instances` is as it is. One word, never text."""

    SETTLED = "Settled"
    ALL_ATTACHED = "AllAttached"
    NO_INSTANCES = "NoInstances"

    POLICY_NOT_READY = "PolicyNotReady"
    ROLE_NOT_READY = "RoleNotReady"
    NODE_NOT_FOUND = "NodeNotFound"
    PROGRESSING = "Progressing"
    RETRYING = "Retrying"
    THROTTLED = "Throttled"
    VERIFYING = "Verifying"
    NOT_OBSERVED = "NotObserved"

    INVALID_SPEC = "InvalidSpec"
    NOT_OWNED = "NotOwned"
    OWNED_BY_OTHER = "OwnedByOther"
    NAME_TAKEN = "NameTaken"
    CONFLICT = "Conflict"
    OVERRIDDEN = "Overridden"
    SOME_FAILED = "SomeFailed"
    ACCESS_DENIED = "AccessDenied"
    REJECTED = "Rejected"
    IN_USE = "InUse"
    TRUST_NOT_ECS = "TrustNotEcs"
    CONTENDED = "Contended"
    NOT_SUPPORTED_YET = "NotSupportedYet"

    VIRTUAL_NODE = "VirtualNode"
    LINGJUN_NODE = "LingjunNode"
    HYBRID_NODE = "HybridNode"
    EXCLUDED_NODE = "ExcludedNode"
    NO_PROVIDER_ID = "NoProviderID"
    FOREIGN_PROVIDER_ID = "ForeignProviderID"
    INSTANCE_GONE = "InstanceGone"
    CLASSIC_NETWORK = "ClassicNetwork"
    ROLE_NOT_FOUND = "RoleNotFound"
    OTHER_ROLE = "OtherRole"
    API_ERROR = "ApiError"


class EventReason(StrEnum):
    """What happened, past tense: the reasons of Kubernetes events."""

    ROLE_CREATED = "RoleCreated"
    ROLE_UPDATED = "RoleUpdated"
    ROLE_DELETED = "RoleDeleted"
    POLICY_CREATED = "PolicyCreated"
    POLICY_UPDATED = "PolicyUpdated"
    VERSION_CREATED = "VersionCreated"
    POLICY_DELETED = "PolicyDeleted"
    POLICY_ATTACHED = "PolicyAttached"
    POLICY_DETACHED = "PolicyDetached"
    TAGGED = "Tagged"
    ATTACHED = "Attached"
    DETACHED = "Detached"
    DRIFT_REPAIRED = "DriftRepaired"
    LEFT_ALONE = "LeftAlone"


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What is kept of a Node.

    `instance` is None where the node is no ECS instance that may have a role; then `skip` and `skip_message` say why.
    """

    name: str
    uid: str
    labels: tuple[tuple[str, str], ...]
    instance: InstanceId | None
    skip: Reason | None = None
    skip_message: str = ""


@dataclass(frozen=True, slots=True)
class Reference:
    """What one object may know of another: a view of it, from the caches."""

    key: ObjectKey
    uid: str
    created: str
    ready: bool
    deleting: bool
    spec: Mapping[str, Json]
    status: StatusFields

    @property
    def age(self) -> tuple[str, str]:
        """Sorts the older object first, then by name: who came first has the right to a name or an instance."""
        return self.created, self.key.name


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a kind's pure verbs need from the cluster, gathered once per pass.

    `me` is the object itself; `requested` says that reconcile-at asks for this pass. `references` are the objects the
    spec names (missing ones are absent), `referrers` those that name this one, `rivals` the others that name the same
    cloud object. For bindings, `nodes` are the nodes that the binding selects, `known` the node of each instance,
    `assigned` says which binding has each instance of `nodes` and of its rows, and `other_rows` are claims of other
    bindings for those instances.
    """

    me: Reference
    generation: int
    requested: bool = False
    references: Mapping[ObjectKey, Reference] = field(default_factory=dict)
    referrers: tuple[Reference, ...] = ()
    rivals: tuple[Reference, ...] = ()
    nodes: tuple[NodeFacts, ...] = ()
    known: Mapping[InstanceId, str] = field(default_factory=dict)
    assigned: Mapping[InstanceId, ObjectKey] = field(default_factory=dict)
    other_rows: Mapping[InstanceId, Mapping[str, Json]] = field(default_factory=dict)


class Ownership(StrEnum):
    """Whose a cloud object is, by its tags."""

    OURS = "Ours"
    INHERITED = "Inherited"
    """This object's, but tagged by a cluster that `previousClusterIds` lets us succeed."""
    UNTAGGED = "Untagged"
    OTHERS = "Others"


TAG_PREFIX = "ram-operator:"


@dataclass(frozen=True, slots=True)
class Owner:
    """Who may write a cloud object: one object of one cluster. Its marks are tags, sent with the create call."""

    cluster: str
    key: ObjectKey
    previous_clusters: tuple[str, ...] = ()

    def tags(self) -> dict[str, str]:
        """The tags that mark a role or policy as this owner's."""
        return {
            f"{TAG_PREFIX}cluster": self.cluster,
            f"{TAG_PREFIX}kind": self.key.kind.value,
            f"{TAG_PREFIX}name": self.key.name,
        }

    def judge(self, tags: Mapping[str, str]) -> Ownership:
        """Whose a cloud object with these tags is."""
        marks = {key: value for key, value in tags.items() if key.startswith(TAG_PREFIX)}
        if not marks:
            return Ownership.UNTAGGED
        if marks == self.tags():
            return Ownership.OURS
        for cluster in self.previous_clusters:
            if marks == Owner(cluster, self.key).tags():
                return Ownership.INHERITED
        return Ownership.OTHERS


@dataclass(frozen=True, slots=True)
class Scope:
    """Which subjects `observe` reads: all, or just these (the region.id of instances).

    `swept` says that a sweep asks, and nobody else.
    """

    subjects: frozenset[str] | None = None
    swept: bool = False

    def __contains__(self, subject: object) -> bool:
        return self.subjects is None or str(subject) in self.subjects


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
class Plan:
    """What has to be done: claims to be stored first, then steps; and what is held back.

    `settled` is what Ready says once nothing is left to do. `revisit_after` (seconds) is when time alone, without an
    event, will change the plan. `remarks` are events to be recorded although nothing was written.
    """

    claims: tuple[Claim, ...] = ()
    steps: tuple[Step, ...] = ()
    holds: tuple[Hold, ...] = ()
    settled: tuple[Reason, str] = (Reason.SETTLED, "the cloud is as the spec says")
    revisit_after: float | None = None
    remarks: tuple[Event, ...] = ()

    @property
    def empty(self) -> bool:
        """Nothing to do and nothing held: the world is as wanted."""
        return not (self.steps or self.holds)


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

    `requeue_after` in seconds; `backoff` asks the queue for the key's own growing delay instead. `unstored` is what
    kept the conditions from being stored.
    """

    conditions: Sequence[Mapping[str, Json]] = ()
    events: tuple[Event, ...] = ()
    requeue_after: float | None = None
    backoff: bool = False
    unstored: OperatorError | None = None


def timestamp(now: datetime) -> str:
    """A time as Kubernetes writes it: UTC, whole seconds."""
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


def listing(words: Iterable[str], most: int = 5) -> str:
    """Some of `words` for a message, with the number of the rest."""
    items = list(words)
    rest = len(items) - most
    return ", ".join(items[:most]) + (f" and {rest} more" if rest > 0 else "")
