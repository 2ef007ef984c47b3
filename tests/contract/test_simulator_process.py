"""The simulator as a process: its ready line, where it listens, its end."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aliyunsdkcore.acs_exception.exceptions import ClientException
from tests.contract.conftest import OldSdk, RunningSimulator, refused_start, start_simulator, stop_simulator
from tests.polling import until

ADDRESSES = ("endpoint", "metadata", "oss", "control")


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
        connection.sendall(b"GET /?Action=x&Version=y HTTP/1.1\r\nHost: localhost\r\n\r\n")
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
    said = refused_start("--listen", f"127.0.0.1:{port}")
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


def test_latency_holds_up_each_call_and_calls_wait_side_by_side(started: Callable[..., RunningSimulator]) -> None:
    running = started("--latency-ms", "200")
    request = b"GET /?Action=x&Version=y HTTP/1.1\r\nHost: localhost\r\n\r\n"
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
