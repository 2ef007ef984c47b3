"""Connections that end where an endpoint floods them with interim answers, such as `100 Continue`.

aiohttp skips interim answers without a limit, and reads them all before anything else of the event loop has its turn.
"""

from __future__ import annotations

import functools
import ssl

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import BadHttpMessage

MOST_AT_ONCE = 16
"""Answers that begin within one reading of a socket. Each request gets one, and perhaps an interim one before it."""
_BEGINNING = b"\nHTTP/"
"""What an answer after another one begins with; JSON has no such line."""


class Connector(aiohttp.TCPConnector):
    """Opens connections, as many as there are calls.

    Args:
        tls: the trusted certificates.
    """

    def __init__(self, tls: ssl.SSLContext) -> None:
        super().__init__(limit=0, ssl=tls)
        self._factory = functools.partial(_Answers, loop=self._loop)  # type: ignore[assignment]


class _Answers(ResponseHandler):
    def data_received(self, data: bytes) -> None:
        if data.count(_BEGINNING) <= MOST_AT_ONCE:
            super().data_received(data)
        elif self.transport is not None:
            self.transport.abort()
            self.set_exception(BadHttpMessage("more answers than requests"))
