"""Temporary credentials: renewed before they end, kept when that fails, never waited for. In virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ram_operator.cloud.credentials import Credentials, NoCredentials
from ram_operator.cloud.credentials.temporary import LONGEST_RETRY, RenewedCredentials, Temporary
from ram_operator.errors import Unavailable

pytestmark = pytest.mark.looptime

LIFE = 3600.0
EPOCH = 1_700_000_000.0
FAILURE = Unavailable("AssumeRoleWithOIDC", "SDK.ConnectionFailed", "https://sts.aliyuncs.com: no connection")


class Cloud:
    """Gives credentials numbered from 1, each for an hour, or fails.

    `slept` are seconds for which the machine was suspended: the time of day has gone on, the event loop's has not.
    """

    def __init__(self, *, failing: bool = False) -> None:
        self.failing = failing
        self.slept = 0.0
        self.asked: list[float] = []

    def now(self) -> float:
        return EPOCH + asyncio.get_running_loop().time() + self.slept

    async def fetch(self) -> Temporary:
        self.asked.append(asyncio.get_running_loop().time())
        if self.failing:
            raise FAILURE
        return Temporary(Credentials(f"key-{len(self.asked)}", "secret", "token"), self.now() + LIFE)

    @asynccontextmanager
    async def renewed(self) -> AsyncIterator[RenewedCredentials]:
        credentials = RenewedCredentials(self.fetch, self.now, lambda: 0.0)
        running = asyncio.create_task(credentials.run())
        await credentials.tried()
        try:
            yield credentials
        finally:
            running.cancel()
            await asyncio.wait({running})


async def test_they_are_renewed_when_half_of_their_life_is_over() -> None:
    cloud = Cloud()
    async with cloud.renewed() as credentials:
        assert credentials.current().access_key_id == "key-1"
        await asyncio.sleep(3 * LIFE + 1)
        assert credentials.current().access_key_id == "key-7"
    assert cloud.asked == pytest.approx([number * LIFE / 2 for number in range(7)])


async def test_a_renewal_that_fails_keeps_them_until_they_end() -> None:
    cloud = Cloud()
    async with cloud.renewed() as credentials:
        cloud.failing = True
        await asyncio.sleep(LIFE - 1)
        assert credentials.current().access_key_id == "key-1"
        await asyncio.sleep(2)
        with pytest.raises(NoCredentials, match="no connection"):
            credentials.current()
        cloud.failing = False
        await asyncio.sleep(LONGEST_RETRY)
        assert credentials.current().access_key_id == f"key-{len(cloud.asked)}"


async def test_failed_renewals_are_tried_again_less_and_less_often() -> None:
    cloud = Cloud(failing=True)
    async with cloud.renewed() as credentials:
        await asyncio.sleep(300)
        with pytest.raises(NoCredentials):
            credentials.current()
    waits = [later - earlier for earlier, later in zip(cloud.asked, cloud.asked[1:], strict=False)]
    assert waits == pytest.approx([2, 4, 8, 16, 32, *[LONGEST_RETRY] * (len(waits) - 5)])


async def test_a_machine_that_was_asleep_renews_them_at_once() -> None:
    cloud = Cloud()
    async with cloud.renewed() as credentials:
        cloud.slept = 2 * LIFE
        with pytest.raises(NoCredentials):
            credentials.current()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert credentials.current().access_key_id == "key-2"
    assert cloud.asked == [0.0, 0.0]


async def test_those_that_have_ended_when_they_come_are_not_asked_for_without_a_pause() -> None:
    cloud = Cloud()
    cloud.slept = -2 * LIFE
    async with cloud.renewed():
        cloud.slept = 0.0
        await asyncio.sleep(10)
    assert len(cloud.asked) <= 11
