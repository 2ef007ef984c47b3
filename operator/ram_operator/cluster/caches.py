"""What the watches saw: objects and nodes, with the indices that answer "whom does this concern".

Implements `engine.controller.World`. `handlers` feeds it; every change returns the wakes it causes. Pure bookkeeping:
no I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ram_operator.cluster.bindings import BindingIndex
from ram_operator.kinds.instance_role_binding import role_usable
from ram_operator.kinds.names import INSTANCE_ROLE_BINDING, RAM_POLICY, RAM_ROLE
from ram_operator.kinds.ownership import established
from ram_operator.model import (
    EVERYTHING,
    FINALIZER,
    RECONCILE_AT,
    Body,
    Facts,
    Json,
    NodeFacts,
    ObjectKey,
    Reason,
    Reference,
    Scope,
)


@dataclass(frozen=True, slots=True)
class Wake:
    """A key that has to be looked at. `edited` means that a person changed it; `burst` that more of it may follow."""

    key: ObjectKey
    scope: Scope = EVERYTHING
    edited: bool = False
    burst: bool = False


@dataclass(slots=True)
class Caches:
    """All that is known of the cluster."""

    _bodies: dict[ObjectKey, Body] = field(default_factory=dict)
    _views: dict[ObjectKey, Reference] = field(default_factory=dict)
    _named: dict[tuple[str, str], set[ObjectKey]] = field(default_factory=dict)
    _referrers: dict[ObjectKey, set[ObjectKey]] = field(default_factory=dict)
    _bindings: BindingIndex = field(default_factory=BindingIndex)

    def body(self, key: ObjectKey) -> Body | None:
        """The newest known version of an object."""
        return self._bodies.get(key)

    def keys(self, kind: str) -> Iterable[ObjectKey]:
        """All objects of a kind."""
        return [key for key in self._bodies if key.kind is kind]

    def node_names(self) -> set[str]:
        """All nodes."""
        return set(self._bindings.nodes)

    def put(self, key: ObjectKey, body: Body) -> list[Wake]:
        """Take in a version of an object; older ones than the known are ignored."""
        old = self._bodies.get(key)
        if old and _is_older(body, old):
            return []
        before, after = self._views.get(key), view_of(key, body)
        self._unindex(before)
        self._bodies[key], self._views[key] = body, after
        self._index(after)
        wakes = list(self._dependents(before, after))
        if key.kind is INSTANCE_ROLE_BINDING.kind:
            wakes += _with_scope(self._bindings.put(after), key)
        return [*_itself(key, old, body), *wakes]

    def drop(self, key: ObjectKey, uid: str | None = None) -> list[Wake]:
        """Forget an object that is gone; where `uid` is given, only if that is the known one's."""
        before = self._views.get(key)
        if before is None or uid not in (None, before.uid):
            return []
        del self._views[key], self._bodies[key]
        self._unindex(before)
        wakes = list(self._dependents(before, None))
        if key.kind is INSTANCE_ROLE_BINDING.kind:
            wakes += _with_scope(self._bindings.drop(key), key)
        return [Wake(key), *wakes]

    def put_node(self, node: NodeFacts) -> list[Wake]:
        """Take in a node; nothing is woken where nothing changed that matters."""
        return [Wake(key, scope, burst=True) for key, scope in self._bindings.put_node(node).items()]

    def drop_node(self, name: str, uid: str | None = None) -> list[Wake]:
        """Forget a node that is gone, likewise."""
        known = self._bindings.nodes.get(name)
        if known and uid not in (None, known.uid):
            return []
        return [Wake(key, scope, burst=True) for key, scope in self._bindings.drop_node(name).items()]

    def facts(self, key: ObjectKey) -> Facts | None:
        """All facts about an object."""
        body, me = self._bodies.get(key), self._views.get(key)
        if body is None or me is None:
            return None
        metadata = body["metadata"]
        nodes, known, assigned = self._bindings.of(key)
        return Facts(
            me=me,
            generation=metadata.get("generation", 0),
            asked=(metadata.get("annotations") or {}).get(RECONCILE_AT) or None,
            references={other: self._views[other] for other in self._references(me) if other in self._views},
            referrers=self._sorted(self._referring(me)),
            rivals=self._sorted(self._named.get((key.kind, cloud_name(me)), set()) - {key}),
            nodes=nodes,
            known=known,
            assigned=assigned,
            other_rows=self._bindings.claims_of_others(key),
        )

    def _sorted(self, keys: Iterable[ObjectKey]) -> tuple[Reference, ...]:
        return tuple(self._views[key] for key in sorted(keys) if key in self._views)

    def _references(self, view: Reference) -> Iterator[ObjectKey]:
        """The objects that a spec names, policies also by the name that RAM knows them by."""
        yield from named_objects(view)
        for entry in view.spec.get("policies") or ():
            if name := entry.get("custom"):
                yield from self._named.get((RAM_POLICY.kind, str(name).lower()), ())

    def _agreed(self, key: ObjectKey, seen_first: Reference) -> bool:
        """Whether a past run has settled one object with this other one as it is: at a start that is no news."""
        usable = established(seen_first.status, seen_first.key.kind) and not seen_first.deleting
        return usable and settled(self._bodies[key])

    def _holding(self, view: Reference) -> Iterator[ObjectKey]:
        """The objects whose cloud objects it has attached, also where its spec does not name them any more."""
        for kind, name in _held(view):
            yield from self._named.get((kind, name), ())

    def _referring(self, view: Reference) -> set[ObjectKey]:
        by_name = self._referrers.get(_by_cloud_name(view.key.kind, cloud_name(view)), set())
        return self._referrers.get(view.key, set()) | by_name

    def _index(self, view: Reference) -> None:
        if view.key.kind is not INSTANCE_ROLE_BINDING.kind:
            self._named.setdefault((view.key.kind, cloud_name(view)), set()).add(view.key)
        for other in _mentions(view):
            self._referrers.setdefault(other, set()).add(view.key)

    def _unindex(self, view: Reference | None) -> None:
        if view is None:
            return
        self._named.get((view.key.kind, cloud_name(view)), set()).discard(view.key)
        for other in _mentions(view):
            self._referrers.get(other, set()).discard(view.key)

    def _dependents(self, before: Reference | None, after: Reference | None) -> Iterator[Wake]:
        """Who has to look again because of this change: those that name the object, rivals, and what it names."""
        view = after or before
        if view is None:
            return
        if _standing(before) != _standing(after):
            for key in self._referring(view):
                if before or not self._agreed(key, view):
                    yield Wake(key)
            for key in self._named.get((view.key.kind, cloud_name(view)), set()) - {view.key}:
                yield Wake(key)
        if before and (after is None or _uses(before) != _uses(after)):
            for key in {*self._references(before), *self._holding(before)}:
                if key in self._views and self._views[key].deleting:
                    yield Wake(key)


def view_of(key: ObjectKey, body: Body) -> Reference:
    """The view that other objects have of this one."""
    metadata, status = body["metadata"], body.get("status") or {}
    ready = any(row["type"] == "Ready" and row["status"] == "True" for row in status.get("conditions") or ())
    deleting = "deletionTimestamp" in metadata
    created = metadata["creationTimestamp"]
    return Reference(key, metadata["uid"], created, ready, deleting, body.get("spec") or {}, status)


def cloud_name(view: Reference) -> str:
    """The name of the cloud object that an object names, folded: RAM compares names case-insensitively."""
    field_of = {RAM_POLICY.kind: "policyName", RAM_ROLE.kind: "roleName"}
    return str(view.spec.get(field_of.get(view.key.kind, "")) or view.key.name).lower()


def named_objects(view: Reference) -> list[ObjectKey]:
    """The objects that a spec names by reference."""
    if view.key.kind is INSTANCE_ROLE_BINDING.kind:
        role = (view.spec.get("roleRef") or {}).get("name")
        return [ObjectKey(RAM_ROLE.kind, role)] if role else []
    references = [entry.get("policyRef") or {} for entry in view.spec.get("policies") or ()]
    return [ObjectKey(RAM_POLICY.kind, reference["name"]) for reference in references if reference.get("name")]


def settled(body: Body) -> bool:
    """Whether an object seen for the first time needs no pass: a past run finished with this very generation of it."""
    metadata, status = body["metadata"], body.get("status") or {}
    conditions: list[Mapping[str, Json]] = status.get("conditions") or []
    ready = next((row for row in conditions if row["type"] == "Ready"), {})
    wanted = (metadata.get("annotations") or {}).get(RECONCILE_AT)
    return (
        body.get("kind") != INSTANCE_ROLE_BINDING.kind
        and "deletionTimestamp" not in metadata
        and FINALIZER in (metadata.get("finalizers") or ())
        and ready.get("status") == "True"
        and ready.get("observedGeneration") == metadata.get("generation")
        and len(conditions) == 1
        and wanted in (None, status.get("lastHandledReconcileAt"))
    )


def _itself(key: ObjectKey, old: Body | None, new: Body) -> list[Wake]:
    """Whether the object itself has to be looked at: not for the echo of what we wrote."""
    if old is None:
        return [] if settled(new) else [Wake(key)]
    if _asked(old) != _asked(new):
        return [Wake(key, edited=True)]
    return []


def _asked(body: Body) -> tuple[Json, ...]:
    metadata = body["metadata"]
    annotation = (metadata.get("annotations") or {}).get(RECONCILE_AT)
    return metadata.get("uid"), metadata.get("generation"), "deletionTimestamp" in metadata, annotation


def _by_cloud_name(kind: str, name: str) -> ObjectKey:
    """The key under which those are indexed that mean an object by its cloud name; `/` is in no object's name."""
    return ObjectKey(kind, f"cloud/{name.lower()}")


def _mentions(view: Reference) -> list[ObjectKey]:
    customs = [entry.get("custom") for entry in view.spec.get("policies") or ()]
    return [
        *named_objects(view),
        *(_by_cloud_name(RAM_POLICY.kind, str(name)) for name in customs if name),
        *(_by_cloud_name(kind, name) for kind, name in _held(view)),
    ]


def _held(view: Reference) -> set[tuple[str, str]]:
    """What a status says that the object has attached: policies to its role, its role to instances. Names folded."""
    if view.key.kind is RAM_ROLE.kind:
        rows = view.status.get("managedPolicies") or ()
        return {(RAM_POLICY.kind, str(row["name"]).lower()) for row in rows if row.get("type") == "Custom"}
    rows = view.status.get("instances") or ()
    roles = {str(row["roleName"]).lower() for row in rows if row.get("roleName") and row.get("origin") == "Attached"}
    return {(RAM_ROLE.kind, role) for role in roles}


def _standing(view: Reference | None) -> tuple[Json, ...]:
    """What of an object matters to those that name it."""
    if view is None:
        return ()
    if view.key.kind is RAM_POLICY.kind:
        return view.uid, view.deleting, established(view.status, view.key.kind), view.status.get("policyName")
    if view.key.kind is RAM_ROLE.kind:
        return view.uid, view.deleting, role_usable(view), view.status.get("arn"), str(view.spec.get("trust"))
    return view.uid, view.deleting


def _uses(view: Reference) -> tuple[Json, ...]:
    """What of an object matters to those that it names and that want to go."""
    return (
        view.deleting,
        view.reason == Reason.ROLE_NOT_READY,
        str(view.spec.get("policies")),
        str(view.spec.get("roleRef")),
        frozenset(_held(view)),
    )


def _with_scope(found: Mapping[ObjectKey, Scope], besides: ObjectKey) -> list[Wake]:
    return [Wake(key, scope) for key, scope in found.items() if key != besides]


def _is_older(new: Body, old: Body) -> bool:
    """Whether a watch tells of a version before the one we know from our own write.

    Resource versions of one API server grow (Kubernetes 1.35 made that part of the API); where they are no numbers,
    every version is believed.
    """
    if new["metadata"].get("uid") != old["metadata"].get("uid"):
        return False
    try:
        return int(new["metadata"]["resourceVersion"]) < int(old["metadata"]["resourceVersion"])
    except (KeyError, ValueError):
        return False
