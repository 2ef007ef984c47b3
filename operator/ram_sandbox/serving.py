"""What ``ram-sandbox up`` and ``shell`` do while they are used: keep the operator alive, as its Deployment would."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from ram_sandbox.errors import SandboxError
from ram_sandbox.operator_process import OperatorProcess

_POLL_SECONDS: Final = 0.2
_BACK_OFF_SECONDS: Final = 5.0


class Interrupted(BaseException):
    """SIGINT or SIGTERM came: unwind and clean up. No Exception, so that nothing takes it for an error."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn the first SIGINT or SIGTERM in the block into Interrupted; later ones must not disturb the cleaning up."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        raise Interrupted

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def keep_running(
    operator: OperatorProcess | None, say: Callable[[str], None], over: Callable[[], bool] = lambda: False
) -> None:
    """Run until it is over; an operator that ends is started again, at the same address.

    Args:
        operator: the process, or None if none was asked for.
        say: tells the person about a restart.
        over: whether to return.

    Raises:
        Interrupted: a signal came.
    """
    next_try = 0.0
    while not over():
        time.sleep(_POLL_SECONDS)
        if operator is None or operator.child.running or time.monotonic() < next_try:
            continue
        next_try = time.monotonic() + _BACK_OFF_SECONDS
        say(f"the operator (pid {operator.pid}) has ended; the end of {operator.child.log}:\n{operator.child.tail()}")
        try:
            operator.restart()
            say(f"the operator runs again (pid {operator.pid})")
        except SandboxError as error:
            say(f"{error}\ntrying again in {_BACK_OFF_SECONDS:.0f} s")
