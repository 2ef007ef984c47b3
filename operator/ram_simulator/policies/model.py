"""Policy documents as the engine reads them, and the choice of what the grammar lets pass."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ram_simulator.policies.operators import Relation
from ram_simulator.policies.patterns import Pattern


class MalformedDocument(ValueError):
    """A policy document that RAM's grammar refuses; the text names the place, the mistake and the fix."""


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
class Grammar:
    """What documents may have beyond the documented grammar, which leaves it all open.

    With `undocumented` NotResource, NotPrincipal and the operators with `IfExists`, `ForAnyValue:`, `ForAllValues:`
    and `Null` are obeyed; with `unknown_keys` keys of documents and statements that nobody knows are passed over; with
    `repeated_keys` the last one of a key that an object has twice counts; with `unreadable_values` conditions may have
    values that are not of their operator's type, and never match.
    """

    undocumented: bool = False
    unknown_keys: bool = False
    repeated_keys: bool = False
    unreadable_values: bool = False


DOCUMENTED = Grammar()
# for what was let pass before, such as a saved document
TOLERANT = Grammar(undocumented=True, unknown_keys=True, repeated_keys=True, unreadable_values=True)


@dataclass(frozen=True, slots=True)
class Condition:
    """One operator applied to one key: true if the request's values stand in the relation to `values`."""

    relation: Relation
    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, compiled for evaluation. `principals` is empty outside trust policies.

    What is excluded (NotAction, NotResource, NotPrincipal) is listed in its field, with the flag beside it.
    """

    effect: Effect
    actions: tuple[Pattern, ...]
    excludes_actions: bool
    resources: tuple[Pattern, ...]
    excludes_resources: bool
    principals: Mapping[str, tuple[str, ...]]
    excludes_principals: bool
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    """A policy document as stored (`text`) and as understood (`statements`)."""

    text: str
    statements: tuple[Statement, ...]
    kind: DocumentKind
