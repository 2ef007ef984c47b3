"""Two times: the simulated one (credentials, dates, quotas) and the real one (signatures, nonces).

Built in `__main__`, moved by the control service, read by every rule that needs a date.
"""

from collections.abc import Callable
from datetime import UTC, datetime

_FARTHEST = 100 * 365 * 86400  # dates have four digits for the year, and something is added to most of them


class Clock:
    """A clock that can be advanced by whole or broken seconds and set back to real time."""

    def __init__(self, real_time: Callable[[], float]) -> None:
        self._real_time = real_time
        self._advanced = 0.0

    def real_now(self) -> float:
        """Return real seconds since the epoch."""
        return self._real_time()

    def now(self) -> datetime:
        """Return the simulated time in UTC."""
        return datetime.fromtimestamp(self._real_time() + self._advanced, UTC)

    @property
    def advanced(self) -> float:
        """How many seconds the simulated time is ahead of the real one."""
        return self._advanced

    def advance(self, seconds: float) -> None:
        """Move the simulated time forward by `seconds`; raise ValueError if they are negative or too many."""
        if not 0 <= seconds <= _FARTHEST - self._advanced:
            most = int(_FARTHEST - self._advanced)
            raise ValueError(
                f"the clock may be advanced by 0 to {most} seconds now, not by {seconds}; a reset sets it back"
            )
        self._advanced += seconds

    def follow_real_time(self) -> None:
        """Undo every advance."""
        self._advanced = 0.0


def to_seconds(moment: datetime) -> str:
    """Render a date as RAM, STS and the metadata service do: `YYYY-MM-DDThh:mm:ssZ`."""
    # lists render two dates a row, and strftime takes ten times as long
    return f"{moment.isoformat()[:19]}Z"


def to_minutes(moment: datetime) -> str:
    """Render a date as ECS does: `YYYY-MM-DDThh:mmZ`."""
    return moment.strftime("%Y-%m-%dT%H:%MZ")
