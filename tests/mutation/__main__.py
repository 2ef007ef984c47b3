"""Runs the tests of the policy engine against each mutant of it, in a copy of the simulator, and lists the survivors.

    python -m tests.mutation [PREFIX]        # only mutants whose name begins with it, such as `engine.decide`

Exits with 1 if a mutant survives that `equivalent.yaml` does not list, or if that file lists one that does not survive.
Each mutant has a process of its own, forked from this one, which has imported pytest and nothing of the simulator.
"""

import os
import shutil
import signal
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml
from tests.mutation.mutants import Mutant, mutants

ROOT = Path(__file__).parents[2]
POLICIES = "ram_simulator/policies"
ENGINE = ("engine", "patterns", "operators", "condition_blocks", "grammar", "keys")
"""The modules that decide; `model` decides nothing, and `diagnosis` is about messages."""
TESTS = (
    "tests/contract/test_simulator_authorization.py",
    "tests/contract/test_simulator_undocumented_elements.py",
    "tests/contract/test_simulator_policy_strictness.py",
    "tests/contract/test_simulator_policy_messages.py",
)
"""Tests that start nothing and draw nothing by chance."""
SECONDS = 300
"""A mutant that keeps the tests busy for longer will never end: it counts as killed."""


def main(prefix: str = "") -> int:
    """Run the mutants whose names begin with `prefix`, print what came of them, and return the exit status."""
    listed: dict[str, str] = yaml.safe_load((Path(__file__).parent / "equivalent.yaml").read_text())
    with TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "operator/ram_simulator", Path(folder, "ram_simulator"))
        if not _pass(folder):
            print("the tests fail without any mutant")
            return 1
        every = [mutant for mutant in _mutants(folder) if mutant.name.startswith(prefix)]
        survivors = [mutant.name for mutant in every if _survives(folder, mutant)]
    visible = [mutant.name for mutant in every if mutant.name not in listed]
    unlisted = [name for name in survivors if name not in listed]
    stale = [name for name in listed if name.startswith(prefix) and name not in survivors]
    killed = len(visible) - len(unlisted)
    print(f"{len(every)} mutants; of {len(visible)} that can be seen from outside {killed} are killed")
    for title, names in (("survived", unlisted), ("listed, but killed or not there", stale)):
        for name in names:
            print(f"{title}: {name}")
    return 1 if unlisted or stale else 0


def _mutants(folder: str) -> list[Mutant]:
    return [
        mutant for module in ENGINE for mutant in mutants(module, Path(folder, POLICIES, f"{module}.py").read_text())
    ]


def _survives(folder: str, mutant: Mutant) -> bool:
    path = Path(folder, POLICIES, f"{mutant.module}.py")
    original = path.read_text()
    path.write_text(mutant.source)
    survives = _pass(folder)
    path.write_text(original)
    if survives:
        print(mutant.name, file=sys.stderr, flush=True)
    return survives


def _pass(folder: str) -> bool:
    child = os.fork()
    if not child:
        os._exit(_tested(folder))
    _, status = os.waitpid(child, 0)
    return status == 0


def _tested(folder: str) -> int:
    signal.alarm(SECONDS)
    sys.path.insert(0, folder)
    sys.dont_write_bytecode = True  # a mutant as long as the one before it would be taken for that one
    settings = (
        "-c",
        os.devnull,
        "--rootdir",
        str(ROOT),
        "--import-mode=importlib",
        "--noconftest",
        "-p",
        "no:cacheprovider",
    )
    with open(os.devnull, "w") as nothing, redirect_stdout(nothing), redirect_stderr(nothing):
        return pytest.main([*settings, "--exitfirst", *(str(ROOT / test) for test in TESTS)])


if __name__ == "__main__":
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    sys.exit(main(*sys.argv[1:]))
