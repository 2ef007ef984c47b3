"""The end of the process, in virtual time: what is under way is finished within bounds, and the lease is given back."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, cast

import pytest
from tests.unit import virtual_time
from tests.unit.builders import NOW, binding_body, binding_key
from tests.unit.scene import Scene
from tests.unit.start_server import RESOURCES, ApiServer, Sts
from tests.unit.workers import BINDING, Place, now

from ram_operator.cloud import StsApi
from ram_operator.cluster import census
from ram_operator.cluster.admission import AdmissionCheck, shipped
from ram_operator.cluster.election import LEASE_SECONDS, RENEW_SECONDS, Elector, KubeLease
from ram_operator.cluster.events import EventRecorder
from ram_operator.cluster.handlers import Intake
from ram_operator.cluster.kube import Kube
from ram_operator.cluster.node_marks import NodeMarks
from ram_operator.cluster.resync import Resync
from ram_operator.engine.controller import Controller
from ram_operator.engine.sweeps import Sweeps
from ram_operator.gate import Gate
from ram_operator.probes import Probes
from ram_operator.runtime import DRAIN_SECONDS, FLUSH_SECONDS, Runtime

PATIENCE_SECONDS = 300.0
LOOKS = 2
"""How often a reconcile that writes looks at the instances."""


class NoWatches:
    """In place of kopf's thread, which virtual time cannot wait for: the scene fills the caches itself."""

    async def run(self) -> None:
        await asyncio.Event().wait()


class Process:
    """The whole operator over a scene with one binding, whose looks at the cloud take a while.

    Attributes:
        server: keeps the lease and takes the events.
        place: the objects and the cloud.
    """

    def __init__(self, look_seconds: float) -> None:
        self.server = ApiServer()
        self.place = Place()
        self.place.ecs.seconds = look_seconds
        self._idle = Scene(self.place.ecs.cloud, all_kinds=())
        self._kube = Kube(cast("Any", self.server), RESOURCES)

    def runtime(self) -> Runtime:
        """Build it as `__main__` does, but without watches and without a kind that is swept."""
        place, kube, caches, queue = self.place, self._kube, self.place.scene.caches, self.place.queue
        elector = Elector(KubeLease(kube, "default", "ram-operator"), "me", now, self._time)
        recorder = EventRecorder(kube, self._time, "me", elector.reference)
        intake = Intake(caches, queue, now)
        marks = NodeMarks(kube, caches, intake.changed, intake.put_node)
        controller = Controller(queue, caches, place.scene.reconciler, recorder, place.refresh, now, marks.read)
        idle, never = self._idle, timedelta(days=1)
        sweeps = Sweeps(
            place.ecs.cloud, idle.caches, queue, idle.reconciler, 600, never, self._time, lambda: 0, recorder.record_own
        )
        gate = Gate(kube, cast("StsApi", Sts()), caches, elector, now, asyncio.Event())
        resync, admission = Resync(kube, caches, intake, place.refresh), AdmissionCheck(kube, shipped())
        probes = Probes(gate, controller, elector, admission, lambda: census.count(caches), ("127.0.0.1", 0))
        watches = cast("Any", NoWatches())
        parts = (gate, watches, resync, controller, sweeps, recorder, marks, elector, admission, probes)
        return Runtime(*parts, workers=1)

    def _time(self) -> Any:
        return NOW + timedelta(seconds=now())

    def end(self, act: Callable[[], object]) -> tuple[int, float]:
        """Do something in the midst of the first look; return the exit code, and after how many seconds it came."""

        async def work() -> tuple[int, float]:
            running = asyncio.create_task(self.runtime().run())
            self.place.queue.add(BINDING)
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not self.place.ecs.looks:
                    await asyncio.sleep(0.1)
                began = now()
                act()
                return await running, now() - began

        return virtual_time.run(work())

    @property
    def holder(self) -> str:
        assert self.server.lease is not None
        return str(self.server.lease["spec"]["holderIdentity"])

    @property
    def row(self) -> tuple[str, ...]:
        rows = self.place.scene.rows(BINDING).values()
        return tuple(f"{row['state']} {row.get('origin', '')}".strip() for row in rows)


@pytest.fixture(autouse=True)
def nothing_frozen() -> Iterator[None]:
    """Let the garbage collector look again at what the runtime has told it to leave alone."""
    yield
    gc.unfreeze()


def terminate() -> None:
    # To this thread: another one could get it later.
    signal.raise_signal(signal.SIGTERM)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_reconcile_that_ends_in_time_is_finished_stored_and_told(number: signal.Signals) -> None:
    process = Process(look_seconds=DRAIN_SECONDS / LOOKS - 1)
    code, seconds = process.end(lambda: signal.raise_signal(number))
    assert (code, process.holder, process.row) == (0, "", ("Attached Attached",))
    assert process.server.events == ["Attached", "Attached"], "about the binding and about its node"
    assert seconds < DRAIN_SECONDS


def test_a_reconcile_that_does_not_end_is_cancelled_with_its_claim_stored(caplog: pytest.LogCaptureFixture) -> None:
    process = Process(look_seconds=DRAIN_SECONDS - 1)
    code, seconds = process.end(terminate)
    assert (code, process.holder, process.row) == (0, "", ("Pending Attached",))
    assert DRAIN_SECONDS <= seconds < DRAIN_SECONDS + FLUSH_SECONDS
    assert "reconciles cancelled" in [record.message for record in caplog.records]


def test_what_waits_in_the_queue_is_not_begun_any_more() -> None:
    process = Process(look_seconds=1)
    process.place.scene.put(binding_body("younger"))

    def add_and_terminate() -> None:
        process.place.queue.add(binding_key("younger"))
        terminate()

    code, _ = process.end(add_and_terminate)
    assert (code, len(process.place.ecs.looks)) == (0, LOOKS)
    assert process.place.scene.status(binding_key("younger")) == {}


def test_a_leader_whose_lease_another_one_took_finishes_nothing() -> None:
    process = Process(look_seconds=DRAIN_SECONDS - 1)

    def take() -> None:
        lease = process.server.lease
        assert lease is not None
        process.server.keep_lease({**lease["spec"], "holderIdentity": "other"}, lease["metadata"])

    code, seconds = process.end(take)
    assert (code, process.holder, process.place.ecs.writes) == (1, "other", [])
    assert seconds < LEASE_SECONDS + RENEW_SECONDS
