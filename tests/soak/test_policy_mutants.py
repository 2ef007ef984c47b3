"""The mutation run of the simulator's policy engine, whole."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.soak


def test_each_mutant_of_the_policy_engine_that_can_be_seen_from_outside_fails_a_test() -> None:
    run = [sys.executable, "-m", "tests.mutation"]
    done = subprocess.run(run, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
