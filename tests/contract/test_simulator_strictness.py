"""Parameters that an action does not know, and the filters and options of instances."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aliyunsdkcore.request import CommonRequest
from tests.contract.conftest import OldSdk, RunningSimulator, start_simulator, stop_simulator

LAUNCH = {"InstanceType": "ecs.g7.large", "VSwitchId": "vsw-1"}


def call(client: OldSdk, action: str, version: str, **parameters: str) -> dict[str, Any]:
    """Call with any parameters: the SDK's request classes know only the right ones."""
    request = CommonRequest(domain="127.0.0.1", version=version, action_name=action)
    request.set_method("POST")
    request.set_protocol_type("http")
    for name, value in parameters.items():
        request.add_query_param(name.replace("_", "."), value)
    answer: dict[str, Any] = json.loads(client._client.do_action_with_exception(request))
    return answer


def test_an_unknown_parameter_is_ignored_and_noted(simulator: RunningSimulator, root: OldSdk) -> None:
    call(root, "ListRoles", "2015-05-01", MaxItems="5", MaxItms="1", Tags_1_Key="x")
    noted = simulator.control_call("GET", "/journal")["calls"][-1]
    assert noted["unknownParams"] == ["MaxItms", "Tags.1.Key"]
    root.call("ListRoles", MaxItems="5")
    assert simulator.control_call("GET", "/journal")["calls"][-1]["unknownParams"] == []


@pytest.fixture(scope="module")
def strict() -> Iterator[RunningSimulator]:
    running = start_simulator("--strict")
    yield running
    assert stop_simulator(running) == 0


def test_strictly_an_unknown_parameter_is_refused_and_nothing_happens(strict: RunningSimulator) -> None:
    root = OldSdk(strict, (strict.accessKeyId, strict.accessKeySecret))
    with pytest.raises(Exception, match=r"InvalidParameter.Unknown.*Coment"):
        call(root, "CreateUser", "2015-05-01", UserName="ann", Coment="x")
    assert [user["UserName"] for user in root.call("ListUsers")["Users"]["User"]] == ["dev"]


def test_strictly_what_real_clients_send_is_taken(strict: RunningSimulator) -> None:
    root = OldSdk(strict, (strict.accessKeyId, strict.accessKeySecret))
    made = root.call(
        "RunInstances",
        InstanceName="web",
        Tags=[{"Key": "team", "Value": "a"}],
        SystemDiskSize="40",
        SpotStrategy="NoSpot",
        InternetMaxBandwidthOut="5",
        **LAUNCH,
    )
    assert len(made["InstanceIdSets"]["InstanceIdSet"]) == 1
    assert root.call("DescribeInstances", Tags=[{"Key": "team"}])["TotalCount"] == 1


@pytest.fixture
def launched(root: OldSdk) -> Callable[..., str]:
    """Return a function that launches one instance."""

    def launch(**more: Any) -> str:
        answer = root.call("RunInstances", **LAUNCH, **more)
        instance_id: str = answer["InstanceIdSets"]["InstanceIdSet"][0]
        return instance_id

    return launch


FILTERS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"InstanceName": "web-1"}, {"InstanceName": "web-*"}),
    ({"HttpTokens": "required"}, {"HttpTokens": "required"}),
    ({"HttpEndpoint": "disabled"}, {"HttpEndpoint": "disabled"}),
    ({"ResourceGroupId": "rg-1"}, {"ResourceGroupId": "rg-1"}),
    ({"SecurityGroupId": "sg-2"}, {"SecurityGroupId": "sg-2"}),
    ({"ImageId": "image-2"}, {"ImageId": "image-2"}),
    ({"ZoneId": "cn-hangzhou-z"}, {"ZoneId": "cn-hangzhou-z"}),
    ({}, {"VSwitchId": "vsw-1"}),
    ({}, {"InstanceType": "ecs.g7.large", "VSwitchId": "vsw-1"}),
    ({"Tags": [{"Key": "team", "Value": "a"}]}, {"Tags": [{"Key": "team", "Value": "a"}]}),
    ({"Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]}, {"Tags": [{"Key": "a"}, {"Key": "b"}]}),
]


@pytest.mark.parametrize(("options", "filters"), FILTERS)
def test_each_filter_finds_what_it_means_and_nothing_else(
    root: OldSdk, launched: Callable[..., str], options: dict[str, Any], filters: dict[str, Any]
) -> None:
    made = launched(**options)
    found = root.call("DescribeInstances", **filters)["Instances"]["Instance"]
    assert [instance["InstanceId"] for instance in found] == [made]


def test_an_address_finds_its_instance(root: OldSdk, launched: Callable[..., str]) -> None:
    made = launched()
    (instance,) = root.call("DescribeInstances", InstanceIds=json.dumps([made]))["Instances"]["Instance"]
    (address,) = instance["VpcAttributes"]["PrivateIpAddress"]["IpAddress"]
    found = root.call("DescribeInstances", PrivateIpAddresses=json.dumps([address]))["Instances"]["Instance"]
    assert [instance["InstanceId"] for instance in found] == [made]


@pytest.mark.parametrize(("asked", "pages"), [("1", 10), ("10", 10), ("25", 25), ("100", 100), ("5000", 100)])
def test_pages_by_token_are_clamped(root: OldSdk, asked: str, pages: int) -> None:
    root.call("RunInstances", Amount="100", **LAUNCH)
    root.call("RunInstances", Amount="7", **LAUNCH)
    sizes: list[int] = []
    seen: set[str] = set()
    token: dict[str, str] = {}
    while True:
        answer = root.call("DescribeInstances", MaxResults=asked, **token)
        page = answer["Instances"]["Instance"]
        sizes.append(len(page))
        seen |= {instance["InstanceId"] for instance in page}
        if not answer["NextToken"]:
            break
        token = {"NextToken": answer["NextToken"]}
    assert len(seen) == sum(sizes) == 107 + 7
    assert set(sizes[:-1]) <= {pages}


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"DryRun": "true"}, 400, "DryRunOperation"),
    ({"Amount": "0"}, 400, "InvalidParameter.Amount"),
    ({"Amount": "101"}, 400, "InvalidParameter.Amount"),
    ({"HttpTokens": "maybe"}, 400, "InvalidHttpTokens.NotSupported"),
    ({"HttpEndpoint": "maybe"}, 400, "InvalidHttpEndpoint.NotSupported"),
    ({"ClientToken": "a" * 65}, 400, "InvalidParameter.ClientToken"),
    ({"RamRoleName": "nobody"}, 404, "InvalidRamRole.NotFound"),
    ({"RamRoleName": "nobody", "DryRun": "true"}, 404, "InvalidRamRole.NotFound"),
]


@pytest.mark.parametrize(("options", "status", "code"), REFUSED)
def test_a_refused_launch_launches_nothing(
    simulator: RunningSimulator, root: OldSdk, options: dict[str, Any], status: int, code: str
) -> None:
    before = simulator.state()
    assert root.refusal("RunInstances", **LAUNCH, **options) == (status, code)
    assert simulator.state() == before


def test_a_client_token_launches_once(root: OldSdk) -> None:
    asked = LAUNCH | {"ClientToken": "token-1", "Amount": "2"}
    first = root.call("RunInstances", **asked)["InstanceIdSets"]
    assert root.call("RunInstances", **asked)["InstanceIdSets"] == first
    assert root.refusal("RunInstances", **(asked | {"Amount": "3"})) == (400, "IdempotentParameterMismatch")


def test_a_dry_run_of_a_description_says_that_it_would_work(root: OldSdk, dev: OldSdk) -> None:
    assert root.refusal("DescribeInstances", DryRun="true") == (400, "DryRunOperation")
    assert dev.refusal("DescribeInstances", DryRun="true") == (403, "Forbidden.RAM")
