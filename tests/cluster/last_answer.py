"""A way to the cloud on which the operator is killed after a write was carried out, before its answer is passed on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs

from aiohttp import ClientSession, web
from tests.cluster.loop_thread import LoopThread

from ram_operator.cloud.client.transport import is_write


class LastAnswer:
    """Forwards calls to the simulator, in a thread of its own.

    Args:
        target: the simulator's endpoint.
        kill: ends the operator.

    Attributes:
        endpoint: where calls are taken.
        writes: how many were carried out since `kill_after`.
        killed_after: the action whose answer the operator did not see.
    """

    def __init__(self, target: str, kill: Callable[[], None]) -> None:
        self.endpoint = ""
        self.writes = 0
        self.killed_after = ""
        self._target, self._kill = target, kill
        self._last: int | None = None
        self._thread = LoopThread("last answer")

    def kill_after(self, writes: int | None) -> None:
        """Kill the operator when it has made so many writes and one more; None lets it live."""
        self._last, self.writes, self.killed_after = writes, 0, ""

    def open(self) -> None:
        """Accept calls."""
        self._thread.do(self._open())

    def end(self) -> None:
        """Accept none any more, and end the thread."""
        self._thread.do(self._close())
        self._thread.end()

    async def _open(self) -> None:
        self._session = ClientSession()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._forward)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.endpoint = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _close(self) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _forward(self, request: web.Request) -> web.Response:
        body = await request.read()
        named = {**parse_qs(body.decode()), **parse_qs(request.query_string)}
        action = named.get("Action", ["Get"])[0]
        url = f"{self._target}{request.raw_path}"
        async with self._session.request(request.method, url, headers=request.headers, data=body) as answer:
            data = await answer.read()
            kind = {"Content-Type": answer.headers["Content-Type"]}
            self._count(action, answer.status)
            return web.Response(status=answer.status, body=data, headers=kind)

    def _count(self, action: str, status: int) -> None:
        if not is_write(action) or status >= 400 or self.killed_after:
            return
        if self.writes == self._last:
            self.killed_after = action
            self._kill()
        self.writes += 1


@contextmanager
def last_answer(target: str, kill: Callable[[], None]) -> Iterator[LastAnswer]:
    """An open one, ended afterwards."""
    way = LastAnswer(target, kill)
    try:
        way.open()
        yield way
    finally:
        way.end()
