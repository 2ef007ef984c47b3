"""The pytest plugin in a project of somebody else, and the tables that the README shows."""

import importlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ram_simulator.products import PRODUCTS
from ram_simulator.running import NotStarted, start

ROOT = Path(__file__).parents[2]
PLUGIN = "ram_simulator.pytest_plugin"
THEIR_TESTS = """
import urllib.request

from aliyunsdkcore.client import AcsClient
from aliyunsdkram.request.v20150501.CreateUserRequest import CreateUserRequest


def create(cloud, name):
    host, _, port = cloud.host.partition(":")
    client = AcsClient(cloud.access_key_id, cloud.access_key_secret, "cn-hangzhou", port=int(port))
    client.add_endpoint("cn-hangzhou", "Ram", host)
    request = CreateUserRequest()
    request.set_UserName(name)
    request.set_protocol_type("http")
    client.do_action_with_exception(request)


def test_one(ram_simulator):
    create(ram_simulator, "ann")
    assert {"userName": "ann"} in ram_simulator.state()["users"]
    assert ram_simulator.calls()[-1]["action"] == "CreateUser"
    assert ram_simulator.calls()[-1]["unknownParams"] == []


def test_each_begins_anew(ram_simulator):
    assert {"userName": "ann"} not in ram_simulator.state()["users"]


def test_more(ram_simulator):
    made = ram_simulator.add_instance("cn-beijing")
    assert made in [item["instanceId"] for item in ram_simulator.state()["instances"]]
    ram_simulator.switch(default_format="XML")
    ram_simulator.advance(10)
    ram_simulator.add_fault("CreateUser", code="InternalError", status=500)
    try:
        create(ram_simulator, "beth")
    except Exception as error:
        assert error.get_error_code() == "InternalError"
    create(ram_simulator, "beth")
    assert "ramroletest" in ram_simulator.buckets
    assert ram_simulator.account == "1234567890123456"
    assert ram_simulator.instance_ids
    with urllib.request.urlopen(ram_simulator.control + "/") as page:
        assert b"beth" in page.read()
"""


def run_pytest(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the tests of a project that has the plugin and nothing of ours."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "operator"),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    asked = [sys.executable, "-m", "pytest", "-p", PLUGIN, "-q", "-p", "no:cacheprovider", *options, str(folder)]
    return subprocess.run(asked, capture_output=True, text=True, cwd=folder, env=environment, timeout=60)


def test_other_projects_have_the_fixture(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_theirs.py").write_text(THEIR_TESTS)
    done = run_pytest(tmp_path)
    assert "3 passed" in done.stdout, done.stdout + done.stderr


def test_its_options_come_from_the_settings(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nram_simulator_options =\n    --fixture\n    mine.yaml\n")
    (tmp_path / "mine.yaml").write_text("account: {id: '42'}")
    (tmp_path / "test_theirs.py").write_text("def test_it(ram_simulator): assert ram_simulator.account == '42'\n")
    done = run_pytest(tmp_path)
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_a_project_that_does_not_ask_starts_nothing_and_imports_nothing(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_theirs.py").write_text(
        "import sys\n\n\n"
        "def test_it():\n"
        "    assert {'aiohttp', 'yaml', 'ram_simulator.running'}.isdisjoint(sys.modules)\n"
    )
    done = run_pytest(tmp_path)
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_the_entry_point_names_the_plugin() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    assert declared == {"ram_simulator": PLUGIN}
    assert importlib.import_module(PLUGIN).ram_simulator


def test_a_simulator_that_cannot_start_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotStarted, match="ended with 1"):
        start("--fixture", str(tmp_path / "missing.yaml"))


def printed(command: str) -> str:
    asked = [sys.executable, "-m", "ram_simulator", command, "--markdown"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "operator")}
    return subprocess.run(asked, capture_output=True, text=True, check=True, env=environment).stdout


def test_the_table_has_every_action() -> None:
    table = printed("actions")
    assert all(f"| {name} |" in table for product in PRODUCTS.values() for name in product.actions)
    assert "| OSS | GetObject |" in table


@pytest.mark.parametrize("command", ["actions", "switches"])
def test_the_tables_of_the_readme_are_those_of_the_code(command: str) -> None:
    readme = (ROOT / "README.md").read_text()
    _, start_mark, rest = readme.partition(f"<!-- {command} -->\n")
    shown, end_mark, _ = rest.partition(f"<!-- /{command} -->")
    assert start_mark, f"README.md has no <!-- {command} -->"
    assert end_mark
    assert shown.strip() == printed(command).strip(), f"put `ram-simulator {command} --markdown` into README.md"
