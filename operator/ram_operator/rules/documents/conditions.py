"""The Condition element: operator, then key, then one value or several.

Source: RAM's page "Policy elements", section Condition. Qualifiers (`...IfExists`, `ForAnyValue:`, `Null`) and keys
without a product are not in it, although Alibaba Cloud's own documents have some.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date

from ram_operator.errors import Problem
from ram_operator.model import Json
from ram_operator.rules.wording import (
    Undocumented,
    as_meant,
    ascii_lower,
    child,
    has_blank,
    invisible,
    nearest,
    quoted,
    type_name,
)

_COMPARISONS = ("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
STRINGS = tuple(
    f"String{test}" for test in ("Equals", "NotEquals", "EqualsIgnoreCase", "NotEqualsIgnoreCase", "Like", "NotLike")
)
NUMBERS = tuple(f"Numeric{test}" for test in _COMPARISONS)
DATES = tuple(f"Date{test}" for test in _COMPARISONS)
ADDRESSES = ("IpAddress", "NotIpAddress")
OPERATORS = (*STRINGS, *NUMBERS, *DATES, "Bool", *ADDRESSES)
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")
_TIME = re.compile(
    r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,9})?)?"
    r"(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])"
)
_QUALIFIED = re.compile(rf"(?:For(?:Any|All)Values?:)?(?:{'|'.join(OPERATORS)})(?:IfExists)?|Null")
_WITHOUT_SERVICE = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_LET_RAM_JUDGE = "or let RAM judge it with documentValidation: Warn"
_OTHER_OPERATOR = f"write an operator that is, {_LET_RAM_JUDGE}"
COMMON_KEYS = ("acs:CurrentTime", "acs:SecureTransport", "acs:SourceIp", "acs:MFAPresent", "acs:ResourceTag/<key>")


def condition_problems(condition: Json, place: str) -> Iterator[Problem]:
    """Sentences for all that RAM would not understand in a Condition."""
    if not isinstance(condition, Mapping):
        fix = f"write operators with keys and values, such as {_EXAMPLE}, or leave it out"
        yield Problem(place, f"is {type_name(condition)}; {fix}")
        return
    for operator in sorted(condition):
        here = child(place, operator)
        if _QUALIFIED.fullmatch(operator) and operator not in OPERATORS:
            yield Undocumented(place, f"{quoted(operator)} is not in RAM's documentation; {_OTHER_OPERATOR}")
        elif operator not in OPERATORS:
            yield Problem(place, _operator_problem(operator))
        yield from _key_problems(_meant_operator(operator), condition[operator], here)


_EXAMPLE = '{"StringEquals": {"oss:Prefix": "logs/"}}'


def _meant_operator(operator: str) -> str:
    bare = operator.rpartition(":")[2].removesuffix("IfExists")
    return bare if bare in OPERATORS else nearest(operator, OPERATORS) or ""


def _operator_problem(operator: str) -> str:
    if guess := nearest(operator, OPERATORS):
        return f"unknown operator {quoted(operator)}; write {quoted(guess)}"
    return f"unknown operator {quoted(operator)}; the operators are {', '.join(OPERATORS)}"


def _key_problems(operator: str, keys: Json, place: str) -> Iterator[Problem]:
    if not isinstance(keys, Mapping) or not keys:
        state = "is empty" if isinstance(keys, Mapping) else f"is {type_name(keys)}"
        yield Problem(place, f'{state}; write a key and its value, such as "acs:SourceIp": "192.0.2.0/24"')
        return
    yield from _same_keys(keys, place)
    for key in sorted(keys):
        if invisible(key):
            yield Problem(place, f"{quoted(key)} has characters that cannot be seen; remove them")
        elif problem := _key_problem(key, place):
            yield problem
        yield from _value_problems(operator, keys[key], child(place, key))


def _same_keys(keys: Mapping[str, Json], place: str) -> Iterator[Problem]:
    """Keys that differ in case alone, which readers of the document may take for one; the names of tags are exact."""
    seen: dict[tuple[str, str], str] = {}
    for key in sorted(keys):
        name, _, tag = key.partition("/")
        first = seen.setdefault((ascii_lower(name), tag), key)
        if first != key:
            yield Problem(place, f"has {quoted(first)} and {quoted(key)}; keep one of them")


def _key_problem(key: str, place: str) -> Problem | None:
    """A key is `<service>:<Key>`; only the name of a tag, after a slash, may hold blanks."""
    name = key.partition("/")[0]
    if has_blank(name):
        return Problem(place, f"{quoted(key)} has a blank; write {quoted(key.replace(name, as_meant(name), 1))}")
    if ":" in name.strip(":"):
        return None
    fix = f"write {quoted(nearest(name, COMMON_KEYS) or nearest(f'acs:{name}', COMMON_KEYS) or '<service>:<Key>')}"
    if _WITHOUT_SERVICE.fullmatch(key) and ascii_lower(f"acs:{key}") not in map(ascii_lower, COMMON_KEYS):
        sentence = f"{quoted(key)} is not a condition key of RAM's documentation; {fix}, {_LET_RAM_JUDGE}"
        return Undocumented(place, sentence)
    return Problem(place, f"{quoted(key)} is not a condition key; {fix}")


def _value_problems(operator: str, values: Json, place: str) -> Iterator[Problem]:
    if isinstance(values, list):
        if not values:
            yield Problem(place, "the list is empty; write at least one value")
        for index, value in enumerate(values):
            if problem := _value_problem(operator, value):
                yield Problem(child(place, index), problem)
    elif problem := _value_problem(operator, values):
        yield Problem(place, problem)


def _value_problem(operator: str, value: Json) -> str | None:
    if value is None or isinstance(value, Mapping | list):
        return f"is {type_name(value)}; write a text, or a list of texts"
    text = value_text(value)
    if invisible(text):
        return "has characters that cannot be seen; remove them"
    if operator == "Bool" and text.lower() not in ("true", "false"):
        return f'{quoted(text)} is not a boolean; write "true" or "false"'
    if operator in NUMBERS and not _NUMBER.fullmatch(text):
        return f'{quoted(text)} is not a number; write one such as "10"'
    if operator in DATES and not (_TIME.fullmatch(text) and _parses(date.fromisoformat, text[:10])):
        return f'{quoted(text)} is not a time with its zone; write one such as "2030-01-31T00:00:00Z"'
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
