"""Keys with nothing after them: kubectl drops them before it sends an object, and an Allow loses its condition.

`kubectl apply` keeps what was written in an annotation, which is the only place that still shows the empty value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ram_operator.errors import Problem
from ram_operator.model import Body, Json
from ram_operator.rules.documents.grammar import VERSION
from ram_operator.rules.documents.meaning import parsed
from ram_operator.rules.wording import capped, child

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
NOTHING = ":null"
"""In the annotation's text where a key has nothing after it; kubectl writes JSON without blanks."""
_DOCUMENT: Mapping[str, Json] = {"Version": VERSION}
_PLACES: Mapping[tuple[str, ...], Mapping[str, Json]] = {
    ("document",): _DOCUMENT,
    ("trust", "document"): _DOCUMENT,
    ("sessionPolicy",): _DOCUMENT,
    ("nodeSelector",): {},
}
"""Where a key that is dropped widens what is granted, or to whom; with what the API server fills in there."""

_DROPPED = "nothing is written after this key, and kubectl dropped it; write a value or leave it out"


def dropped_values(body: Body) -> tuple[Problem, ...]:
    """Find values that were written as nothing and that the stored spec therefore lacks.

    Args:
        body: the object as it is stored. An annotation `LAST_APPLIED` that its spec does not come from, since somebody
            edited the object otherwise meanwhile, says nothing about it.

    Returns:
        Problems, one sentence each with place and fix.
    """
    annotations: Mapping[str, Json] = body["metadata"].get("annotations") or {}
    try:
        return capped(_problems(body.get("spec") or {}, parsed(annotations.get(LAST_APPLIED))), "spec")
    except (ValueError, RecursionError):
        return ()


def _problems(spec: Mapping[str, Json], written: Json) -> Iterator[Problem]:
    for path, defaults in _PLACES.items():
        here = _at(written, "spec", *path)
        if isinstance(here, Mapping) and {**defaults, **_without_nulls(here)} == _at(spec, *path):
            for place in _nulls(here, f"spec.{'.'.join(path)}"):
                yield Problem(place, _DROPPED)


def _at(value: Json, *path: str) -> Json:
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _nulls(value: Json, place: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key in sorted(value):
            if value[key] is None:
                yield child(place, key)
            yield from _nulls(value[key], child(place, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _nulls(item, child(place, index))


def _without_nulls(value: Json) -> Json:
    """What the API server stores of a value."""
    if isinstance(value, Mapping):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value
