"""The two signatures of the RPC products: V1 (HMAC-SHA1, in the parameters) and V3 (ACS3-HMAC-SHA256, in a header).

The gateway calculates them anew and compares; nothing here decides who may call.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

V3_ALGORITHM = "ACS3-HMAC-SHA256"
_UNRESERVED = re.compile(r"[A-Za-z0-9_.~-]*")


@dataclass(frozen=True, slots=True)
class Signed:
    """What was signed, for the error message, and the signature that is required."""

    string_to_sign: str
    signature: str

    def equals(self, given: str) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(self.signature.encode(), given.encode())


@dataclass(frozen=True, slots=True)
class V3Authorization:
    """The Authorization header of V3, taken apart."""

    access_key_id: str
    signed_headers: tuple[str, ...]
    signature: str


def sign_v1(method: str, params: Mapping[str, str], secret: str) -> Signed:
    """Sign all parameters but Signature, wherever they were sent (RPC signature, version 1.0)."""
    pairs = sorted((name, value) for name, value in params.items() if name != "Signature")
    canonical = "&".join(f"{_encode(name)}={_encode(value)}" for name, value in pairs)
    # what is encoded already has only these three left to encode
    twice = canonical.replace("%", "%25").replace("=", "%3D").replace("&", "%26")
    string_to_sign = f"{method}&%2F&{twice}"
    digest = hmac.digest(f"{secret}&".encode(), string_to_sign.encode(), "sha1")
    return Signed(string_to_sign, base64.b64encode(digest).decode())


def parse_v3(header: str) -> V3Authorization | None:
    """Take the Authorization header apart; None if it is incomplete."""
    fields = dict(part.strip().partition("=")[::2] for part in header.removeprefix(V3_ALGORITHM).split(","))
    try:
        headers = tuple(name.lower() for name in fields["SignedHeaders"].split(";"))
        return V3Authorization(fields["Credential"], headers, fields["Signature"])
    except KeyError:
        return None


def sign_v3(method: str, query: Mapping[str, str], headers: Mapping[str, str], body_hash: str, secret: str) -> Signed:
    """Sign a request by the headers given, in their order: those that the client says it signed."""
    canonical_query = "&".join(f"{_encode(name)}={_encode(value)}" for name, value in sorted(query.items()))
    canonical_headers = "".join(f"{name}:{value.strip()}\n" for name, value in headers.items())
    parts = (method, "/", canonical_query, canonical_headers, ";".join(headers), body_hash)
    string_to_sign = f"{V3_ALGORITHM}\n{hashlib.sha256(chr(10).join(parts).encode()).hexdigest()}"
    return Signed(string_to_sign, hmac.digest(secret.encode(), string_to_sign.encode(), "sha256").hex())


def _encode(text: str) -> str:
    # most names and values need nothing, and every call encodes some twenty of them
    return text if _UNRESERVED.fullmatch(text) else quote(text, safe="-_.~")
