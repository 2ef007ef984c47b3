"""The three programs as people type them: each says its version, and brings a script that completes its commands."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
COMMANDS = {
    "ram-operator": ("lint", "explain", "plan", "why", "doctor", "export"),
    "ram-simulator": ("serve", "fixture", "actions"),
    "ram-sandbox": ("setup", "up", "shell", "demo"),
}


def printed(program: str, *arguments: str) -> str:
    """What a program prints; it must exit with 0."""
    path = Path(sys.executable).with_name(program)
    done = subprocess.run([path, *arguments], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


@pytest.mark.parametrize("program", COMMANDS)
def test_it_says_its_name_and_version(program: str) -> None:
    assert printed(program, "--version") == f"{program} {VERSION}\n"


@pytest.mark.parametrize("program", COMMANDS)
def test_bash_completes_its_commands(program: str, tmp_path: Path) -> None:
    script = tmp_path / "completion"
    script.write_text(printed(program, "--print-completion", "bash"))
    function = f"_shtab_{program.replace('-', '_')}"
    asked = f'. {script}; COMP_WORDS=({program} ""); COMP_CWORD=1; {function}; printf "%s\\n" "${{COMPREPLY[@]}}"'
    bash = str(shutil.which("bash"))
    done = subprocess.run([bash, "-c", asked], capture_output=True, text=True, check=True, timeout=60)
    assert set(COMMANDS[program]) <= set(done.stdout.split())
