"""When two documents mean the same, what is sent to RAM, and whom a trust policy trusts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.test_documents import JSON

from ram_operator.rules.documents import (
    canonical,
    check_policy,
    check_trust,
    only_adds,
    same_meaning,
    trust_for_services,
    trusts_service,
)

relaxed = settings(deadline=None, max_examples=100)

READ_OSS = {"Action": ["oss:Get*", "oss:List*"], "Effect": "Allow", "Resource": "*"}
PASS_ROLE = {"Action": "ram:PassRole", "Effect": "Allow", "Resource": "*"}


def policy(**changes: Any) -> dict[str, Any]:
    return {"Version": "1", "Statement": [{**READ_OSS, **changes}]}


def conditioned(value: Any, operator: str = "StringEquals", key: str = "oss:Prefix") -> dict[str, Any]:
    return policy(Condition={operator: {key: value}})


def trusting(**principal: Any) -> dict[str, Any]:
    return {
        "Version": "1",
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}],
    }


SAME: dict[str, tuple[Any, Any]] = {
    "order of statements": ({"Statement": [READ_OSS, PASS_ROLE]}, {"Statement": [PASS_ROLE, READ_OSS]}),
    "order of actions": (policy(), policy(Action=["oss:List*", "oss:Get*"])),
    "an action twice": (policy(), policy(Action=["oss:List*", "oss:Get*", "oss:Get*"])),
    "text or list of one": (policy(Action="oss:Get*"), policy(Action=["oss:Get*"], Resource=["*"])),
    "case of actions": (policy(Action="ecs:DetachInstanceRamRole"), policy(Action="ecs:DetachInstanceRAMRole")),
    "an empty condition": (policy(), policy(Condition={})),
    "version left out": (policy(), {"Statement": [READ_OSS]}),
    "JSON text, formatted": (policy(), json.dumps(policy(), indent=4)),
    "two JSON texts": (json.dumps(policy()), canonical(policy())),
    "order of principals": (trusting(Service=["a.b", "c.d"]), trusting(Service=["c.d", "a.b"])),
    "one principal as text": (trusting(Service=["a.b"]), trusting(Service="a.b")),
    "case of a role's ARN": (trusting(RAM="acs:ram::1:role/Ops"), trusting(RAM="acs:ram::1:role/ops")),
    "order of condition values": (conditioned(["a", "b"]), conditioned(["b", "a", "a"])),
    "a boolean and its text": (conditioned(True, "Bool"), conditioned("true", "Bool")),
    "a number and its text": (conditioned(10, "NumericEquals"), conditioned(["10"], "NumericEquals")),
    "a whole float and its text": (conditioned(10.0, "NumericEquals"), conditioned("10", "NumericEquals")),
}

DIFFERENT: dict[str, tuple[Any, Any]] = {
    "an action more": (policy(), policy(Action=["oss:Get*"])),
    "another effect": (policy(), policy(Effect="Deny")),
    "action and not action": (
        {"Statement": [PASS_ROLE]},
        {"Statement": [{"NotAction": "ram:PassRole", "Effect": "Allow", "Resource": "*"}]},
    ),
    "case of a resource": (policy(Resource="acs:oss:*:*:a"), policy(Resource="acs:oss:*:*:A")),
    "a condition": (policy(), conditioned("a")),
    "another operator": (conditioned("a"), conditioned("a", "StringLike")),
    "another condition key": (conditioned("a"), conditioned("a", key="oss:Delimiter")),
    "case of a condition value": (conditioned("a"), conditioned("A")),
    "true and 1": (conditioned(True), conditioned(1)),
    "another version": (policy(), {**policy(), "Version": "2"}),
    "version as a number": (policy(), {**policy(), "Version": 1}),
    "an unknown key": (policy(), policy(Sid="x")),
    "a statement more": ({"Statement": [READ_OSS]}, {"Statement": [READ_OSS, PASS_ROLE]}),
    "a statement not in a list": ({"Statement": [READ_OSS]}, {"Statement": READ_OSS}),
    "case of a service": (trusting(Service="a.b"), trusting(Service="A.b")),
    "another kind of principal": (trusting(Service="a.b"), trusting(RAM="a.b")),
    "an empty list": (policy(), policy(Action=[])),
    "null": (policy(), None),
    "a text that is no JSON": ("{", "{"),
    "an empty text": ("", ""),
    "JSON text with a key twice": ('{"Statement": [], "Statement": []}', '{"Statement": []}'),
    "JSON text with a constant": ('{"Statement": NaN}', '{"Statement": NaN}'),
    "JSON text nested too deeply": ("[" * 100_000, "[" * 100_000),
}


@pytest.mark.parametrize(("left", "right"), SAME.values(), ids=SAME)
def test_what_ram_treats_alike_is_the_same(left: Any, right: Any) -> None:
    assert same_meaning(left, right)
    assert same_meaning(right, left)


@pytest.mark.parametrize(("left", "right"), DIFFERENT.values(), ids=DIFFERENT)
def test_everything_else_is_different(left: Any, right: Any) -> None:
    assert not same_meaning(left, right)
    assert not same_meaning(right, left)


SHORT = st.text("abc*", min_size=1, max_size=4)
ACTIONS = st.builds("{}:{}".format, st.sampled_from(["oss", "ecs"]), SHORT)
RESOURCES = st.just("*") | st.builds("acs:oss:*:*:{}".format, SHORT)


def one_or_many(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return texts | st.lists(texts, min_size=1, max_size=4)


VALUES = st.lists(SHORT | st.booleans() | st.integers(), min_size=1, max_size=3) | SHORT | st.booleans()
CONDITIONS = st.dictionaries(
    st.sampled_from(["StringEquals", "StringLike", "StringNotEquals"]),
    st.dictionaries(st.sampled_from(["oss:Prefix", "acs:SourceIp"]), VALUES, min_size=1),
    min_size=1,
    max_size=2,
)
STATEMENTS = st.fixed_dictionaries(
    {"Effect": st.sampled_from(["Allow", "Deny"]), "Action": one_or_many(ACTIONS), "Resource": one_or_many(RESOURCES)},
    optional={"Condition": CONDITIONS},
)
POLICIES = st.fixed_dictionaries(
    {"Statement": st.lists(STATEMENTS, min_size=1, max_size=3)}, optional={"Version": st.just("1")}
)


def shuffled(value: Any, data: st.DataObject) -> Any:
    """The same document written another way."""
    if isinstance(value, dict):
        keys = data.draw(st.permutations(list(value)))
        return {key: shuffled(value[key], data) for key in keys}
    if isinstance(value, list):
        items = [shuffled(item, data) for item in data.draw(st.permutations(value))]
        if items and all(isinstance(item, str) for item in items):
            items += data.draw(st.lists(st.sampled_from(items), max_size=2))
            return items[0] if len(items) == 1 and data.draw(st.booleans()) else items
        return items
    return value


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [found for key, inner in value.items() for found in leaves(inner, (*path, key))]
    if isinstance(value, list):
        return [found for index, inner in enumerate(value) for found in leaves(inner, (*path, index))]
    return [path]


def with_leaf(value: Any, path: tuple[Any, ...], leaf: Any) -> Any:
    if not path:
        return leaf
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = with_leaf(value[path[0]], path[1:], leaf)
    return copy


@relaxed
@given(POLICIES)
def test_a_document_is_the_same_as_itself_and_as_what_is_sent_for_it(document: Any) -> None:
    assert same_meaning(document, document)
    assert same_meaning(document, canonical(document))
    assert check_policy(document) == ()


@relaxed
@given(POLICIES, POLICIES)
def test_sameness_has_no_direction(left: Any, right: Any) -> None:
    assert same_meaning(left, right) == same_meaning(right, left)


@relaxed
@given(POLICIES, st.data())
def test_writing_a_document_another_way_never_matters(document: Any, data: st.DataObject) -> None:
    assert same_meaning(document, shuffled(document, data))


@relaxed
@given(POLICIES, st.data())
def test_changing_one_leaf_always_matters(document: Any, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(leaves(document)))
    once = with_leaf(document, path, "somethingelse")
    assert not same_meaning(with_leaf(document, path, "unique"), once)
    if not isinstance(path[-1], int):
        assert not same_meaning(document, once)


def test_the_canonical_text_is_compact_ordered_and_complete() -> None:
    document = {"Statement": [{"Resource": "*", "Effect": "Allow", "Action": ["oss:List*", "oss:Get*"]}]}
    assert canonical(document) == (
        '{"Statement":[{"Action":["oss:List*","oss:Get*"],"Effect":"Allow","Resource":"*"}],"Version":"1"}'
    )


def test_the_canonical_text_has_condition_values_as_texts_and_other_scripts_as_they_are() -> None:
    statement = {
        **READ_OSS,
        "Condition": {"Bool": {"acs:MFAPresent": True}, "StringEquals": {"oss:Prefix": ["日志", 1]}},
    }
    sent = canonical({"Statement": [statement]})
    assert '"Condition":{"Bool":{"acs:MFAPresent":"true"},"StringEquals":{"oss:Prefix":["日志","1"]}}' in sent


@relaxed
@given(POLICIES)
def test_the_canonical_text_does_not_depend_on_the_order_of_keys(document: Any) -> None:
    turned = json.loads(json.dumps(document), object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    assert canonical(document) == canonical(turned)
    assert canonical(json.loads(canonical(document))) == canonical(document)


def test_canonical_changes_nothing_in_the_document_it_is_given() -> None:
    document = {"Statement": [{**READ_OSS, "Condition": {"Bool": {"acs:MFAPresent": True}}}]}
    before = json.dumps(document)
    canonical(document)
    same_meaning(document, document)
    assert json.dumps(document) == before


def assume(effect: str = "Allow", action: Any = "sts:AssumeRole", service: Any = "ecs.aliyuncs.com") -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Principal": {"Service": service}}


TRUSTS: dict[str, tuple[Any, bool]] = {
    "ECS as text": ([assume()], True),
    "ECS in a list": ([assume(service=["fc.aliyuncs.com", "ecs.aliyuncs.com"])], True),
    "a wildcard": ([assume(action=["sts:*"])], True),
    "any action": ([assume(action="*")], True),
    "case of the action": ([assume(action="STS:assumerole")], True),
    "a second statement": ([assume(service="fc.aliyuncs.com"), assume()], True),
    "not action of something else": (
        [{"Effect": "Allow", "NotAction": "ram:*", "Principal": {"Service": "ecs.aliyuncs.com"}}],
        True,
    ),
    "with a condition": ([{**assume(), "Condition": {"StringEquals": {"acs:SourceIp": "x"}}}], True),
    "another service": ([assume(service="fc.aliyuncs.com")], False),
    "another action": ([assume(action="sts:GetCallerIdentity")], False),
    "a pattern that stops short": ([assume(action="sts:Assume?")], False),
    "not action of it": (
        [{"Effect": "Allow", "NotAction": ["sts:*"], "Principal": {"Service": "ecs.aliyuncs.com"}}],
        False,
    ),
    "denied": ([assume(), assume("Deny")], False),
    "denied for another service": ([assume(), assume("Deny", service="fc.aliyuncs.com")], True),
    "only denied": ([assume("Deny")], False),
    "an account": ([{"Effect": "Allow", "Action": "*", "Principal": {"RAM": "acs:ram::1:root"}}], False),
    "the name in RAM's place": ([{"Effect": "Allow", "Action": "*", "Principal": {"RAM": "ecs.aliyuncs.com"}}], False),
    "a principal of text": ([{"Effect": "Allow", "Action": "*", "Principal": "ecs.aliyuncs.com"}], False),
    "no statements": ([], False),
    "no list of statements": (assume(), False),
    "statements that are none": (["x", None], False),
}


@pytest.mark.parametrize(("statements", "trusted"), TRUSTS.values(), ids=TRUSTS)
def test_ecs_is_trusted_if_some_statement_allows_it_and_none_denies_it(statements: Any, trusted: bool) -> None:
    document = {"Version": "1", "Statement": statements}
    assert trusts_service(document) is trusted
    assert trusts_service(json.dumps(document)) is trusted


@pytest.mark.parametrize("document", [None, 1, [], {}, "", "{", "[1]", "[" * 100_000, '"x"'])
def test_what_is_no_document_trusts_nobody(document: Any) -> None:
    assert trusts_service(document) is False


def test_a_trust_for_services_is_rams_own_sample_and_trusts_them_all() -> None:
    assert canonical(trust_for_services(["ecs.aliyuncs.com"])) == (
        '{"Statement":[{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"Service":["ecs.aliyuncs.com"]}}],'
        '"Version":"1"}'
    )
    services = ["ecs.aliyuncs.com", "fc.aliyuncs.com", "ecs.aliyuncs.com"]
    document = trust_for_services(services)
    assert check_trust(document) == ()
    assert all(trusts_service(document, service) for service in services)
    assert not trusts_service(document, "oss.aliyuncs.com")


# Whether an edit of a trust policy lets more in and nobody out

ECS_ONLY = trust_for_services(["ecs.aliyuncs.com"])
ALLOW: dict[str, Any] = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": ["fc.aliyuncs.com"]}}
DENY = {**ALLOW, "Effect": "Deny"}
ALL_BUT = {"Effect": "Allow", "NotAction": "ram:*", "Principal": ALLOW["Principal"]}
MFA = {"Bool": {"acs:MFAPresent": "true"}}


def beside_ecs(*statements: Any) -> dict[str, Any]:
    return {"Version": "1", "Statement": [*ECS_ONLY["Statement"], *statements]}


# before, after, whether after only adds
TRUST_EDITS: dict[str, tuple[Any, Any, bool]] = {
    "nothing": (ECS_ONLY, ECS_ONLY, True),
    "a service added": (ECS_ONLY, beside_ecs(ALLOW), True),
    "a service added as text": (
        json.dumps(ECS_ONLY),
        json.dumps(trusting(Service=["a.com", "ecs.aliyuncs.com"])),
        True,
    ),
    "a service dropped": (beside_ecs(ALLOW), ECS_ONLY, False),
    "a condition added": (beside_ecs(ALLOW), beside_ecs({**ALLOW, "Condition": MFA}), False),
    "a Deny added": (ECS_ONLY, beside_ecs(DENY), False),
    "a Deny dropped": (beside_ecs(DENY), ECS_ONLY, True),
    "a Deny of all but some actions added": (ECS_ONLY, beside_ecs({**ALL_BUT, "Effect": "Deny"}), False),
    "an Allow of all but some actions dropped": (beside_ecs(ALL_BUT), ECS_ONLY, False),
    "a Deny with both Action and NotAction added": (ECS_ONLY, beside_ecs({**DENY, "NotAction": "ram:*"}), False),
    "a Deny of all but somebody added": (
        ECS_ONLY,
        beside_ecs({"Effect": "Deny", "Action": "*", "NotPrincipal": {"RAM": "acs:ram::1:root"}}),
        False,
    ),
    "a Deny of everybody added": (ECS_ONLY, beside_ecs({**DENY, "Principal": "*"}), False),
    "a Deny of nobody added": (ECS_ONLY, beside_ecs({**DENY, "Principal": {}}), False),
    "a Deny of no text added": (ECS_ONLY, beside_ecs({**DENY, "Action": ["sts:AssumeRole", 1]}), False),
    "an effect in other case dropped": (beside_ecs({**ALLOW, "Effect": "allow"}), ECS_ONLY, False),
    "an empty document": ("{}", ECS_ONLY, False),
    "an empty document after": (ECS_ONLY, "{}", False),
    "no statements before": ({"Statement": []}, ECS_ONLY, True),
    "statements of no list": ({"Statement": {}}, ECS_ONLY, False),
    "a statement of nothing": ({"Statement": [{}]}, ECS_ONLY, False),
    "no document": (None, ECS_ONLY, False),
    "no JSON": ("{", ECS_ONLY, False),
}


@pytest.mark.parametrize(("before", "after", "adds"), TRUST_EDITS.values(), ids=TRUST_EDITS)
def test_an_edit_of_a_trust_only_adds_where_it_is_known_to_take_nothing_back(
    before: Any, after: Any, adds: bool
) -> None:
    assert only_adds(before, after) is adds


STATEMENTS = st.dictionaries(st.sampled_from(["Principal", "NotPrincipal", "Action", "NotAction", "Condition"]), JSON)


@relaxed
@given(JSON, JSON, STATEMENTS)
def test_whatever_is_denied_or_no_longer_allowed_is_no_edit_that_only_adds(
    before: Any, after: Any, statement: dict[str, Any]
) -> None:
    assert only_adds(before, after) is False
    assert only_adds(json.dumps(before), json.dumps(after)) is False
    assert only_adds(ECS_ONLY, beside_ecs({**ALLOW, **statement, "Effect": "Deny"})) is False
    assert only_adds(beside_ecs({**ALLOW, **statement}), ECS_ONLY) is False
