"""In which form the operator and its commands log: as the argument says; else the operator as its setting says."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).with_name("ram-operator")
NO_CREDENTIALS = {"CREDENTIALS_SOURCE": "uri", "CREDENTIALS_URI": "http://127.0.0.1:1/"}
JSON, PLAIN = ("--log-format", "json"), ("--log-format", "plain")
OPERATOR, COMMAND = "cannot run", "the credentials could not be renewed"
EXPORT = ("export", "--all")
FORMATS: list[tuple[str, tuple[str, ...], dict[str, str], str]] = [
    (OPERATOR, (), {"LOG_FORMAT": "plain"}, "plain"),
    (OPERATOR, JSON, {"LOG_FORMAT": "plain"}, "json"),
    (OPERATOR, PLAIN, {"WORKERS": "many"}, "plain"),
    (COMMAND, EXPORT, {"LOG_FORMAT": "json"}, "plain"),
    (COMMAND, (*JSON, *EXPORT), {}, "json"),
]


def logged(folder: Path, *arguments: str, **settings: str) -> list[str]:
    """The lines that the program writes to stderr: without a cluster and without credentials it fails."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAM_OPERATOR_", "KUBERNETES_"))}
    settings = {f"RAM_OPERATOR_{name}": value for name, value in {**NO_CREDENTIALS, **settings}.items()}
    environ = {**kept, **settings, "KUBECONFIG": str(folder / "nowhere")}
    done = subprocess.run([PROGRAM, *arguments], env=environ, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done.stderr
    return done.stderr.splitlines()


@pytest.mark.parametrize(("message", "arguments", "settings", "form"), FORMATS, ids=str)
def test_lines_have_the_form_that_was_asked_for(
    tmp_path: Path, message: str, arguments: tuple[str, ...], settings: dict[str, str], form: str
) -> None:
    (line,) = (line for line in logged(tmp_path, *arguments, **settings) if message in line)
    if form == "json":
        assert json.loads(line)["message"].startswith(message)
    else:
        assert re.match(rf"\d\d:\d\d:\d\d\.\d{{3}} (WARNING |CRITICAL) {message}", line), line
