"""The documented condition operators; the grammar knows their names, the engine their meaning.

A request's key that is absent makes a positive operator false and a negated one true. Values that cannot be read as
the operator's type never match.
"""

import ipaddress
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Protocol

from ram_simulator.authorization.patterns import like

Comparison = Callable[[str, str], bool]


class Operator(Protocol):
    """Decide one condition: `actual` is None if the request lacks the key; `wanted` are OR-ed."""

    def __call__(self, actual: str | None, wanted: tuple[str, ...]) -> bool:
        """Say whether the condition holds."""


def _positive(compare: Comparison) -> Operator:
    def holds(actual: str | None, wanted: tuple[str, ...]) -> bool:
        return actual is not None and any(_safely(compare, actual, value) for value in wanted)

    return holds


def _negated(compare: Comparison) -> Operator:
    def holds(actual: str | None, wanted: tuple[str, ...]) -> bool:
        return actual is None or not any(_safely(compare, actual, value) for value in wanted)

    return holds


def _safely(compare: Comparison, actual: str, wanted: str) -> bool:
    try:
        return compare(actual, wanted)
    except ValueError:
        return False


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
    "StringEquals": _positive(lambda a, w: a == w),
    "StringNotEquals": _negated(lambda a, w: a == w),
    "StringEqualsIgnoreCase": _positive(lambda a, w: a.casefold() == w.casefold()),
    "StringNotEqualsIgnoreCase": _negated(lambda a, w: a.casefold() == w.casefold()),
    "StringLike": _positive(lambda a, w: like(w, a)),
    "StringNotLike": _negated(lambda a, w: like(w, a)),
    "NumericEquals": _positive(lambda a, w: float(a) == float(w)),
    "NumericNotEquals": _negated(lambda a, w: float(a) == float(w)),
    "NumericLessThan": _positive(lambda a, w: float(a) < float(w)),
    "NumericLessThanEquals": _positive(lambda a, w: float(a) <= float(w)),
    "NumericGreaterThan": _positive(lambda a, w: float(a) > float(w)),
    "NumericGreaterThanEquals": _positive(lambda a, w: float(a) >= float(w)),
    "DateEquals": _positive(lambda a, w: _moment(a) == _moment(w)),
    "DateNotEquals": _negated(lambda a, w: _moment(a) == _moment(w)),
    "DateLessThan": _positive(lambda a, w: _moment(a) < _moment(w)),
    "DateLessThanEquals": _positive(lambda a, w: _moment(a) <= _moment(w)),
    "DateGreaterThan": _positive(lambda a, w: _moment(a) > _moment(w)),
    "DateGreaterThanEquals": _positive(lambda a, w: _moment(a) >= _moment(w)),
    "Bool": _positive(lambda a, w: _boolean(a) == _boolean(w)),
    "IpAddress": _positive(_in_network),
    "NotIpAddress": _negated(_in_network),
}
