"""Which error class an answer of the cloud is, and what of its words may be shown.

The only place that knows the API's error codes, and the only one that builds a `CloudError` from an answer. Nothing
here quotes an exception of the SDK: their texts carry the signed URL with the AccessKeyId, the signature and the token.
Codes: the error tables of the APIs' own pages (https://api.aliyun.com, RAM 2015-05-01, ECS 2014-05-26, STS 2015-04-01).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from urllib.parse import quote

from ram_operator.errors import (
    AlreadyExists,
    ClassicNetwork,
    CloudError,
    Denied,
    InUse,
    NotFound,
    PolicyNotFound,
    Rejected,
    Throttled,
    Unauthenticated,
    Unavailable,
)

INSTANCE_NOT_FOUND = "InvalidInstanceId.NotFound"
ROLE_NOT_FOUND = "InvalidRamRole.NotFound"
ROLE_NOT_ECS = "InvalidRamRole.NotEcsRole"
NOT_ATTACHED = "InvalidRamRole.NotAttached"
CLASSIC_NETWORK = "InvalidNetworkType.MismatchRamRole"
PASS_ROLE_FORBIDDEN = "InvalidUser.PassRoleForbidden"
UNREADABLE = "SDK.UnreadableAnswer"
WAITING = "Throttling.Local"
NO_LEASE = "SDK.LeaseTooShort"
CONNECTION_RESET = "SDK.ConnectionReset"
TIMEOUTS = frozenset({"SDK.ConnectTimeout", "SDK.ReadTimeout"})

_CODES: Mapping[type[CloudError], frozenset[str]] = MappingProxyType(
    {
        # Nobody attaches a role that does not trust ECS: ECS does not see the trust of a new role yet.
        NotFound: frozenset(
            {"EntityNotExist", "EntityNotExists", INSTANCE_NOT_FOUND, ROLE_NOT_FOUND, ROLE_NOT_ECS, NOT_ATTACHED}
        ),
        PolicyNotFound: frozenset({"EntityNotExist.Policy"}),
        AlreadyExists: frozenset({"EntityAlreadyExists"}),
        InUse: frozenset({"DeleteConflict"}),
        Throttled: frozenset({"Throttling", "Rejected.Throttling"}),
        Unavailable: frozenset(
            {
                "InternalError",
                "ServiceUnavailable",
                "UnknownError",
                "OperationConflict",
                "LastTokenProcessing",
                "SignatureNonceUsed",
                "InvalidTimeStamp",
            }
        ),
        Denied: frozenset(
            {
                "NoPermission",
                "Forbidden",
                "Inactive",
                PASS_ROLE_FORBIDDEN,
            }
        ),
        Unauthenticated: frozenset(
            {
                "InvalidAccessKeyId",
                "InvalidAccessKeySecret",
                "Forbidden.AccessKeyDisabled",
                "InvalidSecurityToken",
                "MissingSecurityToken",
                "IncompleteSignature",
                "SignatureDoesNotMatch",
            }
        ),
        ClassicNetwork: frozenset({CLASSIC_NETWORK}),
        Rejected: frozenset({"InvalidRegionId", "LimitExceeded", "MalformedPolicyDocument"}),
    }
)
_CLASS_OF: Mapping[str, type[CloudError]] = MappingProxyType(
    {code: error for error, codes in _CODES.items() for code in codes}
)

_OWN_WORDS: Mapping[str, str] = MappingProxyType(
    {
        # The API's own text is its string-to-sign, which holds every parameter and the AccessKeyId.
        "SignatureDoesNotMatch": "the AccessKey secret does not belong to the AccessKey ID",
        "IncompleteSignature": "the signature was changed on the way, by a proxy perhaps",
    }
)

_LONGEST = 1000
_HIDDEN = "***"
_NAMED_SECRETS = re.compile(
    r"\b(AccessKeyId|AccessKeySecret|Signature|SignatureNonce|SecurityToken|OIDCToken)(\"?\s*[=:]\s*\"?|%(?:25)*3D)"
    r"((?!%(?:25)*26)[^&\s\"',;)])+",
    re.IGNORECASE,
)
_KEY_SHAPES = re.compile(r"\b(?:LTAI[A-Za-z0-9]{8,}|STS\.[A-Za-z0-9]{8,})")
_ACTION = re.compile(r"[a-z]{1,32}:\w{1,64}")
_NAMED_PERMISSION = re.compile(r"\bResource: (?P<resource>acs:[!-~]{1,512}) Action: (?P<action>[a-z]{1,32}:\w{1,64})\b")
_URL_QUERIES = re.compile(r"(?P<address>(?:https?://|/)[^\s?\"']*)\?[^\s\"']*=[^\s\"']*")


def class_of(code: str, status: int) -> type[CloudError]:
    """Return the error class of a code: of its longest dotted beginning in the table, else by the HTTP status."""
    parts = code.split(".")
    for length in range(len(parts), 0, -1):
        if found := _CLASS_OF.get(".".join(parts[:length])):
            return found
    if status >= 500:
        return Unavailable
    return Throttled if status == 429 or "Throttling" in parts else Rejected


def refusal(
    action: str,
    status: int,
    body: Mapping[str, object],
    hidden: Iterable[str] = (),
    retry_after: float | None = None,
) -> CloudError:
    """Return the error that an API's error body means.

    Args:
        action: the API's name of the call.
        status: the HTTP status; 200 for the row of a single instance.
        body: Code, Message, RequestId and perhaps AccessDeniedDetail.
        hidden: secrets that must not be shown, whatever the API says.
        retry_after: seconds that the API asks to wait when it throttles.
    """
    code = _clean_code(body.get("Code"))
    message = _OWN_WORDS.get(code) or scrub(_text(body.get("Message")), hidden)
    request_id = scrub(_text(body.get("RequestId")), hidden)
    error = class_of(code, status)
    if error is Throttled:
        return Throttled(action, code, message, request_id, retry_after)
    if error is Denied:
        return _denied(action, code, message, request_id, body)
    return error(action, code, message, request_id)


def scrub(text: str, hidden: Iterable[str] = ()) -> str:
    """Return the text without keys, signatures, tokens and queries of URLs, at most 1,000 characters of it."""
    # Whole secrets first: the patterns below would leave the rest of one that has their delimiters in it.
    for secret in hidden:
        for form in (secret, quote(secret, safe=""), quote(quote(secret, safe=""), safe="")):
            text = text.replace(form, _HIDDEN)
    text = _URL_QUERIES.sub(r"\g<address>", text)
    text = _NAMED_SECRETS.sub(rf"\1={_HIDDEN}", text)
    # Cut last, or half a secret at the end would match nothing.
    return _KEY_SHAPES.sub(_HIDDEN, text)[:_LONGEST]


def _denied(action: str, code: str, message: str, request_id: str, body: Mapping[str, object]) -> Denied:
    detail = body.get("AccessDeniedDetail")
    named = _text(detail.get("AuthAction")) if isinstance(detail, Mapping) else ""
    told = _NAMED_PERMISSION.search(message)
    missing = named if _ACTION.fullmatch(named) else told["action"] if told else ""
    if code == PASS_ROLE_FORBIDDEN:
        missing = missing or "ram:PassRole"
    error = Denied(action, code, f"missing permission {missing}: {message}" if missing else message, request_id)
    error.missing_action = missing
    error.resource = told["resource"] if told else ""
    return error


def _clean_code(code: object) -> str:
    return code if isinstance(code, str) and re.fullmatch(r"[\w.-]{1,128}", code) else "UnknownError"


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
