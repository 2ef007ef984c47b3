"""Dataclasses as JSON and back, by their type hints: one rule for everything that a cloud holds."""

import base64
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from ram_simulator.policies import TOLERANT, DocumentKind, PolicyDocument, parse_document


class NotDecodable(ValueError):
    """A value that is not of the expected type; the text names the place."""


def encode(value: object) -> Any:  # noqa: ANN401 - JSON has many types
    """Return a value as what JSON can hold."""
    match value:
        case PolicyDocument():
            return {"kind": value.kind.value, "text": value.text}
        case datetime():
            return value.isoformat()
        case bytes():
            return base64.b64encode(value).decode()
        case StrEnum() | Path():
            return str(value)
        case Mapping():
            return {str(key): encode(item) for key, item in value.items()}
        case list() | tuple():
            return [encode(item) for item in value]
    if is_dataclass(value):
        return {field.name: encode(getattr(value, field.name)) for field in fields(value)}
    return value


def decode(kind: Any, value: Any, place: str) -> Any:  # noqa: ANN401 - the type is an argument
    """Return the value of type `kind` that `encode` made JSON of; raise NotDecodable if it is none."""
    try:
        return _decoded(kind, value, place)
    except (TypeError, AttributeError, KeyError, ValueError) as error:
        if isinstance(error, NotDecodable):
            raise
        raise NotDecodable(f"{place}: {error}") from error


def _decoded(kind: Any, value: Any, place: str) -> Any:  # noqa: ANN401
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (types.UnionType,):
        return None if value is None else decode(arguments[0], value, place)
    if kind is PolicyDocument:
        return parse_document(value["text"], DocumentKind(value["kind"]), TOLERANT)
    if kind is datetime:
        return datetime.fromisoformat(value)
    if kind is bytes:
        return base64.b64decode(value, validate=True)
    if origin is dict:
        return {_key(arguments[0], key): decode(arguments[1], item, f"{place}.{key}") for key, item in value.items()}
    if origin in (list, tuple):
        items = [_item(arguments, index, item, place) for index, item in enumerate(value)]
        return origin(items)
    if isinstance(kind, type) and is_dataclass(kind):
        return _dataclass(kind, value, place)
    if isinstance(kind, type) and issubclass(kind, StrEnum | Path):
        return kind(value)
    if not isinstance(value, kind):
        raise NotDecodable(f"{place}: {kind.__name__} is required")
    return value


def _key(kind: type, text: str) -> Any:  # noqa: ANN401
    return kind(text)


def _item(arguments: tuple[Any, ...], index: int, item: object, place: str) -> Any:  # noqa: ANN401
    of_any_length = len(arguments) == 1 or arguments[-1] is ...
    return decode(arguments[0 if of_any_length else index], item, f"{place}[{index}]")


def _dataclass(kind: type, value: Mapping[str, Any], place: str) -> Any:  # noqa: ANN401
    hints = _hints(kind)
    unknown = set(value) - set(hints)
    if unknown:
        raise NotDecodable(f"{place}: unknown: {', '.join(sorted(unknown))}")
    # what an older file lacks has its default, or is missed by the class itself
    return kind(**{name: decode(hints[name], item, f"{place}.{name}") for name, item in value.items()})


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    return get_type_hints(kind)
