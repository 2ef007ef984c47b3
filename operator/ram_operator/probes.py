"""What the process says of itself over HTTP: /livez and /readyz for the kubelet, /metrics for Prometheus."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ram_operator.cluster.admission import AdmissionCheck
from ram_operator.cluster.election import Alone, Elector
from ram_operator.engine.controller import Controller
from ram_operator.errors import StartupError
from ram_operator.gate import Gate

log = logging.getLogger(__name__)

STUCK_SECONDS = 600.0
"""A reconcile that runs longer than this is stuck: every call in it has a timeout of seconds."""
MOST_CONNECTIONS = 64
"""Open at a time: whoever reaches the port may open many and say nothing."""


@dataclass(slots=True)
class Probes:
    """The HTTP server. That it answers says that the event loop is alive.

    Args:
        gate: knows what the process waits for.
        controller: knows for how long reconciles have been running.
        leadership: knows whether the lease was renewed in time.
        admission: knows which admission policies are missing or do not refuse.
        census: sets the gauges that are counted only when they are asked for.
        listen: host and port; port 0 means a free one.
    """

    gate: Gate
    controller: Controller
    leadership: Elector | Alone
    admission: AdmissionCheck
    census: Callable[[], None]
    listen: tuple[str, int]
    _runner: web.AppRunner = field(init=False)
    _listener: asyncio.Server = field(init=False)

    async def start(self) -> None:
        """Listen. Raises StartupError where that is not possible."""
        app = web.Application()
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        host, port = self.listen
        try:
            self._listener = await asyncio.get_running_loop().create_server(self._accept, host, port)
        except OSError as error:
            raise StartupError(f"cannot listen on {host}:{port}: {error.strerror or error}") from None
        bound = self._listener.sockets[0].getsockname()[1]
        log.info("listening", extra={"listening": f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{bound}"})

    async def stop(self) -> None:
        """Stop listening."""
        self._listener.close()
        await self._runner.cleanup()

    def _accept(self) -> asyncio.Protocol:
        """Take a connection; where there are too many, the oldest ones make room for it."""
        server = self._runner.server
        assert server is not None
        for oldest in server.connections[: max(0, len(server.connections) - MOST_CONNECTIONS + 1)]:
            if transport := oldest.transport:
                oldest.force_close()
                transport.abort()
        return server()

    async def _livez(self, _: web.Request) -> web.Response:
        wrong = []
        if (longest := self.controller.longest_reconcile()) > STUCK_SECONDS:
            wrong.append(f"a reconcile has been running for {longest:.0f} s")
        if overdue := self.leadership.overdue():
            wrong.append(f"the lease ended {overdue:.0f} s ago and was neither renewed nor given up")
        return web.Response(status=503, text="\n".join([*wrong, ""])) if wrong else web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        if self.gate.waits_for:
            return web.Response(status=503, text=f"waits for {self.gate.waits_for}\n")
        missing = self.admission.missing
        return web.Response(text=f"ok, but admission policies do not protect: {missing}\n" if missing else "ok\n")

    async def _metrics(self, _: web.Request) -> web.Response:
        self.census()
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
