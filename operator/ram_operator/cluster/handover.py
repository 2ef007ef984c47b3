"""From kopf's thread to the event loop that all else runs in: what the watches bring, in their order."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

log = logging.getLogger(__name__)

SLICE_SECONDS = 0.01
"""How long calls are made one after the other before the loop's other tasks get their turn."""


@dataclass(slots=True)
class Handover:
    """Makes calls in an event loop for another thread.

    The loop is woken once for many calls: waking it for each costs as much as what is done there for a Node.

    Args:
        loop: where the calls are made.
    """

    loop: asyncio.AbstractEventLoop
    _calls: deque[tuple[Callable[..., object], tuple[Any, ...]]] = field(default_factory=deque)
    _woken: bool = False

    def __call__(self, function: Callable[..., object], *arguments: object) -> None:
        """Have a function called soon. May be called in any thread."""
        self._calls.append((function, arguments))
        self._wake()

    def _work(self) -> None:
        until = self.loop.time() + SLICE_SECONDS
        while self._calls:
            if self.loop.time() > until:
                self.loop.call_soon(self._work)
                return
            function, arguments = self._calls.popleft()
            try:
                function(*arguments)
            except Exception:
                # A bug that one object brings to light must not keep the others from being taken.
                log.exception("cannot take what a watch brought")
        self._woken = False
        # What was added before that did not wake the loop.
        if self._calls:
            self._wake()

    def _wake(self) -> None:
        if not self._woken:
            self._woken = True
            self.loop.call_soon_threadsafe(self._work)
