"""The gate after it opened, in virtual time: what /readyz says, and how many requests that takes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from tests.unit import virtual_time
from tests.unit.builders import KINDS, made_role_status, node, role_body, role_key
from tests.unit.start_server import RESOURCES, ApiServer, Sts

from ram_operator.cloud import StsApi
from ram_operator.cluster.caches import Caches
from ram_operator.cluster.election import Alone, Elector, KubeLease
from ram_operator.cluster.kube import API, NODES, Kube, permissions
from ram_operator.errors import CloudError, Denied, KubeError, StartupError, Unauthenticated, Unavailable
from ram_operator.gate import Gate, preflight
from ram_operator.model import ACCOUNT_ANNOTATION, ACCOUNT_REMEDY
from ram_operator.rules.nodes import node_facts

RIGHTS = sum(len(verbs) for _, _, verbs, *_ in permissions(RESOURCES))


def opened(server: ApiServer, then: Callable[[Gate], Awaitable[None]]) -> None:
    """Do something after the gate has opened."""

    async def work() -> None:
        kube = Kube(cast("Any", server), RESOURCES)
        gate = Gate(kube, cast("StsApi", Sts()), Caches(()), Alone(), asyncio.get_running_loop().time, asyncio.Event())
        running = asyncio.create_task(gate.run())
        await gate.open.wait()
        server.asked.clear()
        await then(gate)
        running.cancel()

    virtual_time.run(work())


async def refused(gate: Gate) -> None:
    with suppress(KubeError):
        await gate.kube.patch(f"{API}/ramroles/x", {})


def test_names_are_not_listed_again_while_the_watches_bring_more_of_them() -> None:
    names = tuple(f"node-{number}" for number in range(60))
    server = ApiServer(names=(*names, "deleted"))

    def lists() -> int:
        return sum(count for url, count in server.asked.items() if url.startswith(f"{NODES}?"))

    async def work() -> None:
        caches = Caches(())
        kube = Kube(cast("Any", server), RESOURCES)
        gate = Gate(kube, cast("StsApi", Sts()), caches, Alone(), asyncio.get_running_loop().time, asyncio.Event())
        running = asyncio.create_task(gate.run())
        for name in names:
            await asyncio.sleep(1)
            assert gate.waits_for.endswith("of 61 Nodes not in the cache yet")
            caches.put_node(node_facts(node(name)))
        assert lists() == 1
        server.names = names
        await asyncio.sleep(4)
        assert (lists(), gate.open.is_set()) == (2, True)
        running.cancel()

    virtual_time.run(work())


def started(server: ApiServer) -> str:
    """What a start finds to be the UID of the cluster."""

    async def work() -> str:
        return await preflight(Kube(cast("Any", server), RESOURCES), asyncio.get_running_loop().time)

    return virtual_time.run(work())


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_start_tries_the_uid_of_the_cluster_again_as_its_other_reads(status: int) -> None:
    assert started(ApiServer(namespaces=[status, status])) == "u1"


@pytest.mark.parametrize("status", [401, 403])
def test_a_start_that_may_not_read_the_uid_of_the_cluster_says_what_to_allow(status: int) -> None:
    with pytest.raises(StartupError, match="allow the operator to get namespace kube-system"):
        started(ApiServer(namespaces=[status]))


async def working_gate(sts: Sts) -> tuple[Gate, asyncio.Task[None]]:
    """A gate over a role that was created in account 1234567890123456."""
    caches = Caches(KINDS)
    caches.put(role_key("oss-reader"), role_body("oss-reader", made_role_status()))
    server = ApiServer()
    kube = Kube(cast("Any", server), RESOURCES)
    gate = Gate(kube, cast("StsApi", sts), caches, Alone(), asyncio.get_running_loop().time, asyncio.Event())
    return gate, asyncio.create_task(gate.run())


def test_credentials_of_another_account_keep_the_gate_closed_until_they_are_replaced(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def work() -> None:
        sts = Sts(account="999")
        gate, running = await working_gate(sts)
        await asyncio.sleep(3600)
        assert not gate.open.is_set()
        assert "RamRole/oss-reader was created there, and these are of account 999" in gate.waits_for
        assert gate.waits_for.endswith(ACCOUNT_REMEDY)
        sts.account = "1234567890123456"
        await asyncio.sleep(61)
        assert (gate.open.is_set(), gate.waits_for, sts.stays_in) == (True, "", sts.account)
        running.cancel()

    virtual_time.run(work())
    assert {record.message for record in caplog.records if record.levelname == "ERROR"} == {
        "the credentials are of another account, nothing is written"
    }


def a_process(server: ApiServer, sts: Sts) -> tuple[Gate, Elector]:
    """The gate and the elector of one process; there is no object whose status names an account."""
    kube, clock = Kube(cast("Any", server), RESOURCES), asyncio.get_running_loop().time
    elector = Elector(KubeLease(kube, "default", "ram-operator"), "me", clock, lambda: datetime.now(UTC))
    return Gate(kube, cast("StsApi", sts), Caches(()), elector, clock, asyncio.Event()), elector


def test_the_account_of_former_leaders_is_kept_on_the_lease_until_a_person_takes_it_off() -> None:
    async def work() -> None:
        server = ApiServer()
        gate, elector = a_process(server, Sts())
        running = asyncio.create_task(gate.run())
        await gate.open.wait()
        await elector.acquire()
        running.cancel()
        await elector.release()
        assert server.lease is not None
        server.lease["metadata"]["annotations"]["others"] = "stay"
        kept = {ACCOUNT_ANNOTATION: "1234567890123456", "others": "stay"}

        gate, elector = a_process(server, Sts(account="999"))
        running = asyncio.create_task(gate.run())
        await asyncio.sleep(3600)
        assert not gate.open.is_set()
        assert gate.waits_for.startswith("credentials of account 1234567890123456: the Lease says")
        assert gate.waits_for.endswith(ACCOUNT_REMEDY)
        assert server.lease["metadata"]["annotations"] == kept
        del server.lease["metadata"]["annotations"][ACCOUNT_ANNOTATION]
        await asyncio.sleep(61)
        assert gate.open.is_set()
        await elector.acquire()
        assert server.lease["metadata"]["annotations"] == {ACCOUNT_ANNOTATION: "999", "others": "stay"}
        running.cancel()

    virtual_time.run(work())


REMEDIES = [
    (Unauthenticated("GetCallerIdentity", "InvalidAccessKeyId.NotFound"), "give the operator valid credentials"),
    (Denied("GetCallerIdentity", "NoPermission"), "allow the operator's credentials sts:GetCallerIdentity"),
    (Unavailable("GetCallerIdentity", "SDK.ConnectTimeout"), "check the endpoint, the proxy"),
]


@pytest.mark.parametrize(("error", "remedy"), REMEDIES, ids=[error.code for error, _ in REMEDIES])
def test_a_cloud_that_cannot_be_used_is_told_in_one_line_with_the_remedy(
    error: CloudError, remedy: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        gate, running = await working_gate(Sts(error=error))
        await asyncio.sleep(1)
        assert error.code in gate.waits_for
        assert remedy in gate.waits_for
        running.cancel()

    virtual_time.run(work())
    (line,) = (vars(record) for record in caplog.records if record.levelname == "WARNING")
    assert line["remedy"].startswith(remedy)


def test_a_settled_world_costs_one_small_read_a_minute() -> None:
    server = ApiServer()

    async def then(gate: Gate) -> None:
        await asyncio.sleep(600)
        assert gate.waits_for == ""

    opened(server, then)
    assert set(server.asked) == {API}
    assert 8 <= server.asked[API] <= 11


def test_what_is_refused_for_ever_though_no_right_lacks_is_looked_into_once_a_minute() -> None:
    server = ApiServer()

    async def then(gate: Gate) -> None:
        for _ in range(600):
            await refused(gate)
            await asyncio.sleep(1)
        assert gate.waits_for == ""

    opened(server, then)
    assert 5 * RIGHTS <= server.reviews <= 11 * RIGHTS


def test_a_right_that_lacks_is_told_within_seconds_of_a_refusal_and_so_is_its_return() -> None:
    server = ApiServer()

    async def then(gate: Gate) -> None:
        for _ in range(2):
            server.lacks = True
            await refused(gate)
            await asyncio.sleep(3)
            assert "patch ramroles/status.ram.alicloud.dev" in gate.waits_for
            server.lacks = False
            await asyncio.sleep(3)
            assert gate.waits_for == ""

    opened(server, then)


def test_an_api_server_that_does_not_answer_is_told_within_a_minute_and_so_is_its_return(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = ApiServer()

    async def then(gate: Gate) -> None:
        server.down = True
        await asyncio.sleep(63)
        assert "connection refused" in gate.waits_for
        server.down = False
        await asyncio.sleep(3)
        assert gate.waits_for == ""

    opened(server, then)
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == ["not ready"]
