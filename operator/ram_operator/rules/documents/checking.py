"""Whether RAM will take a document: every problem at once, each with its place and its fix, before any call is made."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from ram_operator.errors import Problem
from ram_operator.model import Json
from ram_operator.rules.documents.conditions import condition_problems
from ram_operator.rules.documents.grammar import (
    DOCUMENT_KEYS,
    EFFECTS,
    POLICY_HINTS,
    POLICY_KEYS,
    PRINCIPALS,
    TRUST_HINTS,
    TRUST_KEYS,
    UNDOCUMENTED_KEY,
    UNDOCUMENTED_KEYS,
    VERSION,
    action_problem,
    principal_problem,
    resource_problem,
)
from ram_operator.rules.documents.meaning import canonical
from ram_operator.rules.wording import (
    Undocumented,
    capped,
    child,
    nearest,
    quoted,
    string_items,
    type_name,
    unknown_keys,
)

POLICY_LIMIT = 6144
"""Characters of a policy document (RAM, CreatePolicy). Session policies have less; a trust's limit is not published."""

MOST_READ = 2 * POLICY_LIMIT
"""Characters of a document that is looked at: the API server stores 1.5 MB, whose problems would take long to find."""

_PRINCIPAL_EXAMPLE = '{"Service": ["ecs.aliyuncs.com"]}'
_PRINCIPAL_EXAMPLES = {
    "Service": "ecs.aliyuncs.com",
    "RAM": "acs:ram::<account>:root",
    "Federated": "acs:ram::<account>:oidc-provider/<name>",
}


@dataclass(frozen=True, slots=True)
class _Grammar:
    """What tells one sort of document from the other."""

    keys: tuple[str, ...]
    hints: Mapping[str, str]
    subject: str
    subject_problems: Callable[[Json, str], Iterator[Problem]]
    example: str


def check_policy(
    document: Json, where: str = "spec.document", limit: int = POLICY_LIMIT, *, strict: bool = True
) -> tuple[Problem, ...]:
    """Check a permission policy.

    Args:
        document: parsed JSON of any shape.
        where: the place of the document in the object, for the messages.
        limit: the most characters that its canonical text may have.
        strict: whether what RAM's documentation does not have is a problem, as `documentValidation: Strict` wants it;
            else RAM is to judge that.

    Returns:
        Problems, at most 20, one sentence each with place and fix; none if RAM should take it.
    """
    if is_oversized(document):
        words = f"has more than {MOST_READ} characters, at most {limit} are taken; use wildcards or split it into two"
        return (Problem(where, words),)
    problems = _judged(_document_problems(document, where, _POLICY), strict)
    if not problems and (size := len(canonical(document))) > limit:
        problems = [
            Problem(where, f"has {size} characters, at most {limit} are taken; use wildcards or split it into two")
        ]
    return capped(problems, where)


def check_trust(document: Json, where: str = "spec.trust.document", *, strict: bool = True) -> tuple[Problem, ...]:
    """Check a role's trust policy, which says who may take the role. Like `check_policy`, but with Principal."""
    if is_oversized(document):
        return (Problem(where, f"has more than {MOST_READ} characters; shorten it"),)
    return capped(_judged(_document_problems(document, where, _TRUST), strict), where)


def is_oversized(document: Json) -> bool:
    """Whether a document has so many characters, in texts, keys and brackets, that nothing else of it is looked at."""
    left, values = MOST_READ, [document]
    while values and left >= 0:
        value = values.pop()
        if isinstance(value, Mapping):
            left -= sum(len(str(key)) + 2 for key in value)
            values += value.values()
        elif isinstance(value, list):
            left -= len(value)
            values += value
        else:
            left -= len(value) if isinstance(value, str) else 1
    return left < 0


def undocumented(document: Json, where: str, *, trust: bool) -> list[Problem]:
    """What a document has that RAM's documentation does not, which `strict=False` leaves to RAM's judgement."""
    problems = _document_problems(document, where, _TRUST if trust else _POLICY)
    return [problem for problem in problems if isinstance(problem, Undocumented)]


def _judged(problems: Iterator[Problem], strict: bool) -> list[Problem]:
    return [problem for problem in problems if strict or not isinstance(problem, Undocumented)]


def check_services(services: Json, where: str = "spec.trust.services") -> tuple[Problem, ...]:
    """Check the short form of a trust policy: a list of services' addresses."""
    if not isinstance(services, list):
        return (Problem(where, f'is {type_name(services)}; write a list such as ["ecs.aliyuncs.com"]'),)
    problems, items = string_items(services, where, "ecs.aliyuncs.com")
    return capped([*problems, *_text_problems(items, partial(principal_problem, "Service"))], where)


def _document_problems(document: Json, where: str, grammar: _Grammar) -> Iterator[Problem]:
    if not isinstance(document, Mapping):
        hint = ' (no "|" before it, no quotes around it)' if isinstance(document, str) else ""
        yield Problem(where, f"is {type_name(document)}; write the document itself{hint}, such as {grammar.example}")
        return
    documented, undocumented = _undocumented_keys(document, where)
    yield from undocumented
    problems, meant = unknown_keys(documented, DOCUMENT_KEYS, where)
    yield from problems
    if "Version" in meant and meant["Version"] != VERSION:
        yield Problem(f"{where}.Version", f"{_version_problem(meant['Version'])}; write {quoted(VERSION)}")
    if "Statement" not in meant:
        yield Problem(where, f"Statement is missing; write it, such as {grammar.example}")
        return
    yield from _statements_problems(meant["Statement"], f"{where}.Statement", grammar)


def _undocumented_keys(mapping: Mapping[str, Json], place: str) -> tuple[dict[str, Json], list[Undocumented]]:
    """The mapping without the keys that RAM's documentation does not have, and the problems of those."""
    found = [key for key in UNDOCUMENTED_KEYS if key in mapping]
    problems = [Undocumented(place, f"unknown key {quoted(key)}; {UNDOCUMENTED_KEY}") for key in found]
    return {key: value for key, value in mapping.items() if key not in found}, problems


def _version_problem(version: Json) -> str:
    return f"{quoted(version)} is not a RAM version" if isinstance(version, str) else f"is {type_name(version)}"


def _statements_problems(statements: Json, place: str, grammar: _Grammar) -> Iterator[Problem]:
    if isinstance(statements, Mapping):
        yield Problem(place, "is one statement; write it as a list of statements, with [ ] around it")
        statements = [statements]
    if not isinstance(statements, list):
        yield Problem(place, f"is {type_name(statements)}; write a list of statements")
        return
    if not statements:
        yield Problem(place, "the list is empty; write at least one statement")
    for index, statement in enumerate(statements):
        yield from _statement_problems(statement, child(place, index), grammar)


def _statement_problems(statement: Json, place: str, grammar: _Grammar) -> Iterator[Problem]:
    if not isinstance(statement, Mapping):
        yield Problem(place, f"is {type_name(statement)}; write a mapping with {', '.join(grammar.keys[:2])} and more")
        return
    actions = [key for key in statement if key not in grammar.keys and ":" in key]
    for key in sorted(actions):
        yield Problem(place, f"unknown key {quoted(key)} looks like an action; write it in the list under Action")
    rest, undocumented = _undocumented_keys(
        {key: value for key, value in statement.items() if key not in actions}, place
    )
    yield from undocumented
    problems, meant = unknown_keys(rest, grammar.keys, place, grammar.hints)
    yield from problems
    yield from _effect_problems(meant, place)
    if not actions:
        yield from _action_problems(meant, place)
    if grammar.subject in meant:
        yield from grammar.subject_problems(meant[grammar.subject], child(place, grammar.subject))
    else:
        example = '"*"' if grammar.subject == "Resource" else _PRINCIPAL_EXAMPLE
        yield Problem(place, f"{grammar.subject} is missing; write it, such as {grammar.subject}: {example}")
    if "Condition" in meant:
        yield from condition_problems(meant["Condition"], f"{place}.Condition")


def _effect_problems(statement: Mapping[str, Json], place: str) -> Iterator[Problem]:
    effect = statement.get("Effect")
    if "Effect" not in statement:
        yield Problem(place, 'Effect is missing; write "Allow" or "Deny"')
    elif not isinstance(effect, str):
        yield Problem(f"{place}.Effect", f'is {type_name(effect)}; write "Allow" or "Deny"')
    elif effect not in EFFECTS:
        guess = nearest(effect, EFFECTS)
        fix = quoted(guess) if guess else '"Allow" or "Deny"'
        yield Problem(f"{place}.Effect", f"{quoted(effect)} is not an effect; write {fix}")


def _action_problems(statement: Mapping[str, Json], place: str) -> Iterator[Problem]:
    present = [key for key in ("Action", "NotAction") if key in statement]
    if not present:
        yield Problem(place, 'Action is missing; write it, such as Action: ["oss:Get*"]')
    if len(present) == 2:
        yield Problem(place, "has both Action and NotAction; keep one of them")
    for key in present:
        problems, items = string_items(statement[key], child(place, key), "oss:Get*")
        yield from problems
        yield from _text_problems(items, action_problem)


def _resource_problems(resource: Json, place: str) -> Iterator[Problem]:
    problems, items = string_items(resource, place, "*")
    yield from problems
    yield from _text_problems(items, resource_problem)


def _principal_problems(principal: Json, place: str) -> Iterator[Problem]:
    if not isinstance(principal, Mapping) or not principal:
        state = "is empty" if isinstance(principal, Mapping) else f"is {_named(principal)}"
        yield Problem(place, f"{state}; write who may take the role, such as {_PRINCIPAL_EXAMPLE}")
        return
    problems, meant = unknown_keys(principal, PRINCIPALS, place)
    yield from problems
    for kind in PRINCIPALS:
        if kind in meant:
            shape, items = string_items(meant[kind], child(place, kind), _PRINCIPAL_EXAMPLES[kind])
            yield from shape
            yield from _text_problems(items, partial(principal_problem, kind))


def _named(value: Json) -> str:
    return quoted(value) if isinstance(value, str) else type_name(value)


def _text_problems(items: list[tuple[str, str]], problem: Callable[[str], str | None]) -> Iterator[Problem]:
    for place, text in items:
        if found := problem(text):
            yield Problem(place, f"{quoted(text)} {found}")


def _example(statement: Mapping[str, Json]) -> str:
    return json.dumps({"Version": VERSION, "Statement": [statement]})


_POLICY = _Grammar(
    keys=POLICY_KEYS,
    hints=POLICY_HINTS,
    subject="Resource",
    subject_problems=_resource_problems,
    example=_example({"Effect": "Allow", "Action": ["oss:Get*", "oss:List*"], "Resource": "*"}),
)
_TRUST = _Grammar(
    keys=TRUST_KEYS,
    hints=TRUST_HINTS,
    subject="Principal",
    subject_problems=_principal_problems,
    example=_example({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": ["ecs.aliyuncs.com"]}}),
)
