"""Which nodes each binding selects, which binding has each instance, and who holds a row for it: kept up to date.

`cluster.caches` feeds it through `kinds.Index`. A change touches only the instances it concerns, so that thousands of
nodes cost each other nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from ram_operator.kinds import Wakes
from ram_operator.kinds.instance_role_binding.rows import RELEASING_STATES, Row, rows_of
from ram_operator.kinds.instance_role_binding.selecting import Selections
from ram_operator.model import NOTHING_TO_READ, Facts, InstanceId, Json, NodeFacts, ObjectKey, Reference, Scope, Unclear
from ram_operator.model.multimap import Multimap
from ram_operator.rules.assignment import Claimant, assign
from ram_operator.rules.nodes import Selector, check_selector


@dataclass(frozen=True, slots=True)
class Selection:
    """What the index says of one binding.

    Attributes:
        nodes: the nodes that it selects, by name.
        rows: its rows that are about an instance.
        known: the node of each instance that it selects or has a row for.
        assigned: which binding has each of those instances.
        shared: those of the instances that it has no claim on and that several bindings select.
        contested: the nodes of each of those instances of which they do not tell which binding has it.
        other_rows: the claims of other bindings on those instances; of several that of the assigned one.
        heirs: the claims of the bindings that have those instances, where it is another one that is not releasing them.
    """

    nodes: tuple[NodeFacts, ...] = ()
    rows: Mapping[InstanceId, Row] = field(default_factory=dict)
    known: Mapping[InstanceId, str] = field(default_factory=dict)
    assigned: Mapping[InstanceId, ObjectKey] = field(default_factory=dict)
    shared: frozenset[InstanceId] = frozenset()
    contested: Mapping[InstanceId, tuple[NodeFacts, ...]] = field(default_factory=dict)
    other_rows: Mapping[InstanceId, Row] = field(default_factory=dict)
    heirs: Mapping[InstanceId, Row] = field(default_factory=dict)


def selection(facts: Facts) -> Selection:
    """What the index says of the binding that these facts are about."""
    indexed: Selection = facts.indexed
    return indexed


@dataclass(slots=True)
class BindingIndex:
    """Nodes, bindings and their instances; implements `kinds.Index`.

    Args:
        any_instance: whether bindings may name instances that are no nodes.
    """

    any_instance: bool = False
    _selections: Selections = field(default_factory=Selections)
    _naming: Multimap[InstanceId, ObjectKey] = field(default_factory=Multimap)
    _nodes_of: Multimap[InstanceId, str] = field(default_factory=Multimap)
    _rows: dict[ObjectKey, Mapping[InstanceId, Row]] = field(default_factory=dict)
    _holders: Multimap[InstanceId, ObjectKey] = field(default_factory=Multimap)
    _assigned: dict[InstanceId, ObjectKey] = field(default_factory=dict)
    _unreadable: set[ObjectKey] = field(default_factory=set)

    def node_changed(self, before: NodeFacts | None, after: NodeFacts | None) -> Wakes:
        """Note a change of a node; wake the bindings that it concerns, now or before, for its instances only."""
        concerned: set[ObjectKey] = set()
        if before:
            concerned |= self._selections.selecting(before.name)
            self._selections.remove_node(before)
            if before.instance:
                self._nodes_of.discard(before.instance, before.name)
        if after:
            self._selections.put_node(after)
            concerned |= self._selections.selecting(after.name)
            if after.instance:
                self._nodes_of.add(after.instance, after.name)
        instances = {node.instance for node in (before, after) if node and node.instance}
        self._reassign(instances)
        holders = {holder for one in instances for holder in self._holders[one]}
        scope = Scope(frozenset(map(str, instances)))
        known = {key for key in concerned | holders if after and not before and self._is_known(key, after)}
        return dict.fromkeys(concerned | holders, scope) | dict.fromkeys(known, NOTHING_TO_READ)

    def object_changed(self, before: Reference | None, after: Reference | None) -> Wakes:
        """Note a change of a binding; wake the other bindings whose instances it changes."""
        view = after or before
        if view is None:
            return {}
        key, touched = view.key, set[InstanceId]()
        if before is None or after is None or _terms(before) != _terms(after):
            touched |= {*self._instances(key), *self._rows.get(key, ())}
            for one in self._named(key):
                self._naming.discard(one, key)
            self._selections.remove_claimant(key)
            self._unreadable.discard(key)
            if after and not after.deleting:
                self._put_claimant(after)
            touched |= self._instances(key)
        touched |= self._put_rows(key, rows_of(after.status) if after else {})
        self._reassign(touched)
        concerned = self._concerned(touched)
        return {other: scope for other, scope in concerned.items() if other != key}

    def _is_known(self, key: ObjectKey, node: NodeFacts) -> bool:
        """Whether a node that a start shows is as the binding's row says: the first sweep reads its instance."""
        one = node.instance
        row = self._rows.get(key, {}).get(one) if one else None
        if one is None or row is None or not row.in_sync:
            return False
        return self._assigned.get(one) == key and self._nodes_of[one] == {row.node}

    def facts(self, key: ObjectKey) -> Selection:
        """What the index says of a binding."""
        nodes = self._selections.nodes
        selected = tuple(nodes[name] for name in sorted(self._selections.selected(key)))
        rows = self._rows.get(key, {})
        instances = {*rows, *self._named(key), *(node.instance for node in selected if node.instance)}
        return Selection(
            nodes=selected,
            rows=rows,
            known={one: min(names) for one in instances if (names := self._nodes_of[one])},
            assigned={one: self._assigned[one] for one in instances if one in self._assigned},
            shared=frozenset(one for one in instances if not _claim(rows.get(one)) and len(self._wanting(one)) > 1),
            contested={one: its for one in instances if (its := self._contesting(one))},
            other_rows={one: row for one in instances if (row := self._claim_of_another(key, one))},
            heirs={one: row for one in instances if (row := self._heir(key, one))},
        )

    def role_on(self, node: NodeFacts) -> str | Unclear | None:
        """The role that the instance was seen with, by the row of the binding that has it."""
        one = node.instance
        if one is None:
            return None
        if self._contesting(one):
            return Unclear.CONTESTED
        if one not in self._assigned:
            return None
        row = self._rows.get(self._assigned[one], {}).get(one)
        return row.role if row and row.in_sync else None

    def _contesting(self, one: InstanceId) -> tuple[NodeFacts, ...]:
        """The nodes of an instance where they do not tell which binding has it: several, or too many labels."""
        nodes = tuple(self._selections.nodes[name] for name in sorted(self._nodes_of[one]))
        return nodes if len(nodes) > 1 or any(node.skip for node in nodes) else ()

    def _heir(self, key: ObjectKey, one: InstanceId) -> Row | None:
        has = self._assigned.get(one)
        row = self._rows.get(has, {}).get(one) if has and has != key else None
        return row if row and row.claimed and row.state not in RELEASING_STATES else None

    def _claim_of_another(self, key: ObjectKey, one: InstanceId) -> Row | None:
        holders = sorted(self._holders[one] - {key}, key=lambda its: (its == self._assigned.get(one), its))
        rows = [row for holder in holders if (row := self._rows[holder][one]).claimed]
        return rows[-1] if rows else None

    def _put_claimant(self, view: Reference) -> None:
        """Select nodes for a binding. Whose selector cannot be read keeps the instances that it has a claim on."""
        selector = view.spec.get("nodeSelector")
        if selector is not None and check_selector(selector):
            self._unreadable.add(view.key)
            self._selections.put_claimant(Claimant(view.key, view.created))
        else:
            names = frozenset(view.spec.get("nodeNames") or ())
            named = frozenset(instances_of(view.spec) if self.any_instance else ())
            self._selections.put_claimant(Claimant(view.key, view.created, Selector.of(selector), names, named))
            for one in named:
                self._naming.add(one, view.key)

    def _put_rows(self, key: ObjectKey, rows: Mapping[InstanceId, Row]) -> set[InstanceId]:
        """Keep the rows of a binding; return the instances whose claim changed."""
        before = self._rows.pop(key, {})
        for one in before.keys() - rows.keys():
            self._holders.discard(one, key)
        for one in rows.keys() - before.keys():
            self._holders.add(one, key)
        if rows:
            self._rows[key] = rows
        return {one for one in {*before, *rows} if _claim(before.get(one)) != _claim(rows.get(one))}

    def _reassign(self, instances: Iterable[InstanceId]) -> None:
        touched = set(instances)
        names = {name for one in touched for name in self._nodes_of[one]}
        naming = {key for one in touched for key in self._naming[one]}
        claimants = [self._selections.claimants[key] for key in self._selecting_any(names) | naming]
        found = assign([*claimants, *self._keepers(touched)], [self._selections.nodes[name] for name in names])
        for one in touched:
            if one in found:
                self._assigned[one] = found[one]
            else:
                self._assigned.pop(one, None)

    def _wanting(self, one: InstanceId) -> frozenset[ObjectKey]:
        """The bindings that select an instance."""
        return self._naming[one].union(*(self._selections.selecting(name) for name in self._nodes_of[one]))

    def _selecting_any(self, names: Iterable[str]) -> set[ObjectKey]:
        return {key for name in names for key in self._selections.selecting(name)}

    def _keepers(self, instances: set[InstanceId]) -> Iterator[Claimant]:
        """The bindings whose selector cannot be read, with those of the instances that they have a claim on."""
        for key in self._unreadable:
            claimed = frozenset(one for one in instances if _claim(self._rows.get(key, {}).get(one)))
            yield replace(self._selections.claimants[key], instances=claimed)

    def _concerned(self, touched: set[InstanceId]) -> Wakes:
        """The bindings that hold a row for these instances or have them assigned, with those instances as scope."""
        found: dict[ObjectKey, set[str]] = {}
        for one in touched:
            for key in {*self._holders[one], *filter(None, (self._assigned.get(one),))}:
                found.setdefault(key, set()).add(str(one))
        return {key: Scope(frozenset(subjects)) for key, subjects in found.items()}

    def _instances(self, key: ObjectKey) -> set[InstanceId]:
        """The instances that a binding names, and those under the nodes that it selects."""
        nodes = (self._selections.nodes[name] for name in self._selections.selected(key))
        return {*self._named(key), *(node.instance for node in nodes if node.instance)}

    def _named(self, key: ObjectKey) -> frozenset[InstanceId]:
        """The instances that a binding names."""
        claimant = self._selections.claimants.get(key)
        return claimant.instances if claimant else frozenset()


def instances_of(spec: Mapping[str, Json]) -> tuple[InstanceId, ...]:
    """The instances that a spec names; what is none is left out, since the schema has refused it."""
    named = (str(one).partition(".") for one in spec.get("instances") or ())
    return tuple(InstanceId(region, id_) for region, dot, id_ in named if region and id_)


def _terms(view: Reference) -> tuple[str, Mapping[str, Json], bool]:
    """What of a binding decides which instances it has."""
    return view.uid, view.spec, view.deleting


def _claim(row: Row | None) -> tuple[str | None, str | None, bool] | None:
    return (row.role, row.replaced_role, row.state in RELEASING_STATES) if row and row.claimed else None
