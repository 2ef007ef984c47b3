"""The pipeline over several reconciles: what is stored when, what is kept over failures, when an object is released."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

import pytest
from tests.unit.builders import (
    binding_body,
    binding_key,
    instance,
    made_role_status,
    node,
    role_body,
)
from tests.unit.scene import Instances, Scene

from ram_operator.errors import CloudError, StaleObject, Throttled, Unavailable
from ram_operator.model import EVERYTHING, FINALIZER, Body

ONE = instance(1)
BINDING = binding_key("storage-pool")


def scene(finalizers: tuple[str, ...] = ()) -> tuple[Scene, Instances]:
    ecs = Instances({ONE: ""})
    made = Scene(ecs.cloud)
    made.put(role_body("oss-reader", made_role_status()))
    made.put_node(node("node-1", 1, pool="storage"))
    made.put(binding_body(finalizers=finalizers))
    made.asked.clear()
    return made, ecs


class Watched(Instances):
    """Notes in the scene's log when it is written to."""

    def __init__(self) -> None:
        super().__init__({ONE: ""})
        self.log: list[tuple[str, Any]] = []

    def _called(self, what: str, region: str, role: str, ids: Any) -> None:
        super()._called(what, region, role, ids)
        if what != "describe":
            self.log.append(("cloud", what))


async def test_the_claims_and_then_the_finalizer_are_stored_before_the_first_write() -> None:
    ecs = Watched()
    made = Scene(ecs.cloud)
    ecs.log = made.log
    made.put(role_body("oss-reader", made_role_status()))
    made.put_node(node("node-1", 1, pool="storage"))
    made.put(binding_body(finalizers=("other/finalizer",)))
    await made.reconcile(BINDING)
    assert [kind for kind, _ in made.log] == ["status", "finalizer", "cloud", "status"]
    claims = made.log[0][1]
    assert [(row["instance"], row["roleName"]) for row in claims["instances"]] == [(str(ONE), "oss-reader")]
    assert set(claims) == {"instances"}


async def test_an_object_with_nothing_in_the_cloud_and_nothing_to_write_gets_no_finalizer() -> None:
    made, ecs = scene()
    made.edit(BINDING, managementPolicy="Suspend")
    await made.reconcile(BINDING)
    assert ("finalizer", True) not in made.log
    assert ecs.calls == []


@pytest.mark.parametrize("blind", ["set_finalizer", "write_status"])
async def test_nothing_is_written_where_the_store_refuses(blind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made, ecs = scene()

    async def refuse(*_: Any, **__: Any) -> Body:
        raise StaleObject("changed meanwhile")

    monkeypatch.setattr(made, blind, refuse)
    with pytest.raises(StaleObject):
        await made.reconcile(BINDING)
    assert ecs.writes == []


async def test_an_object_that_changed_during_a_reconcile_is_not_written() -> None:
    made, ecs = scene()
    body, facts = made.caches.body(BINDING), made.caches.facts(BINDING)
    assert body
    assert facts
    made.edit(BINDING, nodeNames=["x"])
    with pytest.raises(StaleObject):
        await made.reconciler.reconcile(body, facts, EVERYTHING)
    assert ecs.writes == []


async def test_the_answer_to_reconcile_at_is_stored_once_and_kept() -> None:
    made, _ = scene()
    await made.settle()
    await made.reconcile(BINDING)
    made.ask(BINDING, "2026-05-01")
    made.log.clear()
    await made.reconcile(BINDING)
    assert made.log == [("status", {"lastHandledReconcileAt": "2026-05-01"})]
    await made.reconcile(BINDING)
    assert len(made.log) == 1


async def test_a_request_that_comes_during_a_pass_is_not_answered_by_it() -> None:
    made, ecs = scene((FINALIZER,))

    class Asking(Instances):
        async def describe_instance_roles(self, region: str, ids: Any) -> Mapping[str, str | CloudError]:
            if not self.calls:
                made.ask(BINDING, "now")
            return await super().describe_instance_roles(region, ids)

    late = Asking(ecs.roles)
    made.reconciler.cloud = late.cloud
    with pytest.raises(StaleObject):
        await made.reconcile(BINDING)
    assert "lastHandledReconcileAt" not in made.status(BINDING)
    assert BINDING in made.asked
    await made.settle()
    assert made.status(BINDING)["lastHandledReconcileAt"] == "now"


async def test_reconcile_at_tries_again_what_was_given_up() -> None:
    made, ecs = scene((FINALIZER,))
    for _ in range(5):
        ecs.roles[ONE] = ""
        await made.reconcile(BINDING)
    assert made.condition(BINDING, "Stalled") == ("True", "Contended")
    made.ask(BINDING, "now")
    await made.reconcile(BINDING)
    assert made.condition(BINDING) == ("True", "AllAttached")


async def test_a_role_that_comes_off_again_and_again_is_contended_after_three_repairs() -> None:
    made, ecs = scene((FINALIZER,))
    for _ in range(6):
        ecs.roles[ONE] = ""
        await made.reconcile(BINDING)
        made.later(60)
    assert len(ecs.writes) == 4
    assert made.condition(BINDING, "Stalled") == ("True", "Contended")
    made.later(3600)
    await made.reconcile(BINDING)
    assert made.condition(BINDING) == ("True", "AllAttached")


class Forgetful(Instances):
    """Shows no write for as many looks as it is told."""

    blind = 0

    async def describe_instance_roles(self, region: str, ids: Any) -> Mapping[str, str | CloudError]:
        seen = await super().describe_instance_roles(region, ids)
        if self.blind > 0:
            self.blind -= 1
            return dict.fromkeys(seen, "")
        return seen


async def test_a_write_that_does_not_show_is_verified_and_not_made_again() -> None:
    ecs = Forgetful({ONE: ""})
    ecs.blind = 4
    made = Scene(ecs.cloud)
    made.put(role_body("oss-reader", made_role_status()))
    made.put_node(node("node-1", 1, pool="storage"))
    made.put(binding_body())
    said = await made.reconcile(BINDING)
    assert (made.condition(BINDING, "Reconciling"), said.requeue_after) == (("True", "Verifying"), 2.0)
    assert made.condition(BINDING)[0] == "False"
    for _ in range(2):
        made.later(2)
        await made.reconcile(BINDING)
    made.later(2)
    await made.reconcile(BINDING)
    assert len(ecs.writes) == 1
    assert made.condition(BINDING) == ("True", "AllAttached")


async def test_a_look_that_fails_does_not_make_a_write_be_repeated() -> None:
    ecs = Forgetful({ONE: ""})
    ecs.blind = 3
    made = Scene(ecs.cloud)
    made.put(role_body("oss-reader", made_role_status()))
    made.put_node(node("node-1", 1, pool="storage"))
    made.put(binding_body())
    await made.reconcile(BINDING)
    ecs.failing["describe"] = Throttled("DescribeInstanceRamRole", "Throttling.User")
    await made.reconcile(BINDING)
    ecs.failing.clear()
    await made.reconcile(BINDING)
    assert len(ecs.writes) == 1
    assert made.condition(BINDING, "Reconciling") == ("True", "Verifying")


async def test_readiness_is_unknown_after_fifteen_minutes_without_a_look() -> None:
    made, ecs = scene((FINALIZER,))
    await made.reconcile(BINDING)
    ecs.failing["describe"] = Unavailable("DescribeInstanceRamRole", "ServiceUnavailable")
    made.later(900)
    await made.reconcile(BINDING)
    assert made.condition(BINDING) == ("True", "AllAttached")
    made.later(1)
    await made.reconcile(BINDING)
    assert made.condition(BINDING) == ("Unknown", "NotObserved")
    ecs.failing.clear()
    await made.reconcile(BINDING)
    assert made.condition(BINDING) == ("True", "AllAttached")


async def test_what_a_sweep_saw_counts_as_a_look() -> None:
    made, ecs = scene((FINALIZER,))
    await made.reconcile(BINDING)
    ecs.failing["describe"] = Unavailable("DescribeInstanceRamRole", "ServiceUnavailable")
    made.later(800)
    made.reconciler.mark_observed(BINDING)
    made.later(200)
    await made.reconcile(BINDING)
    assert made.condition(BINDING) == ("True", "AllAttached")


async def test_an_object_whose_deletion_cannot_be_observed_stays() -> None:
    made, ecs = scene((FINALIZER,))
    await made.reconcile(BINDING)
    ecs.failing["describe"] = Unavailable("DescribeInstanceRamRole", "ServiceUnavailable")
    made.delete(BINDING)
    await made.reconcile(BINDING)
    assert made.exists(BINDING)
    assert made.condition(BINDING) == ("False", "Retrying")


async def test_conditions_and_the_generation_are_those_of_the_reconcile() -> None:
    made, _ = scene((FINALIZER,))
    made.edit(BINDING, nodeNames=["node-1"])
    await made.reconcile(BINDING)
    status = made.status(BINDING)
    assert status["observedGeneration"] == 2
    assert {row["observedGeneration"] for row in status["conditions"]} == {2}


async def test_of_objects_that_are_read_together_each_is_planned_in_a_round_of_the_event_loop_of_its_own() -> None:
    numbers = range(1, 6)
    made = Scene(Instances({instance(number): "" for number in numbers}).cloud)
    made.put(role_body("oss-reader", made_role_status()))
    for number in numbers:
        made.put_node(node(f"node-{number}", number, pool=f"p{number}"))
    selectors = {number: {"nodeSelector": {"matchLabels": {"pool": f"p{number}"}}} for number in numbers}
    keys = [made.put(binding_body(f"b{number}", spec=spec)) for number, spec in selectors.items()]
    rounds, planned_in = 0, set[int]()

    async def count() -> None:
        nonlocal rounds
        while True:
            rounds += 1
            await asyncio.sleep(0)

    def now() -> datetime:
        planned_in.add(rounds)
        return made.now

    made.reconciler.clock = now
    counting = asyncio.create_task(count())
    await asyncio.gather(*(made.reconcile(key) for key in keys))
    counting.cancel()
    assert len(planned_in) >= len(keys)


class Conflicted(Scene):
    """Refuses to take the finalizer off for the first time, since the object has changed."""

    refuses = True

    async def set_finalizer(self, body: Body, present: bool) -> Body:
        if not present and self.refuses:
            self.refuses = False
            raise StaleObject("changed meanwhile")
        return await super().set_finalizer(body, present)


async def test_a_release_that_is_written_and_not_finished_is_finished() -> None:
    made = Conflicted(Instances({}).cloud)
    key = made.put(binding_body(finalizers=(FINALIZER, "theirs.example.com/x")))
    made.delete(key)
    with suppress(StaleObject):
        await made.reconcile(key)
    assert made.condition(key) == ("False", "Released")
    await made.reconcile(key)
    body = made.caches.body(key)
    assert body is not None
    assert body["metadata"]["finalizers"] == ["theirs.example.com/x"]
