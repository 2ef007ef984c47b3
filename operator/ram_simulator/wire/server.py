"""Listens: the API, the metadata service, OSS and the control service, each on a port of its own."""

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web
from aiohttp.http import HttpProcessingError

from ram_simulator.testing.errors import CannotServe
from ram_simulator.testing.simulator import Simulator
from ram_simulator.wire.control import Control
from ram_simulator.wire.gateway import Gateway
from ram_simulator.wire.hosts import Hosts
from ram_simulator.wire.metadata import Metadata
from ram_simulator.wire.oss import Oss

Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
_LONGEST_LINE = 1 << 20  # the old SDK puts whole policy documents into the URL
_MISDIRECTED = 421
_SECONDS_TO_FINISH = 1.0  # calls that a fault holds up are not waited for at the end
# the cloud's metadata service speaks no TLS, and the control service is none of the cloud's
_OVER_TLS = ("the API", "OSS")
# what clients on this machine can use in its place
_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_http_log = logging.getLogger(f"{__name__}.http")


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the services are, as URLs without a trailing slash."""

    endpoint: str
    metadata: str
    oss: str
    control: str


class Servers:
    """The four services of one simulator; API and OSS speak TLS if it is given.

    `hosts` are names that requests may call them by, beside what they listen at and what is advertised.
    """

    def __init__(self, simulator: Simulator, tls: ssl.SSLContext | None = None, hosts: Sequence[str] = ()) -> None:
        self._tls = tls
        self._hosts = hosts
        _http_log.addFilter(_is_our_fault)
        self._handles: Mapping[str, Handle] = {
            "the API": Gateway(simulator).handle,
            "the metadata service": Metadata(simulator).handle,
            "OSS": Oss(simulator).handle,
            "the control service": Control(simulator).handle,
        }
        self._runners: list[web.ServerRunner] = []

    async def start(self, host: str, port: int, advertised: str | None = None) -> Addresses:
        """Listen on `port` and the next three, or on free ones if it is 0.

        The addresses have the name `advertised`, without one `host`, or loopback where that means every address.
        Raises CannotServe if the host is not this machine's or a port is taken.
        """
        address = await _resolve(host, port)
        shown = advertised or _EVERY_ADDRESS.get(host, host)
        known = Hosts((host, shown, *self._hosts))
        urls = []
        for offset, (service, handle) in enumerate(self._handles.items()):
            wanted = port + offset if port else 0
            tls = self._tls if service in _OVER_TLS else None
            runner = web.ServerRunner(
                web.Server(
                    _guarded(handle, known),
                    access_log=None,
                    logger=_http_log,
                    max_line_size=_LONGEST_LINE,
                    max_field_size=_LONGEST_LINE,
                    # signatures cover what was sent, and OSS keeps it as it is
                    auto_decompress=False,
                ),
                shutdown_timeout=_SECONDS_TO_FINISH,
            )
            self._runners.append(runner)
            await runner.setup()
            try:
                await web.TCPSite(runner, address, wanted, ssl_context=tls, reuse_address=True).start()
            except OSError as error:
                raise CannotServe(_refusal(f"{host}:{port}", wanted, service, error)) from error
            urls.append(
                f"{'https' if tls else 'http'}://{f'[{shown}]' if ':' in shown else shown}:{runner.addresses[0][1]}"
            )
        return Addresses(*urls)

    async def stop(self) -> None:
        """Stop listening and close what is open."""
        for runner in self._runners:
            await runner.cleanup()


def _guarded(handle: Handle, known: Hosts) -> Handle:
    async def answer(http: web.BaseRequest) -> web.StreamResponse:
        if refusal := known.refusal(http.headers.get("Host", "")):
            # clients of the API show Code and Message, people read the control service's error
            body = {"Code": "MisdirectedRequest", "Message": refusal, "error": refusal}
            return web.json_response(body, status=_MISDIRECTED)
        return await handle(http)

    return answer


async def _resolve(host: str, port: int) -> str:
    try:
        # a name such as localhost may mean two addresses, which would get two different free ports
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise CannotServe(f"--listen {host}:{port}: the name {host} is not known; write an address") from error
    return str(found[0][4][0])


def _refusal(listen: str, port: int, service: str, error: OSError) -> str:
    host = listen.rpartition(":")[0]
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"--listen {listen}: the port {port}, for {service}, is in use; write another one, of which the next "
                f"three are free as well, or {host}:0 for any free ports"
            )
        case errno.EADDRNOTAVAIL:
            return (
                f"--listen {listen}: {host} is no address of this machine; write 127.0.0.1, or 0.0.0.0 for all it has"
            )
        case errno.EACCES:
            return f"--listen {listen}: the port {port} is for root only; write one above 1023"
    return f"--listen {listen}: {service} cannot listen at port {port}: {error.strerror}"


def _is_our_fault(record: logging.LogRecord) -> bool:
    # aiohttp logs a traceback also for what is no HTTP and for connections that are cut off
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError | ConnectionError)
