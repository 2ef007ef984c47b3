"""Faults that the control service sets: the next N calls of an action fail in a given way."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ram_simulator.calls import Answer
from ram_simulator.errors import ApiError

_KEYS = {"action", "count", "code", "status", "message", "delaySeconds", "lostReply", "emptyBody"}
_ANY_ACTION = "*"


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to fail: an error, a delay, or an answer that does not arrive or is empty though the call took effect."""

    action: str
    code: str = ""
    status: int = 0
    message: str = ""
    delay_seconds: float = 0.0
    lost_reply: bool = False
    empty_body: bool = False


NO_FAULT = Fault(action="")


class Faults:
    """The faults set, in their order; each is used up after its count.

    A call uses up a fault when it has arrived and its signature is found right: before the fault's delay and before
    the call takes effect. Who sees a count fall knows that the call is there and, with a delay, still waits.
    """

    def __init__(self) -> None:
        self._left: list[tuple[Fault, int]] = []
        self._let_go = asyncio.Event()

    def add(self, fault: Fault, count: int) -> None:
        """Let the next `count` calls of the fault's action fail."""
        self._left.append((fault, count))

    def clear(self) -> None:
        """Forget all faults; calls that still wait for a delay go on at once."""
        self._left.clear()
        self._let_go.set()
        self._let_go = asyncio.Event()

    def shown(self) -> list[Answer]:
        """Return what is left in its order, each as the control service takes it, `count` being what is left."""
        return [{"action": fault.action, "count": left, **_way(fault)} for fault, left in self._left]

    async def strike(self, action: str) -> Fault:
        """Use up the next fault of this action: wait if it delays, raise ApiError if it is an error.

        Returns it, as what becomes of the reply is the server's; NO_FAULT if there is none.
        """
        fault = self._next_for(action)
        if fault.delay_seconds:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._let_go.wait(), fault.delay_seconds)
        if fault.code:
            raise ApiError(fault.status, fault.code, fault.message)
        return fault

    def _next_for(self, action: str) -> Fault:
        for index, (fault, left) in enumerate(self._left):
            if fault.action not in (action, _ANY_ACTION):
                continue
            if left > 1:
                self._left[index] = (fault, left - 1)
            else:
                del self._left[index]
            return fault
        return NO_FAULT


def _way(fault: Fault) -> Answer:
    if fault.code:
        return {"code": fault.code, "status": fault.status, "message": fault.message}
    if fault.delay_seconds:
        return {"delaySeconds": fault.delay_seconds}
    return {"lostReply": True} if fault.lost_reply else {"emptyBody": True}


def parse_fault(body: Mapping[str, Any]) -> tuple[Fault, int]:
    """Read a fault and its count from a request of the control service; raise ValueError saying what is wrong."""
    unknown = set(body) - _KEYS
    if unknown:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(sorted(_KEYS))}")
    action, count = body.get("action"), body.get("count", 1)
    if not isinstance(action, str) or not action:
        raise ValueError('"action" is due: the name of an action, or "*" for any')
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise ValueError('"count" must be a whole number of at least 1')
    ways = [name for name in ("code", "delaySeconds", "lostReply", "emptyBody") if body.get(name)]
    if len(ways) != 1:
        raise ValueError('exactly one is due of "code" with "status", "delaySeconds", "lostReply", "emptyBody"')
    return _fault(action, body), count


def _fault(action: str, body: Mapping[str, Any]) -> Fault:
    code, status, delay = body.get("code", ""), body.get("status", 400), body.get("delaySeconds", 0)
    if not isinstance(code, str):
        raise ValueError('"code" must be an error code')
    if not isinstance(status, int) or not 400 <= status <= 599:
        raise ValueError('"status" must be an HTTP status between 400 and 599')
    if not isinstance(delay, int | float) or not 0 <= delay <= 3600:
        raise ValueError('"delaySeconds" must be between 0 and 3600')
    return Fault(
        action=action,
        code=code,
        status=status,
        message=str(body.get("message") or "A fault set by the control service."),
        delay_seconds=float(delay),
        lost_reply=bool(body.get("lostReply")),
        empty_body=bool(body.get("emptyBody")),
    )
