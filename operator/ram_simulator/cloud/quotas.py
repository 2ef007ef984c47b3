"""The documented quotas of calls; a call over them is answered with Throttling.User.

Rates are those of the quota pages of RAM, STS and ECS; actions that those pages leave out have the rates of switches.
RAM and STS are token buckets; ECS counts by the minute: who is throttled in one minute may call in the next.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ram_simulator.cloud.calls import Action, Product
from ram_simulator.cloud.errors import ApiError
from ram_simulator.cloud.switches import Switches, SwitchName

_MINUTE = 60
_TEN = ("AttachPolicyToRole", "DetachPolicyFromRole", "DetachPolicyFromGroup", "DecodeDiagnosticMessage")
_TWENTY = (
    "CreateRole",
    "DeleteRole",
    "CreatePolicyVersion",
    "DeletePolicy",
    "DeleteUser",
    "CreateAccessKey",
    "UpdateAccessKey",
    "UpdateGroup",
    "CreateLoginProfile",
    "UpdateLoginProfile",
    "DeleteLoginProfile",
    "SetAccountAlias",
)
_HUNDRED = (
    "GetRole",
    "GetUser",
    "GetUserMFAInfo",
    "GetSecurityPreference",
    "ListPolicies",
    "ListPoliciesForRole",
    "ListPoliciesForUser",
    "ListEntitiesForPolicy",
    "ListAccessKeys",
    "ListUsersForGroup",
    "ListGroupsForUser",
    "GetCallerIdentity",
    "AssumeRole",
    "AssumeRoleWithOIDC",
)
# calls in a second, of each account and action
_DOCUMENTED: Mapping[str, int] = {
    **dict.fromkeys(_TEN, 10),
    **dict.fromkeys(_TWENTY, 20),
    **dict.fromkeys(_HUNDRED, 100),
}
# the pages leave these out; they are the siblings of actions that have ten
_LIKE_ATTACHING = ("AttachPolicyTo", "DetachPolicyFrom")


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled: float


class Quotas:
    """Counts the calls of each action; those of ECS for each region."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches
        self._buckets: dict[str, _Bucket] = {}
        self._minutes: dict[tuple[str, str], tuple[int, int]] = {}

    def spend(self, product: Product, action: Action, region: str, now: datetime) -> None:
        """Count a call at the simulated time; raise ApiError if there is no call left for it."""
        if product.name == "Ecs":
            self._spend_of_minute(action.name, region, now.timestamp())
        else:
            self._spend_of_bucket(action, now.timestamp())

    def forget(self) -> None:
        """Let every action have all its calls again."""
        self._buckets.clear()
        self._minutes.clear()

    def rate_of(self, action: Action) -> int:
        """Return the calls in a second that an action of RAM or STS has."""
        if action.name in _DOCUMENTED:
            return _DOCUMENTED[action.name]
        if action.name.startswith(_LIKE_ATTACHING):
            return _DOCUMENTED["AttachPolicyToRole"]
        return self._switches.number(SwitchName.WRITES if action.write else SwitchName.READS)

    def _spend_of_bucket(self, action: Action, now: float) -> None:
        rate = self.rate_of(action)
        bucket = self._buckets.setdefault(action.name, _Bucket(rate, now))
        bucket.tokens = min(rate, bucket.tokens + max(0.0, now - bucket.filled) * rate)
        bucket.filled = now
        if bucket.tokens < 1:
            raise _throttled((1 - bucket.tokens) / rate if rate else _MINUTE)
        bucket.tokens -= 1

    def _spend_of_minute(self, name: str, region: str, now: float) -> None:
        minute, passed = divmod(now, _MINUTE)
        counted, calls = self._minutes.get((name, region), (int(minute), 0))
        calls = calls if counted == int(minute) else 0
        if calls >= self._switches.number(SwitchName.ECS_CALLS):
            raise _throttled(_MINUTE - passed)
        self._minutes[(name, region)] = (int(minute), calls + 1)


def _throttled(seconds: float) -> ApiError:
    error = ApiError(400, "Throttling.User", "Request was denied due to user flow control.")
    error.retry_after_ms = int(seconds * 1000) + 1
    return error
