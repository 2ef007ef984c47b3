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
