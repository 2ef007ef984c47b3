"""What a sweep has in hand when it asks the kinds for drift, and what they answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar

from ram_operator.cloud import Cloud
from ram_operator.model import ObjectKey, Owner, Scope, Unreadable

P = ParamSpec("P")
T = TypeVar("T")
SLICE = 50
"""How many objects are compared before the event loop's other tasks get their turn."""


@dataclass(frozen=True, slots=True)
class Survey:
    """One round of sweeps over all kinds, in which each list is read once, whichever kinds ask for it.

    Args:
        cloud: the ports; only lists and batched reads are called.
        owner: whose the cloud object of an object should be.
        first: whether it is the first round after a start, which reads no object only to show its status as it is now.
    """

    cloud: Cloud
    owner: Callable[[ObjectKey], Owner]
    first: bool = False
    _reads: dict[tuple[object, ...], asyncio.Task[Any]] = field(default_factory=dict)

    async def once(self, read: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Make a call of a port, or return what it returned or raised before in this round."""
        call = (read, args, *sorted(kwargs.items()))
        if call not in self._reads:
            self._reads[call] = asyncio.create_task(read(*args, **kwargs))
        result: T = await self._reads[call]
        return result


@dataclass(frozen=True, slots=True)
class Orphan:
    """A role or policy with the marks of this cluster whose object does not exist.

    Args:
        key: the object that its marks name.
        name: what RAM calls it.
        created: when it was made, as RAM writes it.
        tags: its tags.
    """

    key: ObjectKey
    name: str
    created: str = ""
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Drift:
    """What a sweep saw of a kind.

    Attributes:
        nominated: the objects that differ from what the cloud shows, and in which of their subjects.
        unreadable: what could not be read; the rest could.
        orphans: cloud objects with the marks of this cluster whose object does not exist.
    """

    nominated: dict[ObjectKey, Scope]
    unreadable: tuple[Unreadable, ...] = ()
    orphans: frozenset[Orphan] = frozenset()


async def in_slices(items: Iterable[T]) -> AsyncIterator[T]:
    """The items one by one; nothing else waits until thousands are compared."""
    for number, item in enumerate(items):
        if number % SLICE == 0:
            await asyncio.sleep(0)
        yield item
