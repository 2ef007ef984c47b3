"""What is said about a bad document: the place, the mistake and the fix; and that a good one is let through."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ram_operator.rules.documents import POLICY_LIMIT, canonical, check_policy, check_services, check_trust
from ram_operator.rules.documents.conditions import OPERATORS

READ_OSS = {"Action": ["oss:Get*", "oss:List*"], "Effect": "Allow", "Resource": "*"}
ECS_MAY_ASSUME = {"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": ["ecs.aliyuncs.com"]}}


def policy(**changes: Any) -> dict[str, Any]:
    """A policy of one statement; a change to None takes the key out."""
    statement = {key: value for key, value in {**READ_OSS, **changes}.items() if value is not None}
    return {"Version": "1", "Statement": [statement]}


def trust(**changes: Any) -> dict[str, Any]:
    statement = {key: value for key, value in {**ECS_MAY_ASSUME, **changes}.items() if value is not None}
    return {"Version": "1", "Statement": [statement]}


GOOD_POLICIES = {
    "the read-only policy of the official pages": {"Statement": [READ_OSS], "Version": "1"},
    "without a version": {"Statement": [READ_OSS]},
    "the pass-role policy, put right": {
        "Version": "1",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["ecs:CreateInstance", "ecs:AttachInstanceRamRole", "ecs:DetachInstanceRAMRole"],
                "Resource": "*",
            },
            {"Effect": "Allow", "Action": "ram:PassRole", "Resource": "*"},
        ],
    },
    "deny and everything": policy(Effect="Deny", Action="*"),
    "not action": policy(Action=None, NotAction=["ram:*", "sts:*"]),
    "services and operations with signs": policy(Action=["yundun-sas:*", "hcs_mgw:Get?", "*:List*", "dm:Query/Stats"]),
    "bucket and objects": policy(Resource=["acs:oss:*:*:ramroletest", "acs:oss:*:*:ramroletest/*"]),
    "object names with blanks": policy(Resource="acs:oss:*:*:ramroletest/my folder/*"),
    "empty fields and a role": policy(Resource="acs:ram::1234567890123456:role/reader"),
    "an instance": policy(Resource="acs:ecs:cn-hangzhou:1234567890123456:instance/i-bp1"),
    "one condition of each type": policy(
        Condition={
            "StringLike": {"oss:Prefix": ["logs/*", ""]},
            "NumericLessThanEquals": {"oss:MaxKeys": 100},
            "DateLessThan": {"acs:CurrentTime": "2030-01-31T00:00:00+08:00"},
            "Bool": {"acs:SecureTransport": True, "acs:MFAPresent": ["true"]},
            "NotIpAddress": {"acs:SourceIp": ["192.0.2.0/24", "2001:db8::1"]},
            "StringEquals": {"acs:ResourceTag/cost center": "a b"},
        }
    ),
}

GOOD_TRUSTS = {
    "ECS, as the official pages have it": {"Statement": [ECS_MAY_ASSUME], "Version": "1"},
    "service as text": trust(Principal={"Service": "ecs.aliyuncs.com"}),
    "accounts, users and providers too": trust(
        Principal={
            "Service": ["ecs.aliyuncs.com", "1234567890123456@apigateway.aliyuncs.com"],
            "RAM": ["acs:ram::1234567890123456:root", "acs:ram::1234567890123456:role/ops"],
            "Federated": "acs:ram::1234567890123456:oidc-provider/ack-rrsa-c1",
        },
        Condition={"StringEquals": {"oidc:aud": "sts.aliyuncs.com"}},
    ),
}


@pytest.mark.parametrize("document", GOOD_POLICIES.values(), ids=GOOD_POLICIES)
def test_a_policy_that_ram_takes_has_no_problem(document: Any) -> None:
    assert check_policy(document) == ()


@pytest.mark.parametrize("document", GOOD_TRUSTS.values(), ids=GOOD_TRUSTS)
def test_a_trust_policy_that_ram_takes_has_no_problem(document: Any) -> None:
    assert check_trust(document) == ()


def test_the_pass_role_policy_of_the_official_page_is_refused_with_all_its_mistakes() -> None:
    pasted = yaml.safe_load("""
    {
      "Version": "2016-10-17",
      "Statement": [
        {
        "Effect": "Allow",
        "Action": [
            "ecs: [ECS RAM Action]",
            "ecs: CreateInstance",
            "ecs: AttachInstanceRamRole",
            "ecs: DetachInstanceRAMRole"
        ],
        "Resource": "*"
        },
        {
        "Effect": "Allow",
        "Action": "ram:PassRole",
        "Resource": "*"
        }
      ]
    }
    """)
    place = "spec.document.Statement[0].Action"
    fix = 'write an action such as "ecs:CreateInstance" or "ecs:*"'
    assert check_policy(pasted) == (
        'spec.document.Version: "2016-10-17" is not a RAM version; write "1"',
        f'{place}[0]: "ecs: [ECS RAM Action]" is a placeholder; {fix}',
        f'{place}[1]: "ecs: CreateInstance" has a blank; write "ecs:CreateInstance"',
        f'{place}[2]: "ecs: AttachInstanceRamRole" has a blank; write "ecs:AttachInstanceRamRole"',
        f'{place}[3]: "ecs: DetachInstanceRAMRole" has a blank; write "ecs:DetachInstanceRAMRole"',
    )


def test_the_read_only_policy_of_the_official_page_is_refused_for_the_blank_in_its_key_alone() -> None:
    pasted = {
        "Statement": [{"Action": ["oss:Get*", "oss:List*"], "Effect": "Allow", "Resource ": "*"}],
        "Version": "1",
    }
    assert check_policy(pasted) == ('spec.document.Statement[0]: unknown key "Resource "; write "Resource"',)


def test_the_trust_policy_of_the_official_page_is_refused_for_the_blank_in_its_key_alone() -> None:
    pasted = {
        "Statement": [
            {"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service ": ["ecs.aliyuncs.com"]}},
        ],
        "Version": "1",
    }
    problem = 'spec.trust.document.Statement[0].Principal: unknown key "Service "; write "Service"'
    assert check_trust(pasted) == (problem,)


def test_an_action_pasted_in_place_of_a_key_is_recognised() -> None:
    pasted = yaml.safe_load("""
    {
      "Statement": [
        {
          "ecs: [ECS RAM Action]",
          "Resource": "*",
          "Effect": "Allow"
        },
        {
          "Action": "ram:PassRole",
          "Resource": "*",
          "Effect": "Allow"
        }
      ],
      "Version": "1"
    }
    """)
    assert check_policy(pasted) == (
        'spec.document.Statement[0]: unknown key "ecs: [ECS RAM Action]" looks like an action;'
        " write it in the list under Action",
    )


STATEMENT = "spec.document.Statement[0]"
ARN_FORM = 'write "*" or "acs:<service>:<region>:<account>:<resource>", such as "acs:oss:*:*:my-bucket/*"'
BAD_STATEMENTS: list[tuple[dict[str, Any], str]] = [
    ({"Effect": None}, f'{STATEMENT}: Effect is missing; write "Allow" or "Deny"'),
    ({"Effect": "allow"}, f'{STATEMENT}.Effect: "allow" is not an effect; write "Allow"'),
    ({"Effect": "Grant"}, f'{STATEMENT}.Effect: "Grant" is not an effect; write "Allow" or "Deny"'),
    ({"Effect": True}, f'{STATEMENT}.Effect: is a boolean; write "Allow" or "Deny"'),
    ({"Action": None}, f'{STATEMENT}: Action is missing; write it, such as Action: ["oss:Get*"]'),
    ({"NotAction": "ram:*"}, f"{STATEMENT}: has both Action and NotAction; keep one of them"),
    ({"Action": []}, f'{STATEMENT}.Action: the list is empty; write at least one, such as "oss:Get*"'),
    ({"Action": 1}, f'{STATEMENT}.Action: is a number; write a text or a list of texts, such as "oss:Get*"'),
    ({"Action": ["*", {}]}, f'{STATEMENT}.Action[1]: is a mapping; write a text such as "oss:Get*"'),
    (
        {"Action": "CreateInstance"},
        f'{STATEMENT}.Action: "CreateInstance" names no service; write "<service>:CreateInstance",'
        ' such as "oss:GetObject"',
    ),
    ({"Action": "ecs:"}, f'{STATEMENT}.Action: "ecs:" names no operation; write "ecs:*" or one operation of it'),
    ({"Action": ""}, f'{STATEMENT}.Action: "" is not an action; write "<service>:<Operation>", such as "oss:Get*"'),
    ({"Action": "oss:Get*\u00a0"}, f'{STATEMENT}.Action: "oss:Get*\\u00a0" has a blank; write "oss:Get*"'),
    ({"Action": "oss：Get*"}, f'{STATEMENT}.Action: "oss：Get*" has a sign that does not belong; write "oss:Get*"'),
    ({"Action": "“oss:Get*”"}, f'{STATEMENT}.Action: "“oss:Get*”" has a sign that does not belong; write "oss:Get*"'),
    (
        {"Action": ["ecs: DettachInstanceRamRole"]},
        f'{STATEMENT}.Action[0]: "ecs: DettachInstanceRamRole" is a misprint, there is no such action;'
        ' write "ecs:DetachInstanceRamRole"',
    ),
    ({"Resource": None}, f'{STATEMENT}: Resource is missing; write it, such as Resource: "*"'),
    ({"Resource": []}, f'{STATEMENT}.Resource: the list is empty; write at least one, such as "*"'),
    ({"Resource": "ramroletest"}, f'{STATEMENT}.Resource: "ramroletest" is not a resource; {ARN_FORM}'),
    (
        {"Resource": "acs:oss:ramroletest"},
        f'{STATEMENT}.Resource: "acs:oss:ramroletest" has 3 of the 5 fields of an ARN; {ARN_FORM}',
    ),
    (
        {"Resource": ["*", "acs:oss:*:*: ramroletest/*"]},
        f'{STATEMENT}.Resource[1]: "acs:oss:*:*: ramroletest/*" has a blank; write "acs:oss:*:*:ramroletest/*"',
    ),
    (
        {"Resource": "acs:oss:*:*:ramroletest/* "},
        f'{STATEMENT}.Resource: "acs:oss:*:*:ramroletest/* " has a blank; write "acs:oss:*:*:ramroletest/*"',
    ),
    ({"Resource": " * "}, f'{STATEMENT}.Resource: " * " has a blank; write "*"'),
    ({"condition": {}}, f'{STATEMENT}: unknown key "condition"; write "Condition"'),
    ({"Actions": "*"}, f'{STATEMENT}: unknown key "Actions"; remove it, "Action" is there already'),
    ({"Action": None, "action": "oss:Get*"}, f'{STATEMENT}: unknown key "action"; write "Action"'),
    (
        {"NotResource": "*"},
        f'{STATEMENT}: unknown key "NotResource"; RAM does not support it, list what is meant under Resource',
    ),
    (
        {"Principal": {"RAM": "*"}},
        f'{STATEMENT}: unknown key "Principal"; it belongs into a role\'s trust policy;'
        " a policy applies to whom it is attached, remove it",
    ),
    (
        {"Sid": "x"},
        f'{STATEMENT}: unknown key "Sid"; RAM\'s documentation has no such key; remove it, or let RAM judge it with'
        " documentValidation: Warn",
    ),
    (
        {"When": "x"},
        f'{STATEMENT}: unknown key "When"; the keys are Effect, Action, NotAction, Resource, Condition',
    ),
]


@pytest.mark.parametrize(("changes", "problem"), BAD_STATEMENTS, ids=[str(changes) for changes, _ in BAD_STATEMENTS])
def test_a_mistake_in_a_statement_is_named_with_place_and_fix(changes: dict[str, Any], problem: str) -> None:
    assert problem in check_policy(policy(**changes))


CONDITION = f"{STATEMENT}.Condition"
BAD_CONDITIONS: list[tuple[Any, str]] = [
    ([], f"{CONDITION}: is a list; write operators with keys and values"),
    ({"StringEqual": {"a:b": "c"}}, f'{CONDITION}: unknown operator "StringEqual"; write "StringEquals"'),
    ({"bool": {"a:b": "true"}}, f'{CONDITION}: unknown operator "bool"; write "Bool"'),
    ({"Null": {"a:b": "true"}}, f'{CONDITION}: "Null" is not in RAM\'s documentation; write an operator that is'),
    ({"StringLikeIfExists": {"a:b": "c"}}, f'{CONDITION}: "StringLikeIfExists" is not in RAM\'s documentation'),
    ({"ForAnyValue:StringLike": {"a:b": "c"}}, f'{CONDITION}: "ForAnyValue:StringLike" is not in RAM\'s documentation'),
    ({"Like": {"a:b": "c"}}, f'{CONDITION}: unknown operator "Like"; the operators are StringEquals'),
    ({"Bool": {}}, f"{CONDITION}.Bool: is empty; write a key and its value"),
    ({"Bool": "true"}, f"{CONDITION}.Bool: is text; write a key and its value"),
    ({"Bool": {"acs:MFAPresent": "yes"}}, f'{CONDITION}.Bool["acs:MFAPresent"]: "yes" is not a boolean'),
    ({"Bool": {"MFAPresent": True}}, f'{CONDITION}.Bool: "MFAPresent" is not a condition key; write "acs:MFAPresent"'),
    ({"Bool": {"acs: MFAPresent": True}}, f'{CONDITION}.Bool: "acs: MFAPresent" has a blank; write "acs:MFAPresent"'),
    ({"IpAddress": {"acs:SourceIp": ["192.0.2.0/24", "office"]}}, '["acs:SourceIp"][1]: "office" is not an address'),
    ({"NumericEquals": {"a:b": "ten"}}, f'{CONDITION}.NumericEquals["a:b"]: "ten" is not a number'),
    ({"DateLessThan": {"acs:CurrentTime": "soon"}}, '"soon" is not a time with its zone'),
    ({"StringEquals": {"a:b": []}}, f'{CONDITION}.StringEquals["a:b"]: the list is empty; write at least one value'),
    ({"StringEquals": {"a:b": None}}, f'{CONDITION}.StringEquals["a:b"]: is empty; write a text'),
    ({"StringEquals": {"a:b": [{}]}}, f'{CONDITION}.StringEquals["a:b"][0]: is a mapping; write a text'),
]


@pytest.mark.parametrize(("condition", "problem"), BAD_CONDITIONS, ids=[str(given) for given, _ in BAD_CONDITIONS])
def test_a_mistake_in_a_condition_is_named_with_place_and_fix(condition: Any, problem: str) -> None:
    assert any(problem in found for found in check_policy(policy(Condition=condition)))


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_documented_operator_is_known(operator: str) -> None:
    assert not any("operator" in found for found in check_policy(policy(Condition={operator: {"a:b": "c"}})))


TRUST_STATEMENT = "spec.trust.document.Statement[0]"
BAD_TRUSTS: list[tuple[dict[str, Any], str]] = [
    ({"Principal": None}, f"{TRUST_STATEMENT}: Principal is missing; write it, such as"),
    ({"Principal": {}}, f"{TRUST_STATEMENT}.Principal: is empty; write who may take the role"),
    ({"Principal": "*"}, f'{TRUST_STATEMENT}.Principal: is "*"; write who may take the role'),
    ({"Principal": {"AWS": "*"}}, f'{TRUST_STATEMENT}.Principal: unknown key "AWS"; the keys are Service, RAM'),
    ({"Principal": {"Service": []}}, f"{TRUST_STATEMENT}.Principal.Service: the list is empty"),
    (
        {"Principal": {"Service": "ecs. aliyuncs.com"}},
        f'{TRUST_STATEMENT}.Principal.Service: "ecs. aliyuncs.com" has a blank; write "ecs.aliyuncs.com"',
    ),
    (
        {"Principal": {"Service": ["ecs"]}},
        f'{TRUST_STATEMENT}.Principal.Service[0]: "ecs" is not what Service names; write a service\'s address',
    ),
    (
        {"Principal": {"RAM": "acs:ram::1234567890123456: root"}},
        f'{TRUST_STATEMENT}.Principal.RAM: "acs:ram::1234567890123456: root" has a blank; write',
    ),
    ({"Principal": {"RAM": "1234567890123456"}}, "is not what RAM names; write an ARN such as"),
    ({"Principal": {"Federated": "ack-rrsa"}}, "is not what Federated names; write an ARN such as"),
    (
        {"Resource": "*"},
        f'{TRUST_STATEMENT}: unknown key "Resource"; a trust policy is about the role itself, remove it',
    ),
    ({"NotPrincipal": "*"}, f'{TRUST_STATEMENT}: unknown key "NotPrincipal"; RAM\'s policy language has no such key'),
]


@pytest.mark.parametrize(("changes", "problem"), BAD_TRUSTS, ids=[str(changes) for changes, _ in BAD_TRUSTS])
def test_a_mistake_in_a_trust_policy_is_named_with_place_and_fix(changes: dict[str, Any], problem: str) -> None:
    assert any(problem in found for found in check_trust(trust(**changes)))


BAD_DOCUMENTS: list[tuple[Any, str]] = [
    (None, "spec.document: is empty; write the document itself"),
    ([], "spec.document: is a list; write the document itself"),
    ('{"Version": "1"}', 'spec.document: is text; write the document itself (no "|" before it'),
    ({}, "spec.document: Statement is missing; write it, such as"),
    ({"Version": 1, "Statement": [READ_OSS]}, 'spec.document.Version: is a number; write "1"'),
    ({"version": "2", "Statement": [READ_OSS]}, 'spec.document: unknown key "version"; write "Version"'),
    ({"version": "2", "Statement": [READ_OSS]}, 'spec.document.Version: "2" is not a RAM version; write "1"'),
    ({"Statement": []}, "spec.document.Statement: the list is empty; write at least one statement"),
    ({"Statement": "x"}, "spec.document.Statement: is text; write a list of statements"),
    ({"Statement": READ_OSS}, "spec.document.Statement: is one statement; write it as a list"),
    ({"Statement": [READ_OSS, 1]}, "spec.document.Statement[1]: is a number; write a mapping"),
    ({"Id": "x", "Statement": [READ_OSS]}, 'spec.document: unknown key "Id"; RAM\'s documentation has no such key'),
]


@pytest.mark.parametrize(("document", "problem"), BAD_DOCUMENTS, ids=[str(given) for given, _ in BAD_DOCUMENTS])
def test_a_mistake_in_a_document_is_named_with_place_and_fix(document: Any, problem: str) -> None:
    assert any(found.startswith(problem) for found in check_policy(document))


def test_places_start_where_the_caller_says() -> None:
    found = check_policy(policy(Effect="allow"), "spec.sessionPolicy")
    assert found == ('spec.sessionPolicy.Statement[0].Effect: "allow" is not an effect; write "Allow"',)


def test_of_many_problems_twenty_are_shown_and_the_rest_is_counted() -> None:
    found = check_policy(policy(Action=[f"ecs: {number}" for number in range(50)]))
    assert len(found) == 20
    assert found[-1] == "spec.document: 31 more problems; fix the others first"


def test_a_long_text_is_shortened_in_the_message() -> None:
    (found,) = check_policy(policy(Action="x" * 1000))
    assert len(found) < 1300
    assert '"' + "x" * 79 + '…"' in found


def sized(size: int) -> dict[str, Any]:
    """A policy whose canonical text has `size` characters."""
    empty = len(canonical(policy(Action="oss:", Resource="*")))
    return policy(Action="oss:" + "x" * (size - empty), Resource="*")


def test_a_policy_may_have_6144_characters_and_not_one_more() -> None:
    assert len(canonical(sized(POLICY_LIMIT))) == 6144
    assert check_policy(sized(POLICY_LIMIT)) == ()
    problem = "spec.document: has 6145 characters, at most 6144 are taken; use wildcards or split it into two"
    assert check_policy(sized(POLICY_LIMIT + 1)) == (problem,)


def test_formatting_does_not_count_and_a_trust_policy_has_no_known_limit() -> None:
    assert check_policy(sized(1024), limit=1024) == ()
    assert check_policy(sized(1025), limit=1024) != ()
    assert check_trust(trust(Action="sts:" + "x" * 10_000)) == ()


@pytest.mark.parametrize(
    ("services", "problem"),
    [
        (["ecs.aliyuncs.com"], None),
        ([], "spec.trust.services: the list is empty"),
        ("ecs.aliyuncs.com", "spec.trust.services: is text; write a list"),
        (["ecs.aliyuncs.com "], 'spec.trust.services[0]: "ecs.aliyuncs.com " has a blank; write "ecs.aliyuncs.com"'),
        (["ecs.aliyuncs.com", 1], "spec.trust.services[1]: is a number"),
    ],
)
def test_services_are_checked_like_principals(services: Any, problem: str | None) -> None:
    found = check_services(services)
    assert len(found) == (problem is not None)
    assert all(sentence.startswith(problem or "") for sentence in found)


WORDS = st.sampled_from(
    ["Version", "Statement", "Effect", "Action", "NotAction", "Resource", "Principal", "Condition", "Service", "Bool"]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | WORDS
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None, max_examples=100)
@given(JSON | st.builds(lambda statements: {"Statement": statements}, st.lists(JSON, max_size=3)))
def test_any_json_gives_sentences_and_never_an_exception(document: Any) -> None:
    for found in (check_policy(document), check_trust(document), check_services(document)):
        assert isinstance(found, tuple)
        assert len(found) <= 20
        assert all(isinstance(sentence, str) and sentence.isprintable() and "; " in sentence for sentence in found)
