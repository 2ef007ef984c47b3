"""The probes over HTTP: when the kubelet is told to restart the process, and when not."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from tests.unit.builders import binding_body, binding_key, condition, instance, made_role_status, node, ready, role_body
from tests.unit.scene import Instances, Scene

from ram_operator.cloud import StsApi
from ram_operator.cluster import census
from ram_operator.cluster.admission import AdmissionCheck
from ram_operator.cluster.caches import Caches
from ram_operator.cluster.election import LEASE_SECONDS, Alone, Elector
from ram_operator.cluster.kube import Kube
from ram_operator.engine.controller import Controller
from ram_operator.engine.workqueue import WorkQueue
from ram_operator.errors import CloudError
from ram_operator.gate import Gate
from ram_operator.probes import MOST_CONNECTIONS, STUCK_SECONDS, Probes

BINDING = binding_key("storage-pool")


class Held(Instances):
    """Holds the first look until `let_go`."""

    def __init__(self) -> None:
        super().__init__({instance(1): ""})
        self.arrived, self.let_go = asyncio.Event(), asyncio.Event()

    async def describe_instance_roles(self, region: str, ids: Any) -> Mapping[str, str | CloudError]:
        self.arrived.set()
        await self.let_go.wait()
        return await super().describe_instance_roles(region, ids)


class Lease:
    """Takes whatever is written."""

    async def read(self) -> None:
        return None

    async def write(self, spec: Mapping[str, Any], version: str) -> Mapping[str, Any]:
        return {"metadata": {"resourceVersion": f"{version}1"}, "spec": spec}

    async def account(self) -> str:
        return ""

    def stay_in(self, account: str) -> None:
        """Name an account."""


class Process:
    """The parts that the probes ask, with a clock that tests turn."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.elector = Elector(Lease(), "me", lambda: self.now, lambda: datetime.now(UTC))
        self.ecs = Held()
        self.scene = Scene(self.ecs.cloud)
        self.scene.put(role_body("oss-reader", made_role_status()))
        self.scene.put_node(node("node-1", 1, pool="storage"))
        self.scene.put(binding_body())
        self.queue = WorkQueue(lambda: self.now, lambda: 0.0)
        self.controller = Controller(
            self.queue, self.scene.caches, self.scene.reconciler, self, self.refresh, lambda: self.now
        )
        clock, opened = lambda: self.now, asyncio.Event()
        self.gate = Gate(cast("Kube", None), cast("StsApi", None), Caches(()), Alone(), clock, opened)
        self.admission = AdmissionCheck(cast("Kube", None), {})

    def census(self) -> None:
        """Count what is in the caches."""
        census.count(self.scene.caches)

    def record(self, *_: object) -> None:
        """Take an event."""

    async def refresh(self, key: object) -> None:
        """Read an object anew: the scene's caches are never behind."""

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Let a worker work on the binding; its look at the instances is held."""
        opened = asyncio.Event()
        opened.set()
        worker = asyncio.create_task(self.controller.work(opened))
        self.queue.add(BINDING)
        await self.ecs.arrived.wait()
        yield
        self.queue.close()
        await worker


@asynccontextmanager
async def served(process: Process, leadership: Elector | Alone, caplog: pytest.LogCaptureFixture) -> AsyncIterator[str]:
    """Serve the probes at a free port; gives the address."""
    probes = Probes(process.gate, process.controller, leadership, process.admission, process.census, ("127.0.0.1", 0))
    with caplog.at_level("INFO", "ram_operator.probes"):
        await probes.start()
    try:
        yield str(vars(caplog.records[-1])["listening"])
    finally:
        await probes.stop()


async def probe(url: str) -> tuple[int, str]:
    def get() -> tuple[int, str]:
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()

    return await asyncio.to_thread(get)


@pytest.mark.parametrize("said", [b"", b"GET /metrics HTTP/1.1\r\nHost: x\r\n"], ids=["nothing", "half a request"])
async def test_connections_that_say_nothing_take_no_room_from_those_that_ask(
    said: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    process = Process()
    async with served(process, process.elector, caplog) as url:
        host, port = url.removeprefix("http://").split(":")
        silent = [await asyncio.open_connection(host, int(port)) for _ in range(3 * MOST_CONNECTIONS)]
        for _, writer in silent:
            writer.write(said)
        assert await probe(f"{url}/livez") == (200, "ok\n")
        closed = await asyncio.gather(
            *(reader.read() for reader, _ in silent[:MOST_CONNECTIONS]), return_exceptions=True
        )
        assert all(one == b"" or isinstance(one, ConnectionError) for one in closed)
        for _, writer in silent:
            writer.close()


async def test_few_connections_are_kept_however_long_they_are_idle(caplog: pytest.LogCaptureFixture) -> None:
    process = Process()
    async with served(process, process.elector, caplog) as url:
        host, port = url.removeprefix("http://").split(":")
        few = [await asyncio.open_connection(host, int(port)) for _ in range(MOST_CONNECTIONS // 2 + 5)]
        assert await probe(f"{url}/livez") == (200, "ok\n")
        for reader, writer in few:
            writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 200 OK")
            writer.close()


async def test_a_leader_that_does_not_notice_the_end_of_its_lease_is_not_alive(
    caplog: pytest.LogCaptureFixture,
) -> None:
    process = Process()
    async with served(process, process.elector, caplog) as url:
        assert await probe(f"{url}/livez") == (200, "ok\n")
        await process.elector.acquire()
        process.now += LEASE_SECONDS
        assert await probe(f"{url}/livez") == (200, "ok\n")
        process.now += 3
        assert await probe(f"{url}/livez") == (503, "the lease ended 3 s ago and was neither renewed nor given up\n")
        await process.elector.release()
        assert await probe(f"{url}/livez") == (200, "ok\n")


async def test_a_process_with_a_reconcile_that_never_ends_is_not_alive(caplog: pytest.LogCaptureFixture) -> None:
    process = Process()
    async with served(process, Alone(), caplog) as url, process.working():
        process.now += STUCK_SECONDS
        assert await probe(f"{url}/livez") == (200, "ok\n")
        process.now += 1
        assert await probe(f"{url}/livez") == (503, "a reconcile has been running for 601 s\n")
        process.ecs.let_go.set()


async def test_a_process_that_waits_is_alive_and_not_ready_and_says_for_what(caplog: pytest.LogCaptureFixture) -> None:
    process = Process()
    async with served(process, Alone(), caplog) as url:
        assert await probe(f"{url}/readyz") == (503, "waits for the start\n")
        assert await probe(f"{url}/livez") == (200, "ok\n")
        process.gate.waits_for = ""
        assert await probe(f"{url}/readyz") == (200, "ok\n")
        process.admission.missing = "status"
        assert await probe(f"{url}/readyz") == (
            200,
            "ok, but admission policies do not protect: status\n",
        )


async def test_metrics_count_the_objects_by_condition_and_the_instances_by_state(
    caplog: pytest.LogCaptureFixture,
) -> None:
    process = Process()
    rows = [{"instance": str(instance(number)), "state": state} for number, state in enumerate(("Attached", "Failed"))]
    status = {"conditions": [condition("Ready", "False", "SomeFailed")], "instances": rows}
    async with served(process, Alone(), caplog) as url:
        process.scene.put_status(BINDING, status)
        assert counted(await probe(f"{url}/metrics")) == {
            'objects{kind="RamRole",ready="True",reason="InSync"} 1.0',
            'objects{kind="InstanceRoleBinding",ready="False",reason="SomeFailed"} 1.0',
            'instances{state="Attached"} 1.0',
            'instances{state="Failed"} 1.0',
        }
        process.scene.put_status(BINDING, {"conditions": ready("AllAttached"), "instances": rows[:1]})
        assert counted(await probe(f"{url}/metrics")) == {
            'objects{kind="RamRole",ready="True",reason="InSync"} 1.0',
            'objects{kind="InstanceRoleBinding",ready="True",reason="AllAttached"} 1.0',
            'instances{state="Attached"} 1.0',
        }


def counted(answer: tuple[int, str]) -> set[str]:
    lines = [line.removeprefix("ram_operator_") for line in answer[1].splitlines()]
    return {line for line in lines if line.startswith(("objects{", "instances{"))}
