"""The condition operators; the grammar knows their names, the engine their meaning.

A request's key that is absent makes a positive operator false and a negated one true. Values that cannot be read as
the operator's type never match. `...IfExists`, `ForAnyValue:`, `ForAllValues:` and `Null` are in no page of RAM; they
mean here what they mean in AWS's policies ("IAM JSON policy elements: Condition operators"), which RAM's resemble.
"""

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from ram_simulator.policies.patterns import like

_Ordered = TypeVar("_Ordered", float, datetime)


class Relation(Protocol):
    """What an operator of a document demands."""

    def holds(self, actual: Sequence[str], wanted: Sequence[str]) -> bool:
        """Say whether the condition holds; `actual` is empty if the request lacks the key."""


@dataclass(frozen=True, slots=True)
class Operator:
    """How one operator compares a value of the request with one of the policy.

    `read` raises ValueError for a value that no policy should have, `example` shows one that it should.
    """

    compare: Callable[[str, str], bool]
    negated: bool = False
    read: Callable[[str], object] = str
    example: str = "a text"

    def can_read(self, wanted: str) -> bool:
        """Say whether a value of a policy is one that the operator can compare with."""
        try:
            self.read(wanted)
        except ValueError:
            return False
        return True

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


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(text, strict=False)


def _in_network(actual: str, wanted: str) -> bool:
    return ipaddress.ip_address(actual) in _network(wanted)


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


def _ordered(kind: str, read: Callable[[str], _Ordered], example: str) -> Mapping[str, Operator]:
    def operator(compare: Callable[[_Ordered, _Ordered], bool], *, negated: bool = False) -> Operator:
        return Operator(lambda actual, wanted: compare(read(actual), read(wanted)), negated, read, example)

    return {
        f"{kind}Equals": operator(lambda a, w: a == w),
        f"{kind}NotEquals": operator(lambda a, w: a == w, negated=True),
        f"{kind}LessThan": operator(lambda a, w: a < w),
        f"{kind}LessThanEquals": operator(lambda a, w: a <= w),
        f"{kind}GreaterThan": operator(lambda a, w: a > w),
        f"{kind}GreaterThanEquals": operator(lambda a, w: a >= w),
    }


_ADDRESS = "an address, or a block such as 10.0.0.0/8"
OPERATORS: Mapping[str, Operator] = {
    "StringEquals": Operator(lambda a, w: a == w),
    "StringNotEquals": Operator(lambda a, w: a == w, negated=True),
    "StringEqualsIgnoreCase": Operator(lambda a, w: a.casefold() == w.casefold()),
    "StringNotEqualsIgnoreCase": Operator(lambda a, w: a.casefold() == w.casefold(), negated=True),
    "StringLike": Operator(lambda a, w: like(w, a)),
    "StringNotLike": Operator(lambda a, w: like(w, a), negated=True),
    **_ordered("Numeric", float, "a number"),
    **_ordered("Date", _moment, "a date such as 2026-01-31T12:00:00Z"),
    "Bool": Operator(lambda a, w: _boolean(a) == _boolean(w), read=_boolean, example="true or false"),
    "IpAddress": Operator(_in_network, read=_network, example=_ADDRESS),
    "NotIpAddress": Operator(_in_network, negated=True, read=_network, example=_ADDRESS),
}


def extended_relation(name: str) -> Relation | None:
    """Return the meaning of an operator, also with what no page of RAM has; None if it is none even so."""
    if name == "Null":
        return Null()
    quantifier, colon, tail = name.rpartition(":")
    base = tail.removesuffix("IfExists")
    if base not in OPERATORS or (colon and quantifier not in _QUANTIFIERS):
        return None
    relation: Relation = OPERATORS[base] if tail == base else IfExists(OPERATORS[base])
    # the quantifier is asked first: a key that is absent has no value, whatever IfExists says
    return Quantified(relation, _QUANTIFIERS[quantifier]) if colon else relation


_QUANTIFIERS: Mapping[str, bool] = {"ForAnyValue": False, "ForAllValues": True}
