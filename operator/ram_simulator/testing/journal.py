"""What was called: one entry for each API call, kept for the control service. Never a secret."""

import difflib
import re
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from ram_simulator.cloud.errors import ApiError

_KEPT = 50_000  # entries hold whole policy documents
_SECRET = {"Password", "NewPassword", "OldPassword", "UserData", "OIDCToken", "SAMLAssertion"}
# what names of secrets have, however they are misspelt
_SECRET_PARTS = ("password", "userdata", "token", "secret", "signature")
# what a wrong signature is answered with holds all parameters from here on
_ALL_PARAMETERS = "server string to sign"
_LONGEST_REASON = 1000
_HIDDEN = "***"
_SAID_BY_POLICIES = {"ImplicitDeny": "no policy allows it", "ExplicitDeny": "a policy denies it"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One call. `principal` is the caller's ARN, empty if nobody was recognised.

    `code` and `reason`, why it was refused, are empty for a success.

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
    reason: str = ""

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
            "reason": self.reason,
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
    reason: str = ""
    _secrets: tuple[str, ...] = ()

    def note_params(self, params: Mapping[str, str], known: Collection[str]) -> None:
        """Note parameters as the journal may keep them; the action knows those of the names `known`."""
        secret = [name for name in params if _may_be_secret(name, known)]
        self.params = {**params, **dict.fromkeys(secret, _HIDDEN)}
        self._secrets = tuple(params[name] for name in secret if params[name])

    def note_refusal(self, error: ApiError) -> None:
        """Note why a call is refused: the message of the answer, and what policies say."""
        reason = error.message.partition(_ALL_PARAMETERS)[0][:_LONGEST_REASON].rstrip()
        for value in self._secrets:
            reason = reason.replace(value, _HIDDEN)
        if said := _SAID_BY_POLICIES.get((error.detail or {}).get("NoPermissionType", "")):
            reason = f"{reason} ({said})"
        self.reason = reason


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
            reason=record.reason,
        )
        self._entries.append(entry)
        self._next += 1

    @property
    def last(self) -> int:
        """The number of the newest call, 0 before the first."""
        return self._next - 1

    def newest(self, count: int, wanted: Callable[[Entry], bool] = lambda entry: True) -> list[Entry]:
        """Return the newest entries that are wanted, the newest first."""
        return list(islice(filter(wanted, reversed(self._entries)), count))

    def since(self, seq: int) -> list[Entry]:
        """Return the entries with a number above `seq`."""
        first = self._entries[0].seq if self._entries else self._next
        return list(islice(self._entries, max(0, seq + 1 - first), None))
