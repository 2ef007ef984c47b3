"""The pytest plugin in a project of somebody else, and the tables for people."""

import importlib
import os
import socket
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.contract.conftest import printed
from tests.polling import until

from ram_simulator.testing.running import Ended, NotStarted, start
from ram_simulator.testing.simulator import PRODUCTS

ROOT = Path(__file__).parents[2]
PLUGIN = "ram_simulator.testing.pytest_plugin"
THEIR_TESTS = """
import urllib.request

import pytest
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
    assert ram_simulator.calls() == []


def test_more(ram_simulator):
    made = ram_simulator.add_instance("cn-beijing")
    assert made in [item["instanceId"] for item in ram_simulator.state()["instances"]]
    ram_simulator.switch(default_format="XML")
    assert ram_simulator.switches()["default-format"] == "XML"
    before = ram_simulator.now()
    ram_simulator.advance(10)
    assert (ram_simulator.now() - before).total_seconds() >= 10
    ram_simulator.add_fault("CreateUser", code="InternalError", status=500)
    assert ram_simulator.faults()[0]["count"] == 1
    ram_simulator.add_fault("CreateUser", delay_seconds=1)
    ram_simulator.clear_faults()
    ram_simulator.add_fault("CreateUser", code="InternalError", status=500)
    with pytest.raises(ValueError, match="Did you mean CreateUser"):
        ram_simulator.add_fault("CreateUsr", lost_reply=True)
    ram_simulator.remove_instance(made)
    try:
        create(ram_simulator, "beth")
    except Exception as error:
        assert error.get_error_code() == "InternalError"
    create(ram_simulator, "beth")
    assert "ramroletest" in ram_simulator.buckets
    assert ram_simulator.account == "1234567890123456"
    assert ram_simulator.instance_ids
    inside = ram_simulator.metadata_of(ram_simulator.instance_ids[0])
    with urllib.request.urlopen(f"{inside}/latest/meta-data/") as reply:
        assert b"instance-id" in reply.read()
"""


def run_pytest(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the tests of a project that has the plugin and nothing of ours."""
    # what pytest prints depends on where it thinks it runs
    here = {name: value for name, value in os.environ.items() if name not in ("CI", "BUILD_NUMBER", "PYTEST_ADDOPTS")}
    environment = {**here, "PYTHONPATH": str(ROOT / "operator"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    asked = [sys.executable, "-m", "pytest", "-p", PLUGIN, "-q", "-p", "no:cacheprovider", *options, str(folder)]
    return subprocess.run(asked, capture_output=True, text=True, cwd=folder, env=environment, timeout=60)


def test_its_options_come_from_the_settings(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nram_simulator_options =\n    --fixture mine.yaml\n    --strict\n")
    (tmp_path / "mine.yaml").write_text("account: {id: '42'}")
    tests = tmp_path / "tests"
    tests.mkdir()
    (tests / "test_theirs.py").write_text("def test_it(ram_simulator): assert ram_simulator.account == '42'\n")
    # from another folder: files are looked for beside the settings
    done = run_pytest(tests)
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_a_failed_test_shows_the_calls_that_it_made(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    failing = THEIR_TESTS.replace('assert ram_simulator.calls()[-1]["unknownParams"] == []', "assert False")
    (tmp_path / "test_theirs.py").write_text(failing)
    done = run_pytest(tmp_path)
    report = done.stdout.partition("calls of ram_simulator")[2]
    assert "Ram CreateUser by root: 200" in report, done.stdout + done.stderr
    assert "1 failed, 2 passed" in done.stdout


def test_a_simulator_that_cannot_start_is_explained_in_the_report(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nram_simulator_options = --fixture missing.yaml\n")
    (tmp_path / "test_theirs.py").write_text(THEIR_TESTS)
    done = run_pytest(tmp_path)
    assert "3 errors" in done.stdout, done.stdout + done.stderr
    assert done.stdout.count("missing.yaml: there is no such file") == 3
    assert "(ram_simulator_options: --fixture missing.yaml)" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_other_projects_have_the_fixture_and_sessions_side_by_side_a_cloud_each(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_theirs.py").write_text(THEIR_TESTS)
    with ThreadPoolExecutor() as threads:
        sessions = [threads.submit(run_pytest, tmp_path) for _ in range(2)]
    for session in sessions:
        assert "3 passed" in session.result().stdout, session.result().stdout + session.result().stderr


def test_a_project_that_does_not_ask_starts_nothing_and_imports_nothing(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_theirs.py").write_text(
        "import sys\n\n\n"
        "def test_it():\n"
        "    assert {'aiohttp', 'yaml', 'ram_simulator.testing.running'}.isdisjoint(sys.modules)\n"
    )
    done = run_pytest(tmp_path)
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_the_entry_point_names_the_plugin() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    assert declared == {"ram_simulator": PLUGIN}
    assert importlib.import_module(PLUGIN).ram_simulator


def test_a_simulator_that_cannot_start_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotStarted, match=r"ended with 1 (.|\n)*missing.yaml: there is no such file"):
        start("--fixture", "missing.yaml", folder=tmp_path)


def test_a_simulator_that_has_ended_says_so() -> None:
    with start("--listen", "127.0.0.1:0") as running:
        running.process.kill()
        running.process.wait()
        with pytest.raises(Ended, match="has ended with -9"):
            running.state()


def test_a_simulator_ends_with_the_process_that_started_it() -> None:
    program = "from ram_simulator.testing.running import start; print(start().host, flush=True); input()"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "operator")}
    asked = [sys.executable, "-c", program]
    with subprocess.Popen(asked, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as starter:
        assert starter.stdout is not None
        host, _, port = starter.stdout.readline().strip().partition(":")
        starter.kill()

    def gone() -> bool:
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
        except ConnectionRefusedError:
            return True
        return False

    until(gone, what="the simulator has ended")


def test_the_table_has_every_action() -> None:
    table = printed("actions", "--markdown")
    assert all(f"| {name} |" in table for product in PRODUCTS.values() for name in product.actions)
    assert "| OSS | GetObject |" in table


def test_the_table_says_which_parameters_have_no_effect() -> None:
    (row,) = (line for line in printed("actions", "--markdown").splitlines() if "| StopInstance |" in line)
    assert "| DryRun; without effect: ForceStop, StoppedMode, ConfirmStop, Hibernate |" in row
    actions = [action for product in PRODUCTS.values() for action in product.actions.values()]
    assert all(set(action.without_effect) <= set(action.optional) for action in actions)
