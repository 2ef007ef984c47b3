"""AccessDeniedDetail: which kind of policy refused a call, and its message that DecodeDiagnosticMessage reads."""

import json
from typing import Any

import pytest
from tests.contract.clients.models import misfits
from tests.contract.clients.pages import TRUST, USER_TRUST
from tests.contract.clients.raw import Key, RawClient, Wire
from tests.contract.clients.walk import DEV, ROOT
from tests.contract.conftest import RunningSimulator

ROLE_ARN = "acs:ram::1234567890123456:role/people"
ALL = '{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
NO_READING = '{"Version":"1","Statement":[{"Effect":"Deny","Action":"ram:List*","Resource":"*"}]}'
OSS_ONLY = ALL.replace('"*","Resource"', '"oss:*","Resource"')
SESSION, OWN, TRUSTING = "SessionPolicy", "AccountLevelIdentityBasedPolicy", "AssumeRolePolicy"
IMPLICIT, EXPLICIT = "ImplicitDeny", "ExplicitDeny"


@pytest.fixture
def root(wire: Wire) -> RawClient:
    client = RawClient(wire, Key(*ROOT))
    client.call("CreateRole", RoleName="people", AssumeRolePolicyDocument=USER_TRUST)
    client.call("AttachPolicyToUser", PolicyType="System", PolicyName="AliyunSTSAssumeRoleAccess", UserName="dev")
    return client


@pytest.fixture
def dev(wire: Wire, root: RawClient) -> RawClient:
    return RawClient(wire, Key(*DEV))


def session(wire: Wire, dev: RawClient, policy: str = "") -> RawClient:
    limit = {"Policy": policy} if policy else {}
    reply = dev.call("AssumeRole", RoleArn=ROLE_ARN, RoleSessionName="s1", **limit)
    given = reply.answer["Credentials"]
    return RawClient(wire, Key(given["AccessKeyId"], given["AccessKeySecret"], given["SecurityToken"]))


def hold(root: RawClient, document: str) -> None:
    root.call("CreatePolicy", PolicyName="held", PolicyDocument=document)
    root.call("AttachPolicyToRole", PolicyType="Custom", PolicyName="held", RoleName="people")


def detail(client: RawClient, action: str, **asked: Any) -> dict[str, str]:
    reply = client.call(action, **asked)
    assert reply.status == 403, reply.body
    found: dict[str, str] = reply.answer["AccessDeniedDetail"]
    return found


CASES = [
    ("", "", OWN, IMPLICIT),
    (OSS_ONLY, "", OWN, IMPLICIT),
    (NO_READING, "", OWN, EXPLICIT),
    (ALL, OSS_ONLY, SESSION, IMPLICIT),
    (ALL, NO_READING, SESSION, EXPLICIT),
    (OSS_ONLY, NO_READING, SESSION, EXPLICIT),
    (NO_READING, ALL, OWN, EXPLICIT),
    (NO_READING, OSS_ONLY, OWN, EXPLICIT),
    (OSS_ONLY, OSS_ONLY, SESSION, IMPLICIT),
]


@pytest.mark.parametrize(("held", "limit", "policy_type", "how"), CASES)
def test_the_kind_of_policy_that_refuses_is_told(
    wire: Wire, root: RawClient, dev: RawClient, held: str, limit: str, policy_type: str, how: str
) -> None:
    if held:
        hold(root, held)
    told = detail(session(wire, dev, limit), "ListRoles")
    assert (told["PolicyType"], told["NoPermissionType"]) == (policy_type, how)


def test_a_trust_policy_that_refuses_is_told(root: RawClient, dev: RawClient) -> None:
    denying = json.loads(USER_TRUST)
    denying["Statement"].append(denying["Statement"][0] | {"Effect": "Deny"})
    for trust, how in ((TRUST, IMPLICIT), (json.dumps(denying), EXPLICIT)):
        root.call("UpdateRole", RoleName="people", NewAssumeRolePolicyDocument=trust)
        told = detail(dev, "AssumeRole", RoleArn=ROLE_ARN, RoleSessionName="s1")
        assert (told["PolicyType"], told["NoPermissionType"], told["AuthAction"]) == (TRUSTING, how, "sts:AssumeRole")


def test_a_role_that_may_not_be_passed_is_told(simulator: RunningSimulator, root: RawClient, dev: RawClient) -> None:
    document = ALL.replace('"*","Resource"', '"ecs:*","Resource"')
    root.call("CreatePolicy", PolicyName="ecs", PolicyDocument=document)
    root.call("AttachPolicyToUser", PolicyType="Custom", PolicyName="ecs", UserName="dev")
    root.call("CreateRole", RoleName="EcsRole", AssumeRolePolicyDocument=TRUST)
    asked = {"RamRoleName": "EcsRole", "InstanceIds": simulator.instance_ids()[:1]}
    told = detail(dev, "AttachInstanceRamRole", **asked)
    shown = {name: value for name, value in told.items() if name != "EncodedDiagnosticMessage"}
    assert shown == {
        "AuthAction": "ram:PassRole",
        "AuthPrincipalType": "SubUser",
        "AuthPrincipalOwnerId": "1234567890123456",
        "AuthPrincipalDisplayName": "dev",
        "NoPermissionType": IMPLICIT,
        "PolicyType": OWN,
    }
    assert dev.call("AttachInstanceRamRole", **asked).answer["Code"] == "InvalidUser.PassRoleForbidden"
    simulator.switch(access_denied_detail="left-out")
    assert "AccessDeniedDetail" not in dev.call("AttachInstanceRamRole", **asked).answer


def test_the_message_of_a_refusal_can_be_decoded(root: RawClient, dev: RawClient) -> None:
    message = detail(dev, "ListRoles")["EncodedDiagnosticMessage"]
    answer = root.call("DecodeDiagnosticMessage", EncodedDiagnosticMessage=message).answer
    assert list(misfits("DecodeDiagnosticMessage", answer)) == []
    decoded = answer["DecodedDiagnosticMessage"]
    assert (decoded["AuthAction"], decoded["AuthResource"]) == ("ram:ListRoles", "acs:ram:*:1234567890123456:role/*")
    assert (decoded["ExplicitDeny"], decoded["NoPermissionPolicyType"]) == (False, OWN)
    assert decoded["AuthPrincipal"]["AuthPrincipalDisplayName"] == "dev"
    source = {"ConditionKey": "acs:SourceIp", "ConditionValues": ["127.0.0.1"]}
    assert source in decoded["AuthConditions"]
    assert "AccessDeniedDetail" in dev.call("DecodeDiagnosticMessage", EncodedDiagnosticMessage=message).answer


@pytest.mark.parametrize("wrong", ["", "x", "é", "AAAA", "altered"])
def test_a_message_that_is_none_is_refused(root: RawClient, dev: RawClient, wrong: str) -> None:
    message = detail(dev, "ListRoles")["EncodedDiagnosticMessage"]
    sent = message[:-8] + message[:8] if wrong == "altered" else wrong
    reply = root.call("DecodeDiagnosticMessage", EncodedDiagnosticMessage=sent)
    assert (reply.status, reply.answer["Code"]) == (400, "InvalidParameter.EncodedDiagnosticMessage")
