"""The API and OSS over TLS: what they show, what policies hear of it, and certificates that cannot be served."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import oss2
import pytest
from tests.contract.clients.raw import Key
from tests.contract.clients.sdks import NewPython
from tests.contract.clients.tls import certificate
from tests.contract.clients.walk import ROOT, Refused
from tests.contract.conftest import RunningSimulator, refused_start, start_simulator, stop_simulator


def in_two_files(folder: Path) -> tuple[Path, Path]:
    """Return a certificate for localhost and its key."""
    head = "-----BEGIN CERTIFICATE-----"
    key, _, rest = certificate(folder).read_text().partition(head)
    (folder / "key.pem").write_text(key)
    (folder / "cert.pem").write_text(head + rest)
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSimulator]:
    cert, key = in_two_files(tmp_path_factory.mktemp("tls"))
    running = start_simulator("--advertise", "localhost", "--tls-cert", str(cert), "--tls-key", str(key))
    with pytest.MonkeyPatch.context() as patch:
        for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
            patch.setenv(name, str(cert))
        yield running
    assert stop_simulator(running) == 0


def test_the_ready_line_says_what_speaks_tls(secured: RunningSimulator) -> None:
    schemes = {name: urlsplit(secured.ready[name]).scheme for name in ("endpoint", "metadata", "oss", "control")}
    assert schemes == {"endpoint": "https", "metadata": "http", "oss": "https", "control": "http"}
    assert secured.state()["buckets"]
    with urllib.request.urlopen(f"{secured.metadata}/instances/{secured.instance_ids()[0]}/latest/meta-data/") as reply:
        assert reply.status == 200


def test_clients_read_oss_over_tls(secured: RunningSimulator) -> None:
    bucket = oss2.Bucket(oss2.Auth(*ROOT), secured.oss, "ramroletest", is_path_style=True)
    assert bucket.get_object("ramroletest.txt").read()


@pytest.mark.parametrize(("denied", "allowed"), [("false", True), ("true", False)])
def test_policies_hear_that_a_call_came_over_tls(secured: RunningSimulator, denied: str, allowed: bool) -> None:
    secured.reset()
    root, dev = NewPython(secured, Key(*ROOT)), NewPython(secured, Key("simulator-dev", "simulator-dev-secret"))
    statement = {"Effect": "Allow", "Action": "ram:ListRoles", "Resource": "*"}
    denial = {**statement, "Effect": "Deny", "Condition": {"Bool": {"acs:SecureTransport": denied}}}
    document = json.dumps({"Version": "1", "Statement": [statement, denial]})
    root.call("CreatePolicy", {"PolicyName": "list", "PolicyDocument": document})
    root.call("AttachPolicyToUser", {"PolicyType": "Custom", "PolicyName": "list", "UserName": "dev"})
    if allowed:
        assert dev.call("ListRoles", {})["Roles"] == {"Role": []}
    else:
        with pytest.raises(Refused, match="NoPermission"):
            dev.call("ListRoles", {})


def test_plain_http_at_a_port_of_tls_gets_nothing(secured: RunningSimulator) -> None:
    with pytest.raises(OSError):
        urllib.request.urlopen(secured.endpoint.replace("https", "http"), timeout=10)


@pytest.mark.parametrize(
    ("cert", "key", "said"),
    [
        ("none.pem", "", "--tls-cert {folder}/none.pem: there is no such file"),
        ("cert.pem", "none.pem", "--tls-key {folder}/none.pem: there is no such file"),
        ("cert.pem", "", "--tls-cert {folder}/cert.pem: no PEM certificate with its key"),
        ("cert.pem", "other.pem", "no PEM certificate with its key"),
        ("key.pem", "key.pem", "no PEM certificate with its key"),
    ],
)
def test_what_is_no_certificate_with_its_key_is_said_at_the_start(
    tmp_path: Path, cert: str, key: str, said: str
) -> None:
    in_two_files(tmp_path)
    (tmp_path / "other.pem").write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    options = ["--tls-cert", str(tmp_path / cert), *(["--tls-key", str(tmp_path / key)] if key else [])]
    assert said.format(folder=tmp_path) in refused_start(*options)
