"""What was called: one entry for each API call, kept for the control service. Never a secret."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

_KEPT = 50_000  # entries hold whole policy documents


@dataclass(frozen=True, slots=True)
class Entry:
    """One call. `principal` is the caller's ARN, empty if nobody was recognised; `code` is empty for a success."""

    seq: int
    time: datetime
    product: str
    action: str
    principal: str
    params: Mapping[str, str]
    status: int
    code: str
    write: bool
    unknown_params: tuple[str, ...] = ()

    def shown(self) -> dict[str, Any]:
        """Render the entry as the control service shows it."""
        return {
            "seq": self.seq,
            "time": self.time.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "product": self.product,
            "action": self.action,
            "principal": self.principal,
            "params": dict(self.params),
            "status": self.status,
            "code": self.code,
            "write": self.write,
            "unknownParams": list(self.unknown_params),
        }


@dataclass(slots=True)
class Record:
    """What is known of a call while it is carried out; it becomes an entry when it has an answer."""

    product: str = ""
    action: str = ""
    principal: str = ""
    params: Mapping[str, str] | None = None
    write: bool = False
    unknown_params: tuple[str, ...] = ()


class Journal:
    """The newest calls in their order; numbers go on for ever."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=_KEPT)
        self._next = 1

    def add(self, record: Record, time: datetime, status: int, code: str) -> None:
        """Note a call that has its answer."""
        entry = Entry(
            seq=self._next,
            time=time,
            product=record.product,
            action=record.action,
            principal=record.principal,
            params=record.params or {},
            status=status,
            code=code,
            write=record.write,
            unknown_params=record.unknown_params,
        )
        self._entries.append(entry)
        self._next += 1

    @property
    def last(self) -> int:
        """The number of the newest call, 0 before the first."""
        return self._next - 1

    def newest(self, count: int) -> list[Entry]:
        """Return the newest entries, the newest first."""
        return list(islice(reversed(self._entries), count))

    def since(self, seq: int) -> list[Entry]:
        """Return the entries with a number above `seq`."""
        first = self._entries[0].seq if self._entries else self._next
        return list(islice(self._entries, max(0, seq + 1 - first), None))
