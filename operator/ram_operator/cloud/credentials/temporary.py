"""Temporary credentials, renewed in the background so that signing never waits for them.

Built in `cloud.connection` around one of the sources of `cloud.credentials.sources`. A renewal that fails keeps the
credentials that are there: they are good until they end.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from ram_operator.cloud.credentials import Credentials, NoCredentials
from ram_operator.errors import CloudError

log = logging.getLogger(__name__)

SHARE_OF_LIFE = 0.5
"""Which part of their life credentials are used before they are renewed."""

SHORTEST_WAIT = 1.0
FIRST_RETRY = 2.0
LONGEST_RETRY = 60.0
"""Seconds between two renewals, and after a failed one; doubled from the first to the longest."""


@dataclass(frozen=True, slots=True)
class Temporary:
    """Credentials with an end, in seconds since the epoch."""

    credentials: Credentials
    expires_at: float


class RenewedCredentials:
    """Implements `CredentialsProvider`.

    Args:
        fetch: returns fresh ones, or raises a CloudError that shows nothing secret.
        now: the time of day, in seconds since the epoch: it counts on while the machine sleeps.
        jitter: a number from 0 to 1, so that many replicas do not renew at the same time.
    """

    def __init__(
        self, fetch: Callable[[], Awaitable[Temporary]], now: Callable[[], float], jitter: Callable[[], float]
    ) -> None:
        self._fetch = fetch
        self._now = now
        self._jitter = jitter
        self._held: Temporary | None = None
        self._problem = "they have not been fetched yet"
        self._tried = asyncio.Event()
        self._wanted = asyncio.Event()

    def current(self) -> Credentials:
        """Return the credentials; raises NoCredentials where there are none, or they ended."""
        if self._held and self._now() < self._held.expires_at:
            return self._held.credentials
        self._wanted.set()
        raise NoCredentials(f"no credentials: {self._problem}")

    async def tried(self) -> None:
        """Wait until the first attempt to fetch them is over."""
        await self._tried.wait()

    async def run(self) -> None:
        """Renew them, without an end."""
        retry = FIRST_RETRY
        while True:
            self._wanted.clear()
            try:
                self._held = await self._fetch()
            except CloudError as error:
                self._problem = str(error)
                log.warning("the credentials could not be renewed, trying again", extra={"error": str(error)})
                wait, retry = retry, min(2 * retry, LONGEST_RETRY)
                urgent = False
            else:
                until = datetime.fromtimestamp(self._held.expires_at, UTC).isoformat(timespec="seconds")
                log.info("credentials renewed", extra={"until": until})
                wait, retry = (self._held.expires_at - self._now()) * SHARE_OF_LIFE, FIRST_RETRY
                urgent = True
            self._tried.set()
            await self._wait(max(wait * (1 - 0.1 * self._jitter()), SHORTEST_WAIT), urgent)

    async def _wait(self, seconds: float, urgent: bool) -> None:
        """Wait; where `urgent`, no longer than until a call finds the credentials ended: the machine may have slept."""
        if not urgent:
            return await asyncio.sleep(seconds)
        try:
            async with asyncio.timeout(seconds):
                await self._wanted.wait()
        except TimeoutError:
            return None
