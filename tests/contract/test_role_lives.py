"""Whole lives of roles and policies on the simulated cloud: the pipeline with its real client, objects in memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from tests.contract.ports import ports_of
from tests.unit.builders import binding_body, node, policy_body, policy_key, role_body, role_key
from tests.unit.scene import Scene

from ram_operator.cloud.client.transport import Deadlines
from ram_operator.engine.sweeps import Sweeps
from ram_operator.engine.workqueue import WorkQueue
from ram_operator.model import Event, ObjectKey

Simulator = Any

POLICY, ROLE = policy_key("read"), role_key("app")
SYSTEM = "AliyunECSReadOnlyAccess"


@asynccontextmanager
async def on_the_cloud(simulator: Simulator, seconds: float = 10.0) -> AsyncIterator[Scene]:
    """A scene whose calls wait that long for their answers."""
    async with ports_of(simulator, deadlines=Deadlines(call=seconds)) as cloud:
        yield Scene(cloud)


@pytest.fixture
async def scene(simulator: Simulator) -> AsyncIterator[Scene]:
    async with on_the_cloud(simulator) as scene:
        yield scene


def attachments(simulator: Simulator, role: str) -> set[str]:
    rows = simulator.state()["attachments"]
    return {row["policyName"] for row in rows if row.get("roleName") == role}


def names(simulator: Simulator, kind: str) -> set[str]:
    rows = simulator.state()[{"role": "roles", "policy": "policies"}[kind]]
    return {row[f"{kind}Name"] for row in rows}


def writes(simulator: Simulator, since: int) -> list[str]:
    return [call["action"] for call in simulator.calls_since(since) if call["write"]]


async def settle(scene: Scene, *keys: ObjectKey, seconds: float = 60) -> None:
    """Reconcile until these objects are in sync or gone."""
    end = time.monotonic() + seconds
    while True:
        await scene.settle()
        left = [key for key in keys if scene.exists(key) and scene.condition(key)[0] != "True"]
        if not left:
            return
        assert time.monotonic() < end, [(key, scene.condition(key)) for key in left]
        await asyncio.sleep(0.1)
        for key in left:
            await scene.reconcile(key)


def sweeps_of(scene: Scene, tell: Callable[[Event], None] = lambda _: None) -> Sweeps:
    """The sweeps over a scene, of a process that has just started."""
    hours, interval = timedelta(hours=6), 600.0
    cloud, world, queue = scene.reconciler.cloud, scene.caches, WorkQueue(time.monotonic, lambda: 0.5)
    return Sweeps(cloud, world, queue, scene.reconciler, interval, hours, lambda: scene.now, lambda: 0.5, tell)


# One cloud object, another Kubernetes name


@pytest.mark.parametrize("deletion", ["Delete", "Retain"])
async def test_a_policy_whose_object_is_renamed_is_handed_over_without_a_gap(
    scene: Scene, simulator: Simulator, deletion: str
) -> None:
    scene.put(policy_body("read", spec={"policyName": "k8s-read", "deletionPolicy": deletion}))
    scene.put(role_body("app", spec={"policies": [{"policyRef": {"name": "read"}}]}))
    await settle(scene, POLICY, ROLE)
    before = simulator.newest_call()
    new = scene.put(policy_body("oss-read", spec={"policyName": "k8s-read"}, created="2026-02-01T00:00:00Z"))
    scene.edit(ROLE, policies=[{"policyRef": {"name": "oss-read"}}])
    await scene.settle()
    scene.delete(POLICY)
    await settle(scene, ROLE, new)
    assert not scene.exists(POLICY)
    assert writes(simulator, before) == ["TagResources"]
    assert attachments(simulator, "app") == {"k8s-read"}
    scene.delete(ROLE)
    scene.delete(new)
    await settle(scene, ROLE, new)
    assert "k8s-read" not in names(simulator, "policy")


async def test_a_role_whose_object_is_renamed_is_handed_over_with_what_it_attached(
    scene: Scene, simulator: Simulator
) -> None:
    old = scene.put(role_body("old", spec={"roleName": "k8s-app", "policies": [{"system": SYSTEM}]}))
    await settle(scene, old)
    before = simulator.newest_call()
    new = scene.put(role_body("new", spec={"roleName": "k8s-app"}, created="2026-02-01T00:00:00Z"))
    scene.delete(old)
    await settle(scene, new)
    assert not scene.exists(old)
    assert sorted(writes(simulator, before)) == ["DetachPolicyFromRole", "TagResources"]


async def test_a_binding_moves_to_the_object_that_takes_its_role_over_and_no_instance_is_without_it(
    scene: Scene, simulator: Simulator
) -> None:
    instance = simulator.instance_ids()[0]
    scene.put_node({**node("node-1", pool="storage"), "spec": {"providerID": f"cn-hangzhou.{instance}"}})
    old = scene.put(role_body("old", spec={"roleName": "k8s-app"}))
    binding = scene.put(binding_body("pool", spec={"roleRef": {"name": "old"}}))
    await settle(scene, old, binding)
    before = simulator.newest_call()
    new = scene.put(role_body("new", spec={"roleName": "k8s-app"}, created="2026-02-01T00:00:00Z"))
    scene.edit(binding, roleRef={"name": "new"})
    scene.delete(old)
    await settle(scene, new, binding)
    assert not scene.exists(old)
    assert writes(simulator, before) == ["TagResources"]
    assert scene.condition(binding) == ("True", "AllAttached")
    scene.delete(binding)
    scene.delete(new)
    await settle(scene, new, binding)
    assert "k8s-app" not in names(simulator, "role")


# What is taken over again is ours with all that its spec names


@pytest.mark.parametrize("way", ["made anew after Retain", "restored without a status"])
async def test_a_role_that_is_taken_over_again_claims_what_its_spec_names(
    scene: Scene, simulator: Simulator, way: str
) -> None:
    spec = {"policies": [{"system": SYSTEM}, {"system": "AliyunOSSReadOnlyAccess"}], "deletionPolicy": "Retain"}
    scene.put(role_body("app", spec=spec))
    await settle(scene, ROLE)
    if way == "restored without a status":
        scene.put_status(ROLE, {})
    else:
        scene.delete(ROLE)
        await scene.settle()
        assert not scene.exists(ROLE)
        scene.put(role_body("app", spec=spec))
    await scene.reconcile(ROLE)
    scene.edit(ROLE, policies=[{"system": SYSTEM}], deletionPolicy="Delete")
    await settle(scene, ROLE)
    assert attachments(simulator, "app") == {SYSTEM}
    scene.delete(ROLE)
    await settle(scene, ROLE)
    assert "app" not in names(simulator, "role")


async def test_a_finalizer_stripped_and_an_object_made_anew_claims_what_its_spec_names(
    scene: Scene, simulator: Simulator
) -> None:
    spec = {"policies": [{"system": SYSTEM}]}
    scene.put(role_body("app", spec=spec))
    await settle(scene, ROLE)
    scene.drop(ROLE)
    scene.put(role_body("app", spec=spec))
    await settle(scene, ROLE)
    scene.edit(ROLE, policies=[])
    await settle(scene, ROLE)
    assert attachments(simulator, "app") == set()


async def test_a_cluster_that_succeeds_another_takes_policy_and_role_over_with_what_is_attached(
    scene: Scene, simulator: Simulator
) -> None:
    bodies = (policy_body("read"), role_body("app", spec={"policies": [{"policyRef": {"name": "read"}}]}))
    for body in bodies:
        scene.put(body)
    await settle(scene, POLICY, ROLE)
    before = simulator.newest_call()
    heir = Scene(scene.reconciler.cloud, "rebuilt", (scene.reconciler.cluster.id,))
    for body in bodies:
        heir.put(body)
    await settle(heir, POLICY, ROLE)
    assert writes(simulator, before) == ["TagResources", "TagResources"]
    heir.edit(ROLE, policies=[])
    await settle(heir, ROLE)
    assert attachments(simulator, "app") == set()
    heir.delete(ROLE)
    heir.delete(POLICY)
    await settle(heir, ROLE, POLICY)
    assert {"app", "read"}.isdisjoint(names(simulator, "role") | names(simulator, "policy"))


async def test_a_role_deleted_without_a_status_goes_with_what_its_spec_names(
    scene: Scene, simulator: Simulator
) -> None:
    scene.put(role_body("app", spec={"policies": [{"system": SYSTEM}]}))
    await settle(scene, ROLE)
    scene.put_status(ROLE, {})
    scene.delete(ROLE)
    await settle(scene, ROLE)
    assert "app" not in names(simulator, "role")


# Creations without an answer


async def settle_deletion(scene: Scene, key: ObjectKey) -> None:
    end = time.monotonic() + 60
    while scene.exists(key):
        assert time.monotonic() < end
        await asyncio.sleep(0.2)
        await scene.reconcile(key)


async def test_what_was_never_created_is_let_go_at_once_after_a_refusal_and_after_a_minute_without_an_answer(
    scene: Scene, simulator: Simulator
) -> None:
    refusal = {"action": "CreateRole", "count": 1, "code": "NoPermission", "status": 403}
    simulator.control_call("POST", "/faults", refusal)
    key = scene.put(role_body("never", finalizers=()))
    await scene.reconcile(key)
    scene.delete(key)
    await scene.reconcile(key)
    assert not scene.exists(key)
    simulator.control_call(
        "POST", "/faults", {"action": "CreateRole", "count": 9, "code": "InternalError", "status": 500}
    )
    key = scene.put(role_body("never"))
    await scene.reconcile(key)
    scene.delete(key)
    await scene.reconcile(key)
    assert scene.exists(key)
    scene.later(61)
    await scene.reconcile(key)
    assert not scene.exists(key)


async def test_a_policy_whose_creation_got_no_answer_is_verified_until_ram_shows_it(
    scene: Scene, simulator: Simulator
) -> None:
    simulator.switch(policy_seen_seconds=2)
    simulator.control_call("POST", "/faults", {"action": "CreatePolicy", "count": 1, "lostReply": True})
    scene.put(policy_body("read"))
    await scene.reconcile(POLICY)
    await scene.reconcile(POLICY)
    assert scene.condition(POLICY, "Stalled") == ("", "")
    assert scene.condition(POLICY, "Reconciling") == ("True", "Verifying")
    await settle(scene, POLICY)


async def test_a_name_that_a_system_policy_has_is_tried_once(scene: Scene, simulator: Simulator) -> None:
    key = scene.put(policy_body("mine", spec={"policyName": "AliyunOSSFullAccess"}))
    before = simulator.newest_call()
    for _ in range(4):
        await scene.reconcile(key)
        scene.later(60)
    assert scene.condition(key, "Stalled") == ("True", "NameTaken")
    assert [call["action"] for call in simulator.calls_since(before) if call["action"] == "CreatePolicy"] == [
        "CreatePolicy"
    ]


# Deletion


async def test_a_detachment_that_ram_does_not_show_yet_is_verified_and_not_said_to_be_in_use(
    scene: Scene, simulator: Simulator
) -> None:
    scene.put(policy_body("read"))
    scene.put(role_body("app", spec={"policies": [{"policyRef": {"name": "read"}}]}))
    await settle(scene, POLICY, ROLE)
    simulator.switch(detach_seen_seconds=2)
    scene.delete(ROLE)
    scene.delete(POLICY)
    end = time.monotonic() + 60
    while scene.exists(ROLE) or scene.exists(POLICY):
        for key in (ROLE, POLICY):
            if scene.exists(key):
                await scene.reconcile(key)
                assert not scene.exists(key) or scene.condition(key, "Stalled") == ("", "")
        assert time.monotonic() < end
        await asyncio.sleep(0.1)
    assert "read" not in names(simulator, "policy")


async def test_what_others_keep_after_the_clean_up_says_so_and_frees_its_name(
    scene: Scene, simulator: Simulator
) -> None:
    held = policy_body("read", finalizers=("example.com/hold",))
    scene.put(held)
    await settle(scene, POLICY)
    scene.delete(POLICY)
    await scene.settle()
    assert "read" not in names(simulator, "policy")
    assert scene.condition(POLICY) == ("False", "Released")
    assert "policyName" not in scene.status(POLICY)
    before = len(simulator.calls_since(0))
    await scene.reconcile(POLICY)
    assert len(simulator.calls_since(0)) == before
    other = scene.put(policy_body("other", spec={"policyName": "read"}, created="2026-02-01T00:00:00Z"))
    await settle(scene, other)


async def test_a_finalizer_that_is_taken_off_a_live_object_is_put_back(scene: Scene, simulator: Simulator) -> None:
    scene.put(policy_body("read"))
    await settle(scene, POLICY)
    scene.strip_finalizer(POLICY)
    assert POLICY in scene.asked
    await scene.settle()
    scene.delete(POLICY)
    await settle(scene, POLICY)
    assert "read" not in names(simulator, "policy")


async def test_an_attachment_that_shows_although_it_got_no_answer_is_taken_back_at_once(
    scene: Scene, simulator: Simulator
) -> None:
    simulator.control_call("POST", "/faults", {"action": "AttachPolicyToRole", "count": 1, "emptyBody": True})
    scene.put(role_body("app", spec={"policies": [{"system": SYSTEM}]}))
    await settle(scene, ROLE)
    scene.delete(ROLE)
    await settle(scene, ROLE)
    assert not scene.exists(ROLE)
