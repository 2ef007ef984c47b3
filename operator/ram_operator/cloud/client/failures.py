"""Which error class an answer of the cloud is, and what of its words may be shown.

The only place that knows the API's error codes, and the only one that builds a `CloudError` from an answer. Nothing
here quotes an exception of the SDK: their texts carry the signed URL with the AccessKeyId, the signature and the token.
Codes: the error tables of the APIs' own pages (https://api.aliyun.com, RAM 2015-05-01, ECS 2014-05-26, STS 2015-04-01).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from types import MappingProxyType

from ram_operator.cloud.client.scrubbing import scrub
from ram_operator.errors import (
    AlreadyExists,
    ClassicNetwork,
    CloudError,
    Denied,
    InUse,
    NotFound,
    PolicyNotFound,
    RegionNotFound,
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
WRONG_ACCOUNT = "SDK.WrongAccount"
NO_CREDENTIALS = "SDK.NoCredentials"
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
                "AuthenticationFail",
                "InvalidSecurityToken",
                "MissingSecurityToken",
                "IncompleteSignature",
                "SignatureDoesNotMatch",
            }
        ),
        ClassicNetwork: frozenset({CLASSIC_NETWORK}),
        RegionNotFound: frozenset({"InvalidRegionId"}),
        Rejected: frozenset({"LimitExceeded", "MalformedPolicyDocument"}),
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

_ACTION = re.compile(r"[a-z]{1,32}:\w{1,64}", re.ASCII)
# Codes with SDK. are our own: an answer cannot pass for none.
_CODE = re.compile(r"(?!SDK\.)[\w.-]{1,128}", re.ASCII)
_REQUEST_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)
_NAMED_PERMISSION = re.compile(
    r"\bResource: (?P<resource>acs:[!-~]{1,512}) Action: (?P<action>[a-z]{1,32}:\w{1,64})\b", re.ASCII
)


def class_of(code: str, status: int) -> type[CloudError]:
    """Return the error class of a code: of its longest dotted beginning in the table, else by the HTTP status."""
    if known := _known(code):
        return _CLASS_OF[known]
    parts = code.split(".")
    if status >= 500:
        return Unavailable
    return Throttled if status == 429 or "Throttling" in parts else Rejected


def label_of(error: CloudError) -> str:
    """Return the value of a metric's label for an error: one of few, whatever codes the cloud makes up."""
    return error.code if error.code.startswith("SDK.") else _known(error.code) or type(error).__name__


def _known(code: str) -> str:
    """Return the longest dotted beginning of a code that the table has, "" for none."""
    parts = code.split(".")
    beginnings = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((beginning for beginning in beginnings if beginning in _CLASS_OF), "")


def refusal(
    action: str,
    status: int,
    body: Mapping[str, object],
    hidden: Collection[str] = (),
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
    code = _matching(_CODE, body.get("Code"), hidden) or "UnknownError"
    message = _OWN_WORDS.get(code) or scrub(_text(body.get("Message")), hidden)
    request_id = _matching(_REQUEST_ID, body.get("RequestId"), hidden)
    error = class_of(code, status)
    if error is Throttled:
        return Throttled(action, code, message, request_id, retry_after)
    if error is Denied:
        detail = body.get("AccessDeniedDetail")
        named = _matching(_ACTION, detail.get("AuthAction"), hidden) if isinstance(detail, Mapping) else ""
        return _denied(Denied(action, code, message, request_id), named)
    return error(action, code, message, request_id)


def _denied(error: Denied, named: str) -> Denied:
    """Return the error with the permission that is missing: the one that the API named, in its detail or its words."""
    told = _NAMED_PERMISSION.search(error.message)
    missing = named or (told["action"] if told else "")
    if error.code == PASS_ROLE_FORBIDDEN:
        missing = missing or "ram:PassRole"
    words = f"missing permission {missing}: {error.message}" if missing else error.message
    denied = Denied(error.action, error.code, words, error.request_id)
    denied.missing_action = missing
    denied.resource = told["resource"] if told else ""
    return denied


def _matching(pattern: re.Pattern[str], value: object, hidden: Collection[str]) -> str:
    """Return a value that is written as it should be and has no secret in it, else ""."""
    text = _text(value)
    return text if pattern.fullmatch(text) and scrub(text, hidden) == text else ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
