"""How many calls bindings over a thousand nodes make: in batches, and only for what is new or changed."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from tests.contract.test_role_lives import Simulator, settle
from tests.contract.test_role_lives import scene as scene
from tests.unit.builders import binding_body, binding_key, role_body
from tests.unit.scene import Scene

NODES, BINDINGS = 1000, 5
POOLS = [binding_key(f"pool-{number}") for number in range(BINDINGS)]


def join(scene: Scene, simulator: Simulator, number: int) -> None:
    """A Node of one of the pools joins, with an instance of its own."""
    instance = simulator.control_call("POST", "/instances", {"region": "cn-hangzhou"})["instanceId"]
    metadata = {"name": f"n-{number}", "uid": f"uid-{number}", "labels": {"pool": f"pool-{number % BINDINGS}"}}
    scene.put_node({"metadata": metadata, "spec": {"providerID": f"cn-hangzhou.{instance}"}})


def made(simulator: Simulator, since: int) -> Counter[str]:
    """How often each API was called."""
    return Counter(call["action"] for call in simulator.calls_since(since))


@pytest.fixture
async def bound(scene: Scene, simulator: Simulator) -> tuple[Scene, Counter[str]]:
    """A thousand nodes under five bindings that came together, and the calls that it took."""
    await settle(scene, scene.put(role_body()))
    for number in range(NODES):
        join(scene, simulator, number)
    before = simulator.newest_call()
    for key in POOLS:
        spec: dict[str, Any] = {"nodeSelector": {"matchLabels": {"pool": key.name}}}
        scene.put(binding_body(key.name, spec=spec))
    scene.asked = {key: scene.asked[key] for key in POOLS}
    await scene.settle()
    return scene, made(simulator, before)


async def test_a_thousand_nodes_cost_few_calls_and_one_more_costs_four_at_most(
    bound: tuple[Scene, Counter[str]], simulator: Simulator
) -> None:
    scene, calls = bound
    assert {scene.status(key)["summary"]["ready"] for key in POOLS} == {f"{NODES // BINDINGS}/{NODES // BINDINGS}"}
    assert calls["AttachInstanceRamRole"] <= 15
    assert calls["DescribeInstanceRamRole"] + calls["DescribeInstances"] <= 45
    before, writes = simulator.newest_call(), len(scene.log)
    join(scene, simulator, NODES)
    await scene.settle()
    assert scene.status(POOLS[0])["summary"]["attached"] == NODES // BINDINGS + 1
    assert made(simulator, before).total() <= 4
    assert len(scene.log) - writes <= 2, "the claim, and what came of it"
    before, writes = simulator.newest_call(), len(scene.log)
    scene.restart()
    for key in POOLS:
        await scene.reconcile(key)
    assert made(simulator, before)["DescribeInstanceRamRole"] == (NODES + BINDINGS - 1) // 50 + 1
    assert (len(scene.log), made(simulator, before)["AttachInstanceRamRole"]) == (writes, 0)
