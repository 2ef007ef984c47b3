"""The shell of `ram-sandbox shell`: it ends with what it talks to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import os, pathlib, sys
from ram_sandbox.shell import running_shell
with running_shell(sys.argv[1], {}, pathlib.Path(sys.argv[2]), os.environ) as shell:
    print(shell.pid, shell.poll(), flush=True)
"""


@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_a_shell_that_waits_for_words_ends_with_the_sandbox(shell: str, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, shell, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as sandbox:
        assert sandbox.stdout is not None
        pid, ended = sandbox.stdout.readline().split()
        assert sandbox.wait(60) == 0
        assert ended == "None"
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
