"""A session policy on the simulated cloud: an instance may do what both its role and the session policy allow."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.contract.test_laws import BINDING, INSTANCE, node_of
from tests.contract.test_role_lives import scene as scene
from tests.contract.test_role_lives import settle, writes
from tests.contract.test_simulator_metadata import Inside, opens
from tests.unit.builders import binding_body, policy_body, policy_key, role_body, role_key
from tests.unit.scene import Scene

Simulator = Any

POLICY, ROLE = policy_key("all-oss"), role_key("oss-reader")
OSS = {"Statement": [{"Effect": "Allow", "Action": "oss:*", "Resource": "*"}]}


def only(action: str) -> dict[str, Any]:
    return {"Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}


async def test_the_credential_of_an_instance_may_what_both_allow_and_follows_an_edit(
    scene: Scene, simulator: Simulator
) -> None:
    scene.put(policy_body("all-oss", spec={"document": OSS}))
    scene.put(role_body("oss-reader", spec={"policies": [{"policyRef": {"name": "all-oss"}}]}))
    scene.put_node(node_of(INSTANCE, "node-1"))
    scene.put(binding_body(spec={"sessionPolicy": only("oss:GetObject")}))
    await settle(scene, POLICY, ROLE, BINDING)
    inside = Inside(simulator, INSTANCE.id)

    async def may(*wanted: str) -> list[str]:
        credential = inside.credential("oss-reader")
        return [await asyncio.to_thread(opens, simulator, credential, one) for one in wanted]

    assert await may("get", "list") == ["opened", "AccessDenied"]
    scene.edit(BINDING, sessionPolicy=only("oss:List*"))
    before = simulator.newest_call()
    await settle(scene, BINDING)
    assert writes(simulator, before) == ["DetachInstanceRamRole", "AttachInstanceRamRole"]
    assert await may("get", "list") == ["AccessDenied", "opened"]
    scene.edit(BINDING, sessionPolicy=None)
    await settle(scene, BINDING)
    assert await may("get", "list") == ["opened", "opened"]


async def test_an_instance_that_has_the_role_already_is_not_taken_for_a_limited_one(
    scene: Scene, simulator: Simulator
) -> None:
    ecs = scene.reconciler.cloud.ecs
    scene.put(role_body("oss-reader"))
    await settle(scene, ROLE)
    assert await ecs.attach_role(INSTANCE.region, "oss-reader", [INSTANCE.id]) == {}
    failures = await ecs.attach_role(INSTANCE.region, "oss-reader", [INSTANCE.id], '{"Version":"1","Statement":[]}')
    assert list(failures) == [INSTANCE.id]
