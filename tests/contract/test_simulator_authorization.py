"""The policy engine as a table: documented rules in, verdicts out."""

import json
from typing import Any

import pytest

from ram_simulator.policies import DocumentKind, Grammar, PolicyDocument, parse_document
from ram_simulator.policies.engine import (
    AccessRequest,
    Assumer,
    Context,
    Verdict,
    decide,
    evaluate,
    evaluate_layers,
    trusts,
)

Raw = dict[str, Any]
ALLOWED, EXPLICIT, IMPLICIT = Verdict.ALLOWED, Verdict.EXPLICIT_DENY, Verdict.IMPLICIT_DENY
ROLE = "acs:ram:*:123:role/Reader"
OBJECT = "acs:oss:cn-hangzhou:123:bucket/dir/a.txt"


def allow(**parts: Any) -> Raw:
    return {"Effect": "Allow", "Action": "*", "Resource": "*"} | parts


def deny(**parts: Any) -> Raw:
    return allow(**parts) | {"Effect": "Deny"}


def not_action(*actions: str, effect: str = "Allow") -> Raw:
    return {"Effect": effect, "NotAction": list(actions), "Resource": "*"}


def document(*statements: Raw) -> PolicyDocument:
    text = json.dumps({"Version": "1", "Statement": statements})
    return parse_document(text, DocumentKind.IDENTITY, Grammar(unreadable_values=True))


ACTIONS: list[tuple[str, str, Verdict]] = [
    ("*", "ram:GetRole", ALLOWED),
    ("ram:*", "ram:GetRole", ALLOWED),
    ("ram:*", "ecs:GetRole", IMPLICIT),
    ("ram:Get*", "ram:GetRole", ALLOWED),
    ("ram:Get*", "ram:ListRoles", IMPLICIT),
    ("ram:*Role", "ram:GetRole", ALLOWED),
    ("ram:*Role", "ram:GetRoles", IMPLICIT),
    ("ram:G?tRole", "ram:GetRole", ALLOWED),
    ("ram:G?tRole", "ram:GtRole", IMPLICIT),
    ("ram:getrole", "ram:GetRole", ALLOWED),
    ("ecs:DetachInstanceRAMRole", "ecs:DetachInstanceRamRole", ALLOWED),
    ("*:Get*", "ram:GetRole", ALLOWED),
    ("*:Describe*", "ram:GetRole", IMPLICIT),
    ("ram:GetRole", "ram:GetRolePolicy", IMPLICIT),
]


@pytest.mark.parametrize(("pattern", "action", "verdict"), ACTIONS)
def test_actions_match_by_wildcards_and_in_any_case(pattern: str, action: str, verdict: Verdict) -> None:
    assert evaluate([document(allow(Action=pattern))], AccessRequest(action, ROLE, {})) is verdict


RESOURCES: list[tuple[str, str, Verdict]] = [
    ("*", ROLE, ALLOWED),
    ("acs:ram:*:123:role/Reader", ROLE, ALLOWED),
    ("acs:ram:*:123:role/rEADER", ROLE, ALLOWED),
    ("acs:ram::123:role/Reader", ROLE, ALLOWED),
    ("acs:ram:*::role/Reader", ROLE, ALLOWED),
    ("acs:ram:*:123:role/Reader", "acs:ram:*:*:role/Reader", ALLOWED),
    ("acs:ram:*:123:role/Reader", "acs:ram", IMPLICIT),
    ("acs:ram:*:*:role/*", ROLE, ALLOWED),
    ("acs:ram:*:*:*", ROLE, ALLOWED),
    ("acs:ram:cn-hangzhou:123:role/Reader", ROLE, ALLOWED),
    ("acs:ram:*:999:role/Reader", ROLE, IMPLICIT),
    ("acs:ram:*:123:policy/Reader", ROLE, IMPLICIT),
    ("acs:ram:*:123:role/Read", ROLE, IMPLICIT),
    ("acs:ram:*:123:role/Reade?", ROLE, ALLOWED),
    ("acs:ram:*:123:role/R*r", ROLE, ALLOWED),
    ("acs:ram:*:123:role/k8s-*", "acs:ram:*:123:role/*", IMPLICIT),
    ("acs:ram:*:system:policy/*", "acs:ram:*:system:policy/AdministratorAccess", ALLOWED),
    ("acs:ram:*:123:policy/*", "acs:ram:*:system:policy/AdministratorAccess", IMPLICIT),
    ("acs:oss:*:*:bucket/*", OBJECT, ALLOWED),
    ("acs:oss:*:*:bucket", OBJECT, IMPLICIT),
    ("acs:oss:*:*:bucket/*", "acs:oss:cn-hangzhou:123:bucket", IMPLICIT),
    ("acs:oss:*:*:bucket*", OBJECT, ALLOWED),
    ("acs:oss:*:*:bucket/dir/*", OBJECT, ALLOWED),
    ("acs:oss:*:*:bucket/DIR/*", OBJECT, IMPLICIT),
    ("acs:oss:*:*:*.txt", OBJECT, ALLOWED),
    ("acs:oss:cn-beijing:*:*", OBJECT, IMPLICIT),
    ("acs:oss:*:*:bucket/[d]ir/*", OBJECT, IMPLICIT),
    ("acs:oss:*:*:bucket/[d]ir/*", "acs:oss:cn-hangzhou:123:bucket/[d]ir/a.txt", ALLOWED),
    ("acs:oss:*:*:bucket/a:b", "acs:oss:cn-hangzhou:123:bucket/a:b", ALLOWED),
    ("acs:Ram:*:123:role/Reader", ROLE, ALLOWED),
    ("acs:oss:*:123:one-bucket", "acs:oss:*:123:*", IMPLICIT),
    ("acs:*", ROLE, IMPLICIT),
    ("acs:*:*:123:role/reader", ROLE, ALLOWED),
    ("acs:*:*:*:bucket/DIR/*", OBJECT, IMPLICIT),
    ("acs:r?m:*:123:ROLE/*", ROLE, ALLOWED),
    ("acs:ecs:cn-*:123:instance/i-1", "acs:ecs:cn-beijing:123:instance/i-1", ALLOWED),
]


@pytest.mark.parametrize(("pattern", "resource", "verdict"), RESOURCES)
def test_resources_match_field_by_field(pattern: str, resource: str, verdict: Verdict) -> None:
    assert evaluate([document(allow(Resource=pattern))], AccessRequest("any:Thing", resource, {})) is verdict


STATEMENTS: list[tuple[list[Raw], Verdict]] = [
    ([allow()], ALLOWED),
    ([allow(), deny()], EXPLICIT),
    ([deny(), allow()], EXPLICIT),
    ([allow(), deny(Action="ram:GetRole")], EXPLICIT),
    ([allow(), deny(Action="ram:DeleteRole")], ALLOWED),
    ([allow(), deny(Resource="acs:ram:*:123:role/Reader")], EXPLICIT),
    ([allow(), deny(Resource="acs:ram:*:123:role/Writer")], ALLOWED),
    ([allow(Action="ecs:*"), allow(Action="ram:GetRole")], ALLOWED),
    ([allow(Action=["ecs:*", "ram:GetRole"])], ALLOWED),
    ([allow(Resource=["acs:oss:*:*:*", "acs:ram:*:*:role/Reader"])], ALLOWED),
    ([allow(Action="ecs:*")], IMPLICIT),
    ([deny(Action="ecs:*")], IMPLICIT),
    ([not_action("ecs:*")], ALLOWED),
    ([not_action("ram:Get*", "ecs:*")], IMPLICIT),
    ([allow(), not_action("ecs:*", effect="Deny")], EXPLICIT),
    ([allow(), not_action("ram:*", effect="Deny")], ALLOWED),
]


@pytest.mark.parametrize(("statements", "verdict"), STATEMENTS)
def test_an_explicit_deny_beats_every_allow(statements: list[Raw], verdict: Verdict) -> None:
    request = AccessRequest("ram:GetRole", ROLE, {})
    assert evaluate([document(*statements)], request) is verdict
    assert evaluate([document(statement) for statement in statements], request) is verdict
    assert evaluate([document(*reversed(statements))], request) is verdict


CONTEXT: Context = {
    "acs:SourceIp": "10.1.2.3",
    "acs:CurrentTime": "2026-06-01T12:00:00Z",
    "acs:SecureTransport": "false",
    "oss:Prefix": "Dir/",
    "x:Number": "7",
    "x:Many": ("one", "two"),
    "acs:ResourceTag/team": "storage",
}
CONDITIONS: list[tuple[Raw, bool]] = [
    ({"StringEquals": {"oss:Prefix": "Dir/"}}, True),
    ({"StringEquals": {"oss:Prefix": "dir/"}}, False),
    ({"StringEquals": {"oss:Prefix": ["a", "Dir/"]}}, True),
    ({"StringEquals": {"x:Absent": "a"}}, False),
    ({"StringNotEquals": {"oss:Prefix": "dir/"}}, True),
    ({"StringNotEquals": {"oss:Prefix": ["a", "Dir/"]}}, False),
    ({"StringNotEquals": {"x:Absent": "a"}}, True),
    ({"StringEqualsIgnoreCase": {"oss:Prefix": "dir/"}}, True),
    ({"StringEqualsIgnoreCase": {"oss:Prefix": "DIR/"}}, True),
    ({"StringEqualsIgnoreCase": {"oss:Prefix": "die/"}}, False),
    ({"StringNotEqualsIgnoreCase": {"oss:Prefix": "dir/"}}, False),
    ({"StringNotEqualsIgnoreCase": {"oss:Prefix": "DIR/"}}, False),
    ({"StringNotEqualsIgnoreCase": {"oss:Prefix": "die/"}}, True),
    ({"StringLike": {"oss:Prefix": "D?r*"}}, True),
    ({"StringLike": {"oss:Prefix": "d*"}}, False),
    ({"StringNotLike": {"oss:Prefix": "d*"}}, True),
    ({"StringNotLike": {"oss:Prefix": "D*"}}, False),
    ({"StringEquals": {"acs:ResourceTag/team": "storage"}}, True),
    ({"StringEquals": {"acs:ResourceTag/team": "other"}}, False),
    ({"StringEquals": {"x:Many": "two"}}, True),
    ({"StringNotEquals": {"x:Many": "two"}}, False),
    ({"NumericEquals": {"x:Number": "7.0"}}, True),
    ({"NumericEquals": {"x:Number": 7}}, True),
    ({"NumericNotEquals": {"x:Number": "7"}}, False),
    ({"NumericLessThan": {"x:Number": "7"}}, False),
    ({"NumericLessThan": {"x:Number": "8"}}, True),
    ({"NumericLessThanEquals": {"x:Number": "7"}}, True),
    ({"NumericGreaterThan": {"x:Number": "7"}}, False),
    ({"NumericGreaterThan": {"x:Number": "6"}}, True),
    ({"NumericGreaterThanEquals": {"x:Number": "7"}}, True),
    ({"NumericEquals": {"oss:Prefix": "7"}}, False),
    ({"DateEquals": {"acs:CurrentTime": "2026-06-01T20:00:00+08:00"}}, True),
    ({"DateNotEquals": {"acs:CurrentTime": "2026-06-01T12:00:00Z"}}, False),
    ({"DateEquals": {"acs:CurrentTime": "2026-06-01T12:00:00"}}, True),
    ({"DateLessThan": {"acs:CurrentTime": "2026-06-02T00:00:00Z"}}, True),
    ({"DateLessThan": {"acs:CurrentTime": "2026-06-01T12:00:00Z"}}, False),
    ({"DateLessThanEquals": {"acs:CurrentTime": "2026-06-01T12:00:00Z"}}, True),
    ({"DateGreaterThan": {"acs:CurrentTime": "2026-05-31T00:00:00Z"}}, True),
    ({"DateGreaterThanEquals": {"acs:CurrentTime": "2026-06-02T00:00:00Z"}}, False),
    ({"DateLessThan": {"acs:CurrentTime": "tomorrow"}}, False),
    ({"Bool": {"acs:SecureTransport": "false"}}, True),
    ({"Bool": {"acs:SecureTransport": False}}, True),
    ({"Bool": {"acs:SecureTransport": "true"}}, False),
    ({"Bool": {"acs:SecureTransport": "TRUE"}}, False),
    ({"Bool": {"acs:MFAPresent": "false"}}, False),
    ({"IpAddress": {"acs:SourceIp": "10.1.2.3"}}, True),
    ({"IpAddress": {"acs:SourceIp": ["192.168.0.0/16", "10.0.0.0/8"]}}, True),
    ({"IpAddress": {"acs:SourceIp": "10.1.2.4"}}, False),
    ({"IpAddress": {"acs:SourceIp": "nowhere"}}, False),
    ({"IpAddress": {"acs:SourceIp": "2001:db8::/32"}}, False),
    ({"NotIpAddress": {"acs:SourceIp": "10.0.0.0/8"}}, False),
    ({"NotIpAddress": {"acs:SourceIp": "192.168.0.0/16"}}, True),
    ({"StringEquals": {"oss:Prefix": "Dir/"}, "IpAddress": {"acs:SourceIp": "10.0.0.0/8"}}, True),
    ({"StringEquals": {"oss:Prefix": "Dir/"}, "IpAddress": {"acs:SourceIp": "11.0.0.0/8"}}, False),
    ({"StringEquals": {"oss:Prefix": "Dir/", "x:Number": "8"}}, False),
]


@pytest.mark.parametrize(("condition", "holds"), CONDITIONS)
def test_a_condition_decides_whether_a_statement_counts(condition: Raw, holds: bool) -> None:
    request = AccessRequest("oss:ListObjects", OBJECT, CONTEXT)
    allowing = document(allow(Condition=condition))
    assert evaluate([allowing], request) is (ALLOWED if holds else IMPLICIT)
    denying = document(allow(), deny(Condition=condition))
    assert evaluate([denying], request) is (EXPLICIT if holds else ALLOWED)


LAYERS: list[tuple[list[list[Raw]], Verdict]] = [
    ([], IMPLICIT),
    ([[]], IMPLICIT),
    ([[allow()]], ALLOWED),
    ([[allow()], [allow(Action="ram:*")]], ALLOWED),
    ([[allow()], [allow(Action="ecs:*")]], IMPLICIT),
    ([[allow(Action="ecs:*")], [allow()]], IMPLICIT),
    ([[allow()], [deny()]], EXPLICIT),
    ([[deny()], [allow()]], EXPLICIT),
    ([[allow()], []], IMPLICIT),
    ([[allow()], [allow()], [allow(Action="ram:GetRole")]], ALLOWED),
]


@pytest.mark.parametrize(("layers", "verdict"), LAYERS)
def test_every_layer_must_allow(layers: list[list[Raw]], verdict: Verdict) -> None:
    documents = [[document(statement) for statement in layer] for layer in layers]
    assert evaluate_layers(documents, AccessRequest("ram:GetRole", ROLE, {})) is verdict


DECISIONS: list[tuple[list[Verdict], Verdict, int]] = [
    ([], IMPLICIT, 0),
    ([ALLOWED], ALLOWED, 0),
    ([ALLOWED, ALLOWED], ALLOWED, 0),
    ([IMPLICIT, ALLOWED, ALLOWED], IMPLICIT, 0),
    ([ALLOWED, IMPLICIT, ALLOWED], IMPLICIT, 1),
    ([IMPLICIT, IMPLICIT, ALLOWED], IMPLICIT, 1),
    ([IMPLICIT, EXPLICIT, IMPLICIT], EXPLICIT, 1),
    ([EXPLICIT, ALLOWED, EXPLICIT], EXPLICIT, 2),
]


@pytest.mark.parametrize(("verdicts", "verdict", "layer"), DECISIONS)
def test_a_refusal_is_told_of_the_last_layer_that_refuses(
    verdicts: list[Verdict], verdict: Verdict, layer: int
) -> None:
    assert decide(verdicts) == (verdict, layer)


def test_refusals_have_the_names_of_no_permission_type() -> None:
    assert (str(EXPLICIT), str(IMPLICIT)) == ("ExplicitDeny", "ImplicitDeny")


def trust(effect: str = "Allow", action: str = "sts:AssumeRole", **principal: Any) -> Raw:
    return {"Effect": effect, "Action": action, "Principal": principal}


ECS = Assumer("Service", ("ecs.aliyuncs.com",))
DEV = Assumer("RAM", ("acs:ram::123:root", "acs:ram::123:user/dev"))
TRUSTS: list[tuple[list[Raw], Assumer, bool]] = [
    ([trust(Service=["ecs.aliyuncs.com"])], ECS, True),
    ([trust(Service="ecs.aliyuncs.com")], ECS, True),
    ([trust(Service=["fc.aliyuncs.com", "ecs.aliyuncs.com"])], ECS, True),
    ([trust(Service="fc.aliyuncs.com")], ECS, False),
    ([trust(RAM="ecs.aliyuncs.com")], ECS, False),
    ([trust(Service="fc.aliyuncs.com"), trust(Service="ecs.aliyuncs.com")], ECS, True),
    ([trust(Service="ecs.aliyuncs.com"), trust("Deny", Service="ecs.aliyuncs.com")], ECS, False),
    ([trust(action="sts:*", Service="ecs.aliyuncs.com")], ECS, True),
    ([trust(action="ram:PassRole", Service="ecs.aliyuncs.com")], ECS, False),
    ([trust(RAM="acs:ram::123:root")], DEV, True),
    ([trust(RAM="acs:ram::123:user/DEV")], DEV, True),
    ([trust(RAM="acs:ram::123:user/ann")], Assumer("RAM", ("acs:ram::123:user/Ann",)), True),
    ([trust(RAM="acs:ram::123:user/other")], DEV, False),
    ([trust(RAM="*")], DEV, True),
    ([trust(Service="ecs.aliyuncs.com")], DEV, False),
    ([trust(RAM="*") | {"Condition": {"Bool": {"acs:MFAPresent": "true"}}}], DEV, False),
    ([trust(RAM="*") | {"Condition": {"Bool": {"acs:MFAPresent": "true"}}}, trust(RAM="*")], DEV, True),
]


@pytest.mark.parametrize(("statements", "assumer", "trusted"), TRUSTS)
def test_a_trust_policy_names_who_may_assume(statements: list[Raw], assumer: Assumer, trusted: bool) -> None:
    text = json.dumps({"Version": "1", "Statement": statements})
    assert trusts(parse_document(text, DocumentKind.TRUST), assumer, {"acs:MFAPresent": "false"}) is trusted
