"""An API that does not answer is left alone for a while, longer each time, and only that API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ram_operator.cloud import Cloud
from ram_operator.cloud.client import transport
from ram_operator.cloud.client.silence import Silences
from ram_operator.cloud.connection import CloudConfig, connect
from ram_operator.cloud.credentials import KEY_ID_VARIABLE, KEY_SECRET_VARIABLE, EnvironmentCredentials
from ram_operator.errors import NotFound, Unavailable

API, OTHER = "DescribeInstanceRamRole@cn-beijing", "DescribeInstanceRamRole@cn-hangzhou"
ERROR = Unavailable("DescribeInstanceRamRole", "SDK.ReadTimeout", "no answer within 10 s")


class Story:
    """Calls that get no answer, each ten seconds after it was sent."""

    def __init__(self) -> None:
        self.now = 100.0
        self.silences = Silences(lambda: self.now)

    def unheard(self, sent_at: float | None = None) -> None:
        sent = self.now if sent_at is None else sent_at
        self.now = max(self.now, sent + 10)
        self.silences.unheard(API, sent, ERROR)

    def rests(self) -> float:
        """For how long the API is left alone from now on."""
        began = self.now
        while self.silences.of(API):
            self.now += 0.5
        return self.now - began


def test_once_is_nothing() -> None:
    story = Story()
    story.unheard()
    assert story.silences.of(API) is None


def test_an_api_that_stays_silent_is_asked_more_and_more_rarely() -> None:
    story = Story()
    story.unheard()
    rests = []
    for _ in range(6):
        story.unheard()
        rests.append(story.rests())
    assert rests == [5, 10, 20, 30, 30, 30]


def test_the_error_is_the_one_that_was_met() -> None:
    story = Story()
    story.unheard()
    story.unheard()
    assert str(story.silences.of(API)) == str(ERROR)
    assert story.silences.of(OTHER) is None


def test_any_answer_ends_it() -> None:
    story = Story()
    story.unheard()
    story.unheard()
    story.silences.heard(API)
    assert story.silences.of(API) is None
    story.unheard()
    assert story.silences.of(API) is None


def test_calls_that_were_under_way_together_count_once() -> None:
    story = Story()
    began = story.now
    for _ in range(20):
        story.unheard(began)
    assert story.silences.of(API) is None


def test_after_a_rest_one_call_asks_for_all() -> None:
    story = Story()
    story.unheard()
    story.unheard()
    story.rests()
    assert [story.silences.of(API) is None for _ in range(16)] == [False] * 16
    story.silences.heard(API)
    assert story.silences.of(API) is None


def test_a_call_that_never_comes_back_does_not_silence_an_api_for_ever() -> None:
    story = Story()
    story.unheard()
    story.unheard()
    story.rests()
    assert story.rests() == 15


class Moody:
    """A server that leaves some requests without an answer, and says of the others that there is no such role."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self._ended = asyncio.Event()
        self.asked = 0
        self.answer(False)

    def answer(self, answers: bool) -> None:
        """Answer from now on, in whatever time that takes, or do not."""
        self._answers = answers
        self._monkeypatch.setattr(transport, "READ_TIMEOUT", 60 if answers else 0.5)

    async def was_asked(self, times: int) -> bool:
        """Whether as many requests came, once they did: the last one may be under way still."""
        async with asyncio.timeout(60):
            while self.asked < times:
                await asyncio.sleep(0.01)
        return self.asked == times

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        if self._answers:
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
        # The clock stands still: no rest ends because the machine is slow.
        connection = connect(CloudConfig(credentials, url, url, url), lambda: 100.0)
        try:
            yield connection.cloud
        finally:
            self._ended.set()
            await connection.close()
            listener.close()


async def test_a_silent_server_is_not_asked_a_third_time_and_writes_are(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Moody(monkeypatch)
    async with server.connected() as cloud:
        for _ in range(4):
            with pytest.raises(Unavailable, match=r"SDK\.ReadTimeout"):
                await cloud.ram.get_role("EcsRole")
        assert await server.was_asked(2)
        for _ in range(3):
            with pytest.raises(Unavailable):
                await cloud.ram.delete_role("EcsRole")
        assert await server.was_asked(5)


async def test_a_server_that_answers_now_and_then_is_asked_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Moody(monkeypatch)
    async with server.connected() as cloud:
        for answers in (False, True, False, True):
            server.answer(answers)
            with pytest.raises(NotFound if answers else Unavailable):
                await cloud.ram.get_role("EcsRole")
        assert await server.was_asked(4)
