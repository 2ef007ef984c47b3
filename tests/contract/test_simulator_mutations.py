"""Bad input: whatever is sent, a documented code comes back, no traceback is written and nothing has changed."""

import http.client
import json
import re
import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.contract.clients.mutation_tables import (
    CALLS,
    FEDERATED,
    INSTANCE,
    ISSUER,
    LITERALS,
    POLICY,
    PROVIDER,
    ROLE,
    TOKEN,
)
from tests.contract.clients.mutations import Mutant, Sender, mutant
from tests.contract.clients.pages import CREATE, READ_OSS, TRUST
from tests.contract.clients.raw import Key, Message, RawClient, Reply, Wire, timestamp
from tests.contract.clients.walk import ROOT
from tests.contract.conftest import RunningSimulator, start_simulator, stop_simulator
from tests.contract.test_simulator_oidc import Issuer, trust

SERVICES = ("endpoint", "metadata", "oss", "control")
DOCUMENTED = re.compile(
    r"""Missing\w+(\.\w+)? | InvalidApi\.NotFound | InvalidAccessKeyId\.(NotFound|Inactive) | SignatureDoesNotMatch
    | IncompleteSignature | InvalidSignatureMethod | SignatureNonceUsed | InvalidTimeStamp\.(Format|Expired)
    | InvalidSecurityToken\.\w+ | NoPermission | Forbidden\.RAM | InvalidRegionId\.NotFound
    | InvalidParameter(\.\w+){0,2} | MalformedPolicyDocument
    | (EntityAlreadyExists|EntityNotExist|LimitExceeded|DeleteConflict)(\.\w+)+
    | InvalidInstanceIds\.Malformed | InvalidInstanceId\.NotFound | DryRunOperation
    | InvalidRamRole\.(NotFound|NotEcsRole) | InvalidNetworkType\.MismatchRamRole | InvalidUser\.PassRoleForbidden
    | IdempotentParameterMismatch | IncorrectInstanceStatus | AuthenticationFail(\.\w+)+""",
    re.VERBOSE,
)
OSS_DOCUMENTED = re.compile(
    r"""AccessDenied | NoSuch(Bucket|Key) | InvalidAccessKeyId | SignatureDoesNotMatch | InvalidSecurityToken
    | SecurityTokenExpired | RequestTimeTooSkewed | InvalidArgument | NotImplemented | MethodNotAllowed | InvalidRange
    | InvalidBucketName | InvalidObjectName | EntityTooLarge | MissingContentLength | InvalidDigest | MalformedXML""",
    re.VERBOSE,
)
STATUSES = {"metadata": {200, 400, 401, 403, 404, 405}, "control": {200, 400, 404, 405}}
READS = re.compile(r"Get|List|Describe|Assume")
DEFAULT_FIXTURE = Path(__file__).parents[2] / "operator/ram_simulator/data/default_fixture.yaml"
FAR = 4_000_000_000


class Target:
    """A simulator of its own, whose stderr is read, and the state that every request must leave as it was."""

    def __init__(self, running: RunningSimulator, stderr: Path, tokens: Sequence[str]) -> None:
        self.hosts = {name: urlsplit(running.ready[name]).netloc for name in SERVICES}
        self.sender = Sender(Key(*ROOT), self.hosts, tokens)
        self.stderr = stderr
        self._running = running
        self._control = Wire(running.control)
        self._client = RawClient(Wire(running.endpoint), Key(*ROOT))
        self._sockets: dict[str, socket.socket] = {}
        self.rebuild()
        self.baseline = self.state()

    def rebuild(self) -> None:
        """Make the world that the mutants are about."""
        self._running.reset()
        steps: list[tuple[str, dict[str, object]]] = [
            ("CreateRole", {"RoleName": ROLE, "AssumeRolePolicyDocument": TRUST}),
            ("CreatePolicy", {"PolicyName": POLICY, "PolicyDocument": READ_OSS}),
            ("CreatePolicyVersion", {"PolicyName": POLICY, "PolicyDocument": CREATE}),
            ("CreateGroup", {"GroupName": "mutants"}),
            ("AttachInstanceRamRole", {"InstanceIds": [INSTANCE], "RamRoleName": ROLE}),
            ("CreateRole", {"RoleName": FEDERATED, "AssumeRolePolicyDocument": trust(provider=PROVIDER)}),
        ]
        for action, parameters in steps:
            assert self._client.call(action, **parameters).status == 200

    def state(self) -> bytes:
        return self._control.send(Message("GET", "/state")).body

    def send(self, made: Mutant) -> Reply | None:
        """Send a mutant and return the answer; None if the server closed the connection instead."""
        kept = self._sockets.pop(made.service, None)
        reply = self._exchange(kept, made) if kept else None
        # a connection kept open may have been closed by the server in the meantime
        return reply or self._exchange(socket.create_connection(self._address(made.service), timeout=20), made)

    def _exchange(self, connection: socket.socket, made: Mutant) -> Reply | None:
        reply = http.client.HTTPResponse(connection, method=made.message.method.upper())
        try:
            connection.sendall(made.raw(self.hosts[made.service]))
            if made.is_short:
                connection.shutdown(socket.SHUT_WR)
            reply.begin()
            found = Reply(reply.status, {name.lower(): text for name, text in reply.getheaders()}, reply.read())
        except (http.client.HTTPException, OSError):
            connection.close()
            return None
        if reply.will_close or made.is_last:
            connection.close()
        else:
            self._sockets[made.service] = connection
        return found

    def _address(self, service: str) -> tuple[str, int]:
        host, _, port = self.hosts[service].rpartition(":")
        return host, int(port)

    def close(self) -> None:
        for connection in self._sockets.values():
            connection.close()
        self._control.close()
        self._client.wire.close()


def tokens_of(issuer: Issuer) -> list[str]:
    """Return tokens with a right signature: odd ones, which say what they should not, and as many right ones."""
    claims = [{name: odd} for name in ("iss", "sub", "aud", "exp", "iat", "nbf") for odd in LITERALS]
    headers = [{name: odd} for name in ("alg", "kid") for odd in LITERALS]
    odd = [issuer.token(**item) for item in claims] + [issuer.token(item) for item in headers]
    return odd + [issuer.token(exp=FAR)] * len(odd)


def fixture_of(issuer: Issuer, folder: Path) -> Path:
    """Write the default fixture, and a provider whose tokens the account accepts."""
    (folder / "jwks.json").write_text(json.dumps(issuer.jwks()))
    fixture = yaml.safe_load(DEFAULT_FIXTURE.read_text())
    fixture["oidcProviders"] = [{"name": PROVIDER, "issuer": ISSUER, "jwksFile": "jwks.json"}]
    path = folder / "fixture.yaml"
    path.write_text(json.dumps(fixture))
    return path


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("mutations")
    issuer = Issuer(rsa.generate_private_key(65537, 2048))
    with (folder / "stderr").open("wb") as stderr:
        running = start_simulator("--fixture", str(fixture_of(issuer, folder)), stderr=stderr)
        found = Target(running, folder / "stderr", tokens_of(issuer))
        yield found
        found.close()
        stop_simulator(running)


def complaint(made: Mutant, reply: Reply | None) -> str:
    """Return what is wrong with an answer, nothing if it is as it should be."""
    if reply is None:
        return "" if made.is_short else "the connection was closed"
    if reply.status >= 500 and reply.status != 501:
        return f"status {reply.status}: {reply.body[:300]!r}"
    if reply.status < 300 or made.message.method == "HEAD" or is_web_server_refusal(reply):
        return ""
    if made.service in STATUSES:
        return "" if reply.status in STATUSES[made.service] else f"status {reply.status}"
    pattern = OSS_DOCUMENTED if made.service == "oss" else DOCUMENTED
    code = code_of(reply)
    return "" if pattern.fullmatch(code) else f"{reply.status} {code!r} is not documented: {reply.body[:300]!r}"


def is_web_server_refusal(reply: Reply) -> bool:
    """Whether the message was no HTTP at all, so that no service saw it."""
    return reply.status == 400 and reply.headers.get("content-type", "").startswith("text/plain")


def code_of(reply: Reply) -> str:
    if reply.headers.get("content-type", "").startswith("application/json"):
        return str(reply.answer.get("Code"))
    try:
        return ET.fromstring(reply.body).findtext("Code") or ""
    except ET.ParseError:
        return f"not XML, {reply.headers.get('content-type')}"


def may_have_changed_something(made: Mutant, reply: Reply | None) -> bool:
    """Whether the request was, for all its oddities, a good one that writes."""
    if reply is None or reply.status >= 300 or made.service == "metadata":
        return False
    if made.service != "endpoint":
        return made.message.method not in ("GET", "HEAD")
    headers = dict(made.message.headers)
    text = made.message.target + made.message.body.decode("latin-1")
    action = re.search(r"Action=(\w+)", text)
    return not READS.match(headers.get("x-acs-action", "") or (action[1] if action else ""))


def answered_without_harm(target: Target, numbers: range) -> list[str]:
    found = []
    for number in numbers:
        made = mutant(number, target.sender)
        reply = target.send(made)
        if wrong := complaint(made, reply):
            found.append(f"#{number} {made.raw('host')[:300]!r}: {wrong}")
        if may_have_changed_something(made, reply):
            target.rebuild()
        if target.state() != target.baseline:
            found.append(f"#{number} {made.raw('host')[:300]!r} changed the state")
            target.rebuild()
    text = target.stderr.read_text()
    return found + ([text[-5000:]] if "Traceback" in text or "ERROR" in text else [])


V3_ODD = [
    ("x-acs-action", "GetRole"),
    ("x-acs-version", "2015-05-01"),
    ("x-acs-date", timestamp()),
    ("x-acs-signature-nonce", "odd"),
    ("x-odd", "\udcff"),
    ("Authorization", f"ACS3-HMAC-SHA256 Credential={ROOT[0]},SignedHeaders=x-odd,Signature=\udcff"),
]
OSS_ODD = [
    ("Date", "Thu, 01 Jan 2026 00:00:00 GMT"),
    ("x-oss-odd", "\udcff"),
    ("Authorization", f"OSS {ROOT[0]}:\udcff"),
]
FOUND = {
    "a body that is not compressed although it says so": Mutant(
        "endpoint", Message("POST", "/", [("Action", "GetRole")], [("Content-Encoding", "gzip")], b"x")
    ),
    "a signed header that is no UTF-8": Mutant("endpoint", Message("POST", "/", [], V3_ODD)),
    "a header of OSS that is no UTF-8": Mutant("oss", Message("GET", "/ramroletest/\udcff", [], OSS_ODD)),
    "no text as the region of a new instance": Mutant("control", Message("POST", "/instances", body=b'{"region": {}}')),
    "no text as its network": Mutant("control", Message("POST", "/instances", body=b'{"networkType": []}')),
    "a control request of two megabytes": Mutant("control", Message("POST", "/faults", body=b"a" * (2 << 20))),
    "a length that is no number": Mutant("endpoint", Message("POST", "/", [], [("Content-Length", "x")])),
    "a body cut off": Mutant("endpoint", Message("POST", "/", body=b"Action=GetRole"), cut=3),
}


@pytest.mark.parametrize("case", FOUND)
def test_what_once_was_a_bug_is_refused(target: Target, case: str) -> None:
    assert complaint(FOUND[case], target.send(FOUND[case])) == ""
    assert "Traceback" not in target.stderr.read_text()
    assert target.state() == target.baseline


def test_each_odd_token_gets_as_far_as_the_provider_and_no_farther(target: Target) -> None:
    asked = next(dict(given) for action, given in CALLS if action == "AssumeRoleWithOIDC")
    codes: Counter[str] = Counter()
    for token in dict.fromkeys(target.sender.tokens):
        pairs = [("Action", "AssumeRoleWithOIDC"), ("Version", "2015-04-01"), ("Format", "JSON"), *asked.items()]
        pairs = [(name, token if value == TOKEN else value) for name, value in pairs]
        reply = target.send(made := Mutant("endpoint", Message("POST", "/", pairs)))
        assert complaint(made, reply) == ""
        assert reply is not None
        codes[code_of(reply) if reply.status != 200 else ""] += 1
    refused = ("OIDCToken.Invalid", "OIDCToken.AudienceNotMatch", "OIDCToken.Expired")
    assert set(codes) == {"", *(f"AuthenticationFail.{code}" for code in refused)}
    assert target.state() == target.baseline
    assert "Traceback" not in target.stderr.read_text()


def test_mutated_requests_are_refused_with_a_documented_code_and_change_nothing(target: Target) -> None:
    assert answered_without_harm(target, range(1_500)) == []


@pytest.mark.soak
def test_ten_thousand_mutated_requests_are_refused_and_change_nothing(target: Target) -> None:
    assert answered_without_harm(target, range(10_000)) == []
