"""Faults that the control service sets: the next N calls of an action fail in a given way."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import UnionType
from typing import Any

from ram_simulator.cloud.calls import Answer
from ram_simulator.cloud.errors import ApiError
from ram_simulator.cloud.spelling import check_keys, suggestion

_KEYS = (
    "action",
    "params",
    "count",
    "code",
    "status",
    "message",
    "retryAfterMs",
    "delaySeconds",
    "lostReply",
    "emptyBody",
)
_WAYS = '"code" with "status", "delaySeconds", "lostReply": true, "emptyBody": true'
_ANY_ACTION = "*"


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to fail: an error, a delay, or an answer that does not arrive or is empty though the call took effect.

    It is for calls of `action` that have the parameters `params`, and maybe others.
    """

    action: str
    params: Mapping[str, str] = field(default_factory=dict)
    code: str = ""
    status: int = 0
    message: str = ""
    retry_after_ms: int | None = None
    delay_seconds: float = 0.0
    lost_reply: bool = False
    empty_body: bool = False

    def is_for(self, action: str, params: Mapping[str, str]) -> bool:
        """Say whether a call is one that this strikes."""
        return self.action in (action, _ANY_ACTION) and self.params.items() <= params.items()

    def check(self) -> None:
        """Raise ApiError if it is an error."""
        if self.code:
            error = ApiError(self.status, self.code, self.message)
            error.retry_after_ms = self.retry_after_ms
            raise error


NO_FAULT = Fault(action="")


class Faults:
    """The faults set, in their order; each is used up after its count.

    A call uses up a fault when it has arrived and its signature is found right: before the fault's delay and before
    the call takes effect. Who sees a count fall knows that the call is there and, with a delay, still waits.
    """

    def __init__(self) -> None:
        self._left: list[tuple[Fault, int]] = []
        self._held: list[asyncio.Future[bool]] = []

    def add(self, fault: Fault, count: int) -> None:
        """Let the next `count` calls of the fault's action fail."""
        self._left.append((fault, count))

    def clear(self) -> None:
        """Forget all faults; calls that still wait for a delay go on at once."""
        self._end(go_on=True)

    def abandon(self) -> None:
        """Forget all faults; calls that still wait for a delay fail, as the cloud they were meant for is no more."""
        self._end(go_on=False)

    def shown(self) -> list[Answer]:
        """Return what is left in its order, each as the control service takes it, `count` being what is left."""
        return [{**_whom(fault), "count": left, **_way(fault)} for fault, left in self._left]

    async def strike(self, action: str, params: Mapping[str, str]) -> Fault:
        """Use up the next fault for this call: wait if it delays, raise ApiError if it is an error.

        Returns it, as what becomes of the reply is the server's; NO_FAULT if there is none.
        """
        fault = self._next_for(action, params)
        await self.wait(fault.delay_seconds)
        fault.check()
        return fault

    async def wait(self, seconds: float) -> None:
        """Let a call wait, unless the faults are cleared meanwhile; raise ApiError if the simulator is reset."""
        if seconds and not await self._hold(seconds):
            raise ApiError(503, "ServiceUnavailable", "The simulator was reset while a fault delayed this call.")

    async def _hold(self, seconds: float) -> bool:
        """Wait until the time is over or somebody ends the waiting; return whether the call goes on."""
        held = asyncio.get_running_loop().create_future()
        self._held.append(held)
        try:
            return await asyncio.wait_for(held, seconds)
        except TimeoutError:
            return True
        finally:
            self._held.remove(held)

    def _end(self, *, go_on: bool) -> None:
        self._left.clear()
        for held in self._held:
            if not held.done():
                held.set_result(go_on)

    def _next_for(self, action: str, params: Mapping[str, str]) -> Fault:
        for index, (fault, left) in enumerate(self._left):
            if not fault.is_for(action, params):
                continue
            if left > 1:
                self._left[index] = (fault, left - 1)
            else:
                del self._left[index]
            return fault
        return NO_FAULT


def _whom(fault: Fault) -> Answer:
    return {"action": fault.action, **({"params": dict(fault.params)} if fault.params else {})}


def _way(fault: Fault) -> Answer:
    if fault.code:
        later = {} if fault.retry_after_ms is None else {"retryAfterMs": fault.retry_after_ms}
        return {"code": fault.code, "status": fault.status, "message": fault.message, **later}
    if fault.delay_seconds:
        return {"delaySeconds": fault.delay_seconds}
    return {"lostReply": True} if fault.lost_reply else {"emptyBody": True}


def parse_fault(body: Mapping[str, Any], actions: Mapping[str, Collection[str]]) -> tuple[Fault, int]:
    """Read a fault and its count from a request of the control service.

    Raises ValueError saying what is wrong, also if the action is none of `actions`, or has no such parameters (it may
    have any if none are known): its fault would strike nothing.
    """
    check_keys(body, _KEYS)
    action, count = body.get("action"), body.get("count", 1)
    if not isinstance(action, str) or not action:
        raise ValueError('"action" is required: the name of an action such as "CreateRole", or "*" for any')
    if action not in actions and action != _ANY_ACTION:
        hint = suggestion(action, actions) or " `ram-simulator actions` lists them."
        raise ValueError(f'"action": no product has an action {action!r}.{hint}')
    _check_params(body.get("params", {}), actions.get(action, ()))
    if not _is_number(count, int) or count < 1:
        raise ValueError(f'"count" must be a whole number of at least 1, not {count!r}')
    ways = [name for name in ("code", "delaySeconds", "lostReply", "emptyBody") if body.get(name)]
    if len(ways) != 1:
        raise ValueError(f"exactly one is required of {_WAYS}; there is {' and '.join(ways) or 'none'}")
    return _fault(action, body), count


def _check_params(params: object, known: Collection[str]) -> None:
    if not isinstance(params, dict) or not all(isinstance(value, str) for value in params.values()):
        raise ValueError(f'"params" must be parameters with their values, such as {{"RoleName": "x"}}, not {params!r}')
    for name in params:
        # lists have numbers in their names, as Tag.1.Key has
        if known and name.partition(".")[0] not in known:
            raise ValueError(f'"params": the action has no parameter {name}.{suggestion(name, known)}')


def _fault(action: str, body: Mapping[str, Any]) -> Fault:
    code, status, delay = body.get("code", ""), body.get("status", 400), body.get("delaySeconds", 0)
    if not isinstance(code, str):
        raise ValueError(f'"code" must be an error code such as "InternalError", not {code!r}')
    if not _is_number(status, int) or not 400 <= status <= 599:
        raise ValueError(f'"status" must be an HTTP status between 400 and 599, not {status!r}')
    if not _is_number(delay, int | float) or not 0 <= delay <= 3600:
        raise ValueError(f'"delaySeconds" must be a number between 0 and 3600, not {delay!r}')
    later = body.get("retryAfterMs")
    if later is not None and not (code and _is_number(later, int) and 0 <= later <= 3_600_000):
        raise ValueError(f'"retryAfterMs" must be a number of milliseconds up to 3600000, with a "code", not {later!r}')
    for name in ("lostReply", "emptyBody"):
        if not isinstance(body.get(name, False), bool):
            raise ValueError(f'"{name}" must be true, not {body[name]!r}')
    return Fault(
        action=action,
        params=body.get("params", {}),
        code=code,
        status=status,
        message=str(body.get("message") or "A fault set by the control service."),
        retry_after_ms=later,
        delay_seconds=float(delay),
        lost_reply=body.get("lostReply", False),
        empty_body=body.get("emptyBody", False),
    )


def _is_number(value: object, kind: UnionType | type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)
