"""What holds of every message that people read in a status, whatever it is about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

LONGEST = 1024
LONGEST_FACT = 160
"""How long the first fact of a message may be, without what it lists or quotes in brackets."""
_BRACKETS = re.compile(r"\((?:[^()]|\([^()]*\))*\)")
_FORMS: Mapping[str, re.Pattern[str]] = {
    "is empty, or begins or ends with a blank": re.compile(r"^$|^\s|\s$"),
    "has a line break or a tab": re.compile(r"[\n\r\t]"),
    "has two blanks": re.compile(r"(?<!:)  "),
    "has an object of Python in it": re.compile(r"\bNone\b|<[\w.]+ object|\b\w+\(\w+="),
    "counts one as many": re.compile(r"(?<![\d/.-])1 (?:instances|steps|nodes|policies)\b"),
}


def messages(status: Mapping[str, Any]) -> Iterator[str]:
    """The messages of conditions and rows."""
    rows = (*(status.get("conditions") or ()), *(status.get("instances") or ()), *(status.get("managedPolicies") or ()))
    yield from (row["message"] for row in rows if "message" in row)


def faults(message: str) -> list[str]:
    """What is wrong with the form of a message."""
    found = [fault for fault, form in _FORMS.items() if form.search(message)]
    if len(message) > LONGEST:
        found.append(f"has {len(message)} characters")
    if len(fact := _BRACKETS.sub("", message).partition(";")[0]) > LONGEST_FACT:
        found.append(f"takes {len(fact)} characters to say the first fact")
    return found
