"""Child processes that are started, waited for, and stopped by their own pid. Used for every part of the sandbox."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeVar

from ram_sandbox.errors import SandboxError

T = TypeVar("T")

_POLL_SECONDS: Final = 0.05
_TETHER: Final = Path(__file__).with_name("tether.py")
FOREIGN_SETTINGS: Final = ("ALIBABA_CLOUD_", "ALIYUN_", "ALICLOUD_", "RAM_OPERATOR_")
"""How the names of variables begin that would lead programs to another cloud, or with other keys."""


class Child:
    """A running program whose output goes to files in its folder.

    Attributes:
        name: how messages call it.
        out: what it writes to stdout.
        log: what it writes to stderr.
    """

    def __init__(self, name: str, process: subprocess.Popen[bytes], out: Path, log: Path) -> None:
        self.name = name
        self.out = out
        self.log = log
        self._process = process

    @property
    def pid(self) -> int:
        """The process id of the program itself."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it is still alive."""
        return self._process.poll() is None

    def tail(self, lines: int = 15) -> str:
        """Return the last lines of its log, to be shown when something fails."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; a program that has ended already is no error."""
        if self.running:
            self._process.send_signal(number)

    def stop(self, grace_seconds: float = 10.0) -> int:
        """Ask it to end, make it end after the grace period, and return its exit code (negative: by a signal)."""
        self.signal(signal.SIGTERM)
        try:
            return self._process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """End it at once with SIGKILL and return its exit code."""
        self.signal(signal.SIGKILL)
        return self._process.wait()

    def wait(self, timeout_seconds: float) -> int:
        """Wait for it to end by itself and return its exit code.

        Raises:
            subprocess.TimeoutExpired: it still runs.
        """
        return self._process.wait(timeout_seconds)


def start(name: str, command: list[str], folder: Path, environ: Mapping[str, str]) -> Child:
    """Start a program that is tied to the life of this process, in a session of its own.

    Args:
        name: how messages and log files call it.
        command: program and arguments.
        folder: its working folder, which also gets NAME.out and NAME.log.
        environ: its whole environment.
    """
    out, log = folder / f"{name}.out", folder / f"{name}.log"
    tethered = [sys.executable, "-I", "-S", str(_TETHER), str(os.getpid()), *command]
    with out.open("wb") as stdout, log.open("ab") as stderr:
        process = subprocess.Popen(
            tethered,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            cwd=folder,
            env=dict(environ),
            start_new_session=True,
        )
    return Child(name, process, out, log)


def await_ready(child: Child, probe: Callable[[], T | None], timeout_seconds: float = 60.0) -> T:
    """Poll until the probe returns something, and return that.

    Raises:
        SandboxError: the program ended or the time is over; the text has the tail of its log.
    """
    deadline = time.monotonic() + timeout_seconds
    while (answer := probe()) is None:
        if not child.running:
            raise SandboxError(f"{child.name} ended while it was starting; the end of {child.log}:\n{child.tail()}")
        if time.monotonic() > deadline:
            raise SandboxError(
                f"{child.name} was not ready after {timeout_seconds:.0f} s; the end of {child.log}:\n{child.tail()}"
            )
        time.sleep(_POLL_SECONDS)
    return answer


def private_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment for the sandbox's programs: no cloud credentials of the user, no proxy before loopback.

    The SDK prefers some of those variables to the credentials it is given, so a key of the user's real account could
    otherwise reach the programs here.
    """
    kept = {key: value for key, value in environ.items() if not key.startswith(FOREIGN_SETTINGS)}
    return kept | without_proxy(environ) | {"ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true", "PYTHONUNBUFFERED": "1"}


def without_proxy(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that keep HTTP clients from asking a proxy for loopback addresses."""
    loopback = "127.0.0.1,localhost"
    given = {name: environ.get(name, "") for name in ("NO_PROXY", "no_proxy")}
    return {name: f"{value},{loopback}" if value else loopback for name, value in given.items()}
