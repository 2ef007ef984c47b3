"""How a problem is worded: a place, what is wrong there, and what to write instead.

Every check in this room returns such sentences; they end in `InvalidSpec` and so in the Ready condition's message.
"""

from __future__ import annotations

import difflib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from ram_operator.errors import Problem
from ram_operator.model import Json

MOST_PROBLEMS = 20
_LONGEST_QUOTE = 80
_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff"
# Controls, formats (zero width, direction) and separators; letters that are drawn as nothing; blanks other than the two
# that keyboards have.
_INVISIBLE_CATEGORIES = ("Cc", "Cf", "Zl", "Zp", "Zs")
_INVISIBLE_LETTERS = "\u115f\u1160\u3164\uffa0\u2800"
_PLAIN_BLANKS = " \u3000"
_QUOTES = "\"'\u2018\u2019\u201c\u201d"
_PLAIN_KEY = re.compile(r"[A-Za-z][A-Za-z0-9]*")


class Undocumented(Problem):
    """A problem with something that RAM's documentation does not have, and RAM may take all the same."""

    __slots__ = ()


def quoted(text: str) -> str:
    """`text` in double quotes, shortened, with what cannot be seen written as escapes."""
    short = text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 1] + "…"
    return json.dumps(short, ensure_ascii=not short.isprintable())


def child(place: str, key: str | int) -> str:
    """The place of a member: `Statement[0]`, `Condition.Bool`, `Bool["acs:SecureTransport"]`."""
    if isinstance(key, int):
        return f"{place}[{key}]"
    return f"{place}.{key}" if _PLAIN_KEY.fullmatch(key) else f"{place}[{quoted(key)}]"


def type_name(value: Json) -> str:
    """What a JSON value is, for people: `a number`, `a list`."""
    match value:
        case None:
            return "empty"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case Mapping():
            return "a mapping"
        case _:
            return "a list"


def as_meant(text: str) -> str:
    """`text` without what pasting brings in: blanks, quotes, invisible signs; full-width signs as plain ones."""
    plain = unicodedata.normalize("NFKC", text)
    return "".join(letter for letter in plain if not is_blank(letter) and letter not in _QUOTES)


def is_blank(letter: str) -> bool:
    """Whether a character shows nothing: spaces of all kinds and zero-width signs."""
    return letter.isspace() or letter in _INVISIBLE


def has_blank(text: str) -> bool:
    """Whether a blank of any kind is in `text`."""
    return any(is_blank(letter) for letter in text)


def invisible(text: str) -> bool:
    """Whether `text` has characters that people cannot see or that change how the rest is read.

    The admission policy has the same set as a regular expression.
    """
    return any(
        letter in _INVISIBLE_LETTERS
        or (unicodedata.category(letter) in _INVISIBLE_CATEGORIES and letter not in _PLAIN_BLANKS)
        for letter in text
        if not "!" <= letter <= "~"
    )


def ascii_lower(text: str) -> str:
    """`text` with A to Z in lower case and all else as it is."""
    return text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


def nearest(word: str, choices: Sequence[str]) -> str | None:
    """The choice that was probably meant: the same but for case and stray signs, else a near miss, else None."""
    plain = {re.sub(r"[^a-z]", "", choice.lower()): choice for choice in choices}
    key = re.sub(r"[^a-z]", "", as_meant(word[:64]).lower())
    close = difflib.get_close_matches(key, list(plain), n=1, cutoff=0.75)
    return plain[close[0]] if close else None


def unknown_keys(
    mapping: Mapping[str, Json], allowed: Sequence[str], place: str, hints: Mapping[str, str] | None = None
) -> tuple[list[Problem], dict[str, Json]]:
    """Problems of the keys that are not allowed, and the mapping as it was probably meant.

    The second is checked further, so that a misspelt key hides no problem of its value and is not called missing too.

    Args:
        mapping: what was written.
        allowed: the keys there are, in the order in which to name them.
        place: where `mapping` stands.
        hints: keys people bring from elsewhere, with the advice what to do.
    """
    advice = hints or {}
    problems: list[Problem] = []
    meant = {key: value for key, value in mapping.items() if key in allowed}
    for key in sorted(set(mapping) - set(allowed)):
        guess = nearest(key, [*allowed, *advice])
        if guess is None:
            problems.append(Problem(place, f"unknown key {quoted(key)}; the keys are {', '.join(allowed)}"))
        elif guess in advice:
            problems.append(Problem(place, f"unknown key {quoted(key)}; {advice[guess]}"))
        elif guess in meant:
            problems.append(Problem(place, f"unknown key {quoted(key)}; remove it, {quoted(guess)} is there already"))
        else:
            problems.append(Problem(place, f"unknown key {quoted(key)}; write {quoted(guess)}"))
            meant[guess] = mapping[key]
    return problems, meant


def capped(problems: Iterable[Problem], where: str) -> tuple[Problem, ...]:
    """All problems if they are at most 20, else the first ones and the number of the rest."""
    found = list(problems)
    if len(found) <= MOST_PROBLEMS:
        return tuple(found)
    shown = MOST_PROBLEMS - 1
    return (*found[:shown], Problem(where, f"{len(found) - shown} more problems; fix the others first"))


def string_items(value: Json, place: str, example: str) -> tuple[list[Problem], list[tuple[str, str]]]:
    """A string-or-list field as problems of its shape and (place, text) pairs of what is well-formed in it."""
    if isinstance(value, str):
        return [], [(place, value)]
    if not isinstance(value, list):
        return [
            Problem(place, f"is {type_name(value)}; write a text or a list of texts, such as {quoted(example)}")
        ], []
    if not value:
        return [Problem(place, f"the list is empty; write at least one, such as {quoted(example)}")], []
    problems = [
        Problem(child(place, index), f"is {type_name(item)}; write a text such as {quoted(example)}")
        for index, item in enumerate(value)
        if not isinstance(item, str)
    ]
    return problems, [(child(place, index), item) for index, item in enumerate(value) if isinstance(item, str)]
