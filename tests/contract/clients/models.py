"""Answers as the new SDK's models know them: names that a model does not have, and values of another type."""

import importlib
from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin, get_type_hints

from tests.contract.clients.raw import name_of, product_of
from tests.contract.clients.walk import Client

_PACKAGES = {"Ram": "alibabacloud_ram20150501", "Ecs": "alibabacloud_ecs20140526", "Sts": "alibabacloud_sts20150401"}


class Modelled:
    """A client of the walk that compares each answer with its model, and collects what does not fit."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.problems: set[str] = set()
        self.compared: set[str] = set()

    def call(self, action: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the answer of the client below."""
        answer = self._client.call(action, parameters)
        if product_of(action) in _PACKAGES:
            self.compared.add(action)
            self.problems.update(misfits(action, answer))
        return answer


def misfits(action: str, answer: Mapping[str, Any]) -> Iterator[str]:
    """Yield what does not fit in an answer of the action, each with its place."""
    models = importlib.import_module(f"{_PACKAGES[product_of(action)]}.models")
    model = getattr(models, f"{name_of(action)}ResponseBody")().from_map(answer)
    yield from _extra(answer, model.to_map(), action)
    yield from _mistyped(model, action)


def _extra(sent: Any, known: Any, place: str) -> Iterator[str]:
    """Yield the names that the model has dropped."""
    if isinstance(sent, dict):
        for name, value in sent.items():
            if name not in known:
                yield f"{place}.{name} is not in the model"
            else:
                yield from _extra(value, known[name], f"{place}.{name}")
    elif isinstance(sent, list):
        for one, other in zip(sent, known, strict=True):
            yield from _extra(one, other, place)


def _mistyped(model: Any, place: str) -> Iterator[str]:
    for name, hint in get_type_hints(type(model).__init__).items():
        value = getattr(model, name, None)
        if value is not None:
            yield from _mismatch(value, hint, f"{place}.{name}")


def _mismatch(value: Any, hint: Any, place: str) -> Iterator[str]:
    if get_origin(hint) is list and isinstance(value, list):
        for item in value:
            yield from _mismatch(item, get_args(hint)[0], place)
    elif type(value) is not (get_origin(hint) or hint):
        yield f"{place} is a {type(value).__name__}, not {hint}"
    elif hasattr(value, "to_map"):
        yield from _mistyped(value, place)
