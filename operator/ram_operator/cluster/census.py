"""How many objects are in which condition, and how many instances in which state: counted when /metrics is read."""

from __future__ import annotations

from collections import Counter

from ram_operator import metrics
from ram_operator.cluster.caches import Caches
from ram_operator.model import find_condition


def count(caches: Caches) -> None:
    """Set the gauges to what is in the caches."""
    objects: Counter[tuple[str, str, str]] = Counter()
    instances: Counter[str] = Counter()
    for view, states in caches.views():
        ready = find_condition(view.status.get("conditions")).get("status", "")
        objects[view.key.kind, ready, view.reason] += 1
        instances.update(states)
    metrics.OBJECTS.clear()
    for labels, number in objects.items():
        metrics.OBJECTS.labels(*labels).set(number)
    metrics.INSTANCES.clear()
    for state, number in instances.items():
        metrics.INSTANCES.labels(state).set(number)
