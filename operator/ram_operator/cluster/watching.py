"""The watches: kopf in a thread with an event loop of its own, started again when it fails.

kopf ends as a whole with the first watch that the API server refuses: with HTTP 410, or with 403 for longer than it
retries, as an API server does that has just started. On its way out it cancels every task of its event loop that was
created after it, so it shares the loop with nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import kopf

from ram_operator.errors import KubeError, StartupError

log = logging.getLogger(__name__)

FIRST_DELAY = 1.0
LONGEST_DELAY = 30.0
"""Seconds before the watches are started again; doubled from the first to the longest."""
STEADY_SECONDS = 60.0
"""How long the watches have to run before the delays start anew."""
EXPLAINED_TIMES = 3
"""How many times in a row the check must find that this operator cannot run before it is believed."""
STOP_SECONDS = 2.0
END_SECONDS = 15.0
"""How long kopf may take to end after a part of it failed. After that its thread is left alone."""
WATCHER = "watcher for "
"""How the names of kopf's tasks begin that watch a resource."""
End = Callable[..., None]
"""Tells the other loop that kopf has ended, with an error or without."""


@dataclass(slots=True)
class Watches:
    """All watches.

    Args:
        registry: makes kopf's handlers. They are called in kopf's thread, and must hand over what they get.
        settings: makes kopf's settings.
        check: raises StartupError where this operator cannot run, such as without its CRDs, KubeError where the API
            server does not answer.
        clock: monotonic seconds.
    """

    registry: Callable[[], kopf.OperatorRegistry]
    settings: Callable[[], kopf.OperatorSettings]
    check: Callable[[], Awaitable[None]]
    clock: Callable[[], float]

    async def run(self) -> None:
        """Watch until cancelled. Raises StartupError where the watches fail and cannot work again by themselves."""
        failures = 0
        while True:
            started = self.clock()
            error = await self._watch()
            failures = 1 if self.clock() - started > STEADY_SECONDS else failures + 1
            delay = min(FIRST_DELAY * 2.0 ** min(failures - 1, 10), LONGEST_DELAY)
            fields = {"error": _told(error), "retryInSeconds": delay}
            log.warning("the watches failed, starting them again", extra=fields, exc_info=_bug(error))
            await asyncio.sleep(delay)
            await self._explain()

    async def _explain(self) -> None:
        """Raise StartupError where starting again is in vain. One refusal does not say so: it may be starting, too."""
        refusals: list[StartupError] = []
        while len(refusals) < EXPLAINED_TIMES:
            try:
                await self.check()
            except StartupError as refusal:
                refusals.append(refusal)
                await asyncio.sleep(FIRST_DELAY)
            except KubeError:
                return
            else:
                return
        raise refusals[-1]

    async def _watch(self) -> BaseException | None:
        """Run kopf until it ends or this is cancelled; return what it ended with."""
        loop = asyncio.get_running_loop()
        stop, ended = threading.Event(), loop.create_future()

        def end(error: BaseException | None = None) -> None:
            # The loop may be closed: at the end of the process kopf is not waited for long.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_resolve, ended, error)

        threading.Thread(target=self._thread, args=(stop, end), name="kopf", daemon=True).start()
        try:
            return await asyncio.shield(ended)
        finally:
            stop.set()
            await asyncio.wait([ended], timeout=STOP_SECONDS)

    def _thread(self, stop: threading.Event, end: End) -> None:
        try:
            asyncio.run(self._operate(stop, end))
        except BaseException as error:
            end(error)
        else:
            end()

    async def _operate(self, stop: threading.Event, end: End) -> None:
        asyncio.get_running_loop().set_exception_handler(_report)
        # Left to itself kopf asks for the user's name, and the user of a container is often a number without one.
        identity: Any = socket.gethostname()
        mine = asyncio.all_tasks()
        tasks = await kopf.spawn_tasks(
            registry=self.registry(),
            settings=self.settings(),
            identity=identity,
            clusterwide=True,
            standalone=True,
            stop_flag=stop,
        )
        ending = asyncio.create_task(_end_all_once_one_ends(tasks, stop, end))
        await kopf.run_tasks(tasks, ignored={*mine, ending})
        ending.cancel()


async def _end_all_once_one_ends(root_tasks: Collection[asyncio.Task[Any]], stop: threading.Event, end: End) -> None:
    """Have all of kopf end once a part of it has: it leaves the other watches running, and then waits for them."""
    await asyncio.wait(root_tasks, return_when=asyncio.FIRST_COMPLETED)
    # A thread of this loop waits for it, and the loop waits for its threads.
    stop.set()
    for task in asyncio.all_tasks():
        if task.get_name().startswith(WATCHER):
            task.cancel()
    await asyncio.sleep(END_SECONDS)
    end(TimeoutError("kopf does not end"))


def _resolve(ended: asyncio.Future[BaseException | None], error: BaseException | None) -> None:
    if not ended.done():
        ended.set_result(error)


def _report(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what a task ended with that kopf did not wait for: mostly another watch was refused as well."""
    error = context.get("exception")
    fields = {"error": _told(error) if error else context.get("message")}
    expected = error is not None and _bug(error) is None
    log.log(logging.DEBUG if expected else logging.WARNING, "a watch failed", extra=fields, exc_info=_bug(error))


def _told(error: BaseException | None) -> str:
    """An error in words; those of kopf have the API server's words as `message`, and in their text its whole answer."""
    if error is None:
        return "kopf ended"
    return f"{type(error).__name__}: {getattr(error, 'message', None) or error}"


def _bug(error: BaseException | None) -> BaseException | None:
    """The error, unless it is what the API server or the network said: where in kopf that was heard helps nobody."""
    heard = isinstance(error, OSError) or type(error).__module__.partition(".")[0] in ("kopf", "aiohttp")
    return None if heard else error
