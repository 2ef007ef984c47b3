"""What we send, and when two documents mean the same, so that no formatting ever looks like a change.

RAM returns documents as text, possibly not as they were sent. Two texts are the same if no request could be judged
differently by them and that can be seen without knowing the services' actions; everything else counts as different,
since a needless version is cheaper than a permission that was never taken back.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping

from ram_operator.model import Json
from ram_operator.rules.documents.conditions import value_text
from ram_operator.rules.documents.grammar import VERSION


def canonical(document: Json) -> str:
    """The text sent to the API: compact JSON, keys sorted, Version filled in, condition values as texts.

    The order and the spelling of everything else stay as written, so that people find their document in the console.
    """
    if isinstance(document, Mapping):
        document = {"Version": VERSION, **document}
        if isinstance(statements := document.get("Statement"), list):
            document["Statement"] = [_with_condition(statement, _texts) for statement in statements]
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def fingerprint(document: Json) -> str:
    """A hash of what a document means: two documents have the same one if and only if `same_meaning` says so."""
    return hashlib.sha256(_meaning(document).encode()).hexdigest()[:32]


def same_meaning(left: Json, right: Json) -> bool:
    """Whether two documents, each parsed or as JSON text, grant and deny the same.

    The order of statements and keys, the order and number of equal entries in a list, a text against a list of one, the
    case of actions and of role ARNs among the principals, and the type of a condition's value do not matter. A text
    that is no JSON is the same as nothing, not even as itself.
    """
    try:
        return _meaning(parsed(left)) == _meaning(parsed(right))
    except (ValueError, RecursionError):
        return False


def parsed(document: Json) -> Json:
    """A document given as JSON text, parsed; any other is returned as it is.

    Raises:
        ValueError: the text is no JSON, or a key occurs twice, so that readers may differ about it.
    """
    if isinstance(document, str):
        return json.loads(document, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    return document


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        raise ValueError("a key occurs twice")
    return mapping


def _refuse_constant(name: str) -> Json:
    raise ValueError(f"{name} is no JSON")


def _meaning(document: Json) -> str:
    """A text that is equal for documents of the same meaning, and only for them."""
    if isinstance(document, Mapping):
        document = {"Version": VERSION, **document}
        if isinstance(statements := document.get("Statement"), list):
            document["Statement"] = sorted(_sorted_json(_statement(statement)) for statement in statements)
    return _sorted_json(document)


def _sorted_json(value: Json) -> str:
    return json.dumps(value, sort_keys=True)


def _statement(statement: Json) -> Json:
    if not isinstance(statement, Mapping):
        return statement
    folded: dict[str, Json] = dict(_with_condition(statement, lambda value: _set(_texts(value))))
    for key in ("Action", "NotAction"):
        if key in folded:
            folded[key] = _set(folded[key], _lower)
    if folded.get("Condition") == {}:
        del folded["Condition"]
    if "Resource" in folded:
        folded["Resource"] = _set(folded["Resource"])
    if isinstance(principal := folded.get("Principal"), Mapping):
        folded["Principal"] = {kind: _set(names, _role_lower) for kind, names in principal.items()}
    return folded


def _with_condition(statement: Json, change: Callable[[Json], Json]) -> Json:
    """A statement with each value of its Condition changed."""
    if not isinstance(statement, Mapping) or not isinstance(condition := statement.get("Condition"), Mapping):
        return statement
    return {
        **statement,
        "Condition": {
            operator: {key: change(value) for key, value in keys.items()} if isinstance(keys, Mapping) else keys
            for operator, keys in condition.items()
        },
    }


def _texts(value: Json) -> Json:
    if isinstance(value, list):
        return [_texts(item) if not isinstance(item, list) else item for item in value]
    return value_text(value) if isinstance(value, bool | int | float) else value


def _set(value: Json, fold: Callable[[str], str] = str) -> Json:
    """A string-or-list field as a sorted list without duplicates; anything else stays as it is."""
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        return value
    return sorted({fold(item) for item in items})


def _lower(text: str) -> str:
    """Fold case as RAM does; only in ASCII, where no two letters become one."""
    return text.lower() if text.isascii() else text


def _role_lower(text: str) -> str:
    """Role names compare case-insensitively and RAM returns their ARNs in lower case."""
    return _lower(text) if text.startswith("acs:ram:") and ":role/" in text else text
