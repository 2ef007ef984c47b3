"""What was called: one entry for each API call, kept for the control service. Never a secret."""

import difflib
import re
from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

_KEPT = 50_000  # entries hold whole policy documents
_SECRET = {"Password", "NewPassword", "OldPassword", "UserData", "OIDCToken"}
# what names of secrets have, however they are misspelt
_SECRET_PARTS = ("password", "userdata", "token", "secret", "signature")


@dataclass(frozen=True, slots=True)
class Entry:
    """One call. `principal` is the caller's ARN, empty if nobody was recognised; `code` is empty for a success.

    `rights` are the pairs of action and resource that policies were asked about.
    """

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
    rights: tuple[tuple[str, str], ...] = ()

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
    rights: tuple[tuple[str, str], ...] = ()


def without_secrets(params: Mapping[str, str], known: Collection[str]) -> dict[str, str]:
    """Return parameters as the journal may keep them; the action knows those of the names `known`."""
    return {name: "***" if _may_be_secret(name, known) else value for name, value in params.items()}


def _may_be_secret(name: str, known: Collection[str]) -> bool:
    if name in _SECRET or name in known:
        return name in _SECRET
    letters = re.sub("[^a-z]", "", name.lower())
    # four of five letters are right: UserName is not UserData
    close = difflib.get_close_matches(letters, _SECRET_PARTS, n=1, cutoff=0.8)
    return bool(close) or any(part in letters for part in _SECRET_PARTS)


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
            rights=record.rights,
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
