"""Wildcards of actions and resources: `*` is any run of characters, `?` exactly one (RAM, "Policy elements").

Compiled once when a document is stored, matched on every call.
"""

import re
from dataclasses import dataclass
from fnmatch import translate

_ARN_FIELDS = 5
_NOTHING = re.compile(r"(?!)")
_RAM = "ram"
_ANY = "*"  # what a subject has in a field that does not tell it apart, as RAM in the region


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern: `fields` are matched one by one against as many parts of the subject, `*` if empty.

    `name_of_ram` takes the place of the last field where the subject is a thing of RAM: their names have no case.
    """

    source: str
    fields: tuple[re.Pattern[str] | None, ...]
    name_of_ram: re.Pattern[str] | None = None

    def matches(self, subject: str) -> bool:
        """Say whether the pattern covers `subject`, an action name or an ARN."""
        if not self.fields:
            return True
        parts = subject.split(":", len(self.fields) - 1)
        if len(parts) != len(self.fields):
            return False
        last = len(parts) - 1
        fields = self.fields
        if self.name_of_ram is not None and parts[1] == _RAM:
            fields = (*fields[:-1], self.name_of_ram)
        return all(
            field is None or field.match(part) is not None or (part == _ANY and index < last)
            for index, (field, part) in enumerate(zip(fields, parts, strict=True))
        )


def compile_pattern(source: str, *, ignore_case: bool) -> Pattern:
    """Compile a plain wildcard pattern, as in Action and the Like operators."""
    return Pattern(source, () if source == "*" else (_compile(source, ignore_case=ignore_case),))


def compile_resource(source: str) -> Pattern:
    """Compile a resource pattern `acs:service:region:account:relative-id`; an empty field matches anything.

    One with fewer fields matches nothing.
    """
    if source == "*":
        return Pattern(source, ())
    parts = source.split(":", _ARN_FIELDS - 1)
    if len(parts) != _ARN_FIELDS:
        # no ARN is like it: it is kept as it was written, and never matches
        return Pattern(source, (_NOTHING,))
    heads = tuple(None if part in ("", "*") else _compile(part, ignore_case=True) for part in parts[:-1])
    fields = (*heads, _compile(parts[-1], ignore_case=False))
    return Pattern(source, fields, _compile(parts[-1], ignore_case=True))


def like(pattern: str, subject: str) -> bool:
    """Compare as StringLike does: case-sensitively, with wildcards."""
    return _compile(pattern, ignore_case=False).match(subject) is not None


def _compile(source: str, *, ignore_case: bool) -> re.Pattern[str]:
    # fnmatch's translation is linear in the subject (atomic groups); its brackets are no wildcard here
    return re.compile(translate(source.replace("[", "[[]")), re.IGNORECASE if ignore_case else re.NOFLAG)
