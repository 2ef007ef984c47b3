"""Evaluation of policies: explicit Deny beats Allow, no match is an implicit deny, every layer must allow.

Called by the wire layers before a call is carried out, by ECS for ram:PassRole, and wherever a role is assumed.
Pure: documents, request and context in, verdict out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ram_simulator.policies import Effect, PolicyDocument, Statement

Context = Mapping[str, str | tuple[str, ...]]


class Verdict(StrEnum):
    """What policies say to a request; the values of a refusal are those of AccessDeniedDetail.NoPermissionType."""

    ALLOWED = "Allowed"
    EXPLICIT_DENY = "ExplicitDeny"
    IMPLICIT_DENY = "ImplicitDeny"


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """One action on one resource: `ram:GetRole`, an ARN, and the values of the condition keys."""

    action: str
    resource: str
    context: Context


@dataclass(frozen=True, slots=True)
class Assumer:
    """Who asks to assume a role: `kind` is a principal kind of the grammar (`Service`, `RAM`, `Federated`).

    `names` are all the names under which a trust policy may mean it.
    """

    kind: str
    names: tuple[str, ...]


def evaluate(documents: Iterable[PolicyDocument], request: AccessRequest) -> Verdict:
    """Evaluate one layer of policies for `request`."""
    verdict = Verdict.IMPLICIT_DENY
    for document in documents:
        for statement in document.statements:
            if not _covers(statement, request):
                continue
            if statement.effect is Effect.DENY:
                return Verdict.EXPLICIT_DENY
            verdict = Verdict.ALLOWED
    return verdict


def evaluate_layers(layers: Iterable[Iterable[PolicyDocument]], request: AccessRequest) -> Verdict:
    """Evaluate layers that all must allow: a role's policies, and the session policies that limit them."""
    return decide([evaluate(layer, request) for layer in layers])[0]


def decide(verdicts: Sequence[Verdict]) -> tuple[Verdict, int]:
    """Return what the verdicts of all layers come to, and which layer it is of; without any there is no permission."""
    for refusal in (Verdict.EXPLICIT_DENY, Verdict.IMPLICIT_DENY):
        if refusal in verdicts:
            # the cloud looks at the limits of a session before it looks at what the role holds
            return refusal, len(verdicts) - 1 - verdicts[::-1].index(refusal)
    return (Verdict.ALLOWED if verdicts else Verdict.IMPLICIT_DENY), 0


def trusts(document: PolicyDocument, assumer: Assumer, context: Context) -> bool:
    """Say whether a trust policy lets `assumer` do sts:AssumeRole."""
    return trust_verdict(document, assumer, context) is Verdict.ALLOWED


def trust_verdict(document: PolicyDocument, assumer: Assumer, context: Context) -> Verdict:
    """Say what a trust policy says to `assumer` who wants to do sts:AssumeRole."""
    verdict = Verdict.IMPLICIT_DENY
    for statement in document.statements:
        if not (_names_action(statement, "sts:AssumeRole") and _names_principal(statement, assumer)):
            continue
        if not _conditions_hold(statement, context):
            continue
        if statement.effect is Effect.DENY:
            return Verdict.EXPLICIT_DENY
        verdict = Verdict.ALLOWED
    return verdict


def _covers(statement: Statement, request: AccessRequest) -> bool:
    return (
        _names_action(statement, request.action)
        and any(pattern.matches(request.resource) for pattern in statement.resources) != statement.excludes_resources
        and _conditions_hold(statement, request.context)
    )


def _names_action(statement: Statement, action: str) -> bool:
    return any(pattern.matches(action) for pattern in statement.actions) != statement.excludes_actions


def _names_principal(statement: Statement, assumer: Assumer) -> bool:
    named = {name.casefold() for name in statement.principals.get(assumer.kind, ())}
    return ("*" in named or any(name.casefold() in named for name in assumer.names)) != statement.excludes_principals


def _conditions_hold(statement: Statement, context: Context) -> bool:
    return all(item.relation.holds(_values(context, item.key), item.values) for item in statement.conditions)


def _values(context: Context, key: str) -> tuple[str, ...]:
    value = context.get(key, ())
    return (value,) if isinstance(value, str) else value
