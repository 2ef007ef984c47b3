"""What RAM's pages leave out of the policy language: refused, or obeyed as in the languages that it resembles."""

import json
from typing import Any

import pytest

from ram_simulator.policies import DOCUMENTED, DocumentKind, Grammar, parse_document
from ram_simulator.policies.engine import AccessRequest, Assumer, Context, Verdict, evaluate, trusts
from ram_simulator.policies.model import MalformedDocument

Raw = dict[str, Any]
OBEYED, IGNORING = Grammar(undocumented=True), Grammar(unknown_keys=True)
READER = "acs:ram:*:123:role/Reader"
CONTEXT: Context = {"x:One": "a", "x:Many": ("a", "b"), "x:Empty": (), "x:Number": "7"}


def text(**parts: Any) -> str:
    kept = {key: value for key, value in ({"Effect": "Allow", "Action": "*"} | parts).items() if value is not None}
    return json.dumps({"Version": "1", "Statement": [kept]})


CONDITIONS: list[tuple[Raw, bool]] = [
    ({"StringEqualsIfExists": {"x:One": "a"}}, True),
    ({"StringEqualsIfExists": {"x:One": "b"}}, False),
    ({"StringEqualsIfExists": {"x:Absent": "b"}}, True),
    ({"StringNotEqualsIfExists": {"x:Absent": "b"}}, True),
    ({"StringNotEqualsIfExists": {"x:One": "a"}}, False),
    ({"NumericLessThanIfExists": {"x:Number": 7}}, False),
    ({"NumericLessThanIfExists": {"x:Absent": 7}}, True),
    ({"IpAddressIfExists": {"acs:SourceIp": "10.0.0.0/8"}}, True),
    ({"StringEqualsIfExists": {"x:Empty": "b"}}, True),
    ({"Null": {"x:Absent": "true"}}, True),
    ({"Null": {"x:Absent": True}}, True),
    ({"Null": {"x:Absent": "false"}}, False),
    ({"Null": {"x:One": "true"}}, False),
    ({"Null": {"x:One": False}}, True),
    ({"Null": {"x:One": ["true", "false"]}}, True),
    ({"Null": {"x:Empty": "true"}}, True),
    ({"ForAnyValue:StringEquals": {"x:Many": "a"}}, True),
    ({"ForAnyValue:StringEquals": {"x:Many": "c"}}, False),
    ({"ForAnyValue:StringEquals": {"x:Absent": "a"}}, False),
    ({"ForAnyValue:StringNotEquals": {"x:Many": "a"}}, True),
    ({"ForAnyValue:StringNotEquals": {"x:One": "a"}}, False),
    ({"ForAnyValue:StringLike": {"x:Many": ["c*", "b*"]}}, True),
    ({"ForAnyValue:StringEqualsIfExists": {"x:Absent": "a"}}, False),
    ({"ForAllValues:StringEquals": {"x:Many": "a"}}, False),
    ({"ForAllValues:StringEquals": {"x:Many": ["a", "b", "c"]}}, True),
    ({"ForAllValues:StringEquals": {"x:Absent": "a"}}, True),
    ({"ForAllValues:StringEquals": {"x:Empty": "a"}}, True),
    ({"ForAllValues:StringNotEquals": {"x:Many": "c"}}, True),
    ({"ForAllValues:StringNotEquals": {"x:Many": "b"}}, False),
    ({"ForAllValues:StringEqualsIfExists": {"x:Many": "a"}}, False),
    ({"ForAllValues:NumericLessThan": {"x:Number": 8}, "Null": {"x:Number": "false"}}, True),
    ({"ForAllValues:StringEquals": {"x:Absent": "a"}, "Null": {"x:Absent": "false"}}, False),
]


@pytest.mark.parametrize(("condition", "holds"), CONDITIONS)
def test_operators_beyond_the_pages_mean_what_they_mean_elsewhere(condition: Raw, holds: bool) -> None:
    request = AccessRequest("ram:GetRole", READER, CONTEXT)
    for effect, then, otherwise in (
        ("Allow", Verdict.ALLOWED, Verdict.IMPLICIT_DENY),
        ("Deny", Verdict.EXPLICIT_DENY, Verdict.IMPLICIT_DENY),
    ):
        document = text(Effect=effect, Resource="*", Condition=condition)
        parsed = parse_document(document, DocumentKind.IDENTITY, OBEYED)
        assert evaluate([parsed], request) is (then if holds else otherwise)
        with pytest.raises(MalformedDocument, match="is not known"):
            parse_document(document, DocumentKind.IDENTITY, DOCUMENTED)


RESOURCES: list[tuple[Any, str, bool]] = [
    (READER, READER, False),
    ("acs:ram:*:*:role/*", READER, False),
    ("*", READER, False),
    ("acs:oss:*:*:*", READER, True),
    (["acs:oss:*:*:*", READER], READER, False),
    ("acs:ram:*:123:role/Writer", READER, True),
]


@pytest.mark.parametrize(("excluded", "resource", "allowed"), RESOURCES)
def test_everything_but_the_excluded_resources_is_covered(excluded: Any, resource: str, allowed: bool) -> None:
    parsed = parse_document(text(NotResource=excluded), DocumentKind.IDENTITY, OBEYED)
    verdict = evaluate([parsed], AccessRequest("ram:GetRole", resource, {}))
    assert verdict is (Verdict.ALLOWED if allowed else Verdict.IMPLICIT_DENY)


DEV = Assumer("RAM", ("acs:ram::123:root", "acs:ram::123:user/dev"))
PRINCIPALS: list[tuple[Raw, bool]] = [
    ({"RAM": "acs:ram::123:user/dev"}, False),
    ({"RAM": "acs:ram::123:user/DEV"}, False),
    ({"RAM": "acs:ram::123:root"}, False),
    ({"RAM": "*"}, False),
    ({"RAM": "acs:ram::123:user/ann"}, True),
    ({"Service": ["ecs.aliyuncs.com"]}, True),
]


@pytest.mark.parametrize(("excluded", "trusted"), PRINCIPALS)
def test_everybody_but_the_excluded_principals_is_trusted(excluded: Raw, trusted: bool) -> None:
    document = text(Action="sts:AssumeRole", NotPrincipal=excluded)
    assert trusts(parse_document(document, DocumentKind.TRUST, OBEYED), DEV, {}) is trusted


REFUSED: list[tuple[DocumentKind, str, Grammar, str]] = [
    (DocumentKind.IDENTITY, text(NotResource="*"), DOCUMENTED, '"NotResource" is not known'),
    (DocumentKind.TRUST, text(NotPrincipal={"RAM": "*"}), DOCUMENTED, '"NotPrincipal" is not known'),
    (DocumentKind.IDENTITY, text(NotResource="*", Resource="*"), OBEYED, "exactly one of Resource and NotResource"),
    (DocumentKind.TRUST, text(NotPrincipal={"RAM": "*"}, Principal={"RAM": "*"}), OBEYED, "exactly one of Principal"),
    (DocumentKind.IDENTITY, text(NotPrincipal={"RAM": "*"}, Resource="*"), OBEYED, "trust policies only"),
    (DocumentKind.TRUST, text(NotResource="*", Principal={"RAM": "*"}), OBEYED, "no NotResource"),
    (DocumentKind.TRUST, text(NotPrincipal={"AWS": "*"}), OBEYED, '"AWS" is not known'),
    (DocumentKind.IDENTITY, text(NotResource="bucket"), OBEYED, "Statement[0].NotResource"),
    (DocumentKind.IDENTITY, text(Resource="*", Sid="x"), OBEYED, '"Sid" is not known'),
    (DocumentKind.IDENTITY, text(NotResource="*"), IGNORING, "Resource is missing"),
    (DocumentKind.IDENTITY, text(Resource="*", Action=None, Actions="*"), IGNORING, "exactly one of Action"),
    *(
        (DocumentKind.IDENTITY, text(Resource="*", Condition={operator: {"a:b": "true"}}), OBEYED, "is not known")
        for operator in (
            "NullIfExists",
            "ForAnyValue:Null",
            "ForSome:Bool",
            ":Bool",
            "IfExists",
            "BoolIfExistsIfExists",
        )
    ),
    (DocumentKind.IDENTITY, text(Resource="*", Condition={"Null": {"a:b": "maybe"}}), OBEYED, '"true" or "false"'),
]


@pytest.mark.parametrize(("kind", "document", "grammar", "said"), REFUSED)
def test_what_makes_no_sense_is_refused_all_the_same(
    kind: DocumentKind, document: str, grammar: Grammar, said: str
) -> None:
    with pytest.raises(MalformedDocument) as caught:
        parse_document(document, kind, grammar)
    assert said in str(caught.value)
