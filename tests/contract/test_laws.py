"""The laws of the pipeline that need a cloud, against the simulator: what is written when, how often, and to what."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from tests.contract.ports import ports_of
from tests.unit.builders import (
    OTHER_DOCUMENT,
    binding_body,
    binding_key,
    custom,
    node,
    owner,
    policy_body,
    policy_key,
    role_body,
    role_key,
)
from tests.unit.crashes import Crash, Crashing
from tests.unit.scene import Scene

from ram_operator.cloud import Cloud, EcsApi, NewPolicy, NewRole, RoleChange, Taggable
from ram_operator.model import Body, InstanceId, ObjectKey, Scope, StatusFields
from ram_operator.rules.documents import canonical, trust_for_services

Simulator = Any

POLICY, ROLE, BINDING = policy_key("oss-read"), role_key("oss-reader"), binding_key("storage-pool")
INSTANCE = InstanceId("cn-hangzhou", "i-bp1simulator00000001")
SECOND = InstanceId("cn-hangzhou", "i-bp1simulator00000002")
TRUST = canonical(trust_for_services(["ecs.aliyuncs.com"]))
DOCUMENT = json.dumps({"Version": "1", "Statement": [{"Effect": "Allow", "Action": "oss:Get*", "Resource": "*"}]})
USING = {"policies": [{"policyRef": {"name": "oss-read"}}, {"system": "AliyunECSReadOnlyAccess"}]}


@pytest.fixture
async def cloud(simulator: Simulator) -> AsyncIterator[Cloud]:
    async with ports_of(simulator) as cloud:
        yield cloud


class Witness(Scene):
    """Notes before each store how many writes the cloud has seen."""

    def __init__(self, cloud: Cloud, simulator: Simulator) -> None:
        super().__init__(cloud)
        self._since = simulator.newest_call()
        self._simulator = simulator
        self.stores: list[tuple[str, int, Any]] = []

    @property
    def writes(self) -> list[str]:
        return [call["action"] for call in self._simulator.calls_since(self._since) if call["write"]]

    async def set_finalizer(self, body: Body, present: bool) -> Body:
        self.stores.append(("finalizer", len(self.writes), present))
        return await super().set_finalizer(body, present)

    async def write_status(self, body: Body, status: StatusFields) -> Body:
        self.stores.append(("status", len(self.writes), status))
        return await super().write_status(body, status)


@pytest.fixture
def scene(cloud: Cloud, simulator: Simulator) -> Witness:
    return Witness(cloud, simulator)


def world(scene: Scene, **role: Any) -> None:
    """Apply a policy, a role that uses it and a binding of one node."""
    scene.put(policy_body(finalizers=()))
    scene.put(role_body(spec=USING | role, finalizers=()))
    scene.put_node(node_of(INSTANCE, "node-1"))
    scene.put(binding_body(finalizers=()))


def node_of(one: InstanceId, name: str, pool: str = "storage") -> dict[str, Any]:
    return {**node(name, None, pool=pool), "spec": {"providerID": str(one)}}


# 1. observe never writes

STATES = ["absent", "settled", "drifted", "foreign", "deleting", "deleting and in use"]


async def bring_about(state: str, scene: Witness, cloud: Cloud) -> None:
    if state == "foreign":
        await cloud.ram.create_policy(NewPolicy("oss-read", DOCUMENT, "", {}))
        await cloud.ram.create_role(NewRole("oss-reader", TRUST, "", 3600, {}))
    world(scene)
    if state in ("absent", "foreign"):
        return
    await scene.settle()
    if state == "drifted":
        await cloud.ram.update_role("oss-reader", RoleChange(7200, None, "changed"))
        await cloud.ram.update_policy_description("oss-read", "changed")
        await cloud.ram.tag(Taggable.ROLE, "oss-reader", {"team": "x"})
        await cloud.ecs.detach_role(INSTANCE.region, "oss-reader", [INSTANCE.id])
    if state == "deleting and in use":
        await cloud.ram.create_role(NewRole("foreign", TRUST, "", 3600, {}))
        await cloud.ram.attach_policy_to_role(custom("oss-read"), "foreign")
        await cloud.ecs.attach_role(SECOND.region, "oss-reader", [SECOND.id])
    if state.startswith("deleting"):
        for key in (BINDING, ROLE, POLICY):
            scene.delete(key)


@pytest.mark.parametrize("key", [POLICY, ROLE, BINDING], ids=str)
@pytest.mark.parametrize("state", STATES)
async def test_observing_never_writes(
    scene: Witness, cloud: Cloud, simulator: Simulator, state: str, key: ObjectKey
) -> None:
    await bring_about(state, scene, cloud)
    body, facts = scene.caches.body(key), scene.caches.facts(key)
    assert body
    assert facts
    before, newest = simulator.state(), simulator.newest_call()
    kind = scene.reconciler.kinds[key.kind]
    known = body.get("status") or {}
    await kind.observe(kind.desire(kind.parse(body), facts), known, Scope(), cloud)
    calls = simulator.calls_since(newest)
    assert calls, "something was read"
    assert [call["action"] for call in calls if call["write"]] == []
    assert simulator.state() == before


# 4. Ready is proven


async def test_what_is_ready_needs_no_write_by_anybody_who_looks_anew(
    scene: Witness, cloud: Cloud, simulator: Simulator
) -> None:
    world(scene)
    await scene.settle()
    await scene.reconcile(POLICY)
    assert [scene.condition(key)[0] for key in (POLICY, ROLE, BINDING)] == ["True"] * 3
    newest = simulator.newest_call()
    stranger = Scene(cloud)
    for key in (POLICY, ROLE, BINDING):
        body = scene.caches.body(key)
        assert body
        stranger.put(body)
    stranger.put_node(node_of(INSTANCE, "node-1"))
    for key in (POLICY, ROLE, BINDING):
        await stranger.reconcile(key)
    assert [call["action"] for call in simulator.calls_since(newest) if call["write"]] == []
    assert stranger.log == []


HINDRANCES = [
    (POLICY, "CreatePolicy", "False"),
    (ROLE, "CreateRole", "False"),
    (ROLE, "AttachPolicyToRole", "False"),
    (BINDING, "AttachInstanceRamRole", "False"),
]


@pytest.mark.parametrize(("key", "action", "ready"), HINDRANCES, ids=[action for _, action, _ in HINDRANCES])
async def test_nothing_is_ready_whose_write_failed(
    scene: Witness, simulator: Simulator, key: ObjectKey, action: str, ready: str
) -> None:
    world(scene)
    simulator.control_call("POST", "/faults", {"action": action, "count": 100, "code": "InternalError", "status": 500})
    for one in (POLICY, ROLE, BINDING):
        await scene.reconcile(one)
    assert scene.condition(key)[0] == ready
    simulator.control_call("DELETE", "/faults")
    for one in (POLICY, ROLE, BINDING):
        await scene.reconcile(one)
    await scene.settle()
    assert scene.condition(key)[0] == "True"


@pytest.mark.parametrize(("key", "action"), [row[:2] for row in HINDRANCES], ids=[row[1] for row in HINDRANCES])
async def test_a_lost_reply_leads_to_no_second_write_and_to_ready(
    scene: Witness, simulator: Simulator, key: ObjectKey, action: str
) -> None:
    world(scene)
    simulator.control_call("POST", "/faults", {"action": action, "lostReply": True})
    for _ in range(3):
        for one in (POLICY, ROLE, BINDING):
            await scene.reconcile(one)
            scene.later(1)
    await scene.settle()
    assert scene.condition(key)[0] == "True"
    wanted = {"AttachPolicyToRole": 2}.get(action, 1)
    assert scene.writes.count(action) == wanted


class Undoing:
    """ECS with somebody who takes each role away as soon as it is attached."""

    def __init__(self, ecs: EcsApi) -> None:
        self._ecs = ecs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ecs, name)

    async def attach_role(self, region: str, role: str, ids: Any, policy: str | None = None) -> Any:
        """Attach and detach."""
        result = await self._ecs.attach_role(region, role, ids, policy)
        await self._ecs.detach_role(region, role, ids)
        return result


async def test_the_last_look_decides_and_not_the_write(cloud: Cloud, simulator: Simulator) -> None:
    scene = Witness(Cloud(cloud.ram, cast("EcsApi", Undoing(cloud.ecs)), cloud.sts), simulator)
    world(scene)
    for key in (POLICY, ROLE, BINDING):
        await scene.reconcile(key)
    assert scene.writes[-2:] == ["AttachInstanceRamRole", "DetachInstanceRamRole"]
    assert scene.condition(BINDING)[0] == "False"


# 6. nothing that is not marked as ours is touched


async def test_a_cloud_object_of_our_name_without_our_tags_is_never_written_not_even_when_deleting(
    scene: Witness, cloud: Cloud, simulator: Simulator
) -> None:
    await cloud.ram.create_policy(NewPolicy("oss-read", DOCUMENT, "theirs", {}))
    await cloud.ram.create_role(NewRole("oss-reader", TRUST, "theirs", 3600, {}))
    theirs = owner(role_key("another")).tags()
    await cloud.ram.create_role(NewRole("another", TRUST, "theirs", 3600, theirs | {"ram-operator:cluster": "c-2"}))
    await cloud.ecs.attach_role(INSTANCE.region, "another", [INSTANCE.id])
    world(scene, description="ours")
    scene.put(role_body("another", finalizers=()))
    before, newest = simulator.state(), simulator.newest_call()
    await scene.settle()
    assert scene.condition(POLICY) == ("False", "NotOwned")
    assert scene.condition(ROLE) == ("False", "NotOwned")
    assert scene.condition(role_key("another")) == ("False", "OwnedByOther")
    for key in (BINDING, ROLE, POLICY, role_key("another")):
        scene.delete(key)
    await scene.settle()
    assert [call["action"] for call in simulator.calls_since(newest) if call["write"]] == []
    assert simulator.state() == before
    assert not any(scene.exists(key) for key in (BINDING, ROLE, POLICY, role_key("another")))


async def test_everything_of_ours_is_deleted_and_the_cloud_is_as_it_was(scene: Witness, simulator: Simulator) -> None:
    before = simulator.state()
    world(scene)
    await scene.settle()
    assert simulator.state() != before
    for key in (POLICY, ROLE, BINDING):
        scene.delete(key)
    await scene.settle()
    scene.later(60)
    for key in (ROLE, POLICY):
        if scene.exists(key):
            await scene.reconcile(key)
    await scene.settle()
    assert simulator.state() == before
    assert not any(scene.exists(key) for key in (POLICY, ROLE, BINDING))


# 7. Retain


@pytest.mark.parametrize("spec", [{}, {"managementPolicy": "Plan"}, {"tags": {"acs:bad": "x"}}], ids=str)
async def test_with_retain_an_object_goes_without_a_single_call(
    scene: Witness, simulator: Simulator, spec: dict[str, Any]
) -> None:
    world(scene)
    await scene.settle()
    before = simulator.state()
    for key in (POLICY, ROLE):
        scene.edit(key, deletionPolicy="Retain", **spec)
    scene.asked.clear()
    newest = simulator.newest_call()
    for key in (ROLE, POLICY):
        scene.delete(key)
        await scene.reconcile(key)
        assert not scene.exists(key)
    assert simulator.calls_since(newest) == []
    assert simulator.state() == before


async def test_an_edited_document_costs_four_calls_and_one_version(scene: Witness, simulator: Simulator) -> None:
    world(scene)
    await scene.settle()
    since = simulator.newest_call()
    scene.edit(POLICY, document=OTHER_DOCUMENT)
    await scene.reconcile(POLICY)
    calls = [call["action"] for call in simulator.calls_since(since)]
    assert sorted(calls) == ["CreatePolicyVersion", "GetPolicy", "GetPolicy", "ListTagResources"]
    assert scene.condition(POLICY) == ("True", "InSync")


async def test_a_version_whose_reply_was_lost_is_not_made_again(
    scene: Witness, cloud: Cloud, simulator: Simulator
) -> None:
    world(scene)
    await scene.settle()
    scene.edit(POLICY, document=OTHER_DOCUMENT)
    simulator.control_call("POST", "/faults", {"action": "CreatePolicyVersion", "lostReply": True})
    for _ in range(3):
        await scene.reconcile(POLICY)
        scene.later(5)
    assert (await cloud.ram.get_policy(custom("oss-read"))).default_version == "v2"
    assert scene.condition(POLICY) == ("True", "InSync")


# 8. finalizer and claims come before the first write


async def test_the_finalizer_and_the_claims_are_stored_before_the_first_write_of_each_object(scene: Witness) -> None:
    world(scene)
    for key, claim in ((POLICY, None), (ROLE, "managedPolicies"), (BINDING, "instances")):
        scene.stores.clear()
        before = len(scene.writes)
        await scene.reconcile(key)
        assert len(scene.writes) > before
        untouched = [(what, value) for what, count, value in scene.stores if count == before]
        assert ("finalizer", True) in untouched
        if claim:
            assert any(what == "status" and value.get(claim) for what, value in untouched)


async def test_what_was_claimed_before_a_crash_is_ours_after_it(
    scene: Witness, cloud: Cloud, simulator: Simulator
) -> None:
    before = simulator.state()
    world(scene)
    filters = scene.reconciler.filters
    for key in (POLICY, ROLE, BINDING):
        scene.reconciler.filters = (Crashing(),)
        with pytest.raises(Crash):
            await scene.reconcile(key)
        scene.reconciler.filters = filters
        await scene.reconcile(key)
    await scene.settle()
    assert [scene.condition(key)[0] for key in (POLICY, ROLE, BINDING)] == ["True"] * 3
    assert (await cloud.ram.get_policy(custom("oss-read"))).default_version == "v1"
    for key in (BINDING, ROLE, POLICY):
        scene.delete(key)
        await scene.settle()
    assert simulator.state() == before
