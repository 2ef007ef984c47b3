"""Where temporary credentials come from: STS for a token of the cluster (RRSA), the metadata service, a URI.

Each is chosen by a setting, and none is fallen back to: the metadata service gives whatever role the node has, which
may be one that this operator attached. Parameters and shapes: https://api.aliyun.com, STS 2015-04-01,
AssumeRoleWithOIDC; the ECS user guide, "Instance RAM roles".
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

from ram_operator.cloud.client.answers import Answer, decode
from ram_operator.cloud.client.failures import UNREADABLE, refusal
from ram_operator.cloud.client.transport import Exchange, NoAnswer, Transport
from ram_operator.cloud.credentials import Credentials
from ram_operator.cloud.credentials.temporary import Temporary
from ram_operator.errors import Unavailable

SESSION_SECONDS = 3600
METADATA_TOKEN_SECONDS = 60
LONGEST_TOKEN = 20_000
SHORTEST_SECRET = 8
"""Characters of a part of a URI that may be a secret; shorter ones are words."""


@dataclass(frozen=True, slots=True)
class OidcSource:
    """Credentials of a role for a token of the cluster's service account (AssumeRoleWithOIDC).

    Args:
        role_arn: the role; its trust policy names the provider, the audience and the service account.
        provider_arn: the OIDC provider that RAM knows the cluster as.
        token_file: the projected token; read for each renewal, since the kubelet replaces it.
        session_name: names the session in the cloud's records.
        session_policy: JSON text that limits the role further; empty for none.
    """

    role_arn: str
    provider_arn: str
    token_file: Path
    session_name: str = "ram-operator"
    session_policy: str = field(default="", repr=False)

    async def fetch(self, transport: Transport, sts: str) -> Temporary:
        """Return fresh credentials from STS, whose URL is `sts`; raises CloudError."""
        action, token = "AssumeRoleWithOIDC", self._token()
        fields = {
            "Action": action,
            "Version": "2015-04-01",
            "Format": "JSON",
            "Timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "SignatureNonce": uuid.uuid4().hex,
            "RoleArn": self.role_arn,
            "OIDCProviderArn": self.provider_arn,
            "OIDCToken": token,
            "RoleSessionName": self.session_name,
            "DurationSeconds": SESSION_SECONDS,
            **({"Policy": self.session_policy} if self.session_policy else {}),
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept-Encoding": "identity"}
        sent = transport.fetch("POST", f"{sts}/", headers, urlencode(fields).encode())
        return _temporary((await _asked(action, sts, (token,), sent)).part("Credentials"))

    def _token(self) -> str:
        try:
            with self.token_file.open(encoding="ascii") as file:
                token = file.read(LONGEST_TOKEN).strip()
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no token"
            raise Unavailable("AssumeRoleWithOIDC", "SDK.NoToken", f"cannot read {self.token_file}: {reason}") from None
        if not token:
            raise Unavailable("AssumeRoleWithOIDC", "SDK.NoToken", f"{self.token_file} is empty")
        return token


@dataclass(frozen=True, slots=True)
class InstanceRoleSource:
    """Credentials of the role of the instance that this process runs on, from its metadata service.

    Args:
        endpoint: URL of the metadata service, which has no TLS.
    """

    endpoint: str = "http://100.100.100.200"

    async def fetch(self, transport: Transport, sts: str) -> Temporary:
        """Return fresh credentials; raises CloudError."""
        base = f"{self.endpoint}/latest/meta-data/ram/security-credentials/"
        seconds = {"X-aliyun-ecs-metadata-token-ttl-seconds": str(METADATA_TOKEN_SECONDS)}
        token = await self._text(transport, "PUT", f"{self.endpoint}/latest/api/token", seconds)
        headers = {"X-aliyun-ecs-metadata-token": token}
        role = await self._text(transport, "GET", base, headers)
        sent = transport.fetch("GET", base + quote(role, safe=""), headers)
        return _temporary(await _asked("GetInstanceRole", self.endpoint, (token,), sent))

    async def _text(self, transport: Transport, method: str, url: str, headers: Mapping[str, str]) -> str:
        exchange = await _sent("GetInstanceRole", self.endpoint, transport.fetch(method, url, headers))
        text = exchange.body.decode("ascii", "replace").strip()
        if exchange.status != 200 or not text.isprintable() or not 0 < len(text) < 256:
            words = (
                f"{self.endpoint}: HTTP {exchange.status}: the instance has no role, or no metadata service is there"
            )
            raise Unavailable("GetInstanceRole", UNREADABLE, words)
        return text


@dataclass(frozen=True, slots=True)
class UriSource:
    """Credentials that a server of the user's own gives at a URI (ALIBABA_CLOUD_CREDENTIALS_URI of other tools).

    Args:
        uri: may have a secret in its path or query: it is never shown.
    """

    uri: str = field(repr=False)

    async def fetch(self, transport: Transport, sts: str) -> Temporary:
        """Return fresh credentials; raises CloudError."""
        sent = transport.fetch("GET", self.uri, {"Accept-Encoding": "identity"})
        return _temporary(await _asked("GetCredentials", "the credentials URI", _secrets(self.uri), sent))


Source = OidcSource | InstanceRoleSource | UriSource
"""Each has `fetch`, which returns fresh credentials or raises a CloudError that shows nothing secret."""


def _secrets(uri: str) -> tuple[str, ...]:
    """What of a URI may be a secret that an answer quotes: all of it, each longer part of its user, path and query."""
    parts = urlsplit(uri)
    user = parts.netloc.rpartition("@")[0]
    return (
        uri,
        *(piece for piece in re.split("[:/&=]", f"{user}/{parts.path}/{parts.query}") if len(piece) >= SHORTEST_SECRET),
    )


async def _sent(action: str, place: str, sent: Awaitable[Exchange]) -> Exchange:
    try:
        return await sent
    except NoAnswer as none:
        raise Unavailable(action, none.code, f"{place}: {none.words}") from None


async def _asked(action: str, place: str, hidden: tuple[str, ...], sent: Awaitable[Exchange]) -> Answer:
    exchange = await _sent(action, place, sent)
    fields = decode(exchange.body)
    if fields is None:
        raise Unavailable(action, UNREADABLE, f"{place}: HTTP {exchange.status} without a readable body")
    if not 200 <= exchange.status < 300:
        raise refusal(action, exchange.status, fields, hidden)
    return Answer(action, fields)


def _temporary(answer: Answer) -> Temporary:
    """Return the credentials of an answer of STS, the metadata service or a URI: they name them alike."""
    key_id, secret, token, end = map(answer.text, ("AccessKeyId", "AccessKeySecret", "SecurityToken", "Expiration"))
    try:
        expires_at = datetime.strptime(end, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        expires_at = 0.0
    if not (key_id and secret and token and expires_at):
        raise Unavailable(answer.action, UNREADABLE, "the answer has no credentials with an end")
    return Temporary(Credentials(key_id, secret, token), expires_at)
