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

from ram_operator.cloud.client.failures import CONNECTION_RESET, UNREADABLE
from ram_operator.cloud.client.network import Network
from ram_operator.cloud.client.signing import SignedRequest

CALL_SECONDS = 10.0
"""The deadline of a whole call: name, connection, TLS, sending and every read."""

CONNECT_SECONDS = 5.0
"""The deadline of name, connection and TLS."""

LARGEST_ANSWER = 16 * 1024 * 1024
"""Bytes of a body. A page of 1,000 policies has less than 2 MB."""


class Lease(Protocol):
    """The right to write, for a while."""

    def valid_until(self) -> float:
        """Return when it ends, on the clock given to `Transport`; `math.inf` where there is no leader election."""


class LeaseTooShort(Exception):
    """The lease could end before the deadline of a write; nothing was sent."""


class AnswerTooLarge(Exception):
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
                if is_write(self.headers["x-acs-action"]) and lease.valid_until() - clock() <= deadlines.call:
                    raise LeaseTooShort
                return await super().send(conn)

        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=network.tls),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, connect=deadlines.connect),
            auto_decompress=False,
            request_class=LeasedRequest,
        )

    async def send(self, request: SignedRequest, endpoint: str) -> Exchange:
        """Send one request and read the whole answer.

        Args:
            request: signed.
            endpoint: URL without a path.

        Raises:
            LeaseTooShort: nothing was sent.
            Exception: no answer; ask `reason` what it means.
        """
        async with (
            asyncio.timeout(self._deadlines.call),
            self._session.post(
                f"{endpoint}/",
                data=request.body,
                headers=request.headers,
                proxy=self._network.proxy_for(endpoint),
                allow_redirects=False,
            ) as response,
        ):
            return Exchange(response.status, response.headers, await _body(response))

    def reason(self, error: Exception) -> tuple[str, str]:
        """Return a code and words for a call that got no answer, without a word of the error's own text."""
        match error:
            case aiohttp.ConnectionTimeoutError():
                return "SDK.ConnectTimeout", f"no connection within {self._deadlines.connect:g} s"
            case TimeoutError():
                return "SDK.ReadTimeout", f"no complete answer within {self._deadlines.call:g} s"
            case AnswerTooLarge():
                return UNREADABLE, f"the answer has more than {LARGEST_ANSWER} bytes"
            case aiohttp.ClientSSLError() | aiohttp.ServerFingerprintMismatch():
                return "SDK.TlsError", "TLS could not be agreed on: check the endpoint, the CA bundle and the clock"
            case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
                return "SDK.ProxyError", "the proxy cannot be reached, or refuses"
            case aiohttp.ClientConnectorError():
                return "SDK.ConnectionFailed", "no connection: refused, no route, or the name does not resolve"
            case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError():
                return CONNECTION_RESET, "the connection was closed before an answer came"
            case aiohttp.ClientPayloadError():
                return CONNECTION_RESET, "the connection was closed within the answer"
            case aiohttp.ClientResponseError():
                return UNREADABLE, "the answer is not HTTP"
            case _:
                return "SDK.Failed", f"{type(error).__name__} while calling"

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()


async def _body(response: aiohttp.ClientResponse) -> bytes:
    if (response.content_length or 0) > LARGEST_ANSWER:
        raise AnswerTooLarge
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > LARGEST_ANSWER:
            raise AnswerTooLarge
    return bytes(body)


def is_write(action: str) -> bool:
    """Whether a call may change something."""
    return not action.startswith(("Get", "List", "Describe"))
