"""Circuit breakers: an API that does not answer is not called again for a while, so that it holds no worker and thread.

Asked by `cloud.client` before each read and told of each answer. A region that hangs must not delay the objects that
have little or nothing to do with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ram_operator.errors import Unavailable

THRESHOLD = 2
"""How many calls in a row must end without an answer before the breaker opens."""

SHORTEST_OPEN = 5.0
LONGEST_OPEN = 30.0
"""Seconds for which a breaker stays open; doubled from the first to the longest."""

PROBE_SECONDS = 15.0
"""How long all others wait for the one call that probes a half-open breaker: longer than that call may take."""


@dataclass(frozen=True, slots=True)
class _Failures:
    """The calls in a row that got no answer; the breaker is closed while they are fewer than the threshold."""

    count: int
    noted_at: float
    open_until: float
    error: Unavailable


class CircuitBreakers:
    """One breaker for each key that `cloud.client` uses: an API, for ECS an API in a region.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failing: dict[str, _Failures] = {}

    def check(self, api: str) -> Unavailable | None:
        """Return the error that another call would end with, None where the API may be called.

        When the time of an open breaker is over, it lets one call through, and the others wait for its outcome.
        """
        failures = self._failing.get(api)
        if failures is None or failures.count < THRESHOLD:
            return None
        now = self._clock()
        if now >= failures.open_until:
            self._failing[api] = replace(failures, open_until=now + PROBE_SECONDS)
            return None
        return Unavailable(failures.error.action, failures.error.code, failures.error.message)

    def succeeded(self, api: str) -> None:
        """Record that the API answered, whatever it answered: the breaker closes."""
        self._failing.pop(api, None)

    def failed(self, api: str, sent_at: float, error: Unavailable) -> None:
        """Record a call without an answer. Calls that were under way at the same time count as one."""
        failures, now = self._failing.get(api), self._clock()
        if failures is None or sent_at >= failures.noted_at:
            count = failures.count + 1 if failures else 1
            duration = min(SHORTEST_OPEN * 2.0 ** min(count - THRESHOLD, 10), LONGEST_OPEN)
            self._failing[api] = _Failures(count, now, now + duration, error)
