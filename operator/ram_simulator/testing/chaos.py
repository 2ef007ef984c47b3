"""Chaos: calls that take long, fail or lose their answers at random, and again the same for the same seed.

What becomes of a call depends on the seed, its action and how many calls of that action came before it since the
start or the last reset, so that other calls in between change nothing.
"""

from random import Random

from ram_simulator.testing.faults import NO_FAULT, Fault

_MOST_SECONDS = 0.3
# of a hundred calls so many are slow, and so many fail in each way
_SLOW = 30
_FAILURES = (
    (Fault("*", code="Throttling.User", status=400, message="Request was denied due to user flow control."), 5),
    (Fault("*", code="Throttling.Api", status=400, message="Request was denied due to api flow control."), 2),
    (
        Fault("*", code="ServiceUnavailable", status=503, message="The request has failed due to a temporary failure."),
        3,
    ),
    (Fault("*", code="InternalError", status=500, message="The request processing has failed."), 2),
    (Fault("*", code="OperationConflict", status=409, message="The operation conflicts with another one."), 1),
    (Fault("*", lost_reply=True), 1),
    (Fault("*", empty_body=True), 1),
)


class Chaos:
    """Decides about calls by a seed."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._calls: dict[str, int] = {}

    def next_for(self, action: str) -> tuple[Fault, float]:
        """Return how the next call of an action fails, NO_FAULT if it does not, and the seconds that it takes."""
        number = self._calls[action] = self._calls.get(action, 0) + 1
        random = Random(f"{self._seed}/{action}/{number}")
        seconds = random.uniform(0, _MOST_SECONDS) if random.randrange(100) < _SLOW else 0.0
        drawn = random.randrange(100)
        for fault, share in _FAILURES:
            if drawn < share:
                return fault, seconds
            drawn -= share
        return NO_FAULT, seconds

    def begin_again(self) -> None:
        """Count calls from the beginning."""
        self._calls.clear()
