"""Calls that another thread has made in the event loop: all of them, in their order, and not all in one go."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from ram_operator.cluster.handover import Handover


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
