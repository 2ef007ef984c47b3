"""Instances against the process: dry runs, user data, options of the metadata service, and what launching was told."""

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from tests.contract.conftest import OldSdk, RunningSimulator

TRUST = json.dumps(
    {
        "Version": "1",
        "Statement": [{"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": ["ecs.aliyuncs.com"]}}],
    }
)
LAUNCH = {"InstanceType": "ecs.g7.large", "VSwitchId": "vsw-1"}


def launch(root: OldSdk, **asked: Any) -> str:
    made: str = root.call("RunInstances", **LAUNCH | asked)["InstanceIdSets"]["InstanceIdSet"][0]
    return made


def described(root: OldSdk, instance_id: str) -> dict[str, Any]:
    listed = root.call("DescribeInstances", InstanceIds=json.dumps([instance_id]))["Instances"]["Instance"]
    found: dict[str, Any] = listed[0]
    return found


def metadata(simulator: RunningSimulator, instance_id: str, path: str) -> tuple[int, bytes]:
    try:
        with urlopen(f"{simulator.metadata}/instances/{instance_id}{path}", timeout=10) as reply:
            return reply.status, reply.read()
    except HTTPError as refused:
        with refused:
            return refused.code, refused.read()


@pytest.fixture
def instance(simulator: RunningSimulator) -> str:
    return simulator.instance_ids()[0]


@pytest.mark.parametrize("action", ["StartInstance", "StopInstance", "DeleteInstance"])
def test_a_dry_run_changes_nothing(root: OldSdk, instance: str, action: str) -> None:
    if action == "StartInstance":
        root.call("StopInstance", InstanceId=instance)
    more = {"Force": "true"} if action == "DeleteInstance" else {}
    status = described(root, instance)["Status"]
    assert root.refusal(action, InstanceId=instance, DryRun="true", **more) == (400, "DryRunOperation")
    assert described(root, instance)["Status"] == status
    root.call(action, InstanceId=instance, **more)


def test_a_dry_run_says_what_a_real_one_would_be_refused_for(root: OldSdk, instance: str) -> None:
    for action in ("StartInstance", "DeleteInstance"):
        assert root.refusal(action, InstanceId=instance, DryRun="true") == (403, "IncorrectInstanceStatus")


@pytest.mark.parametrize("content", [b"#!/bin/sh\necho \xc3\xa9\n", b"\x1f\x8b\x08\x00\xff\xfe compressed"])
def test_user_data_is_given_decoded(root: OldSdk, simulator: RunningSimulator, content: bytes) -> None:
    made = launch(root, UserData=base64.b64encode(content).decode())
    assert metadata(simulator, made, "/latest/user-data") == (200, content)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("#!/bin/sh", "InvalidUserData.Base64FormatInvalid"),
        ("AAA", "InvalidUserData.Base64FormatInvalid"),
        (base64.b64encode(bytes(32 * 1024 + 1)).decode(), "InvalidUserData.SizeExceeded"),
    ],
)
def test_user_data_that_an_instance_can_not_have_is_refused(
    root: OldSdk, simulator: RunningSimulator, sent: str, code: str
) -> None:
    before = simulator.state()
    assert root.refusal("CreateInstance", **LAUNCH, UserData=sent) == (400, code)
    assert simulator.state() == before


def test_metadata_options_are_changed_at_once(root: OldSdk, simulator: RunningSimulator, instance: str) -> None:
    root.call("ModifyInstanceMetadataOptions", InstanceId=instance, HttpEndpoint="enabled", HttpTokens="required")
    assert metadata(simulator, instance, "/latest/meta-data/instance-id")[0] == 403
    root.call("ModifyInstanceMetadataOptions", InstanceId=instance, HttpEndpoint="disabled")
    shown = described(root, instance)["MetadataOptions"]
    assert (shown["HttpEndpoint"], shown["HttpTokens"]) == ("disabled", "required")
    root.call("ModifyInstanceMetadataOptions", InstanceId=instance, HttpEndpoint="enabled", HttpTokens="optional")
    assert metadata(simulator, instance, "/latest/meta-data/instance-id") == (200, instance.encode())


@pytest.mark.parametrize(
    ("asked", "refused"),
    [
        ({"HttpTokens": "required"}, (400, "MissingParameter.HttpEndpoint")),
        ({"HttpEndpoint": "on"}, (400, "InvalidHttpEndpoint.NotSupported")),
        ({"HttpEndpoint": "enabled", "HttpTokens": "on"}, (400, "InvalidHttpTokens.NotSupported")),
        (
            {"HttpEndpoint": "enabled", "HttpPutResponseHopLimit": "65"},
            (400, "InvalidHttpPutResponseHopLimit.NotSupported"),
        ),
        ({"HttpEndpoint": "enabled", "InstanceId": "i-none"}, (404, "InvalidInstanceId.NotFound")),
    ],
)
def test_metadata_options_that_there_are_not_are_refused(
    root: OldSdk, instance: str, asked: dict[str, str], refused: tuple[int, str]
) -> None:
    before = described(root, instance)
    assert root.refusal("ModifyInstanceMetadataOptions", **{"InstanceId": instance} | asked) == refused
    assert described(root, instance) == before


def test_metadata_options_are_those_of_the_region(sdk: Callable[..., OldSdk], instance: str) -> None:
    asked = {"InstanceId": instance, "HttpEndpoint": "enabled"}
    refused = sdk(region="cn-beijing").refusal("ModifyInstanceMetadataOptions", **asked)
    assert refused == (404, "InvalidInstanceId.NotFound")


def test_the_control_service_makes_instances_that_ask_for_tokens(simulator: RunningSimulator, root: OldSdk) -> None:
    made = simulator.control_call("POST", "/instances", {"httpTokens": "required"})["instanceId"]
    assert described(root, made)["MetadataOptions"]["HttpTokens"] == "required"
    assert metadata(simulator, made, "/latest/meta-data/")[0] == 403
    with pytest.raises(HTTPError) as caught:
        simulator.control_call("POST", "/instances", {"httpTokens": "maybe"})
    with caught.value as answer:
        assert (answer.code, b"httpTokens" in answer.read()) == (400, True)


LAUNCHED: list[tuple[dict[str, str], dict[str, Any]]] = [
    ({"HostName": "web"}, {"HostName": "web"}),
    ({"Description": "of the shop"}, {"Description": "of the shop"}),
    ({"PrivateIpAddress": "10.1.2.3"}, {"VpcAttributes.PrivateIpAddress.IpAddress": ["10.1.2.3"]}),
    ({"SecurityGroupId": "sg-1"}, {"SecurityGroupIds.SecurityGroupId": ["sg-1"]}),
    ({"DeletionProtection": "true"}, {"DeletionProtection": True}),
    ({"InstanceChargeType": "PrePaid"}, {"InstanceChargeType": "PrePaid"}),
    ({"InternetChargeType": "PayByBandwidth"}, {"InternetChargeType": "PayByBandwidth"}),
    ({"InternetMaxBandwidthOut": "200"}, {"InternetMaxBandwidthOut": 200}),
    ({"IoOptimized": "none"}, {"IoOptimized": False}),
    ({"KeyPairName": "mine"}, {"KeyPairName": "mine"}),
    (
        {},
        {
            "InstanceChargeType": "PostPaid",
            "InternetMaxBandwidthOut": 0,
            "DeletionProtection": False,
            "Description": "",
            "IoOptimized": True,
            "MetadataOptions.InstanceMetadataTags": "disabled",
        },
    ),
]


@pytest.mark.parametrize(("asked", "shown"), LAUNCHED)
def test_what_launching_was_told_is_shown(root: OldSdk, asked: dict[str, str], shown: dict[str, Any]) -> None:
    instance = described(root, launch(root, **asked))
    for path, value in shown.items():
        found: Any = instance
        for name in path.split("."):
            found = found[name]
        assert found == value, path


@pytest.mark.parametrize("action", ["RunInstances", "CreateInstance"])
def test_outbound_bandwidth_is_that_of_the_launch_and_gives_no_public_address(root: OldSdk, action: str) -> None:
    answer = root.call(action, **LAUNCH, InternetMaxBandwidthOut="5")
    made = answer["InstanceId"] if action == "CreateInstance" else answer["InstanceIdSets"]["InstanceIdSet"][0]
    for shown in (described(root, made), root.call("DescribeInstanceAttribute", InstanceId=made)):
        assert (shown["InternetMaxBandwidthOut"], shown["PublicIpAddress"]) == (5, {"IpAddress": []})


def test_several_security_groups_are_kept_and_found(root: OldSdk) -> None:
    made = launch(root, SecurityGroupIdss=["sg-1", "sg-2"])
    assert described(root, made)["SecurityGroupIds"] == {"SecurityGroupId": ["sg-1", "sg-2"]}
    for group in ("sg-1", "sg-2"):
        assert listed(root, SecurityGroupId=group) == [made]


def test_addresses_are_consecutive_and_given_once(root: OldSdk) -> None:
    asked = LAUNCH | {"PrivateIpAddress": "10.1.2.255"}
    made = root.call("RunInstances", **asked, Amount=2)["InstanceIdSets"]["InstanceIdSet"]
    assert listed(root, PrivateIpAddresses='["10.1.2.255", "10.1.3.0"]') == made
    assert root.refusal("RunInstances", **asked) == (400, "InvalidIPAddress.AlreadyUsed")


def listed(root: OldSdk, **asked: Any) -> list[str]:
    answer = root.call("DescribeInstances", PageSize=100, **asked)
    return [instance["InstanceId"] for instance in answer["Instances"]["Instance"]]


LAUNCH_REFUSALS: list[tuple[dict[str, str], str]] = [
    ({"MinAmount": "2"}, "InvalidParameter.MinAmount"),
    ({"MinAmount": "200"}, "InvalidParameter.MinAmount"),
    ({"InstanceChargeType": "Free"}, "InvalidParameter.InstanceChargeType"),
    ({"InternetChargeType": "Free"}, "InvalidParameter.InternetChargeType"),
    ({"InternetMaxBandwidthOut": "201"}, "InvalidParameter.InternetMaxBandwidthOut"),
    ({"InternetMaxBandwidthOut": "-1"}, "InvalidParameter.InternetMaxBandwidthOut"),
    ({"IoOptimized": "true"}, "InvalidParameter.IoOptimized"),
    ({"DeletionProtection": "maybe"}, "InvalidParameter.DeletionProtection"),
    ({"PrivateIpAddress": "10.1.2"}, "InvalidPrivateIpAddress.Malformed"),
    ({"PrivateIpAddress": "10.1.2.3", "VSwitchId": ""}, "MissingParameter.VSwitchId"),
]


@pytest.mark.parametrize(("asked", "code"), LAUNCH_REFUSALS)
def test_what_can_not_be_launched_is_refused(
    root: OldSdk, simulator: RunningSimulator, asked: dict[str, str], code: str
) -> None:
    before = simulator.state()
    assert root.refusal("RunInstances", **LAUNCH | asked) == (400, code)
    assert simulator.state() == before


def test_a_protected_instance_is_not_deleted(root: OldSdk) -> None:
    made = launch(root, DeletionProtection="true")
    refused = root.refusal("DeleteInstance", InstanceId=made, Force="true")
    assert refused == (403, "InvalidOperation.DeletionProtection")
    assert described(root, made)["Status"] == "Running"


def test_an_order_has_a_price_and_that_of_a_subscription_a_number(root: OldSdk) -> None:
    assert root.call("RunInstances", **LAUNCH)["TradePrice"] == 0.0
    subscribed = root.call("CreateInstance", **LAUNCH, InstanceChargeType="PrePaid")
    assert subscribed["OrderId"].isdigit()
    assert "OrderId" not in root.call("CreateInstance", **LAUNCH)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"InstanceChargeType": "PrePaid"}, 0),
        ({"InstanceChargeType": "PostPaid"}, 7),
        ({"IoOptimized": "false"}, 0),
        ({"IoOptimized": "true"}, 7),
        ({"KeyPairName": "mine"}, 0),
        ({"InstanceTypeFamily": "ecs.g7"}, 7),
        ({"InstanceTypeFamily": "ecs.g6"}, 0),
        ({"EipAddresses": '["1.2.3.4"]'}, 0),
        ({"InnerIpAddresses": '["1.2.3.4"]'}, 0),
        ({"Filter1Key": "CreationStartTime", "Filter1Value": "2100-01-01T00:00Z"}, 0),
        ({"Filter1Key": "CreationEndTime", "Filter1Value": "2100-01-01T00:00Z"}, 7),
        ({"Filter1Key": "CreationEndTime", "Filter1Value": "2015-01-01T00:00Z"}, 0),
        ({"Filter1Key": "ExpiredEndTime", "Filter1Value": "2030-01-01T00:00Z"}, 0),
        ({"Filter1Key": "ExpiredStartTime", "Filter1Value": "2030-01-01T00:00Z"}, 7),
    ],
)
def test_filters_are_obeyed(root: OldSdk, asked: dict[str, Any], found: int) -> None:
    assert len(listed(root, **asked)) == found


@pytest.mark.parametrize(("key", "value"), [("CreationStartTime", "soon"), ("x", "2100-01-01T00:00Z")])
def test_a_filter_that_there_is_not_is_refused(root: OldSdk, key: str, value: str) -> None:
    assert root.refusal("DescribeInstances", Filter1Key=key, Filter1Value=value) == (400, "InvalidParameter.Filter")


def test_instances_that_go_between_two_pages_hide_no_others(root: OldSdk) -> None:
    made = root.call("RunInstances", **LAUNCH, Amount=15)["InstanceIdSets"]["InstanceIdSet"]
    first = root.call("DescribeInstances", VSwitchId="vsw-1", MaxResults=10)
    shown = [instance["InstanceId"] for instance in first["Instances"]["Instance"]]
    for instance_id in shown[5:]:
        root.call("DeleteInstance", InstanceId=instance_id, Force="true")
    second = root.call("DescribeInstances", VSwitchId="vsw-1", MaxResults=10, NextToken=first["NextToken"])
    rest = [instance["InstanceId"] for instance in second["Instances"]["Instance"]]
    assert (shown + rest, second["NextToken"]) == (made, "")


def test_the_mac_address_is_the_same_everywhere_and_each_instance_s_own(
    root: OldSdk, simulator: RunningSimulator
) -> None:
    found = set()
    for instance_id in simulator.instance_ids()[:2]:
        (interface,) = described(root, instance_id)["NetworkInterfaces"]["NetworkInterface"]
        mac = metadata(simulator, instance_id, "/latest/meta-data/mac")[1].decode()
        identity = json.loads(metadata(simulator, instance_id, "/latest/dynamic/instance-identity/document")[1])
        assert interface["MacAddress"] == mac == identity["mac"]
        found.add(mac)
    assert len(found) == 2


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/latest/", b"dynamic/\nmeta-data/"),
        ("/latest/dynamic/", b"instance-identity/"),
        ("/latest/dynamic/instance-identity/", b"document"),
    ],
)
def test_folders_of_the_metadata_list_what_they_have(
    simulator: RunningSimulator, instance: str, path: str, shown: bytes
) -> None:
    assert metadata(simulator, instance, path) == (200, shown)
