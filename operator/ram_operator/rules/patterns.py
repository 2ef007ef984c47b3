"""Patterns of RAM's kind: `*` stands for any characters, `?` for one; case does not count."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

_LITERAL = re.compile(r"[^*?]*")


def matches(text: str, pattern: str) -> bool:
    """Whether a pattern stands for a text."""
    return within(text, pattern)


def matches_any(text: str, patterns: Iterable[str]) -> bool:
    """Whether one of some patterns stands for a text."""
    return any(matches(text, pattern) for pattern in patterns)


def overlap(one: str, other: str) -> bool:
    """Whether there is a text that both patterns stand for."""
    one, other = one.lower(), other.lower()
    # Most pairs differ before their first wildcard.
    ours, theirs = (_LITERAL.match(text)[0] for text in (one, other))  # type: ignore[index]
    shorter = min(len(ours), len(theirs))
    return ours[:shorter] == theirs[:shorter] and _overlap(one, other)


@lru_cache(maxsize=4096)
def _overlap(one: str, other: str) -> bool:
    # reached[j]: some text is stood for by what was read of `one` and by the first j characters of `other`.
    reached = [True, *(False for _ in other)]
    for j, sign in enumerate(other):
        reached[j + 1] = reached[j] and sign == "*"
    for sign in one:
        row = [reached[0] and sign == "*"]
        for j, theirs in enumerate(other):
            if "*" in (sign, theirs):
                row.append(reached[j + 1] or row[j])
            else:
                row.append(reached[j] and (sign == theirs or "?" in (sign, theirs)))
        reached = row
    return reached[-1]


@lru_cache(maxsize=4096)
def within(inner: str, outer: str) -> bool:
    """Whether everything that `inner` stands for is stood for by `outer`, as far as it can be told sign by sign."""
    inner, outer = inner.lower(), outer.lower()
    if not inner.startswith(_LITERAL.match(outer)[0]):  # type: ignore[index]
        return False
    reached = [True, *(False for _ in outer)]
    for j, sign in enumerate(outer):
        reached[j + 1] = reached[j] and sign == "*"
    for sign in inner:
        row = [False]
        for j, theirs in enumerate(outer):
            if theirs == "*":
                row.append(reached[j + 1] or row[j])
            else:
                row.append(reached[j] and (sign == theirs or (theirs == "?" and sign != "*")))
        reached = row
    return reached[-1]
