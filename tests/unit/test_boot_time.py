"""The clock of the lease counts the seconds of a suspended machine, which Python's monotonic clock does not."""

import subprocess
import sys

import pytest

SUSPENDED_SECONDS = 100_000
ALONE = ("unshare", "--user", "--map-root-user", "--time", f"--boottime={SUSPENDED_SECONDS}")
"""Runs a program in a time namespace: the clock that counts suspensions is ahead there, as after a long one."""
PROGRAM = "import time; from ram_operator.__main__ import boot_time; print(boot_time() - time.monotonic())"


def test_time_that_the_machine_was_suspended_counts() -> None:
    try:
        subprocess.run([*ALONE, "true"], check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no process may have clocks of its own here: {error}")
    ahead = subprocess.run([*ALONE, sys.executable, "-c", PROGRAM], check=True, capture_output=True, timeout=120)
    assert float(ahead.stdout) > SUSPENDED_SECONDS - 1
