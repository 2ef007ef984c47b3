"""Which APIs do not answer at all, so that asking them again does not cost a worker and a thread seconds each time.

Asked by `cloud.client` before each read and told of each answer. A region that hangs must not hold up the objects that
have little or nothing to do with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ram_operator.errors import Unavailable

BELIEVED = 2
"""How many times in a row an API gives no answer before it is believed to be silent."""

FIRST_REST = 5.0
LONGEST_REST = 30.0
"""Seconds for which a silent API is not asked; doubled from the first to the longest."""


@dataclass(frozen=True, slots=True)
class _Silence:
    times: int
    noted_at: float
    error: Unavailable

    @property
    def until(self) -> float:
        """When the API may be asked again."""
        more = self.times - BELIEVED
        return self.noted_at + (min(FIRST_REST * 2.0 ** min(more, 10), LONGEST_REST) if more >= 0 else 0.0)


class Silences:
    """What is known of all APIs, keyed as the cloud counts them: an API, of ECS an API in a region.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: dict[str, _Silence] = {}

    def of(self, api: str) -> Unavailable | None:
        """Return the error that another call would end with, None where the API may be asked."""
        known = self._known.get(api)
        if known is None or self._clock() >= known.until:
            return None
        return Unavailable(known.error.action, known.error.code, known.error.message)

    def heard(self, api: str) -> None:
        """Tell that the API answered, whatever it said."""
        self._known.pop(api, None)

    def unheard(self, api: str, sent_at: float, error: Unavailable) -> None:
        """Tell that a call got no answer. Calls that were under way together count once."""
        known = self._known.get(api)
        if known is None or sent_at >= known.noted_at:
            self._known[api] = _Silence(known.times + 1 if known else 1, self._clock(), error)
