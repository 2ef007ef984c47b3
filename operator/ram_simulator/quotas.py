"""The documented quotas of calls; a call over them is answered with Throttling.User.

Rates are those of the quota pages of RAM, STS and ECS; for actions that those pages leave out, the rate of their like.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ram_simulator.calls import Action, Product
from ram_simulator.errors import ApiError

_ATTACHING = ("AttachPolicyTo", "DetachPolicyFrom")


@dataclass(frozen=True, slots=True)
class Quota:
    """At most `calls` in each period of `seconds`."""

    calls: int
    seconds: int


_READS, _WRITES, _ATTACHMENTS = Quota(100, 1), Quota(20, 1), Quota(10, 1)
_PER_PRODUCT: Mapping[str, Quota] = {"Sts": Quota(100, 1), "Ecs": Quota(500, 60)}


class Quotas:
    """Counts the calls of each action; those of ECS for each region."""

    def __init__(self) -> None:
        self._spent: dict[tuple[str, str], tuple[int, int]] = {}

    def spend(self, product: Product, action: Action, region: str, now: datetime) -> None:
        """Count a call; raise ApiError if its period has had all its calls."""
        quota = quota_of(product, action)
        period, passed = divmod(now.timestamp(), quota.seconds)
        subject = (action.name, region if product.name == "Ecs" else "")
        counted, calls = self._spent.get(subject, (int(period), 0))
        if counted != int(period):
            calls = 0
        if calls >= quota.calls:
            error = ApiError(400, "Throttling.User", "Request was denied due to user flow control.")
            error.retry_after_ms = int((quota.seconds - passed) * 1000) + 1
            raise error
        self._spent[subject] = (int(period), calls + 1)


def quota_of(product: Product, action: Action) -> Quota:
    """Return the quota of an action."""
    if product.name in _PER_PRODUCT:
        return _PER_PRODUCT[product.name]
    if action.name.startswith(_ATTACHING):
        return _ATTACHMENTS
    return _WRITES if action.write else _READS
