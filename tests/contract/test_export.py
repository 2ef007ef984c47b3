"""`ram-operator export`: what it writes of an account takes everything over with no write but the tags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import yaml
from tests.contract.test_role_lives import Simulator, settle, writes
from tests.contract.test_role_lives import scene as scene
from tests.unit.builders import DOCUMENT, KINDS, system
from tests.unit.scene import Scene

from ram_operator.cloud import NewPolicy, NewRole, PolicyName, PolicyType, RamApi
from ram_operator.commands.export import Exported, export
from ram_operator.errors import StartupError
from ram_operator.kinds.ram_policy import RamPolicyKind
from ram_operator.kinds.ram_role import RamRoleKind
from ram_operator.model import ObjectKey
from ram_operator.rules.documents import canonical, trust_for_services

READ = "AliyunECSReadOnlyAccess"
ECS = trust_for_services(["ecs.aliyuncs.com"])
SID = {"Statement": [{"Sid": "one", "Effect": "Allow", "Action": "oss:GetObject", "Resource": "*"}]}
NARROW = {"Statement": [{**ECS["Statement"][0], "Condition": {"StringEquals": {"acs:SourceVpc": "vpc-1"}}}]}
ROLES: Mapping[str, tuple[Any, str, int, Mapping[str, str], tuple[PolicyName, ...]]] = {
    "plain": (ECS, "", 3600, {}, ()),
    "Storage.Readers": (
        trust_for_services(["ecs.aliyuncs.com", "fc.aliyuncs.com"]),
        "reads, made by hand: é",
        7200,
        {"team": "storage"},
        (system(READ), PolicyName(PolicyType.CUSTOM, "Read"), PolicyName(PolicyType.CUSTOM, "with-sid")),
    ),
    "narrow": (NARROW, "1", 3600, {}, (PolicyName(PolicyType.CUSTOM, "Read"),)),
    "-odd-.Name": (ECS, "", 3600, {}, ()),
    "odd-name": (ECS, "", 3600, {}, ()),
}


async def make(ram: RamApi, simulator: Simulator) -> None:
    """Roles and policies as people make them, with what RAM takes although its documentation does not have it."""
    simulator.switch(unknown_policy_keys="ignored")
    await ram.create_policy(NewPolicy("Read", canonical(DOCUMENT), "", {"yes": "no"}))
    await ram.create_policy(NewPolicy("with-sid", canonical(SID), "has a Sid", {}))
    for name, (trust, description, seconds, tags, policies) in ROLES.items():
        await ram.create_role(NewRole(name, canonical(trust), description, seconds, tags))
        for policy in policies:
            await ram.attach_policy_to_role(policy, name)


async def exported(ram: RamApi, *names: str, protected: tuple[str, ...] = ()) -> Exported:
    """What the command writes, with the kinds as the tests of the pipeline have them, and these protected policies."""
    [role_kind] = (kind for kind in KINDS if isinstance(kind, RamRoleKind))
    [policy_kind] = (kind for kind in KINDS if isinstance(kind, RamPolicyKind))
    return await export(ram, names, replace(role_kind, protected_policies=protected), policy_kind)


def put(scene: Scene, written: Exported, **spec: str) -> list[ObjectKey]:
    """Create the objects from the text, as kubectl apply does."""
    bodies = [body for body in yaml.safe_load_all(written.as_yaml()) if body]
    return [scene.put(whole({**body, "spec": {**body["spec"], **spec}}, n)) for n, body in enumerate(bodies)]


def whole(body: Mapping[str, Any], number: int) -> Mapping[str, Any]:
    """An object with what the API server adds."""
    added = {"uid": f"uid-{number}", "generation": 1, "creationTimestamp": "2026-05-01T11:00:00Z", "finalizers": []}
    return {**body, "metadata": {**body["metadata"], **added}, "status": {}}


async def test_everything_of_an_account_is_taken_over_with_no_write_but_the_tags(
    scene: Scene, simulator: Simulator
) -> None:
    ram = scene.reconciler.cloud.ram
    await make(ram, simulator)
    mark = simulator.newest_call()
    written = await exported(ram)
    assert writes(simulator, mark) == []
    keys = put(scene, written, managementPolicy="Plan")
    await scene.settle()
    planned = {key: scene.status(key).get("plan", {}).get("steps", []) for key in keys}
    assert [[step.partition(" ")[0] for step in steps] for steps in planned.values()] == [["tag"]] * len(keys)
    for key in keys:
        scene.edit(key, managementPolicy="Enforce")
    await settle(scene, *keys)
    assert set(writes(simulator, mark)) == {"TagResources"}
    assert len(writes(simulator, mark)) == len(keys) == written.roles + 2
    assert {scene.status(key)["origin"] for key in keys} == {"Adopted"}


async def test_a_role_brings_its_own_policies_and_no_others(scene: Scene, simulator: Simulator) -> None:
    await make(scene.reconciler.cloud.ram, simulator)
    written = await exported(scene.reconciler.cloud.ram, "NARROW")
    assert [(body["kind"], body["metadata"]["name"]) for body in written.objects] == [
        ("RamPolicy", "read"),
        ("RamRole", "narrow"),
    ]
    assert written.objects[1]["spec"]["policies"] == [{"policyRef": {"name": "read"}}]
    assert written.left_out == ()
    assert written.complete


async def test_a_role_that_is_asked_for_twice_is_not_missed(scene: Scene, simulator: Simulator) -> None:
    await make(scene.reconciler.cloud.ram, simulator)
    written = await exported(scene.reconciler.cloud.ram, "narrow", "NARROW")
    assert (written.roles, written.complete) == (1, True)


async def test_what_is_somebodys_or_never_taken_over_is_left_out_and_named(scene: Scene, simulator: Simulator) -> None:
    ram = scene.reconciler.cloud.ram
    marks = {
        f"ram-operator:{part}": value for part, value in {"cluster": "c", "kind": "RamPolicy", "name": "x"}.items()
    }
    await ram.create_policy(NewPolicy("Read", canonical(DOCUMENT), "", marks))
    for name in ("AliyunCSManagedRole", "mine"):
        await ram.create_role(NewRole(name, canonical(ECS), "", 3600, {}))
    await ram.attach_policy_to_role(PolicyName(PolicyType.CUSTOM, "Read"), "mine")
    written = await exported(ram)
    assert written.objects[-1]["spec"]["policies"] == [{"custom": "Read"}]
    assert "policy Read: it has the tags of RamPolicy/x of the cluster c" in written.left_out
    [service] = (line for line in written.left_out if line.startswith("role AliyunCSManagedRole: "))
    assert "allowedRoles" in service
    assert not written.complete
    assert (await exported(ram, "mine")).complete, "only the policy of that role is left out"
    with pytest.raises(StartupError, match="there is no role nobody"):
        await exported(ram, "mine", "nobody")


async def test_the_policies_of_ack_are_left_where_they_are(scene: Scene, simulator: Simulator) -> None:
    ram = scene.reconciler.cloud.ram
    for name in ("k8sWorkerRolePolicy-1", "Read"):
        await ram.create_policy(NewPolicy(name, canonical(DOCUMENT), "", {}))
    await ram.create_role(NewRole("storage", canonical(ECS), "", 3600, {}))
    await ram.attach_policy_to_role(PolicyName(PolicyType.CUSTOM, "k8sWorkerRolePolicy-1"), "storage")
    written = await exported(ram, protected=("k8sWorkerRolePolicy-*",))
    policies = [body["metadata"]["name"] for body in written.objects if body["kind"] == "RamPolicy"]
    assert policies == ["read"]
    [role] = (body for body in written.objects if body["kind"] == "RamRole")
    assert role["spec"]["policies"] == [{"custom": "k8sWorkerRolePolicy-1"}]
    assert "policy k8sWorkerRolePolicy-1: the setting protectedPolicies has it, as ACK's own" in written.left_out
