"""What Terraform's alicloud_instance and its examples read and change, in the shape in which the provider asks."""

import base64
from collections.abc import Mapping
from typing import Any

import pytest
from tests.contract.clients.models import Modelled
from tests.contract.clients.shapes import Terraform
from tests.contract.clients.walk import Refused
from tests.contract.conftest import RunningSimulator

HERE = {"RegionId": "cn-hangzhou"}
LAUNCH = HERE | {
    "InstanceType": "ecs.g7.large",
    "ImageId": "aliyun_3_x64_20G_alibase.vhd",
    "VSwitchId": "vsw-1",
    "SystemDisk.Category": "cloud_efficiency",
    "SystemDisk.Size": "50",
}


def at(answer: Mapping[str, Any], *names: str) -> list[dict[str, Any]]:
    for name in names:
        answer = answer[name]
    return list(answer)  # type: ignore[arg-type]


def launched(terraform: Terraform | Modelled, **more: str) -> list[str]:
    ids: list[str] = terraform.call("RunInstances", LAUNCH | more)["InstanceIdSets"]["InstanceIdSet"]
    return ids


def refusal(terraform: Terraform, action: str, parameters: Mapping[str, str]) -> tuple[int, str]:
    with pytest.raises(Refused) as caught:
        terraform.call(action, parameters)
    return caught.value.status, caught.value.code


def test_an_instance_is_read_after_it_is_made(terraform: Terraform) -> None:
    user_data = base64.b64encode(b"#!/bin/sh").decode()
    (made,) = launched(terraform, UserData=user_data)
    one = HERE | {"InstanceId": made}
    (disk,) = at(terraform.call("DescribeDisks", one | {"DiskType": "system"}), "Disks", "Disk")
    assert (disk["InstanceId"], disk["Category"], disk["Size"]) == (made, "cloud_efficiency", 50)
    assert terraform.call("DescribeUserData", one)["UserData"] == user_data
    listed = terraform.call("DescribeInstances", HERE | {"InstanceIds": f'["{made}"]'})
    (shown,) = at(listed, "Instances", "Instance")
    (nic,) = at(shown, "NetworkInterfaces", "NetworkInterface")
    interfaces = terraform.call("DescribeNetworkInterfaces", HERE | {"NetworkInterfaceId.1": nic["NetworkInterfaceId"]})
    (interface,) = at(interfaces, "NetworkInterfaceSets", "NetworkInterfaceSet")
    assert (interface["InstanceId"], interface["VSwitchId"]) == (made, "vsw-1")
    maintenance = terraform.call("DescribeInstanceMaintenanceAttributes", HERE | {"InstanceId.1": made})
    assert [row["InstanceId"] for row in at(maintenance, "MaintenanceAttributes", "MaintenanceAttribute")] == [made]
    pools = terraform.call("DescribeInstanceAttachmentAttributes", HERE | {"InstanceIds": f'["{made}"]'})
    assert [row["InstanceId"] for row in at(pools, "Instances", "Instance")] == [made]


def test_an_instance_is_changed_and_tagged_and_released(terraform: Terraform) -> None:
    (made,) = launched(terraform)
    changes = {"InstanceName": "web", "Description": "d", "HostName": "h", "SecurityGroupIds.1": "sg-2"}
    terraform.call("ModifyInstanceAttribute", HERE | {"InstanceId": made, "UserData": "YQ=="} | changes)
    (shown,) = at(terraform.call("DescribeInstances", HERE | {"InstanceIds": f'["{made}"]'}), "Instances", "Instance")
    assert (shown["InstanceName"], shown["Description"], shown["HostName"]) == ("web", "d", "h")
    assert shown["SecurityGroupIds"] == {"SecurityGroupId": ["sg-2"]}
    tagged = HERE | {"ResourceType": "instance", "ResourceId.1": made}
    terraform.call("Ecs:TagResources", tagged | {"Tag.1.Key": "team", "Tag.1.Value": "web", "Tag.2.Key": "bare"})
    rows = at(terraform.call("Ecs:ListTagResources", tagged), "TagResources", "TagResource")
    assert [(row["TagKey"], row["TagValue"]) for row in rows] == [("team", "web"), ("bare", "")]
    terraform.call("Ecs:UntagResources", tagged | {"TagKey.1": "bare"})
    by_tag = HERE | {"ResourceType": "instance", "Tag.1.Key": "team", "Tag.1.Value": "web"}
    assert [row["ResourceId"] for row in at(terraform.call("Ecs:ListTagResources", by_tag), *ROWS)] == [made]
    terraform.call("Ecs:UntagResources", tagged | {"All": "true"})
    assert at(terraform.call("Ecs:ListTagResources", tagged), *ROWS) == []
    terraform.call("DeleteInstances", HERE | {"InstanceId.1": made, "Force": "true"})
    assert refusal(terraform, "DescribeUserData", HERE | {"InstanceId": made}) == (404, "InvalidInstanceId.NotFound")


ROWS = ("TagResources", "TagResource")
TAGGED = HERE | {"ResourceType": "instance", "ResourceId.1": "i-bp1simulator00000001"}
TAG_REFUSALS = [
    (TAGGED | {"ResourceType": "disk", "Tag.1.Key": "a"}, 404, "InvalidResourceType.NotFound"),
    (TAGGED | {"ResourceId.1": "i-unknown", "Tag.1.Key": "a"}, 404, "InvalidResourceId.NotFound"),
    (TAGGED | {"RegionId": "cn-beijing", "Tag.1.Key": "a"}, 404, "InvalidResourceId.NotFound"),
    (TAGGED | {"Tag.1.Key": "acs:x"}, 400, "InvalidTagKey.Malformed"),
    (TAGGED | {"Tag.1.Key": "a", "Tag.1.Value": "v" * 129}, 400, "InvalidTagValue.Malformed"),
    (TAGGED | {"Tag.1.Key": "a", "Tag.2.Key": "a"}, 400, "Duplicate.TagKey"),
    (TAGGED, 400, "NumberExceed.Tags"),
    (TAGGED | {f"Tag.{number}.Key": f"k{number}" for number in range(1, 22)}, 400, "NumberExceed.Tags"),
    (TAGGED | {f"ResourceId.{number}": "i-1" for number in range(1, 52)}, 400, "NumberExceed.ResourceIds"),
]


@pytest.mark.parametrize(("asked", "status", "code"), TAG_REFUSALS)
def test_wrong_tags_of_instances_are_refused(
    terraform: Terraform, asked: dict[str, str], status: int, code: str
) -> None:
    assert refusal(terraform, "Ecs:TagResources", asked) == (status, code)


def test_an_instance_has_twenty_tags_at_most(terraform: Terraform) -> None:
    terraform.call("Ecs:TagResources", TAGGED | {f"Tag.{number}.Key": f"k{number}" for number in range(1, 21)})
    assert refusal(terraform, "Ecs:TagResources", TAGGED | {"Tag.1.Key": "more"}) == (400, "TagQuotaExceeded")


def test_instances_are_named_by_number(terraform: Terraform) -> None:
    def names(**asked: str) -> list[str]:
        ids = launched(terraform, Amount="3", **asked)
        listed = terraform.call("DescribeInstances", HERE | {"InstanceIds": str(ids).replace("'", '"')})
        shown = {
            item["InstanceId"]: (item["InstanceName"], item["HostName"]) for item in at(listed, "Instances", "Instance")
        }
        return [" ".join(shown[each]) for each in ids]

    assert names(InstanceName="web-[1,2]", HostName="h[9,1]x") == [
        "web-01 h000009x",
        "web-02 h000010x",
        "web-03 h000011x",
    ]
    assert names(InstanceName="web-[,]-a") == [
        "web-000000-a web-000000-a",
        "web-000001-a web-000001-a",
        "web-000002-a web-000002-a",
    ]
    assert names(InstanceName="web", HostName="h", UniqueSuffix="true") == ["web001 h001", "web002 h002", "web003 h003"]
    assert names(InstanceName="w[7,3]", HostName="h", UniqueSuffix="true") == ["w007 h001", "w008 h002", "w009 h003"]
    assert names(InstanceName="w[7,3]-", HostName="h") == ["w007- h", "w008- h", "w009- h"]


def test_instances_are_listed_by_token_alone(terraform: Terraform) -> None:
    ids, token, pages = launched(terraform, Amount="14"), "", 0
    found: list[str] = []
    while True:
        asked = HERE | {"VSwitchId": "vsw-1"} | ({"NextToken": token} if token else {})
        answer = terraform.call("DescribeInstances", asked)
        found += [item["InstanceId"] for item in at(answer, "Instances", "Instance")]
        token, pages = answer["NextToken"], pages + 1
        if not token:
            break
    assert (found, pages) == (ids, 2)


def test_what_can_be_bought_is_listed(terraform: Terraform) -> None:
    zones = at(terraform.call("DescribeZones", HERE), "Zones", "Zone")
    assert {zone["ZoneId"] for zone in zones} >= {"cn-hangzhou-h", "cn-hangzhou-k"}
    available = terraform.call("DescribeAvailableResource", HERE | {"DestinationResource": "InstanceType"})
    (first, *_) = at(available, "AvailableZones", "AvailableZone")
    (kind,) = at(first, "AvailableResources", "AvailableResource")
    types = {item["Value"] for item in at(kind, "SupportedResources", "SupportedResource")}
    listed = at(terraform.call("DescribeInstanceTypes", HERE), "InstanceTypes", "InstanceType")
    assert types == {item["InstanceTypeId"] for item in listed} >= {"ecs.g7.large"}
    wanted = HERE | {"DestinationResource": "InstanceType", "InstanceType": "ecs.g7.large", "ZoneId": "cn-hangzhou-k"}
    (zone,) = at(terraform.call("DescribeAvailableResource", wanted), "AvailableZones", "AvailableZone")
    assert zone["ZoneId"] == "cn-hangzhou-k"
    refused = refusal(terraform, "DescribeAvailableResource", HERE | {"DestinationResource": "Moon"})
    assert refused == (404, "InvalidDestinationResource.NotFound")
    images = at(terraform.call("DescribeImages", HERE | {"ImageOwnerAlias": "system"}), "Images", "Image")
    assert any(image["ImageId"].startswith("ubuntu_18_04_64") for image in images)
    assert at(terraform.call("DescribeImages", HERE | {"ImageOwnerAlias": "self"}), "Images", "Image") == []
    started = terraform.call("DescribeImageSupportInstanceTypes", HERE | {"ImageId": images[0]["ImageId"]})
    assert {item["InstanceTypeId"] for item in at(started, "InstanceTypes", "InstanceType")} == types
    absent = refusal(terraform, "DescribeImageSupportInstanceTypes", HERE | {"ImageId": "m-absent"})
    assert absent == (404, "InvalidImageId.NotFound")


def test_batches_change_all_or_tell_which_they_could_not(terraform: Terraform) -> None:
    ids = launched(terraform, Amount="2")
    both = HERE | {"InstanceId.1": ids[0], "InstanceId.2": ids[1]}
    terraform.call("StopInstance", {"InstanceId": ids[0]})
    assert refusal(terraform, "StopInstances", both) == (403, "IncorrectInstanceStatus")
    statuses = terraform.call("DescribeInstanceStatus", both)
    assert [row["Status"] for row in at(statuses, "InstanceStatuses", "InstanceStatus")] == ["Stopped", "Running"]
    rows = terraform.call("StopInstances", both | {"BatchOptimization": "SuccessFirst"})
    codes = [(row["Code"], row["CurrentStatus"]) for row in at(rows, "InstanceResponses", "InstanceResponse")]
    assert codes == [("IncorrectInstanceStatus", "Stopped"), ("200", "Stopped")]
    dry = terraform.call("StartInstances", both | {"DryRun": "true"})
    assert {row["Code"] for row in at(dry, "InstanceResponses", "InstanceResponse")} == {"DRYRUN.SUCCESS"}
    terraform.call("StartInstances", both)
    terraform.call("RebootInstances", both)
    terraform.call("RebootInstance", {"InstanceId": ids[0]})
    assert refusal(terraform, "DeleteInstances", both) == (403, "IncorrectInstanceStatus")
    terraform.call("DeleteInstances", both | {"Force": "true"})
    assert refusal(terraform, "DescribeInstanceStatus", both) == (404, "InvalidInstanceId.NotFound")


def test_the_answers_fit_the_models(terraform: Terraform) -> None:
    modelled = Modelled(terraform)
    (made,) = launched(modelled)
    one, listed = HERE | {"InstanceId": made}, HERE | {"InstanceId.1": made}
    tagged = HERE | {"ResourceType": "instance", "ResourceId.1": made}
    for action, parameters in (
        *(("DescribeDisks", one), ("DescribeUserData", one), ("DescribeNetworkInterfaces", one)),
        *(("DescribeInstanceMaintenanceAttributes", listed), ("DescribeInstanceStatus", listed)),
        ("DescribeInstanceAttachmentAttributes", HERE | {"InstanceIds": f'["{made}"]'}),
        *(("DescribeZones", HERE), ("DescribeImages", HERE), ("DescribeInstanceTypes", HERE)),
        ("DescribeAvailableResource", HERE | {"DestinationResource": "Zone"}),
        *(("Ecs:TagResources", tagged | {"Tag.1.Key": "a"}), ("Ecs:ListTagResources", tagged)),
        *(("RebootInstances", listed), ("StopInstances", listed), ("StartInstances", listed)),
    ):
        modelled.call(action, parameters)
    assert modelled.problems == set()


def test_an_instance_is_made_in_a_network_of_its_own(terraform: Terraform, simulator: RunningSimulator) -> None:
    vpc = terraform.call("Vpc:CreateVpc", HERE | {"CidrBlock": "10.0.0.0/8", "VpcName": "net"})["VpcId"]
    switched = HERE | {"VpcId": vpc, "ZoneId": "cn-hangzhou-k", "CidrBlock": "10.1.0.0/16"}
    vswitch = terraform.call("Vpc:CreateVSwitch", switched)["VSwitchId"]
    group = terraform.call("Ecs:CreateSecurityGroup", HERE | {"VpcId": vpc, "SecurityGroupName": "web"})
    named = {"VSwitchId": vswitch, "SecurityGroupId": group["SecurityGroupId"]}
    state, shown_as = simulator.state(), {"vpcId": vpc, "name": "net", "cidrBlock": "10.0.0.0/8"}
    assert [item | shown_as for item in state["vpcs"]] == state["vpcs"]
    assert [item["vpcId"] for item in (*state["vSwitches"], *state["securityGroups"])] == [vpc, vpc]
    (made,) = launched(terraform, **named)
    (shown,) = at(terraform.call("DescribeInstances", HERE | {"VpcId": vpc}), "Instances", "Instance")
    assert (shown["InstanceId"], shown["ZoneId"]) == (made, "cn-hangzhou-k")
    read = terraform.call("Vpc:DescribeVpcAttribute", HERE | {"VpcId": vpc})
    assert (read["VpcName"], read["VSwitchIds"]) == ("net", {"VSwitchId": [vswitch]})
    tables = terraform.call("Vpc:DescribeRouteTableList", HERE | {"VpcId": vpc})
    (table,) = at(tables, "RouterTableList", "RouterTableListType")
    assert table["RouterId"] == read["VRouterId"]
    assert terraform.call("Vpc:DescribeVSwitchAttributes", HERE | {"VSwitchId": vswitch})["CidrBlock"] == "10.1.0.0/16"
    terraform.call("Vpc:ModifyVpcAttribute", HERE | {"VpcId": vpc, "VpcName": "renamed"})
    terraform.call("Vpc:ModifyVSwitchAttribute", HERE | {"VSwitchId": vswitch, "VSwitchName": "renamed"})
    (listed,) = at(terraform.call("Vpc:DescribeVpcs", HERE | {"VpcName": "renamed"}), "Vpcs", "Vpc")
    assert listed["VpcId"] == vpc
    overlapping = refusal(terraform, "Vpc:CreateVSwitch", switched | {"CidrBlock": "10.1.2.0/24"})
    assert overlapping == (400, "InvalidCidrBlock.Overlapped")
    elsewhere = switched | {"CidrBlock": "10.2.0.0/16", "ZoneId": "cn-beijing-a"}
    assert refusal(terraform, "Vpc:CreateVSwitch", elsewhere) == (404, "InvalidZoneId.NotFound")
    # nothing goes before what is in it
    one = HERE | {"SecurityGroupId": group["SecurityGroupId"]}
    assert refusal(terraform, "Ecs:DeleteSecurityGroup", one) == (403, "DependencyViolation")
    assert refusal(terraform, "Vpc:DeleteVSwitch", HERE | {"VSwitchId": vswitch}) == (400, "DependencyViolation")
    assert refusal(terraform, "Vpc:DeleteVpc", HERE | {"VpcId": vpc}) == (400, "DependencyViolation.VSwitch")
    terraform.call("DeleteInstances", HERE | {"InstanceId.1": made, "Force": "true"})
    terraform.call("Vpc:DeleteVSwitch", HERE | {"VSwitchId": vswitch})
    assert refusal(terraform, "Vpc:DeleteVpc", HERE | {"VpcId": vpc}) == (400, "DependencyViolation.SecurityGroup")
    unclear = refusal(terraform, "Ecs:ModifySecurityGroupPolicy", one | {"InnerAccessPolicy": "Maybe"})
    assert unclear == (400, "InvalidParameter.InnerAccessPolicy")
    terraform.call("Ecs:ModifySecurityGroupPolicy", one | {"InnerAccessPolicy": "Drop"})
    assert terraform.call("Ecs:DescribeSecurityGroupAttribute", one)["InnerAccessPolicy"] == "Drop"
    terraform.call("Ecs:DeleteSecurityGroup", one)
    terraform.call("Vpc:DeleteVpc", HERE | {"VpcId": vpc})
    assert refusal(terraform, "Vpc:DescribeVpcAttribute", HERE | {"VpcId": vpc}) == (404, "InvalidVpcID.NotFound")
