"""STS against the process: who the caller is, and how one becomes a role."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from aliyunsdkcore.auth.credentials import StsTokenCredential
from aliyunsdkcore.client import AcsClient
from tests.contract.conftest import OldSdk, RunningSimulator

ACCOUNT = "1234567890123456"
READ_ROLES = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "ram:GetRole", "Resource": "*"}]}
ANYBODY_ASSUMES = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}]}
ARN = f"acs:ram::{ACCOUNT}:role/Worker"
ASKED = {"RoleArn": ARN, "RoleSessionName": "session-1"}


def trusting(**principal: Any) -> str:
    statement = {"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": principal}
    return json.dumps({"Version": "1", "Statement": [statement]})


@pytest.fixture
def worker(root: OldSdk) -> None:
    trust = trusting(RAM=f"acs:ram::{ACCOUNT}:user/dev")
    root.call("CreateRole", RoleName="Worker", AssumeRolePolicyDocument=trust, MaxSessionDuration=7200)
    for name, document, holder in (
        ("read-roles", READ_ROLES, {"RoleName": "Worker"}),
        ("assume", ANYBODY_ASSUMES, {"UserName": "dev"}),
    ):
        root.call("CreatePolicy", PolicyName=name, PolicyDocument=json.dumps(document))
        kind = "Role" if "RoleName" in holder else "User"
        root.call(f"AttachPolicyTo{kind}", PolicyType="Custom", PolicyName=name, **holder)


@pytest.fixture
def session(simulator: RunningSimulator, sdk: Callable[..., OldSdk]) -> Callable[[dict[str, Any]], OldSdk]:
    """Return a client that calls with an answer of AssumeRole."""

    def client(answer: dict[str, Any]) -> OldSdk:
        made, given = sdk(), answer["Credentials"]
        old = made._client
        made._client = AcsClient(
            region_id="cn-hangzhou",
            credential=StsTokenCredential(given["AccessKeyId"], given["AccessKeySecret"], given["SecurityToken"]),
            port=old.get_port(),
        )
        for product in ("Ram", "Ecs"):
            made._client.add_endpoint("cn-hangzhou", product, "127.0.0.1")
        return made

    return client


def test_the_account_is_told_who_it_is(root: OldSdk) -> None:
    told = root.call("GetCallerIdentity")
    assert told["IdentityType"] == "Account"
    assert (told["AccountId"], told["PrincipalId"]) == (ACCOUNT, ACCOUNT)
    assert told["Arn"] == f"acs:ram::{ACCOUNT}:root"


def test_a_user_without_any_right_is_told_who_it_is(root: OldSdk, dev: OldSdk) -> None:
    told = dev.call("GetCallerIdentity")
    user_id = root.call("GetUser", UserName="dev")["User"]["UserId"]
    assert (told["IdentityType"], told["Arn"]) == ("RAMUser", f"acs:ram::{ACCOUNT}:user/dev")
    assert (told["UserId"], told["PrincipalId"]) == (user_id, user_id)


@pytest.mark.usefixtures("worker")
def test_a_role_session_is_told_who_it_is(
    root: OldSdk, dev: OldSdk, session: Callable[[dict[str, Any]], OldSdk]
) -> None:
    answer = dev.call("AssumeRole", **ASKED)
    role_id = root.call("GetRole", RoleName="Worker")["Role"]["RoleId"]
    assert answer["AssumedRoleUser"] == {
        "Arn": f"acs:ram::{ACCOUNT}:role/worker/session-1",
        "AssumedRoleId": f"{role_id}:session-1",
    }
    told = session(answer).call("GetCallerIdentity")
    assert told["IdentityType"] == "AssumedRoleUser"
    assert told["Arn"] == f"acs:ram::{ACCOUNT}:assumed-role/worker/session-1"
    assert (told["RoleId"], told["PrincipalId"]) == (role_id, f"{role_id}:session-1")


@pytest.mark.usefixtures("worker")
def test_a_session_may_what_its_role_may_now(
    root: OldSdk, dev: OldSdk, session: Callable[[dict[str, Any]], OldSdk]
) -> None:
    worker = session(dev.call("AssumeRole", **ASKED))
    assert worker.call("GetRole", RoleName="Worker")
    assert worker.refusal("ListRoles") == (403, "NoPermission")
    root.call("DetachPolicyFromRole", PolicyType="Custom", PolicyName="read-roles", RoleName="Worker")
    assert worker.refusal("GetRole", RoleName="Worker") == (403, "NoPermission")


@pytest.mark.usefixtures("worker")
def test_a_role_made_anew_is_another_role_for_old_sessions(
    root: OldSdk, dev: OldSdk, session: Callable[[dict[str, Any]], OldSdk]
) -> None:
    worker = session(dev.call("AssumeRole", **ASKED))
    held = {"PolicyType": "Custom", "PolicyName": "read-roles", "RoleName": "Worker"}
    root.call("DetachPolicyFromRole", **held)
    root.call("DeleteRole", RoleName="Worker")
    root.call("CreateRole", RoleName="Worker", AssumeRolePolicyDocument=trusting(Service="ecs.aliyuncs.com"))
    root.call("AttachPolicyToRole", **held)
    assert worker.refusal("GetRole", RoleName="Worker") == (403, "NoPermission")


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    ("limit", "allowed"),
    [
        (READ_ROLES, True),
        ({"Version": "1", "Statement": [{"Effect": "Allow", "Action": "ram:List*", "Resource": "*"}]}, False),
        ({"Version": "1", "Statement": [{"Effect": "Deny", "Action": "ram:GetRole", "Resource": "*"}]}, False),
    ],
)
def test_a_session_policy_limits_and_never_grants(
    dev: OldSdk, session: Callable[[dict[str, Any]], OldSdk], limit: dict[str, Any], allowed: bool
) -> None:
    worker = session(dev.call("AssumeRole", **ASKED, Policy=json.dumps(limit)))
    assert worker.refusal("ListRoles") == (403, "NoPermission")
    if allowed:
        assert worker.call("GetRole", RoleName="Worker")
    else:
        assert worker.refusal("GetRole", RoleName="Worker") == (403, "NoPermission")


@pytest.mark.usefixtures("worker")
def test_a_session_ends_when_its_time_is_over(
    simulator: RunningSimulator, dev: OldSdk, session: Callable[[dict[str, Any]], OldSdk]
) -> None:
    worker = session(dev.call("AssumeRole", **ASKED, DurationSeconds=900))
    simulator.control_call("POST", "/clock", {"advanceSeconds": 899})
    assert worker.call("GetCallerIdentity")
    simulator.control_call("POST", "/clock", {"advanceSeconds": 2})
    assert worker.refusal("GetCallerIdentity") == (400, "InvalidSecurityToken.Expired")


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"RoleArn": "Worker"}, 400, "InvalidParameter.RoleArn"),
        ({"RoleArn": f"acs:ram::{ACCOUNT}:user/dev"}, 400, "InvalidParameter.RoleArn"),
        ({"RoleArn": f"acs:ram::{ACCOUNT}:role/nobody"}, 404, "EntityNotExist.Role"),
        ({"RoleSessionName": "a"}, 400, "InvalidParameter.RoleSessionName"),
        ({"RoleSessionName": "a b"}, 400, "InvalidParameter.RoleSessionName"),
        ({"DurationSeconds": 899}, 400, "InvalidParameter.DurationSeconds"),
        ({"DurationSeconds": 7201}, 400, "InvalidParameter.DurationSeconds"),
        ({"Policy": "{}"}, 400, "InvalidParameter.PolicyGrammar"),
        ({"Policy": " " * 2049}, 400, "InvalidParameter.PolicySize"),
    ],
)
def test_what_is_wrong_is_refused_with_its_code(dev: OldSdk, change: dict[str, Any], status: int, code: str) -> None:
    assert dev.refusal("AssumeRole", **ASKED | change) == (status, code)


def test_the_account_itself_assumes_no_role(root: OldSdk, worker: None) -> None:
    assert root.refusal("AssumeRole", **ASKED) == (403, "NoPermission")


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    ("trust", "allowed"),
    [
        (trusting(RAM=f"acs:ram::{ACCOUNT}:root"), True),
        (trusting(RAM=[f"acs:ram::{ACCOUNT}:user/DEV"]), True),
        (trusting(Service="ecs.aliyuncs.com"), False),
        (trusting(RAM="acs:ram::9999999999999999:root"), False),
    ],
)
def test_the_role_must_trust_the_caller(root: OldSdk, dev: OldSdk, trust: str, allowed: bool) -> None:
    root.call("UpdateRole", RoleName="Worker", NewAssumeRolePolicyDocument=trust)
    if allowed:
        assert dev.call("AssumeRole", **ASKED)["Credentials"]["AccessKeyId"].startswith("STS.")
    else:
        assert dev.refusal("AssumeRole", **ASKED) == (403, "NoPermission")


@pytest.mark.usefixtures("worker")
def test_the_caller_must_be_allowed_too(root: OldSdk, dev: OldSdk) -> None:
    root.call("DetachPolicyFromUser", PolicyType="Custom", PolicyName="assume", UserName="dev")
    assert dev.refusal("AssumeRole", **ASKED) == (403, "NoPermission")


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(("external_id", "allowed"), [("secret-handshake", True), ("guess", False), (None, False)])
def test_a_trust_policy_may_ask_for_an_external_id(
    root: OldSdk, dev: OldSdk, external_id: str | None, allowed: bool
) -> None:
    trust = json.loads(trusting(RAM=f"acs:ram::{ACCOUNT}:root"))
    trust["Statement"][0]["Condition"] = {"StringEquals": {"sts:ExternalId": "secret-handshake"}}
    root.call("UpdateRole", RoleName="Worker", NewAssumeRolePolicyDocument=json.dumps(trust))
    asked = ASKED | ({"ExternalId": external_id} if external_id else {})
    if allowed:
        assert dev.call("AssumeRole", **asked, SourceIdentity="me")["SourceIdentity"] == "me"
    else:
        assert dev.refusal("AssumeRole", **asked) == (403, "NoPermission")


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("ExternalId", ""),
        ("ExternalId", "x"),
        ("ExternalId", "x" * 1225),
        ("ExternalId", "a b"),
        ("SourceIdentity", "x"),
        ("SourceIdentity", "x" * 65),
        ("SourceIdentity", "a/b"),
    ],
)
def test_what_a_session_may_not_be_named_by_is_refused(worker: None, dev: OldSdk, parameter: str, value: str) -> None:
    assert dev.refusal("AssumeRole", **ASKED | {parameter: value}) == (400, f"InvalidParameter.{parameter}")
