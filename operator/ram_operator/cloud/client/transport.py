"""Sends signed requests: HTTP over pooled connections, each call within one deadline and one size.

Called by `cloud.client`. What an endpoint answers may be hostile or broken: nothing of it is believed that costs memory
or time without a limit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import aiohttp

from ram_operator.cloud.client.connector import Connector
from ram_operator.cloud.client.failures import CONNECTION_RESET, NO_LEASE, UNREADABLE
from ram_operator.cloud.client.network import Network
from ram_operator.cloud.client.signing import SignedRequest

CALL_SECONDS = 10.0
"""The deadline of a whole call: name, connection, TLS, sending and every read."""

CONNECT_SECONDS = 5.0
"""The deadline of name, connection and TLS."""

LARGEST_ANSWER = 4 * 1024 * 1024
"""Bytes of a body. A page of 1,000 policies has less than 2 MB; decoded, a body can take thirty times its size."""


class Lease(Protocol):
    """The right to write, for a while."""

    def valid_until(self) -> float:
        """Return when it ends, on the clock given to `Transport`; `math.inf` where there is no leader election."""


class NoAnswer(Exception):
    """A call got no answer, or none that can be read.

    Args:
        code: `SDK.` and a word, as errors of the cloud have codes.
        words: for people, without a word of the underlying error: its text may have a URL in it.
    """

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code
        self.words = words


class _LeaseTooShort(Exception):
    """The lease could end before the deadline of a write; nothing was sent."""


class _AnswerTooLarge(Exception):
    """The body is larger than any answer may be."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds that a call may take, and that its connection may take."""

    call: float = CALL_SECONDS
    connect: float = CONNECT_SECONDS


class Transport:
    """Sends requests. It must be made and used in one event loop.

    Args:
        network: proxy and trusted certificates.
        lease: without one that outlasts the call no write is sent.
        clock: the lease's clock, in seconds.
        deadlines: of each call.
    """

    def __init__(self, network: Network, lease: Lease, clock: Callable[[], float], deadlines: Deadlines) -> None:
        self._network = network
        self._deadlines = deadlines

        class LeasedRequest(aiohttp.ClientRequest):
            """Checks the lease when the connection is there, just before the first byte is sent."""

            async def send(self, conn: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
                action = self.headers.get("x-acs-action")
                if action and is_write(action) and lease.valid_until() - clock() <= deadlines.call:
                    raise _LeaseTooShort
                return await super().send(conn)

        self._session = aiohttp.ClientSession(
            connector=Connector(network.tls),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, connect=deadlines.connect),
            auto_decompress=False,
            request_class=LeasedRequest,
        )

    async def send(self, request: SignedRequest, endpoint: str) -> Exchange:
        """Post a signed request to an endpoint, a URL without a path. Raises NoAnswer."""
        return await self.fetch("POST", f"{endpoint}/", request.headers, request.body)

    async def fetch(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Exchange:
        """Send one request and read the whole answer. Raises NoAnswer."""
        try:
            async with (
                asyncio.timeout(self._deadlines.call),
                self._session.request(
                    method,
                    url,
                    data=body or None,
                    headers=headers,
                    proxy=self._network.proxy_for(url),
                    allow_redirects=False,
                ) as response,
            ):
                return Exchange(response.status, response.headers, await _body(response))
        except Exception as error:
            problem = self._problem(error)
        # Raised here and not above: as the context of an error its cause would be printed with it.
        raise problem

    def _problem(self, error: Exception) -> NoAnswer:
        match error:
            case _LeaseTooShort():
                return NoAnswer(NO_LEASE, "the lease to write ends too soon: nothing was sent")
            case aiohttp.ConnectionTimeoutError():
                return NoAnswer("SDK.ConnectTimeout", f"no connection within {self._deadlines.connect:g} s")
            case TimeoutError():
                return NoAnswer("SDK.ReadTimeout", f"no complete answer within {self._deadlines.call:g} s")
            case _AnswerTooLarge():
                return NoAnswer(UNREADABLE, f"the answer has more than {LARGEST_ANSWER} bytes")
            case aiohttp.ClientSSLError() | aiohttp.ServerFingerprintMismatch():
                return NoAnswer("SDK.TlsError", "TLS could not be agreed on: check endpoint, CA bundle and clock")
            case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
                return NoAnswer("SDK.ProxyError", "the proxy cannot be reached, or refuses")
            case aiohttp.ClientConnectorError():
                return NoAnswer("SDK.ConnectionFailed", "no connection: refused, no route, or no such name")
            case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError():
                return NoAnswer(CONNECTION_RESET, "the connection was closed before an answer came")
            case aiohttp.ClientPayloadError():
                return NoAnswer(CONNECTION_RESET, "the connection was closed within the answer")
            case aiohttp.ClientResponseError():
                return NoAnswer(UNREADABLE, "the answer is not HTTP")
            case _:
                return NoAnswer("SDK.Failed", f"{type(error).__name__} while calling")

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()


async def _body(response: aiohttp.ClientResponse) -> bytes:
    if (response.content_length or 0) > LARGEST_ANSWER:
        raise _AnswerTooLarge
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > LARGEST_ANSWER:
            raise _AnswerTooLarge
    return bytes(body)


def is_write(action: str) -> bool:
    """Whether a call may change something."""
    return not action.startswith(("Get", "List", "Describe"))
