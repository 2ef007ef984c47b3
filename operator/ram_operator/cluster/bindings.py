"""Which nodes each binding selects, which binding has each instance, and who holds a row for it: kept up to date.

`caches` owns it. A change touches only the instances it concerns, so that thousands of nodes cost each other nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from ram_operator.kinds.instance_role_binding.rows import Row, rows_of
from ram_operator.model import InstanceId, Json, NodeFacts, ObjectKey, Reference, Scope
from ram_operator.rules.assignment import Claimant, assign
from ram_operator.rules.nodes import Selector, selects

Wakes = dict[ObjectKey, Scope]
K = TypeVar("K")
V = TypeVar("V")


@dataclass(slots=True)
class BindingIndex:
    """Nodes, bindings and their instances."""

    nodes: dict[str, NodeFacts] = field(default_factory=dict)
    _nodes_of: dict[InstanceId, set[str]] = field(default_factory=dict)
    _views: dict[ObjectKey, Reference] = field(default_factory=dict)
    _claimants: dict[ObjectKey, Claimant] = field(default_factory=dict)
    _selected: dict[ObjectKey, set[str]] = field(default_factory=dict)
    _rows: dict[ObjectKey, Mapping[InstanceId, Row]] = field(default_factory=dict)
    _holders: dict[InstanceId, set[ObjectKey]] = field(default_factory=dict)
    _assigned: dict[InstanceId, ObjectKey] = field(default_factory=dict)

    def put_node(self, node: NodeFacts) -> Wakes:
        """Take in a node; return the bindings it concerns, now or before."""
        old = self.nodes.get(node.name)
        if old == node:
            return {}
        concerned = self._forget_node(old)
        self.nodes[node.name] = node
        if node.instance:
            self._nodes_of.setdefault(node.instance, set()).add(node.name)
        for key, claimant in self._claimants.items():
            if selects(claimant.selector, claimant.node_names, node):
                self._selected[key].add(node.name)
                concerned.add(key)
        return self._wakes(concerned, old, node)

    def drop_node(self, name: str) -> Wakes:
        """Forget a node; return the bindings it concerned."""
        old = self.nodes.get(name)
        return self._wakes(self._forget_node(old), old)

    def put(self, view: Reference) -> Wakes:
        """Take in a binding; return the other bindings whose instances it changes."""
        key, before = view.key, self._views.get(view.key)
        touched: set[InstanceId] = set()
        if before is None or (before.uid, before.spec, before.deleting) != (view.uid, view.spec, view.deleting):
            touched |= self._select(view)
        self._views[key] = view
        touched |= self._store_rows(key, rows_of(view.status))
        return self._concerned(touched)

    def drop(self, key: ObjectKey) -> Wakes:
        """Forget a binding; return the other bindings that may have its instances now."""
        touched = self._store_rows(key, {})
        touched |= self._instances(self._selected.pop(key, set()))
        for table in (self._views, self._claimants, self._rows):
            table.pop(key, None)
        self._reassign(touched)
        return self._concerned(touched)

    def of(
        self, key: ObjectKey
    ) -> tuple[tuple[NodeFacts, ...], Mapping[InstanceId, str], Mapping[InstanceId, ObjectKey]]:
        """The nodes that a binding selects; of its instances the nodes, and which binding has each."""
        if key not in self._views:
            return (), {}, {}
        selected = tuple(self.nodes[name] for name in sorted(self._selected.get(key, ())))
        instances = {*self._rows.get(key, {}), *(node.instance for node in selected if node.instance)}
        known = {one: min(names) for one in instances if (names := self._nodes_of.get(one))}
        assigned = {one: self._assigned[one] for one in instances if one in self._assigned}
        return selected, known, assigned

    def claims_of_others(self, key: ObjectKey) -> Mapping[InstanceId, Mapping[str, Json]]:
        """Claims that other bindings hold on the instances of this one; of several that of the assigned one."""
        if key not in self._views:
            return {}
        instances = {*self._rows.get(key, {}), *self._instances(self._selected.get(key, ()))}
        return {
            one: self._rows[holder][one].as_json()
            for one in instances
            for holder in sorted(self._holders.get(one, ()), key=lambda its: (its == self._assigned.get(one), its))
            if holder != key and self._rows[holder][one].claimed
        }

    def _forget_node(self, old: NodeFacts | None) -> set[ObjectKey]:
        if old is None:
            return set()
        del self.nodes[old.name]
        if old.instance:
            _discard(self._nodes_of, old.instance, old.name)
        concerned = {key for key, names in self._selected.items() if old.name in names}
        for key in concerned:
            self._selected[key].discard(old.name)
        return concerned

    def _wakes(self, concerned: Iterable[ObjectKey], *nodes: NodeFacts | None) -> Wakes:
        """Wake the concerned bindings for the instances of these nodes only."""
        instances = {node.instance for node in nodes if node and node.instance}
        self._reassign(instances)
        holders = {holder for one in instances for holder in self._holders.get(one, ())}
        scope = Scope(frozenset(map(str, instances)))
        return dict.fromkeys({*concerned, *holders}, scope)

    def _select(self, view: Reference) -> set[InstanceId]:
        """Match all nodes anew; return the instances selected before or now."""
        key = view.key
        touched = self._instances(self._selected.get(key, ()))
        names = frozenset(view.spec.get("nodeNames") or ())
        claimant = Claimant(key, view.created, Selector.of(view.spec.get("nodeSelector")), names)
        matching = {node.name for node in self.nodes.values() if selects(claimant.selector, names, node)}
        self._selected[key] = set() if view.deleting else matching
        if view.deleting:
            self._claimants.pop(key, None)
        else:
            self._claimants[key] = claimant
        touched |= self._instances(self._selected[key])
        self._reassign(touched)
        return touched

    def _store_rows(self, key: ObjectKey, rows: Mapping[InstanceId, Row]) -> set[InstanceId]:
        """Keep the rows of a binding; return the instances whose claim changed."""
        before = self._rows.get(key, {})
        for one in before.keys() - rows.keys():
            _discard(self._holders, one, key)
        for one in rows.keys() - before.keys():
            self._holders.setdefault(one, set()).add(key)
        self._rows[key] = rows
        return {one for one in {*before, *rows} if _claim(before.get(one)) != _claim(rows.get(one))}

    def _reassign(self, instances: Iterable[InstanceId]) -> None:
        touched = set(instances)
        names = {name for one in touched for name in self._nodes_of.get(one, ())}
        found = assign(self._claimants.values(), [self.nodes[name] for name in names])
        for one in touched:
            if one in found:
                self._assigned[one] = found[one]
            else:
                self._assigned.pop(one, None)

    def _concerned(self, touched: set[InstanceId]) -> Wakes:
        """The bindings that hold a row for these instances or have them assigned, with those instances as scope."""
        found: dict[ObjectKey, set[str]] = {}
        for one in touched:
            for key in {*self._holders.get(one, ()), *filter(None, (self._assigned.get(one),))}:
                found.setdefault(key, set()).add(str(one))
        return {key: Scope(frozenset(subjects)) for key, subjects in found.items()}

    def _instances(self, names: Iterable[str]) -> set[InstanceId]:
        return {one for name in names if (node := self.nodes.get(name)) and (one := node.instance)}


def _discard(table: dict[K, set[V]], key: K, value: V) -> None:
    """Take a value out of a set in a table, and the set when it is empty: instances come and go for years."""
    values = table.get(key, set())
    values.discard(value)
    if not values:
        table.pop(key, None)


def _claim(row: Row | None) -> str | None:
    return row.role if row and row.claimed else None
