"""Regions: all public ones, and those that a fixture declares, wherever a region can be named."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.contract.conftest import OldSdk, RunningSimulator, refused_start

KEY = ("simulator-root", "simulator-root-secret")
FIXTURE = """
account: {accessKeyId: simulator-root, accessKeySecret: simulator-root-secret}
regions: [{id: cn-hangzhou-acdr-ut-1, localName: Dedicated, zone: cn-hangzhou-acdr-ut-1b}, {id: xx-1}]
systemPolicies:
- name: AliyunRDSGADReadOnlyAccess
  document: {Version: "1", Statement: [{Effect: Allow, Action: "rds:Describe*", Resource: "*"}]}
roles:
- {name: Reader, policies: [{system: AliyunRDSGADReadOnlyAccess}]}
instances:
- {id: i-8vbexample00001, region: cn-zhangjiakou}
- {id: i-dedicated, region: cn-hangzhou-acdr-ut-1}
buckets: [{name: far, region: xx-1}]
"""


@pytest.fixture
def declared(started: Callable[..., RunningSimulator], tmp_path: Path) -> RunningSimulator:
    fixture = tmp_path / "fixture.yaml"
    fixture.write_text(FIXTURE)
    return started("--fixture", str(fixture), "--state", str(tmp_path / "state.json"))


@pytest.mark.parametrize(
    "region", ["cn-zhangjiakou", "cn-wulanchabu", "me-central-1", "cn-shanghai-finance-1", "cn-heyuan-acdr-1"]
)
def test_a_public_region_is_served_everywhere(
    sdk: Callable[..., OldSdk], simulator: RunningSimulator, region: str
) -> None:
    there = sdk(region=region)
    made = simulator.control_call("POST", "/instances", {"region": region})["instanceId"]
    launched = there.call("RunInstances", InstanceType="ecs.g7.large")["InstanceIdSets"]["InstanceIdSet"]
    listed = there.call("DescribeInstances")["Instances"]["Instance"]
    assert [item["InstanceId"] for item in listed] == [made, *launched]
    assert all(item["ZoneId"].startswith(region) for item in listed)
    assert region in simulator.ready["regions"]


def test_a_region_that_there_is_not_is_refused(sdk: Callable[..., OldSdk]) -> None:
    assert sdk(region="cn-atlantis").refusal("DescribeInstances") == (404, "InvalidRegionId.NotFound")


def test_a_declared_region_is_served_everywhere(declared: RunningSimulator) -> None:
    there = OldSdk(declared, KEY, "cn-hangzhou-acdr-ut-1")
    (instance,) = there.call("DescribeInstances")["Instances"]["Instance"]
    assert (instance["InstanceId"], instance["ZoneId"]) == ("i-dedicated", "cn-hangzhou-acdr-ut-1b")
    names = {item["RegionId"]: item["LocalName"] for item in there.call("DescribeRegions")["Regions"]["Region"]}
    assert (names["cn-hangzhou-acdr-ut-1"], names["xx-1"]) == ("Dedicated", "xx-1")
    assert declared.control_call("POST", "/instances", {"region": "xx-1"})["instanceId"]


def test_a_declared_system_policy_is_one_of_the_system(declared: RunningSimulator) -> None:
    root = OldSdk(declared, KEY)
    policy = root.call("GetPolicy", PolicyName="AliyunRDSGADReadOnlyAccess", PolicyType="System")["Policy"]
    assert policy["AttachmentCount"] == 1
    assert root.refusal("DeletePolicy", PolicyName="AliyunRDSGADReadOnlyAccess") == (404, "EntityNotExist.Policy")


def test_a_state_goes_on_with_the_regions_that_it_had(
    declared: RunningSimulator, started: Callable[..., RunningSimulator], tmp_path: Path
) -> None:
    declared.control_call("POST", "/instances", {"region": "xx-1", "id": "i-kept"})
    declared.process.terminate()
    declared.process.wait(10)
    (tmp_path / "fixture.yaml").write_text(FIXTURE.replace(", {id: xx-1}", "").replace("xx-1", "cn-hangzhou"))
    again = started("--fixture", str(tmp_path / "fixture.yaml"), "--state", str(tmp_path / "state.json"))
    kept = OldSdk(again, KEY, "xx-1").call("DescribeInstances")["Instances"]["Instance"]
    assert [item["InstanceId"] for item in kept] == ["i-kept"]


def test_names_of_regions_are_in_the_language_that_is_asked_for(root: OldSdk) -> None:
    def name(**asked: str) -> str:
        regions = root.call("DescribeRegions", **asked)["Regions"]["Region"]
        return next(str(item["LocalName"]) for item in regions if item["RegionId"] == "cn-hangzhou")

    assert (name(), name(AcceptLanguage="zh-CN")) == ("华东1（杭州）", "华东1（杭州）")
    assert name(AcceptLanguage="en-US") == "China (Hangzhou)"


def test_a_fixture_with_an_unknown_region_is_refused_with_the_nearest(tmp_path: Path) -> None:
    path = tmp_path / "fixture.yaml"
    path.write_text(json.dumps({"instances": [{"id": "i-1", "region": "cn-zhangjiakuo"}]}))
    assert "Did you mean cn-zhangjiakou?" in refused_start("--fixture", str(path))
