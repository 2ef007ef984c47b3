"""The event recorder: what is written, in which order, and that no event costs more because there were many before."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, cast

import pytest
from prometheus_client import REGISTRY
from tests.unit import virtual_time
from tests.unit.builders import NOW, policy_key
from tests.unit.tables import answered

from ram_operator.cluster.events import BURST, EventRecorder
from ram_operator.cluster.kube import Kube
from ram_operator.model import Event

HAPPENED = Event("Created", "created policy")


@dataclass
class ApiServer:
    """Stands for the client library; takes a tenth of a second for each request.

    Attributes:
        stored: the events by name.
        notes: by the uid of what they are about, in the order in which they were written.
        at_once: by uid how many are being written; all together under "".
    """

    stored: dict[str, Any] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    at_once: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    most_at_once: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    refusing: bool = False

    async def param_serialize(self, method: str, url: str, **more: Any) -> tuple[Any, ...]:
        return method, url, more.get("header_params"), more.get("body"), None

    async def call_api(self, method: str, url: str, headers: Any, body: Any, **_: Any) -> Any:
        name = url.rpartition("/events")[2].strip("/")
        known = self.stored.get(name, body)
        uid = known.get("regarding", {}).get("uid", "")
        for one in {uid, ""}:
            self.at_once[one] += 1
            self.most_at_once[one] = max(self.most_at_once[one], self.at_once[one])
        await asyncio.sleep(0.1)
        for one in {uid, ""}:
            self.at_once[one] -= 1
        if self.refusing:
            return answered(500, {"message": "no"})
        if method == "PATCH":
            if name not in self.stored:
                return answered(404, {"message": "not found"})
            self.stored[name] |= body
        else:
            self.stored[body["metadata"]["name"]] = body
            self.notes[uid].append(body["note"])
        return answered(200, {})


def recorded(server: ApiServer, work: Callable[[EventRecorder], Awaitable[None]]) -> None:
    """Record events while the recorder runs, and wait until they are written."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        recorder = EventRecorder(
            Kube(cast("Any", server), ()), lambda: NOW + timedelta(seconds=loop.time()), "operator-1"
        )
        running = asyncio.create_task(recorder.run())
        await work(recorder)
        await recorder.flush()
        running.cancel()

    virtual_time.run(run())


def dropped(why: str) -> float:
    return REGISTRY.get_sample_value("ram_operator_events_dropped_total", {"why": why}) or 0.0


def counts(server: ApiServer) -> list[int]:
    return [event.get("series", {}).get("count", 1) for event in server.stored.values()]


def test_the_same_event_within_ten_minutes_is_counted_in_the_first_one() -> None:
    async def work(recorder: EventRecorder) -> None:
        for wait in (0, 1, 599, 601):
            await asyncio.sleep(wait)
            recorder.record(policy_key("a"), "uid-a", HAPPENED)

    server = ApiServer()
    recorded(server, work)
    assert counts(server) == [3, 1]


def test_an_event_about_the_operator_is_about_its_lease_and_stays_in_its_namespace() -> None:
    lease = {"kind": "Lease", "namespace": "ram", "name": "ram-operator", "uid": "u"}

    async def work(recorder: EventRecorder) -> None:
        recorder.record_own(HAPPENED)
        recorder.lease = lambda: lease
        recorder.record_own(HAPPENED)

    server = ApiServer()
    recorded(server, work)
    [event] = server.stored.values()
    assert (event["regarding"], event["metadata"]["namespace"]) == (lease, "ram")


def test_an_event_that_somebody_deleted_is_written_anew() -> None:
    server = ApiServer()

    async def work(recorder: EventRecorder) -> None:
        recorder.record(policy_key("a"), "uid-a", HAPPENED)
        await recorder.flush()
        server.stored.clear()
        recorder.record(policy_key("a"), "uid-a", HAPPENED)

    recorded(server, work)
    assert counts(server) == [1]


def test_events_of_an_object_are_written_in_order_and_those_of_others_meanwhile() -> None:
    async def work(recorder: EventRecorder) -> None:
        for number in range(10):
            for name in "abcdefgh":
                recorder.record(policy_key(name), f"uid-{name}", Event("Created", f"note {number}"))

    server = ApiServer()
    recorded(server, work)
    assert list(server.notes.values()) == [[f"note {number}" for number in range(10)]] * 8
    assert {server.most_at_once[f"uid-{name}"] for name in "abcdefgh"} == {1}
    assert server.most_at_once[""] > 1


def test_an_object_has_25_events_at_once_and_one_more_each_five_minutes() -> None:
    server, before = ApiServer(), dropped("rate")

    async def work(recorder: EventRecorder) -> None:
        for wait in (0, 299, 1, 300):
            await asyncio.sleep(wait)
            for number in range(2 * BURST if not wait else 2):
                recorder.record(policy_key("a"), "uid-a", Event("Created", f"{recorder.clock()} {number}"))
        recorder.record(policy_key("b"), "uid-b", HAPPENED)

    recorded(server, work)
    assert len(server.notes["uid-a"]) == BURST + 2
    assert len(server.notes["uid-b"]) == 1
    assert dropped("rate") - before == BURST + 2 + 1 + 1


def test_an_event_that_is_refused_is_counted_and_keeps_no_other_from_being_written(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server, before = ApiServer(refusing=True), dropped("refused")

    async def work(recorder: EventRecorder) -> None:
        recorder.record(policy_key("a"), "uid-a", HAPPENED)
        await recorder.flush()
        server.refusing = False
        recorder.record(policy_key("a"), "uid-a", Event("Updated", "updated policy"))

    recorded(server, work)
    assert server.notes["uid-a"] == ["updated policy"]
    assert dropped("refused") - before == 1
    assert [record.message for record in caplog.records] == ["event not written"]


class Instant(datetime):
    """A time that counts how often times are compared or subtracted."""

    used: ClassVar[int] = 0

    def __sub__(self, other: Any) -> Any:
        Instant.used += 1
        return super().__sub__(other)

    def __lt__(self, other: Any) -> bool:
        Instant.used += 1
        return super().__lt__(other)

    def __gt__(self, other: Any) -> bool:
        Instant.used += 1
        return super().__gt__(other)


def looks(objects: int) -> float:
    """How many times the recorder looks at a time for each event, with one event of so many objects."""
    start = Instant(2026, 5, 1)

    async def run() -> None:
        loop = asyncio.get_running_loop()
        recorder = EventRecorder(
            Kube(cast("Any", ApiServer()), ()), lambda: start + timedelta(seconds=loop.time()), "operator-1"
        )
        running = asyncio.create_task(recorder.run())
        for number in range(objects):
            recorder.record(policy_key(f"p{number}"), f"uid-{number}", HAPPENED)
            if number % 100 == 99:
                await recorder.flush()
        running.cancel()

    Instant.used = 0
    virtual_time.run(run())
    return Instant.used / objects


def test_an_event_costs_no_more_among_20_000_objects_than_among_200() -> None:
    assert looks(20_000) <= looks(200) + 3
