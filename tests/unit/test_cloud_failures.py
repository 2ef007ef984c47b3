"""Error codes of the cloud -> our error classes, and what of the cloud's words may be shown."""

import pytest

from ram_operator.cloud.client.failures import class_of, label_of, refusal
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

KEY_ID = "LTAI5tExampleKeyId01"
SECRET = "vErYsEcReTkEyOfTwentyNine/+="
TOKEN = "CAIS8gF1q6Ft5B2yfSjIr+token/with=signs"
HIDDEN = (KEY_ID, SECRET, TOKEN)


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("EntityNotExist.Role", 404, NotFound),
        ("EntityNotExist.Policy", 404, PolicyNotFound),
        ("EntityNotExist.Policy.Version", 404, PolicyNotFound),
        ("EntityNotExist.Role.Policy", 404, NotFound),
        ("EntityNotExists.ResourceGroup", 404, NotFound),
        ("InvalidInstanceId.NotFound", 404, NotFound),
        ("InvalidRamRole.NotFound", 404, NotFound),
        ("InvalidRamRole.NotAttached", 200, NotFound),
        ("EntityAlreadyExists.Role", 409, AlreadyExists),
        ("EntityAlreadyExists.Role.Policy", 409, AlreadyExists),
        ("DeleteConflict.Role.Policy", 409, InUse),
        ("DeleteConflict.Policy.Role", 409, InUse),
        ("DeleteConflict.Policy.Version", 409, InUse),
        ("Throttling", 400, Throttled),
        ("Throttling.User", 400, Throttled),
        ("Throttling.Api", 400, Throttled),
        ("Rejected.Throttling", 400, Throttled),
        ("Something.Throttling", 400, Throttled),
        ("TooMany", 429, Throttled),
        ("InternalError", 500, Unavailable),
        ("ServiceUnavailable", 503, Unavailable),
        ("OperationConflict", 409, Unavailable),
        ("InvalidTimeStamp.Expired", 400, Unavailable),
        ("SomethingNew", 502, Unavailable),
        ("NoPermission", 403, Denied),
        ("Forbidden.RAM", 403, Denied),
        ("Forbidden.AccessKeyDisabled", 403, Unauthenticated),
        ("InvalidUser.PassRoleForbidden", 403, Denied),
        ("InvalidAccessKeyId.NotFound", 404, Unauthenticated),
        ("InvalidAccessKeyId.Inactive", 400, Unauthenticated),
        ("InvalidSecurityToken.Expired", 400, Unauthenticated),
        ("SignatureDoesNotMatch", 400, Unauthenticated),
        ("InvalidNetworkType.MismatchRamRole", 403, ClassicNetwork),
        ("InvalidParameter.AllEmpty", 403, Rejected),
        ("InvalidRamRole.NotEcsRole", 404, NotFound),
        ("InvalidRegionId.NotFound", 404, RegionNotFound),
        ("InvalidApi.NotFound", 404, Rejected),
        ("LimitExceeded.Role.Policy", 409, Rejected),
        ("LimitExceeded.Policy.Version", 409, Rejected),
        ("MalformedPolicyDocument", 400, Rejected),
        ("InvalidParameter.RoleName.InvalidChars", 400, Rejected),
        ("SomethingNew", 400, Rejected),
    ],
)
def test_each_code_has_its_class(code: str, status: int, expected: type[CloudError]) -> None:
    assert class_of(code, status) is expected


@pytest.mark.parametrize(
    ("error", "label"),
    [
        (NotFound("GetRole", "EntityNotExist.Role"), "EntityNotExist"),
        (PolicyNotFound("GetPolicy", "EntityNotExist.Policy"), "EntityNotExist.Policy"),
        (Throttled("GetRole", "Throttling.User"), "Throttling"),
        (Throttled("GetRole", "Throttling.Local"), "Throttling"),
        (Unavailable("GetRole", "SDK.ReadTimeout"), "SDK.ReadTimeout"),
        (Rejected("GetRole", "MadeUp.4711"), "Rejected"),
        (Rejected("GetRole", "InvalidParameter.x"), "Rejected"),
    ],
)
def test_a_metric_has_few_labels_for_errors_whatever_codes_there_are(error: CloudError, label: str) -> None:
    assert label_of(error) == label


def test_an_error_keeps_action_code_words_and_request_id() -> None:
    body = {"Code": "EntityNotExist.Role", "Message": "The role not exists.", "RequestId": "R-1"}
    error = refusal("GetRole", 404, body)
    assert type(error) is NotFound
    assert (error.action, error.code, error.message, error.request_id) == (
        "GetRole",
        "EntityNotExist.Role",
        "The role not exists.",
        "R-1",
    )


def test_a_throttled_call_says_when_to_come_back() -> None:
    error = refusal("ListRoles", 400, {"Code": "Throttling.User", "Message": "slow down"}, (), 1.5)
    assert isinstance(error, Throttled)
    assert error.retry_after == 1.5


DENIED = "You are not authorized to do this action. Resource: acs:ram:*:1234:role/x Action: ram:GetRole"


@pytest.mark.parametrize(
    ("code", "message", "detail", "action", "resource"),
    [
        ("NoPermission", DENIED, None, "ram:GetRole", "acs:ram:*:1234:role/x"),
        ("NoPermission", DENIED, {"AuthAction": "ram:PassRole"}, "ram:PassRole", "acs:ram:*:1234:role/x"),
        ("NoPermission", DENIED, {"AuthAction": "<script>"}, "ram:GetRole", "acs:ram:*:1234:role/x"),
        ("Forbidden.RAM", "User not authorized.", {"AuthAction": "ecs:RunInstances"}, "ecs:RunInstances", ""),
        ("InvalidUser.PassRoleForbidden", "Not allowed.", None, "ram:PassRole", ""),
        ("Forbidden.RAM", "User not authorized.", None, "", ""),
        ("Forbidden.RAM", "Resource: role/x Action: GetRole", "odd", "", ""),
    ],
)
def test_a_denied_call_carries_the_action_and_the_resource_that_the_api_named(
    code: str, message: str, detail: object, action: str, resource: str
) -> None:
    error = refusal("CreateRole", 403, {"Code": code, "Message": message, "AccessDeniedDetail": detail})
    assert isinstance(error, Denied)
    assert (error.missing_action, error.resource) == (action, resource)


@pytest.mark.parametrize(
    ("body", "start"),
    [
        (
            {
                "Code": "NoPermission",
                "Message": "You are not authorized.",
                "AccessDeniedDetail": {"AuthAction": "ram:CreateRole"},
            },
            "missing permission ram:CreateRole: You",
        ),
        ({"Code": "InvalidUser.PassRoleForbidden", "Message": "Not allowed."}, "missing permission ram:PassRole: Not"),
        ({"Code": "Forbidden.RAM", "Message": "User not authorized."}, "User not authorized."),
        ({"Code": "Forbidden.RAM", "Message": "m", "AccessDeniedDetail": "odd"}, "m"),
    ],
)
def test_a_denied_call_names_the_missing_permission(body: dict[str, object], start: str) -> None:
    assert refusal("CreateRole", 403, body).message.startswith(start)


@pytest.mark.parametrize(
    "body",
    [{}, {"Code": 17}, {"Code": "SDK.ReadTimeout"}, {"Code": ""}, {"Code": "<b>"}, {"Code": None, "Message": ["x"]}],
)
def test_a_body_without_a_usable_code_is_an_unknown_error(body: dict[str, object]) -> None:
    error = refusal("GetRole", 500, body)
    assert type(error) is Unavailable
    assert error.code == "UnknownError"


@pytest.mark.parametrize("echo", [KEY_ID, TOKEN, SECRET.strip("/+=")], ids=["key", "token", "secret"])
def test_no_field_of_an_error_repeats_a_secret(echo: str) -> None:
    hidden = (*HIDDEN, SECRET.strip("/+="))
    told = f"Resource: acs:ram:*:{echo}:role/x Action: ram:{echo}"
    body = {"Code": echo, "Message": told, "RequestId": echo, "AccessDeniedDetail": {"AuthAction": f"ram:{echo}"}}
    for code in (echo, "NoPermission"):
        error = refusal("GetRole", 403, {**body, "Code": code}, hidden)
        shown = (error.code, str(error), error.request_id, getattr(error, "missing_action", ""))
        assert not any(echo in text for text in (*shown, getattr(error, "resource", "")))


def test_a_wrong_secret_is_told_in_our_own_words() -> None:
    message = f"Specified signature is not matched. server string to sign is:POST&%2F&AccessKeyId%3D{KEY_ID}%26Action"
    error = refusal("GetRole", 400, {"Code": "SignatureDoesNotMatch", "Message": message}, HIDDEN)
    assert error.message == "the AccessKey secret does not belong to the AccessKey ID"
