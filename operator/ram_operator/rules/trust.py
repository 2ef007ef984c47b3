"""Whom a trust policy lets assume a role.

It is judged by everybody whom an Allow lets in: what a Deny or a condition takes back does not count, and what is not
understood lets in everybody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ram_operator.model import TEXT_LENGTH, Json
from ram_operator.rules.documents.grammar import PRINCIPALS
from ram_operator.rules.documents.granting import allowing, texts
from ram_operator.rules.documents.trust import ECS

EVERYBODY = "*"
CLAIMS = ("iss", "aud", "sub")
"""What a token says of itself: who made it, for whom, and about whom."""
_LIMITING = ("StringEquals", "StringEqualsIgnoreCase", "StringLike")
_WILDCARDS = re.compile(r"[*?]")
_NAMING_COLONS = 3
"""A subject of Kubernetes reads `system:serviceaccount:NAMESPACE:NAME`: what begins so far names the namespace."""
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Trusted:
    """Somebody whom a statement lets assume a role.

    Attributes:
        where: the statement.
        kind: Service, RAM or Federated; "" where it is not understood.
        name: as the statement spells it, `*` where it is not understood.
        open_claims: of an identity provider, the claims that no condition limits, so that tokens of others will do.
    """

    where: str
    kind: str
    name: str
    open_claims: tuple[str, ...] = ()

    def is_among(self, principals: tuple[str, ...]) -> bool:
        """Whether it is one of some principals: of its kind, and spelled exactly so."""
        return self.name in principals and kind_of(self.name) == self.kind


def kind_of(principal: str) -> str:
    """The kind of a principal, by its form: an address is of a service, an ARN of an account or a provider."""
    if not principal.startswith("acs:"):
        return "Service"
    return "Federated" if any(mark in principal for mark in (":oidc-provider/", ":saml-provider/")) else "RAM"


def trusted(document: str) -> Iterator[Trusted]:
    """Find all whom a trust policy, JSON text of any shape, lets assume the role."""
    for where, statement in allowing(document):
        principals = statement.get("Principal") if isinstance(statement, Mapping) else None
        if not isinstance(principals, Mapping) or not principals or "NotPrincipal" in statement:
            yield Trusted(where, "", EVERYBODY)
            continue
        for kind, names in principals.items():
            missing = _open_claims(statement.get("Condition")) if kind == "Federated" else ()
            for name in texts(names):
                yield Trusted(where, kind if kind in PRINCIPALS else "", name, missing)


def beyond_ecs(document: str) -> tuple[str, ...]:
    """The names of all but ECS whom a trust policy lets assume the role, sorted, at most 20 and how many more."""
    names = sorted({one.name[:TEXT_LENGTH] for one in trusted(document) if not one.is_among((ECS,))})
    more = (f"and {len(names) - _SHOWN} more",) if len(names) > _SHOWN else ()
    return (*names[:_SHOWN], *more)


def _open_claims(conditions: Json) -> tuple[str, ...]:
    """The claims of a token that no condition limits."""
    limited = {
        claim
        for operator, block in (conditions.items() if isinstance(conditions, Mapping) else ())
        if operator in _LIMITING and isinstance(block, Mapping)
        for key, values in block.items()
        for claim in CLAIMS
        if str(key).lower() == f"oidc:{claim}"
        if (found := texts(values)) and all(_limits(claim, value) for value in found)
    }
    return tuple(claim for claim in CLAIMS if claim not in limited)


def _limits(claim: str, value: str) -> bool:
    """Whether a text limits a claim: it is exact, or a pattern of subjects that all begin with the same three parts."""
    literal = _WILDCARDS.split(value, maxsplit=1)[0]
    return literal != "" and (literal == value or (claim == "sub" and literal.count(":") >= _NAMING_COLONS))
