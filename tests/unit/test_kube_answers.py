"""Answers of the API server that are none: an error of ours that says so, and nothing that ends the process."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.unit import virtual_time
from tests.unit.tables import table

from ram_operator.cluster.caches import Caches
from ram_operator.cluster.handlers import Intake
from ram_operator.cluster.kube import NODES, Kube
from ram_operator.cluster.resync import Resync
from ram_operator.engine.workqueue import WorkQueue
from ram_operator.errors import KubeError
from ram_operator.kinds.names import RAM_ROLE
from ram_operator.model import ObjectKey


class Library:
    """Stands for the client library; gives every request the same answer."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.asked = 0

    async def param_serialize(self, method: str, url: str, **_: Any) -> tuple[Any, ...]:
        return method, url, {}, None, None

    async def call_api(self, *_: Any, **__: Any) -> Any:
        self.asked += 1
        return SimpleNamespace(status=200, read=self.read)

    async def read(self) -> bytes:
        return self.body


async def test_an_answer_that_is_no_json_is_an_error_that_says_so() -> None:
    kube = Kube(cast("Any", Library(b'{"items": [')), ())
    with pytest.raises(KubeError, match=f"GET {NODES}: 200: the answer cannot be read"):
        await kube.request("GET", NODES)


async def refused(key: ObjectKey) -> None:
    raise AssertionError(key)


def test_what_a_list_shows_again_is_compared_without_waiting_ten_minutes() -> None:
    library = Library(json.dumps(table(())).encode())

    async def hour() -> None:
        caches = Caches(())
        intake = Intake(caches, WorkQueue(asyncio.get_running_loop().time, lambda: 0.0), lambda: 0.0)
        gate = asyncio.Event()
        gate.set()
        intake.listed.set()
        running = asyncio.create_task(Resync(Kube(cast("Any", library), ()), caches, intake, refused).run(gate))
        await asyncio.sleep(60)
        assert library.asked == 0, "the first lists are what the gate waits for"
        intake.listed.set()
        await asyncio.sleep(60)
        assert library.asked == 1
        running.cancel()

    virtual_time.run(hour())


@pytest.mark.parametrize(("body", "words"), [(b'{"items": []}', "failed"), (b"{", "cannot compare")])
def test_a_comparison_that_fails_is_told_and_made_again(
    caplog: pytest.LogCaptureFixture, body: bytes, words: str
) -> None:
    library = Library(body)

    async def hour() -> None:
        caches = Caches(())
        intake = Intake(caches, WorkQueue(asyncio.get_running_loop().time, lambda: 0.0), lambda: 0.0)
        resync = Resync(Kube(cast("Any", library), (RAM_ROLE,)), caches, intake, refused)
        gate = asyncio.Event()
        gate.set()
        running = asyncio.create_task(resync.run(gate))
        await asyncio.sleep(3601)
        running.cancel()

    virtual_time.run(hour())
    assert library.asked == 6
    assert all(words in record.message for record in caplog.records)
    assert len(caplog.records) == 6
