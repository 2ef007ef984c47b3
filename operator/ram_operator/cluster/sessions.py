"""The HTTP session of kopf's watches: what is nested too deeply, or read by nobody, is cut before kopf has it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import kopf
from aiohttp.connector import Connection

from ram_operator.cluster.nesting import shallow
from ram_operator.cluster.pruning import pruned
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
        body = json.loads(shallow(await self.read()))
        if isinstance(body, dict) and isinstance(items := body.get("items"), list):
            kind = str(body.get("kind")).removesuffix("List")
            body["items"] = [pruned(item, kind) for item in items]
        return body


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
                yield b"".join(_event(line) + b"\n" for line in lines)
            held.append(rest)
        if last := b"".join(held):
            yield _event(last)


def _event(line: bytes) -> bytes:
    """An event of a watch with what is kept of its object; what is no event is left to kopf."""
    text = shallow(line)
    try:
        event = json.loads(text)
        event["object"] = pruned(event["object"], event["object"].get("kind"))
    except (ValueError, TypeError, KeyError, AttributeError):
        return text
    return json.dumps(event).encode()
