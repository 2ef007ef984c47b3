"""What policy documents may not have: a key twice, values that an operator cannot read."""

import json

import pytest

from ram_simulator.policies import DOCUMENTED, DocumentKind, Grammar, PolicyDocument, parse_document
from ram_simulator.policies.model import MalformedDocument

ADDRESS, DATE, NUMBER, BOOLEAN = (
    "an address, or a block such as 10.0.0.0/8",
    "a date such as 2026-01-31T12:00:00Z",
    "a number",
    "true or false",
)
UNREADABLE = [
    ("IpAddress", "10.0.0.0/33", ADDRESS),
    ("NotIpAddress", "10.0.0", ADDRESS),
    ("NotIpAddress", "", ADDRESS),
    ("DateNotEquals", "tomorrow", DATE),
    ("DateLessThan", "2026-13-01T00:00:00Z", DATE),
    ("NumericEquals", "many", NUMBER),
    ("NumericGreaterThanEquals", "", NUMBER),
    ("Bool", "yes", BOOLEAN),
    ("BoolIfExists", "yes", BOOLEAN),
    ("ForAnyValue:NumericEquals", "x", NUMBER),
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


def conditional(operator: str, value: object, grammar: Grammar = DOCUMENTED) -> PolicyDocument:
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {operator: {"acs:Key": ["1", value]}}}
    if not operator.startswith("Numeric"):
        statement["Condition"] = {operator: {"acs:Key": value}}
    return parse_document(json.dumps({"Version": "1", "Statement": [statement]}), DocumentKind.IDENTITY, grammar)


@pytest.mark.parametrize(("operator", "value", "instead"), UNREADABLE)
def test_a_value_that_the_operator_can_not_read_is_malformed(operator: str, value: str, instead: str) -> None:
    with pytest.raises(MalformedDocument) as caught:
        conditional(operator, value, Grammar(undocumented=True))
    place = f"Statement[0].Condition.{operator}.acs:Key"
    assert str(caught.value) == f'{place}: "{value}" is no value for {operator}; write {instead}.'
    assert conditional(operator, value, Grammar(undocumented=True, unreadable_values=True))


@pytest.mark.parametrize(("operator", "value"), READABLE)
def test_a_value_that_the_operator_can_read_is_taken(operator: str, value: object) -> None:
    assert conditional(operator, value)


TWICE = [
    ("Version", '{"Version":"1","Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'),
    ("Effect", '{"Version":"1","Statement":[{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}]}'),
    (
        "acs:MFAPresent",
        '{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":'
        '{"acs:MFAPresent":"true","acs:MFAPresent":"false"}}}]}',
    ),
]


@pytest.mark.parametrize(("key", "text"), TWICE)
def test_a_key_twice_is_malformed_unless_the_grammar_lets_it_pass(key: str, text: str) -> None:
    with pytest.raises(MalformedDocument, match=f'the key "{key}" is there twice'):
        parse_document(text, DocumentKind.IDENTITY)
    assert parse_document(text, DocumentKind.IDENTITY, Grammar(repeated_keys=True))
