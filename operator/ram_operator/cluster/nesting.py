"""JSON from the API server, cut where it is nested too deeply to be read.

An API server stores objects of up to 10,000 levels where a schema lets unknown fields through. Python's JSON parser
ends with RecursionError before that, and so does what copies, compares or writes such an object. One that is cut here
is an object like others: its spec is found wrong and reported.
"""

from __future__ import annotations

import re

MOST_LEVELS = 64
"""Levels of an object that are kept. Ours have at most 12, with managed fields 20."""
CUT = "nested too deeply"
"""The text in place of what was cut."""

_OTHERS = bytes(set(range(256)) - set(b"[]{}"))
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[][{}]', re.DOTALL)


def shallow(text: bytes, most: int = MOST_LEVELS) -> bytes:
    """The JSON text with every value below `most` levels replaced by the text `CUT`; as it is if there is none."""
    return text if _is_shallow(text, most) else _cut(text, most)


def _is_shallow(text: bytes, most: int) -> bool:
    """Whether the text surely has at most `most` levels; brackets within texts may make it doubt.

    Innermost pairs of brackets are taken out level by level, in the time of a few copies of the brackets alone.
    """
    brackets = text.translate(None, _OTHERS)
    for _ in range(most // 2):
        fewer = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if not fewer:
            return True
        if len(fewer) == len(brackets):
            return False
        brackets = fewer
    return False


def _cut(text: bytes, most: int) -> bytes:
    kept, level, done = [], 0, 0
    for token in _TOKEN.finditer(text):
        sign = token[0]
        if sign in b"[{":
            level += 1
            if level == most + 1:
                kept.append(text[done : token.start()] + b'"' + CUT.encode() + b'"')
        elif sign in b"]}":
            level -= 1
            if level == most:
                done = token.end()
    return b"".join([*kept, text[done:] if level <= most else b""])
