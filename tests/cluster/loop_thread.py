"""An event loop in a thread of its own, for what serves the operator while a test goes on."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any


class LoopThread:
    """Runs coroutines in its loop until it is ended.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name)
        self._thread.start()

    def do(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something to its end, 20 s at most."""
        asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    def end(self) -> None:
        """End the thread, and close the loop."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
