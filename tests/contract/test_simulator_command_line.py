"""The command line: what it says to wrong options and to what cannot be served, its help, its tables."""

import re
from importlib.metadata import version
from pathlib import Path

import pytest
from tests.contract.conftest import printed, refused_start

from ram_simulator.testing.command_line import parser

REFERENCE = (Path(__file__).parents[2] / "docs/simulator/reference.md").read_text()
LONG_NAME = "a" * 64  # longer than names may be, so that no name server is asked


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--listen", "nowhere", "is no HOST:PORT, such as 127.0.0.1:7780"),
        ("--listen", "127.0.0.1:x", "is no HOST:PORT"),
        ("--listen", "127.0.0.1:-1", "is no HOST:PORT"),
        ("--listen", "127.0.0.1:65533", "65532 is the highest"),
        ("--latency-ms", "long", "no whole number of milliseconds"),
        ("--switch", "second-role", "is no NAME=VALUE"),
        ("--switch", "second-role=never", "must be one of row, error"),
        ("--quotas", "some", "choose from"),
        ("--advertise", "http://cloud.test", "is no name or address, such as cloud.test"),
    ],
)
def test_a_wrong_option_is_said_with_what_to_write(
    capsys: pytest.CaptureFixture[str], option: str, value: str, said: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(["serve", option, value])
    assert ended.value.code == 2
    assert f"argument {option}: " in (line := capsys.readouterr().err.splitlines()[-1])
    assert said in line


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--listen", "192.0.2.1:0", "--listen 192.0.2.1:0: 192.0.2.1 is no address of this machine"),
        ("--listen", f"{LONG_NAME}:0", f"--listen {LONG_NAME}:0: the name {LONG_NAME} is not known"),
        ("--fixture", "/", "--fixture /: it is a folder, not a file"),
        ("--fixture", "nowhere.yaml", "--fixture nowhere.yaml: there is no such file"),
        ("--state", "/", "--state /: it is a folder, not a file"),
        ("--state", "/dev/null", "--state /dev/null: it is no file that can be replaced"),
    ],
)
def test_what_cannot_be_served_is_said_with_the_option(option: str, value: str, said: str) -> None:
    assert said in refused_start(option, value)


def test_an_end_of_a_file_is_not_waited_for() -> None:
    assert "--until-eof: standard input is a file, or closed" in refused_start("--until-eof")


def test_the_help_has_every_option_with_its_default_and_the_reference_has_them_too() -> None:
    text = printed("serve", "--help")
    blocks = re.findall(r"^  (--[a-z-]+).*?(?=^  --|^$)", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 8
    assert text.count("(default:") == len(blocks)
    assert [name for name in blocks if f"`{name}" not in REFERENCE] == []
    assert "ram-simulator serve --listen 127.0.0.1:0 " in text


def test_tables_are_for_people_unless_they_are_asked_for_in_markdown() -> None:
    plain, markdown = printed("switches").splitlines(), printed("switches", "--markdown").splitlines()
    assert plain[0].split() == ["switch", "default", "values", "what", "it", "is", "about"]
    assert plain[1].split()[:2] == markdown[2].replace("`", "").replace("|", "").split()[:2]
    assert len({line.index(line.split()[1], len(line.split()[0])) for line in plain}) == 1
    assert not [line for line in plain if "|" in line or "`" in line]


def test_the_version_is_that_of_the_package() -> None:
    assert printed("--version") == f"ram-simulator {version('ram-operator')}\n"
