"""Shows that something goes on, with elapsed times. Used by the build, the start of the sandbox and the demo.

On a terminal the running step is redrawn in place; without one (a log, a pipe) each step gets a line with its title at
its start, one with its result at its end, and one every 15 seconds in between, so that nobody kills a quiet build.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TextIO

_REDRAW_SECONDS: Final = 0.25
_REMIND_SECONDS: Final = 15.0
_WIDTH: Final = 110


class Step:
    """A running step; whoever works on it may say what it does just now."""

    def __init__(self, title: str) -> None:
        """Name the step; ``detail`` changes while it runs, ``result`` is shown when it is over."""
        self.title = title
        self.detail = ""
        self.result = ""


class Progress:
    """Writes steps to a stream.

    Args:
        stream: where to write, usually stderr.
        clock: a monotonic clock in seconds.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._begin = clock()
        self._live = stream.isatty()
        self._lock = threading.Lock()

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Show a step while the block runs; a block that raises is shown as failed."""
        step, start, over = Step(title), self._clock(), threading.Event()
        ticker = threading.Thread(target=self._tick, args=(step, start, over), name="progress", daemon=True)
        if not self._live:
            self.say(f"{title} ...")
        ticker.start()
        verdict = "FAILED"
        try:
            yield step
            verdict = step.result
        finally:
            over.set()
            ticker.join()
            span = _span(self._clock() - start)
            if self._live:
                self.say(f"{title}{': ' if verdict else ''}{verdict} ({span})")
            else:
                self.say(f"  {verdict or 'done'} ({span})")

    def say(self, text: str) -> None:
        """Write one line, or several, with the time since the beginning before the first."""
        stamp = f"[{self._clock() - self._begin:6.1f}s] "
        self._write(text.replace("\n", "\n" + " " * len(stamp)) + "\n", stamp)

    def _tick(self, step: Step, start: float, over: threading.Event) -> None:
        while not over.wait(_REDRAW_SECONDS if self._live else _REMIND_SECONDS):
            text = f"{step.title} ({_span(self._clock() - start)}) {step.detail}".rstrip()
            if self._live:
                self._write(text[:_WIDTH])
            else:
                self.say("... " + text)

    def _write(self, text: str, stamp: str = "") -> None:
        with self._lock:
            self._stream.write(("\r\x1b[2K" if self._live else "") + stamp + text)
            self._stream.flush()


def _span(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"
