"""The walk of the documentation's pages, row by row, with the SDKs that the pages use, against the process."""

import json
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any
from urllib.request import urlopen

import oss2
import pytest
from tests.contract.conftest import OldSdk, RunningSimulator

ROLE, POLICY = "EcsRamRoleDocumentTesting", "EcsRamRoleDocumentTestingPolicy"
TRUST = """{
     "Statement": [
     {
         "Action": "sts:AssumeRole",
         "Effect": "Allow",
         "Principal": {
         "Service": [
         "ecs.aliyuncs.com"
         ]
         }
     }
     ],
     "Version": "1"
 }"""
READ_OSS = """{
     "Statement": [
         {
         "Action": [
             "oss:Get*",
             "oss:List*"
         ],
         "Effect": "Allow",
         "Resource": "*"
         }
     ],
     "Version": "1"
 }"""
CREATE_AND_PASS = json.dumps(
    {
        "Version": "1",
        "Statement": [
            {"Action": "ecs:CreateInstance", "Resource": "*", "Effect": "Allow"},
            {"Action": "ram:PassRole", "Resource": "*", "Effect": "Allow"},
        ],
    }
)
LAUNCH = {
    "ImageId": "centos_7_03_64_40G_alibase_20170503.vhd",
    "InstanceType": "ecs.xn4.small",
    "VSwitchId": "vsw-bp1",
    "RamRoleName": ROLE,
}


@pytest.fixture
def role(root: OldSdk) -> str:
    root.call("CreateRole", RoleName=ROLE, AssumeRolePolicyDocument=TRUST)
    root.call("CreatePolicy", PolicyName=POLICY, PolicyDocument=READ_OSS)
    root.call("AttachPolicyToRole", PolicyType="Custom", PolicyName=POLICY, RoleName=ROLE)
    return ROLE


@pytest.fixture
def instance(simulator: RunningSimulator, root: OldSdk, role: str) -> str:
    instance_id = simulator.instance_ids()[0]
    root.call("AttachInstanceRamRole", InstanceIds=json.dumps([instance_id]), RamRoleName=role)
    return instance_id


def credential(simulator: RunningSimulator, instance_id: str, spelling: str = "ram") -> dict[str, str]:
    path = f"/instances/{instance_id}/latest/meta-data/{spelling}/security-credentials/{ROLE}"
    with urlopen(simulator.metadata + path, timeout=10) as reply:
        found: dict[str, str] = json.load(reply)
    return found


def bucket(simulator: RunningSimulator, found: dict[str, str]) -> oss2.Bucket:
    auth = oss2.StsAuth(found["AccessKeyId"], found["AccessKeySecret"], found["SecurityToken"])
    return oss2.Bucket(auth, simulator.oss, "ramroletest")


def names(objects: Iterable[Any]) -> list[str]:
    return [item.key for item in islice(objects, 10)]


def test_the_role_is_created_and_listed(root: OldSdk, role: str) -> None:
    listed = root.call("ListRoles")["Roles"]["Role"]
    assert [item["RoleName"] for item in listed] == [ROLE]
    shown = root.call("GetRole", RoleName=ROLE)["Role"]
    assert json.loads(shown["AssumeRolePolicyDocument"]) == json.loads(TRUST)
    assert shown["Arn"] == "acs:ram::1234567890123456:role/ecsramroledocumenttesting"


def test_the_policy_is_attached_to_the_role(root: OldSdk, role: str) -> None:
    held = root.call("ListPoliciesForRole", RoleName=ROLE)["Policies"]["Policy"]
    assert [(item["PolicyName"], item["PolicyType"]) for item in held] == [(POLICY, "Custom")]


def test_the_role_is_attached_shown_and_detached(root: OldSdk, simulator: RunningSimulator, role: str) -> None:
    one = json.dumps(simulator.instance_ids()[:1])
    attached = root.call("AttachInstanceRamRole", InstanceIds=one, RamRoleName=ROLE)
    assert (attached["TotalCount"], attached["FailCount"]) == (1, 0)
    shown = root.call("DescribeInstanceRamRole", InstanceIds=one, RamRoleName=ROLE)
    assert shown["InstanceRamRoleSets"]["InstanceRamRoleSet"] == [
        {"InstanceId": simulator.instance_ids()[0], "RamRoleName": ROLE}
    ]
    assert root.call("DetachInstanceRamRole", InstanceIds=one, RamRoleName=ROLE)["FailCount"] == 0
    assert root.call("DescribeInstanceRamRole", InstanceIds=one)["TotalCount"] == 0


@pytest.mark.parametrize("spelling", ["ram", "Ram"])
def test_the_credential_is_served_under_both_spellings(
    simulator: RunningSimulator, instance: str, spelling: str
) -> None:
    found = credential(simulator, instance, spelling)
    assert found["Code"] == "Success"
    assert found["AccessKeyId"].startswith("STS.")


def test_the_credential_lists_ten_objects_of_the_bucket(simulator: RunningSimulator, instance: str) -> None:
    listed = names(oss2.ObjectIterator(bucket(simulator, credential(simulator, instance))))
    assert listed == ["ramroletest.txt", "test.sh"]


def test_an_edited_policy_acts_on_a_credential_already_given(
    root: OldSdk, simulator: RunningSimulator, instance: str
) -> None:
    opened = bucket(simulator, credential(simulator, instance))
    assert opened.get_object("test.sh").read().startswith(b"#!/bin/sh")
    only_meta = READ_OSS.replace("oss:Get*", "oss:GetBucketInfo").replace("oss:List*", "oss:ListBuckets")
    root.call("CreatePolicyVersion", PolicyName=POLICY, PolicyDocument=only_meta, SetAsDefault=True)
    with pytest.raises(oss2.exceptions.AccessDenied):
        names(oss2.ObjectIterator(opened, max_retries=1))
    root.call("SetDefaultPolicyVersion", PolicyName=POLICY, VersionId="v1")
    assert names(oss2.ObjectIterator(opened)) == ["ramroletest.txt", "test.sh"]


def test_a_user_creates_an_instance_with_a_role_only_once_it_may_pass_the_role(
    root: OldSdk, dev: OldSdk, role: str
) -> None:
    assert dev.refusal("CreateInstance", **LAUNCH) == (403, "Forbidden.RAM")
    create_only = json.loads(CREATE_AND_PASS)
    del create_only["Statement"][1]
    root.call("CreatePolicy", PolicyName="launch", PolicyDocument=json.dumps(create_only))
    root.call("AttachPolicyToUser", PolicyType="Custom", PolicyName="launch", UserName="dev")
    assert dev.refusal("CreateInstance", **LAUNCH) == (403, "InvalidUser.PassRoleForbidden")
    root.call("CreatePolicyVersion", PolicyName="launch", PolicyDocument=CREATE_AND_PASS, SetAsDefault=True)
    made = dev.call("CreateInstance", **LAUNCH)["InstanceId"]
    shown = root.call("DescribeInstanceRamRole", InstanceIds=json.dumps([made]))
    assert shown["InstanceRamRoleSets"]["InstanceRamRoleSet"][0]["RamRoleName"] == ROLE


def test_an_instance_outside_a_vpc_gets_no_role(root: OldSdk, simulator: RunningSimulator, role: str) -> None:
    refused = (403, "InvalidNetworkType.MismatchRamRole")
    classic = json.dumps(simulator.instance_ids("classic"))
    assert root.refusal("AttachInstanceRamRole", InstanceIds=classic, RamRoleName=ROLE) == refused
    without_vswitch = {name: value for name, value in LAUNCH.items() if name != "VSwitchId"}
    assert root.refusal("CreateInstance", **without_vswitch) == refused


def test_an_instance_plays_one_role_at_a_time(root: OldSdk, instance: str) -> None:
    root.call("CreateRole", RoleName="other", AssumeRolePolicyDocument=TRUST)
    answer = root.call("AttachInstanceRamRole", InstanceIds=json.dumps([instance]), RamRoleName="other")
    assert (answer["TotalCount"], answer["FailCount"]) == (1, 1)
    row = answer["AttachInstanceRamRoleResults"]["AttachInstanceRamRoleResult"][0]
    assert row["Success"] is False
    assert row["Code"] != "200"


@pytest.mark.parametrize(
    ("document", "mistake", "fix"),
    [
        (READ_OSS.replace('"1"', '"2016-10-17"'), '"2016-10-17"', '"Version": "1"'),
        (READ_OSS.replace('"Resource"', '"Resource "'), '"Resource "', '"Resource"'),
        (READ_OSS.replace("oss:Get*", "ecs: CreateInstance"), '"ecs: CreateInstance"', '"ecs:CreateInstance"'),
        (READ_OSS.replace("oss:Get*", "ecs: [ECS RAM Action]"), '"ecs: [ECS RAM Action]"', '"ecs:*"'),
    ],
)
def test_the_traps_of_the_pages_are_named_with_their_fix(root: OldSdk, document: str, mistake: str, fix: str) -> None:
    asked = {"PolicyName": "trap", "PolicyDocument": document}
    assert root.refusal("CreatePolicy", **asked) == (400, "MalformedPolicyDocument")
    message = root.refusal_message("CreatePolicy", **asked)
    assert mistake in message
    assert fix in message


def test_a_stray_blank_in_a_principal_is_named(root: OldSdk) -> None:
    asked = {"RoleName": ROLE, "AssumeRolePolicyDocument": TRUST.replace('"Service"', '"Service "')}
    assert root.refusal("CreateRole", **asked) == (400, "MalformedPolicyDocument")
    assert 'write "Service"' in root.refusal_message("CreateRole", **asked)


def test_a_bare_instance_id_is_refused_with_the_array_that_is_due(
    root: OldSdk, simulator: RunningSimulator, role: str
) -> None:
    one = simulator.instance_ids()[0]
    asked = {"InstanceIds": one, "RamRoleName": ROLE}
    assert root.refusal("AttachInstanceRamRole", **asked) == (400, "InvalidInstanceIds.Malformed")
    assert f'["{one}"]' in root.refusal_message("AttachInstanceRamRole", **asked)


def test_the_misspelt_action_of_the_pages_is_unknown_and_the_right_name_is_told(
    sdk: Callable[..., OldSdk], simulator: RunningSimulator
) -> None:
    client = sdk()
    request = client._request("DetachInstanceRamRole")
    request.set_action_name("DettachInstanceRamRole")
    client._request = lambda action: request  # type: ignore[method-assign]
    asked = {"InstanceIds": json.dumps(simulator.instance_ids()[:1])}
    message = client.refusal_message("DettachInstanceRamRole", **asked)
    assert "DetachInstanceRamRole" in message.replace("DettachInstanceRamRole", "")
