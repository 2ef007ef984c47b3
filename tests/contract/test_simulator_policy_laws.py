"""Laws of the policy engine, for any policies and requests: what a Deny, an order and a narrower pattern may do."""

import json
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some

from ram_simulator.policies import DocumentKind, Grammar, PolicyDocument, parse_document
from ram_simulator.policies.engine import AccessRequest, Verdict, evaluate, evaluate_layers

Raw = dict[str, Any]

ACTIONS = ("ram:GetRole", "ram:GetPolicy", "ram:DeleteRole", "oss:GetObject", "oss:PutObject", "ecs:RunInstances")
RESOURCES = (
    "acs:ram:*:123:role/Reader",
    "acs:ram:*:123:role/Writer",
    "acs:ram:*:system:policy/ReadOnlyAccess",
    "acs:oss:cn-hangzhou:123:bucket",
    "acs:oss:cn-hangzhou:123:bucket/dir/a.txt",
    "acs:oss:cn-beijing:123:other/a.txt",
    "acs:ecs:cn-hangzhou:123:instance/i-1",
)
PREFIXES = ("", "dir/", "other/")
PLAIN = ("StringEquals", "StringNotEquals", "StringLike")
OPERATORS = (
    *PLAIN,
    *(f"{operator}IfExists" for operator in PLAIN),
    *(f"{quantifier}:{operator}" for quantifier in ("ForAnyValue", "ForAllValues") for operator in PLAIN),
)
LAW = settings(max_examples=100, deadline=None)


@some.composite
def pattern(draw: some.DrawFn, subjects: tuple[str, ...]) -> str:
    """A pattern made of a subject: some of its runs are wildcards; often it matches."""
    subject = draw(some.sampled_from(subjects))
    head, colon, tail = subject.partition(":")
    first = draw(some.integers(0, len(tail)))
    last = draw(some.integers(first, len(tail)))
    middle = draw(some.sampled_from(("*", tail[first:last], "?" * (last - first))))
    return draw(some.sampled_from((f"{head}{colon}{tail[:first]}{middle}{tail[last:]}", "*")))


@some.composite
def statement(draw: some.DrawFn, effects: tuple[str, ...] = ("Allow", "Deny")) -> Raw:
    made: Raw = {
        "Effect": draw(some.sampled_from(effects)),
        draw(some.sampled_from(("Action", "NotAction"))): draw(some.lists(pattern(ACTIONS), min_size=1, max_size=3)),
        draw(some.sampled_from(("Resource", "Resource", "NotResource"))): draw(
            some.lists(pattern(RESOURCES), min_size=1, max_size=3)
        ),
    }
    if draw(some.booleans()):
        made["Condition"] = {draw(some.sampled_from(OPERATORS)): {"oss:Prefix": draw(some.sampled_from(PREFIXES))}}
    return made


STATEMENTS = some.lists(statement(), min_size=1, max_size=5)
VALUES = some.one_of(some.sampled_from(PREFIXES), some.lists(some.sampled_from(PREFIXES), max_size=3).map(tuple))
ASKED = some.builds(
    AccessRequest,
    some.sampled_from(ACTIONS),
    some.sampled_from(RESOURCES),
    some.fixed_dictionaries({}, optional={"oss:Prefix": VALUES}),
)


def document(statements: list[Raw]) -> PolicyDocument:
    text = json.dumps({"Version": "1", "Statement": statements})
    return parse_document(text, DocumentKind.IDENTITY, Grammar(undocumented=True))


def verdict(statements: list[Raw], request: AccessRequest) -> Verdict:
    return evaluate([document(statements)], request)


@LAW
@given(STATEMENTS, statement(effects=("Deny",)), ASKED)
def test_a_deny_never_widens(statements: list[Raw], denial: Raw, request: AccessRequest) -> None:
    if verdict([*statements, denial], request) is Verdict.ALLOWED:
        assert verdict(statements, request) is Verdict.ALLOWED


@LAW
@given(STATEMENTS, statement(effects=("Allow",)), ASKED)
def test_an_allow_never_narrows_and_never_lifts_a_deny(
    statements: list[Raw], grant: Raw, request: AccessRequest
) -> None:
    before, after = verdict(statements, request), verdict([*statements, grant], request)
    if before is not Verdict.IMPLICIT_DENY:
        assert after is before


@LAW
@given(some.data(), STATEMENTS, ASKED)
def test_the_order_of_statements_and_their_split_into_documents_do_not_matter(
    data: some.DataObject, statements: list[Raw], request: AccessRequest
) -> None:
    shuffled = data.draw(some.permutations(statements))
    cut = data.draw(some.integers(1, len(shuffled)))
    parts = [document(part) for part in (shuffled[:cut], shuffled[cut:]) if part]
    assert evaluate(parts, request) is verdict(statements, request)


@LAW
@given(some.data(), STATEMENTS, ASKED)
def test_narrowing_the_resource_of_an_allow_never_allows_more(
    data: some.DataObject, statements: list[Raw], request: AccessRequest
) -> None:
    narrowed = [item if item["Effect"] == "Deny" else _narrowed(data, item) for item in statements]
    if verdict(narrowed, request) is Verdict.ALLOWED:
        assert verdict(statements, request) is Verdict.ALLOWED


@LAW
@given(some.data(), STATEMENTS, ASKED)
def test_narrowing_the_resource_of_a_deny_never_denies_more(
    data: some.DataObject, statements: list[Raw], request: AccessRequest
) -> None:
    narrowed = [item if item["Effect"] == "Allow" else _narrowed(data, item) for item in statements]
    if verdict(narrowed, request) is Verdict.EXPLICIT_DENY:
        assert verdict(statements, request) is Verdict.EXPLICIT_DENY


@LAW
@given(some.data(), STATEMENTS, ASKED)
def test_excluding_less_never_allows_less(data: some.DataObject, statements: list[Raw], request: AccessRequest) -> None:
    wider = [_narrowed(data, item, "NotResource") if item["Effect"] == "Allow" else item for item in statements]
    if verdict(statements, request) is Verdict.ALLOWED:
        assert verdict(wider, request) is Verdict.ALLOWED


def _narrowed(data: some.DataObject, item: Raw, key: str = "Resource") -> Raw:
    return item | {key: [_narrower(data, name) for name in item[key]]} if key in item else item


def _narrower(data: some.DataObject, name: str) -> str:
    """Return a pattern that matches a part of what `name` matches: one of its wildcards means less."""
    if name == "*":
        return data.draw(some.sampled_from(RESOURCES))
    place = name.find("*", 4)
    if place < 0:
        return name.replace("?", data.draw(some.sampled_from("a/:1")), 1)
    # a literal colon would move the fields: that is another resource, not a narrower one
    return name[:place] + data.draw(some.sampled_from(("", "a", "?", "a*", "*b", "?*"))) + name[place + 1 :]


@LAW
@given(STATEMENTS, STATEMENTS, ASKED)
def test_another_layer_never_widens(one: list[Raw], other: list[Raw], request: AccessRequest) -> None:
    alone = evaluate_layers([[document(one)]], request)
    both = evaluate_layers([[document(one)], [document(other)]], request)
    assert both is evaluate_layers([[document(other)], [document(one)]], request)
    if both is Verdict.ALLOWED:
        assert alone is Verdict.ALLOWED
    if alone is Verdict.EXPLICIT_DENY:
        assert both is Verdict.EXPLICIT_DENY


@LAW
@given(STATEMENTS, ASKED)
def test_a_statement_twice_is_as_good_as_once(statements: list[Raw], request: AccessRequest) -> None:
    assert verdict(statements * 2, request) is verdict(statements, request)


@LAW
@given(STATEMENTS, ASKED)
def test_case_matters_in_no_action_and_in_no_name_of_ram(statements: list[Raw], request: AccessRequest) -> None:
    other = replace(request, action=request.action.swapcase())
    if ":ram:" in request.resource:
        head, _, name = request.resource.rpartition(":")
        other = replace(other, resource=f"{head}:{name.swapcase()}")
    ram_only = [
        item | {key: [name for name in item[key] if "ram" in name] or ["*"]}
        for item in statements
        for key in ("Resource", "NotResource")
        if key in item
    ]
    assert verdict(ram_only, other) is verdict(ram_only, request)


@LAW
@given(some.lists(pattern(RESOURCES), min_size=1, max_size=3), ASKED)
def test_a_resource_is_covered_or_excluded(patterns: list[str], request: AccessRequest) -> None:
    made = [{"Effect": "Allow", "Action": "*", key: patterns} for key in ("Resource", "NotResource")]
    assert {verdict([item], request) for item in made} == {Verdict.ALLOWED, Verdict.IMPLICIT_DENY}


def holds(operator: str, value: str, request: AccessRequest) -> bool:
    condition = {operator: {"oss:Prefix": value}}
    allowing = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}
    return verdict([allowing], request) is Verdict.ALLOWED


@LAW
@given(some.sampled_from(OPERATORS[:3]), some.sampled_from(PREFIXES), ASKED)
def test_what_exists_is_compared_and_what_does_not_is_no_obstacle(
    operator: str, value: str, request: AccessRequest
) -> None:
    there = bool(request.context.get("oss:Prefix", ()) or request.context.get("oss:Prefix") == "")
    assert holds("Null", "false", request) is there
    assert holds("Null", "true", request) is not there
    assert holds(f"{operator}IfExists", value, request) is (holds(operator, value, request) if there else True)


@LAW
@given(
    some.sampled_from([("StringEquals", "StringNotEquals"), ("StringLike", "StringNotLike")]),
    some.sampled_from(PREFIXES),
    ASKED,
)
def test_not_all_values_do_if_any_does_not(operators: tuple[str, str], value: str, request: AccessRequest) -> None:
    for one, other in (operators, operators[::-1]):
        assert holds(f"ForAllValues:{one}", value, request) is not holds(f"ForAnyValue:{other}", value, request)


def test_nothing_allows_nothing() -> None:
    request = AccessRequest("ram:GetRole", RESOURCES[0], {})
    assert evaluate([], request) is Verdict.IMPLICIT_DENY
    assert evaluate_layers([], request) is Verdict.IMPLICIT_DENY
