"""Calls that another thread has made in the event loop: all of them, in their order, and not all in one go."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import cast

import pytest

from ram_operator.cluster.handover import SLICE_SECONDS, Handover


async def test_calls_are_made_in_their_order_by_the_loop() -> None:
    made: list[tuple[int, int]] = []
    hand_over = Handover(asyncio.get_running_loop())

    def work() -> None:
        for number in range(10_000):
            hand_over(lambda number: made.append((number, threading.get_ident())), number)

    await asyncio.to_thread(work)
    while len(made) < 10_000:
        await asyncio.sleep(0)
    assert made == [(number, threading.get_ident()) for number in range(10_000)]


async def test_a_call_that_fails_keeps_no_other_from_being_made(caplog: pytest.LogCaptureFixture) -> None:
    made: list[int] = []
    hand_over = Handover(asyncio.get_running_loop())
    hand_over(int, "no number")
    hand_over(made.append, 1)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert made == [1]
    assert [record.message for record in caplog.records] == ["cannot take what a watch brought"]


async def test_other_tasks_get_their_turn_among_many_calls() -> None:
    left: list[int] = []
    hand_over = Handover(asyncio.get_running_loop())

    def slow(number: int) -> None:
        time.sleep(0.002)
        left.append(number)

    for number in range(50):
        hand_over(slow, number)
    turns = 0
    while len(left) < 50:
        await asyncio.sleep(0)
        turns += bool(left) and len(left) < 50
    assert turns > 2


class Rounds:
    """An event loop that is run round by round, and whose clock only the calls move."""

    def __init__(self) -> None:
        self.now = 0.0
        self.ready: list[Callable[[], None]] = []

    def time(self) -> float:
        return self.now

    def call_soon(self, function: Callable[[], None]) -> None:
        self.ready.append(function)

    call_soon_threadsafe = call_soon

    def round(self) -> None:
        ready, self.ready = self.ready, []
        for function in ready:
            function()


def test_calls_that_come_meanwhile_make_no_round_of_the_loop_longer() -> None:
    loop, made = Rounds(), list[int]()
    hand_over = Handover(cast("asyncio.AbstractEventLoop", loop))

    def slow(number: int) -> None:
        loop.now += 0.6 * SLICE_SECONDS
        made.append(number)
        if number < 50:
            hand_over(slow, number + 50)

    for number in range(50):
        hand_over(slow, number)
    most = 0
    while loop.ready:
        before = len(made)
        loop.round()
        most = max(most, len(made) - before)
    assert made == list(range(100))
    assert most == 2
