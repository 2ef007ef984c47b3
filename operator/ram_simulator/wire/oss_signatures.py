"""OSS's signatures, in the header and in the query: V1 (HMAC-SHA1) and V4 (`OSS4-HMAC-SHA256`), and who made them.

As in OSS, V1 signs the query's known subresources only, V4 all of it.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import quote

from ram_simulator.cloud.account import Account, Credential, Principal
from ram_simulator.cloud.errors import ApiError
from ram_simulator.oss.requests import OssRequest, http_date

_SKEW_SECONDS = 900
_V1 = re.compile(r"OSS ([^:]+):(.+)")
_V4 = "OSS4-HMAC-SHA256 "
_V4_ALWAYS_SIGNED = ("content-md5", "content-type")
# fmt: off
_SUBRESOURCES = frozenset((
    "acl", "append", "bucketInfo", "callback", "callback-var", "comp", "continuation-token", "cors", "delete",
    "encryption", "endTime", "group", "inventory", "inventoryId", "lifecycle", "link", "live", "location",
    "logging", "metaQuery", "objectInfo", "objectMeta", "partNumber", "policy", "position", "qos", "qosInfo",
    "referer", "regionList", "replication", "requestPayment", "resourceGroup", "response-cache-control",
    "response-content-disposition", "response-content-encoding", "response-content-language",
    "response-content-type", "response-expires", "restore", "security-token", "sequential", "startTime", "stat",
    "status", "style", "styleName", "symlink", "tagging", "uploadId", "uploads", "versionId", "versioning",
    "versions", "vod", "website", "worm", "wormExtend", "wormId", "x-oss-process", "x-oss-request-payer",
    "x-oss-traffic-limit",
))
# fmt: on


@dataclass(frozen=True, slots=True)
class Expected:
    """What a signature is held against: the time of the cloud, that of signatures, the regions it may be for."""

    now: datetime
    real_now: float
    regions: Collection[str]


def authenticate(account: Account, request: OssRequest, expected: Expected) -> Principal:
    """Return the caller; raise ApiError with OSS's code if the request is not rightly signed."""
    header = request.headers.get("authorization", "")
    if match := _V1.fullmatch(header):
        return _v1(account, request, match, expected)
    if header.startswith(_V4):
        fields = dict(part.strip().partition("=")[::2] for part in header.removeprefix(_V4).split(","))
        return _v4(account, request, fields, expected)
    if header:
        raise ApiError(400, "InvalidArgument", "Authorization header is invalid.")
    if request.query.get("x-oss-signature-version") == _V4.strip():
        return _v4_in_query(account, request, expected)
    if "Signature" in request.query and "OSSAccessKeyId" in request.query:
        return _v1_in_query(account, request, expected)
    raise ApiError(403, "AccessDenied", "You have no right to access this object because of bucket acl.")


def _v1(account: Account, request: OssRequest, match: re.Match[str], expected: Expected) -> Principal:
    date = request.headers.get("x-oss-date") or request.headers.get("date", "")
    _check_time(http_date(date), expected)
    secret, principal = _key(account, match[1], request.headers.get("x-oss-security-token", ""), expected)
    signature = base64.b64encode(hmac.digest(secret.encode(), _v1_string(request, date).encode(), "sha1")).decode()
    _check_signature(signature, match[2], match[1], _v1_string(request, date))
    return principal


def _v1_in_query(account: Account, request: OssRequest, expected: Expected) -> Principal:
    expires, access_key_id = request.query.get("Expires", ""), request.query["OSSAccessKeyId"]
    if not (expires.isascii() and expires.isdigit() and len(expires) <= 12):
        raise ApiError(403, "AccessDenied", "Query-string authentication requires Expires, in seconds since the epoch.")
    if int(expires) < expected.real_now:
        raise ApiError(403, "AccessDenied", "Request has expired.")
    secret, principal = _key(account, access_key_id, request.query.get("security-token", ""), expected)
    string_to_sign = _v1_string(request, expires)
    signature = base64.b64encode(hmac.digest(secret.encode(), string_to_sign.encode(), "sha1")).decode()
    _check_signature(signature, request.query["Signature"], access_key_id, string_to_sign)
    return principal


def _v1_string(request: OssRequest, date: str) -> str:
    oss_headers = "".join(f"{name}:{value}\n" for name, value in _sorted(request.headers) if name.startswith("x-oss-"))
    pairs = [f"{name}={value}" if value else name for name, value in _sorted(request.query) if name in _SUBRESOURCES]
    subresources = "?" + "&".join(pairs) if pairs else ""
    resource = f"/{request.bucket}/{request.key}" if request.bucket else "/"
    content = (request.headers.get(name, "") for name in ("content-md5", "content-type"))
    return "\n".join((request.method, *content, date, f"{oss_headers}{resource}{subresources}"))


def _v4(account: Account, request: OssRequest, fields: Mapping[str, str], expected: Expected) -> Principal:
    access_key_id, _, scope = fields.get("Credential", "").partition("/")
    moment = request.headers.get("x-oss-date", "")
    _check_scope(scope, moment, expected)
    _check_time(_compact_date(moment), expected)
    secret, principal = _key(account, access_key_id, request.headers.get("x-oss-security-token", ""), expected)
    additional = fields.get("AdditionalHeaders", "").split(";")
    payload = request.headers.get("x-oss-content-sha256", "UNSIGNED-PAYLOAD")
    canonical = _v4_canonical_request(request, additional, payload)
    _check_v4(canonical, secret, _V4Signed(access_key_id, scope, moment, fields.get("Signature", "")))
    return principal


def _v4_in_query(account: Account, request: OssRequest, expected: Expected) -> Principal:
    query = request.query
    access_key_id, _, scope = query.get("x-oss-credential", "").partition("/")
    moment, expires = query.get("x-oss-date", ""), query.get("x-oss-expires", "")
    _check_scope(scope, moment, expected)
    began = _compact_date(moment)
    if began is None or not (expires.isascii() and expires.isdigit() and len(expires) <= 9):
        raise ApiError(403, "AccessDenied", "Query-string authentication requires x-oss-date and x-oss-expires.")
    if not -_SKEW_SECONDS <= expected.real_now - began.timestamp() <= int(expires):
        raise ApiError(403, "AccessDenied", "Request has expired.")
    secret, principal = _key(account, access_key_id, query.get("x-oss-security-token", ""), expected)
    additional = query.get("x-oss-additional-headers", "").split(";")
    unsigned = replace(request, query={name: value for name, value in query.items() if name != "x-oss-signature"})
    canonical = _v4_canonical_request(unsigned, additional, "UNSIGNED-PAYLOAD")
    _check_v4(canonical, secret, _V4Signed(access_key_id, scope, moment, query.get("x-oss-signature", "")))
    return principal


def _check_scope(scope: str, moment: str, expected: Expected) -> None:
    """Raise ApiError unless a scope is `date/region/oss/aliyun_v4_request` of the day and of an expected region."""
    parts = scope.split("/")
    if len(parts) != 4 or parts[0] != moment[:8] or parts[3] != "aliyun_v4_request":
        raise ApiError(400, "InvalidArgument", "The Credential of the signature is invalid.")
    if parts[1] not in expected.regions:
        raise ApiError(400, "InvalidArgument", "Invalid signing region in Authorization header.")
    if parts[2] != "oss":
        raise ApiError(400, "InvalidArgument", "Invalid signing product in Authorization header.")


@dataclass(frozen=True, slots=True)
class _V4Signed:
    access_key_id: str
    scope: str
    moment: str
    signature: str


def _check_v4(canonical: str, secret: str, given: _V4Signed) -> None:
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    string_to_sign = f"OSS4-HMAC-SHA256\n{given.moment}\n{given.scope}\n{digest}"
    signing_key = f"aliyun_v4{secret}".encode()
    for part in given.scope.split("/"):
        signing_key = hmac.digest(signing_key, part.encode(), "sha256")
    expected = hmac.digest(signing_key, string_to_sign.encode(), "sha256").hex()
    _check_signature(expected, given.signature, given.access_key_id, string_to_sign)


def _v4_canonical_request(request: OssRequest, additional: list[str], payload: str) -> str:
    path = f"/{request.bucket}/{request.key}" if request.bucket else "/"
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in request.query.items())
    signed = "".join(
        f"{name}:{value}\n"
        for name, value in _sorted(request.headers)
        if name.startswith("x-oss-") or name in _V4_ALWAYS_SIGNED or name in additional
    )
    return "\n".join(
        (
            request.method,
            quote(path, safe="/-_.~"),
            "&".join(f"{name}={value}" if value else name for name, value in pairs),
            signed,
            ";".join(sorted(additional)),
            payload,
        )
    )


def _sorted(pairs: Mapping[str, str]) -> list[tuple[str, str]]:
    return sorted(pairs.items())


def _key(account: Account, access_key_id: str, token: str, expected: Expected) -> tuple[str, Principal]:
    credential = account.credential(access_key_id)
    if credential is not None:
        _check_token(credential, token, expected.now)
        return credential.secret, credential.session
    key = account.key(access_key_id)
    if key is None:
        raise ApiError(403, "InvalidAccessKeyId", "The OSS Access Key Id you provided does not exist in our records.")
    if not key.active:
        raise ApiError(403, "InvalidAccessKeyId", "The OSS Access Key Id you provided is disabled.")
    if token:  # belongs to another key: this one has none
        raise ApiError(403, "InvalidSecurityToken", "The security token you provided is invalid.")
    return key.secret, account.principal_of(key)


def _check_token(credential: Credential, token: str, now: datetime) -> None:
    if token != credential.security_token:
        raise ApiError(403, "InvalidSecurityToken", "The security token you provided is invalid.")
    if credential.expiration <= now:
        raise ApiError(403, "SecurityTokenExpired", "The security token you provided has expired.")


def _check_signature(expected: str, given: str, access_key_id: str, string_to_sign: str) -> None:
    if not hmac.compare_digest(expected.encode(), given.encode()):
        message = "The request signature we calculated does not match the signature you provided."
        detail = {"OSSAccessKeyId": access_key_id, "SignatureProvided": given, "StringToSign": string_to_sign}
        raise ApiError(403, "SignatureDoesNotMatch", message, detail)


def _check_time(moment: datetime | None, expected: Expected) -> None:
    if moment is None:
        raise ApiError(403, "AccessDenied", "OSS authentication requires a valid Date.")
    if abs(moment.timestamp() - expected.real_now) > _SKEW_SECONDS:
        message = "The difference between the request time and the current time is too large."
        raise ApiError(403, "RequestTimeTooSkewed", message)


def _compact_date(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
