"""Calls that the cloud carries out after the operator has given up on them, or was killed: nothing of them is left."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from tests.contract.test_role_lives import Simulator, names, on_the_cloud, settle
from tests.unit.builders import DOCUMENT, OTHER_DOCUMENT, custom, policy_body, policy_key, role_body, role_key, system
from tests.unit.scene import Scene

from ram_operator.cloud import NewRole
from ram_operator.model import ObjectKey
from ram_operator.rules.documents import canonical, trust_for_services

POLICY, ROLE = policy_key("late"), role_key("late")
SYSTEM = "AliyunECSReadOnlyAccess"
WAYS = ["waited for", "restarted", "asked by a person", "killed in the call"]


@pytest.fixture
async def scene(simulator: Simulator) -> AsyncIterator[Scene]:
    async with on_the_cloud(simulator, seconds=3) as scene:
        yield scene


async def polled(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        await asyncio.sleep(0.05)


def arrived(simulator: Simulator, action: str) -> bool:
    """Whether the one call to hold has reached the cloud."""
    return all(fault["action"] != action for fault in simulator.control_call("GET", "/faults")["faults"])


async def held(
    scene: Scene, simulator: Simulator, key: ObjectKey, action: str, way: str
) -> Callable[[], Awaitable[None]]:
    """Reconcile while the cloud holds a call for longer than the operator waits; return what carries it out."""
    since = simulator.newest_call()

    def done() -> bool:
        return any((call["action"], call["code"]) == (action, "") for call in simulator.calls_since(since))

    async def carry_out() -> None:
        simulator.control_call("DELETE", "/faults")
        await polled(done)

    simulator.control_call("POST", "/faults", {"action": action, "count": 1, "delaySeconds": 3600})
    work = asyncio.create_task(scene.reconcile(key))
    await polled(lambda: arrived(simulator, action))
    if way == "killed in the call":
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
    else:
        await work
        assert scene.condition(key, "Reconciling")[0] == "True"
    assert not done()
    if way != "waited for":
        scene.restart()
    if way == "asked by a person":
        scene.ask(key, "now")
    return carry_out


@dataclass(frozen=True, slots=True)
class Life:
    """Something that is begun with an object and taken back before the cloud has carried it out.

    Attributes:
        action: the call that is held.
        key: the object.
        before: what was there, in sync.
        begin: the edit that leads to the call.
        end: the edit that takes it back.
        left: what of it is left in the cloud.
    """

    action: str
    key: ObjectKey
    before: Callable[[Scene], Awaitable[None]]
    begin: Callable[[Scene], Any]
    end: Callable[[Scene], Any]
    left: Callable[[Simulator], bool]


async def nothing(scene: Scene) -> None:
    """Nothing was there."""


async def role(scene: Scene) -> None:
    scene.put(role_body("late"))
    await settle(scene, ROLE)


async def role_with_policy(scene: Scene) -> None:
    scene.put(role_body("late", spec={"policies": [{"system": SYSTEM}]}))
    await settle(scene, ROLE)
    await scene.reconciler.cloud.ram.detach_policy_from_role(system(SYSTEM), "late")


async def policy(scene: Scene) -> None:
    scene.put(policy_body("late"))
    await settle(scene, POLICY)


async def role_that_somebody_deletes(scene: Scene) -> None:
    await role(scene)
    await scene.reconciler.cloud.ram.delete_role("late")


async def role_of_others(scene: Scene) -> None:
    trust = canonical(trust_for_services(["ecs.aliyuncs.com"]))
    await scene.reconciler.cloud.ram.create_role(NewRole("late", trust, "", 3600, {}))


def attached(simulator: Simulator) -> bool:
    return bool(simulator.state()["attachments"])


def tagged(simulator: Simulator) -> bool:
    return any(row["roleName"] == "late" and row["tags"] for row in simulator.state()["roles"])


WITH_POLICY = {"policies": [{"system": SYSTEM}]}
LIVES = {
    "a role": Life(
        "CreateRole",
        ROLE,
        nothing,
        lambda scene: scene.put(role_body("late", spec=WITH_POLICY)),
        lambda scene: scene.delete(ROLE),
        lambda cloud: "late" in names(cloud, "role"),
    ),
    "a policy": Life(
        "CreatePolicy",
        POLICY,
        nothing,
        lambda scene: scene.put(policy_body("late")),
        lambda scene: scene.delete(POLICY),
        lambda cloud: "late" in names(cloud, "policy"),
    ),
    "a role made again": Life(
        "CreateRole",
        ROLE,
        role_that_somebody_deletes,
        lambda scene: None,
        lambda scene: scene.delete(ROLE),
        lambda cloud: "late" in names(cloud, "role"),
    ),
    "an attachment": Life(
        "AttachPolicyToRole",
        ROLE,
        role,
        lambda scene: scene.edit(ROLE, **WITH_POLICY),
        lambda scene: scene.edit(ROLE, policies=[]),
        attached,
    ),
    "an attachment made again": Life(
        "AttachPolicyToRole",
        ROLE,
        role_with_policy,
        lambda scene: None,
        lambda scene: scene.edit(ROLE, policies=[]),
        attached,
    ),
    "a grant": Life(
        "AttachPolicyToUser",
        POLICY,
        policy,
        lambda scene: scene.edit(POLICY, attachTo={"users": ["dev"]}),
        lambda scene: scene.edit(POLICY, attachTo=None),
        attached,
    ),
    "tags of what is taken over": Life(
        "TagResources",
        ROLE,
        role_of_others,
        lambda scene: scene.put(role_body("late", spec={"adoptionPolicy": "IfUnowned"})),
        lambda scene: scene.delete(ROLE),
        lambda cloud: tagged(cloud) and "late" not in names(cloud, "role"),
    ),
}


SAMPLE = {("a role", "waited for"), ("an attachment", "waited for"), *((what, "killed in the call") for what in LIVES)}
PAIRS = [(what, way) for what in LIVES for way in WAYS]


@pytest.mark.parametrize(
    ("what", "way"), [pytest.param(*pair, marks=() if pair in SAMPLE else pytest.mark.soak) for pair in PAIRS]
)
async def test_what_is_carried_out_late_does_not_outlive_what_asked_for_it(
    scene: Scene, simulator: Simulator, what: str, way: str
) -> None:
    life = LIVES[what]
    await life.before(scene)
    life.begin(scene)
    carry_out = await held(scene, simulator, life.key, life.action, way)
    life.end(scene)
    await scene.reconcile(life.key)
    assert scene.exists(life.key), "what may still come is waited for"
    assert scene.condition(life.key, "Reconciling") == ("True", "Verifying")
    await carry_out()
    await scene.reconcile(life.key)
    scene.later(61)
    if scene.exists(life.key):
        await settle(scene, life.key)
    assert not life.left(simulator)


async def test_a_document_that_comes_late_does_not_stay_although_the_edit_was_taken_back(
    scene: Scene, simulator: Simulator
) -> None:
    await policy(scene)
    scene.edit(POLICY, document=OTHER_DOCUMENT)
    carry_out = await held(scene, simulator, POLICY, "CreatePolicyVersion", "waited for")
    scene.edit(POLICY, document=DOCUMENT)
    await scene.reconcile(POLICY)
    assert scene.condition(POLICY, "Reconciling") == ("True", "Verifying")
    await carry_out()
    await settle(scene, POLICY)
    left = await scene.reconciler.cloud.ram.get_policy(custom("late"))
    assert left.document == canonical(DOCUMENT)
