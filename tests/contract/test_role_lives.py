"""Whole lives of roles and policies on the simulated cloud: the pipeline with its real client, objects in memory."""

from __future__ import annotations

import asyncio
import json
import shlex
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY
from tests.contract.ports import ports_of
from tests.unit.builders import binding_body, node, policy_body, policy_key, role_body, role_key
from tests.unit.scene import Scene

from ram_operator.cloud import NewRole
from ram_operator.cloud.client.transport import Deadlines
from ram_operator.commands.orphans import described, find_orphans, uses
from ram_operator.engine.sweeps import Sweeps
from ram_operator.engine.workqueue import WorkQueue
from ram_operator.model import Event, ObjectKey
from ram_operator.rules.documents import canonical, trust_for_services

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


@pytest.mark.parametrize("others", [True, False])
async def test_what_carries_our_marks_without_an_object_is_told_and_left_alone(
    scene: Scene, simulator: Simulator, caplog: pytest.LogCaptureFixture, others: bool
) -> None:
    key = scene.put(role_body("kept", spec={"deletionPolicy": "Retain", "tags": {"team": "storage"}}))
    policy = scene.put(policy_body("kept", spec={"deletionPolicy": "Retain"}))
    if others:
        scene.put(role_body("app"))
    await settle(scene, key, policy)
    scene.delete(key)
    scene.delete(policy)
    await scene.settle()
    before = simulator.newest_call()
    told: list[Event] = []
    sweeps = sweeps_of(scene, told.append)
    for _ in range(3):
        survey = scene.reconciler.survey()
        for kind in (ROLE.kind, POLICY.kind):
            await sweeps.sweep(kind, survey)
    assert [vars(record)["cloud_object"] for record in caplog.records if "cloud object without" in record.message] == [
        "kept",
        "kept",
    ]
    assert REGISTRY.get_sample_value("ram_operator_orphans", {"kind": ROLE.kind}) == 1
    assert [(event.reason, event.note.partition(",")[0]) for event in told] == [
        ("OrphanFound", f"kept in RAM has the marks of {kind}/kept") for kind in (ROLE.kind, POLICY.kind)
    ]
    assert writes(simulator, before) == []
    assert "kept" in names(simulator, "role")
    lines = described(await find_orphans(scene.caches, scene.reconciler), {}, datetime.now(UTC) + timedelta(days=3))
    assert [line.partition(":")[0] for line in lines if not line.startswith(" ")] == [
        "policy kept, 3 days old",
        "role kept, 3 days old",
    ]
    assert "  tags: team=storage" in lines
    assert lines[-1] == "  to have it deleted: aliyun ram DeleteRole --RoleName kept"


async def test_asking_for_orphans_costs_the_two_lists_whatever_instances_there_are(
    scene: Scene, simulator: Simulator
) -> None:
    scene.put_node(
        {**node("node-1", pool="storage"), "spec": {"providerID": f"cn-hangzhou.{simulator.instance_ids()[0]}"}}
    )
    scene.put(role_body("app"))
    binding = scene.put(binding_body("pool", spec={"roleRef": {"name": "app"}}))
    await settle(scene, ROLE, binding)
    before = simulator.newest_call()
    assert await find_orphans(scene.caches, scene.reconciler) == []
    assert [call["action"] for call in simulator.calls_since(before)] == ["ListPolicies", "ListRoles"]


async def test_an_orphan_that_was_taken_over_and_is_in_use_is_handed_back_and_not_deleted(
    scene: Scene, simulator: Simulator
) -> None:
    ram, node_1 = scene.reconciler.cloud.ram, simulator.instance_ids()[0]
    await ram.create_role(NewRole("app", canonical(trust_for_services(["ecs.aliyuncs.com"])), "", 3600, {}))
    scene.put_node({**node("node-1", pool="storage"), "spec": {"providerID": f"cn-hangzhou.{node_1}"}})
    scene.put(policy_body("read", spec={"deletionPolicy": "Retain"}))
    spec = {"adoptionPolicy": "IfUnowned", "deletionPolicy": "Retain", "policies": [{"policyRef": {"name": "read"}}]}
    scene.put(role_body("app", spec=spec))
    binding = scene.put(binding_body("pool", spec={"roleRef": {"name": "app"}, "unbindPolicy": "Retain"}))
    await settle(scene, POLICY, ROLE, binding)
    for key in (binding, ROLE, POLICY):
        scene.drop(key)
    found = await find_orphans(scene.caches, scene.reconciler)
    used = await uses(found, scene.caches, scene.reconciler.cloud)
    assert [(orphan.name, used[orphan]) for orphan in found] == [("read", "role app"), ("app", node_1)]
    policy, role = (described([orphan], used, scene.now) for orphan in found)
    assert any("took it over" in line for line in role)
    assert not any("Delete" in line for line in role)
    assert any(
        line.startswith("  to have it deleted, once nothing uses it: aliyun ram DeletePolicy") for line in policy
    )
    [back] = (line.partition(": ")[2] for line in role if "hand it back" in line)
    assert shlex.split(back)[:5] == ["aliyun", "ram", "UntagResources", "--ResourceType", "role"]
    keys = json.loads(shlex.split(back)[-1])
    assert {f"ram-operator:{part}" for part in ("cluster", "kind", "name", "origin")} <= {*keys}


async def test_an_attachment_that_shows_although_it_got_no_answer_is_taken_back_at_once(
    scene: Scene, simulator: Simulator
) -> None:
    simulator.control_call("POST", "/faults", {"action": "AttachPolicyToRole", "count": 1, "emptyBody": True})
    scene.put(role_body("app", spec={"policies": [{"system": SYSTEM}]}))
    await settle(scene, ROLE)
    scene.delete(ROLE)
    await settle(scene, ROLE)
    assert not scene.exists(ROLE)
