"""What the steps of the demo have in common: the sandbox, a place to show things, and waiting with a verdict."""

import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from textwrap import wrap
from typing import Any, Final

from ram_sandbox.errors import SandboxError
from ram_sandbox.progress import Progress
from ram_sandbox.sandbox import Sandbox

_POLL_SECONDS: Final = 0.2
_WIDTH: Final = 90
"""With the time before it a line fits into 100 characters."""


class StepFailed(Exception):
    """A step saw something else than it should."""

    def __init__(self, expected: object, seen: object) -> None:
        super().__init__(f"expected: {expected}\nseen:     {seen}")


@dataclass(slots=True)
class Story:
    """The state of the telling.

    Attributes:
        sandbox: where it happens.
        progress: where it is told.
        before: the cloud's state before the first step.
        credential: what the node's metadata service gave.
    """

    sandbox: Sandbox
    progress: Progress
    before: Any = None
    credential: dict[str, str] = field(default_factory=dict)

    def show(self, text: str) -> None:
        """Show something to the audience, without trailing blank lines, and long lines wrapped."""
        self.progress.say("\n".join(part for line in text.rstrip().splitlines() for part in _wrapped(line)))

    def kubectl(self, *arguments: str, input: str | None = None) -> str:
        """Run kubectl in front of the audience and return what it printed.

        Raises:
            SandboxError: it failed.
        """
        output = self.sandbox.kubectl.ok(*arguments, input=input)
        self.show(f"$ {shlex.join(('kubectl', *arguments))}\n{output}")
        return output

    def await_ready(self, *targets: str) -> None:
        """Wait until objects, written KIND/NAME, are Ready.

        Raises:
            StepFailed: one of them was not, within 30 s; the text has what kubectl shows of them.
        """
        done = self.sandbox.kubectl("wait", "--for=condition=Ready", "--timeout=30s", *targets)
        if done.returncode != 0:
            seen = "\n".join(self.sandbox.kubectl("get", target, "-o", "wide").stdout for target in targets)
            raise StepFailed(f"{', '.join(targets)} Ready within 30 s", f"{done.stderr.strip()}\n{seen}")

    def expect(self, expected: object, look: Callable[[], object], timeout_seconds: float = 30.0) -> None:
        """Look until the expected is seen.

        Raises:
            StepFailed: it was not, within the time.
        """
        deadline = time.monotonic() + timeout_seconds
        while (seen := _looked(look)) != expected:
            if time.monotonic() > deadline:
                raise StepFailed(expected, f"{seen} (for {timeout_seconds:.0f} s)")
            time.sleep(_POLL_SECONDS)


def _wrapped(line: str) -> list[str]:
    if len(line) <= _WIDTH:
        return [line]
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return wrap(line, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _looked(look: Callable[[], object]) -> object:
    try:
        return look()
    except SandboxError as error:
        return str(error)
