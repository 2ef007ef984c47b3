"""Switches about roles: whether the case of their names counts, codes, dates, versions, and what a detachment ends."""

import http.client
import json
import urllib.error
import urllib.request
from typing import Any

import oss2
import pytest
from tests.contract.conftest import OldSdk, RunningSimulator

TRUST = json.dumps(
    {
        "Version": "1",
        "Statement": [{"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": ["ecs.aliyuncs.com"]}}],
    }
)
READ = '{"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:*","Resource":"*"}]}'
TTL = {"X-aliyun-ecs-metadata-token-ttl-seconds": "60"}


@pytest.fixture
def both(simulator: RunningSimulator, root: OldSdk) -> OldSdk:
    """The account with two roles whose names differ in case only."""
    simulator.switch(role_name_case="distinct")
    for name in ("Worker", "worker"):
        root.call("CreateRole", RoleName=name, AssumeRolePolicyDocument=TRUST, Description=f"the {name}")
    return root


def playing(root: OldSdk, name: str) -> list[str]:
    rows = root.call("DescribeInstanceRamRole", RamRoleName=name)["InstanceRamRoleSets"]["InstanceRamRoleSet"]
    return [row["InstanceId"] for row in rows]


def test_a_role_name_is_taken_in_any_case(root: OldSdk) -> None:
    root.call("CreateRole", RoleName="Worker", AssumeRolePolicyDocument=TRUST)
    asked = {"RoleName": "worker", "AssumeRolePolicyDocument": TRUST}
    assert root.refusal("CreateRole", **asked) == (409, "EntityAlreadyExists.Role")
    assert root.call("GetRole", RoleName="WORKER")["Role"]["RoleName"] == "Worker"


def test_names_that_differ_in_case_may_be_of_two_roles(both: OldSdk) -> None:
    shown = {name: both.call("GetRole", RoleName=name)["Role"] for name in ("Worker", "worker")}
    assert {name: role["Description"] for name, role in shown.items()} == {
        "Worker": "the Worker",
        "worker": "the worker",
    }
    assert shown["Worker"]["RoleId"] != shown["worker"]["RoleId"]
    assert shown["Worker"]["Arn"] == shown["worker"]["Arn"]
    assert both.refusal("GetRole", RoleName="WORKER") == (404, "EntityNotExist.Role")
    taken = {"RoleName": "Worker", "AssumeRolePolicyDocument": TRUST}
    assert both.refusal("CreateRole", **taken) == (409, "EntityAlreadyExists.Role")


def test_each_of_two_such_roles_has_its_own_policies_and_tags(simulator: RunningSimulator, both: OldSdk) -> None:
    held = {"PolicyType": "System", "PolicyName": "ReadOnlyAccess"}
    both.call("AttachPolicyToRole", **held, RoleName="worker")
    both.call("TagResources", ResourceType="role", ResourceNames=["Worker"], Tag=[{"Key": "a", "Value": "b"}])
    attached = [item.get("roleName") for item in simulator.state()["attachments"]]
    assert attached == ["worker"]
    assert both.call("ListPoliciesForRole", RoleName="Worker")["Policies"]["Policy"] == []
    tagged = both.call("ListTagResources", ResourceType="role", ResourceNames=["Worker", "worker"])["TagResources"]
    assert [row["ResourceName"] for row in tagged] == ["Worker"]
    entities = both.call("ListEntitiesForPolicy", **held)["Roles"]["Role"]
    assert [row["RoleName"] for row in entities] == ["worker"]
    both.call("DeleteRole", RoleName="Worker")
    assert both.refusal("DeleteRole", RoleName="worker") == (409, "DeleteConflict.Role.Policy")


def test_each_of_two_such_roles_has_its_own_instances(simulator: RunningSimulator, both: OldSdk) -> None:
    one, other = simulator.instance_ids()[:2]
    both.call("AttachInstanceRamRole", RamRoleName="Worker", InstanceIds=json.dumps([one]))
    both.call("AttachInstanceRamRole", RamRoleName="worker", InstanceIds=json.dumps([other]))
    assert (playing(both, "Worker"), playing(both, "worker")) == ([one], [other])
    wrong = both.call("DetachInstanceRamRole", RamRoleName="worker", InstanceIds=json.dumps([one]))
    assert wrong["FailCount"] == 1
    simulator.switch(delete_role_in_use="refused")
    both.call("DetachInstanceRamRole", RamRoleName="worker", InstanceIds=json.dumps([other]))
    both.call("DeleteRole", RoleName="worker")
    assert both.refusal("DeleteRole", RoleName="Worker") == (409, "DeleteConflict.Role.Instance")


def test_a_description_too_long_may_have_another_code(simulator: RunningSimulator, root: OldSdk) -> None:
    asked = {"RoleName": "Worker", "AssumeRolePolicyDocument": TRUST, "Description": "x" * 1025}
    assert root.refusal("CreateRole", **asked) == (400, "InvalidParameter.Description.Length")
    simulator.switch(role_description_code="InvalidParameter.RoleDescription")
    assert root.refusal("CreateRole", **asked) == (400, "InvalidParameter.RoleDescription")
    root.call("CreateRole", RoleName="Worker", AssumeRolePolicyDocument=TRUST)
    late = {"RoleName": "Worker", "NewDescription": "x" * 1025}
    assert root.refusal("UpdateRole", **late) == (400, "InvalidParameter.RoleDescription")


def test_a_tag_may_move_the_date_of_what_it_is_on(simulator: RunningSimulator, root: OldSdk) -> None:
    root.call("CreateRole", RoleName="Worker", AssumeRolePolicyDocument=TRUST)
    tag = {"ResourceType": "role", "ResourceNames": ["Worker"]}
    dates = [root.call("GetRole", RoleName="Worker")["Role"]["UpdateDate"]]
    for choice in ("kept", "moved"):
        simulator.switch(update_date_on_tag=choice)
        for action, more in (
            ("TagResources", {"Tag": [{"Key": "a", "Value": "b"}]}),
            ("UntagResources", {"All": True}),
        ):
            simulator.control_call("POST", "/clock", {"advanceSeconds": 100})
            root.call(action, **tag, **more)
            dates.append(root.call("GetRole", RoleName="Worker")["Role"]["UpdateDate"])
    assert dates[0] == dates[1] == dates[2] < dates[3] < dates[4]


@pytest.mark.parametrize(("choice", "number"), [("grow", "v3"), ("reused", "v2")])
def test_the_number_of_a_deleted_version_may_be_used_again(
    simulator: RunningSimulator, root: OldSdk, choice: str, number: str
) -> None:
    simulator.switch(version_numbers=choice)
    root.call("CreatePolicy", PolicyName="read", PolicyDocument=READ)
    root.call("CreatePolicyVersion", PolicyName="read", PolicyDocument=READ)
    root.call("DeletePolicyVersion", PolicyName="read", VersionId="v2")
    made = root.call("CreatePolicyVersion", PolicyName="read", PolicyDocument=READ)
    assert made["PolicyVersion"]["VersionId"] == number


class Inside:
    """A program inside an instance that plays a role."""

    def __init__(self, simulator: RunningSimulator, root: OldSdk, **options: Any) -> None:
        root.call("CreateRole", RoleName="Worker", AssumeRolePolicyDocument=TRUST)
        root.call("CreatePolicy", PolicyName="read", PolicyDocument=READ)
        root.call("AttachPolicyToRole", PolicyType="Custom", PolicyName="read", RoleName="Worker")
        made = root.call("RunInstances", InstanceType="t", VSwitchId="v", RamRoleName="Worker", **options)
        self.instance = made["InstanceIdSets"]["InstanceIdSet"][0]
        self._simulator = simulator

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
        url = f"{self._simulator.metadata}/instances/{self.instance}/latest/{path}"
        request = urllib.request.Request(url, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def reads_oss(self, credential: dict[str, str]) -> str:
        auth = oss2.StsAuth(*(credential[name] for name in ("AccessKeyId", "AccessKeySecret", "SecurityToken")))
        try:
            oss2.Bucket(auth, self._simulator.oss, "ramroletest").get_object("test.sh").read()
        except oss2.exceptions.ServerError as refused:
            return str(refused.code)
        return "read"


@pytest.mark.parametrize(("choice", "then"), [("old-token-lives", "read"), ("old-token-ends", "SecurityTokenExpired")])
def test_a_detachment_may_end_what_was_handed_out(
    simulator: RunningSimulator, root: OldSdk, choice: str, then: str
) -> None:
    simulator.switch(role_detached=choice)
    inside = Inside(simulator, root)
    credential = json.loads(inside.ask("meta-data/ram/security-credentials/Worker")[1])
    assert inside.reads_oss(credential) == "read"
    root.call("DetachInstanceRamRole", InstanceIds=json.dumps([inside.instance]))
    assert inside.reads_oss(credential) == then


def test_the_path_of_another_role_may_have_another_status(simulator: RunningSimulator, root: OldSdk) -> None:
    inside = Inside(simulator, root)
    assert inside.ask("meta-data/ram/security-credentials/Other")[0] == 404
    simulator.switch(metadata_other_role_status="403")
    assert inside.ask("meta-data/ram/security-credentials/Other")[0] == 403


def test_a_token_does_not_get_farther_than_the_hop_limit(simulator: RunningSimulator, root: OldSdk) -> None:
    inside = Inside(simulator, root, HttpTokens="required", HttpPutResponseHopLimit=2)
    shown = root.call("DescribeInstances", InstanceIds=json.dumps([inside.instance]))["Instances"]["Instance"][0]
    assert shown["MetadataOptions"]["HttpPutResponseHopLimit"] == 2
    for hops in (0, 1, 2):
        simulator.switch(metadata_hops=hops)
        status, token = inside.ask("api/token", "PUT", **TTL)
        assert status == 200
    simulator.switch(metadata_hops=3)
    with pytest.raises(http.client.RemoteDisconnected):
        inside.ask("api/token", "PUT", **TTL)
    assert inside.ask("meta-data/instance-id", **{"X-aliyun-ecs-metadata-token": token}) == (200, inside.instance)
    assert inside.ask("meta-data/instance-id")[0] == 403


@pytest.mark.parametrize("limit", ["0", "65", "x", "-1"])
def test_a_hop_limit_has_its_bounds(root: OldSdk, limit: str) -> None:
    asked = {"InstanceType": "t", "HttpPutResponseHopLimit": limit}
    assert root.refusal("RunInstances", **asked) == (400, "InvalidHttpPutResponseHopLimit.NotSupported")
