"""Which nodes each binding selects, kept up to date.

Nodes are looked up by the labels that selectors ask for, and selectors by the labels that nodes have, so that a change
is judged only where it can matter: thousands of nodes and hundreds of bindings come within a second at a start.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ram_operator.model import NodeFacts, ObjectKey
from ram_operator.model.multimap import Multimap
from ram_operator.rules.assignment import Claimant
from ram_operator.rules.nodes import selects
from ram_operator.rules.selectors import Label, Selector


@dataclass(slots=True)
class Selections:
    """Nodes, claimants, and which selects which.

    Attributes:
        nodes: all nodes by name.
        claimants: all claimants by the key of their binding; their selectors are read already.
    """

    nodes: dict[str, NodeFacts] = field(default_factory=dict)
    claimants: dict[ObjectKey, Claimant] = field(default_factory=dict)
    _selected: Multimap[ObjectKey, str] = field(default_factory=Multimap)
    _selecting: Multimap[str, ObjectKey] = field(default_factory=Multimap)
    _label_keys: set[str] = field(default_factory=set)
    _nodes_with: Multimap[Label, str] = field(default_factory=Multimap)
    _asking_for: Multimap[Label, ObjectKey] = field(default_factory=Multimap)
    _naming: Multimap[str, ObjectKey] = field(default_factory=Multimap)
    _asking_otherwise: set[ObjectKey] = field(default_factory=set)

    def selected(self, key: ObjectKey) -> frozenset[str]:
        """The names of the nodes that a binding selects."""
        return self._selected[key]

    def selecting(self, name: str) -> frozenset[ObjectKey]:
        """The bindings that select a node."""
        return self._selecting[name]

    def put_node(self, node: NodeFacts) -> None:
        """Note a node."""
        self.nodes[node.name] = node
        for label in self._known_labels(node):
            self._nodes_with.add(label, node.name)
        candidates = self._asking_otherwise | self._naming[node.name]
        for label in node.labels:
            candidates |= self._asking_for[label]
        for key in candidates:
            self._match(self.claimants[key], node)

    def remove_node(self, node: NodeFacts) -> None:
        """Forget a node."""
        del self.nodes[node.name]
        for label in self._known_labels(node):
            self._nodes_with.discard(label, node.name)
        for key in self._selecting[node.name]:
            self._unmatch(key, node.name)

    def put_claimant(self, claimant: Claimant) -> None:
        """Note a claimant, whose selector is read already."""
        key, selector = claimant.key, Selector.of(claimant.selector)
        self.claimants[key] = claimant
        for label in selector.labels:
            self._asking_for.add(label, key)
        for name in claimant.node_names:
            self._naming.add(name, key)
        if selector.terms and not selector.labels:
            self._asking_otherwise.add(key)
        for name in self._candidates(claimant.node_names, selector):
            self._match(claimant, self.nodes[name])

    def remove_claimant(self, key: ObjectKey) -> None:
        """Forget a claimant, if there is one."""
        claimant = self.claimants.pop(key, None)
        if claimant is None:
            return
        for label in Selector.of(claimant.selector).labels:
            self._asking_for.discard(label, key)
        for name in claimant.node_names:
            self._naming.discard(name, key)
        self._asking_otherwise.discard(key)
        for name in self._selected[key]:
            self._unmatch(key, name)

    def _candidates(self, names: frozenset[str], selector: Selector) -> set[str]:
        """The nodes that may be selected: those with a label that is asked for, else all."""
        named = {name for name in names if name in self.nodes}
        if not selector.labels:
            return set(self.nodes) if selector.terms else named
        for key in {label[0] for label in selector.labels} - self._label_keys:
            self._learn_label(key)
        return named.union(*(self._nodes_with[label] for label in selector.labels))

    def _learn_label(self, key: str) -> None:
        """Look nodes up by a label key that no selector has asked for yet."""
        self._label_keys.add(key)
        for node in self.nodes.values():
            for label in node.labels:
                if label[0] == key:
                    self._nodes_with.add(label, node.name)

    def _known_labels(self, node: NodeFacts) -> Iterator[Label]:
        return (label for label in node.labels if label[0] in self._label_keys)

    def _match(self, claimant: Claimant, node: NodeFacts) -> None:
        if selects(claimant.selector, claimant.node_names, node):
            self._selected.add(claimant.key, node.name)
            self._selecting.add(node.name, claimant.key)

    def _unmatch(self, key: ObjectKey, name: str) -> None:
        self._selected.discard(key, name)
        self._selecting.discard(name, key)
