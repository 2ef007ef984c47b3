"""A role and a binding come back without their status, in the same cluster or a rebuilt one, and are what they were."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from tests.contract.test_laws import BINDING, INSTANCE, ROLE, node_of
from tests.contract.test_role_lives import attachments, names, settle
from tests.contract.test_role_lives import scene as scene
from tests.unit.builders import CLUSTER, binding_body, role_body
from tests.unit.scene import Scene

Simulator = Any

SYSTEM = "AliyunECSReadOnlyAccess"


def has_role(simulator: Simulator) -> bool:
    return INSTANCE.id in {row["instanceId"] for row in simulator.state()["instances"] if row["ramRoleName"]}


@pytest.mark.parametrize("cluster", [CLUSTER, "rebuilt"])
async def test_they_clean_up_after_themselves_as_if_nothing_had_been_lost(
    scene: Scene, simulator: Simulator, cluster: str
) -> None:
    objects = (role_body("oss-reader", spec={"policies": [{"system": SYSTEM}]}), binding_body())
    for body in objects:
        scene.put(copy.deepcopy(body))
    scene.put_node(node_of(INSTANCE, "node-1"))
    await settle(scene, ROLE, BINDING)

    after = Scene(scene.reconciler.cloud, cluster, (CLUSTER,))
    after.put_node(node_of(INSTANCE, "node-1"))
    before = simulator.newest_call()
    for body in objects:
        after.put(copy.deepcopy(body))
    await settle(after, ROLE, BINDING)
    assert {call["action"] for call in simulator.calls_since(before) if call["write"]} <= {"TagResources"}
    assert after.rows(BINDING)[str(INSTANCE)]["origin"] == "TakenOver"
    assert attachments(simulator, "oss-reader") == {SYSTEM}
    after.put_node(node_of(INSTANCE, "node-1", pool="other"))
    await after.settle()
    assert not has_role(simulator)
    after.delete(BINDING)
    after.delete(ROLE)
    await settle(after, ROLE, BINDING)
    assert "oss-reader" not in names(simulator, "role")
