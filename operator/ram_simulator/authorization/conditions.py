"""The condition operators; the grammar knows their names, the engine their meaning.

A request's key that is absent makes a positive operator false and a negated one true. Values that cannot be read as
the operator's type never match. `...IfExists`, `ForAnyValue:`, `ForAllValues:` and `Null` are in no page of RAM; they
mean here what they mean in AWS's policies ("IAM JSON policy elements: Condition operators"), which RAM's resemble.
"""

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from ram_simulator.authorization.patterns import like


class Relation(Protocol):
    """What an operator of a document demands."""

    def holds(self, actual: Sequence[str], wanted: Sequence[str]) -> bool:
        """Say whether the condition holds; `actual` is empty if the request lacks the key."""


@dataclass(frozen=True, slots=True)
class Operator:
    """How one operator compares a value of the request with one of the policy."""

    compare: Callable[[str, str], bool]
    negated: bool = False

    def holds(self, actual: Sequence[str], wanted: Sequence[str]) -> bool:
        """Say whether the condition holds; `actual` is empty if the request lacks the key, `wanted` are OR-ed."""
        found = any(self._compares(value, other) for value in actual for other in wanted)
        return found != self.negated

    def _compares(self, actual: str, wanted: str) -> bool:
        try:
            return self.compare(actual, wanted)
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class Quantified:
    """`ForAnyValue:` and, with `every`, `ForAllValues:`: one value of the request is enough, or all must do."""

    relation: Relation
    every: bool

    def holds(self, actual: Sequence[str], wanted: Sequence[str]) -> bool:
        """Say so; without any value all do, and none does."""
        held = (self.relation.holds((value,), wanted) for value in actual)
        return all(held) if self.every else any(held)


@dataclass(frozen=True, slots=True)
class IfExists:
    """`...IfExists`: what the request lacks is no obstacle."""

    relation: Relation

    def holds(self, actual: Sequence[str], wanted: Sequence[str]) -> bool:
        """Say so."""
        return not actual or self.relation.holds(actual, wanted)


class Null:
    """`Null`: true if the request lacks the key ("true"), or has it ("false")."""

    def holds(self, actual: Sequence[str], wanted: Sequence[str]) -> bool:
        """Say so."""
        return ("false" if actual else "true") in wanted


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _in_network(actual: str, wanted: str) -> bool:
    return ipaddress.ip_address(actual) in ipaddress.ip_network(wanted, strict=False)


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


OPERATORS: Mapping[str, Operator] = {
    "StringEquals": Operator(lambda a, w: a == w),
    "StringNotEquals": Operator(lambda a, w: a == w, negated=True),
    "StringEqualsIgnoreCase": Operator(lambda a, w: a.casefold() == w.casefold()),
    "StringNotEqualsIgnoreCase": Operator(lambda a, w: a.casefold() == w.casefold(), negated=True),
    "StringLike": Operator(lambda a, w: like(w, a)),
    "StringNotLike": Operator(lambda a, w: like(w, a), negated=True),
    "NumericEquals": Operator(lambda a, w: float(a) == float(w)),
    "NumericNotEquals": Operator(lambda a, w: float(a) == float(w), negated=True),
    "NumericLessThan": Operator(lambda a, w: float(a) < float(w)),
    "NumericLessThanEquals": Operator(lambda a, w: float(a) <= float(w)),
    "NumericGreaterThan": Operator(lambda a, w: float(a) > float(w)),
    "NumericGreaterThanEquals": Operator(lambda a, w: float(a) >= float(w)),
    "DateEquals": Operator(lambda a, w: _moment(a) == _moment(w)),
    "DateNotEquals": Operator(lambda a, w: _moment(a) == _moment(w), negated=True),
    "DateLessThan": Operator(lambda a, w: _moment(a) < _moment(w)),
    "DateLessThanEquals": Operator(lambda a, w: _moment(a) <= _moment(w)),
    "DateGreaterThan": Operator(lambda a, w: _moment(a) > _moment(w)),
    "DateGreaterThanEquals": Operator(lambda a, w: _moment(a) >= _moment(w)),
    "Bool": Operator(lambda a, w: _boolean(a) == _boolean(w)),
    "IpAddress": Operator(_in_network),
    "NotIpAddress": Operator(_in_network, negated=True),
}


def undocumented_relation(name: str) -> Relation | None:
    """Return the meaning of an operator that no page of RAM has, None if it is none of those."""
    if name == "Null":
        return Null()
    quantifier, colon, tail = name.rpartition(":")
    base = tail.removesuffix("IfExists")
    if base not in OPERATORS or name == base or (colon and quantifier not in _QUANTIFIERS):
        return None
    relation: Relation = OPERATORS[base] if tail == base else IfExists(OPERATORS[base])
    # the quantifier is asked first: a key that is absent has no value, whatever IfExists says
    return Quantified(relation, _QUANTIFIERS[quantifier]) if colon else relation


_QUANTIFIERS: Mapping[str, bool] = {"ForAnyValue": False, "ForAllValues": True}
