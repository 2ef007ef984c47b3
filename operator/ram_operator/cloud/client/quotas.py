"""How fast each API may be called by the documentation: where the adaptive rate limiter starts.

Alibaba Cloud counts RAM's and STS's calls by the second and API, those of ECS by the minute, API and region, all per
account. Figures: the quota pages of the APIs (https://api.aliyun.com, RAM 2015-05-01, STS 2015-04-01, ECS 2014-05-26);
what they leave out is taken to be as its siblings: 20 a second for a write, 100 for a read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ram_operator.cloud.client.transport import is_write


@dataclass(frozen=True, slots=True)
class Quota:
    """Calls per second, and for how many seconds' worth of calls may leave at once after a pause."""

    rate: float
    burst_seconds: float


_BURST_SECONDS = 0.8
"""Less than a second's worth of calls: the clocks of both ends and the way between them differ."""

_ECS = Quota(200 / 60, 90.0)
"""500 calls a minute: 300 at once, for a start with thousands of nodes, and 200 in the same minute."""

_BY_ACTION: Mapping[str, float] = {
    "AttachPolicyToRole": 10.0,
    "DetachPolicyFromRole": 10.0,
    "GetCallerIdentity": 100.0,
}
_WRITES = 20.0
_READS = 100.0


def quota_of(key: str) -> Quota:
    """Return the documented quota of an API.

    Args:
        key: as `cloud.client` counts: an API's name, and for ECS `@` and the region.
    """
    action, _, region = key.partition("@")
    if region:
        return _ECS
    return Quota(_BY_ACTION.get(action, _WRITES if is_write(action) else _READS), _BURST_SECONDS)
