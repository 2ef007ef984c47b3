"""The part of the documentation's walk that no table holds: keys of instances, the bucket, the misspelt action.

The calls of RAM, ECS and STS are in `clients/pages.py`, and every client is driven over them.
"""

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
