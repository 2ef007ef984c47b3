"""A table of sets: what the caches look up by many keys. Keys come and go for years, so no empty set is kept."""

from __future__ import annotations

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Multimap(Generic[K, V]):
    """Sets of values by key."""

    def __init__(self) -> None:
        self._sets: dict[K, set[V]] = {}

    def __getitem__(self, key: K) -> frozenset[V]:
        """The values of a key, none where it has none."""
        return frozenset(self._sets.get(key, ()))

    def add(self, key: K, value: V) -> None:
        """Add a value to a key."""
        self._sets.setdefault(key, set()).add(value)

    def discard(self, key: K, value: V) -> None:
        """Remove a value from a key, where it has it."""
        values = self._sets.get(key, set())
        values.discard(value)
        if not values:
            self._sets.pop(key, None)
