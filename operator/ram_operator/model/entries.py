"""The lists in `status` whose entries stand for subjects: their claims, why steps are withheld, and how long they are.

The API server keeps an object as one value of at most 1.5 MiB in etcd, spec and metadata included.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ram_operator.model.names import Json
from ram_operator.model.reasons import Reason

ENTRY_MESSAGE_LENGTH = 256
"""The longest message of an entry."""
LIST_BYTES = 1_010_000
"""The most that a list takes: where many entries have long messages, each of them is shortened."""
_SHORTER = (ENTRY_MESSAGE_LENGTH, 128, 64, 16, 0)
_ESCAPED = "<>&"
"""Characters that the API server stores as six, as Go's encoder of JSON does; Python's writes one."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a list in `status` that stands for a subject: a row of instances, a managed policy.

    Args:
        subject: the subject of the steps that it belongs to.
        value: what it says where those steps may be made; None where there is no such entry then. It is the claim on
            what the steps write.
        withheld: what it says where they are withheld: no claim that is not stored yet; None for no entry.
        claims: whether `value` has a claim that is not stored yet.
        explains: whether the entry has `reason` and `message`, which then say why its steps are withheld.
    """

    subject: str
    value: Json
    withheld: Json = None
    claims: bool = False
    explains: bool = False


def listed(rows: Sequence[Entry], reasons: Mapping[str, tuple[Reason, str]]) -> list[Json]:
    """The list as it is stored; `reasons` are reason and message of the subjects whose steps are withheld."""
    values = [value for row in rows if (value := _value(row, reasons.get(row.subject))) is not None]
    return next((fitting for fitting in _shortened(values) if _stored_bytes(fitting) <= LIST_BYTES), values)


def _value(row: Entry, why: tuple[Reason, str] | None) -> Json:
    if why is None:
        return row.value
    if row.withheld is None or not row.explains:
        return row.withheld
    reason, message = why
    return {**row.withheld, "reason": reason.value, "message": message}


def _shortened(values: list[Json]) -> Iterable[list[Json]]:
    """The list with ever shorter messages."""
    for length in _SHORTER:
        yield [_with_message(value, length) for value in values]


def _with_message(value: Json, length: int) -> Json:
    if not isinstance(value, Mapping) or len(message := value.get("message", "")) <= length:
        return value
    without = {key: each for key, each in value.items() if key != "message"}
    return {**without, "message": f"{message[: length - 3]}..."} if length else without


def _stored_bytes(values: list[Json]) -> int:
    """At most what the API server makes of a list; it writes letters beyond ASCII shorter than Python's encoder."""
    text = json.dumps(values)
    return len(text) + 5 * sum(map(text.count, _ESCAPED))
