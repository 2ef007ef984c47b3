"""Which binding has an instance, decided once for all bindings: an instance can have one role only.

The bindings' index asks with each change and wakes the bindings whose instances moved; they get the answer with their
facts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ram_operator.model import InstanceId, Json, NodeFacts, ObjectKey
from ram_operator.rules.selectors import Selector


@dataclass(frozen=True, slots=True)
class Claimant:
    """What of a binding decides which instances it wants. A binding that is being deleted is none.

    `selector` may be read already (`Selector.of`), which pays where `assign` is asked for every node that comes.
    `created` is metadata.creationTimestamp as Kubernetes writes it: UTC, so that texts order as times.
    """

    key: ObjectKey
    created: str
    selector: Selector | Mapping[str, Json] | None = None
    node_names: frozenset[str] = frozenset()
    instances: frozenset[InstanceId] = frozenset()


def assign(claimants: Iterable[Claimant], nodes: Iterable[NodeFacts]) -> dict[InstanceId, ObjectKey]:
    """Give every instance that is wanted to one claimant: the oldest that wants it, then the first by name.

    Args:
        claimants: all bindings, in any order.
        nodes: all nodes, or just those in question: the answer for an instance depends on its own nodes alone.

    Returns:
        The claimant of each wanted instance; instances that nobody wants are absent.
    """
    ranked = sorted(claimants, key=lambda claimant: (claimant.created, claimant.key))
    selectors = [Selector.of(claimant.selector) for claimant in ranked]
    best: dict[InstanceId, int] = {}
    for rank, claimant in enumerate(ranked):
        for instance in claimant.instances:
            best.setdefault(instance, rank)
    for node in nodes:
        if node.instance is None:
            continue
        rank = _first(ranked, selectors, node)
        if rank < best.get(node.instance, len(ranked)):
            best[node.instance] = rank
    return {instance: ranked[rank].key for instance, rank in best.items()}


def _first(ranked: list[Claimant], selectors: list[Selector], node: NodeFacts) -> int:
    """The rank of the first claimant that selects the node; the number of claimants where none does."""
    labels = dict(node.labels)
    for rank, (claimant, selector) in enumerate(zip(ranked, selectors, strict=True)):
        if node.name in claimant.node_names or selector.matches(labels):
            return rank
    return len(ranked)
