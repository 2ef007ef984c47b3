"""What makes the kinds the same. Know one kind, know all three: `kinds/<kind>/` holds all that is its own.

A kind says what it is called (`resource`), how its objects relate to others (`links`), what it keeps of all nodes and
of all its objects (`index`), what the cloud's lists show of it (`find_drift`), and has four verbs. `engine.reconciler`
calls the verbs in this order: parse, desire, observe, plan; after a write it observes and plans again. Everything but
`observe` and `find_drift` is pure, total and reads no clock. The kinds are built in `__main__` from the settings;
nothing in `engine` and `cluster` names one of them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from ram_operator.cloud import Cloud
from ram_operator.errors import Problem
from ram_operator.kinds.surveys import Drift, Survey
from ram_operator.model import (
    Body,
    CloudName,
    Context,
    Facts,
    NodeFacts,
    ObjectKey,
    Plan,
    Reference,
    Resource,
    Scope,
    StatusFields,
    Unclear,
)

SpecT = TypeVar("SpecT")
DesiredT = TypeVar("DesiredT")
ObservedT = TypeVar("ObservedT")
Wakes = Mapping[ObjectKey, Scope]
"""The objects that a change concerns, and which of their subjects."""


class Links(Protocol):
    """How the objects of a kind relate to others. `cluster.caches` asks, and wakes whom a change concerns."""

    def manages(self, view: Reference) -> CloudName | None:
        """The cloud object that an object names as its own: the others that name it are its rivals."""

    def refers_to(self, view: Reference) -> Iterable[ObjectKey | CloudName]:
        """What its spec names: objects by their names, or cloud objects, which stand for the objects that manage them.

        Those objects are in the `references` of its facts, and it is among their `referrers`.
        """

    def holds(self, view: Reference) -> Iterable[CloudName]:
        """The cloud objects that its status says it has in use, also those that its spec does not name any more."""

    def offers(self, view: Reference) -> Hashable:
        """What of an object matters to its referrers and rivals: they are woken when this changes."""

    def uses(self, view: Reference) -> Hashable:
        """What of an object matters to those that it names or holds: those that go are woken when this changes."""

    def account(self, view: Reference) -> str:
        """The id of the account that an object has something in, by its status; "" where that does not say."""

    def states(self, view: Reference) -> Iterable[str]:
        """The state of each instance that an object has, by its status; none where the kind has no instances."""

    def in_sync(self, body: Body) -> bool:
        """Whether an object needs no reconcile when it is seen for the first time, after a start."""


class Index(Protocol):
    """What a kind keeps of all nodes and all its objects, so that a change concerns only those that it is about.

    `before` and `after` are the versions that a change leads from and to, None where there is none.
    """

    def node_changed(self, before: NodeFacts | None, after: NodeFacts | None) -> Wakes:
        """Note a change of a node; return the objects that it concerns."""

    def object_changed(self, before: Reference | None, after: Reference | None) -> Wakes:
        """Note a change of an object of the kind; return the other objects of the kind that it concerns."""

    def facts(self, key: ObjectKey) -> object:
        """What the verbs get as `Facts.indexed`: a value of the kind's own."""

    def role_on(self, node: NodeFacts) -> str | Unclear | None:
        """The role that a node's instance has by the status of the object that gives it one; None where it has none."""


class Kind(Protocol[SpecT, DesiredT, ObservedT]):
    """One kind of custom resource.

    Laws: `observe` never writes. `plan` is deterministic and total, and plans no step on what `owner` did not mark.
    Deletion is the same plan with the object deleting: nothing is wanted any more.
    """

    @property
    def resource(self) -> Resource:
        """What the kind is called."""

    @property
    def links(self) -> Links:
        """How its objects relate to others."""

    def index(self) -> Index | None:
        """Make a new index; None where the kind needs no other facts than its links give."""

    async def find_drift(self, objects: Sequence[Facts], survey: Survey) -> Drift:
        """Compare all objects of the kind with what a few lists show, reads only.

        A list may be old and lacks details: what differs is nominated, and read in detail before anything is written.
        Raises CloudError where nothing could be read.
        """

    def verified_at(self, status: StatusFields) -> datetime | None:
        """When an object was last read in detail, by its status; None where that does not say."""

    def parse(self, body: Body) -> SpecT:
        """Read the spec. Raises InvalidSpec with every problem found, each with its place and fix."""

    def doubts(self, body: Body) -> Iterable[Problem]:
        """What of a spec is legal and probably not meant, each with its place and fix; refuses nothing."""

    def retains(self, facts: Facts) -> bool:
        """Whether deleting the object must leave the cloud as it is; read from the raw spec, which may not parse."""

    def desire(self, spec: SpecT | None, facts: Facts) -> DesiredT:
        """Say what is wanted. `spec` is None when it no longer parses while deleting.

        The stored status has no say in it: what it names may have been written by somebody else.
        """

    async def observe(
        self, desired: DesiredT, stored: StatusFields, scope: Scope, cloud: Cloud, before: ObservedT | None = None
    ) -> ObservedT:
        """Read what is there, reads only, as far as `scope` asks for it. NotFound is a value here.

        `stored` is the stored status without what the reconciler writes for every kind.
        `before` is what was seen before the writes: a kind may read only what was touched, and keep the rest of it.
        """

    def plan(self, desired: DesiredT, observed: ObservedT, stored: StatusFields, context: Context) -> Plan:
        """Say what has to be done, as data, and the status that follows from what was seen and planned."""


AnyKind = Kind[Any, Any, Any]
