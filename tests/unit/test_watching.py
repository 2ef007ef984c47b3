"""The watches go on whatever the API server answers them, and say in one line what it was."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import kopf
import pytest
from tests.unit.api_server import ApiServer
from tests.unit.builders import KINDS, node, policy_body, policy_key

from ram_operator.cluster.caches import Caches
from ram_operator.cluster.handlers import Intake, register
from ram_operator.cluster.handover import Handover
from ram_operator.cluster.kopf_settings import kopf_settings
from ram_operator.cluster.watching import Watches
from ram_operator.engine.workqueue import WorkQueue
from ram_operator.errors import StartupError
from ram_operator.logs import JsonFormatter, configure

RESOURCES = tuple(kind.resource for kind in KINDS)
SECONDS = 60.0


class Watched:
    """Watches over a small API server, with the caches that they fill."""

    def __init__(self, server: ApiServer, allowed: Callable[[], bool]) -> None:
        loop = asyncio.get_running_loop()
        self.server = server
        self.caches = Caches(KINDS)
        self.intake = Intake(self.caches, WorkQueue(loop.time, lambda: 0.0), time.time)
        self.allowed = allowed
        self.loops: list[asyncio.AbstractEventLoop] = []
        self.handlers = partial(register, self.intake, RESOURCES, Handover(loop))
        self.watches = Watches(self.registry, quick_settings, self.check, loop.time)

    def registry(self) -> kopf.OperatorRegistry:
        """Make the handlers, and note the loop of kopf's thread."""
        self.loops.append(asyncio.get_running_loop())
        return self.handlers()

    async def check(self) -> None:
        if not self.allowed():
            raise StartupError("not allowed to watch nodes")

    def sees(self, name: str) -> bool:
        return self.caches.body(policy_key(name)) is not None and name in self.caches.node_names()


def quick_settings() -> kopf.OperatorSettings:
    settings = kopf_settings()
    settings.networking.error_backoffs = (0.1, 0.1)
    return settings


def put(server: ApiServer, name: str) -> None:
    server.put("rampolicies", policy_body(name, uid=name))
    server.put("nodes", node(name))


def kopf_runs() -> bool:
    return "kopf" in {thread.name for thread in threading.enumerate()}


async def until(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not check():
            await asyncio.sleep(0.02)


def watched(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    work: Callable[[Watched, asyncio.Task[None]], Awaitable[None]],
    allowed: Callable[[], bool] = lambda: True,
) -> None:
    """Do something while the watches run."""

    async def run() -> None:
        server = ApiServer(*RESOURCES)
        monkeypatch.setenv("KUBECONFIG", str(await server.start(folder)))
        made = Watched(server, allowed)
        put(server, "first")
        running = asyncio.create_task(made.watches.run())
        await until(lambda: made.sees("first"))
        await work(made, running)
        running.cancel()
        with suppress(asyncio.CancelledError, StartupError):
            await running
        # asyncio's server loses connections that are made while it is closed.
        await until(lambda: not kopf_runs())
        await server.stop()

    asyncio.run(run())


@pytest.fixture
def caplog(caplog: pytest.LogCaptureFixture, logging_as_before: None) -> pytest.LogCaptureFixture:
    """What the operator logs: not all that its libraries would."""
    configure("INFO")
    logging.getLogger().addHandler(caplog.handler)
    return caplog


REFUSALS = [(403, ()), (410, ()), (410, ("nodes",)), (404, ("ramroles",))]


@pytest.mark.parametrize(("status", "plurals"), REFUSALS, ids=str)
def test_watches_that_are_refused_go_on_when_the_api_server_lets_them(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    status: int,
    plurals: tuple[str, ...],
) -> None:
    async def work(made: Watched, running: asyncio.Task[None]) -> None:
        assert made.intake.listed.is_set()
        made.intake.listed.clear()
        made.server.refuse(status, *plurals)
        await until(lambda: any("the watches failed" in record.message for record in caplog.records))
        made.server.refusing.clear()
        put(made.server, "second")
        await until(lambda: made.sees("second"))
        assert made.intake.listed.is_set(), "what was deleted meanwhile is looked for"
        assert not running.done()

    watched(monkeypatch, tmp_path, work)
    for line in (json.loads(JsonFormatter().format(record)) for record in caplog.records):
        assert (line["level"], line["message"]) == ("WARNING", "the watches failed, starting them again")
        assert line["error"].endswith("Error: no")
        assert "exception" not in line


def test_what_the_loop_of_the_watches_tells_without_an_error_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    words = "Task was destroyed but it is pending!"

    async def work(made: Watched, running: asyncio.Task[None]) -> None:
        made.loops[0].call_soon_threadsafe(made.loops[0].call_exception_handler, {"message": words})
        await until(lambda: bool(caplog.records))

    watched(monkeypatch, tmp_path, work)
    line = json.loads(JsonFormatter().format(caplog.records[0]))
    assert (line["level"], line["message"], line["error"]) == ("WARNING", "a watch failed", words)


def broken() -> kopf.OperatorRegistry:
    raise ZeroDivisionError("a bug")


async def test_a_bug_in_the_watches_is_told_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    async def check() -> None:
        """Find nothing wrong."""

    watches = Watches(broken, kopf_settings, check, asyncio.get_running_loop().time)
    running = asyncio.create_task(watches.run())
    await until(lambda: bool(caplog.records))
    running.cancel()
    await asyncio.wait([running])
    line = json.loads(JsonFormatter().format(caplog.records[0]))
    assert line["error"] == "ZeroDivisionError: a bug"
    assert line["exception"].startswith("Traceback")


def test_what_keeps_the_watches_from_working_ends_them_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def work(made: Watched, running: asyncio.Task[None]) -> None:
        made.server.refuse(410)
        with pytest.raises(StartupError, match="not allowed to watch nodes"):
            async with asyncio.timeout(SECONDS):
                await running

    watched(monkeypatch, tmp_path, work, allowed=lambda: False)


def test_one_refusal_of_the_check_does_not_end_the_watches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    answers = iter([False, False])

    async def work(made: Watched, running: asyncio.Task[None]) -> None:
        made.server.refuse(410)
        await until(lambda: made.server.asked["nodes", "watch"] > 1)
        made.server.refusing.clear()
        put(made.server, "second")
        await until(lambda: made.sees("second"))

    watched(monkeypatch, tmp_path, work, allowed=lambda: next(answers, True))


def test_told_to_end_the_watches_leave_no_thread_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:

    async def work(made: Watched, running: asyncio.Task[None]) -> None:
        assert kopf_runs()
        running.cancel()
        await asyncio.wait([running])
        await until(lambda: not kopf_runs())

    watched(monkeypatch, tmp_path, work)
