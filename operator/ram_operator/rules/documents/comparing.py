"""What one permission policy allows that another one does not, as far as their texts tell.

Where that cannot be told it counts as not allowed: nothing is passed over that somebody may come to lack.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ram_operator.model import Json, listing
from ram_operator.rules.documents.granting import only_texts
from ram_operator.rules.documents.meaning import parsed
from ram_operator.rules.patterns import ANY_SERVICE, overlap, service_of, within

PAIR_EFFORT = 4
"""What it takes to find that two patterns are of different services, in signs that are compared."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One action of a statement; `NotAction` is all actions but some.

    Attributes:
        allows: whether the statement is an Allow, and no Deny.
        action: the pattern.
        but: patterns of what is excepted from it.
        limits: the resources and conditions as text, "" where the statement is about all resources, always.
    """

    allows: bool
    action: str
    but: tuple[str, ...] = ()
    limits: str = ""

    def __str__(self) -> str:
        """The entry in the words of the document."""
        return f"all but {listing(self.but)}" if self.but else self.action

    def covers(self, other: Entry) -> bool:
        """Whether it is about all actions that the other one is about."""
        return within(other.action, self.action) and all(
            any(within(one, its) for its in other.but) for one in self.but if overlap(one, other.action)
        )

    def meets(self, other: Entry) -> bool:
        """Whether some action may be in both."""
        mine = any(within(other.action, one) for one in self.but)
        theirs = any(within(self.action, one) for one in other.but)
        return overlap(self.action, other.action) and not mine and not theirs

    def is_as_wide(self, other: Entry) -> bool:
        """Whether it is about all that the other one is about, on the same resources and conditions or without any."""
        return self.limits_no_more(other) and self.covers(other)

    def limits_no_more(self, other: Entry) -> bool:
        """Whether it has no other resources and conditions than the other one, or none at all."""
        return self.limits in ("", other.limits)


def entries(document: Json) -> Iterator[Entry]:
    """The entries of a policy, parsed or as JSON text. Raises ValueError where not all of it is understood."""
    match parsed(document):
        case {"Statement": list(statements)}:
            for statement in statements:
                yield from _entries(statement)
        case _:
            raise ValueError("no list of statements")


def _entries(statement: Json) -> Iterator[Entry]:
    match statement:
        case {"Effect": "Allow" | "Deny" as effect, "Action": actions, **rest} if "NotAction" not in rest:
            for action in only_texts(actions):
                yield Entry(effect == "Allow", action, (), _limits(rest))
        case {"Effect": "Allow" | "Deny" as effect, "NotAction": actions, **rest} if "Action" not in rest:
            yield Entry(effect == "Allow", "*", tuple(sorted(only_texts(actions))), _limits(rest))
        case _:
            raise ValueError("a statement that does not tell what it allows or denies")


def _limits(rest: Mapping[object, Json]) -> str:
    """What else a statement says, as text: "" where it says `Resource: "*"` and nothing more."""
    limits = {str(key): value for key, value in rest.items() if not (key == "Condition" and value == {})}
    if isinstance(resources := limits.get("Resource"), str | list):
        limits["Resource"] = sorted(set(only_texts(resources)))
        if "*" in limits["Resource"]:
            del limits["Resource"]
    elif "Resource" not in limits:
        raise ValueError("a statement without resources")
    return json.dumps(limits, sort_keys=True) if limits else ""


def lost(old: Sequence[Entry], new: Sequence[Entry]) -> tuple[list[str], list[str]]:
    """The actions that `old` allows and `new` does not, and those that `new` may allow only in part."""
    missing: set[str] = set()
    partly: set[str] = set()
    before = [one for one in old if not one.allows]
    denials = [one for one in new if not one.allows and not any(its.is_as_wide(one) for its in before)]
    for entry in (one for one in old if one.allows):
        covering = [one for one in new if one.allows and one.covers(entry)]
        if not covering:
            missing.add(str(entry))
        elif not any(one.limits_no_more(entry) for one in covering) or any(one.meets(entry) for one in denials):
            partly.add(str(entry))
    return sorted(missing), sorted(partly - missing)


def effort(old: Sequence[Entry], new: Sequence[Entry]) -> int:
    """How much work `lost` is at most: all pairs of patterns, and the signs of those that may be of one service."""
    ours, our_signs = _sizes(old)
    theirs, their_signs = _sizes(new)
    signs = sum(ours[one] * _near(their_signs, one) + our_signs[one] * _near(theirs, one) for one in ours)
    return PAIR_EFFORT * ours.total() * theirs.total() + signs


def _sizes(side: Sequence[Entry]) -> tuple[Counter[str], Counter[str]]:
    """How many patterns there are, and of how many signs, by the service that they name."""
    patterns: Counter[str] = Counter()
    signs: Counter[str] = Counter()
    for pattern in (pattern for entry in side for pattern in (entry.action, *entry.but)):
        patterns[service_of(pattern)] += 1
        signs[service_of(pattern)] += len(pattern)
    return patterns, signs


def _near(counted: Counter[str], service: str) -> int:
    """How much is of a service or may be of it."""
    return counted.total() if service == ANY_SERVICE else counted[service] + counted[ANY_SERVICE]
