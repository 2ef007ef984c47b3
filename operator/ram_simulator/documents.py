"""RAM's policy grammar: a JSON text becomes a `PolicyDocument`, or a refusal that names the mistake and the fix.

Called whenever a policy, trust policy or session policy is written; the authorization engine reads only the result.
The grammar is that of "Policy structure and grammar" in RAM's documentation.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, NoReturn

from ram_simulator.authorization.conditions import OPERATORS
from ram_simulator.authorization.patterns import Pattern, compile_pattern, compile_resource
from ram_simulator.errors import MalformedDocument


class DocumentKind(StrEnum):
    """What a document is for; the grammars differ in Resource and Principal only."""

    IDENTITY = "identity policy"
    TRUST = "trust policy"
    SESSION = "session policy"


class Effect(StrEnum):
    """What a matching statement does."""

    ALLOW = "Allow"
    DENY = "Deny"


@dataclass(frozen=True, slots=True)
class Condition:
    """One operator applied to one key: true if the request's value stands in the relation to any of `values`."""

    operator: str
    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, compiled for evaluation. `principals` is empty outside trust policies."""

    effect: Effect
    actions: tuple[Pattern, ...]
    excludes_actions: bool
    resources: tuple[Pattern, ...]
    principals: Mapping[str, tuple[str, ...]]
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    """A policy document as stored (`text`) and as understood (`statements`)."""

    text: str
    statements: tuple[Statement, ...]
    kind: DocumentKind


_STATEMENT_KEYS = ("Effect", "Action", "NotAction", "Resource", "Principal", "Condition")
_ACTION = re.compile(r"\*|[A-Za-z0-9*?-]+:[A-Za-z0-9*?_.:/-]+")
_PRINCIPAL_KINDS = ("Service", "RAM", "Federated")


# most roles have the same trust policy: parsed once, it is also kept once
@lru_cache(maxsize=1024)
def parse_document(text: str, kind: DocumentKind) -> PolicyDocument:
    """Parse `text` as a document of `kind`; raise MalformedDocument if RAM would refuse it."""
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise MalformedDocument(f"The document is not JSON: {error}.") from error
    if not isinstance(document, dict):
        raise MalformedDocument('The document must be a JSON object: {"Version": "1", "Statement": [...]}.')
    _check_keys(document, ("Version", "Statement"), "")
    _check_version(document)
    statements = document.get("Statement")
    if not isinstance(statements, list) or not statements:
        raise MalformedDocument("Statement: must be a list with at least one statement.")
    compiled = tuple(_statement(item, f"Statement[{index}]", kind) for index, item in enumerate(statements))
    return PolicyDocument(text=text, statements=compiled, kind=kind)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")  # Python would read NaN, and write it again where it is shown


def _check_version(document: Mapping[str, Any]) -> None:
    version = document.get("Version")
    if version != "1":
        raise MalformedDocument(
            f'Version: {_quoted(version)} is not a version of RAM\'s grammar; write "Version": "1".'
        )


def _check_keys(mapping: Mapping[str, Any], known: tuple[str, ...], place: str) -> None:
    dot = f"{place}: " if place else ""
    for key in mapping:
        if key in known:
            continue
        # the pages print keys such as "Service "; a key that is merely misspelt deserves its right name
        meant = next((name for name in known if name.lower() == key.strip().lower()), None)
        if meant and key.strip() != key:
            raise MalformedDocument(f'{dot}the key {_quoted(key)} has a blank; write "{meant}".')
        if meant:
            raise MalformedDocument(f'{dot}the key {_quoted(key)} is not known; write "{meant}".')
        raise MalformedDocument(f"{dot}the key {_quoted(key)} is not known; the keys are {', '.join(known)}.")


def _statement(item: object, place: str, kind: DocumentKind) -> Statement:
    if not isinstance(item, dict):
        raise MalformedDocument(f"{place}: must be an object.")
    _check_keys(item, _STATEMENT_KEYS, place)
    if item.get("Effect") not in ("Allow", "Deny"):
        raise MalformedDocument(f'{place}.Effect: {_quoted(item.get("Effect"))} must be "Allow" or "Deny".')
    if ("Action" in item) == ("NotAction" in item):
        raise MalformedDocument(f"{place}: exactly one of Action and NotAction is due.")
    name = "Action" if "Action" in item else "NotAction"
    actions = _strings(item[name], f"{place}.{name}")
    for at, action in actions:
        _check_action(action, at)
    return Statement(
        effect=Effect(item["Effect"]),
        actions=tuple(compile_pattern(action, ignore_case=True) for _, action in actions),
        excludes_actions=name == "NotAction",
        resources=_resources(item, place, kind),
        principals=_principals(item, place, kind),
        conditions=_conditions(item.get("Condition", {}), f"{place}.Condition"),
    )


def _check_action(action: str, place: str) -> None:
    # the pages print "ecs: [ECS RAM Action]"; taking out its blanks would not make it an action
    if "[" in action:
        example = f"{action.partition(':')[0]}:*"
        message = f'{place}: {_quoted(action)} is a placeholder; write an action instead, or all of them: "{example}".'
        raise MalformedDocument(message)
    if re.search(r"\s", action):
        fixed = re.sub(r"\s+", "", action)
        raise MalformedDocument(f'{place}: {_quoted(action)} has a blank; write "{fixed}".')
    if not _ACTION.fullmatch(action):
        raise MalformedDocument(f'{place}: {_quoted(action)} is no action; write "<service>:<operation>" or "*".')


def _resources(item: Mapping[str, Any], place: str, kind: DocumentKind) -> tuple[Pattern, ...]:
    if kind is DocumentKind.TRUST:
        if "Resource" in item:
            raise MalformedDocument(f"{place}: a trust policy has no Resource; leave it out.")
        return ()
    if "Resource" not in item:
        raise MalformedDocument(f'{place}: Resource is missing; write "Resource": "*" or a list of ARNs.')
    resources = _strings(item["Resource"], f"{place}.Resource")
    for at, resource in resources:
        _check_resource(resource, at)
    return tuple(compile_resource(resource) for _, resource in resources)


def _check_resource(resource: str, place: str) -> None:
    if re.search(r"^\s|\s$", resource):
        raise MalformedDocument(f'{place}: {_quoted(resource)} has a blank; write "{resource.strip()}".')
    if resource != "*" and not resource.startswith("acs:"):
        example = "acs:oss:*:*:bucket/*"
        raise MalformedDocument(f'{place}: {_quoted(resource)} is no ARN; write "*" or one such as "{example}".')


def _principals(item: Mapping[str, Any], place: str, kind: DocumentKind) -> Mapping[str, tuple[str, ...]]:
    if kind is not DocumentKind.TRUST:
        if "Principal" in item:
            raise MalformedDocument(f"{place}: Principal belongs to trust policies only; leave it out.")
        return {}
    principal = item.get("Principal")
    if not isinstance(principal, dict) or not principal:
        example = '{"Service": ["ecs.aliyuncs.com"]}'
        raise MalformedDocument(f'{place}.Principal: an object is due; write for example "Principal": {example}.')
    _check_keys(principal, _PRINCIPAL_KINDS, f"{place}.Principal")
    return {
        name: tuple(value for _, value in _strings(values, f"{place}.Principal.{name}"))
        for name, values in principal.items()
    }


def _conditions(block: object, place: str) -> tuple[Condition, ...]:
    if not isinstance(block, dict):
        raise MalformedDocument(f"{place}: must be an object of operators.")
    found = []
    for operator, keys in block.items():
        _check_keys({operator: keys}, tuple(OPERATORS), place)
        if not isinstance(keys, dict) or not keys:
            raise MalformedDocument(f"{place}.{operator}: must be an object of keys and values.")
        for key, values in keys.items():
            if key != key.strip() or ":" not in key:
                raise MalformedDocument(
                    f'{place}.{operator}: {_quoted(key)} is no condition key such as "acs:SourceIp".'
                )
            found.append(Condition(operator, key, _condition_values(values, f"{place}.{operator}.{key}")))
    return tuple(found)


def _condition_values(values: object, place: str) -> tuple[str, ...]:
    listed = values if isinstance(values, list) else [values]
    if not listed or not all(isinstance(value, str | int | float) for value in listed):
        raise MalformedDocument(f"{place}: a value or a list of values is due.")
    return tuple(str(value).lower() if isinstance(value, bool) else str(value) for value in listed)


def _strings(value: object, place: str) -> list[tuple[str, str]]:
    """Return each string with its place; raise MalformedDocument unless it is a string or a list of strings."""
    if isinstance(value, str):
        return [(place, value)]
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return [(f"{place}[{index}]", item) for index, item in enumerate(value)]
    raise MalformedDocument(f"{place}: must be a string or a list of strings.")


def _quoted(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
