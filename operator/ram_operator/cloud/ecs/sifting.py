"""Getting an answer for a batch of instances of which a few make the API refuse all.

Used by `cloud.ecs` for each batch. ECS refuses a whole call because of one unknown id or one instance in a classic
network, without saying which. One DescribeInstances tells; only if the rest is refused again is the batch halved, down
to the ids that are to blame.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from ram_operator.cloud import Instance
from ram_operator.cloud.client.failures import CLASSIC_NETWORK, INSTANCE_NOT_FOUND
from ram_operator.errors import ClassicNetwork, CloudError, NotFound

CLASSIC = "classic"

_ONE_BAD_ID = frozenset({INSTANCE_NOT_FOUND, CLASSIC_NETWORK})

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sieve(Generic[T]):
    """How to ask, and what to say of an instance that cannot be asked for.

    `ask` makes the call for some ids and returns a value for each it knows one of; `look_up` is DescribeInstances for
    some ids; `instead` turns the error of an id that was left out into its value, None to leave it out of the result.
    """

    ask: Callable[[Sequence[str]], Awaitable[Mapping[str, T | CloudError]]]
    look_up: Callable[[Sequence[str]], Awaitable[Mapping[str, Instance]]]
    instead: Callable[[CloudError], T | None]

    async def values(self, batch: Sequence[str], looked_up: bool = False) -> dict[str, T | CloudError]:
        """Return the values by id, for those that could not be asked for the error that `ask` or `look_up` raised."""
        try:
            return dict(await self.ask(batch))
        except CloudError as error:
            refused = error
        if refused.code not in _ONE_BAD_ID:
            return dict.fromkeys(batch, refused)
        try:
            bad = {} if looked_up else _unfit(refused, batch, await self.look_up(batch))
        except CloudError as error:
            return dict.fromkeys(batch, error)
        if bad:
            rest = [instance for instance in batch if instance not in bad]
            return self._instead(bad) | (await self.values(rest, looked_up=True) if rest else {})
        if len(batch) == 1:
            return self._instead({batch[0]: refused})
        return await self._halved(batch)

    async def _halved(self, batch: Sequence[str]) -> dict[str, T | CloudError]:
        middle = len(batch) // 2
        first, second = await asyncio.gather(*(self.values(half, True) for half in (batch[:middle], batch[middle:])))
        return first | second

    def _instead(self, bad: Mapping[str, CloudError]) -> dict[str, T | CloudError]:
        values = {instance: self.instead(error) for instance, error in bad.items()}
        return {instance: value for instance, value in values.items() if value is not None}


def _unfit(refused: CloudError, batch: Sequence[str], known: Mapping[str, Instance]) -> dict[str, CloudError]:
    """Return the error of each instance that cannot have a role."""
    errors: dict[str, CloudError] = {}
    for instance in batch:
        if instance not in known:
            words = f"{instance} does not exist in the region"
            errors[instance] = NotFound(refused.action, INSTANCE_NOT_FOUND, words).with_region(refused.region)
        elif known[instance].network == CLASSIC:
            words = f"{instance} is in a classic network: only instances in a VPC can have a role"
            errors[instance] = ClassicNetwork(refused.action, CLASSIC_NETWORK, words).with_region(refused.region)
    return errors
