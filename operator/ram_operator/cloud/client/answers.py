"""The typed way to read what the cloud answered, for the adapters.

An answer that lacks what must be there is as unreadable as none: it raises `Unavailable`, and is never taken for "there
is nothing", which would look as if everything had been deleted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from ram_operator.cloud.client.failures import UNREADABLE
from ram_operator.errors import Unavailable

MOST_DIGITS = 15
MOST_LETTERS = 256

C = TypeVar("C", bound=StrEnum)


class Answer:
    """One JSON object of an answer to a call of `action` in `region`, which had `size` bytes."""

    __slots__ = ("_action", "_fields", "_region", "_size")

    def __init__(self, action: str, fields: Mapping[str, object], region: str = "", size: int = 0) -> None:
        self._action = action
        self._fields = fields
        self._region = region
        self._size = size

    @property
    def action(self) -> str:
        """The API's name of the call that this answers."""
        return self._action

    @property
    def region(self) -> str:
        """The region of the call, empty for a global API."""
        return self._region

    @property
    def size(self) -> int:
        """The bytes of the whole answer; 0 for a part of it."""
        return self._size

    @property
    def fields(self) -> Mapping[str, object]:
        """The object as it came."""
        return self._fields

    def text(self, name: str) -> str:
        """Return a string, "" where it is absent; numbers come as strings too. It can always be written as UTF-8."""
        value = self._fields.get(name)
        if isinstance(value, str):
            return value.encode("utf-8", "replace").decode()
        return str(value) if isinstance(value, int | float) else ""

    def word(self, name: str) -> str:
        """Return a name, id or date as `text` does; raises Unavailable where it is too long or not printable."""
        text = self.text(name)
        if len(text) > MOST_LETTERS or not text.isprintable():
            raise self._unreadable(name)
        return text

    def number(self, name: str) -> int:
        """Return an integer, also of a string of digits; 0 where it is absent, or has more digits than any count."""
        text = self.text(name)
        return int(text) if text.isdecimal() and len(text) <= MOST_DIGITS else 0

    def flag(self, name: str) -> bool:
        """Return a boolean, also of the string "true"; False where it is absent."""
        return self.text(name).lower() == "true"

    def choice(self, name: str, choices: type[C]) -> C:
        """Return the member of an enumeration that a string is; raises Unavailable where it is none."""
        try:
            return choices(self.text(name))
        except ValueError:
            raise self._unreadable(name) from None

    def part(self, name: str) -> Answer:
        """Return the object under a name; raises Unavailable where it is absent."""
        value = self._fields.get(name)
        if not isinstance(value, dict):
            raise self._unreadable(name)
        return Answer(self._action, value, self._region)

    def rows(self, *path: str) -> tuple[Answer, ...]:
        """Return the objects of a list, such as `Roles.Role`; raises Unavailable where there is no list."""
        value: object = self._fields
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        if not isinstance(value, list):
            raise self._unreadable(".".join(path))
        return tuple(Answer(self._action, row, self._region) for row in value if isinstance(row, dict))

    def tags(self) -> dict[str, str]:
        """Return `Tags.Tag` as lists of roles and policies carry it, {} where it is absent."""
        if "Tags" not in self._fields:
            return {}
        return {row.text("TagKey"): row.text("TagValue") for row in self.rows("Tags", "Tag")}

    def _unreadable(self, name: str) -> Unavailable:
        error = Unavailable(self._action, UNREADABLE, f"the answer has no valid {name}", self.text("RequestId"))
        return error.with_region(self._region)


def decode(body: bytes) -> dict[str, object] | None:
    """Return the JSON object of a body, None where it is none: empty, HTML of a proxy, cut off, nested too deeply."""
    try:
        # As bytes json.loads would also take UTF-16, in which nothing secret was looked for.
        value = json.loads(body.decode())
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
