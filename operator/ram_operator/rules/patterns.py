"""Patterns of RAM's kind: `*` stands for any characters, `?` for one; case does not count."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

ANY_SERVICE = "*"
_WILDCARD = re.compile(r"[*?]")
_STARS = re.compile(r"\*+")


def matches(text: str, pattern: str) -> bool:
    """Whether a pattern stands for a text."""
    return within(text, pattern)


def matches_any(text: str, patterns: Iterable[str]) -> bool:
    """Whether one of some patterns stands for a text."""
    return any(matches(text, pattern) for pattern in patterns)


def service_of(action: str) -> str:
    """The service that a pattern of actions names, in lower case; `ANY_SERVICE` where it leaves that open."""
    service = action.partition(":")[0].lower()
    return ANY_SERVICE if "*" in service or "?" in service else service


def overlap(one: str, other: str) -> bool:
    """Whether there is a text that both patterns stand for."""
    one, other = one.lower(), other.lower()
    # Most pairs differ before their first wildcard.
    ours, theirs = _literal(one), _literal(other)
    return (ours.startswith(theirs) or theirs.startswith(ours)) and _reaches_end(one, other, both=True)


def within(inner: str, outer: str) -> bool:
    """Whether everything that `inner` stands for is stood for by `outer`, as far as it can be told sign by sign."""
    inner, outer = inner.lower(), outer.lower()
    return inner.startswith(_literal(outer)) and _reaches_end(inner, outer, both=False)


@lru_cache(maxsize=4096)
def _literal(pattern: str) -> str:
    """What a pattern begins with before its first wildcard."""
    return _WILDCARD.split(pattern, maxsplit=1)[0]


@lru_cache(maxsize=4096)
def _reaches_end(one: str, other: str, *, both: bool) -> bool:
    """Whether `other` is read to its end along `one`, whose wildcards stand for texts where `both` is set."""
    signs, stars, end = _places(other)
    anything, one_sign = 2 << end, (1 << end) - 1
    # Bit j: what was read of `one` is stood for by the first j signs of `other`.
    reached = 1 | (stars & 1) << 1
    for sign in one:
        if both and sign == "*":
            reached = anything - (reached & -reached)
            continue
        fits = one_sign if both and sign == "?" else signs.get(sign, signs["?"])
        reached = (reached & fits) << 1 | reached & stars
        reached |= (reached & stars) << 1
        if not reached:
            return False
    return bool(reached >> end)


@lru_cache(maxsize=4096)
def _places(pattern: str) -> tuple[Mapping[str, int], int, int]:
    """Where a pattern takes each sign, as bits; where its stars are; and how long it is, of several stars with one."""
    pattern = _STARS.sub("*", pattern)
    signs, stars = {"?": 0}, 0
    for place, sign in enumerate(pattern):
        if sign == "*":
            stars |= 1 << place
        else:
            signs[sign] = signs.get(sign, 0) | 1 << place
    return {sign: places | signs["?"] for sign, places in signs.items()} | {"*": 0}, stars, len(pattern)
