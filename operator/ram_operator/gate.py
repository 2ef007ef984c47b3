"""The start gate: nothing is written before the initial sync is complete and the cloud answers.

A node cache that is half filled looks like a cluster whose nodes were deleted: a binding would detach its role from all
of them. kopf does not tell when its first lists are complete, so the gate lists names itself and compares.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from ram_operator.cloud import StsApi
from ram_operator.cluster.caches import Caches
from ram_operator.cluster.election import Alone, Elector, other_account
from ram_operator.cluster.kube import API, NODES, Kube
from ram_operator.errors import CloudError, Denied, KubeError, StartupError, Unauthenticated, Unavailable
from ram_operator.model import ObjectKey

log = logging.getLogger(__name__)

RELIST_SECONDS = 2.0
LOOK_SECONDS = 0.1
LATE_SECONDS = 60.0
UNREACHABLE_SECONDS = 60.0
RECHECK_SECONDS = 60.0
CLOUD_RETRY_SECONDS = 5.0


async def preflight(kube: Kube, clock: Callable[[], float]) -> str:
    """Check that the cluster has our kinds and lets us do our work; return its UID. Raises StartupError with the fix.

    An API server that does not answer is tried again for a minute: it may be starting, too.
    """
    until = clock() + UNREACHABLE_SECONDS
    while True:
        try:
            await check(kube)
            return await cluster_uid(kube)
        except KubeError as error:
            if clock() > until:
                raise StartupError(f"the API server cannot be reached: {error}") from None
            log.warning("the API server does not answer, trying again", extra={"error": str(error)})
            await asyncio.sleep(RELIST_SECONDS)


async def check(kube: Kube, rights: bool = True) -> None:
    """Raise StartupError with the fix where we cannot do our work, KubeError where the API server does not tell.

    Each right is a request of its own: without `rights` only the kinds are asked for, in one.
    """
    try:
        missing = await kube.missing_kinds()
        forbidden = await kube.missing_permissions() if rights else []
    except KubeError as error:
        if error.status in (401, 403):
            raise StartupError(f"the API server refuses our credentials: {error}") from None
        raise
    if missing:
        fix = "install the CRDs (the Helm chart does, with crds.install=true), then start again"
        raise StartupError(f"the cluster does not have {', '.join(missing)}: {fix}")
    if forbidden:
        fix = "bind the roles that the Helm chart makes to this operator's ServiceAccount"
        raise StartupError(f"not allowed to {'; '.join(forbidden)}: {fix}")


async def cluster_uid(kube: Kube) -> str:
    """Return the UID of the cluster. Raises StartupError with the fix where we may not read it, KubeError otherwise."""
    try:
        return await kube.cluster_uid()
    except KubeError as error:
        if error.status in (401, 403):
            fix = "allow the operator to get namespace kube-system"
            raise StartupError(f"cannot tell which cluster this is: {error}; {fix}") from None
        raise


def _remedy(error: CloudError) -> str:
    match error:
        case Unauthenticated():
            return "give the operator valid credentials (the Secret that the chart names)"
        case Denied():
            return "allow the operator's credentials sts:GetCallerIdentity"
        case Unavailable():
            return "check the endpoint, the proxy and the network policies"
        case _:
            return "it is tried again"


@dataclass(slots=True)
class Gate:
    """Opens once, when the initial sync is complete, and stays open.

    `waits_for` says what is missing, before that and after it, for /readyz.

    Args:
        kube: the cluster.
        sts: tells whose credentials these are, and whether the cloud answers.
        caches: what the watches fill.
        leadership: knows which account the operator has worked in so far.
        clock: monotonic seconds.
    """

    kube: Kube
    sts: StsApi
    caches: Caches
    leadership: Elector | Alone
    clock: Callable[[], float]
    open: asyncio.Event
    waits_for: str = "the start"
    _rest: float = RELIST_SECONDS

    async def run(self) -> None:
        """Wait for the cloud and for the caches, then open; from then on keep `waits_for` up to date, for ever."""
        started = self.clock()
        account = await self._account()
        late = started + LATE_SECONDS
        while not await self._covered():
            if self.clock() > late:
                log.error(
                    "initial sync not complete, nothing is written yet",
                    extra={"waitsFor": self.waits_for},
                )
                late += LATE_SECONDS
        while wrong := await self._of_other_account(account):
            self.waits_for = wrong
            log.error("the credentials are of another account, nothing is written", extra={"waitsFor": wrong})
            await asyncio.sleep(RECHECK_SECONDS)
            account = await self._account()
        self.sts.stay_in(account)
        self.leadership.stay_in(account)
        self.waits_for = ""
        self.open.set()
        log.info("initial sync complete, starting reconcilers", extra={"seconds": round(self.clock() - started, 2)})
        while True:
            await self._await_check()
            await self._check()

    async def _await_check(self) -> None:
        """Wait until the next check of what is missing: a short time while something is, else until a refusal."""
        await asyncio.sleep(self._rest)
        if not self.waits_for:
            with suppress(TimeoutError):
                async with asyncio.timeout(RECHECK_SECONDS):
                    await self.kube.refused.wait()

    async def _check(self) -> None:
        """Check what is missing: an operator that cannot write a status must not look healthy."""
        refused, was_missing, missing = self.kube.refused.is_set(), bool(self.waits_for), ""
        self.kube.refused.clear()
        try:
            await check(self.kube, rights=refused or was_missing)
        except (StartupError, KubeError) as error:
            missing = f"the API server: {error}"
        if missing and not was_missing:
            log.error("not ready", extra={"waitsFor": missing})
        elif was_missing and not missing:
            log.info("ready again")
        self.waits_for = missing
        # A request that is refused although no right is missing may be refused for ever.
        self._rest = RECHECK_SECONDS if refused and not (was_missing or missing) else RELIST_SECONDS

    async def _account(self) -> str:
        """Wait until the cloud tells whose credentials these are; return the account's id."""
        while True:
            try:
                identity = await self.sts.caller_identity()
            except CloudError as error:
                fix = _remedy(error)
                self.waits_for = f"the cloud: {error}; {fix}"
                log.warning("the cloud cannot be used yet, trying again", extra={"error": str(error), "remedy": fix})
                await asyncio.sleep(CLOUD_RETRY_SECONDS)
            else:
                log.info("cloud identity", extra={"account": identity.account_id, "arn": identity.arn})
                return identity.account_id

    async def _of_other_account(self, account: str) -> str:
        """What to do where we have worked in another account: in this one all would be created again."""
        for key, owner in self.caches.accounts():
            if wrong := other_account(owner, account, f"{key} was created there"):
                return wrong
        return other_account(await self._account_before(), account)

    async def _account_before(self) -> str:
        """Wait until the API server tells which account the operator has worked in so far; return it, "" for none."""
        while True:
            try:
                return await self.leadership.account()
            except KubeError as error:
                self.waits_for = f"the API server: {error}"
                await asyncio.sleep(RELIST_SECONDS)

    async def _covered(self) -> bool:
        """Whether the caches have all names of one complete list.

        Waits for them while the watches bring some; what they do not bring may have been deleted since.
        """
        try:
            listed = {each.kind: await self.kube.names(f"{API}/{each.plural}") for each in self.kube.resources}
            listed["Node"] = await self.kube.names(NODES)
        except KubeError as error:
            self.waits_for = f"the API server: {error}"
            await asyncio.sleep(RELIST_SECONDS)
            return False
        missing, until = self._missing(listed), self.clock() + RELIST_SECONDS
        while missing:
            counts = [f"{len(names)} of {len(listed[kind])} {kind}s" for kind, names in missing.items()]
            self.waits_for = f"the watches: {', '.join(counts)} not in the cache yet"
            if self.clock() > until:
                return False
            await asyncio.sleep(LOOK_SECONDS)
            before, missing = missing, self._missing(missing)
            if missing != before:
                until = self.clock() + RELIST_SECONDS
        return True

    def _missing(self, wanted: dict[str, set[str]]) -> dict[str, set[str]]:
        """Those of the names by kind that the caches do not have."""
        left = {kind: {name for name in names if not self._known(kind, name)} for kind, names in wanted.items()}
        return {kind: names for kind, names in left.items() if names}

    def _known(self, kind: str, name: str) -> bool:
        if kind == "Node":
            return self.caches.node_uid(name) is not None
        return self.caches.body(ObjectKey(kind, name)) is not None
