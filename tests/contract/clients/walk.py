"""What the walk of a client is: rows that say what to call and what must come of it, and the comparison.

A client brings one verb, `call`. The rows are in `pages` and `people`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

ROOT, DEV = ("simulator-root", "simulator-root-secret"), ("simulator-dev", "simulator-dev-secret")


class Refused(Exception):
    """An error answer, as every client tells it: HTTP status, code and message."""

    def __init__(self, status: int, code: str, message: str = "") -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message


class Client(Protocol):
    """What a client of the walk can do."""

    def call(self, action: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the answer as the wire has it; raise Refused if it is an error."""


@dataclass(frozen=True, slots=True)
class Row:
    """One call of the walk.

    Attributes:
        action: what to call.
        parameters: by their names on the wire; text, numbers, booleans, or a list where RAM takes tags.
        shows: values that the answer must have, by their place in it such as `Role.RoleName` or `Policies.Policy.0`.
        refused: status and code of the error that is due instead.
        says: what the error's message must contain.
        caller: the key to call with.
    """

    action: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    shows: Mapping[str, Any] = field(default_factory=dict)
    refused: tuple[int, str] | None = None
    says: Sequence[str] = ()
    caller: tuple[str, str] = ROOT


@dataclass(frozen=True, slots=True)
class World:
    """Instances of the fixture that the rows are about."""

    vpc: Sequence[str]
    classic: str
    elsewhere: str


def difference(row: Row, outcome: Mapping[str, Any] | Refused) -> str | None:
    """Return what is wrong with an outcome of the row, None if nothing is."""
    place = f"{row.action}({', '.join(f'{name}={str(value)[:60]}' for name, value in row.parameters.items())})"
    if isinstance(outcome, Refused):
        return _refusal_difference(row, outcome, place)
    if row.refused:
        return f"{place} was answered: {outcome}"
    found = {where: _at(outcome, where) for where in row.shows}
    return None if found == dict(row.shows) else f"{place}: {found} where {row.shows} is due"


def _refusal_difference(row: Row, outcome: Refused, place: str) -> str | None:
    if row.refused != (outcome.status, outcome.code):
        return f"{place}: {outcome} where {row.refused or 'an answer'} is due"
    unsaid = [text for text in row.says if text not in outcome.message]
    return f"{place}: {unsaid} is not in {outcome.message!r}" if unsaid else None


def _at(answer: Any, where: str) -> Any:
    for step in where.split("."):
        try:
            answer = answer[int(step)] if isinstance(answer, list) else answer[step]
        except (IndexError, KeyError, TypeError):
            return None
    return answer


Outcome = Mapping[str, Any] | Refused


def walked(clients: Mapping[tuple[str, str], Client], called: Sequence[Row]) -> list[str]:
    """Call all rows, each with the client of its key, and return what was wrong; nothing is as it should be."""
    outcomes: list[Outcome] = []
    for row in called:
        try:
            outcomes.append(clients[row.caller].call(row.action, row.parameters))
        except Refused as refused:
            outcomes.append(refused)
    return differences(called, outcomes)


def differences(called: Sequence[Row], outcomes: Sequence[Outcome]) -> list[str]:
    """Return what was wrong with the outcomes of rows."""
    found = [difference(row, outcome) for row, outcome in zip(called, outcomes, strict=True)]
    return [text for text in found if text]
