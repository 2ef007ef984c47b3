"""What policy documents may not have: a key twice, values that an operator cannot read; and when they take effect."""

import json

import pytest
from tests.contract.clients.pages import READ_OSS
from tests.contract.conftest import OldSdk, RunningSimulator

from ram_simulator.policies import DOCUMENTED, DocumentKind, Grammar, PolicyDocument, parse_document
from ram_simulator.policies.model import MalformedDocument

UNREADABLE = [
    ("IpAddress", "10.0.0.0/33"),
    ("NotIpAddress", "10.0.0"),
    ("NotIpAddress", ""),
    ("DateNotEquals", "tomorrow"),
    ("DateLessThan", "2026-13-01T00:00:00Z"),
    ("NumericEquals", "many"),
    ("NumericGreaterThanEquals", ""),
    ("Bool", "yes"),
    ("BoolIfExists", "yes"),
    ("ForAnyValue:NumericEquals", "x"),
]
READABLE = [
    ("IpAddress", "10.0.0.0/8"),
    ("NotIpAddress", "10.0.0.1/8"),
    ("IpAddress", "2001:db8::/32"),
    ("DateLessThan", "2026-12-31T23:59:59Z"),
    ("DateGreaterThan", "2026-12-31T23:59:59+08:00"),
    ("DateEquals", "2026-12-31"),
    ("NumericEquals", 10),
    ("NumericLessThan", "1.5"),
    ("Bool", True),
    ("Bool", "FALSE"),
    ("StringEquals", ""),
]
TWICE = [
    '{"Version":"1","Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}',
    '{"Version":"1","Statement":[{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}]}',
    '{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":'
    '{"acs:MFAPresent":"true","acs:MFAPresent":"false"}}}]}',
]


def conditional(operator: str, value: object, grammar: Grammar = DOCUMENTED) -> PolicyDocument:
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {operator: {"acs:Key": ["1", value]}}}
    if not operator.startswith("Numeric"):
        statement["Condition"] = {operator: {"acs:Key": value}}
    return parse_document(json.dumps({"Version": "1", "Statement": [statement]}), DocumentKind.IDENTITY, grammar)


@pytest.mark.parametrize(("operator", "value"), UNREADABLE)
def test_a_value_that_the_operator_can_not_read_is_malformed(operator: str, value: str) -> None:
    with pytest.raises(
        MalformedDocument, match=rf"Condition\.{operator}\.acs:Key: .* is no value for {operator}; write"
    ):
        conditional(operator, value, Grammar(undocumented=True))
    assert conditional(operator, value, Grammar(undocumented=True, unreadable_values=True))


@pytest.mark.parametrize(("operator", "value"), READABLE)
def test_a_value_that_the_operator_can_read_is_taken(operator: str, value: object) -> None:
    assert conditional(operator, value)


@pytest.mark.parametrize("text", TWICE)
def test_a_key_twice_is_malformed_unless_the_switch_says_otherwise(
    root: OldSdk, simulator: RunningSimulator, text: str
) -> None:
    policy = {"PolicyName": "twice", "PolicyDocument": text}
    assert root.refusal("CreatePolicy", **policy) == (400, "MalformedPolicyDocument")
    assert "is there twice" in root.refusal_message("CreatePolicy", **policy)
    simulator.switch(repeated_policy_keys="last-counts")
    root.call("CreatePolicy", **policy)


def test_unreadable_values_pass_by_switch(root: OldSdk, simulator: RunningSimulator) -> None:
    text = READ_OSS.replace('"Effect"', '"Condition": {"DateNotEquals": {"acs:CurrentTime": "tomorrow"}}, "Effect"')
    policy = {"PolicyName": "unreadable", "PolicyDocument": text}
    assert root.refusal("CreatePolicy", **policy) == (400, "MalformedPolicyDocument")
    simulator.switch(unreadable_condition_values="never-matching")
    root.call("CreatePolicy", **policy)


def test_an_attached_policy_may_take_effect_late(simulator: RunningSimulator, root: OldSdk, dev: OldSdk) -> None:
    simulator.switch(policy_effect_seconds=30)
    held = {"PolicyType": "System", "PolicyName": "AliyunRAMReadOnlyAccess", "UserName": "dev"}
    root.call("AttachPolicyToUser", **held)
    assert root.call("ListPoliciesForUser", UserName="dev")["Policies"]["Policy"]
    assert dev.refusal("ListRoles") == (403, "NoPermission")
    simulator.control_call("POST", "/clock", {"advanceSeconds": 31})
    assert dev.call("ListRoles")


ECS = {"Service": ["ecs.aliyuncs.com"]}
SAML, OIDC = (f"acs:ram::1234567890123456:{kind}-provider/idp" for kind in ("saml", "oidc"))


def trusting(**principal: list[str]) -> str:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
    return json.dumps({"Version": "1", "Statement": [statement]})


def test_an_empty_list_of_principals_says_nothing_beside_another_one(root: OldSdk) -> None:
    root.call("CreateRole", RoleName="mixed", AssumeRolePolicyDocument=trusting(**ECS, RAM=[], Federated=[]))
    nobody: list[dict[str, list[str]]] = [{"RAM": []}, {"RAM": [], "Service": []}]
    for principal in nobody:
        refused = root.refusal("CreateRole", RoleName="none", AssumeRolePolicyDocument=trusting(**principal))
        assert refused == (400, "MalformedPolicyDocument")


@pytest.mark.parametrize("provider", [SAML, OIDC])
def test_a_provider_that_there_is_not_is_refused_as_a_principal(root: OldSdk, provider: str) -> None:
    document = trusting(Federated=[provider])
    refused = root.refusal("CreateRole", RoleName="sso", AssumeRolePolicyDocument=document)
    assert refused == (400, "MalformedPolicyDocument")


def test_an_empty_condition_block_is_none(root: OldSdk) -> None:
    statement = {"Effect": "Allow", "Action": "vpc:Describe*", "Resource": "*", "Condition": {}}
    document = json.dumps({"Version": "1", "Statement": [statement]})
    root.call("CreatePolicy", PolicyName="net", PolicyDocument=document)
