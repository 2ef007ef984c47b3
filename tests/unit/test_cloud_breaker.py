"""A circuit breaker opens for an API that does not answer, each time for longer, and for that API alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ram_operator.cloud import Cloud
from ram_operator.cloud.client.breaker import CircuitBreakers
from ram_operator.cloud.client.transport import Deadlines
from ram_operator.cloud.connection import CloudConfig, connect
from ram_operator.cloud.credentials import KEY_ID_VARIABLE, KEY_SECRET_VARIABLE, EnvironmentCredentials
from ram_operator.errors import NotFound, Unavailable

API, OTHER = "DescribeInstanceRamRole@cn-beijing", "DescribeInstanceRamRole@cn-hangzhou"
ERROR = Unavailable("DescribeInstanceRamRole", "SDK.ReadTimeout", "no answer within 10 s")


class Story:
    """Calls that get no answer, each ten seconds after it was sent."""

    def __init__(self) -> None:
        self.now = 100.0
        self.breakers = CircuitBreakers(lambda: self.now)

    def call_fails(self, sent_at: float | None = None) -> None:
        sent = self.now if sent_at is None else sent_at
        self.now = max(self.now, sent + 10)
        self.breakers.failed(API, sent, ERROR)

    def stays_open(self) -> float:
        """For how many seconds the breaker stays open from now on."""
        began = self.now
        while self.breakers.check(API):
            self.now += 0.5
        return self.now - began


def test_one_call_without_an_answer_opens_nothing() -> None:
    story = Story()
    story.call_fails()
    assert story.breakers.check(API) is None


def test_the_breaker_of_an_api_that_never_answers_opens_for_longer_each_time() -> None:
    story = Story()
    story.call_fails()
    durations = []
    for _ in range(6):
        story.call_fails()
        durations.append(story.stays_open())
    assert durations == [5, 10, 20, 30, 30, 30]


def test_the_error_is_the_one_that_was_met() -> None:
    story = Story()
    story.call_fails()
    story.call_fails()
    assert str(story.breakers.check(API)) == str(ERROR)
    assert story.breakers.check(OTHER) is None


def test_any_answer_closes_the_breaker() -> None:
    story = Story()
    story.call_fails()
    story.call_fails()
    story.breakers.succeeded(API)
    assert story.breakers.check(API) is None
    story.call_fails()
    assert story.breakers.check(API) is None


def test_calls_that_were_under_way_together_count_once() -> None:
    story = Story()
    began = story.now
    for _ in range(20):
        story.call_fails(began)
    assert story.breakers.check(API) is None


def test_a_half_open_breaker_lets_one_call_through() -> None:
    story = Story()
    story.call_fails()
    story.call_fails()
    story.stays_open()
    assert [story.breakers.check(API) is None for _ in range(16)] == [False] * 16
    story.breakers.succeeded(API)
    assert story.breakers.check(API) is None


def test_a_probe_that_never_comes_back_does_not_keep_the_breaker_open_for_ever() -> None:
    story = Story()
    story.call_fails()
    story.call_fails()
    story.stays_open()
    assert story.stays_open() == 15


class Moody:
    """A server that leaves some requests without an answer, and says of the others that there is no such role."""

    def __init__(self, patience: float) -> None:
        self._deadlines = Deadlines(call=patience)
        self._ended = asyncio.Event()
        self.asked = 0
        self.answers = False

    async def was_asked(self, times: int) -> bool:
        """Whether as many requests came, once they did: the last one may be under way still."""
        async with asyncio.timeout(60):
            while self.asked < times:
                await asyncio.sleep(0.01)
        return self.asked == times

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        if self.answers:
            body = b'{"Code": "EntityNotExist.Role"}'
            writer.write(
                b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body
            )
        else:
            await self._ended.wait()
        writer.close()

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Cloud]:
        listener = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        credentials = EnvironmentCredentials({KEY_ID_VARIABLE: "key", KEY_SECRET_VARIABLE: "secret"})
        # The clock stands still: no breaker closes because the machine is slow.
        connection = connect(CloudConfig(credentials, url, url, url, deadlines=self._deadlines), lambda: 100.0)
        try:
            yield connection.cloud
        finally:
            self._ended.set()
            await connection.close()
            listener.close()


async def test_a_server_that_never_answers_is_not_asked_a_third_time_and_writes_are() -> None:
    server = Moody(0.5)
    async with server.connected() as cloud:
        for _ in range(4):
            with pytest.raises(Unavailable, match=r"SDK\.ReadTimeout"):
                await cloud.ram.get_role("EcsRole")
        assert await server.was_asked(2)
        for _ in range(3):
            with pytest.raises(Unavailable):
                await cloud.ram.delete_role("EcsRole")
        assert await server.was_asked(5)


async def test_a_server_that_answers_now_and_then_is_asked_each_time() -> None:
    server = Moody(2.0)
    async with server.connected() as cloud:
        for answers in (False, True, False, True):
            server.answers = answers
            with pytest.raises(NotFound if answers else Unavailable):
                await cloud.ram.get_role("EcsRole")
        assert await server.was_asked(4)
