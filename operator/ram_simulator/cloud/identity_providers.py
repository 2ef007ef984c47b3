"""OIDC identity providers: whose tokens are accepted in place of a key, and whether a token is one of theirs.

Signatures are verified for real (RS256) against the JWKS of the provider's file, which is read anew for each token:
an issuer may rotate its keys. No issuer is ever asked over the network: a fixture says where its keys are. Filled by
fixtures and IMS, asked by STS.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256

_SKEW_SECONDS = 60
_LATEST = 253_402_300_799  # the last second of the year 9999, the last that a date can hold


@dataclass(slots=True)
class IdentityProvider:
    """An OIDC provider: tokens of `issuer` for one of `client_ids`, signed with a key of `jwks_file`.

    Without `jwks_file` its keys are out of reach. A token may be `issuance_limit_hours` old, twelve unless said
    otherwise ("Manage an OIDC IdP"). `fingerprints`, of the certificate that the issuer's address has, are only kept.
    """

    name: str
    issuer: str
    client_ids: tuple[str, ...]
    jwks_file: Path | None = None
    description: str = ""
    fingerprints: tuple[str, ...] = ()
    issuance_limit_hours: int = 12
    create_date: datetime = datetime(2000, 1, 1, tzinfo=UTC)
    update_date: datetime = datetime(2000, 1, 1, tzinfo=UTC)

    def arn(self, account_id: str) -> str:
        """Return the ARN that trust policies and calls name it by."""
        return f"acs:ram::{account_id}:oidc-provider/{self.name}"


@dataclass(slots=True)
class SamlProvider:
    """A SAML provider: `cloud.saml_assertions` verifies what is signed with the certificates of its metadata.

    `metadata_document` is in Base64 as it was sent, empty if none was.
    """

    name: str
    description: str
    metadata_document: str
    sign_algorithm: str
    create_date: datetime
    update_date: datetime

    def arn(self, account_id: str) -> str:
        """Return the ARN that trust policies and calls name it by."""
        return f"acs:ram::{account_id}:saml-provider/{self.name}"


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """The claims of a token that is what it says."""

    provider: IdentityProvider
    issuer: str
    subject: str
    audiences: tuple[str, ...]
    issued: datetime
    expiration: datetime


class TokenRefused(Exception):
    """A token that is not accepted; `code` is the last part of STS's error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def read_keys(path: Path) -> Mapping[str, RSAPublicKey]:
    """Read the RSA keys of a JWKS file by their ids; raise OSError or ValueError saying what is wrong."""
    loaded = json.loads(path.read_text("utf-8"))
    listed = loaded.get("keys") if isinstance(loaded, dict) else None
    if not isinstance(listed, list) or not all(isinstance(key, dict) for key in listed):
        raise ValueError('a JSON object with a list of "keys" is required')
    found = {str(key.get("kid", "")): _public_key(key) for key in listed if key.get("kty") == "RSA"}
    if not found:
        raise ValueError("there is no RSA key in it")
    return found


def _public_key(key: Mapping[str, Any]) -> RSAPublicKey:
    numbers = [int.from_bytes(_decoded(str(key.get(name, "")))) for name in ("e", "n")]
    return RSAPublicNumbers(*numbers).public_key()


def verify(token: str, provider: IdentityProvider, now: float) -> VerifiedToken:
    """Return what the token says; raise TokenRefused if it is not the provider's, or not valid at `now` (epoch)."""
    parts = token.split(".")
    if len(parts) != 3:
        raise TokenRefused("Invalid", "The number of Jwt field should be divided into 3 parts with '.' .")
    header, claims = _object(parts[0]), _object(parts[1])
    if header.get("alg") != "RS256":
        raise TokenRefused("Invalid", f"The algorithm {header.get('alg')} that be specified in Jwt header is unknown.")
    _check_signature(provider, header, f"{parts[0]}.{parts[1]}".encode(), parts[2])
    return _checked(provider, claims, now)


def _check_signature(provider: IdentityProvider, header: Mapping[str, Any], signed: bytes, signature: str) -> None:
    try:
        if provider.jwks_file is None:
            raise FileNotFoundError(provider.issuer)
        keys = read_keys(provider.jwks_file)
    except (OSError, ValueError) as error:
        # the nearest there is to a provider whose key set cannot be fetched
        message = f"The keys of the OIDC provider {provider.name} cannot be read."
        raise TokenRefused("HttpsUrlInvalid", message) from error
    key_id = header.get("kid")
    wanted = [keys[key_id]] if isinstance(key_id, str) and key_id in keys else list(keys.values())
    if not any(_signed_with(key, signature, signed) for key in wanted):
        raise TokenRefused("InvalidSignature", "OIDC token validate failed: invalid signature.")


def _signed_with(key: RSAPublicKey, signature: str, signed: bytes) -> bool:
    try:
        key.verify(_decoded(signature), signed, PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def _checked(provider: IdentityProvider, claims: Mapping[str, Any], now: float) -> VerifiedToken:
    issuer, subject, audiences = claims.get("iss"), claims.get("sub"), _audiences(claims.get("aud"))
    if issuer != provider.issuer or not isinstance(subject, str):
        raise TokenRefused("Invalid", "The Jwt content is invalid: iss must be the provider's, and sub a string.")
    if not set(audiences) & set(provider.client_ids):
        raise TokenRefused("AudienceNotMatch", "Invalid audience.")
    issued, expiration = (_moment(claims.get(name)) for name in ("iat", "exp"))
    if expiration is None or issued is None:
        raise TokenRefused("Invalid", "The Jwt content is invalid: exp and iat must be numbers.")
    if expiration.timestamp() <= now:
        raise TokenRefused("Expired", "This JsonWebToken is expired.")
    if issued.timestamp() < now - provider.issuance_limit_hours * 3600:
        # the code is in no list
        raise TokenRefused("Invalid", f"The token was issued more than {provider.issuance_limit_hours} hours ago.")
    not_before = _moment(claims.get("nbf", 0))
    if not_before is None or max(issued, not_before).timestamp() > now + _SKEW_SECONDS:
        raise TokenRefused("Invalid", "The Jwt content is invalid: the token is not valid yet.")
    return VerifiedToken(provider, issuer, subject, audiences, issued, expiration)


def _audiences(value: object) -> tuple[str, ...]:
    listed: Sequence[object] = value if isinstance(value, list) else [value]
    return tuple(item for item in listed if isinstance(item, str))


def _moment(value: object) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LATEST:
        return None
    return datetime.fromtimestamp(value, UTC)


def _object(part: str) -> Mapping[str, Any]:
    try:
        decoded = json.loads(_decoded(part))
    except (ValueError, RecursionError) as error:
        raise TokenRefused("Invalid", "The Jwt content is invalid that cannot be recognized.") from error
    if not isinstance(decoded, dict):
        raise TokenRefused("Invalid", "The Jwt content is invalid that cannot be recognized.")
    return decoded


def _decoded(text: str) -> bytes:
    """Decode base64url without padding; raise ValueError if it is none."""
    try:
        return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error
