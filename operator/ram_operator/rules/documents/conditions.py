"""The Condition element: operator, then key, then one value or several.

Source: RAM's page "Policy elements", section Condition. Qualifiers (`...IfExists`, `ForAnyValue:`, `Null`) are not in
it and are refused.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from ram_operator.model import Json
from ram_operator.rules.wording import as_meant, child, has_blank, nearest, quoted, type_name

_COMPARISONS = ("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
STRINGS = tuple(
    f"String{test}" for test in ("Equals", "NotEquals", "EqualsIgnoreCase", "NotEqualsIgnoreCase", "Like", "NotLike")
)
NUMBERS = tuple(f"Numeric{test}" for test in _COMPARISONS)
DATES = tuple(f"Date{test}" for test in _COMPARISONS)
ADDRESSES = ("IpAddress", "NotIpAddress")
OPERATORS = (*STRINGS, *NUMBERS, *DATES, "Bool", *ADDRESSES)
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")
COMMON_KEYS = ("acs:CurrentTime", "acs:SecureTransport", "acs:SourceIp", "acs:MFAPresent", "acs:ResourceTag/<key>")


def condition_problems(condition: Json, place: str) -> Iterator[str]:
    """Sentences for all that RAM would not understand in a Condition."""
    if not isinstance(condition, Mapping) or not condition:
        state = "is empty" if isinstance(condition, Mapping) else f"is {type_name(condition)}"
        yield f"{place}: {state}; write operators with keys and values, such as {_EXAMPLE}, or leave it out"
        return
    for operator in sorted(condition):
        here = child(place, operator)
        if operator not in OPERATORS:
            yield f"{place}: {_operator_problem(operator)}"
        yield from _key_problems(_meant_operator(operator), condition[operator], here)


_EXAMPLE = '{"StringEquals": {"oss:Prefix": "logs/"}}'


def _meant_operator(operator: str) -> str:
    return operator if operator in OPERATORS else nearest(operator, OPERATORS) or ""


def _operator_problem(operator: str) -> str:
    unsupported = operator.endswith("IfExists") or operator.startswith(("ForAnyValue", "ForAllValues"))
    if unsupported or operator == "Null":
        return f"{quoted(operator)} is not supported; the operators are {', '.join(OPERATORS)}"
    if guess := nearest(operator, OPERATORS):
        return f"unknown operator {quoted(operator)}; write {quoted(guess)}"
    return f"unknown operator {quoted(operator)}; the operators are {', '.join(OPERATORS)}"


def _key_problems(operator: str, keys: Json, place: str) -> Iterator[str]:
    if not isinstance(keys, Mapping) or not keys:
        state = "is empty" if isinstance(keys, Mapping) else f"is {type_name(keys)}"
        yield f'{place}: {state}; write a key and its value, such as "acs:SourceIp": "192.0.2.0/24"'
        return
    for key in sorted(keys):
        if problem := _key_problem(key):
            yield f"{place}: {quoted(key)} {problem}"
        yield from _value_problems(operator, keys[key], child(place, key))


def _key_problem(key: str) -> str | None:
    """A key is `<service>:<Key>`; only the name of a tag, after a slash, may hold blanks."""
    name = key.partition("/")[0]
    if has_blank(name):
        return f"has a blank; write {quoted(key.replace(name, as_meant(name), 1))}"
    if ":" in name.strip(":"):
        return None
    guess = nearest(name, COMMON_KEYS) or nearest(f"acs:{name}", COMMON_KEYS)
    return f"is not a condition key; write {quoted(guess or '<service>:<Key>')}"


def _value_problems(operator: str, values: Json, place: str) -> Iterator[str]:
    if isinstance(values, list):
        if not values:
            yield f"{place}: the list is empty; write at least one value"
        for index, value in enumerate(values):
            if problem := _value_problem(operator, value):
                yield f"{child(place, index)}: {problem}"
    elif problem := _value_problem(operator, values):
        yield f"{place}: {problem}"


def _value_problem(operator: str, value: Json) -> str | None:
    if value is None or isinstance(value, Mapping | list):
        return f"is {type_name(value)}; write a text, or a list of texts"
    text = value_text(value)
    if operator == "Bool" and text.lower() not in ("true", "false"):
        return f'{quoted(text)} is not a boolean; write "true" or "false"'
    if operator in NUMBERS and not _NUMBER.fullmatch(text):
        return f'{quoted(text)} is not a number; write one such as "10"'
    if operator in DATES and not _parses(datetime.fromisoformat, text):
        return f'{quoted(text)} is not a time of ISO 8601; write one such as "2030-01-31T00:00:00Z"'
    if operator in ADDRESSES and not _parses(lambda given: ipaddress.ip_network(given, strict=False), text):
        return f'{quoted(text)} is not an address or a range; write one such as "192.0.2.0/24"'
    return None


def _parses(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True


def value_text(value: str | float | bool) -> str:
    """A condition's value as the text it is compared as: RAM documents texts, YAML also yields numbers and booleans."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)
