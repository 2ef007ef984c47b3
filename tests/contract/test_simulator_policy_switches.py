"""Policy documents that are written through the API: the switches that decide on them, and what holds without one."""

import json
from pathlib import Path

import pytest
from tests.contract.clients.pages import READ_OSS
from tests.contract.conftest import OldSdk, RunningSimulator, start_simulator, stop_simulator
from tests.contract.test_simulator_undocumented_elements import text

from ram_simulator.cloud.clock import Clock
from ram_simulator.cloud.switches import Switches
from ram_simulator.testing.errors import InvalidFixture
from ram_simulator.testing.fixtures import build, read_fixture

TWICE = '{"Version":"1","Statement":[{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}]}'
NOT_SECRET = text(Action="ram:GetRole", NotResource="acs:ram:*:*:role/Secret")


def test_the_switch_decides_when_a_document_is_written(simulator: RunningSimulator, root: OldSdk, dev: OldSdk) -> None:
    asked = {"PolicyName": "most", "PolicyDocument": NOT_SECRET}
    assert root.refusal("CreatePolicy", **asked) == (400, "MalformedPolicyDocument")
    simulator.switch(undocumented_policy_elements="obeyed")
    root.call("CreatePolicy", **asked)
    simulator.switch(undocumented_policy_elements="refused")
    root.call("AttachPolicyToUser", PolicyType="Custom", PolicyName="most", UserName="dev")
    assert dev.refusal("GetRole", RoleName="Secret") == (403, "NoPermission")
    assert dev.refusal("GetRole", RoleName="Open") == (404, "EntityNotExist.Role")
    again = {"PolicyName": "most", "PolicyDocument": NOT_SECRET}
    assert root.refusal("CreatePolicyVersion", **again) == (400, "MalformedPolicyDocument")


def test_the_switch_counts_for_trust_and_session_policies_too(
    simulator: RunningSimulator, root: OldSdk, dev: OldSdk
) -> None:
    trust = text(Action="sts:AssumeRole", NotPrincipal={"Service": "fc.aliyuncs.com"})
    asked = {"RoleName": "Open", "AssumeRolePolicyDocument": trust}
    assert root.refusal("CreateRole", **asked) == (400, "MalformedPolicyDocument")
    simulator.switch(undocumented_policy_elements="obeyed")
    nobody = trust.replace('"Service": "fc.aliyuncs.com"', '"RAM": "acs:ram::1234567890123456:user/nobody"')
    missing = {"RoleName": "Open", "AssumeRolePolicyDocument": nobody}
    assert root.refusal("CreateRole", **missing) == (400, "MalformedPolicyDocument")
    root.call("CreateRole", **asked)
    instance = {"RamRoleName": "Open", "InstanceIds": json.dumps(simulator.instance_ids()[:1]), "Policy": NOT_SECRET}
    assert root.call("AttachInstanceRamRole", **instance)["FailCount"] == 0
    arn = f"acs:ram::{simulator.account}:role/Open"
    root.call("CreatePolicy", PolicyName="assume", PolicyDocument=text(Action="sts:AssumeRole", Resource="*"))
    root.call("AttachPolicyToUser", PolicyType="Custom", PolicyName="assume", UserName="dev")
    session = {"RoleArn": arn, "RoleSessionName": "once", "Policy": NOT_SECRET}
    assert dev.call("AssumeRole", **session)["Credentials"]
    simulator.switch(undocumented_policy_elements="refused")
    assert dev.refusal("AssumeRole", **session) == (400, "InvalidParameter.PolicyGrammar")
    root.call("DetachInstanceRamRole", InstanceIds=instance["InstanceIds"])
    assert root.refusal("AttachInstanceRamRole", **instance) == (400, "MalformedPolicyDocument")


def test_unknown_keys_may_be_passed_over(simulator: RunningSimulator, root: OldSdk) -> None:
    asked = {"PolicyName": "labelled", "PolicyDocument": text(Resource="*", Sid="first")}
    assert root.refusal("CreatePolicy", **asked) == (400, "MalformedPolicyDocument")
    simulator.switch(unknown_policy_keys="ignored")
    root.call("CreatePolicy", **asked)
    shown = root.call("GetPolicy", PolicyType="Custom", PolicyName="labelled")["DefaultPolicyVersion"]
    assert json.loads(shown["PolicyDocument"])["Statement"][0]["Sid"] == "first"


def test_a_fixture_may_hold_what_the_switches_let_pass(tmp_path: Path) -> None:
    path = tmp_path / "fixture.yaml"
    path.write_text(json.dumps({"policies": [{"name": "most", "document": json.loads(NOT_SECRET)}]}))
    fixture, clock = read_fixture(path), Clock(lambda: 0.0)
    with pytest.raises(InvalidFixture, match=r'the policy most: Statement\[0\]: the key "NotResource" is not known'):
        build(fixture, clock)
    assert build(fixture, clock, Switches({"undocumented-policy-elements": "obeyed"}))
    path.write_text(json.dumps({"policies": [{"name": "none", "document": {"Version": "1"}}]}))
    with pytest.raises(InvalidFixture, match=r"policies\[0\].document: Statement: must be a list"):
        read_fixture(path)


def test_a_state_keeps_what_was_let_pass(tmp_path: Path) -> None:
    state = ("--state", str(tmp_path / "state"))
    running = start_simulator(*state, "--switch", "undocumented-policy-elements=obeyed")
    root = OldSdk(running, (running.accessKeyId, running.accessKeySecret))
    root.call("CreatePolicy", PolicyName="most", PolicyDocument=NOT_SECRET)
    assert stop_simulator(running) == 0
    again = start_simulator(*state)
    try:
        assert "most" in [policy["policyName"] for policy in again.state()["policies"]]
    finally:
        assert stop_simulator(again) == 0


def test_a_key_twice_is_malformed_unless_the_switch_says_otherwise(root: OldSdk, simulator: RunningSimulator) -> None:
    policy = {"PolicyName": "twice", "PolicyDocument": TWICE}
    assert root.refusal("CreatePolicy", **policy) == (400, "MalformedPolicyDocument")
    assert "is there twice" in root.refusal_message("CreatePolicy", **policy)
    simulator.switch(repeated_policy_keys="last-counts")
    root.call("CreatePolicy", **policy)


def test_unreadable_values_pass_by_switch(root: OldSdk, simulator: RunningSimulator) -> None:
    document = READ_OSS.replace('"Effect"', '"Condition": {"DateNotEquals": {"acs:CurrentTime": "tomorrow"}}, "Effect"')
    policy = {"PolicyName": "unreadable", "PolicyDocument": document}
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
