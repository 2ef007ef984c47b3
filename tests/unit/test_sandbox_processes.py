"""Children of the sandbox: how they end, and what is said when one does not start."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ram_sandbox.errors import SandboxError
from ram_sandbox.processes import await_ready, private_environ, start

OPERATOR = Path(__file__).resolve().parents[2] / "operator"
SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)",
]


def gone(pid: int) -> bool:
    """Tell whether a process has ended, a zombie counting as ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize(
    ("command", "code"), [(SLEEPER, -signal.SIGTERM), (STUBBORN, -signal.SIGKILL)], ids=["obedient", "stubborn"]
)
def test_stop_ends_a_child_even_one_that_ignores_sigterm(tmp_path: Path, command: list[str], code: int) -> None:
    child = start("child", command, tmp_path, os.environ)
    await_ready(child, lambda: child.out.read_text() or None)
    assert child.stop(grace_seconds=0.5) == code
    assert not child.running
    assert child.stop() == code


@pytest.mark.skipif(sys.platform != "linux", reason="asks the Linux kernel for a signal")
def test_a_child_dies_with_a_parent_that_was_killed(tmp_path: Path, eventually: Callable[..., Any]) -> None:
    program = (
        "import os, pathlib, sys, time; from ram_sandbox.processes import start; "
        f"print(start('child', {SLEEPER!r}, pathlib.Path({str(tmp_path)!r}), os.environ).pid, flush=True); "
        "time.sleep(600)"
    )
    command = [sys.executable, "-c", program]
    environ = dict(os.environ, PYTHONPATH=str(OPERATOR))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        eventually(lambda: (tmp_path / "child.out").read_text())
        assert not gone(pid)
        parent.kill()
        parent.wait()
    eventually(lambda: gone(pid), timeout=10, what="the child has ended")


def test_a_child_that_ends_while_it_starts_is_reported_with_its_log(tmp_path: Path) -> None:
    child = start("child", ["sh", "-c", "echo the disk is full >&2; exit 3"], tmp_path, os.environ)
    with pytest.raises(SandboxError, match=r"child ended while it was starting(.|\n)*the disk is full"):
        await_ready(child, lambda: None)


def test_a_child_that_never_gets_ready_is_reported_with_its_log(tmp_path: Path) -> None:
    child = start("child", ["sh", "-c", "echo still thinking >&2; exec sleep 600"], tmp_path, os.environ)
    try:
        with pytest.raises(SandboxError, match=r"child was not ready after 1 s(.|\n)*still thinking"):
            await_ready(child, lambda: None, timeout_seconds=1)
    finally:
        child.kill()


def test_children_get_no_cloud_credentials_of_the_person_and_no_proxy_for_loopback() -> None:
    given = {
        "ALIYUN_ACCESS_KEY_ID": "mine",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "mine",
        "RAM_OPERATOR_REGION": "mine",
        "HOME": "/home/me",
        "NO_PROXY": "corp.example",
    }
    assert private_environ(given) == {
        "HOME": "/home/me",
        "NO_PROXY": "corp.example,127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true",
        "PYTHONUNBUFFERED": "1",
    }
