"""Whom a role may be trusted to: by default ECS alone, everyone else only where the cluster's limits name them.

What is not understood counts as trusting more, never less.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ram_operator.errors import Problem
from ram_operator.model import Json
from ram_operator.rules.documents.grammar import PRINCIPALS
from ram_operator.rules.documents.trust import ECS
from ram_operator.rules.wording import capped, child, quoted, string_items

_MARKS_OF_TOKENS = ("oidc:iss", "oidc:aud", "oidc:sub")
_EXACT, _PATTERN = ("StringEquals", "StringEqualsIgnoreCase"), ("StringLike",)
_OPENS = "the security engineer's limits decide who else may take a role"


@dataclass(frozen=True, slots=True)
class TrustLimits:
    """Principals that roles of this cluster may trust, each spelled exactly.

    Attributes:
        services: addresses, such as `ecs.aliyuncs.com`; that of another account, `N@service`, is another service.
        accounts: ARNs of accounts, users and roles.
        providers: ARNs of identity providers, which need conditions on issuer, audience and subject as well.
    """

    services: frozenset[str] = frozenset({ECS})
    accounts: frozenset[str] = frozenset()
    providers: frozenset[str] = frozenset()


def trust_outside(document: Json, limits: TrustLimits, where: str = "spec.trust.document") -> tuple[Problem, ...]:
    """Find whom a trust policy lets take the role although the limits do not name them.

    Args:
        document: parsed JSON of any shape.
        limits: whom roles may trust.
        where: the place of the document in the object.

    Returns:
        Sentences, at most 20, each with the place and the principal; none if everyone is within the limits.
    """
    statements = document.get("Statement") if isinstance(document, Mapping) else None
    if not isinstance(statements, list):
        return (Problem(where, "cannot be understood, and might trust anyone; write a list of statements"),)
    found = [
        problem
        for index, statement in enumerate(statements)
        for problem in _statement_problems(statement, limits, child(f"{where}.Statement", index))
    ]
    return capped(found, where)


def _statement_problems(statement: Json, limits: TrustLimits, place: str) -> Iterator[Problem]:
    if not isinstance(statement, Mapping):
        yield Problem(place, "cannot be understood, and might trust anyone; write a statement")
        return
    if statement.get("Effect") == "Deny":
        return
    principal = statement.get("Principal")
    if not isinstance(principal, Mapping) or not set(principal) <= set(PRINCIPALS) or "NotPrincipal" in statement:
        fix = "write Service, RAM or Federated"
        yield Problem(f"{place}.Principal", f"cannot be understood, and might be anyone; {fix}")
        return
    allowed = {"Service": limits.services, "RAM": limits.accounts, "Federated": limits.providers}
    for kind, names in principal.items():
        shape, items = string_items(names, f"{place}.Principal.{kind}", ECS)
        yield from shape
        for here, name in items:
            if name not in allowed[kind]:
                yield Problem(here, f"{quoted(name)} may take the role; {_OPENS}")
    if "Federated" in principal:
        yield from _token_problems(statement.get("Condition"), f"{place}.Condition")


def _token_problems(condition: Json, place: str) -> Iterator[Problem]:
    """The marks of a token that no condition pins, without which any token of the provider will do."""
    for mark in _MARKS_OF_TOKENS:
        if not any(_pins(condition, operator, mark) for operator in (*_EXACT, *_PATTERN)):
            yield Problem(place, f"no condition on {mark}, so tokens of any are taken; write one, such as StringEquals")


def _pins(condition: Json, operator: str, mark: str) -> bool:
    keys = condition.get(operator) if isinstance(condition, Mapping) else None
    value = keys.get(mark) if isinstance(keys, Mapping) else None
    problems, items = string_items(value, "", "")
    if problems or not items:
        return False
    return operator in _EXACT or all(text.strip("*?") for _, text in items)
