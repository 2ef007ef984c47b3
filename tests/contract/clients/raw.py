"""Signed requests without an SDK, for tests that send what no SDK would: the model, the mutations, the replays.

The signatures are written from their documentation ("Request structure", "Signature"), not from the simulator's code.
"""

import base64
import hashlib
import hmac
import http.client
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

FORM = "application/x-www-form-urlencoded"
VERSIONS = {"Ram": "2015-05-01", "Ecs": "2014-05-26", "Sts": "2015-04-01", "Ims": "2019-08-15", "Vpc": "2016-04-28"}
ECS_ACTIONS = ("AttachInstanceRamRole", "DetachInstanceRamRole", "CreateInstance", "RunInstances")
STS_ACTIONS = ("GetCallerIdentity", "AssumeRole", "AssumeRoleWithOIDC", "AssumeRoleWithSAML")

Pairs = list[tuple[str, str]]
_nonces = itertools.count()


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def answer(self) -> dict[str, Any]:
        """The body as JSON."""
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass(slots=True)
class Message:
    """A request as it goes over the wire, still open to changes."""

    method: str = "POST"
    path: str = "/"
    query: Pairs = field(default_factory=list)
    headers: Pairs = field(default_factory=list)
    body: bytes = b""

    @property
    def target(self) -> str:
        """Path and query as the request line has them."""
        return f"{self.path}?{encode_pairs(self.query)}" if self.query else self.path


class Wire:
    """One connection that stays open, to one of the simulator's addresses."""

    def __init__(self, url: str) -> None:
        self.host = urlsplit(url).netloc
        self._connection = http.client.HTTPConnection(self.host, timeout=20)

    def send(self, message: Message) -> Reply:
        """Send a message with the Host and Content-Length that are due, unless it brings its own."""
        given = {name.lower() for name, _ in message.headers}
        self._connection.putrequest(
            message.method, message.target, skip_host="host" in given, skip_accept_encoding=True
        )
        for name, value in message.headers:
            self._connection.putheader(name, value)
        if "content-length" not in given and "transfer-encoding" not in given:
            self._connection.putheader("Content-Length", str(len(message.body)))
        self._connection.endheaders(message.body or None)
        return self.receive()

    def receive(self) -> Reply:
        """Read the reply to what was sent last."""
        reply = self._connection.getresponse()
        return Reply(reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read())

    def close(self) -> None:
        """Close the connection; the next message opens another one."""
        self._connection.close()


@dataclass(frozen=True, slots=True)
class Key:
    """An access key, with its token if it is a temporary one."""

    access_key_id: str
    secret: str
    token: str = ""


class RawClient:
    """Calls actions as the old SDK does on the wire: V1, everything in the query of a POST."""

    def __init__(self, wire: Wire, key: Key, region: str = "cn-hangzhou") -> None:
        self.wire = wire
        self._key = key
        self._region = region

    def call(self, action: str, **parameters: Any) -> Reply:
        """Call an action; lists and objects are sent as JSON."""
        given = {"RegionId": self._region} | {name: text_of(value) for name, value in parameters.items()}
        return self.wire.send(Message(query=signed_v1("POST", common(action) + list(given.items()), self._key)))


def name_of(action: str) -> str:
    """Return the action as it is sent, without a product before it."""
    return action.rpartition(":")[2]


def product_of(action: str) -> str:
    """Return the product that has the action; one that RAM has too is of another if its name begins with `Ims:`."""
    named, colon, _ = action.partition(":")
    if colon:
        return named
    if action in STS_ACTIONS:
        return "Sts"
    if any(part in action for part in ("OIDCProvider", "SAMLProvider", "AccessKeyPolicy", "GetAccountSummary")):
        return "Ims"
    return "Ecs" if action in ECS_ACTIONS or "Instance" in action or action.startswith("Describe") else "Ram"


def text_of(value: object) -> str:
    """Return a parameter's value as it is sent."""
    return value if isinstance(value, str) else json.dumps(value)


def common(action: str) -> Pairs:
    """Return the parameters that every V1 request has, but key and signature."""
    return [
        ("Action", name_of(action)),
        ("Version", VERSIONS[product_of(action)]),
        ("Format", "JSON"),
        ("SignatureMethod", "HMAC-SHA1"),
        ("SignatureVersion", "1.0"),
        ("Timestamp", timestamp()),
        ("SignatureNonce", nonce()),
    ]


def timestamp() -> str:
    """Return now as requests have it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def nonce() -> str:
    """Return a nonce that this process has not used."""
    return f"raw-{id(_nonces)}-{next(_nonces)}"


def encode(text: str) -> str:
    """Percent-encode as RFC 3986 says; a lone surrogate becomes bytes that are no UTF-8."""
    return quote(text.encode("utf-8", "surrogatepass"), safe="-_.~")


def encode_pairs(pairs: Sequence[tuple[str, str]]) -> str:
    """Return a query string or form."""
    return "&".join(f"{encode(name)}={encode(value)}" for name, value in pairs)


def signed_v1(method: str, pairs: Pairs, key: Key) -> Pairs:
    """Return all parameters of a request with AccessKeyId, SecurityToken and the signature over all of them."""
    token = [("SecurityToken", key.token)] if key.token else []
    full = [*pairs, ("AccessKeyId", key.access_key_id), *token]
    canonical = encode_pairs(sorted(full))
    string_to_sign = f"{method}&%2F&{encode(canonical)}"
    digest = hmac.digest(f"{key.secret}&".encode(), string_to_sign.encode(), "sha1")
    return [*full, ("Signature", base64.b64encode(digest).decode())]


def signed_v3(message: Message, host: str, action: str, key: Key) -> Message:
    """Return the message with the headers and the signature of V3, which covers host and x-acs-...."""
    headers = {
        "host": host,
        "x-acs-action": name_of(action),
        "x-acs-version": VERSIONS[product_of(action)],
        "x-acs-date": timestamp(),
        "x-acs-signature-nonce": nonce(),
        "x-acs-content-sha256": hashlib.sha256(message.body).hexdigest(),
    }
    if key.token:
        headers |= {"x-acs-security-token": key.token, "x-acs-accesskey-id": key.access_key_id}
    names = sorted(headers)
    canonical = "\n".join(
        [
            message.method,
            "/",
            encode_pairs(sorted(message.query)),
            "".join(f"{name}:{headers[name]}\n" for name in names),
            ";".join(names),
            headers["x-acs-content-sha256"],
        ]
    )
    string_to_sign = f"ACS3-HMAC-SHA256\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.digest(key.secret.encode(), string_to_sign.encode(), "sha256").hex()
    value = f"ACS3-HMAC-SHA256 Credential={key.access_key_id},SignedHeaders={';'.join(names)},Signature={signature}"
    return Message(
        message.method,
        message.path,
        message.query,
        [*message.headers, *headers.items(), ("Authorization", value)],
        message.body,
    )
