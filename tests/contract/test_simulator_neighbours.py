"""What a neighbour can send: names of hosts that a page in a browser made mean this machine, and bodies without end."""

import http.client
import json
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from tests.contract.clients.raw import Key, Message, Wire, common, signed_v1
from tests.contract.conftest import OldSdk, RunningSimulator

from ram_simulator.policies.patterns import compile_resource

SERVICES = {
    "endpoint": "/?Action=GetCallerIdentity&Version=2015-04-01",
    "metadata": "/instances/i-bp1simulator00000001/latest/meta-data/instance-id",
    "oss": "/",
    "control": "/state",
}
ROOT = Key("simulator-root", "simulator-root-secret")


def answered(simulator: RunningSimulator, service: str, host: str | None) -> int:
    address = urlsplit(simulator.ready[service])
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    try:
        connection.putrequest("GET", SERVICES[service], skip_host=True)
        if host is not None:
            connection.putheader("Host", host.format(port=address.port))
        connection.endheaders()
        reply = connection.getresponse()
        reply.read()
        return reply.status
    finally:
        connection.close()


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example:{port}", "evillocalhost", "x", ":{port}"]
)
def test_a_name_that_is_not_its_own_is_refused(simulator: RunningSimulator, service: str, host: str) -> None:
    assert answered(simulator, service, host) == 421


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:{port}",
        "127.0.0.1",
        "[::1]:{port}",
        "localhost:{port}",
        "LOCALHOST",
        "100.100.100.200",
        "ram.aliyuncs.com",
    ],
)
def test_addresses_localhost_and_the_names_of_the_cloud_are_its_own(
    simulator: RunningSimulator, service: str, host: str
) -> None:
    assert answered(simulator, service, host) != 421


def test_names_are_its_own_that_it_is_started_with(started: Callable[..., RunningSimulator]) -> None:
    running = started("--advertise", "cloud.test", "--allow-host", "simulator", "--allow-host", "other.test")
    address = urlsplit(running.ready["control"])
    running.ready["control"] = f"http://127.0.0.1:{address.port}"
    for name in ("cloud.test", "simulator:{port}", "other.test", "bucket.cloud.test"):
        assert answered(running, "control", name) == 200
    assert answered(running, "control", "another.test") == 421


def sent_without_end(simulator: RunningSimulator, service: str, target: str) -> bytes:
    """Send a body in chunks until there is an answer, and return its first line."""
    address = urlsplit(simulator.ready[service])
    head = f"POST {target} HTTP/1.1\r\nHost: {address.netloc}\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"100000\r\n" + b"x" * (1 << 20) + b"\r\n"
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        connection.sendall(head.encode())
        for _ in range(64):
            connection.setblocking(False)
            try:
                if found := connection.recv(4096):
                    return found.partition(b"\r\n")[0]
            except BlockingIOError:
                pass
            connection.settimeout(20)
            connection.sendall(chunk)
        return connection.recv(4096).partition(b"\r\n")[0]


@pytest.mark.parametrize(
    ("service", "target", "status"),
    [("control", "/faults", b"413"), ("endpoint", "/?Action=GetCallerIdentity&Version=2015-04-01", b"400")],
)
def test_a_body_without_end_is_answered_before_it_ends(
    simulator: RunningSimulator, service: str, target: str, status: bytes
) -> None:
    assert sent_without_end(simulator, service, target).split()[1] == status


def test_a_length_beyond_the_limit_is_refused_before_the_body_is_read(simulator: RunningSimulator, wire: Wire) -> None:
    control, big = Wire(simulator.control), str(1 << 40)
    reply = control.send(Message("POST", "/faults", headers=[("Content-Length", big)]))
    assert reply.status == 413
    query = signed_v1("POST", common("GetCallerIdentity"), ROOT)
    refused = wire.send(Message("POST", "/", query, [("Content-Length", big)]))
    assert (refused.status, refused.answer["Code"]) == (400, "InvalidParameter.Length")
    control.close()


@pytest.mark.parametrize("resource", ["acs:*", "acs:oss:*", "acs:oss:*:*", "acs:ram:*:*", "acs:"])
def test_a_resource_with_fewer_than_five_fields_matches_nothing(root: OldSdk, dev: OldSdk, resource: str) -> None:
    statement = {"Effect": "Allow", "Action": "ram:*", "Resource": resource}
    document = json.dumps({"Version": "1", "Statement": [statement]})
    root.call("CreatePolicy", PolicyName="short", PolicyDocument=document)
    root.call("AttachPolicyToUser", PolicyType="Custom", PolicyName="short", UserName="dev")
    assert dev.refusal("ListRoles") == (403, "NoPermission")
    assert not compile_resource(resource).matches("acs:ram:*:1:role/x")


def test_a_resource_with_five_fields_matches_field_by_field() -> None:
    assert compile_resource("acs:*:*:*:*").matches("acs:ram:*:1:role/x")
    assert compile_resource("acs:ram::1:role/*").matches("acs:ram:*:1:role/a:b")
