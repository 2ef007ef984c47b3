"""Runs the parts that `__main__` builds as one process: the order of the start and of the shutdown."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any

from ram_operator import metrics
from ram_operator.cluster.admission import AdmissionCheck
from ram_operator.cluster.election import Alone, Elector, LeaseLost
from ram_operator.cluster.events import EventRecorder
from ram_operator.cluster.node_marks import NodeMarks
from ram_operator.cluster.resync import Resync
from ram_operator.cluster.watching import Watches
from ram_operator.engine.controller import Controller
from ram_operator.engine.sweeps import Sweeps
from ram_operator.errors import StartupError
from ram_operator.gate import Gate
from ram_operator.probes import Probes

log = logging.getLogger(__name__)

DRAIN_SECONDS = 20.0
FLUSH_SECONDS = 3.0
PAUSE_PERIOD_SECONDS = 0.02


@dataclass(slots=True)
class Runtime:
    """The process.

    Args:
        gate: opens when the initial sync is complete.
        watches: fill the caches.
        resync: compares the caches with the API server.
        controller: the workers.
        sweeps: the drift sweeps.
        recorder: writes the events.
        marks: keeps the marks on Nodes.
        leadership: without it nothing is written.
        admission: tells whether the admission policies protect the cluster.
        probes: serves probes and metrics.
        workers: how many objects are worked on at once.
    """

    gate: Gate
    watches: Watches
    resync: Resync
    controller: Controller
    sweeps: Sweeps
    recorder: EventRecorder
    marks: NodeMarks
    leadership: Elector | Alone
    admission: AdmissionCheck
    probes: Probes
    workers: int
    _leads: asyncio.Event = field(default_factory=asyncio.Event)
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _signal: str = ""
    _failure: BaseException | None = None

    async def run(self) -> int:
        """Run until SIGTERM or SIGINT, or until a part fails that must not; return the exit code.

        Raises StartupError where the watches cannot work, such as after a CRD was deleted.
        """
        self._take_signals()
        await self.probes.start()
        workers = [self._start(self.controller.work(self._leads)) for _ in range(self.workers)]
        others = [
            self._start(self.watches.run()),
            self._start(self.gate.run()),
            self._start(self._lead()),
            self._start(self.sweeps.run(self._leads)),
            self._start(self.resync.run(self.gate.open)),
            self._start(self.recorder.run()),
            self._start(self.marks.run(self._leads)),
            self._start(self.admission.run()),
            self._start(_observe_pauses()),
            self._start(self._freeze()),
        ]
        await self._stop.wait()
        if not self._failure:
            log.info("received %s, shutting down gracefully", self._signal)
        await self._drain(workers)
        await _cancel(others)
        await self.leadership.release()
        await self.probes.stop()
        if isinstance(self._failure, StartupError):
            raise self._failure
        return 1 if self._failure else 0

    async def _lead(self) -> None:
        """Become the leader once the caches are filled: who follows another one is ready to work at once."""
        await self.gate.open.wait()
        await self.leadership.acquire()
        self._leads.set()
        await self.leadership.hold()

    async def _freeze(self) -> None:
        """Have the garbage collector leave alone what the initial sync has made: most of it stays."""
        await self.gate.open.wait()
        gc.freeze()

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something that must not end by itself: if it fails, so does the process."""
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            if isinstance(error, LeaseLost):
                log.error("stopping: %s", error)
            elif not isinstance(error, StartupError):
                log.critical("stopping, since a part of the operator failed", exc_info=error)
            self._failure = self._failure or error
            self._stop.set()

    def _take_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._shut_down, number)

    def _shut_down(self, number: signal.Signals) -> None:
        self._signal = number.name
        self._stop.set()

    async def _drain(self, workers: list[asyncio.Task[None]]) -> None:
        """Let running reconciles finish, and write their events."""
        self.controller.queue.close()
        patience = DRAIN_SECONDS if self._leads.is_set() and not isinstance(self._failure, LeaseLost) else 0.0
        _, late = await asyncio.wait(workers, timeout=patience)
        if late and patience:
            log.warning("reconciles cancelled", extra={"count": len(late)})
        await _cancel(late)
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                await self.recorder.flush()
        except TimeoutError:
            log.warning("some events were not written")


async def _observe_pauses() -> None:
    """Observe for ever how long the event loop keeps its tasks waiting."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + PAUSE_PERIOD_SECONDS
        await asyncio.sleep(PAUSE_PERIOD_SECONDS)
        metrics.LOOP_PAUSES.observe(loop.time() - due)


async def _cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel what still runs, and wait until it has ended."""
    pending = {task for task in tasks if not task.done()}
    for task in pending:
        task.cancel()
    if pending:
        await asyncio.wait(pending, timeout=FLUSH_SECONDS)
