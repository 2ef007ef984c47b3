"""What things were before they changed, for reads that show the past by a switch.

It reaches back as far as such a switch can, and does not outlive the process.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Generic, TypeVar

Item = TypeVar("Item")

_REACHES_BACK = timedelta(hours=1)


class History(Generic[Item]):
    """The changes of named things: when each was, and what the thing was before; None if it was not there."""

    def __init__(self) -> None:
        self._changes: dict[str, list[tuple[datetime, Item | None]]] = {}
        self._pruned: datetime | None = None

    def note(self, name: str, before: Item | None, now: datetime) -> None:
        """Note that a thing changes now, with a copy of what it was before."""
        self._pruned = self._pruned or now
        # what is too old is dropped for all at once, so that a note costs little
        if now - self._pruned > _REACHES_BACK:
            self._pruned = now
            recent = {
                key: [pair for pair in held if now - pair[0] <= _REACHES_BACK] for key, held in self._changes.items()
            }
            self._changes = {key: held for key, held in recent.items() if held}
        self._changes.setdefault(name, []).append((now, before))

    def at(self, name: str, moment: datetime, current: Item | None) -> Item | None:
        """Return what a thing was at a moment, None if it was not there."""
        return next((before for changed, before in self._changes.get(name, ()) if changed > moment), current)

    def all_at(self, moment: datetime, current: Iterable[Item], name_of: Callable[[Item], str]) -> Iterator[Item]:
        """Return all things that were there at a moment, the present ones first."""
        present = {name_of(item): item for item in current}
        for name in {**present, **self._changes}:
            if (found := self.at(name, moment, present.get(name))) is not None:
                yield found
