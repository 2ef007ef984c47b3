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
    "ram-operator": ("lint", "explain", "plan", "why", "orphans", "doctor", "export"),
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


@pytest.mark.parametrize("command", COMMANDS["ram-operator"])
def test_the_help_of_a_command_says_what_it_does_what_it_needs_and_its_exit_codes(command: str) -> None:
    text = " ".join(printed("ram-operator", command, "--help").split())
    assert "Exit codes: 0, or " in text
    if command in ("plan", "why", "orphans", "doctor"):
        assert "ALIBABA_CLOUD_ACCESS_KEY_ID" in text
        assert "kubeconfig" in text
