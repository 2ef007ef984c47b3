"""What the sweeps read of roles and policies on the simulated cloud: a restart costs the lists."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.contract.test_role_lives import POLICY, ROLE, settle, sweeps_of
from tests.contract.test_role_lives import scene as scene
from tests.unit.builders import policy_body, role_body
from tests.unit.scene import Scene

from ram_operator.cloud import Grantee, GranteeKind, NewPolicy, PolicyName, PolicyType
from ram_operator.engine.workqueue import Lane
from ram_operator.rules.boundary import Boundary

Simulator = Any


async def nominated(scene: Scene, *, first: bool = True) -> int:
    """Sweep all kinds, and return how many objects have to be read in detail."""
    sweeps = sweeps_of(scene)
    survey = scene.reconciler.survey(first=first)
    for kind in scene.reconciler.kinds:
        await sweeps.sweep(kind, survey)
    return sweeps.queue.depth(Lane.SWEEP)


async def test_what_our_own_roles_attach_and_detach_makes_no_sweep_read_a_policy(
    scene: Scene, simulator: Simulator
) -> None:
    scene.put(policy_body("read"))
    await settle(scene, POLICY)
    named = {"policies": [{"policyRef": {"name": "read"}}]}
    keys = [scene.put(role_body(name, spec=named)) for name in ("app", "web", "job")]
    await settle(scene, *keys)
    scene.edit(keys[1], policies=[])
    scene.delete(keys[2])
    await settle(scene, *keys)
    scene.restart()
    before, writes_before = simulator.newest_call(), len(scene.log)
    assert await nominated(scene) == 0
    called = [call["action"] for call in simulator.calls_since(before)]
    assert called == ["ListPolicies", "ListRoles"]
    assert len(scene.log) == writes_before


async def test_later_sweeps_bring_the_count_of_attachments_up_to_date_once(scene: Scene) -> None:
    scene.put(policy_body("read"))
    await settle(scene, POLICY)
    scene.put(role_body("app", spec={"policies": [{"policyRef": {"name": "read"}}]}))
    await settle(scene, ROLE)
    assert await nominated(scene, first=False) == 1
    await scene.reconcile(POLICY)
    assert scene.status(POLICY)["attachmentCount"] == 1
    assert await nominated(scene, first=False) == 0


def reads(simulator: Simulator, before: int) -> list[str]:
    """The versions and documents that were asked for since a call."""
    called = [call["action"] for call in simulator.calls_since(before)]
    return [action for action in called if action in ("GetPolicy", "GetPolicyVersion")]


async def test_the_document_of_a_policy_made_here_is_read_by_its_role_before_it_is_attached_and_not_again(
    scene: Scene, simulator: Simulator
) -> None:
    scene.draw(Boundary())
    scene.put(policy_body("read"))
    await settle(scene, POLICY)
    before = simulator.newest_call()
    scene.put(role_body("app", spec={"policies": [{"policyRef": {"name": "read"}}]}))
    await settle(scene, ROLE)
    assert reads(simulator, before) == ["GetPolicy"]
    before = simulator.newest_call()
    scene.restart()
    scene.draw(Boundary())
    await scene.reconcile(ROLE)
    assert reads(simulator, before) == []
    await scene.reconciler.cloud.ram.create_policy_version("read", allowing("ram:*"))
    before = simulator.newest_call()
    await scene.reconcile(ROLE)
    assert reads(simulator, before) == ["GetPolicy"]
    assert scene.condition(ROLE, "Stalled") == ("True", "Forbidden")


@pytest.mark.parametrize("named", [{"policyRef": {"name": "read"}}, {"custom": "READ"}], ids=["object", "name"])
async def test_a_document_that_an_edit_has_not_reached_is_read_by_its_role(
    scene: Scene, simulator: Simulator, named: dict[str, Any]
) -> None:
    scene.put(policy_body("read"))
    scene.put(role_body("app", spec={"policies": [named]}))
    await settle(scene, POLICY, ROLE)
    scene.edit(POLICY, document=json.loads(allowing("oss:List*")))
    before = simulator.newest_call()
    await scene.reconcile(ROLE)
    assert reads(simulator, before) == ["GetPolicy"]
    await settle(scene, POLICY)
    before = simulator.newest_call()
    await scene.reconcile(ROLE)
    assert reads(simulator, before) == []


async def test_a_policy_that_another_hand_attaches_is_read_once(scene: Scene) -> None:
    scene.put(policy_body("read"))
    scene.put(role_body("app", spec={"policies": [{"policyRef": {"name": "read"}}]}))
    await settle(scene, POLICY, ROLE)
    policy = PolicyName(PolicyType.CUSTOM, "read")
    await scene.reconciler.cloud.ram.attach_policy(policy, Grantee(GranteeKind.USER, "dev"))
    assert await nominated(scene) == 1
    await scene.reconcile(POLICY)
    assert scene.status(POLICY)["attachmentCount"] == 2
    assert await nominated(scene) == 0


async def test_a_custom_policy_that_somebody_widens_is_judged_after_the_next_sweep(
    scene: Scene, simulator: Simulator
) -> None:
    ram = scene.reconciler.cloud.ram
    scene.draw(Boundary())
    await ram.create_policy(NewPolicy("ops", allowing("oss:Get*"), "", {}))
    scene.put(role_body("app", spec={"policies": [{"custom": "OPS"}]}))
    await settle(scene, ROLE)
    before = simulator.newest_call()
    assert await nominated(scene) == 0
    assert sorted(call["action"] for call in simulator.calls_since(before)) == ["ListPolicies", "ListRoles"]
    await ram.create_policy_version("ops", allowing("ram:*"))
    assert await nominated(scene, first=False) == 1
    await scene.reconcile(ROLE)
    assert scene.condition(ROLE)[1] == "Forbidden"
    assert await nominated(scene, first=False) == 0
    await ram.create_policy_version("ops", allowing("oss:List*"))
    assert await nominated(scene, first=False) == 1
    await settle(scene, ROLE)


async def test_a_custom_policy_that_somebody_widens_makes_no_sweep_read_a_role_that_is_being_deleted(
    scene: Scene,
) -> None:
    ram = scene.reconciler.cloud.ram
    await ram.create_policy(NewPolicy("ops", allowing("oss:Get*"), "", {}))
    scene.put(role_body("app", spec={"policies": [{"custom": "ops"}]}))
    await settle(scene, ROLE)
    scene.delete(ROLE)
    await ram.create_policy_version("ops", allowing("ram:*"))
    assert await nominated(scene, first=False) == 0


async def test_a_custom_policy_that_may_not_be_read_makes_no_sweep_read_its_role(
    scene: Scene, simulator: Simulator
) -> None:
    scene.draw(Boundary())
    await scene.reconciler.cloud.ram.create_policy(NewPolicy("ops", allowing("oss:Get*"), "", {}))
    simulator.control_call("POST", "/faults", {"action": "GetPolicy", "status": 403, "code": "NoPermission"})
    scene.put(role_body("app", spec={"policies": [{"custom": "ops"}]}))
    await scene.settle()
    assert scene.condition(ROLE)[1] == "Forbidden"
    assert await nominated(scene, first=False) == 0


def allowing(action: str) -> str:
    """A policy document that allows one action."""
    return json.dumps({"Version": "1", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]})
