"""RAM's policy grammar: a JSON text becomes a `PolicyDocument`, or a refusal that names the mistake and the fix.

Called whenever a policy, trust policy or session policy is written; the authorization engine reads only the result.
The grammar is that of "Policy structure and grammar" in RAM's documentation, and what a `Grammar` adds to it.
"""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NoReturn

from ram_simulator.policies.condition_blocks import parse_conditions
from ram_simulator.policies.keys import check_keys, quoted, strings
from ram_simulator.policies.model import (
    DOCUMENTED,
    DocumentKind,
    Effect,
    Grammar,
    MalformedDocument,
    PolicyDocument,
    Statement,
)
from ram_simulator.policies.patterns import Pattern, compile_pattern, compile_resource

_STATEMENT_KEYS = ("Effect", "Action", "NotAction", "Resource", "Principal", "Condition")
_UNDOCUMENTED_KEYS = ("NotResource", "NotPrincipal")
_ACTION = re.compile(r"\*|[A-Za-z0-9*?-]+:[A-Za-z0-9*?_.:/-]+")
_PRINCIPAL_KINDS = ("Service", "RAM", "Federated")


# most roles have the same trust policy: parsed once, it is also kept once
@lru_cache(maxsize=1024)
def parse_document(text: str, kind: DocumentKind, grammar: Grammar = DOCUMENTED) -> PolicyDocument:
    """Parse `text` as a document of `kind`; raise MalformedDocument if RAM, as `grammar` supposes it, refuses it."""
    try:
        hook = None if grammar.repeated_keys else _unrepeated
        document = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=hook)
    except MalformedDocument:
        raise
    except (ValueError, RecursionError) as error:
        raise MalformedDocument(f"The document is not JSON: {error}.") from error
    if not isinstance(document, dict):
        raise MalformedDocument('The document must be a JSON object: {"Version": "1", "Statement": [...]}.')
    if not grammar.unknown_keys:
        check_keys(document, ("Version", "Statement"), "")
    _check_version(document)
    statements = document.get("Statement")
    if not isinstance(statements, list) or not statements:
        raise MalformedDocument("Statement: must be a list with at least one statement.")
    compiled = tuple(_statement(item, f"Statement[{index}]", kind, grammar) for index, item in enumerate(statements))
    return PolicyDocument(text=text, statements=compiled, kind=kind)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")  # Python would read NaN, and write it again where it is shown


def _unrepeated(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise MalformedDocument(f"the key {quoted(key)} is there twice in one object; leave one of them out.")
        found[key] = value
    return found


def _check_version(document: Mapping[str, Any]) -> None:
    version = document.get("Version")
    if version != "1":
        raise MalformedDocument(f'Version: {quoted(version)} is not a version of RAM\'s grammar; write "Version": "1".')


def _statement(item: object, place: str, kind: DocumentKind, grammar: Grammar) -> Statement:
    if not isinstance(item, dict):
        raise MalformedDocument(f"{place}: must be an object.")
    known = _STATEMENT_KEYS + (_UNDOCUMENTED_KEYS if grammar.undocumented else ())
    if not grammar.unknown_keys:
        check_keys(item, known, place)
    item = {key: value for key, value in item.items() if key in known}
    if item.get("Effect") not in ("Allow", "Deny"):
        raise MalformedDocument(f'{place}.Effect: {quoted(item.get("Effect"))} must be "Allow" or "Deny".')
    if "Action" not in item and "NotAction" not in item:
        raise MalformedDocument(f"{place}: exactly one of Action and NotAction is required.")
    action, resource, principal = (_used(item, key, place) for key in ("Action", "Resource", "Principal"))
    return Statement(
        effect=Effect(item["Effect"]),
        actions=_actions(item[action], f"{place}.{action}"),
        excludes_actions=action == "NotAction",
        resources=_resources(item, resource, place, kind),
        excludes_resources=resource == "NotResource",
        principals=_principals(item, principal, place, kind),
        excludes_principals=principal == "NotPrincipal",
        conditions=parse_conditions(item.get("Condition", {}), f"{place}.Condition", grammar),
    )


def _used(item: Mapping[str, Any], key: str, place: str) -> str:
    """Return which of `key` and its opposite the statement has, `key` for none."""
    if key in item and f"Not{key}" in item:
        raise MalformedDocument(f"{place}: exactly one of {key} and Not{key} is required.")
    return f"Not{key}" if f"Not{key}" in item else key


def _actions(value: object, place: str) -> tuple[Pattern, ...]:
    actions = strings(value, place)
    for at, action in actions:
        _check_action(action, at)
    return tuple(compile_pattern(action, ignore_case=True) for _, action in actions)


def _check_action(action: str, place: str) -> None:
    # the pages print "ecs: [ECS RAM Action]"; taking out its blanks would not make it an action
    if "[" in action:
        example = f"{action.partition(':')[0]}:*"
        message = f'{place}: {quoted(action)} is a placeholder; write an action instead, or all of them: "{example}".'
        raise MalformedDocument(message)
    if re.search(r"\s", action):
        fixed = re.sub(r"\s+", "", action)
        raise MalformedDocument(f'{place}: {quoted(action)} has a blank; write "{fixed}".')
    if not _ACTION.fullmatch(action):
        raise MalformedDocument(f'{place}: {quoted(action)} is no action; write "<service>:<operation>" or "*".')


def _resources(item: Mapping[str, Any], key: str, place: str, kind: DocumentKind) -> tuple[Pattern, ...]:
    if kind is DocumentKind.TRUST:
        if key in item:
            raise MalformedDocument(f"{place}: a trust policy has no {key}; leave it out.")
        return ()
    if key not in item:
        raise MalformedDocument(f'{place}: Resource is missing; write "Resource": "*" or a list of ARNs.')
    resources = strings(item[key], f"{place}.{key}")
    for at, resource in resources:
        _check_resource(resource, at)
    return tuple(compile_resource(resource) for _, resource in resources)


def _check_resource(resource: str, place: str) -> None:
    if re.search(r"^\s|\s$", resource):
        raise MalformedDocument(f'{place}: {quoted(resource)} has a blank; write "{resource.strip()}".')
    if resource != "*" and not resource.startswith("acs:"):
        example = "acs:oss:*:*:bucket/*"
        raise MalformedDocument(f'{place}: {quoted(resource)} is no ARN; write "*" or one such as "{example}".')


def _principals(item: Mapping[str, Any], key: str, place: str, kind: DocumentKind) -> Mapping[str, tuple[str, ...]]:
    if kind is not DocumentKind.TRUST:
        if key in item:
            raise MalformedDocument(f"{place}: {key} belongs to trust policies only; leave it out.")
        return {}
    principal = item.get(key)
    if not isinstance(principal, dict) or not principal:
        example = '{"Service": ["ecs.aliyuncs.com"]}'
        raise MalformedDocument(f'{place}.{key}: an object is required; write for example "Principal": {example}.')
    check_keys(principal, _PRINCIPAL_KINDS, f"{place}.{key}")
    # a kind without names says nothing beside another one; Terraform's provider sends it
    found = {
        name: tuple(value for _, value in strings(values, f"{place}.{key}.{name}", may_be_empty=len(principal) > 1))
        for name, values in principal.items()
    }
    if not any(found.values()):
        raise MalformedDocument(f"{place}.{key}: must name at least one principal.")
    return found
