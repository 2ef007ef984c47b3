"""What the watches saw: objects and nodes, with the indices that answer "whom does this concern".

Implements `engine.controller.World`. `handlers` feeds it; every change returns the wakes it causes. How objects relate
to each other their kinds say (`kinds.Links`, `kinds.Index`). Pure bookkeeping: no I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ram_operator.cluster.pruning import pruned
from ram_operator.kinds import AnyKind, Index, Links
from ram_operator.model import (
    ALLOW_RELEASE,
    EVERYTHING,
    FINALIZER,
    NOTHING_TO_READ,
    RECONCILE_AT,
    TAKE_OVER,
    Body,
    CloudName,
    Facts,
    Json,
    Marks,
    NodeFacts,
    ObjectKey,
    Reference,
    Scope,
    Unclear,
    find_condition,
    reconcile_request,
)
from ram_operator.model.multimap import Multimap


@dataclass(frozen=True, slots=True)
class Wake:
    """An object that has to be reconciled. `edited`: a person changed it; `burst`: more of the same may follow soon."""

    key: ObjectKey
    scope: Scope = EVERYTHING
    edited: bool = False
    burst: bool = False


class Caches:
    """All that is known of the cluster, for objects of these kinds; `dry_run` where nothing is written for any."""

    def __init__(self, kinds: Iterable[AnyKind], *, dry_run: bool = False) -> None:
        self._dry_run = dry_run
        self._links: dict[str, Links] = {}
        self._indices: dict[str, Index] = {}
        for kind in kinds:
            self._links[kind.resource.kind] = kind.links
            if index := kind.index():
                self._indices[kind.resource.kind] = index
        self._bodies: dict[ObjectKey, Body] = {}
        self._views: dict[ObjectKey, Reference] = {}
        self._nodes: dict[str, NodeFacts] = {}
        self._managers: Multimap[CloudName, ObjectKey] = Multimap()
        self._referrers: Multimap[ObjectKey | CloudName, ObjectKey] = Multimap()

    def body(self, key: ObjectKey) -> Body | None:
        """The newest known version of an object."""
        return self._bodies.get(key)

    def keys(self, kind: str) -> Iterable[ObjectKey]:
        """All objects of a kind."""
        return [key for key in self._bodies if key.kind == kind]

    def accounts(self) -> Iterator[tuple[ObjectKey, str]]:
        """The objects whose status says in which account they have something, with the id of the account."""
        for key, view in self._views.items():
            if account := self._links[key.kind].account(view):
                yield key, account

    def nodes(self) -> Iterable[NodeFacts]:
        """All nodes with what is known of them."""
        return self._nodes.values()

    def views(self) -> Iterator[tuple[Reference, Iterable[str]]]:
        """All objects, each with the states of its instances."""
        for key, view in self._views.items():
            yield view, self._links[key.kind].states(view)

    def node_names(self) -> set[str]:
        """All nodes."""
        return set(self._nodes)

    def role_on(self, node: NodeFacts) -> str | Unclear | None:
        """The role that a node's instance has; None where it has none that an object here gives it."""
        return next((role for index in self._indices.values() if (role := index.role_on(node))), None)

    def marks(self, name: str) -> Marks | None:
        """What pods may wait for on a node; None where it is not known."""
        node = self._nodes.get(name)
        return node.marks if node else None

    def node_uid(self, name: str) -> str | None:
        """The uid of a node; None where it is not known."""
        node = self._nodes.get(name)
        return node.uid if node else None

    def put(self, key: ObjectKey, body: Body) -> list[Wake]:
        """Put a version of an object; one that is older than the stored one is ignored."""
        old = self._bodies.get(key)
        if old and _is_older(body, old):
            return []
        body = pruned(body, key.kind)
        before, after = self._views.get(key), view_of(key, body)
        self._unlink(before)
        self._bodies[key], self._views[key] = body, after
        self._link(after)
        return [*self._itself(key, old, body), *self._concerned(before, after)]

    def remove(self, key: ObjectKey, uid: str | None = None) -> list[Wake]:
        """Remove an object that is gone; where `uid` is given, only if that is the stored one's."""
        before = self._views.get(key)
        if before is None or uid not in (None, before.uid):
            return []
        del self._views[key], self._bodies[key]
        self._unlink(before)
        return [Wake(key), *self._concerned(before, None)]

    def put_node(self, node: NodeFacts) -> list[Wake]:
        """Put a node; nothing is woken where nothing changed that matters."""
        before = self._nodes.get(node.name)
        self._nodes[node.name] = node
        return self._node_changed(before, node) if before != node else []

    def remove_node(self, name: str, uid: str | None = None) -> list[Wake]:
        """Remove a node that is gone, likewise."""
        before = self._nodes.get(name)
        if before is None or uid not in (None, before.uid):
            return []
        del self._nodes[name]
        return self._node_changed(before, None)

    def facts(self, key: ObjectKey) -> Facts | None:
        """All facts about an object."""
        body, me = self._bodies.get(key), self._views.get(key)
        if body is None or me is None:
            return None
        metadata = body["metadata"]
        index = self._indices.get(key.kind)
        return Facts(
            me=me,
            generation=metadata.get("generation", 0),
            asked=reconcile_request(metadata),
            allowed=(metadata.get("annotations") or {}).get(ALLOW_RELEASE) or None,
            references={other: self._views[other] for other in self._references(me) if other in self._views},
            referrers=self._sorted(self._referring(me)),
            rivals=self._sorted(self._rivals(me)),
            indexed=index.facts(key) if index else None,
            dry_run=self._dry_run,
        )

    def _sorted(self, keys: Iterable[ObjectKey]) -> tuple[Reference, ...]:
        return tuple(self._views[key] for key in sorted(keys) if key in self._views)

    def _references(self, view: Reference) -> Iterator[ObjectKey]:
        """The objects that a spec names, also those that it names by what they manage in the cloud."""
        for target in self._links[view.key.kind].refers_to(view):
            if isinstance(target, ObjectKey):
                yield target
            else:
                yield from self._managers[target]

    def _holding(self, view: Reference) -> Iterator[ObjectKey]:
        """The objects whose cloud objects it has in use, also where its spec does not name them any more."""
        for name in self._links[view.key.kind].holds(view):
            yield from self._managers[name]

    def _referring(self, view: Reference) -> frozenset[ObjectKey]:
        name = self._links[view.key.kind].manages(view)
        return self._referrers[view.key] | (self._referrers[name] if name else frozenset())

    def _rivals(self, view: Reference) -> frozenset[ObjectKey]:
        name = self._links[view.key.kind].manages(view)
        return (self._managers[name] if name else frozenset()) - {view.key}

    def _link(self, view: Reference) -> None:
        links = self._links[view.key.kind]
        if name := links.manages(view):
            self._managers.add(name, view.key)
        for target in (*links.refers_to(view), *links.holds(view)):
            self._referrers.add(target, view.key)

    def _unlink(self, view: Reference | None) -> None:
        if view is None:
            return
        links = self._links[view.key.kind]
        if name := links.manages(view):
            self._managers.discard(name, view.key)
        for target in (*links.refers_to(view), *links.holds(view)):
            self._referrers.discard(target, view.key)

    def _itself(self, key: ObjectKey, old: Body | None, new: Body) -> list[Wake]:
        """Whether the object itself has to be reconciled: not for the echo of what we wrote."""
        if old is None:
            return [] if _guarded(new) and self._links[key.kind].in_sync(new) else [self._first(key)]
        if _asked(old) != _asked(new):
            return [Wake(key, edited=True)]
        # Without its finalizer a live object could be deleted without a clean-up.
        unguarded = _guarded(old) and not _guarded(new) and "deletionTimestamp" not in new["metadata"]
        return [Wake(key)] if unguarded else []

    def _concerned(self, before: Reference | None, after: Reference | None) -> Iterator[Wake]:
        """The other objects that have to be reconciled because of this change."""
        view = after or before
        if view is None:
            return
        links = self._links[view.key.kind]
        if before is None or after is None or links.offers(before) != links.offers(after):
            for key in self._referring(view):
                if before:
                    yield Wake(key)
                elif not self._is_reconciled_with(key, view):
                    yield self._first(key)
            yield from map(Wake, self._rivals(view))
        if before and (after is None or links.uses(before) != links.uses(after)):
            for key in {*self._references(before), *self._holding(before)}:
                if key in self._views and self._views[key].deleting:
                    yield Wake(key)
        if index := self._indices.get(view.key.kind):
            yield from (Wake(key, scope) for key, scope in index.object_changed(before, after).items())

    def _first(self, key: ObjectKey) -> Wake:
        """What the first sight of something asks for: where an index has the subjects, a sweep reads those in sync."""
        return Wake(key, NOTHING_TO_READ if key.kind in self._indices else EVERYTHING)

    def _is_reconciled_with(self, key: ObjectKey, seen_first: Reference) -> bool:
        """Whether an earlier process brought one object in sync with this other one, which is shown at a start."""
        ready = seen_first.ready and not seen_first.deleting
        return ready and self._links[key.kind].in_sync(self._bodies[key])

    def _node_changed(self, before: NodeFacts | None, after: NodeFacts | None) -> list[Wake]:
        wakes = [index.node_changed(before, after) for index in self._indices.values()]
        return [Wake(key, scope, burst=True) for some in wakes for key, scope in some.items()]


def view_of(key: ObjectKey, body: Body) -> Reference:
    """The view that other objects have of this one."""
    metadata, status = body["metadata"], body.get("status") or {}
    ready = find_condition(status.get("conditions")).get("status") == "True"
    deleting = "deletionTimestamp" in metadata
    created, deleted = metadata["creationTimestamp"], metadata.get("deletionTimestamp", "")
    spec, generation = body.get("spec") or {}, metadata.get("generation", 0)
    return Reference(key, metadata["uid"], created, ready, deleting, spec, status, deleted, _guarded(body), generation)


def _asked(body: Body) -> tuple[Json, ...]:
    metadata = body["metadata"]
    annotations = metadata.get("annotations") or {}
    asks = (annotations.get(name) for name in (RECONCILE_AT, ALLOW_RELEASE, TAKE_OVER))
    return metadata.get("uid"), metadata.get("generation"), "deletionTimestamp" in metadata, *asks


def _guarded(body: Body) -> bool:
    return FINALIZER in (body["metadata"].get("finalizers") or ())


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
