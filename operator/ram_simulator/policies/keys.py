"""What the parts of the grammar share: keys that are known or nearly so, lists of strings, values as people wrote."""

import json
from collections.abc import Mapping
from typing import Any

from ram_simulator.policies.model import MalformedDocument


def check_keys(mapping: Mapping[str, Any], known: tuple[str, ...], place: str) -> None:
    """Raise MalformedDocument if there is a key other than the known ones; one that is merely misspelt is corrected."""
    dot = f"{place}: " if place else ""
    for key in mapping:
        if key in known:
            continue
        # the pages print keys such as "Service "; a key that is merely misspelt deserves its right name
        meant = next((name for name in known if name.lower() == key.strip().lower()), None)
        if meant and key.strip() != key:
            raise MalformedDocument(f'{dot}the key {quoted(key)} has a blank; write "{meant}".')
        if meant:
            raise MalformedDocument(f'{dot}the key {quoted(key)} is not known; write "{meant}".')
        raise MalformedDocument(f"{dot}the key {quoted(key)} is not known; the keys are {', '.join(known)}.")


def strings(value: object, place: str, *, may_be_empty: bool = False) -> list[tuple[str, str]]:
    """Return each string with its place; raise MalformedDocument unless it is a string or a list of strings."""
    if isinstance(value, str):
        return [(place, value)]
    if isinstance(value, list) and (value or may_be_empty) and all(isinstance(item, str) for item in value):
        return [(f"{place}[{index}]", item) for index, item in enumerate(value)]
    raise MalformedDocument(f"{place}: must be a string or a list of strings.")


def quoted(value: object) -> str:
    """Return a value of the document as people wrote it."""
    return json.dumps(value, ensure_ascii=False)
