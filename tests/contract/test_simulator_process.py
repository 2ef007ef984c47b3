"""The simulator as a process: its ready line, its options, its end, and what it says when it cannot start."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.contract.conftest import OldSdk, RunningSimulator, start_simulator, stop_simulator

from ram_simulator.clock import Clock
from ram_simulator.errors import InvalidFixture
from ram_simulator.fixtures import build, read_fixture

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


def test_a_port_in_use_is_said(simulator: RunningSimulator) -> None:
    port = urlsplit(simulator.ready["endpoint"]).port
    said = fails("--listen", f"127.0.0.1:{port}")
    assert str(port) in said
    assert "in use" in said


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


@pytest.mark.parametrize("listen", ["nowhere", "127.0.0.1:x", "127.0.0.1:70000", "127.0.0.1:-1"])
def test_a_wrong_address_is_said(listen: str) -> None:
    assert "is no HOST:PORT" in fails("--listen", listen)


def test_an_address_of_another_computer_is_said() -> None:
    assert "192.0.2.1" in fails("--listen", "192.0.2.1:0")


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
        ("rolls: []", "unknown key 'rolls'"),
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
        ("instances: [{networkType: wifi}]", "networkType: 'wifi'"),
        ("instances: [{ramRoleName: a}]", "plays the role a"),
        ("instances: [{id: i-1}, {id: i-1}]", "there twice"),
        ("buckets: [{name: a, objects: [{key: b}]}]", "exactly one of text and file"),
        ("buckets: [{name: a, objects: [{key: b, file: c}]}]", "No such file"),
    ],
)
def test_a_wrong_fixture_is_said_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "fixture.yaml").write_text(text)
    with pytest.raises(InvalidFixture) as caught:
        build(read_fixture(tmp_path / "fixture.yaml"), Clock(time.time))
    assert said in str(caught.value)


def test_a_wrong_or_missing_fixture_ends_the_process(tmp_path: Path) -> None:
    (tmp_path / "fixture.yaml").write_text("rolls: []")
    assert "unknown key 'rolls'" in fails("--fixture", str(tmp_path / "fixture.yaml"))
    assert "No such file" in fails("--fixture", str(tmp_path / "missing.yaml"))


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
