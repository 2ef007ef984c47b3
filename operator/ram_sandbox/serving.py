"""What ``ram-sandbox up`` and ``shell`` do while they are used: run the operator as its Deployment says."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from ram_sandbox.errors import SandboxError
from ram_sandbox.operator_process import OperatorProcess

_POLL_SECONDS: Final = 0.2
_LOOK_SECONDS: Final = 2.0
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
    """Run until it is over: start an operator again that ended, and one whose Deployment was changed, at its address.

    Args:
        operator: the process, or None if none was asked for.
        say: tells the person about a restart.
        over: whether to return.

    Raises:
        Interrupted: a signal came.
    """
    next_try = next_look = 0.0
    while not over():
        time.sleep(_POLL_SECONDS)
        now = time.monotonic()
        if operator is None:
            continue
        if not operator.child.running and now >= next_try:
            next_try = now + _BACK_OFF_SECONDS
            log = operator.child.log
            say(f"the operator (pid {operator.pid}) has ended; the end of {log}:\n{operator.child.tail()}")
            _restart(operator, say, "the operator runs again")
        elif operator.child.running and now >= next_look:
            next_look = now + _LOOK_SECONDS
            if _outdated(operator):
                _restart(operator, say, "the Deployment has changed, and the operator runs as it says now")


def _outdated(operator: OperatorProcess) -> bool:
    try:
        return operator.outdated()
    except SandboxError:
        return False  # an API server that is away is no change


def _restart(operator: OperatorProcess, say: Callable[[str], None], done: str) -> None:
    try:
        operator.restart()
        say(f"{done} (pid {operator.pid})")
    except SandboxError as error:
        say(f"{error}\ntrying again in {_BACK_OFF_SECONDS:.0f} s")
