"""spec.attachTo: users, groups and roles of others that a policy is granted to, and that lose it again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.client import AcsClient
from aliyunsdkecs.request.v20140526.AttachInstanceRamRoleRequest import AttachInstanceRamRoleRequest
from aliyunsdkram.request.v20150501.CreateGroupRequest import CreateGroupRequest
from aliyunsdkram.request.v20150501.DeleteRoleRequest import DeleteRoleRequest
from aliyunsdkram.request.v20150501.DetachPolicyFromRoleRequest import DetachPolicyFromRoleRequest
from tests.contract.test_role_lives import Simulator, settle, writes
from tests.contract.test_role_lives import scene as scene
from tests.unit.builders import policy_body, policy_key, role_body
from tests.unit.scene import Scene

from ram_operator.cloud import NewRole
from ram_operator.model import ObjectKey
from ram_operator.rules.documents import canonical, trust_for_services

SAMPLE = Path(__file__).parents[2] / "deploy/examples/pass-one-role.yaml"
POLICY = policy_key("read")
WORKERS = "KubernetesWorkerRole-example"


def call(simulator: Simulator, request_class: Any, name: str = "root", **parameters: Any) -> None:
    request = request_class()
    request.set_protocol_type("http")
    request.set_endpoint(simulator.endpoint.removeprefix("http://"))
    for key, value in parameters.items():
        getattr(request, f"set_{key}")(value)
    AcsClient(f"simulator-{name}", f"simulator-{name}-secret", "cn-hangzhou").do_action_with_exception(request)


def holders(simulator: Simulator, policy: str = "read") -> set[str]:
    rows = [row for row in simulator.state()["attachments"] if row["policyName"] == policy]
    return {str(row.get("userName") or row.get("groupName") or row.get("roleName")) for row in rows}


async def everybody(scene: Scene, simulator: Simulator, **attach_to: list[str]) -> ObjectKey:
    call(simulator, CreateGroupRequest, GroupName="developers")
    trust = canonical(trust_for_services(["ecs.aliyuncs.com"]))
    await scene.reconciler.cloud.ram.create_role(NewRole(WORKERS, trust, "", 3600, {}))
    return scene.put(policy_body("read", spec={"attachTo": attach_to}))


ALL = {"users": ["dev"], "groups": ["developers"], "roles": [WORKERS]}


async def test_a_policy_is_granted_to_users_groups_and_roles_of_others_and_taken_off_again(
    scene: Scene, simulator: Simulator
) -> None:
    await everybody(scene, simulator, **ALL)
    await settle(scene, POLICY)
    assert holders(simulator) == {"dev", "developers", WORKERS}
    assert scene.status(POLICY)["grantedTo"] == ALL
    before = simulator.newest_call()
    scene.edit(POLICY, attachTo={"roles": [WORKERS]})
    await settle(scene, POLICY)
    assert holders(simulator) == {WORKERS}
    assert sorted(writes(simulator, before)) == ["DetachPolicyFromGroup", "DetachPolicyFromUser"]
    assert scene.status(POLICY)["grantedTo"] == {"roles": [WORKERS]}
    scene.delete(POLICY)
    await settle(scene, POLICY)
    assert not scene.exists(POLICY)
    assert WORKERS in {row["roleName"] for row in simulator.state()["roles"]}


@pytest.mark.parametrize("status", ["kept", "lost"])
async def test_a_deletion_takes_it_off_everybody_it_was_granted_to(
    scene: Scene, simulator: Simulator, status: str
) -> None:
    await everybody(scene, simulator, **ALL)
    await settle(scene, POLICY)
    if status == "lost":
        scene.put_status(POLICY, {})
    scene.delete(POLICY)
    await settle(scene, POLICY)
    assert (scene.exists(POLICY), holders(simulator)) == (False, set())


async def test_an_owner_who_deletes_the_role_first_stops_nothing(scene: Scene, simulator: Simulator) -> None:
    await everybody(scene, simulator, **ALL)
    await settle(scene, POLICY)
    read = {"PolicyType": "Custom", "PolicyName": "read", "RoleName": WORKERS}
    call(simulator, DetachPolicyFromRoleRequest, **read)
    call(simulator, DeleteRoleRequest, RoleName=WORKERS)
    scene.edit(POLICY, attachTo={"users": ["dev"]})
    await settle(scene, POLICY)
    assert scene.status(POLICY)["grantedTo"] == {"users": ["dev"]}
    scene.delete(POLICY)
    await settle(scene, POLICY)
    assert not scene.exists(POLICY)


async def test_whoever_somebody_else_granted_it_to_is_left_alone_and_named(scene: Scene, simulator: Simulator) -> None:
    await everybody(scene, simulator, users=["dev"])
    await settle(scene, POLICY)
    role = scene.put(role_body("app", spec={"policies": [{"custom": "read"}]}))
    await settle(scene, POLICY, role)
    assert holders(simulator) == {"dev", "app"}
    scene.edit(POLICY, attachTo={})
    await settle(scene, POLICY)
    assert holders(simulator) == {"app"}
    assert "grantedTo" not in scene.status(POLICY)


async def test_a_user_that_does_not_exist_is_named_and_stops_no_other(scene: Scene, simulator: Simulator) -> None:
    await everybody(scene, simulator, users=["nobody", "dev"])
    await scene.settle()
    assert holders(simulator) == {"dev"}
    assert scene.condition(POLICY, "Stalled") == ("True", "Rejected")
    message = scene.status(POLICY)["conditions"][0]["message"]
    assert "user nobody does not exist; create it, or take it out of spec.attachTo.users" in message
    scene.delete(POLICY)
    await settle(scene, POLICY)
    assert not scene.exists(POLICY)


async def test_a_grant_that_somebody_takes_off_is_repaired(scene: Scene, simulator: Simulator) -> None:
    await everybody(scene, simulator, **ALL)
    await settle(scene, POLICY)
    read = {"PolicyType": "Custom", "PolicyName": "read", "RoleName": WORKERS}
    call(simulator, DetachPolicyFromRoleRequest, **read)
    await scene.reconcile(POLICY)
    assert WORKERS in holders(simulator)


# The user who may pass one role only


def attached(simulator: Simulator, role: str) -> str:
    instance = simulator.instance_ids()[0]
    try:
        request = {"InstanceIds": json.dumps([instance]), "RamRoleName": role}
        call(simulator, AttachInstanceRamRoleRequest, "dev", **request)
    except ServerException as error:
        return str(error.error_code)
    (row,) = [row for row in simulator.state()["instances"] if row["instanceId"] == instance]
    return str(row["ramRoleName"])


async def test_the_sample_lets_a_user_pass_the_one_role_and_no_other(scene: Scene, simulator: Simulator) -> None:
    names = ("EcsRamRoleDocumentTesting", "another")
    for name in names:
        await settle(scene, scene.put(role_body(name.lower(), spec={"roleName": name})))
    sample = yaml.safe_load(SAMPLE.read_text())
    only_attach = {**sample["spec"]["document"], "Statement": sample["spec"]["document"]["Statement"][:1]}
    key = scene.put(policy_body(sample["metadata"]["name"], spec={**sample["spec"], "document": only_attach}))
    await settle(scene, key)
    assert attached(simulator, names[0]) == "InvalidUser.PassRoleForbidden"
    scene.edit(key, document=sample["spec"]["document"])
    await settle(scene, key)
    assert attached(simulator, names[1]) == "InvalidUser.PassRoleForbidden"
    assert attached(simulator, names[0]) == names[0]
