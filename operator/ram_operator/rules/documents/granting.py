"""What of a document may grant something, however it is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ram_operator.model import Json
from ram_operator.rules.documents.meaning import parsed


def allowing(document: str) -> Iterator[tuple[str, Json]]:
    """The statements that are no Deny, with their places; a document that cannot be read is one of anything."""
    try:
        read = parsed(document)
    except (ValueError, RecursionError):
        read = None
    statements = read.get("Statement") if isinstance(read, Mapping) else None
    if not isinstance(statements, list):
        yield "the document", statements
        return
    for index, statement in enumerate(statements):
        if not (isinstance(statement, Mapping) and statement.get("Effect") == "Deny"):
            yield f"Statement[{index}]", statement


def texts(value: Json) -> list[str]:
    """A text or a list of texts; whatever else stands there counts as everything."""
    items = value if isinstance(value, list) else [value]
    return [item if isinstance(item, str) else "*" for item in items]


def only_texts(value: Json) -> list[str]:
    """A text or a list of texts, at least one; ValueError for whatever else stands there."""
    items = value if isinstance(value, list) else [value]
    if not items or not all(isinstance(item, str) for item in items):
        raise ValueError("neither a text nor a list of texts")
    return items
