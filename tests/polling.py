"""Waiting in tests: a condition is polled, nothing sleeps for a guess."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 60.0
_POLL_SECONDS = 0.03


def until(check: Callable[[], T], timeout: float = PATIENCE, what: str = "") -> T:
    """Poll until the check returns something true, and return that.

    An AssertionError counts as "not yet", and is what is shown when the time is over.
    """
    deadline = time.monotonic() + timeout
    while True:
        complaint: AssertionError | None = None
        try:
            if answer := check():
                return answer
        except AssertionError as error:
            complaint = error
        if time.monotonic() > deadline:
            raise complaint or AssertionError(f"not within {timeout} s: {what or check}")
        time.sleep(_POLL_SECONDS)
