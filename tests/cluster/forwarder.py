"""A TCP forwarder between the operator and what it talks to, so that a test can cut the line and mend it."""

import asyncio
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

from tests.cluster.loop_thread import LoopThread

_CHUNK = 16384


class Forwarder:
    """Forwards 127.0.0.1:`port` to another port of loopback, in a thread of its own.

    Args:
        target: the port to forward to.
        chunk_delay: seconds to wait before each chunk of an answer is passed on: a slow line.
    """

    def __init__(self, target: int, chunk_delay: float = 0.0) -> None:
        self.port = 0
        self.chunk_delay = chunk_delay
        self._target = target
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.StreamWriter] = set()
        self._dead: set[asyncio.StreamWriter] = set()
        self._thread = LoopThread("forwarder")

    def open(self) -> None:
        """Accept connections, at the same port each time."""
        self._thread.do(self._open())

    def cut(self) -> None:
        """Refuse connections and cut those that there are."""
        self._thread.do(self._cut())

    def freeze(self) -> None:
        """Pass nothing on any more on the connections that there are, and tell nobody; new ones work."""
        self._dead |= self._lines

    def end(self) -> None:
        """Cut, and end the thread."""
        self.cut()
        self._thread.do(self._settle())
        self._thread.end()

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _cut(self) -> None:
        if self._server:
            self._server.close()
            self._server = None
        for line in self._lines:
            line.transport.abort()

    async def _settle(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._lines |= {writer, far_writer}
        there = asyncio.ensure_future(self._pass_on(reader, far_writer))
        back = asyncio.ensure_future(self._pass_on(far_reader, writer, self.chunk_delay))
        await asyncio.wait({there, back})
        self._lines -= {writer, far_writer}
        for end in (writer, far_writer):
            end.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float = 0.0) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                if delay:
                    await asyncio.sleep(delay)
                if writer not in self._dead:
                    writer.write(chunk)
                    await writer.drain()
        if writer not in self._dead:
            with contextlib.suppress(OSError):
                writer.close()


@contextlib.contextmanager
def forwarded(target: int, chunk_delay: float = 0.0) -> Iterator[Forwarder]:
    """An open forwarder, ended afterwards."""
    forwarder = Forwarder(target, chunk_delay)
    try:
        forwarder.open()
        yield forwarder
    finally:
        forwarder.end()


def redirected(kubeconfig: Path, port: int, target: Path) -> Path:
    """Write a kubeconfig like another one, with the API server at another port of loopback."""
    config = json.loads(kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{port}"
    target.touch(mode=0o600)
    target.write_text(json.dumps(config))
    return target
