"""What is known before a reconcile: nodes, objects and what they know of each other, and whose a cloud object is.

`cluster` gathers facts from its caches, the pure verbs of `kinds` read them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import Any

from ram_operator.model.names import InstanceId, Json, ObjectKey, StatusFields, parse_timestamp
from ram_operator.model.reasons import Reason

PROPAGATION = timedelta(seconds=60)
"""For how long a reading may be older than a write, and a call that got no answer may still be carried out."""


def find_condition(conditions: Iterable[Mapping[str, Json]] | None, kind: str = "Ready") -> Mapping[str, Json]:
    """Return the condition of a type, {} where there is none. `conditions` are as a status has them."""
    return next((row for row in conditions or () if row.get("type") == kind), {})


@dataclass(frozen=True, slots=True)
class Marks:
    """What of a Node pods may wait for: the value of its label ROLE_LABEL, and where in its taints STARTUP_TAINT is."""

    role: str | None = None
    taints: tuple[int, ...] = ()


class Unclear(Enum):
    """Why it cannot be told which role a node has: its marks are left alone."""

    CONTESTED = "its nodes do not tell which binding has it"


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What is kept of a Node.

    `instance` is None where the node is no ECS instance that may have a role; then `skip` and `skip_message` say why.
    A node with both does not tell which binding has its instance: nothing is changed on that.
    The marks are no reason to look at a binding: the operator itself changes them.
    """

    name: str
    uid: str
    labels: tuple[tuple[str, str], ...]
    instance: InstanceId | None
    skip: Reason | None = None
    skip_message: str = ""
    marks: Marks = field(default=Marks(), compare=False)


@dataclass(frozen=True, slots=True)
class Reference:
    """What one object may know of another: a view of it, from the caches.

    `deleted` is its deletionTimestamp. `guarded` says that it has our finalizer: nothing is written for it without.
    """

    key: ObjectKey
    uid: str
    created: str
    ready: bool
    deleting: bool
    spec: Mapping[str, Json]
    status: StatusFields
    deleted: str = ""
    guarded: bool = False
    generation: int = 0

    def just_deleted(self, now: datetime) -> bool:
        """Whether its deletion began so recently that the cloud may not show yet what was written before."""
        since = parse_timestamp(self.deleted)
        return self.deleting and since is not None and abs(now - since) < PROPAGATION

    @property
    def released(self) -> bool:
        """Whether we have cleaned up for it, and only the finalizers of others keep it."""
        return self.deleting and self.reason == Reason.RELEASED

    @property
    def age(self) -> tuple[str, str]:
        """Sorts the older object first, then by name: who came first has the right to a name or an instance."""
        return self.created, self.key.name

    @property
    def reason(self) -> str:
        """The reason of its condition Ready, "" before its first report."""
        return str(find_condition(self.status.get("conditions")).get("reason", ""))


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a kind's pure verbs need from the cluster, gathered once per reconcile.

    `me` is the object itself, `asked` its annotation reconcile-at, `allowed` its annotation allow-release. `references`
    are the objects the spec names (missing ones are absent), `referrers` those that name this one, `rivals` the others
    that name the same cloud object. `indexed` is what the kind's own index says of the object: only the kind reads it.
    `dry_run` says that nothing is written for any object.
    """

    me: Reference
    generation: int
    asked: str | None = None
    allowed: str | None = None
    references: Mapping[ObjectKey, Reference] = field(default_factory=dict)
    referrers: tuple[Reference, ...] = ()
    rivals: tuple[Reference, ...] = ()
    indexed: Any = None
    dry_run: bool = False

    @property
    def requested(self) -> bool:
        """Whether a person asks for this reconcile, by a value of the annotation that was not answered yet."""
        return self.asked is not None and self.asked != self.me.status.get("lastHandledReconcileAt")

    @property
    def edited(self) -> bool:
        """Whether no status tells of this generation yet."""
        return bool(self.me.status.get("observedGeneration") != self.generation)

    @property
    def management(self) -> ManagementPolicy:
        """What the spec says about writing; read from the raw spec, so that it holds where the rest does not parse."""
        given = self.me.spec.get("managementPolicy")
        return ManagementPolicy(given) if given in set(ManagementPolicy) else ManagementPolicy.ENFORCE

    @property
    def only_planned(self) -> bool:
        """Whether nothing is written for the object: what others that it names are to make then counts as made."""
        return self.dry_run or self.management is ManagementPolicy.PLAN

    @property
    def suspended(self) -> bool:
        """Whether nothing is read or written for the object."""
        return self.management is ManagementPolicy.SUSPEND


class ManagementPolicy(StrEnum):
    """How much of an object's spec is carried out."""

    ENFORCE = "Enforce"
    """All of it."""
    PLAN = "Plan"
    """Nothing is written to the cloud; status.plan says what would be."""
    SUSPEND = "Suspend"
    """Nothing is read or written."""


class Ownership(StrEnum):
    """Whose a cloud object is, by its tags."""

    OURS = "Ours"
    INHERITED = "Inherited"
    """Tagged for an object that this one succeeds: of a previous cluster, or one that is being deleted."""
    UNTAGGED = "Untagged"
    OTHERS = "Others"


TAG_PREFIX = "ram-operator:"
ADOPTED_TAG = f"{TAG_PREFIX}origin"
"""What marks a cloud object that was taken over, besides its owner's marks: a status may be lost."""


def owner_marks(tags: Mapping[str, str]) -> Mapping[str, str]:
    """What of a cloud object's tags says whose it is; empty where nobody owns it."""
    return {key: value for key, value in tags.items() if key.startswith(TAG_PREFIX) and key != ADOPTED_TAG}


@dataclass(frozen=True, slots=True)
class Owner:
    """Who may write a cloud object: one object of one cluster. Its marks are tags, sent with the create call.

    It succeeds the objects of the same name in `previous_clusters`, and `predecessors`, which are being deleted.
    """

    cluster: str
    key: ObjectKey
    previous_clusters: tuple[str, ...] = ()
    predecessors: tuple[ObjectKey, ...] = ()

    def tags(self) -> dict[str, str]:
        """The tags that mark a role or policy as this owner's."""
        return {
            f"{TAG_PREFIX}cluster": self.cluster,
            f"{TAG_PREFIX}kind": self.key.kind,
            f"{TAG_PREFIX}name": self.key.name,
        }

    def judge(self, tags: Mapping[str, str]) -> Ownership:
        """Whose a cloud object with these tags is."""
        if not (marks := owner_marks(tags)):
            return Ownership.UNTAGGED
        if marks == self.tags():
            return Ownership.OURS
        found, keys = marks.get(f"{TAG_PREFIX}cluster", ""), (self.key, *self.predecessors)
        # A cluster that was given an id has its own UID behind it, and may be named by either.
        succeeds = found == self.cluster or not {found, *found.split("/")}.isdisjoint(self.previous_clusters)
        inherited = succeeds and any(marks == Owner(found, key).tags() for key in keys)
        return Ownership.INHERITED if inherited else Ownership.OTHERS
