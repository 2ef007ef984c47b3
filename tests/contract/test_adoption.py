"""Taking over what others made: planned field by field, quiet where nothing differs, and never against a mark."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contract.test_role_lives import Simulator, attachments, names, settle, writes
from tests.contract.test_role_lives import scene as scene
from tests.unit.builders import DOCUMENT, OTHER_DOCUMENT, custom, policy_body, policy_key, role_body, role_key, system
from tests.unit.scene import Scene

from ram_operator.cloud import NewPolicy, NewRole, RamApi, Taggable
from ram_operator.model import ADOPTED_TAG
from ram_operator.rules.documents import canonical, trust_for_services

POLICY, ROLE = policy_key("read"), role_key("app")
SYSTEM = "AliyunECSReadOnlyAccess"
TRUST = canonical(trust_for_services(["ecs.aliyuncs.com"]))


async def made_by_terraform(ram: RamApi, role: str = "app", policy: str = "read") -> None:
    await ram.create_policy(NewPolicy(policy, canonical(DOCUMENT), "made by Terraform", {"team": "storage"}))
    await ram.create_role(NewRole(role, TRUST, "made by Terraform", 3600, {}))
    await ram.attach_policy_to_role(system(SYSTEM), role)


def policy(**spec: Any) -> dict[str, Any]:
    return policy_body("read", spec={"description": "made by Terraform", "adoptionPolicy": "IfIdentical", **spec})


def role(**spec: Any) -> dict[str, Any]:
    same = {"description": "made by Terraform", "policies": [{"system": SYSTEM}], "adoptionPolicy": "IfIdentical"}
    return role_body("app", spec={**same, **spec})


def message(scene: Scene, key: Any) -> str:
    return str(scene.status(key)["conditions"][0]["message"])


async def test_what_is_as_wanted_is_taken_over_with_no_write_but_the_tags(scene: Scene, simulator: Simulator) -> None:
    ram = scene.reconciler.cloud.ram
    await made_by_terraform(ram)
    scene.put(policy(managementPolicy="Plan"))
    scene.put(role(managementPolicy="Plan"))
    before = simulator.newest_call()
    await scene.settle()
    assert [len(scene.status(key)["plan"]["steps"]) for key in (POLICY, ROLE)] == [1, 1]
    assert writes(simulator, before) == []
    scene.edit(POLICY, managementPolicy="Enforce")
    scene.edit(ROLE, managementPolicy="Enforce")
    await settle(scene, POLICY, ROLE)
    assert writes(simulator, before) == ["TagResources", "TagResources"]
    assert (await ram.list_tags(Taggable.POLICY, "read"))["team"] == "storage"
    assert (scene.status(POLICY)["origin"], scene.status(ROLE)["origin"]) == ("Adopted", "Adopted")


async def test_a_role_is_planned_with_policies_that_are_only_planned_too(scene: Scene, simulator: Simulator) -> None:
    ram = scene.reconciler.cloud.ram
    await made_by_terraform(ram)
    await ram.attach_policy_to_role(custom("read"), "app")
    both = [{"system": SYSTEM}, {"policyRef": {"name": "read"}}]
    scene.put(policy(managementPolicy="Plan"))
    scene.put(role(managementPolicy="Plan", policies=both))
    await scene.settle()
    assert not scene.status(ROLE).get("managedPolicies"), "what is only planned is not claimed"
    (step,) = scene.status(ROLE)["plan"]["steps"]
    assert (step.startswith("tag role app"), scene.condition(ROLE)) == (True, ("False", "PlanPending"))
    scene.edit(ROLE, managementPolicy="Enforce")
    await scene.settle()
    assert scene.condition(ROLE) == ("False", "PolicyNotReady"), "nothing is built on what is only planned"
    scene.edit(POLICY, managementPolicy="Enforce")
    before = simulator.newest_call()
    await settle(scene, POLICY, ROLE)
    assert writes(simulator, before) == ["TagResources", "TagResources"]


async def test_what_is_spelled_in_another_case_is_taken_over_at_once(scene: Scene, simulator: Simulator) -> None:
    await made_by_terraform(scene.reconciler.cloud.ram, "App", "Read")
    for new in (
        role(adoptionPolicy="IfUnowned", maxSessionDurationSeconds=7200),
        policy(adoptionPolicy="IfUnowned", document=OTHER_DOCUMENT),
    ):
        new["metadata"]["finalizers"] = []
        scene.put(new)
    before = simulator.newest_call()
    waits = [(await scene.reconcile(key)).requeue_after for key in (ROLE, POLICY)]
    assert writes(simulator, before) == ["TagResources", "UpdateRole", "TagResources", "CreatePolicyVersion"]
    assert ([scene.condition(key) for key in (ROLE, POLICY)], waits) == ([("True", "InSync")] * 2, [None, None])


async def test_what_differs_is_told_field_by_field_and_left_alone(scene: Scene, simulator: Simulator) -> None:
    await made_by_terraform(scene.reconciler.cloud.ram)
    scene.put(policy(document=OTHER_DOCUMENT, description="ours"))
    scene.put(
        role(maxSessionDurationSeconds=7200, policies=[{"system": SYSTEM}, {"system": "AliyunOSSReadOnlyAccess"}])
    )
    before = simulator.newest_call()
    await scene.settle()
    assert [scene.condition(key, "Stalled") for key in (POLICY, ROLE)] == [("True", "AdoptionDiffers")] * 2
    assert 'description: "made by Terraform" becomes "ours"' in message(scene, POLICY)
    assert "oss:List*" in message(scene, POLICY)
    assert "session duration: 3600 becomes 7200" in message(scene, ROLE)
    assert "attach policy System/AliyunOSSReadOnlyAccess" in message(scene, ROLE)
    assert not scene.status(ROLE).get("managedPolicies"), "what is not taken over is not claimed"
    assert writes(simulator, before) == []


async def test_what_differs_is_tagged_and_then_changed_with_if_unowned(scene: Scene, simulator: Simulator) -> None:
    await made_by_terraform(scene.reconciler.cloud.ram)
    before = simulator.newest_call()
    scene.put(policy(document=OTHER_DOCUMENT, adoptionPolicy="IfUnowned"))
    await settle(scene, POLICY)
    assert writes(simulator, before) == ["TagResources", "CreatePolicyVersion"]


async def test_what_cannot_be_tagged_is_not_changed(scene: Scene, simulator: Simulator) -> None:
    await made_by_terraform(scene.reconciler.cloud.ram)
    before = simulator.newest_call()
    refused = {"action": "TagResources", "count": 9, "code": "NoPermission", "status": 403}
    simulator.control_call("POST", "/faults", refused)
    scene.put(policy(document=OTHER_DOCUMENT, adoptionPolicy="IfUnowned"))
    await scene.settle()
    assert set(writes(simulator, before)) == {"TagResources"}
    assert scene.condition(POLICY, "Stalled") == ("True", "AccessDenied")


@pytest.mark.parametrize("status", ["kept", "lost"])
@pytest.mark.parametrize(("deletion", "stays"), [({}, True), ({"deletionPolicy": "Delete"}, False)])
async def test_what_was_taken_over_stays_unless_the_spec_says_delete(
    scene: Scene, simulator: Simulator, status: str, deletion: dict[str, str], stays: bool
) -> None:
    await made_by_terraform(scene.reconciler.cloud.ram)
    scene.put(policy(**deletion))
    scene.put(role(**deletion))
    await settle(scene, POLICY, ROLE)
    if status == "lost":
        scene.put_status(POLICY, {})
        scene.put_status(ROLE, {})
    scene.delete(ROLE)
    scene.delete(POLICY)
    await settle(scene, ROLE, POLICY)
    assert not scene.exists(ROLE)
    assert ("read" in names(simulator, "policy"), "app" in names(simulator, "role")) == (stays, stays)


@pytest.mark.parametrize("name", ["AliyunServiceRoleForX", "AliyunCSManagedLogRole"])
async def test_a_role_that_is_alibaba_clouds_own_is_never_taken_over(
    scene: Scene, simulator: Simulator, name: str
) -> None:
    await made_by_terraform(scene.reconciler.cloud.ram, name)
    before = simulator.newest_call()
    scene.put(role(roleName=name, adoptionPolicy="IfUnowned"))
    await scene.settle()
    assert scene.condition(ROLE, "Stalled") == ("True", "NotOwned")
    assert "to add a policy to it, name it under attachTo.roles of a RamPolicy" in message(scene, ROLE)
    assert writes(simulator, before) == []


async def test_what_another_cluster_has_is_never_taken_over(scene: Scene, simulator: Simulator) -> None:
    ram = scene.reconciler.cloud.ram
    await ram.create_policy(NewPolicy("read", canonical(DOCUMENT), "", {"ram-operator:cluster": "another"}))
    scene.put(policy(adoptionPolicy="IfUnowned"))
    await scene.settle()
    assert scene.condition(POLICY, "Stalled") == ("True", "OwnedByOther")


async def test_of_two_objects_the_older_takes_over(scene: Scene, simulator: Simulator) -> None:
    await made_by_terraform(scene.reconciler.cloud.ram)
    younger = {
        **policy(policyName="read"),
        "metadata": policy_body("younger", created="2026-03-01T00:00:00Z")["metadata"],
    }
    other = scene.put(younger)
    scene.put(policy())
    await settle(scene, POLICY)
    await scene.settle()
    assert scene.condition(other, "Stalled") == ("True", "NameTaken")
    assert ADOPTED_TAG in await scene.reconciler.cloud.ram.list_tags(Taggable.POLICY, "read")


# policyAttachment


async def test_exclusive_detaches_all_that_the_spec_does_not_name_but_protected_policies(
    scene: Scene, simulator: Simulator
) -> None:
    ram = scene.reconciler.cloud.ram
    scene.put(role_body("app", spec={"policies": [{"system": SYSTEM}], "policyAttachment": "Exclusive"}))
    await settle(scene, ROLE)
    for name in ("AliyunOSSReadOnlyAccess", "AliyunCSReadOnlyAccess"):
        await ram.attach_policy_to_role(system(name), "app")
    before = simulator.newest_call()
    await scene.reconcile(ROLE)
    await settle(scene, ROLE)
    assert attachments(simulator, "app") == {SYSTEM, "AliyunCSReadOnlyAccess"}
    assert writes(simulator, before) == ["DetachPolicyFromRole"]
    scene.edit(ROLE, policies=[{"system": "AliyunECSFullAccess"}])
    await settle(scene, ROLE)
    assert writes(simulator, before)[1:] == ["AttachPolicyToRole", "DetachPolicyFromRole"]


async def test_the_name_of_a_system_policy_is_told_whatever_was_said_before(scene: Scene) -> None:
    scene.put(policy_body("read", spec={"policyName": "AdministratorAccess", "managementPolicy": "Plan"}))
    await scene.reconcile(POLICY)
    await scene.reconcile(POLICY)
    assert scene.condition(POLICY) == ("False", "NameTaken")
    assert "the name is taken by a system policy" in message(scene, POLICY)
