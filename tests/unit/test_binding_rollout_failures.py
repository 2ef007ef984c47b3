"""Rollouts in trouble: what cannot be taken off, what cannot be given back, and how many calls it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from tests.unit.builders import binding_body, instance
from tests.unit.pool import BINDING, ONE, scene, state
from tests.unit.scene import Scene
from tests.unit.test_binding_replacing import ALLOWED, REFUSALS, REFUSED, WORKER, Refusing, message, pool, replacing

from ram_operator.errors import CloudError, Denied, Unavailable

FAILURES: list[CloudError] = [*REFUSALS, Unavailable("AttachInstanceRamRole", "ServiceUnavailable")]


@pytest.mark.parametrize("error", FAILURES, ids=[error.code for error in FAILURES])
async def test_a_role_that_cannot_be_given_back_is_told_and_tried_again_after_a_while(error: CloudError) -> None:
    ecs = pool(3, WORKER, refuses={"oss-reader": REFUSED, WORKER: error})
    made, _ = scene({}, binding_body(spec=ALLOWED), nodes=3, ecs=ecs)
    for _ in range(3):
        said = await made.reconcile(BINDING)
    assert said.backoff or (said.requeue_after or 0) >= 60
    assert f"has no role, since {WORKER} cannot be given back" in message(made)
    row = made.rows(BINDING)[str(ONE)]
    assert (row["state"], row["reason"], row["replacedRole"]) == ("Pending", "RolledBack", WORKER)
    assert ecs.most_without == 1
    del ecs.refuses[WORKER]
    await made.reconcile(BINDING)
    assert set(ecs.roles.values()) == {WORKER}
    assert (state(made), made.rows(BINDING)[str(ONE)]["reason"]) == (("Failed", None, None), "RolledBack")


async def test_roles_are_given_back_in_batches_that_do_not_shrink() -> None:
    ecs = pool(100, WORKER)
    made = await replacing(ecs)
    ecs.calls.clear()
    ecs.most_without = 0
    made.delete(BINDING)
    await made.settle()
    assert (set(ecs.roles.values()), made.exists(BINDING)) == ({WORKER}, False)
    assert len([call for call in ecs.writes if call[0] == "detach"]) <= 11
    assert ecs.most_without <= 10


# What nothing can be taken off


@pytest.mark.parametrize("how", ["replace", "edit", "delete"])
@pytest.mark.parametrize("error", FAILURES, ids=[error.code for error in FAILURES])
async def test_a_role_that_cannot_be_taken_off_is_tried_again_after_a_while(error: CloudError, how: str) -> None:
    ecs = pool(20, WORKER)
    made, _ = scene({}, binding_body(spec=ALLOWED), nodes=20, ecs=ecs)
    if how != "replace":
        await made.settle()
    if how == "edit":
        made.edit(BINDING, roleRef={"name": "log-writer"})
    elif how == "delete":
        made.delete(BINDING)
    before = dict(ecs.roles)
    ecs.failing["detach"] = error
    for _ in ecs.roles:
        said = await made.reconcile(BINDING)
        if said.requeue_after is None or said.requeue_after > 1:
            break
        made.later(said.requeue_after)
    assert ecs.roles == before
    assert said.requeue_after is None or said.requeue_after >= 60
    assert error.code in condition_messages(made)


def condition_messages(made: Scene) -> str:
    return " ".join(row["message"] for row in made.status(BINDING)["conditions"])


class Stuck(Refusing):
    """Lets nothing be taken off some instances."""

    stuck: frozenset[str] = frozenset({ONE.id})

    async def detach_role(self, region: str, role: str, ids: Sequence[str]) -> Mapping[str, CloudError]:
        failures = await super().detach_role(region, role, [id_ for id_ in ids if id_ not in self.stuck])
        denied = Denied("DetachInstanceRamRole", "Forbidden.RAM")
        return {**failures, **{id_: denied for id_ in ids if id_ in self.stuck}}


@pytest.mark.parametrize("most", [1, "10%", 3])
async def test_one_that_a_role_cannot_be_taken_off_keeps_no_other_from_its_new_one(most: Any) -> None:
    ecs = Stuck({instance(number): WORKER for number in range(1, 11)})
    made, _ = scene({}, binding_body(spec=ALLOWED | {"rollout": {"maxUnavailable": most}}), nodes=10, ecs=ecs)
    for _ in range(15):
        made.later(60)
        await made.reconcile(BINDING)
    assert [one for one, role in ecs.roles.items() if role == WORKER] == [ONE]
    assert made.condition(BINDING, "Stalled") == ("True", "AccessDenied")


@pytest.mark.parametrize("count", [1, 4])
async def test_each_one_that_a_role_cannot_be_taken_off_delays_the_others_by_a_second_at_most(count: int) -> None:
    ecs = pool_with_stuck(count)
    made, _ = scene({}, binding_body(spec=ALLOWED | {"rollout": {"maxUnavailable": 1}}), nodes=10, ecs=ecs)
    began = made.now
    for number in range(1, count + 1):
        said = await made.reconcile(BINDING)
        assert len([call for call in ecs.writes if call[0] == "detach"]) == number
        assert said.requeue_after is not None
        assert 0 < said.requeue_after <= 1
        made.later(said.requeue_after)
    while {one.id for one, role in ecs.roles.items() if role == WORKER} != ecs.stuck:
        assert (made.now - began).total_seconds() < 10
        said = await made.reconcile(BINDING)
        assert said.requeue_after is not None
        made.later(said.requeue_after)


async def test_a_pool_that_no_role_can_be_taken_off_is_tried_every_minute_until_it_can() -> None:
    ecs = pool_with_stuck(10)
    made, _ = scene({}, binding_body(spec=ALLOWED | {"rollout": {"maxUnavailable": 1}}), nodes=10, ecs=ecs)
    for _ in range(20):
        said = await made.reconcile(BINDING)
        made.later(said.requeue_after or 0)
    assert said.requeue_after == 60
    ecs.stuck = frozenset()
    began = made.now
    while WORKER in ecs.roles.values():
        said = await made.reconcile(BINDING)
        assert said.requeue_after is not None or WORKER not in ecs.roles.values()
        made.later(said.requeue_after or 0)
    assert (made.now - began).total_seconds() < 10


def pool_with_stuck(count: int) -> Stuck:
    ecs = Stuck({instance(number): WORKER for number in range(1, 11)})
    ecs.stuck = frozenset(instance(number).id for number in range(1, count + 1))
    return ecs
