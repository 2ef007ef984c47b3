"""Conditions that an edit takes off an Allow: it grants more then, which nobody should find out by accident."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ram_operator.model import Json
from ram_operator.rules.documents.meaning import parsed, same_meaning
from ram_operator.rules.wording import child, quoted


def removed_conditions(before: Json, after: Json, where: str) -> tuple[str, ...]:
    """Find the conditions of Allow statements that a document had and the one in its place has not.

    Args:
        before: the document in force, parsed or as JSON text; of any shape, what is not understood had none.
        after: the document that takes its place.
        where: the place of the document in the object, for the messages.

    Returns:
        Sentences, one for each condition, with its place.
    """
    try:
        old, new = _statements(parsed(before)), _statements(parsed(after))
    except (ValueError, RecursionError):
        return ()
    return tuple(
        f"{child(f'{where}.Statement', index)} has no condition {quoted(operator)} on {quoted(key)} any more"
        for index, statement in enumerate(new)
        if statement.get("Effect") == "Allow"
        for operator, key in _conditions(_counterpart(index, statement, old))
        if (operator.lower(), key.lower()) not in {(one.lower(), of.lower()) for one, of in _conditions(statement)}
    )


def _statements(document: Json) -> list[Mapping[str, Json]]:
    found = document.get("Statement") if isinstance(document, Mapping) else None
    return [one if isinstance(one, Mapping) else {} for one in found] if isinstance(found, list) else []


def _counterpart(index: int, statement: Mapping[str, Json], old: Sequence[Mapping[str, Json]]) -> Mapping[str, Json]:
    """The statement that this one takes the place of: the one that grants the same, else the one in the same place."""
    same = [one for one in old if same_meaning(_bare(one), _bare(statement))]
    if same:
        return min(same, key=lambda one: len(list(_conditions(one))))
    return old[index] if index < len(old) and old[index].get("Effect") == "Allow" else {}


def _bare(statement: Mapping[str, Json]) -> Json:
    return {"Statement": [{key: value for key, value in statement.items() if key != "Condition"}]}


def _conditions(statement: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    """Operator and key of each condition of a statement."""
    condition = statement.get("Condition")
    for operator, keys in condition.items() if isinstance(condition, Mapping) else ():
        yield from ((str(operator), str(key)) for key in (keys if isinstance(keys, Mapping) else ()))
