"""ECS's calls against the process: instances, their roles, per-instance results, and each error with its code."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.contract.conftest import OldSdk, RunningSimulator

TRUST = json.dumps(
    {
        "Version": "1",
        "Statement": [{"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": ["ecs.aliyuncs.com"]}}],
    }
)
READ = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "oss:Get*", "Resource": "*"}]}
UNKNOWN = "i-bp1unknown0000000000"

Asked = dict[str, Any]


@pytest.fixture(autouse=True)
def roles(root: OldSdk) -> None:
    root.call("CreateRole", RoleName="EcsRole", AssumeRolePolicyDocument=TRUST)
    root.call("CreateRole", RoleName="FcRole", AssumeRolePolicyDocument=TRUST.replace("ecs.", "fc."))


@pytest.fixture
def ids(simulator: RunningSimulator) -> list[str]:
    return simulator.instance_ids()


def attach(root: OldSdk, ids: list[str], role: str = "EcsRole", **more: str) -> list[dict[str, Any]]:
    answer = root.call("AttachInstanceRamRole", InstanceIds=json.dumps(ids), RamRoleName=role, **more)
    rows: list[dict[str, Any]] = answer["AttachInstanceRamRoleResults"]["AttachInstanceRamRoleResult"]
    assert answer["TotalCount"] == len(rows)
    assert answer["FailCount"] == sum(not row["Success"] for row in rows)
    return rows


def detach(root: OldSdk, ids: list[str], **role: str) -> list[dict[str, Any]]:
    answer = root.call("DetachInstanceRamRole", InstanceIds=json.dumps(ids), **role)
    rows: list[dict[str, Any]] = answer["DetachInstanceRamRoleResults"]["DetachInstanceRamRoleResult"]
    assert answer["FailCount"] == sum(not row["Success"] for row in rows)
    return rows


def having_role(root: OldSdk, **asked: Any) -> list[tuple[str, str]]:
    sets = root.call("DescribeInstanceRamRole", **asked)["InstanceRamRoleSets"]["InstanceRamRoleSet"]
    return [(item["InstanceId"], item["RamRoleName"]) for item in sets]


def test_attaching_succeeds_and_fails_instance_by_instance(root: OldSdk, ids: list[str]) -> None:
    assert [row["Code"] for row in attach(root, ids[:1])] == ["200"]
    rows = attach(root, ids[:3])
    assert [(row["InstanceId"], row["Success"]) for row in rows] == [(ids[0], False), (ids[1], True), (ids[2], True)]
    assert having_role(root, RamRoleName="ecsROLE") == [(instance, "EcsRole") for instance in ids[:3]]


def test_detaching_succeeds_and_fails_instance_by_instance(root: OldSdk, ids: list[str]) -> None:
    attach(root, ids[:1])
    rows = detach(root, ids[:2])
    assert [row["Code"] for row in rows] == ["200", "InvalidRamRole.NotAttached"]
    taken = rows[0]["InstanceRamRoleSets"]["InstanceRamRoleSet"]
    assert taken == [{"InstanceId": ids[0], "RamRoleName": "EcsRole"}]
    assert having_role(root, InstanceIds=json.dumps(ids)) == [(instance, "") for instance in ids]


def test_detaching_another_role_than_the_one_attached_takes_nothing_away(root: OldSdk, ids: list[str]) -> None:
    attach(root, ids[:1])
    assert [row["Code"] for row in detach(root, ids[:1], RamRoleName="FcRole")] == ["InvalidRamRole.NotAttached"]
    assert having_role(root, InstanceIds=json.dumps(ids)) == [(ids[0], "EcsRole"), *((each, "") for each in ids[1:])]


def test_a_deleted_role_stays_on_its_instances_by_its_name(
    root: OldSdk, ids: list[str], simulator: RunningSimulator
) -> None:
    attach(root, ids[:1])
    root.call("DeleteRole", RoleName="EcsRole")
    assert having_role(root, InstanceIds=json.dumps(ids[:1])) == [(ids[0], "EcsRole")]
    refused = root.refusal("DescribeInstanceRamRole", RamRoleName="EcsRole")
    assert refused == (404, "InvalidRamRole.NotFound")


def test_instances_with_a_role_are_listed_by_pages(root: OldSdk, ids: list[str]) -> None:
    attach(root, ids[:5])
    asked = {"RamRoleName": "EcsRole", "PageSize": 2}
    pages = [having_role(root, **asked, PageNumber=number) for number in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [2, 2, 1, 0]
    assert [instance for page in pages for instance, _ in page] == ids[:5]
    assert root.call("DescribeInstanceRamRole", RamRoleName="EcsRole")["TotalCount"] == 5


def test_instances_with_a_role_are_those_of_the_region(
    root: OldSdk, sdk: Callable[..., OldSdk], ids: list[str]
) -> None:
    attach(root, ids[:1])
    assert having_role(sdk(region="cn-beijing"), RamRoleName="EcsRole") == []


def many(count: int) -> str:
    return json.dumps([f"i-{number:020}" for number in range(count)])


ONE = {"InstanceIds": json.dumps([UNKNOWN]), "RamRoleName": "EcsRole"}
REFUSALS: list[tuple[str, Asked, int, str]] = [
    ("AttachInstanceRamRole", ONE, 404, "InvalidInstanceId.NotFound"),
    ("AttachInstanceRamRole", ONE | {"InstanceIds": "i-1"}, 400, "InvalidInstanceIds.Malformed"),
    ("AttachInstanceRamRole", ONE | {"InstanceIds": '{"a": 1}'}, 400, "InvalidInstanceIds.Malformed"),
    ("AttachInstanceRamRole", ONE | {"InstanceIds": "[1]"}, 400, "InvalidInstanceIds.Malformed"),
    ("AttachInstanceRamRole", ONE | {"InstanceIds": "[]"}, 400, "InvalidInstanceIds.Malformed"),
    ("AttachInstanceRamRole", ONE | {"InstanceIds": many(101)}, 400, "InvalidInstanceIds.Malformed"),
    ("AttachInstanceRamRole", {"InstanceIds": many(1)}, 400, "MissingParameter.RamRoleName"),
    ("AttachInstanceRamRole", {"RamRoleName": "EcsRole"}, 400, "MissingParameter.InstanceIds"),
    ("DetachInstanceRamRole", {"InstanceIds": many(1)}, 404, "InvalidInstanceId.NotFound"),
    ("DetachInstanceRamRole", {"InstanceIds": "i-1"}, 400, "InvalidInstanceIds.Malformed"),
    ("DescribeInstanceRamRole", {}, 403, "InvalidParameter.AllEmpty"),
    ("DescribeInstanceRamRole", {"RamRoleName": "nobody"}, 404, "InvalidRamRole.NotFound"),
    ("DescribeInstanceRamRole", {"InstanceIds": many(1)}, 404, "InvalidInstanceId.NotFound"),
    ("DescribeInstanceRamRole", {"InstanceIds": many(101)}, 400, "InvalidInstanceIds.Malformed"),
    ("DescribeInstanceRamRole", {"RamRoleName": "EcsRole", "PageSize": 51}, 400, "InvalidParameter.PageSize"),
    ("DescribeInstances", {"InstanceIds": "i-1"}, 400, "InvalidInstanceIds.Malformed"),
    ("DescribeInstances", {"InstanceIds": many(101)}, 400, "InvalidInstanceIds.Malformed"),
    ("DescribeInstanceAttribute", {"InstanceId": UNKNOWN}, 404, "InvalidInstanceId.NotFound"),
    ("StartInstance", {"InstanceId": UNKNOWN}, 404, "InvalidInstanceId.NotFound"),
    ("CreateInstance", {}, 400, "MissingParameter.InstanceType"),
    (
        "CreateInstance",
        {"InstanceType": "t", "RamRoleName": "EcsRole"},
        403,
        "InvalidNetworkType.MismatchRamRole",
    ),
    (
        "CreateInstance",
        {"InstanceType": "t", "VSwitchId": "v", "RamRoleName": "nobody"},
        404,
        "InvalidRamRole.NotFound",
    ),
    (
        "CreateInstance",
        {"InstanceType": "t", "VSwitchId": "v", "RamRoleName": "FcRole"},
        401,
        "InvalidRamRole.NotEcsRole",
    ),
    ("RunInstances", {"InstanceType": "t", "DryRun": "true"}, 400, "DryRunOperation"),
    ("RunInstances", {"InstanceType": "t", "Amount": 101}, 400, "InvalidParameter.Amount"),
]


@pytest.mark.parametrize(("action", "asked", "status", "code"), REFUSALS)
def test_what_is_wrong_is_refused_with_its_code(
    root: OldSdk, simulator: RunningSimulator, action: str, asked: Asked, status: int, code: str
) -> None:
    before = simulator.state()
    assert root.refusal(action, **asked) == (status, code)
    assert simulator.state() == before


@pytest.mark.parametrize(
    ("role", "code"), [("nobody", "InvalidRamRole.NotFound"), ("FcRole", "InvalidRamRole.NotEcsRole")]
)
def test_a_role_that_ecs_can_not_assume_is_not_attached(root: OldSdk, ids: list[str], role: str, code: str) -> None:
    asked = {"InstanceIds": json.dumps(ids[:1]), "RamRoleName": role}
    assert root.refusal("AttachInstanceRamRole", **asked) == (404, code)


@pytest.mark.parametrize("action", ["AttachInstanceRamRole", "DetachInstanceRamRole", "DescribeInstanceRamRole"])
def test_one_classic_instance_fails_the_whole_call(
    root: OldSdk, simulator: RunningSimulator, ids: list[str], action: str
) -> None:
    mixed = json.dumps([ids[0], *simulator.instance_ids("classic")])
    refused = root.refusal(action, InstanceIds=mixed, RamRoleName="EcsRole")
    assert refused == (403, "InvalidNetworkType.MismatchRamRole")
    assert having_role(root, RamRoleName="EcsRole") == []


def test_an_instance_of_another_region_is_unknown(sdk: Callable[..., OldSdk], ids: list[str]) -> None:
    asked = {"InstanceIds": json.dumps(ids[:1])}
    elsewhere = sdk(region="cn-beijing")
    assert elsewhere.refusal("DescribeInstanceRamRole", **asked) == (404, "InvalidInstanceId.NotFound")
    assert elsewhere.call("DescribeInstances", **asked)["Instances"]["Instance"] == []


def test_an_unknown_region_is_refused(sdk: Callable[..., OldSdk]) -> None:
    assert sdk(region="moon-1").refusal("DescribeInstances") == (404, "InvalidRegionId.NotFound")


def test_unknown_ids_are_left_out_of_a_description(root: OldSdk, ids: list[str]) -> None:
    listed = root.call("DescribeInstances", InstanceIds=json.dumps([UNKNOWN, ids[1], ids[0]]), PageSize=100)
    assert [item["InstanceId"] for item in listed["Instances"]["Instance"]] == [ids[1], ids[0]]


def test_no_description_shows_the_role(root: OldSdk, ids: list[str]) -> None:
    attach(root, ids[:1])
    described = root.call("DescribeInstances", InstanceIds=json.dumps(ids[:1]))
    attribute = root.call("DescribeInstanceAttribute", InstanceId=ids[0])
    assert "EcsRole" not in json.dumps([described, attribute])
    assert attribute["InstanceNetworkType"] == "vpc"


def test_instances_are_listed_by_numbers_and_by_tokens(root: OldSdk, simulator: RunningSimulator) -> None:
    made = {simulator.control_call("POST", "/instances", {"region": "cn-shanghai"})["instanceId"] for _ in range(23)}
    client = OldSdk(simulator, ("simulator-root", "simulator-root-secret"), "cn-shanghai")
    numbered = [
        item["InstanceId"]
        for number in (1, 2, 3)
        for item in client.call("DescribeInstances", PageNumber=number, PageSize=10)["Instances"]["Instance"]
    ]
    followed: list[str] = []
    asked: Asked = {"MaxResults": 1}
    while True:
        page = client.call("DescribeInstances", **asked)
        assert len(page["Instances"]["Instance"]) <= 10, "fewer than 10 asked for are 10"
        followed += [item["InstanceId"] for item in page["Instances"]["Instance"]]
        if not page["NextToken"]:
            break
        asked["NextToken"] = page["NextToken"]
    assert len(numbered) == len(made)
    assert set(numbered) == made
    assert followed == numbered


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"InstanceName": "node-1"}, 1),
        ({"InstanceName": "node-*"}, 6),
        ({"Status": "Stopped"}, 0),
        ({"InstanceNetworkType": "classic"}, 1),
        ({"Tags": [{"Key": "pool"}]}, 0),
    ],
)
def test_descriptions_are_filtered(root: OldSdk, asked: Asked, found: int) -> None:
    assert root.call("DescribeInstances", **asked)["TotalCount"] == found


def test_an_instance_is_run_stopped_and_released(root: OldSdk) -> None:
    launch = {"InstanceType": "t", "VSwitchId": "v", "RamRoleName": "EcsRole", "Amount": 2}
    first, second = root.call("RunInstances", **launch)["InstanceIdSets"]["InstanceIdSet"]
    assert having_role(root, RamRoleName="EcsRole") == [(first, "EcsRole"), (second, "EcsRole")]
    assert root.refusal("DeleteInstance", InstanceId=first) == (403, "IncorrectInstanceStatus")
    root.call("StopInstance", InstanceId=first)
    assert root.refusal("StopInstance", InstanceId=first) == (403, "IncorrectInstanceStatus")
    root.call("DeleteInstance", InstanceId=first)
    root.call("DeleteInstance", InstanceId=second, Force="true")
    assert having_role(root, RamRoleName="EcsRole") == []


def test_a_client_token_creates_once(root: OldSdk) -> None:
    asked = {"InstanceType": "t", "ClientToken": "token-1"}
    made = root.call("CreateInstance", **asked)["InstanceId"]
    assert root.call("CreateInstance", **asked)["InstanceId"] == made
    assert root.refusal("CreateInstance", **asked | {"InstanceType": "u"}) == (400, "IdempotentParameterMismatch")


def grant(root: OldSdk, *statements: dict[str, Any]) -> None:
    root.call("CreatePolicy", PolicyName="grant", PolicyDocument=json.dumps({"Version": "1", "Statement": statements}))
    root.call("AttachPolicyToUser", PolicyType="Custom", PolicyName="grant", UserName="dev")


ATTACH_ANYWHERE = {"Effect": "Allow", "Action": "ecs:AttachInstanceRamRole", "Resource": "*"}


@pytest.mark.parametrize(
    ("passing", "allowed"),
    [
        ({"Resource": "*"}, True),
        ({"Resource": "acs:ram:*:1234567890123456:role/ecs*"}, True),
        ({"Resource": "acs:ram:*:1234567890123456:role/other*"}, False),
        ({"Resource": "*", "Condition": {"StringEquals": {"acs:Service": "ecs.aliyuncs.com"}}}, True),
        ({"Resource": "*", "Condition": {"StringEquals": {"acs:Service": "fc.aliyuncs.com"}}}, False),
    ],
)
def test_a_user_attaches_only_roles_it_may_pass(
    root: OldSdk, dev: OldSdk, ids: list[str], passing: dict[str, Any], allowed: bool
) -> None:
    grant(root, ATTACH_ANYWHERE, {"Effect": "Allow", "Action": "ram:PassRole"} | passing)
    if allowed:
        assert attach(dev, ids[:1])[0]["Success"]
    else:
        asked = {"InstanceIds": json.dumps(ids[:1]), "RamRoleName": "EcsRole"}
        assert dev.refusal("AttachInstanceRamRole", **asked) == (403, "InvalidUser.PassRoleForbidden")


@pytest.mark.parametrize(
    ("resources", "allowed"),
    [
        (["acs:ecs:*:*:instance/*", "acs:ram:*:*:role/EcsRole"], True),
        (["acs:ecs:cn-hangzhou:1234567890123456:instance/*", "acs:ram:cn-hangzhou:*:role/*"], True),
        (["acs:ecs:*:*:instance/*"], False),
        (["acs:ecs:cn-beijing:*:instance/*", "acs:ram:*:*:role/*"], False),
    ],
)
def test_attaching_needs_the_right_on_instance_and_role(
    root: OldSdk, dev: OldSdk, ids: list[str], resources: list[str], allowed: bool
) -> None:
    passing = {"Effect": "Allow", "Action": "ram:PassRole", "Resource": "*"}
    grant(root, ATTACH_ANYWHERE | {"Resource": resources}, passing)
    if allowed:
        assert attach(dev, ids[:1])[0]["Success"]
    else:
        asked = {"InstanceIds": json.dumps(ids[:1]), "RamRoleName": "EcsRole"}
        assert dev.refusal("AttachInstanceRamRole", **asked) == (403, "Forbidden.RAM")


def test_a_session_policy_must_be_well_formed_and_short(root: OldSdk, ids: list[str]) -> None:
    asked = {"InstanceIds": json.dumps(ids[:1]), "RamRoleName": "EcsRole"}
    assert root.refusal("AttachInstanceRamRole", **asked, Policy="{}") == (400, "MalformedPolicyDocument")
    assert root.refusal("AttachInstanceRamRole", **asked, Policy=" " * 1025) == (400, "InvalidParameter.Policy")
    assert attach(root, ids[:1], Policy=json.dumps(READ))[0]["Success"]


def test_regions_are_listed(root: OldSdk, simulator: RunningSimulator) -> None:
    listed = root.call("DescribeRegions")["Regions"]["Region"]
    assert [region["RegionId"] for region in listed] == simulator.ready["regions"]
