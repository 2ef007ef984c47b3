"""The workers in virtual time: one reconcile of a key at a time, back-off after failures, nothing lost or forgotten."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from prometheus_client import REGISTRY
from tests.unit.builders import binding_body, binding_key, instance, node, policy_body
from tests.unit.workers import BINDING, ONE, Place, depth, now

from ram_operator.engine.workqueue import Lane
from ram_operator.errors import KubeError, Rejected, StaleObject, Throttled, Unavailable
from ram_operator.model import ObjectKey

pytestmark = pytest.mark.looptime(start=0)


async def test_a_key_is_worked_on_and_its_events_are_recorded() -> None:
    place = Place()
    async with place.working():
        place.queue.add(BINDING)
        await asyncio.sleep(10)
    assert place.ecs.roles == {ONE: "oss-reader"}
    assert [(key, uid) for key, uid, _ in place.ears.heard] == [(BINDING, f"uid-{BINDING.kind}-{BINDING.name}")] * 2
    assert depth(place) == 0


async def test_the_gauge_tells_of_keys_that_wait_while_no_worker_works() -> None:
    place = Place()
    place.queue.add(BINDING)
    place.queue.add(binding_key("later"), delay=60)
    place.queue.add(BINDING, lane=Lane.SWEEP)
    depths = {lane: REGISTRY.get_sample_value("ram_operator_queue_depth", {"lane": lane}) for lane in ("edit", "sweep")}
    assert depths == {"edit": 2, "sweep": 1}


async def test_the_wait_for_a_worker_is_measured_by_lane() -> None:
    def waits() -> dict[str, float]:
        name = "ram_operator_queue_seconds_sum"
        return {lane: REGISTRY.get_sample_value(name, {"lane": lane}) or 0.0 for lane in ("edit", "sweep")}

    place, before = Place(), waits()
    place.queue.add(BINDING, delay=5)
    place.queue.add(binding_key("nobody"), lane=Lane.SWEEP)
    await asyncio.sleep(8)
    async with place.working(1):
        await asyncio.sleep(10)
    assert {lane: seconds - before[lane] for lane, seconds in waits().items()} == {"edit": 3, "sweep": 10}, (
        "the edit took two"
    )


async def test_nothing_is_touched_before_the_gate_opens() -> None:
    place, gate = Place(), asyncio.Event()
    worker = asyncio.create_task(place.controller.work(gate))
    place.queue.add(BINDING)
    await asyncio.sleep(3600)
    assert (place.ecs.calls, depth(place)) == ([], 1)
    gate.set()
    await asyncio.sleep(10)
    assert place.ecs.roles == {ONE: "oss-reader"}
    place.queue.close()
    await worker


async def test_one_key_is_never_with_two_workers() -> None:
    place = Place()
    async with place.working():
        for _ in range(5):
            place.queue.add(BINDING)
            await asyncio.sleep(0.5)
        await asyncio.sleep(10)
    assert place.ecs.most_at_once == 1


async def test_a_failing_look_comes_again_after_growing_delays() -> None:
    place = Place()
    place.ecs.failing["describe"] = Unavailable("DescribeInstanceRamRole", "ServiceUnavailable")
    async with place.working():
        place.queue.add(BINDING)
        await asyncio.sleep(20)
    assert place.ecs.looks == [0, 2, 5, 10, 19]


async def test_after_a_success_the_delays_start_anew() -> None:
    place = Place()
    place.ecs.failing["describe"] = Unavailable("DescribeInstanceRamRole", "ServiceUnavailable")
    async with place.working():
        place.queue.add(BINDING)
        await asyncio.sleep(8)
        place.ecs.failing.clear()
        await asyncio.sleep(10)
        place.ecs.failing["describe"] = Unavailable("DescribeInstanceRamRole", "ServiceUnavailable")
        place.ecs.looks.clear()
        began = now()
        place.queue.add(BINDING)
        await asyncio.sleep(4)
    assert [look - began for look in place.ecs.looks] == [0, 2]


async def test_a_delay_that_the_api_asks_for_is_kept() -> None:
    place = Place()
    place.ecs.failing["attach"] = Throttled("AttachInstanceRamRole", "Throttling.User", retry_after=7)
    async with place.working():
        place.queue.add(BINDING)
        await asyncio.sleep(8)
    assert place.ecs.looks == [0, 1]
    assert depth(place) == 1


async def test_what_needs_a_person_is_not_asked_for_again_soon() -> None:
    place = Place()
    place.ecs.failing["describe"] = Rejected("DescribeInstanceRamRole", "InvalidParameter")
    async with place.working():
        place.queue.add(BINDING)
        await asyncio.sleep(300)
    assert len(place.ecs.looks) == 1


async def test_a_bug_costs_its_key_a_back_off_and_the_others_nothing(caplog: pytest.LogCaptureFixture) -> None:
    place = Place()
    other = place.scene.put(binding_body("other", created="2027-01-01T00:00:00Z", spec={"nodeNames": ["ghost"]}))
    broken = place.scene.put(policy_body("broken"))
    async with place.working(1):
        place.queue.add(broken)
        place.queue.add(other)
        await asyncio.sleep(10)
    assert place.scene.condition(other) == ("False", "Overridden")
    records = [record for record in caplog.records if record.message == "reconcile failed"]
    assert len(records) == 4, "at 0, 1, 3 and 7 seconds"
    assert all(record.exc_info for record in records)


@pytest.mark.parametrize("blind", ["write_status", "set_finalizer"])
async def test_an_api_server_that_does_not_take_a_write_is_asked_again(
    blind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place()
    place.scene.put(binding_body("fresh", created="2020-01-01T00:00:00Z", finalizers=()))

    async def refuse(*_: Any, **__: Any) -> Any:
        raise KubeError("PATCH /x", 500, "no")

    with monkeypatch.context() as broken:
        broken.setattr(place.scene, blind, refuse)
        async with place.working():
            place.queue.add(binding_key("fresh"))
            await asyncio.sleep(10)
    assert len(place.ecs.looks) >= 3
    assert depth(place) == 1
    assert len(place.refreshed) == len(place.ecs.looks) - 1, "it may have been stored all the same"
    if blind == "set_finalizer":
        assert place.ecs.writes == []


async def test_an_object_that_changed_during_a_reconcile_is_read_and_looked_at_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = Place()
    write = place.scene.write_status
    refusals = iter([StaleObject("changed")])

    async def once_stale(*how: Any) -> Any:
        if error := next(refusals, None):
            raise error
        return await write(*how)

    monkeypatch.setattr(place.scene, "write_status", once_stale)
    async with place.working():
        place.queue.add(BINDING)
        await asyncio.sleep(10)
    assert place.refreshed == [BINDING]
    assert place.scene.condition(BINDING) == ("True", "AllAttached")


async def test_an_object_that_changes_during_every_reconcile_comes_again_after_growing_delays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = Place()

    async def stale(*_: Any) -> Any:
        raise StaleObject("changed")

    monkeypatch.setattr(place.scene, "write_status", stale)
    async with place.working():
        place.queue.add(BINDING)
        await asyncio.sleep(20)
    assert place.ecs.looks == [0, 1, 3, 6, 11], "at once after the first time"


async def test_what_goes_on_asks_for_nothing_that_is_settled() -> None:
    place = Place()
    for number in (2, 3):
        place.ecs.roles[instance(number)] = ""
        place.scene.put_node(node(f"node-{number}", number, pool="storage"))
    async with place.working():
        place.queue.add(BINDING)
        await asyncio.sleep(5)
        place.ecs.roles[ONE] = ""
        place.ecs.calls.clear()
        place.ecs.failing["attach"] = Unavailable("AttachInstanceRamRole", "ServiceUnavailable")
        place.queue.add(BINDING)
        await asyncio.sleep(30)
    asked = [call[3] for call in place.ecs.calls if call[0] == "describe"]
    assert asked[0] == tuple(instance(number).id for number in (1, 2, 3))
    assert len(asked) > 3
    assert set(asked[1:]) == {(ONE.id,)}


async def test_an_object_that_cannot_be_read_again_is_not_worked_on_as_it_was_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = Place()
    tries: list[float] = []

    async def refuse(*_: Any, **__: Any) -> Any:
        raise KubeError("PATCH /x", 0, "no answer")

    async def unreachable(_: ObjectKey) -> None:
        tries.append(now())
        raise KubeError("GET /x", 0, "no answer")

    monkeypatch.setattr(place.scene, "write_status", refuse)
    place.controller.refresh = unreachable
    async with place.working():
        place.queue.add(BINDING)
        await asyncio.sleep(20)
    assert (place.ecs.looks, tries) == ([0], [2, 4, 8, 16])


async def test_what_was_written_is_told_also_where_the_status_cannot_be_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = Place()
    write, count = place.scene.write_status, 0

    async def only_claims(*how: Any) -> Any:
        nonlocal count
        count += 1
        if count == 2:
            raise KubeError("PATCH /x", 500, "no")
        return await write(*how)

    monkeypatch.setattr(place.scene, "write_status", only_claims)
    async with place.working():
        place.queue.add(BINDING)
        await asyncio.sleep(20)
    assert [event.note for _, _, event in place.ears.heard if event.node is None] == [f"attached oss-reader to {ONE}"]
    assert place.scene.condition(BINDING) == ("True", "AllAttached")


async def test_an_object_that_is_gone_is_forgotten() -> None:
    place = Place()
    async with place.working():
        place.queue.add(binding_key("nobody"))
        place.queue.retry(binding_key("nobody"))
        await asyncio.sleep(10)
    assert (depth(place), place.ecs.calls) == (0, [])
    assert place.queue.retry(binding_key("nobody")) == 1


async def test_a_change_is_one_line_of_the_log_and_what_changes_nothing_is_none(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "ram_operator")
    place = Place()
    failure = Unavailable("DescribeInstanceRamRole", "ServiceUnavailable", request_id="REQUEST-1")
    place.ecs.failing["describe"] = failure
    async with place.working():
        place.queue.add(BINDING)
        await asyncio.sleep(600)
        place.ecs.failing.clear()
        await asyncio.sleep(600)
        place.queue.add(BINDING)
        await asyncio.sleep(60)
    lines = [vars(record) for record in caplog.records]
    assert [(line["key"], line["generation"], line["ready"], line["reason"]) for line in lines] == [
        (str(BINDING), 1, "False", "Retrying"),
        (str(BINDING), 1, "True", "AllAttached"),
    ]
    assert (lines[0]["failed"], lines[0]["requestIds"]) == (
        ["DescribeInstanceRamRole: ServiceUnavailable"],
        ["REQUEST-1"],
    )
    assert len(place.ecs.looks) > len(lines)


def edits() -> tuple[float, float]:
    """How many edits came into force, and how many seconds all of them took together."""
    labels = {"kind": BINDING.kind}
    read = REGISTRY.get_sample_value
    return (
        read("ram_operator_edit_seconds_count", labels) or 0.0,
        read("ram_operator_edit_seconds_sum", labels) or 0.0,
    )


async def test_the_time_from_an_edit_until_it_is_in_force_is_measured_over_failures_and_once() -> None:
    place = Place()
    count, seconds = edits()
    place.ecs.failing["describe"] = Unavailable("DescribeInstanceRamRole", "ServiceUnavailable")
    async with place.working():
        place.queue.add(BINDING)
        await asyncio.sleep(5)
        assert edits() == (count, seconds)
        place.ecs.failing.clear()
        await asyncio.sleep(60)
        took = now()
        assert edits()[0] == count + 1
        assert 5 < edits()[1] - seconds < took
        place.queue.add(BINDING)
        await asyncio.sleep(60)
        assert edits()[0] == count + 1


async def test_the_longest_reconcile_tells_of_a_pass_that_is_stuck() -> None:
    place = Place()
    assert place.controller.longest_reconcile() == 0
    async with place.working():
        place.queue.add(BINDING)
        await asyncio.sleep(0.75)
        assert place.controller.longest_reconcile() == 0.75
        await asyncio.sleep(10)
        assert place.controller.longest_reconcile() == 0
