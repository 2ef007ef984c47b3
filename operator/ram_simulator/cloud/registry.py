"""Named things in the order of their creation, paged by marker; RAM keeps its roles and policies in it."""

from bisect import bisect_right, insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page of a list; `marker` is None on the last."""

    items: list[Item]
    marker: str | None


class Registry(Generic[Item]):
    """Items by name; a page costs what the page holds, not the whole list.

    Names may differ in case only, if their owner lets them: then the right spelling is found, and any without one.
    """

    def __init__(self) -> None:
        # lower-cased name -> spelling -> number
        self._numbers: dict[str, dict[str, int]] = {}
        self._items: dict[int, Item] = {}
        self._order: list[int] = []
        self._next = 1

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        return (self._items[number] for number in self._order)

    def get(self, name: str) -> Item | None:
        """Return the item of that name, of the name in another case if there is none."""
        spellings = self._numbers.get(name.lower())
        if spellings is None:
            return None
        number = spellings.get(name)
        return self._items[next(iter(spellings.values())) if number is None else number]

    def add(self, name: str, item: Item) -> None:
        """Add an item under a name that is free."""
        self._numbers.setdefault(name.lower(), {})[name] = self._next
        self._items[self._next] = item
        insort(self._order, self._next)
        self._next += 1

    def rename(self, name: str, new_name: str) -> None:
        """Know the item of that name, as it was added, by another one, that is free; its place in lists stays."""
        self._numbers.setdefault(new_name.lower(), {})[new_name] = self._forget(name)

    def remove(self, name: str) -> None:
        """Remove the item of that name, as it was added."""
        number = self._forget(name)
        del self._items[number]
        self._order.pop(bisect_right(self._order, number) - 1)

    def _forget(self, name: str) -> int:
        spellings = self._numbers[name.lower()]
        number = spellings.pop(name)
        if not spellings:
            del self._numbers[name.lower()]
        return number

    def page(self, marker: int, size: int, wanted: Callable[[Item], bool] = lambda item: True) -> Page[Item]:
        """Return up to `size` wanted items after `marker` (0 for the first page)."""
        found: list[Item] = []
        last = 0
        for position in range(bisect_right(self._order, marker), len(self._order)):
            number = self._order[position]
            if not wanted(self._items[number]):
                continue
            if len(found) == size:
                return Page(found, str(last))
            found.append(self._items[number])
            last = number
        return Page(found, None)
