"""The programs of the simulator's pages, one after the other as they stand there."""

import gc
import json
import re
import shlex
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.contract.conftest import RunningSimulator

FOLDER = Path(__file__).parents[2] / "docs/simulator"
FRONT = (FOLDER / "README.md").read_text()
PAGES = "".join((FOLDER / name).read_text() for name in ("clients.md", "control.md", "README.md"))
PORTS = {"endpoint": 7780, "metadata": 7781, "oss": 7782, "control": 7783}


def blocks(language: str, simulator: RunningSimulator) -> list[str]:
    """Return the pages' code blocks in a language, with the simulator's ports in place of the default ones."""
    text = PAGES
    for name, port in PORTS.items():
        text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{urlsplit(simulator.ready[name]).port}")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def curled(line: str) -> Any:
    """Do what a line with curl does."""
    words = shlex.split(line)
    url = next(word for word in words if word.startswith("http"))
    data = words[words.index("-d") + 1].encode() if "-d" in words else None
    with urllib.request.urlopen(url, data, timeout=10) as reply:
        return json.load(reply)


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # short programs leave closing to their end
def test_the_programs_do_what_they_say(simulator: RunningSimulator, capsys: pytest.CaptureFixture[str]) -> None:
    programs = [block for block in blocks("python", simulator) if "def test_" not in block]
    assert len(programs) == 4
    for program in programs:
        exec(compile(program, "docs/simulator", "exec"), {})
    gc.collect()  # what they leave open is closed here, and not in another test
    printed = capsys.readouterr().out
    assert '"FailCount":0' in printed
    assert "acs:ram::1234567890123456:role/ecsramroledocumenttesting" in printed
    assert "['ramroletest.txt', 'test.sh']" in printed.splitlines()
    assert "'RoleName': 'EcsRamRoleDocumentTesting'" in printed.splitlines()[-1]
    credential, control = (
        [line for line in block.splitlines() if line.startswith("curl")]
        for block in blocks("sh", simulator)
        if "curl" in block
    )
    answers = [curled(line) for line in credential + control]
    assert answers[0]["Code"] == "Success"
    assert answers[1] == {}
    assert "CreateRole" in [call["action"] for call in answers[2]["calls"]]


def test_the_built_in_world_is_as_it_is_described(simulator: RunningSimulator) -> None:
    ready = simulator.ready
    for told in (
        ready["account"],
        ready["accessKeyId"],
        ready["accessKeySecret"],
        "simulator-dev-secret",
        *ready["buckets"],
    ):
        assert f"`{told}`" in FRONT
    shown = re.findall(r"`(i-\w+|\.\.\.\w+)`", FRONT.partition("| instances |")[2].partition("\n")[0])
    assert [name.strip(".") for name in shown] == [
        "i-bp1simulator00000001",
        "06",
        "i-2zesimulator00000007",
        "i-bp1simulator00000008",
    ]
