"""A client that costs little: requests made beforehand, over connections that stay open. Called by ``simulator``."""

import asyncio
import re
import time
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from tests.bench.measurements import cpu
from tests.contract.clients.raw import Message

_LENGTH = re.compile(rb"\r\nContent-Length: (\d+)\r\n", re.IGNORECASE)
# as many headers as the old SDK sends: reading them is part of a call
_HEADERS = (
    ("User-Agent", "AlibabaCloud (Linux; x86_64) Python/3.11 Core/2.16.0"),
    ("Accept", "*/*"),
    ("Accept-Encoding", "identity"),
    ("Connection", "keep-alive"),
    ("x-sdk-client", "python/2.0.0"),
)


def rendered(url: str, message: Message) -> bytes:
    """Return a message as it goes over the wire to a URL's host."""
    headers = [("Host", urlsplit(url).netloc), *_HEADERS, *message.headers, ("Content-Length", str(len(message.body)))]
    lines = [f"{message.method} {message.target} HTTP/1.1", *(f"{name}: {text}" for name, text in headers)]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + message.body


def calls_per_second(url: str, pid: int, requests: Sequence[bytes], connections: int) -> tuple[float, float]:
    """Send all requests and return how many a process answered per second of its processor, and of the clock.

    Raises:
        RuntimeError: an answer was not 200.
    """
    used, began = cpu(pid), time.monotonic()
    asyncio.run(_send_all(url, requests, connections))
    seconds = time.monotonic() - began
    return len(requests) / (cpu(pid) - used), len(requests) / seconds


async def _send_all(url: str, requests: Sequence[bytes], connections: int) -> None:
    left = iter(requests)
    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(_send(url, left))


async def _send(url: str, left: Iterator[bytes]) -> None:
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        for request in left:
            writer.write(request)
            await _answer(reader)
    finally:
        writer.close()
        await writer.wait_closed()


async def _answer(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    body = await reader.readexactly(int(length[1])) if length else b""
    if head[9:12] != b"200":
        raise RuntimeError(f"{head.decode()}{body.decode(errors='replace')[:300]}")
