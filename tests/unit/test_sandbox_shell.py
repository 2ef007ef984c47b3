"""The shell of `ram-sandbox shell`: it ends with what it talks to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ram_sandbox.shell import exports

FOREIGN = {
    "ALIBABA_CLOUD_SECURITY_TOKEN": "mine",
    "ALICLOUD_REGION": "a\nb",
    "ALIYUN_ACCESS_KEY_ID": "mine",
    "RAM_OPERATOR_CREDENTIALS_DIR": "/mine",
    "RAM_OPERATOR_CREDENTIALS_SOURCE": "files",
}
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


@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_a_shell_that_is_told_of_a_sandbox_forgets_the_settings_of_another_cloud(shell: str) -> None:
    given = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "the simulator's", "KUBECONFIG": "/sandbox"}
    environ = {"PATH": os.environ["PATH"], "MINE": "kept"} | FOREIGN | dict.fromkeys(given, "mine")
    typed = "\n".join([*exports(given), "env"])
    done = subprocess.run([shell, "-euc", typed], env=environ, capture_output=True, text=True, check=True)
    found = dict(line.split("=", 1) for line in done.stdout.splitlines())
    assert {name: found.get(name) for name in (*FOREIGN, *given, "MINE")} == {
        **dict.fromkeys(FOREIGN),
        **given,
        "MINE": "kept",
    }
