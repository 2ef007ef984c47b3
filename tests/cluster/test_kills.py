"""The process is killed after each write of a life, before it sees the answer: the next one brings the rest about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.cluster.hand import Hand
from tests.cluster.last_answer import LastAnswer, last_answer
from tests.cluster.objects import binding, document, policy, role
from tests.cluster.world import SETTINGS, World

POLICY, ROLE, BINDING = "RamPolicy/kill", "RamRole/kill", "InstanceRoleBinding/kill"
READ, ECS = "AliyunOSSReadOnlyAccess", "AliyunECSReadOnlyAccess"
AS_LONG_AS_A_CALL_MAY_TAKE = 120.0
TRUST = {"services": ["ecs.aliyuncs.com", "fc.aliyuncs.com"]}
Act = Callable[[World, Hand], None]


def nothing(world: World, hand: Hand) -> None:
    """Nothing was there before."""


def create(world: World, hand: Hand) -> None:
    made = role("kill", "kill", tags={"team": "x"})
    made["spec"]["policies"].append({"system": READ})
    world.api.create(policy("kill", attachTo={"users": ["dev"]}), made, binding("kill", "kill", "kill"))


def created(world: World, hand: Hand) -> None:
    create(world, hand)
    world.ready(POLICY, ROLE, BINDING)


def update(world: World, hand: Hand) -> None:
    edit = {"document": document("oss:List*"), "description": "edited", "attachTo": {"users": []}}
    world.api.patch(POLICY, {"spec": edit})
    world.api.patch(ROLE, {"spec": {"policies": [{"system": ECS}], "description": "edited", "trust": TRUST}})


def delete(world: World, hand: Hand) -> None:
    world.api.delete(BINDING, ROLE, POLICY)


def of_others(world: World, hand: Hand) -> None:
    hand.create_policy("kill", document("oss:Put*"))
    hand.create_role("kill")
    hand.attach_policy(ECS, "kill", "System")


def adopt(world: World, hand: Hand) -> None:
    taken = role("kill", adoptionPolicy="IfUnowned", description="taken over")
    taken["spec"]["policies"].append({"system": READ})
    world.api.create(policy("kill", adoptionPolicy="IfUnowned"), taken, binding("kill", "kill", "kill"))


LIVES: dict[str, tuple[Act, Act]] = {
    "create": (nothing, create),
    "update": (created, update),
    "delete": (created, delete),
    "adopt": (of_others, adopt),
}


@pytest.fixture
def way(world: World) -> Iterator[LastAnswer]:
    """The operator's way to the cloud, until the end of the test."""
    with last_answer(str(world.cloud.facts["endpoint"]), world.operator.kill) as way:
        endpoints = {f"RAM_OPERATOR_ENDPOINT_{api}": way.endpoint for api in ("RAM", "ECS", "STS")}
        world.operator.restart({**SETTINGS, **endpoints})
        yield way
        world.operator.restart(SETTINGS)


def picture(world: World) -> tuple[Any, int]:
    """What is in the cloud without the ids of instances, and, by itself, how many versions the policy has."""
    state = world.state()
    state["instances"] = sorted(one["ramRoleName"] for one in state["instances"])
    mine = [one for one in state["policies"] if (one["policyType"], one["policyName"]) == ("Custom", "kill")]
    versions = sum(len(one.pop("versions")) for one in mine)
    for one in mine:
        del one["defaultVersion"]
    return state, versions


def lived(world: World, hand: Hand, way: LastAnswer, name: str, writes: int | None) -> tuple[Any, int]:
    """Let a life run, with a kill after that many writes, and return what is left of it."""
    before, act = LIVES[name]
    world.reset()
    world.add_nodes("kill", "kill")
    before(world, hand)
    way.kill_after(writes)
    act(world, hand)
    if writes is not None:
        world.operator.child.wait(AS_LONG_AS_A_CALL_MAY_TAKE)
        assert way.killed_after
        world.operator.start()
    wait = world.gone if act is delete else world.ready
    wait(POLICY, ROLE, BINDING, timeout=AS_LONG_AS_A_CALL_MAY_TAKE)
    return picture(world)


@pytest.mark.parametrize(("life", "writes"), [("create", 2), ("delete", 1)])
def test_killed_before_it_sees_an_answer_it_brings_the_rest_about(
    world: World, hand: Hand, way: LastAnswer, life: str, writes: int
) -> None:
    whole, _ = lived(world, hand, way, life, None)
    assert lived(world, hand, way, life, writes)[0] == whole


@pytest.mark.soak
@pytest.mark.parametrize("life", LIVES)
def test_killed_after_any_write_before_it_sees_the_answer_it_brings_the_rest_about(
    world: World, hand: Hand, way: LastAnswer, life: str
) -> None:
    whole, versions = lived(world, hand, way, life, None)
    for writes in range(way.writes):
        left, more = lived(world, hand, way, life, writes)
        assert left == whole, f"killed after {writes} writes and {way.killed_after}"
        assert more <= versions + 1, f"killed after {writes} writes and {way.killed_after}"
