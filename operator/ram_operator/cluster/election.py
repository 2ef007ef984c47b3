"""One leader among the replicas, by a Lease (coordination.k8s.io/v1), as client-go elects one.

Run by `runtime`; the signer of the cloud's requests asks `valid_until` before each write. Times are of a clock that
counts on while the machine is suspended, and a renewal counts from before it was sent: the leader never believes in its
lease for longer than the others do. The clocks of the replicas are never compared: a lease has ended for others when
they saw no change of it for as long as it lasts.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from ram_operator import metrics
from ram_operator.cluster.kube import Kube
from ram_operator.errors import KubeError, OperatorError, StaleObject, StartupError
from ram_operator.model import ACCOUNT_ANNOTATION, ACCOUNT_REMEDY

log = logging.getLogger(__name__)

LEASE_SECONDS = 15.0
"""How long a lease lasts: more than a cloud call takes, since a write is sent only under a lease that outlasts it."""

RENEW_SECONDS = 2.0
"""How often the leader renews its lease, and how often the others look at it."""

RENEW_DEADLINE = 10.0
"""For how long renewals may fail before the leader gives up."""

SHORTEST_WAIT = 0.01

REQUEST_SECONDS = 5.0
"""How long one request may take."""


class LeaseLost(OperatorError):
    """The lease could not be renewed in time, or another replica has it."""


@dataclass(slots=True)
class KubeLease:
    """Implements `LeaseApi` over the API server. What others have written beside the spec stays."""

    kube: Kube
    namespace: str
    name: str
    _metadata: Mapping[str, Any] = field(default_factory=dict)
    _account: str = ""

    async def read(self) -> Mapping[str, Any] | None:
        """Return the Lease, None where there is none. Raises StartupError where it names another account than ours."""
        try:
            lease: Mapping[str, Any] = await self.kube.request("GET", f"{self._leases}/{self.name}")
        except KubeError as error:
            if error.status == 404:
                self._metadata = {}
                return None
            raise
        self._metadata = lease["metadata"]
        if self._account and (problem := other_account(self._named, self._account)):
            raise StartupError(problem)
        return lease

    async def account(self) -> str:
        """Return the account that the Lease names, "" for none."""
        await self.read()
        return self._named

    def stay_in(self, account: str) -> None:
        """Name this account with each write from now on."""
        self._account = account

    async def write(self, spec: Mapping[str, Any], version: str) -> Mapping[str, Any]:
        """Create the Lease, or replace the one of a version."""
        stored = {**self._metadata, "resourceVersion": version} if version else {}
        account = {ACCOUNT_ANNOTATION: self._account} if self._account else {}
        annotations = {**(stored.get("annotations") or {}), **account}
        metadata = {**stored, "name": self.name, "namespace": self.namespace, "annotations": annotations}
        body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": dict(spec)}
        method, path = ("PUT", f"{self._leases}/{self.name}") if version else ("POST", self._leases)
        try:
            written: Mapping[str, Any] = await self.kube.request(method, path, body=body)
        except KubeError as error:
            if error.status in (404, 409):
                raise StaleObject(str(error)) from None
            raise
        self._metadata = written["metadata"]
        return written

    @property
    def _named(self) -> str:
        """The account that the Lease names, as it was last read or written, "" for none."""
        return str((self._metadata.get("annotations") or {}).get(ACCOUNT_ANNOTATION, ""))

    @property
    def _leases(self) -> str:
        return f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases"


def other_account(named: str, ours: str, evidence: str = "the Lease says that this operator works there") -> str:
    """What to do where something names another account than that of our credentials; "" where it does not."""
    if named in ("", ours):
        return ""
    return f"credentials of account {named}: {evidence}, and these are of account {ours}; {ACCOUNT_REMEDY}"


class LeaseApi(Protocol):
    """The one Lease, as the API server stores it."""

    async def read(self) -> Mapping[str, Any] | None:
        """Return it, None where there is none. Raises KubeError, StartupError where it names another account."""

    async def write(self, spec: Mapping[str, Any], version: str) -> Mapping[str, Any]:
        """Create it, or replace the one of this version. Raises StaleObject where it has another, else KubeError."""

    async def account(self) -> str:
        """Return the account that it names, "" for none. Raises KubeError."""

    def stay_in(self, account: str) -> None:
        """Name this account with each write from now on."""


class Alone:
    """The leadership of an operator that runs alone: it never ends."""

    def valid_until(self) -> float:
        """Return a time that never comes."""
        return math.inf

    def reference(self) -> None:
        """Return nothing: there is no Lease."""

    def overdue(self) -> float:
        """Return 0."""
        return 0.0

    async def account(self) -> str:
        """Return "": nothing of it is kept."""
        return ""

    def stay_in(self, account: str) -> None:
        """Do nothing."""

    async def acquire(self) -> None:
        """Return at once, as the leader."""
        metrics.LEADER.set(1)

    async def hold(self) -> None:
        """Never return."""
        await asyncio.Event().wait()

    async def release(self) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A version of the Lease and when it was first seen, or, of an own one, when it was sent."""

    version: str
    spec: Mapping[str, Any]
    at: float

    @property
    def holder(self) -> str:
        return str(self.spec.get("holderIdentity") or "")

    @property
    def ends_at(self) -> float:
        return self.at + float(self.spec.get("leaseDurationSeconds") or 0)


NOTHING = _Seen("", {}, float("-inf"))


class Elector:
    """Acquires, renews and releases the lease.

    Args:
        api: the Lease.
        identity: names this process; no other one has it.
        clock: seconds that count on while the machine is suspended.
        now: the time of day, for people who read the Lease.
        sleep: waits that many seconds.
    """

    def __init__(
        self,
        api: LeaseApi,
        identity: str,
        clock: Callable[[], float],
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._api = api
        self._identity = identity
        self._clock = clock
        self._now = now
        self._sleep = sleep
        self._seen = NOTHING
        self._metadata: Mapping[str, Any] = {}
        self._valid_until = float("-inf")

    def valid_until(self) -> float:
        """Return until when this process is the leader, on the clock; -inf while it is not."""
        return self._valid_until

    def overdue(self) -> float:
        """Return how many seconds ago the lease of a leader ended that has not noticed; 0 while all is well."""
        return max(0.0, self._clock() - self._valid_until) if self._leads else 0.0

    def reference(self) -> Mapping[str, Any] | None:
        """The Lease as events name what they are about, None before this process has had it."""
        about = {name: self._metadata[name] for name in ("namespace", "name", "uid") if name in self._metadata}
        return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", **about} if about else None

    async def account(self) -> str:
        """Return the account that leaders before have worked in, "" for none. Raises KubeError."""
        return await self._api.account()

    def stay_in(self, account: str) -> None:
        """Have the leaders after this one work in this account, too; do not lead where others work in another one."""
        self._api.stay_in(account)

    @property
    def _leads(self) -> bool:
        return self._valid_until > float("-inf")

    async def acquire(self) -> None:
        """Wait until this process is the leader. Raises StartupError where the leaders work in another account."""
        while not await self._tried(self._take):
            wait = RENEW_SECONDS
            if self._seen.holder and (left := self._seen.ends_at - self._clock()) > 0:
                wait = min(wait, max(left, SHORTEST_WAIT))
            await self._sleep(wait)
        metrics.LEADER.set(1)
        log.info("became the leader", extra={"identity": self._identity})

    async def hold(self) -> None:
        """Renew the lease for as long as that is possible. Raises LeaseLost, StartupError as `acquire` does."""
        renewed_at = self._seen.at
        while True:
            await self._sleep(RENEW_SECONDS)
            if await self._tried(self._take):
                renewed_at = self._seen.at
            elif self._seen.holder not in ("", self._identity):
                raise self._lost(f"{self._seen.holder} has the lease")
            elif self._clock() - renewed_at > RENEW_DEADLINE:
                raise self._lost(f"the lease could not be renewed for {RENEW_DEADLINE:.0f} s")

    async def release(self) -> None:
        """Give the lease back, so that another replica need not wait for its end."""
        if not self._leads:
            return
        # First of all nothing is written any more.
        self._valid_until = float("-inf")
        metrics.LEADER.set(0)
        spec = {**self._seen.spec, "holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": self._timestamp()}
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                await self._api.write(spec, self._seen.version)
        except (KubeError, StaleObject, TimeoutError) as error:
            log.warning("the lease could not be released, it ends by itself", extra={"error": str(error)})

    def _lost(self, why: str) -> LeaseLost:
        self._valid_until = float("-inf")
        metrics.LEADER.set(0)
        return LeaseLost(f"not the leader any more: {why}")

    async def _tried(self, attempt: Callable[[], Awaitable[bool]]) -> bool:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                return await attempt()
        except (KubeError, StaleObject, TimeoutError) as error:
            log.warning("the lease could not be read or written, trying again", extra={"error": str(error)})
            # Whatever became of the request: what is stored is looked at before the next one.
            self._seen = _Seen("", self._seen.spec, self._seen.at)
            return False

    async def _take(self) -> bool:
        """Create, take over or renew the lease, if it is free or ours; whether it is ours now."""
        if not (self._leads and self._seen.version):
            await self._look()
        seen = self._seen
        ours = seen.holder == self._identity
        if seen.holder and not ours and (self._leads or self._clock() < seen.ends_at):
            return False
        sent_at = self._clock()
        stored = await self._api.write(self._spec(seen, ours), seen.version)
        self._seen = _Seen(_version(stored), stored["spec"], sent_at)
        self._metadata = stored["metadata"]
        self._valid_until = sent_at + LEASE_SECONDS
        return True

    async def _look(self) -> None:
        """Note what is stored; a version that was seen before keeps its time."""
        lease = await self._api.read()
        if lease is None:
            self._seen = NOTHING
        elif _version(lease) != self._seen.version:
            known = lease["spec"] == self._seen.spec
            self._seen = _Seen(_version(lease), lease["spec"], self._seen.at if known else self._clock())

    def _spec(self, seen: _Seen, ours: bool) -> dict[str, Any]:
        acquired, transitions = seen.spec.get("acquireTime"), int(seen.spec.get("leaseTransitions") or 0)
        now = self._timestamp()
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(LEASE_SECONDS),
            "acquireTime": acquired if ours and acquired else now,
            "renewTime": now,
            "leaseTransitions": transitions if ours or not seen.version else transitions + 1,
        }

    def _timestamp(self) -> str:
        return self._now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _version(lease: Mapping[str, Any]) -> str:
    return str(lease["metadata"]["resourceVersion"])
