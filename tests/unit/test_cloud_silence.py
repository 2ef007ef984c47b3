"""An API that does not answer is left alone for a while, longer each time, and only that API."""

from __future__ import annotations

import asyncio
import time

import pytest

from ram_operator.cloud.client import transport
from ram_operator.cloud.client.silence import Silences
from ram_operator.cloud.connection import CloudConfig, connect
from ram_operator.cloud.credentials import KEY_ID_VARIABLE, KEY_SECRET_VARIABLE, EnvironmentCredentials
from ram_operator.errors import Unavailable

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


async def test_a_silent_server_is_not_asked_a_third_time_and_writes_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "READ_TIMEOUT", 1)
    asked = 0
    end = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        await reader.readuntil(b"\r\n\r\n")
        asked += 1
        await end.wait()
        writer.close()

    listener = await asyncio.start_server(hang, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    credentials = EnvironmentCredentials({KEY_ID_VARIABLE: "key", KEY_SECRET_VARIABLE: "secret"})
    connection = connect(CloudConfig(credentials, url, url, url), time.monotonic)
    for _ in range(4):
        with pytest.raises(Unavailable, match=r"SDK\.ReadTimeout"):
            await connection.cloud.ram.get_role("EcsRole")
    assert asked == 2
    with pytest.raises(Unavailable):
        await connection.cloud.ram.delete_role("EcsRole")
    assert asked == 3
    end.set()
    await connection.close()
    listener.close()
