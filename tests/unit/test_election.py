"""The elector, in virtual time, on an API server in memory: at no time two replicas believe in their lease."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client import REGISTRY

from ram_operator import metrics
from ram_operator.cluster.election import (
    LEASE_SECONDS,
    RENEW_DEADLINE,
    RENEW_SECONDS,
    Alone,
    Elector,
    KubeLease,
    LeaseLost,
)
from ram_operator.cluster.kube import Kube
from ram_operator.errors import StartupError
from ram_operator.model import ACCOUNT_ANNOTATION

pytestmark = pytest.mark.looptime

CALL_SECONDS = 10.0
PATIENCE = 120.0


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

    def answer(self, method: str, sent: Any) -> tuple[int, Mapping[str, Any]]:
        """Answer a request for the Lease with a status and a body."""
        if method == "GET":
            return (200, self.lease) if self.lease else (404, {})
        made = method == "POST"
        if made == (self.lease is not None):
            return (409 if made else 404), {}
        metadata = sent["metadata"]
        if self.lease and metadata["resourceVersion"] != self.lease["metadata"]["resourceVersion"]:
            return 409, {}
        if made and {"resourceVersion", "uid"} & metadata.keys():
            return 422, {}
        return 200, self.store(sent["spec"], metadata)

    def store(self, spec: Mapping[str, Any], metadata: Mapping[str, Any]) -> dict[str, Any]:
        self._version += 1
        self.lease = {"metadata": {**metadata, "uid": "u1", "resourceVersion": str(self._version)}, "spec": dict(spec)}
        return self.lease

    @property
    def holder(self) -> str:
        return str(self.lease["spec"]["holderIdentity"]) if self.lease else ""


class Link:
    """A replica's way to the API server; stands for the client library. While `cut`, nothing arrives."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server
        self.cut = False

    async def param_serialize(self, method: str, url: str, **more: Any) -> tuple[Any, ...]:
        return method, url, more.get("header_params"), more.get("body"), None

    async def call_api(self, method: str, url: str, headers: Any, body: Any, **_: Any) -> Any:
        await self._travel()
        status, found = self.server.answer(method, body)
        data = json.dumps(found).encode()
        if method != "GET" and self.server.lost:
            raise OSError("no answer")
        await self._travel()

        async def read() -> bytes:
            return data

        return SimpleNamespace(status=status, read=read)

    async def _travel(self) -> None:
        await asyncio.sleep(self.server.seconds)
        if self.cut:
            raise OSError("no answer")


class Replica:
    """A process with an elector; its clock can be made to jump, as a machine's does that was suspended."""

    def __init__(self, server: ApiServer, name: str) -> None:
        self.link = Link(server)
        self.slept = 0.0
        lease = KubeLease(Kube(cast(Any, self.link), ()), "default", "ram-operator")
        self.elector = Elector(lease, name, self.clock, lambda: datetime.now(UTC))
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


async def test_a_standby_of_another_account_ends_instead_of_taking_the_lease_over() -> None:
    server = ApiServer()
    first, second = Replica(server, "first"), Replica(server, "second")
    assert await second.elector.account() == "", "both start before any leader has named an account"
    for replica, account in ((first, "1"), (second, "2")):
        replica.elector.stay_in(account)
    first.start()
    await first.until_it_leads()
    first.kill()
    second.start()
    error = await second.error()
    assert isinstance(error, StartupError)
    assert "credentials of account 1: the Lease says" in str(error)
    await second.elector.release()
    assert server.lease is not None
    assert server.lease["metadata"]["annotations"] == {ACCOUNT_ANNOTATION: "1"}
    assert server.holder == "first"


async def test_a_leader_keeps_to_its_account_and_writes_no_other_one_over() -> None:
    server = ApiServer()
    replica = Replica(server, "first")
    replica.elector.stay_in("1")
    replica.start()
    await replica.until_it_leads()
    assert server.lease is not None
    server.store(server.lease["spec"], {**server.lease["metadata"], "annotations": {ACCOUNT_ANNOTATION: "2"}})
    assert isinstance(await replica.error(), StartupError)
    await replica.elector.release()
    assert server.lease["metadata"]["annotations"] == {ACCOUNT_ANNOTATION: "2"}


async def test_what_others_have_written_beside_the_spec_stays() -> None:
    theirs = {
        "labels": {"team": "storage"},
        "annotations": {"team": "storage"},
        "finalizers": ["example.com/theirs"],
        "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "theirs", "uid": "u2"}],
    }
    async with cluster() as made:
        assert made.server.lease is not None
        before = made.server.store(made.server.lease["spec"], {**made.server.lease["metadata"], **theirs})
        await asyncio.sleep(3 * RENEW_SECONDS)
        assert made.first.may_write
        made.first.kill()
        await made.second.until_it_leads()
        kept = made.server.lease["metadata"]
        assert kept["resourceVersion"] != before["metadata"]["resourceVersion"]
        assert {name: kept.get(name) for name in theirs} == theirs


async def test_an_operator_that_runs_alone_is_counted_as_the_leader() -> None:
    metrics.LEADER.set(0)
    await Alone().acquire()
    assert REGISTRY.get_sample_value("ram_operator_leader") == 1
