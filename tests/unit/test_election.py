"""The elector, in virtual time, on an API server in memory: at no time two replicas believe in their lease."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client import REGISTRY

from ram_operator import metrics
from ram_operator.cluster.election import LEASE_SECONDS, RENEW_DEADLINE, RENEW_SECONDS, Alone, Elector, LeaseLost
from ram_operator.errors import KubeError, StaleObject

pytestmark = pytest.mark.looptime

CALL_SECONDS = 10.0
PATIENCE = 120.0
CUT = KubeError("GET lease", 0, "no answer")


class ApiServer:
    """Keeps the Lease, with the version check of a real one.

    Attributes:
        lease: what is stored.
        seconds: how long a request takes to arrive, and its answer to come back.
        lost: requests take effect, and their answers do not arrive.
    """

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.seconds = 0.01
        self.lost = False
        self._version = 0

    def store(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        self._version += 1
        self.lease = {"metadata": {"resourceVersion": str(self._version)}, "spec": dict(spec)}
        return self.lease

    @property
    def holder(self) -> str:
        return str(self.lease["spec"]["holderIdentity"]) if self.lease else ""


class Link:
    """A replica's way to the API server. While `cut`, nothing arrives."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server
        self.cut = False

    async def read(self) -> Mapping[str, Any] | None:
        await self._travel()
        found = self.server.lease
        await self._travel()
        return found

    async def write(self, spec: Mapping[str, Any], version: str) -> Mapping[str, Any]:
        await self._travel()
        stored = self.server.lease["metadata"]["resourceVersion"] if self.server.lease else ""
        if version != stored:
            raise StaleObject("409")
        written = self.server.store(spec)
        if self.server.lost:
            raise CUT
        await self._travel()
        return written

    async def account(self) -> str:
        return ""

    def stay_in(self, account: str) -> None:
        """Name an account: no test here asks for it."""

    async def _travel(self) -> None:
        await asyncio.sleep(self.server.seconds)
        if self.cut:
            raise CUT


class Replica:
    """A process with an elector; its clock can be made to jump, as a machine's does that was suspended."""

    def __init__(self, server: ApiServer, name: str) -> None:
        self.link = Link(server)
        self.slept = 0.0
        self.elector = Elector(self.link, name, self.clock, lambda: datetime.now(UTC))
        self.task: asyncio.Task[None] | None = None

    def clock(self) -> float:
        return asyncio.get_running_loop().time() + self.slept

    def start(self) -> None:
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        await self.elector.acquire()
        await self.elector.hold()

    @property
    def leads(self) -> bool:
        return self.elector.valid_until() > self.clock()

    @property
    def may_write(self) -> bool:
        return self.elector.valid_until() - self.clock() > CALL_SECONDS

    async def until_it_leads(self) -> float:
        """Wait until it is the leader; return how long that took."""
        began = asyncio.get_running_loop().time()
        while not self.leads:
            assert asyncio.get_running_loop().time() - began < PATIENCE, "it never leads"
            await asyncio.sleep(0.01)
        return asyncio.get_running_loop().time() - began

    def kill(self) -> None:
        assert self.task is not None
        self.task.cancel()

    async def error(self) -> BaseException | None:
        """How it ended."""
        assert self.task is not None
        done, _ = await asyncio.wait({self.task}, timeout=PATIENCE)
        assert done, "it never ends"
        return self.task.exception()


class Cluster:
    """Two replicas, of which the first leads, and a check of all that must never be."""

    def __init__(self) -> None:
        self.server = ApiServer()
        self.first, self.second = Replica(self.server, "first"), Replica(self.server, "second")


@asynccontextmanager
async def cluster() -> AsyncIterator[Cluster]:
    made = Cluster()
    made.first.start()
    await made.first.until_it_leads()
    made.second.start()

    async def watch() -> None:
        while True:
            assert not (made.first.leads and made.second.leads)
            await asyncio.sleep(0.05)

    watching = asyncio.create_task(watch())
    await asyncio.sleep(3 * RENEW_SECONDS)
    try:
        yield made
    finally:
        assert not watching.done(), "both replicas believed in their lease"
        for task in (watching, made.first.task, made.second.task):
            if task:
                task.cancel()
        await asyncio.sleep(0)


async def test_one_leads_and_may_write_all_the_time_while_the_other_waits() -> None:
    async with cluster() as made:
        for _ in range(300):
            await asyncio.sleep(0.2)
            assert made.first.may_write
            assert not made.second.leads
        assert made.server.lease is not None
        assert made.server.lease["spec"]["leaseDurationSeconds"] == LEASE_SECONDS
        assert made.server.lease["spec"]["leaseTransitions"] == 0


async def test_a_leader_that_is_killed_is_followed_within_18_seconds() -> None:
    async with cluster() as made:
        made.first.kill()
        assert 10 < await made.second.until_it_leads() < 18
        assert made.server.lease is not None
        assert made.server.lease["spec"]["leaseTransitions"] == 1


async def test_a_standby_whose_requests_fail_now_and_then_does_not_begin_to_wait_again() -> None:
    async with cluster() as made:

        async def flap() -> None:
            while True:
                made.second.link.cut = not made.second.link.cut
                await asyncio.sleep(1.5 * RENEW_SECONDS)

        made.first.kill()
        flapping = asyncio.create_task(flap())
        assert await made.second.until_it_leads() < 18 + 2 * RENEW_SECONDS
        flapping.cancel()


async def test_a_leader_that_releases_is_followed_at_once_and_writes_nothing_more() -> None:
    async with cluster() as made:
        made.first.kill()
        await made.first.elector.release()
        assert not made.first.leads
        assert await made.second.until_it_leads() <= RENEW_SECONDS + 1


async def test_a_leader_without_the_api_server_stops_writing_before_the_other_leads_and_ends() -> None:
    async with cluster() as made:
        made.first.link.cut = True
        began = asyncio.get_running_loop().time()
        while made.first.may_write:
            await asyncio.sleep(0.05)
        assert asyncio.get_running_loop().time() - began <= LEASE_SECONDS - CALL_SECONDS
        assert isinstance(await made.first.error(), LeaseLost)
        assert asyncio.get_running_loop().time() - began <= LEASE_SECONDS
        await made.second.until_it_leads()


async def test_a_short_cut_costs_nobody_the_lease() -> None:
    async with cluster() as made:
        made.first.link.cut = True
        await asyncio.sleep(RENEW_DEADLINE - 3)
        made.first.link.cut = False
        await asyncio.sleep(2 * RENEW_SECONDS)
        assert made.first.may_write
        assert made.server.holder == "first"


async def test_a_leader_whose_machine_was_suspended_writes_nothing_and_ends() -> None:
    async with cluster() as made:
        made.first.link.cut = True
        made.first.slept = 60.0
        assert not made.first.leads
        await made.second.until_it_leads()
        made.first.link.cut = False
        assert isinstance(await made.first.error(), LeaseLost)
        assert made.second.leads


async def test_a_renewal_counts_from_before_it_was_sent() -> None:
    async with cluster() as made:
        made.server.seconds = 2.0
        await asyncio.sleep(20)
        assert made.first.leads
        renewed = made.first.elector.valid_until()
        while made.first.elector.valid_until() == renewed:
            await asyncio.sleep(0.01)
        assert made.first.elector.valid_until() - made.first.clock() <= LEASE_SECONDS - 2 * made.server.seconds + 0.1


async def test_a_renewal_whose_answer_is_lost_is_looked_at_and_made_again() -> None:
    async with cluster() as made:
        made.server.lost = True
        await asyncio.sleep(RENEW_SECONDS + 1)
        made.server.lost = False
        await asyncio.sleep(2 * RENEW_SECONDS)
        assert made.first.may_write
        assert made.server.holder == "first"


async def test_an_acquisition_whose_answer_is_lost_does_not_lock_everybody_out() -> None:
    server = ApiServer()
    replica = Replica(server, "first")
    server.lost = True
    replica.start()
    await asyncio.sleep(1)
    assert not replica.leads
    server.lost = False
    assert await replica.until_it_leads() <= 2 * RENEW_SECONDS
    replica.kill()


async def test_a_lease_that_somebody_deletes_is_made_again() -> None:
    async with cluster() as made:
        made.second.kill()
        made.server.lease = None
        await asyncio.sleep(3 * RENEW_SECONDS)
        assert made.server.holder == "first"
        assert made.first.may_write


async def test_two_that_start_together_have_one_leader() -> None:
    server = ApiServer()
    replicas = [Replica(server, name) for name in ("a", "b", "c")]
    for replica in replicas:
        replica.start()
    await asyncio.sleep(30)
    assert sum(replica.leads for replica in replicas) == 1
    for replica in replicas:
        replica.kill()


async def test_a_replica_that_never_led_releases_nothing() -> None:
    async with cluster() as made:
        await made.second.elector.release()
        assert made.server.holder == "first"


async def test_an_operator_that_runs_alone_is_counted_as_the_leader() -> None:
    metrics.LEADER.set(0)
    await Alone().acquire()
    assert REGISTRY.get_sample_value("ram_operator_leader") == 1
