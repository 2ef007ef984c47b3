"""A TCP forwarder between the operator and what it talks to, so that a test can cut the line and mend it."""

import asyncio
import contextlib
import json
import socket
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
        self._listener: socket.socket | None = None
        self._serving: set[asyncio.Task[None]] = set()
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
        listener = socket.create_server(("127.0.0.1", self.port))
        listener.setblocking(False)
        self.port = listener.getsockname()[1]
        self._listener = listener
        asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        # asyncio's own server loses connections that it has accepted and not served yet when it is closed.
        with contextlib.suppress(BlockingIOError, ConnectionAbortedError):
            serving = asyncio.ensure_future(self._serve(listener.accept()[0], listener))
            self._serving.add(serving)
            serving.add_done_callback(self._serving.discard)

    async def _cut(self) -> None:
        if self._listener:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None
        for line in self._lines:
            line.transport.abort()

    async def _settle(self) -> None:
        if self._serving:
            await asyncio.wait(self._serving)

    async def _serve(self, connection: socket.socket, listener: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=connection)
        ends = {writer}
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
            ends.add(far_writer)
            if listener is self._listener:
                self._lines |= ends
                there = asyncio.ensure_future(self._pass_on(reader, far_writer))
                back = asyncio.ensure_future(self._pass_on(far_reader, writer, self.chunk_delay))
                await asyncio.wait({there, back})
        except OSError:
            pass
        finally:
            self._lines -= ends
            for end in ends:
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
