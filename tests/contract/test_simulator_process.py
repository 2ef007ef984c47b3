"""The simulator as a process: its ready line, its options, its end, and what it says when it cannot start."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout, suppress
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from aliyunsdkcore.acs_exception.exceptions import ClientException
from tests.contract.conftest import OldSdk, RunningSimulator, start_simulator, stop_simulator
from tests.polling import until

from ram_simulator.__main__ import main
from ram_simulator.clock import Clock
from ram_simulator.command_line import parser
from ram_simulator.errors import InvalidFixture
from ram_simulator.fixtures import build, read_fixture

ROOT = Path(__file__).parents[2]
LONG_NAME = "a" * 64  # longer than names may be, so that no name server is asked
ADDRESSES = ("endpoint", "metadata", "oss", "control")
FIXTURE = """
account: {id: "42", accessKeyId: key, accessKeySecret: secret}
groups:
- {name: readers, policies: [{system: ReadOnlyAccess}]}
users:
- {name: ann, groups: [readers], accessKeyId: ann-key, accessKeySecret: ann-secret}
- {name: bob, accessKeyId: bob-key, accessKeySecret: bob-secret, active: false}
policies:
- {name: one, document: {Version: "1", Statement: [{Effect: Allow, Action: "oss:*", Resource: "*"}]}}
roles:
- {name: Worker, policies: [{custom: one}], tags: {team: a}}
instances:
- {region: cn-shanghai, ramRoleName: worker}
- {id: i-one, networkType: classic}
buckets:
- {name: mine, objects: [{key: a.txt, text: hello}, {key: b.txt, file: content.txt}]}
"""


@pytest.fixture
def started() -> Iterator[Callable[..., RunningSimulator]]:
    """Return a function that starts simulators, each ended after the test."""
    running: list[RunningSimulator] = []

    def start(*options: str) -> RunningSimulator:
        running.append(start_simulator(*options))
        return running[-1]

    yield start
    for simulator in running:
        stop_simulator(simulator)


def fails(*options: str) -> str:
    """Start a simulator that must not start, and return the one line that it says."""
    ended = subprocess.run(
        [sys.executable, "-m", "ram_simulator", "serve", *options],
        capture_output=True,
        text=True,
        timeout=20,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "operator")},
    )
    assert ended.returncode != 0
    assert ended.stdout == ""
    lines = ended.stderr.splitlines()
    assert "Traceback" not in ended.stderr
    return lines[-1]


def test_the_ready_line_tells_what_clients_need(simulator: RunningSimulator) -> None:
    ready = simulator.ready
    assert list(ready) == [
        "endpoint",
        "metadata",
        "oss",
        "control",
        "account",
        "accessKeyId",
        "accessKeySecret",
        "regions",
        "instances",
        "buckets",
    ]
    for name in ("endpoint", "metadata", "oss", "control"):
        address = urlsplit(ready[name])
        assert (address.scheme, address.hostname, address.path) == ("http", "127.0.0.1", "")
        socket.create_connection((address.hostname, address.port), timeout=5).close()
    assert all(set(item) == {"instanceId", "region", "networkType"} for item in ready["instances"])
    assert ready["buckets"] == ["ramroletest"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(number: signal.Signals) -> None:
    running = start_simulator()
    running.process.send_signal(number)
    assert running.process.wait(10) == 0
    assert running.process.stdout is not None
    assert running.process.stdout.read() == ""
    running.process.stdout.close()


def test_a_signal_ends_it_while_a_client_keeps_its_connection() -> None:
    running = start_simulator()
    address = urlsplit(running.ready["endpoint"])
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(b"GET /?Action=x&Version=y HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(100)
        assert stop_simulator(running) == 0


def test_a_signal_ends_it_while_a_fault_holds_a_call() -> None:
    running = start_simulator()
    running.control_call("POST", "/faults", {"action": "ListRoles", "delaySeconds": 3600})
    with ThreadPoolExecutor() as threads:
        call = threads.submit(OldSdk(running, (running.accessKeyId, running.accessKeySecret)).call, "ListRoles")
        until(lambda: not running.control_call("GET", "/faults")["faults"], what="the call has arrived")
        assert stop_simulator(running) == 0
        assert isinstance(call.exception(), ClientException)


def test_a_port_in_use_is_said_with_the_service_that_wants_it(simulator: RunningSimulator) -> None:
    port = urlsplit(simulator.ready["endpoint"]).port or 0
    said = fails("--listen", f"127.0.0.1:{port}")
    assert f"--listen 127.0.0.1:{port}: the port {port}, for the API, is in use" in said
    assert "127.0.0.1:0 for any free ports" in said


def test_four_ports_in_a_row_are_taken(started: Callable[..., RunningSimulator]) -> None:
    for port in range(20780, 20980, 4):
        try:
            running = started("--listen", f"127.0.0.1:{port}")
        except RuntimeError:
            continue
        break
    ports = [urlsplit(running.ready[name]).port for name in ("endpoint", "metadata", "oss", "control")]
    assert ports == [port, port + 1, port + 2, port + 3]


def test_a_name_may_be_listened_at(started: Callable[..., RunningSimulator]) -> None:
    running = started("--listen", "localhost:0")
    assert running.ready["endpoint"].startswith("http://localhost:")
    assert running.state()["users"] == [{"userName": "dev"}]


def test_clients_are_told_loopback_where_it_listens_at_every_address(started: Callable[..., RunningSimulator]) -> None:
    running = started("--listen", "0.0.0.0:0")
    assert {urlsplit(running.ready[name]).hostname for name in ADDRESSES} == {"127.0.0.1"}
    assert running.state()["users"] == [{"userName": "dev"}]


def test_clients_on_other_machines_are_told_the_name_they_need(started: Callable[..., RunningSimulator]) -> None:
    running = started("--advertise", "cloud.test")
    assert {urlsplit(running.ready[name]).hostname for name in ADDRESSES} == {"cloud.test"}


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
    assert said in fails(option, value)


def printed(*command: str) -> str:
    """Run a command that serves nothing, here instead of in a process, and return what it prints."""
    with redirect_stdout(StringIO()) as out, pytest.MonkeyPatch.context() as patch, suppress(SystemExit):
        patch.setattr(sys, "argv", ["ram-simulator", *command])
        patch.setenv("COLUMNS", "120")
        main()
    return out.getvalue()


def test_the_help_has_every_option_with_its_default_and_the_readme_has_them_too() -> None:
    text = printed("serve", "--help")
    blocks = re.findall(r"^  (--[a-z-]+).*?(?=^  --|^$)", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 8
    assert text.count("(default:") == len(blocks)
    readme = (ROOT / "README.md").read_text()
    assert [name for name in blocks if f"`{name}" not in readme] == []
    assert "ram-simulator serve --listen 127.0.0.1:0 " in text


def test_tables_are_for_people_unless_they_are_asked_for_in_markdown() -> None:
    plain, markdown = printed("switches").splitlines(), printed("switches", "--markdown").splitlines()
    assert plain[0].split() == ["switch", "default", "values", "what", "it", "is", "about"]
    assert plain[1].split()[:2] == markdown[2].replace("`", "").replace("|", "").split()[:2]
    assert len({line.index(line.split()[1], len(line.split()[0])) for line in plain}) == 1
    assert not [line for line in plain if "|" in line or "`" in line]


def test_the_version_is_that_of_the_package() -> None:
    assert printed("--version") == f"ram-simulator {version('ram-operator')}\n"


def test_a_fixture_describes_the_world(started: Callable[..., RunningSimulator], tmp_path: Path) -> None:
    (tmp_path / "content.txt").write_text("from a file")
    (tmp_path / "fixture.yaml").write_text(FIXTURE)
    running = started("--fixture", str(tmp_path / "fixture.yaml"))
    assert (running.ready["account"], running.ready["accessKeyId"]) == ("42", "key")
    state = running.state()
    assert sorted(item["ramRoleName"] for item in state["instances"]) == ["", "Worker"]
    assert state["buckets"] == [{"name": "mine", "region": "cn-hangzhou", "objects": ["a.txt", "b.txt"]}]
    ann = OldSdk(running, ("ann-key", "ann-secret"))
    assert ann.call("GetRole", RoleName="worker")["Role"]["Arn"] == "acs:ram::42:role/worker"
    assert ann.refusal("DeleteRole", RoleName="worker") == (403, "NoPermission")
    bob = OldSdk(running, ("bob-key", "bob-secret"))
    assert bob.refusal("GetCallerIdentity") == (400, "InvalidAccessKeyId.Inactive")
    running.reset()
    assert running.state() == state


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "a mapping is due"),
        ("a: [", "not YAML"),
        ("\udcff", "not YAML"),
        ("rolls: []", "the file: unknown key 'rolls'. Did you mean roles?"),
        ("users: [{name: a, accesKeyId: b}]", "users[0]: unknown key 'accesKeyId'. Did you mean accessKeyId?"),
        ("account: {id: 42}", "account.id: a string is due"),
        ("account: {id: x}", "account.id"),
        ("users: dev", "users: a list is due"),
        ("users: [{}]", "users[0].name: a string is due"),
        ("users: [{name: a}, {name: A}]", "the user A is there twice"),
        ("users: [{name: a, groups: [b]}]", "group b"),
        ("roles: [{name: a, policies: [{custom: b}]}]", "the custom policy b"),
        ("roles: [{name: a, policies: [{}]}]", "exactly one of system and custom"),
        ("roles: [{name: a, trust: {Version: '2'}}]", 'roles[0].trust: Version: "2"'),
        ("roles: [{name: a, maxSessionDuration: long}]", "whole number"),
        ("policies: [{name: a, document: {}}]", "policies[0].document"),
        ("instances: [{region: moon}]", "instances[0].region: 'moon'"),
        ("instances: [{region: cn-hangzou}]", "Did you mean cn-hangzhou?"),
        ("instances: [{networkType: wifi}]", "networkType: 'wifi'"),
        ("instances: [{ramRoleName: a}]", "plays the role a"),
        ("instances: [{id: i-1}, {id: i-1}]", "there twice"),
        ("buckets: [{name: a, objects: [{key: b}]}]", "exactly one of text and file"),
        ("buckets: [{name: a, objects: [{key: b, file: c}]}]", "c: there is no such file"),
        ("oidcProviders: [{name: a, issuer: b, jwksFile: c}]", "jwksFile: "),
    ],
)
def test_a_wrong_fixture_is_said_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "fixture.yaml").write_bytes(os.fsencode(text))
    with pytest.raises(InvalidFixture) as caught:
        build(read_fixture(tmp_path / "fixture.yaml"), Clock(time.time))
    assert said in str(caught.value)


def test_a_fixture_that_does_not_fit_together_is_said_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "fixture.yaml"
    path.write_text("instances: [{id: i-one, ramRoleName: a}]")
    assert f"--fixture {path}: i-one plays the role a, which the fixture does not have" in fails("--fixture", str(path))


def test_the_example_of_a_fixture_is_taken_as_it_is_printed(
    started: Callable[..., RunningSimulator], tmp_path: Path
) -> None:
    path = tmp_path / "fixture.yaml"
    path.write_text(printed("fixture"))
    running = started("--fixture", str(path))
    assert (running.ready["accessKeyId"], running.ready["buckets"]) == ("my-key", ["reports"])
    (instance,) = running.state()["instances"]
    assert instance["ramRoleName"] == "EcsReports"
    readme = (ROOT / "README.md").read_text()
    assert printed("fixture") in readme, "put `ram-simulator fixture` into README.md"
    assert yaml.safe_load(printed("fixture", "--built-in"))["users"][0]["name"] == "dev"


def mappings(value: Any) -> Iterator[dict[str, Any]]:
    """Return each mapping of a fixture file, but for documents and tags, which have keys of their own."""
    if isinstance(value, list):
        for item in value:
            yield from mappings(item)
    elif isinstance(value, dict):
        yield value
        for key, item in value.items():
            yield from mappings(item) if key not in ("document", "trust", "tags") else ()


def test_the_example_of_a_fixture_has_every_key_that_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "fixture.yaml"
    (tmp_path / "logo.png").write_bytes(b"")
    (tmp_path / "jwks.json").write_text('{"keys": [{"kty": "RSA", "kid": "a", "n": "wVLt", "e": "AQAB"}]}')
    # what needs other files is there as a comment without a blank
    whole = yaml.safe_load(re.sub(r"^#(?! [A-Za-z])", "", printed("fixture"), flags=re.MULTILINE))
    path.write_text(yaml.safe_dump(whole))
    read_fixture(path)
    shown: dict[str, set[str]] = {}
    for mapping in mappings(whole):
        keys = set(mapping)
        mapping["zz"] = ""
        path.write_text(yaml.safe_dump(whole))
        with pytest.raises(InvalidFixture, match="unknown key 'zz'") as caught:
            read_fixture(path)
        del mapping["zz"]
        shown.setdefault(str(caught.value).rpartition("Known: ")[2], set()).update(keys)
    assert len(shown) == 12
    assert [known for known, keys in shown.items() if set(known.split(", ")) != keys] == []


def test_latency_holds_up_each_call_and_calls_wait_side_by_side(started: Callable[..., RunningSimulator]) -> None:
    running = started("--latency-ms", "200")
    request = b"GET /?Action=x&Version=y HTTP/1.1\r\nHost: x\r\n\r\n"
    address = urlsplit(running.ready["endpoint"])
    connections = [socket.create_connection((address.hostname, address.port)) for _ in range(20)]
    began = time.monotonic()
    for connection in connections:
        connection.sendall(request)
    for connection in connections:
        assert connection.recv(100)
        connection.close()
    # one after the other they would take four seconds
    assert 0.2 <= time.monotonic() - began < 4


def test_quotas_throttle_as_documented(started: Callable[..., RunningSimulator]) -> None:
    running = started("--quotas", "documented")
    client = OldSdk(running, ("simulator-root", "simulator-root-secret"))
    asked = {"PolicyType": "System", "PolicyName": "AdministratorAccess", "UserName": "nobody"}
    codes = [client.refusal("AttachPolicyToUser", **asked) for _ in range(25)]
    assert set(codes) == {(404, "EntityNotExist.User"), (400, "Throttling.User")}
    assert codes.index((400, "Throttling.User")) >= 10
    running.control_call("POST", "/clock", {"advanceSeconds": 60})
    assert client.refusal("AttachPolicyToUser", **asked) == (404, "EntityNotExist.User")


def test_no_secret_is_written_to_stderr() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "ram_simulator", "serve", "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "operator")},
    )
    assert process.stdout is not None
    running = RunningSimulator(process, json.loads(process.stdout.readline()))
    client = OldSdk(running, ("simulator-root", "simulator-root-secret"))
    client.call("ListRoles")
    client.refusal("GetRole", RoleName="nobody")
    process.terminate()
    _, errors = process.communicate(timeout=10)
    assert errors == ""
