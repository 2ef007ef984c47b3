"""Trust policies: who may take a role, above all whether ECS may, without which no instance can have it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from ram_operator.model import Json
from ram_operator.rules.documents.grammar import VERSION
from ram_operator.rules.documents.granting import only_texts
from ram_operator.rules.documents.meaning import parsed, same_meaning
from ram_operator.rules.patterns import matches_any

ECS = "ecs.aliyuncs.com"
_ASSUME_ROLE = "sts:AssumeRole"


def trust_for_services(services: Iterable[str]) -> dict[str, Json]:
    """The trust policy by which these services may take the role, in the order given."""
    statement = {
        "Action": _ASSUME_ROLE,
        "Effect": "Allow",
        "Principal": {"Service": list(dict.fromkeys(services))},
    }
    return {"Statement": [statement], "Version": VERSION}


def services_of(document: Json) -> tuple[str, ...]:
    """The services for which `trust_for_services` gives a trust policy of this meaning; none where it says more."""
    statements = document.get("Statement") if isinstance(document, Mapping) else None
    first = statements[0] if isinstance(statements, list) and statements else None
    principal = first.get("Principal") if isinstance(first, Mapping) else None
    services = _texts(principal.get("Service")) if isinstance(principal, Mapping) else []
    return tuple(services) if services and same_meaning(document, trust_for_services(services)) else ()


def trusts_service(document: Json, service: str = ECS) -> bool:
    """Whether a trust policy lets a service take the role: some statement allows it and none denies it.

    ECS looks for its own name when a role is attached. Conditions are not judged: a statement with one counts.

    Args:
        document: parsed JSON, or JSON text as GetRole returns it; of any shape.
        service: the service's address.
    """
    try:
        document = parsed(document)
    except (ValueError, RecursionError):
        return False
    statements = document.get("Statement") if isinstance(document, Mapping) else None
    effects = {
        str(statement.get("Effect"))
        for statement in (statements if isinstance(statements, list) else ())
        if isinstance(statement, Mapping) and _is_about(statement, service)
    }
    return "Allow" in effects and "Deny" not in effects


def only_adds(before: Json, after: Json) -> bool:
    """Whether a trust policy lets everybody take the role whom another one lets, under the same conditions.

    It is taken not to where something is not understood, such as a statement with NotAction: that may concern anybody.

    Args:
        before: the other one, parsed or as JSON text; of any shape.
        after: the trust policy that takes its place.
    """
    try:
        old, new = _statements(before), _statements(after)
    except (ValueError, RecursionError):
        return False
    denied = {statement for statement in new if statement[0] != "Allow"}
    return denied <= old and {statement for statement in old if statement[0] == "Allow"} <= new


def _statements(document: Json) -> set[tuple[str, ...]]:
    """The statements of a trust policy, one for each principal and action; ValueError where not all is understood."""
    match parsed(document):
        case {"Statement": list(statements)}:
            return {part for statement in statements for part in _parts(statement)}
    raise ValueError("no list of statements")


def _parts(statement: Json) -> set[tuple[str, ...]]:
    match statement:
        case {"Effect": "Allow" | "Deny" as effect, "Principal": {**principals}, "Action": actions, **rest} if (
            principals and "NotAction" not in rest
        ):
            return {
                (effect, str(kind), name, action.lower(), json.dumps(rest, sort_keys=True))
                for kind, names in principals.items()
                for name in only_texts(names)
                for action in only_texts(actions)
            }
    raise ValueError("a statement that does not name whom it lets do what")


def _is_about(statement: Mapping[str, Json], service: str) -> bool:
    principal = statement.get("Principal")
    names = _texts(principal.get("Service")) if isinstance(principal, Mapping) else []
    if service.lower() not in (name.lower() for name in names):
        return False
    if "NotAction" in statement:
        return not matches_any(_ASSUME_ROLE, _texts(statement["NotAction"]))
    return matches_any(_ASSUME_ROLE, _texts(statement.get("Action")))


def _texts(value: Json) -> list[str]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, str)]
