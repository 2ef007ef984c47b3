"""Listens: the API, the metadata service, OSS and the control service, each on a port of its own."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web
from aiohttp.http import HttpProcessingError

from ram_simulator.control import Control
from ram_simulator.gateway import Gateway
from ram_simulator.metadata import Metadata
from ram_simulator.oss.server import Oss
from ram_simulator.simulator import Simulator

Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
_LONGEST_LINE = 1 << 20  # the old SDK puts whole policy documents into the URL
_http_log = logging.getLogger(f"{__name__}.http")


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the services are, as URLs without a trailing slash."""

    endpoint: str
    metadata: str
    oss: str
    control: str


class Servers:
    """The four services of one simulator."""

    def __init__(self, simulator: Simulator) -> None:
        _http_log.addFilter(_is_our_fault)
        self._handles: tuple[Handle, ...] = (
            Gateway(simulator).handle,
            Metadata(simulator).handle,
            Oss(simulator).handle,
            Control(simulator).handle,
        )
        self._runners: list[web.ServerRunner] = []

    async def start(self, host: str, port: int) -> Addresses:
        """Listen on `port` and the next three, or on free ones if it is 0; raise OSError if one is taken."""
        urls = []
        # a name such as localhost may mean two addresses, which would get two different free ports
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        address = str(found[0][4][0])
        for offset, handle in enumerate(self._handles):
            runner = web.ServerRunner(
                web.Server(
                    handle,
                    access_log=None,
                    logger=_http_log,
                    max_line_size=_LONGEST_LINE,
                    max_field_size=_LONGEST_LINE,
                    # signatures cover what was sent, and OSS keeps it as it is
                    auto_decompress=False,
                )
            )
            self._runners.append(runner)
            await runner.setup()
            await web.TCPSite(runner, address, port + offset if port else 0, reuse_address=True).start()
            bound = runner.addresses[0][1]
            urls.append(f"http://{f'[{host}]' if ':' in host else host}:{bound}")
        return Addresses(*urls)

    async def stop(self) -> None:
        """Stop listening and close what is open."""
        for runner in self._runners:
            await runner.cleanup()


def _is_our_fault(record: logging.LogRecord) -> bool:
    # aiohttp logs a traceback also for what is no HTTP and for connections that are cut off
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError | ConnectionError)
