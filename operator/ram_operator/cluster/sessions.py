"""The HTTP session of kopf's watches: what is nested too deeply is cut before kopf parses it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import kopf
from aiohttp.connector import Connection

from ram_operator.cluster.nesting import shallow
from ram_operator.model import Json


def session(info: kopf.ConnectionInfo) -> aiohttp.ClientSession:
    """The session that kopf would make for these credentials, with answers that it can parse. Runs in kopf's loop."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=info.as_ssl_context()),
        headers=info.as_http_headers(),
        proxy=info.proxy_url,
        trust_env=info.trust_env,
        response_class=_Response,
    )


class _Response(aiohttp.ClientResponse):
    """kopf takes lists from `json` and watches from the chunks of `content`."""

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        await super().start(connection)
        self.content: Any = _Lines(self.content)
        return self

    async def json(self, **_: object) -> Json:
        return json.loads(shallow(await self.read()))


class _Lines:
    """A stream whose chunks are whole lines, each one JSON text."""

    def __init__(self, stream: aiohttp.StreamReader) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        held: list[bytes] = []
        async for chunk in self._stream.iter_chunked(size):
            ended, line_end, rest = chunk.rpartition(b"\n")
            if line_end:
                lines = b"".join([*held, ended]).split(b"\n")
                held.clear()
                yield b"".join(shallow(line) + b"\n" for line in lines)
            held.append(rest)
        if last := b"".join(held):
            yield shallow(last)
