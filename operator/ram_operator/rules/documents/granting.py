"""What of a document may grant something, however it is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ram_operator.model import Json
from ram_operator.rules.documents.checking import MOST_READ
from ram_operator.rules.documents.grammar import DOCUMENT_KEYS, POLICY_KEYS, TRUST_KEYS
from ram_operator.rules.documents.meaning import parsed

_KEYS = {*DOCUMENT_KEYS, *POLICY_KEYS, *TRUST_KEYS}
_FOLDED_KEYS = {key.lower() for key in _KEYS}


def allowing(document: str) -> Iterator[tuple[str, Json]]:
    """The statements that are no Deny, with their places; what cannot be read is None, which allows anything.

    A text of more than `MOST_READ` characters is not read.
    """
    try:
        read: Json = parsed(document) if len(document) <= MOST_READ else None
    except (ValueError, RecursionError):
        read = None
    statements = read.get("Statement") if isinstance(read, Mapping) else None
    if not isinstance(statements, list) or _has_key_in_other_case(read):
        yield "the document", None
        return
    for index, statement in enumerate(statements):
        if not isinstance(statement, Mapping) or _has_key_in_other_case(statement):
            yield f"Statement[{index}]", None
        elif statement.get("Effect") != "Deny":
            yield f"Statement[{index}]", statement


def _has_key_in_other_case(mapping: Mapping[str, Json]) -> bool:
    """Whether readers that fold keys, as some JSON parsers of Java do, would read something else than we do."""
    return any(key not in _KEYS and key.lower() in _FOLDED_KEYS for key in mapping)


def texts(value: Json) -> list[str]:
    """A text or a list of texts, at least one; whatever else stands there counts as everything."""
    items = value if isinstance(value, list) and value else [value]
    return [item if isinstance(item, str) else "*" for item in items]


def only_texts(value: Json) -> list[str]:
    """A text or a list of texts, at least one; ValueError for whatever else stands there."""
    items = value if isinstance(value, list) else [value]
    if not items or not all(isinstance(item, str) for item in items):
        raise ValueError("neither a text nor a list of texts")
    return items
