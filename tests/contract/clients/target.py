"""What mutated requests are sent to: a simulator of its own, and the judgement of its answers."""

import http.client
import json
import re
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import yaml
from tests.contract.clients.mutation_tables import (
    ISSUER,
    LITERALS,
    PROVIDER,
)
from tests.contract.clients.mutations import Mutant, Sender
from tests.contract.clients.odd_values import OddCall
from tests.contract.clients.raw import Key, Message, RawClient, Reply, Wire, common, signed_v1, signed_v3
from tests.contract.clients.walk import ROOT
from tests.contract.conftest import RunningSimulator
from tests.contract.test_simulator_oidc import Issuer
from tests.contract.trials.worlds import PLAIN

SERVICES = ("endpoint", "metadata", "oss", "control")
DOCUMENTED = re.compile(
    r"""Missing\w+(\.\w+)? | InvalidApi\.NotFound | InvalidAccessKeyId\.(NotFound|Inactive) | SignatureDoesNotMatch
    | IncompleteSignature | InvalidSignatureMethod | SignatureNonceUsed | InvalidTimeStamp\.(Format|Expired)
    | InvalidSecurityToken\.\w+ | NoPermission | Forbidden\.RAM | InvalidRegionId\.NotFound
    | InvalidParameter(\.\w+){0,2} | MalformedPolicyDocument
    | (EntityAlreadyExists|EntityNotExist|LimitExceeded|DeleteConflict)(\.\w+)+
    | InvalidInstanceIds\.Malformed | InvalidInstanceId\.NotFound | DryRunOperation
    | InvalidHttp(Tokens|Endpoint|PutResponseHopLimit)\.NotSupported | InvalidInstanceMetadataTags\.NotSupported
    | InvalidUserData\.(Base64FormatInvalid|SizeExceeded) | InvalidPrivateIpAddress\.Malformed
    | InvalidIPAddress\.AlreadyUsed | InvalidOperation\.DeletionProtection | InvalidRamRole\.(NotFound|NotEcsRole)
    | InvalidNetworkType\.MismatchRamRole | InvalidUser\.PassRoleForbidden
    | InvalidResource(Id|Type)\.NotFound | InvalidTag(Key|Value)\.Malformed | NumberExceed\.\w+ | Duplicate\.TagKey
    | TagQuotaExceeded | InvalidDestinationResource\.NotFound
    | Invalid(Vpc|VSwitch|SecurityGroup|Zone|Image)I[dD]\.NotFound | InvalidCidrBlock\.\w+
    | InvalidSecurityGroupType\.ValueNotSupported | DependencyViolation(\.\w+)?
    | IdempotentParameterMismatch | IncorrectInstanceStatus | AuthenticationFail(\.\w+)+""",
    re.VERBOSE,
)
OSS_DOCUMENTED = re.compile(
    r"""AccessDenied | NoSuch(Bucket|Key) | InvalidAccessKeyId | SignatureDoesNotMatch | InvalidSecurityToken
    | SecurityTokenExpired | RequestTimeTooSkewed | InvalidArgument | NotImplemented | MethodNotAllowed | InvalidRange
    | InvalidBucketName | InvalidObjectName | EntityTooLarge | MissingContentLength | InvalidDigest | MalformedXML
    | PreconditionFailed | FileAlreadyExists""",
    re.VERBOSE,
)
STATUSES = {"metadata": {200, 400, 401, 403, 404, 405}, "control": {200, 400, 404, 405, 413}}
READS = re.compile(r"Get|List|Describe|Assume")
DEFAULT_FIXTURE = Path(__file__).parents[3] / "operator/ram_simulator/testing/fixtures/data/default_fixture.yaml"
FAR = 4_000_000_000
WHOLE: list[tuple[str, dict[str, str]]] = [
    ("ListUsers", {}),
    ("ListGroups", {}),
    ("ListUsersForGroup", {"GroupName": "mutants"}),
    ("ListAccessKeys", {}),
    *(("ListAccessKeys", {"UserName": name}) for name in ("dev", "member")),
    *(("GetLoginProfile", {"UserName": name}) for name in ("dev", "member")),
    *((f"Get{what}", {}) for what in ("AccountAlias", "PasswordPolicy", "SecurityPreference", "AccountSummary")),
    ("ListSAMLProviders", {}),
    ("GetAccessKeyPolicy", {"UserAccessKeyId": "simulator-dev", "UserPrincipalName": "dev"}),
    *((f"Ims:Get{what}", {}) for what in ("PasswordPolicy", "SecurityPreference")),
    *(("DescribeInstances", {"RegionId": region, "PageSize": "100"}) for region in ("cn-hangzhou", "cn-beijing")),
]
EVERY = 50


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
        self.baseline, self.whole_baseline = self.state(), self.whole()

    def rebuild(self) -> None:
        """Make the world that the mutants are about."""
        self._running.reset()
        for action, parameters in PLAIN:
            assert self._client.call(action, **parameters).status == 200

    def state(self) -> bytes:
        return self._control.send(Message("GET", "/state")).body

    def whole(self) -> list[Any]:
        """Return what the control service does not show: people in detail, settings, instances."""
        return [_without_dates(self._client.call(action, **parameters).answer) for action, parameters in WHOLE]

    def signed(self, call: OddCall) -> Mutant:
        """Return the request that makes a call, rightly signed."""
        key, host = self.sender.key, self.hosts["endpoint"]
        if call.is_v3:
            return Mutant("endpoint", signed_v3(Message(query=call.pairs), host, call.action, key))
        return Mutant("endpoint", Message(query=signed_v1("POST", common(call.action) + call.pairs, key)))

    def send(self, made: Mutant) -> Reply | None:
        """Send a mutant and return the answer; None if the server closed the connection instead."""
        kept = self._sockets.pop(made.service, None)
        reply = self._exchange(kept, made) if kept else None
        # a connection kept open may have been closed by the server in the meantime
        return reply or self._exchange(socket.create_connection(self._address(made.service), timeout=60), made)

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


def _without_dates(value: Any) -> Any:
    """Return an answer without what a reset makes anew."""
    if isinstance(value, list):
        return [_without_dates(item) for item in value]
    if not isinstance(value, dict):
        return value
    made_anew = re.compile(r"\w*(Date|Time)|RequestId|UserId|GroupId")
    return {name: _without_dates(item) for name, item in value.items() if not made_anew.fullmatch(name)}


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
    if made.service == "oss" and reply.status == 304:
        return ""  # has no body to hold a code
    pattern = OSS_DOCUMENTED if made.service == "oss" else DOCUMENTED
    code = code_of(reply)
    return "" if pattern.fullmatch(code) else f"{reply.status} {code!r} is not documented: {reply.body[:300]!r}"


def is_web_server_refusal(reply: Reply) -> bool:
    """Whether the message was no HTTP at all or for another host, so that no service saw it."""
    if reply.status == 421:
        return True
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
