"""Which APIs do not answer at all, so that asking them again does not cost a worker and a thread seconds each time.

Asked by `cloud.client` before each read and told of each answer. A region that hangs must not hold up the objects that
have little or nothing to do with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ram_operator.errors import Unavailable

BELIEVED = 2
"""How many times in a row an API gives no answer before it is believed to be silent."""

FIRST_REST = 5.0
LONGEST_REST = 30.0
"""Seconds for which a silent API is not asked; doubled from the first to the longest."""

ASKED_SECONDS = 15.0
"""For how long the one call that asks again is waited for: longer than it may take."""


@dataclass(frozen=True, slots=True)
class _Silence:
    times: int
    noted_at: float
    until: float
    error: Unavailable


class Silences:
    """What is known of all APIs, keyed as the cloud counts them: an API, of ECS an API in a region.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: dict[str, _Silence] = {}

    def of(self, api: str) -> Unavailable | None:
        """Return the error that another call would end with, None where the API may be asked.

        After a rest one call may: what becomes of it is waited for by all others.
        """
        known = self._known.get(api)
        if known is None or known.times < BELIEVED:
            return None
        now = self._clock()
        if now >= known.until:
            self._known[api] = replace(known, until=now + ASKED_SECONDS)
            return None
        return Unavailable(known.error.action, known.error.code, known.error.message)

    def heard(self, api: str) -> None:
        """Tell that the API answered, whatever it said."""
        self._known.pop(api, None)

    def unheard(self, api: str, sent_at: float, error: Unavailable) -> None:
        """Tell that a call got no answer. Calls that were under way together count once."""
        known, now = self._known.get(api), self._clock()
        if known is None or sent_at >= known.noted_at:
            times = known.times + 1 if known else 1
            rest = min(FIRST_REST * 2.0 ** min(times - BELIEVED, 10), LONGEST_REST)
            self._known[api] = _Silence(times, now, now + rest, error)
