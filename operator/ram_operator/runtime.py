"""Running it all: start order, probes, the end. `__main__` builds the parts, this module runs them as one process.

The workers are started before kopf and drained before it is stopped: on its way out kopf cancels every task that was
created in its event loop after it.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import kopf
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ram_operator.cluster.events import EventRecorder
from ram_operator.cluster.handlers import kopf_settings
from ram_operator.cluster.resync import Resync
from ram_operator.engine.controller import Controller
from ram_operator.engine.sweeps import Sweeps
from ram_operator.errors import KubeError, StartupError
from ram_operator.gate import Gate, check

log = logging.getLogger(__name__)

DRAIN_SECONDS = 20.0
FLUSH_SECONDS = 3.0
EXPLAIN_SECONDS = 5.0
"""How long the start-up checks may take that explain a failure: the API server may be gone."""
STUCK_SECONDS = 600.0
"""A reconcile that runs longer than this is stuck: every call in it has a timeout of seconds."""


@dataclass(slots=True)
class Runtime:
    """The process.

    Args:
        gate: opens when the initial sync is complete.
        registry: kopf's handlers.
        resync: compares the caches with the API server.
        controller: the workers.
        sweeps: the drift sweeps.
        recorder: writes the events.
        workers: how many objects are worked on at once.
        listen: host and port of probes and metrics.
    """

    gate: Gate
    registry: kopf.OperatorRegistry
    resync: Resync
    controller: Controller
    sweeps: Sweeps
    recorder: EventRecorder
    workers: int
    listen: tuple[str, int]
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _signal: str = ""
    _kopf: asyncio.Task[None] | None = None

    async def run(self) -> int:
        """Run until SIGTERM or SIGINT, or until something fails that must not; return the exit code.

        Raises StartupError where what it failed of would also keep it from starting, such as a CRD that is gone.
        """
        self._take_signals()
        site = await self._serve()
        workers = [self._start(self.controller.work(self.gate.open)) for _ in range(self.workers)]
        others = [
            self._start(self.gate.run()),
            self._start(self.sweeps.run(self.gate.open)),
            self._start(self.resync.run(self.gate.open)),
            self._start(self.recorder.run()),
        ]
        ready, stop_kopf = asyncio.Event(), asyncio.Event()
        self._kopf = self._start(self._watch(ready, stop_kopf))
        stopped = asyncio.create_task(self._stop.wait())
        # kopf replaces the signal handlers when it starts; ours must win, or the workers would be cut off.
        started = asyncio.create_task(ready.wait())
        await asyncio.wait({started, stopped, self._kopf}, return_when=asyncio.FIRST_COMPLETED)
        self._take_signals()
        await asyncio.wait({stopped, self._kopf}, return_when=asyncio.FIRST_COMPLETED)
        failed = not self._stop.is_set()
        if not failed:
            log.info("received %s, shutting down gracefully", self._signal)
        await self._drain(workers)
        stop_kopf.set()
        await asyncio.wait({self._kopf}, timeout=FLUSH_SECONDS)
        await _cancel([self._kopf, started, stopped, *others])
        await site.cleanup()
        if failed:
            with suppress(KubeError, TimeoutError):
                async with asyncio.timeout(EXPLAIN_SECONDS):
                    await check(self.gate.kube)
        return 1 if failed else 0

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something that must not end by itself: if it fails, so does the process."""
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            # What ends kopf is mostly what it heard from the API server: told as kopf's own lines are.
            teller = logging.getLogger("kopf") if task is self._kopf else log
            teller.critical("stopping, since a part of the operator failed", exc_info=error)
            if self._kopf and not self._kopf.done():
                self._kopf.cancel()

    def _take_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._shut_down, number)

    def _shut_down(self, number: signal.Signals) -> None:
        self._signal = number.name
        self._stop.set()

    async def _watch(self, ready: asyncio.Event, stop: asyncio.Event) -> None:
        # Left to itself kopf asks for the user's name, and the user of a container is often a number without one.
        identity: Any = socket.gethostname()
        await kopf.operator(
            registry=self.registry,
            settings=kopf_settings(),
            identity=identity,
            clusterwide=True,
            standalone=True,
            ready_flag=ready,
            stop_flag=stop,
        )

    async def _drain(self, workers: list[asyncio.Task[None]]) -> None:
        """Let running reconciles finish, and write their events."""
        self.controller.queue.close()
        patience = DRAIN_SECONDS if self.gate.open.is_set() else 0.0
        _, late = await asyncio.wait(workers, timeout=patience)
        if late and patience:
            log.warning("reconciles cancelled", extra={"count": len(late)})
        await _cancel(late)
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                await self.recorder.flush()
        except TimeoutError:
            log.warning("some events were not written")

    async def _serve(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", _metrics)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        host, port = self.listen
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise StartupError(f"cannot listen on {host}:{port}: {error.strerror or error}") from None
        bound = runner.addresses[0][1]
        log.info("listening", extra={"listening": f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{bound}"})
        return runner

    async def _livez(self, _: web.Request) -> web.Response:
        longest = self.controller.longest_reconcile()
        if longest > STUCK_SECONDS:
            return web.Response(status=503, text=f"a reconcile has been running for {longest:.0f} s\n")
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        if self.gate.waits_for:
            return web.Response(status=503, text=f"waits for {self.gate.waits_for}\n")
        return web.Response(text="ok\n")


async def _metrics(_: web.Request) -> web.Response:
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel what still runs, and wait until it has ended."""
    pending = {task for task in tasks if not task.done()}
    for task in pending:
        task.cancel()
    if pending:
        await asyncio.wait(pending, timeout=FLUSH_SECONDS)
