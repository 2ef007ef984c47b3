"""The ECS adapter against the simulator: batches, bad ids among good ones, and doing things twice."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aliyunsdkecs.request.v20140526.TagResourcesRequest import TagResourcesRequest
from tests.contract.conftest import OldSdk
from tests.contract.ports import ports_of

from ram_operator.cloud import Cloud, NewRole
from ram_operator.cloud.ecs import BATCHES_AT_ONCE
from ram_operator.errors import AlreadyExists, ClassicNetwork, Denied, NotFound, RegionNotFound, Throttled, Unavailable

Simulator = Any

REGION = "cn-hangzhou"
ROLE = "EcsRole"
GONE = "i-bp1gone000000000000"


def trust(service: str) -> str:
    principal = {"Service": [service]}
    statement = {"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": principal}
    return json.dumps({"Version": "1", "Statement": [statement]})


@pytest.fixture
async def cloud(simulator: Simulator) -> AsyncIterator[Cloud]:
    """A cloud with two roles that instances may have, and one that trusts somebody else."""
    roles = {ROLE: "ecs.aliyuncs.com", "Other": "ecs.aliyuncs.com", "NotEcs": "oss.aliyuncs.com"}
    async with ports_of(simulator) as cloud:
        for name, service in roles.items():
            await cloud.ram.create_role(NewRole(name, trust(service), "", 3600, {}))
        yield cloud


def add_instances(simulator: Simulator, count: int, network: str = "vpc") -> list[str]:
    body = {"region": REGION, "networkType": network}
    return [simulator.control_call("POST", "/instances", body)["instanceId"] for _ in range(count)]


def roles_by_instance(simulator: Simulator) -> dict[str, str]:
    return {row["instanceId"]: row["ramRoleName"] for row in simulator.state()["instances"] if row["ramRoleName"]}


def calls(simulator: Simulator, since: int) -> Counter[str]:
    return Counter(call["action"] for call in simulator.calls_since(since))


async def test_regions_are_known(cloud: Cloud, simulator: Simulator) -> None:
    assert sorted(await cloud.ecs.describe_regions()) == sorted(simulator.regions)


async def test_instances_are_described_with_their_network(cloud: Cloud, simulator: Simulator) -> None:
    [classic] = simulator.instance_ids("classic")
    vpc = simulator.instance_ids()[0]
    found = await cloud.ecs.describe_instances(REGION, [classic, vpc, GONE])
    assert {name: instance.network for name, instance in found.items()} == {classic: "classic", vpc: "vpc"}
    assert found[vpc].instance_id == vpc
    assert found[vpc].status


async def test_instances_are_described_with_their_tags(cloud: Cloud, simulator: Simulator, root: OldSdk) -> None:
    tagged, other = simulator.instance_ids()[:2]
    mark = [{"Key": "ack.aliyun.com", "Value": "c1"}, {"Key": "empty", "Value": ""}]
    root.sent(TagResourcesRequest(), ResourceType="instance", ResourceIds=[tagged], Tags=mark)
    found = await cloud.ecs.describe_instances(REGION, [tagged, other])
    assert found[tagged].tags.items() >= {("ack.aliyun.com", "c1"), ("empty", "")}
    assert "ack.aliyun.com" not in found[other].tags


async def test_an_instance_of_another_region_does_not_exist(cloud: Cloud, simulator: Simulator) -> None:
    [elsewhere] = simulator.instance_ids(region="cn-beijing")
    assert await cloud.ecs.describe_instances(REGION, [elsewhere]) == {}
    assert await cloud.ecs.describe_instance_roles(REGION, [elsewhere]) == {}
    assert list(await cloud.ecs.describe_instance_roles("cn-beijing", [elsewhere])) == [elsewhere]


async def test_nothing_asked_for_is_no_call(cloud: Cloud, simulator: Simulator) -> None:
    newest = simulator.newest_call()
    assert await cloud.ecs.describe_instances(REGION, []) == {}
    assert await cloud.ecs.describe_instance_roles(REGION, []) == {}
    assert await cloud.ecs.attach_role(REGION, ROLE, []) == {}
    assert await cloud.ecs.detach_role(REGION, ROLE, []) == {}
    assert not simulator.calls_since(newest)


async def test_250_instances_take_3_calls_to_attach_5_to_describe_and_3_to_detach(
    cloud: Cloud, simulator: Simulator
) -> None:
    ids = add_instances(simulator, 250)
    newest = simulator.newest_call()
    assert await cloud.ecs.attach_role(REGION, ROLE, ids) == {}
    assert calls(simulator, newest) == {"AttachInstanceRamRole": 3}
    assert roles_by_instance(simulator) == dict.fromkeys(ids, ROLE)
    newest = simulator.newest_call()
    assert await cloud.ecs.describe_instance_roles(REGION, ids) == dict.fromkeys(ids, ROLE)
    assert calls(simulator, newest) == {"DescribeInstanceRamRole": 5}
    newest = simulator.newest_call()
    assert len(await cloud.ecs.describe_instances(REGION, ids)) == 250
    assert calls(simulator, newest) == {"DescribeInstances": 3}
    newest = simulator.newest_call()
    assert sorted(await cloud.ecs.instances_with_role(REGION, ROLE)) == sorted(ids)
    assert calls(simulator, newest) == {"DescribeInstanceRamRole": 5}
    newest = simulator.newest_call()
    assert await cloud.ecs.detach_role(REGION, ROLE, ids) == {}
    assert calls(simulator, newest) == {"DetachInstanceRamRole": 3}
    assert roles_by_instance(simulator) == {}


async def test_an_id_given_twice_is_asked_for_once(cloud: Cloud, simulator: Simulator) -> None:
    [instance] = add_instances(simulator, 1)
    assert await cloud.ecs.attach_role(REGION, ROLE, [instance, instance]) == {}
    assert await cloud.ecs.describe_instance_roles(REGION, [instance, instance]) == {instance: ROLE}


async def test_an_instance_without_a_role_is_told_from_one_that_is_gone(cloud: Cloud, simulator: Simulator) -> None:
    bare, attached = add_instances(simulator, 2)
    await cloud.ecs.attach_role(REGION, ROLE, [attached])
    found = await cloud.ecs.describe_instance_roles(REGION, [bare, GONE, attached])
    assert found == {bare: "", attached: ROLE}


async def test_one_gone_instance_among_120_fails_alone(cloud: Cloud, simulator: Simulator) -> None:
    ids = add_instances(simulator, 119)
    asked = [*ids[:60], GONE, *ids[60:]]
    newest = simulator.newest_call()
    failures = await cloud.ecs.attach_role(REGION, ROLE, asked)
    assert list(failures) == [GONE]
    assert type(failures[GONE]) is NotFound
    assert failures[GONE].code == "InvalidInstanceId.NotFound"
    assert calls(simulator, newest) == {"AttachInstanceRamRole": 3, "DescribeInstances": 1}
    assert set(roles_by_instance(simulator)) == set(ids)
    newest = simulator.newest_call()
    assert await cloud.ecs.describe_instance_roles(REGION, asked) == dict.fromkeys(ids, ROLE)
    assert calls(simulator, newest) == {"DescribeInstanceRamRole": 4, "DescribeInstances": 1}
    assert list(await cloud.ecs.detach_role(REGION, ROLE, asked)) == [GONE]
    assert roles_by_instance(simulator) == {}


async def test_one_classic_instance_among_10_fails_alone(cloud: Cloud, simulator: Simulator) -> None:
    ids = add_instances(simulator, 9)
    [classic] = add_instances(simulator, 1, "classic")
    failures = await cloud.ecs.attach_role(REGION, ROLE, [*ids[:3], classic, *ids[3:]])
    assert list(failures) == [classic]
    assert type(failures[classic]) is ClassicNetwork
    assert failures[classic].code == "InvalidNetworkType.MismatchRamRole"
    assert "VPC" in failures[classic].message
    assert set(roles_by_instance(simulator)) == set(ids)
    roles = await cloud.ecs.describe_instance_roles(REGION, [*ids, classic])
    assert roles == dict.fromkeys(ids, ROLE) | {classic: ""}


async def test_gone_and_classic_instances_together_fail_each_for_itself(cloud: Cloud, simulator: Simulator) -> None:
    ids = add_instances(simulator, 3)
    [classic] = add_instances(simulator, 1, "classic")
    failures = await cloud.ecs.attach_role(REGION, ROLE, [GONE, *ids, classic])
    assert {name: type(error) for name, error in failures.items()} == {GONE: NotFound, classic: ClassicNetwork}
    assert set(roles_by_instance(simulator)) == set(ids)
    nothing_left = await cloud.ecs.attach_role(REGION, ROLE, [GONE, classic])
    assert set(nothing_left) == {GONE, classic}


async def test_ids_that_are_refused_though_they_exist_are_found_by_halving(cloud: Cloud, simulator: Simulator) -> None:
    ids = add_instances(simulator, 8)
    fault = {"action": "AttachInstanceRamRole", "code": "InvalidInstanceId.NotFound", "status": 404}
    simulator.control_call("POST", "/faults", fault | {"count": 2})
    newest = simulator.newest_call()
    failures = await cloud.ecs.attach_role(REGION, ROLE, ids)
    assert failures == {}
    assert set(roles_by_instance(simulator)) == set(ids)
    assert calls(simulator, newest)["AttachInstanceRamRole"] <= 5
    simulator.control_call("POST", "/faults", fault | {"count": 100})
    await cloud.ecs.detach_role(REGION, ROLE, ids)
    failures = await cloud.ecs.attach_role(REGION, ROLE, ids)
    simulator.control_call("DELETE", "/faults")
    assert {type(error) for error in failures.values()} == {NotFound}
    assert set(failures) == set(ids)


async def test_attaching_twice_is_as_good_as_once(cloud: Cloud, simulator: Simulator) -> None:
    ids = add_instances(simulator, 3)
    assert await cloud.ecs.attach_role(REGION, ROLE, ids[:2]) == {}
    newest = simulator.newest_call()
    assert await cloud.ecs.attach_role(REGION, ROLE.lower(), ids) == {}
    assert calls(simulator, newest) == {"AttachInstanceRamRole": 1, "DescribeInstanceRamRole": 1}
    assert set(roles_by_instance(simulator)) == set(ids)


async def test_another_role_is_named_and_left(cloud: Cloud, simulator: Simulator) -> None:
    first, second = add_instances(simulator, 2)
    await cloud.ecs.attach_role(REGION, "Other", [first])
    failures = await cloud.ecs.attach_role(REGION, ROLE, [first, second])
    assert list(failures) == [first]
    assert type(failures[first]) is AlreadyExists
    assert "has role Other" in failures[first].message
    assert roles_by_instance(simulator) == {first: "Other", second: ROLE}


async def test_detaching_what_is_not_attached_is_a_success(cloud: Cloud, simulator: Simulator) -> None:
    bare, other = add_instances(simulator, 2)
    await cloud.ecs.attach_role(REGION, "Other", [other])
    assert await cloud.ecs.detach_role(REGION, ROLE, [bare, other]) == {}
    assert roles_by_instance(simulator) == {other: "Other"}


async def test_a_role_that_does_not_exist_is_detached_already(cloud: Cloud, simulator: Simulator) -> None:
    fault = {"action": "DetachInstanceRamRole", "code": "InvalidRamRole.NotFound", "status": 404}
    simulator.control_call("POST", "/faults", fault)
    newest = simulator.newest_call()
    assert await cloud.ecs.detach_role(REGION, "missing", add_instances(simulator, 2)) == {}
    assert calls(simulator, newest) == {"DetachInstanceRamRole": 1}


async def test_a_role_that_does_not_exist_has_no_instances(cloud: Cloud) -> None:
    assert await cloud.ecs.instances_with_role(REGION, "missing") == ()
    assert await cloud.ecs.instances_with_role(REGION, ROLE) == ()


@pytest.mark.parametrize(
    ("role", "expected", "code"),
    [("missing", NotFound, "InvalidRamRole.NotFound"), ("NotEcs", NotFound, "InvalidRamRole.NotEcsRole")],
)
async def test_a_role_that_cannot_be_attached_fails_each_instance(
    cloud: Cloud, simulator: Simulator, role: str, expected: type[Exception], code: str
) -> None:
    ids = add_instances(simulator, 2)
    failures = await cloud.ecs.attach_role(REGION, role, ids)
    assert {name: (type(error), error.code) for name, error in failures.items()} == dict.fromkeys(ids, (expected, code))


async def test_a_failing_batch_leaves_the_others_alone(cloud: Cloud, simulator: Simulator) -> None:
    ids = add_instances(simulator, 250)
    fault = {"action": "AttachInstanceRamRole", "code": "Throttling.User", "status": 400}
    simulator.control_call("POST", "/faults", fault)
    failures = await cloud.ecs.attach_role(REGION, ROLE, ids)
    assert len(failures) in (50, 100)
    assert {type(error) for error in failures.values()} == {Throttled}
    assert set(roles_by_instance(simulator)) == set(ids) - set(failures)


async def test_a_batch_that_cannot_be_read_leaves_the_others_alone(cloud: Cloud, simulator: Simulator) -> None:
    ids = add_instances(simulator, 120)
    batch = json.dumps(ids[50:100], separators=(",", ":"))
    fault = {"action": "DescribeInstanceRamRole", "params": {"InstanceIds": batch}, "code": "InternalError"}
    simulator.control_call("POST", "/faults", fault | {"status": 500})
    roles = await cloud.ecs.describe_instance_roles(REGION, ids)
    assert {name: type(role) for name, role in roles.items() if role != ""} == dict.fromkeys(ids[50:100], Unavailable)
    simulator.control_call("POST", "/faults", fault | {"status": 500, "params": {}, "count": 3})
    with pytest.raises(Unavailable):
        await cloud.ecs.describe_instance_roles(REGION, ids)


async def test_a_throttled_reading_keeps_what_was_answered_and_asks_no_further(
    cloud: Cloud, simulator: Simulator
) -> None:
    ids = add_instances(simulator, 750)
    for start in range(250, 750, 50):
        batch = json.dumps(ids[start : start + 50], separators=(",", ":"))
        fault = {"action": "DescribeInstanceRamRole", "code": "Throttling.User", "status": 400}
        simulator.control_call("POST", "/faults", fault | {"params": {"InstanceIds": batch}})
    newest = simulator.newest_call()
    roles = await cloud.ecs.describe_instance_roles(REGION, ids)
    asked = calls(simulator, newest)["DescribeInstanceRamRole"]
    unread = [name for name in ids if isinstance(roles[name], Throttled)]
    assert set(roles) == set(ids)
    assert unread == ids[250:]
    assert asked - 5 <= BATCHES_AT_ONCE


async def test_many_batches_are_read_in_turns_at_the_pace_of_a_slow_api(cloud: Cloud, simulator: Simulator) -> None:
    ids = add_instances(simulator, 800)
    await cloud.ecs.describe_instance_roles(REGION, ids)
    fault = {"action": "DescribeInstanceRamRole", "code": "Throttling.User", "status": 400, "retryAfterMs": 1}
    simulator.control_call("POST", "/faults", fault)
    throttled = await cloud.ecs.describe_instance_roles(REGION, ids)
    assert set(throttled) == set(ids)
    newest = simulator.newest_call()
    assert await cloud.ecs.describe_instance_roles(REGION, ids) == dict.fromkeys(ids, "")
    assert calls(simulator, newest) == {"DescribeInstanceRamRole": 16}


@pytest.mark.parametrize("way", [{"lostReply": True}, {"emptyBody": True}], ids=str)
async def test_a_write_whose_answer_is_lost_is_repeated_safely(cloud: Cloud, simulator: Simulator, way: Any) -> None:
    ids = add_instances(simulator, 2)
    for action, write in (
        ("AttachInstanceRamRole", cloud.ecs.attach_role),
        ("DetachInstanceRamRole", cloud.ecs.detach_role),
    ):
        simulator.control_call("POST", "/faults", {"action": action, **way})
        newest = simulator.newest_call()
        failures = await write(REGION, ROLE, ids)
        assert {type(error) for error in failures.values()} == {Unavailable}
        assert calls(simulator, newest) == {action: 1}
        assert await write(REGION, ROLE, ids) == {}


async def test_a_user_without_rights_is_told_so_for_each_instance(cloud: Cloud, simulator: Simulator) -> None:
    ids = add_instances(simulator, 2)
    async with ports_of(simulator, "simulator-dev") as powerless:
        failures = await powerless.ecs.attach_role(REGION, ROLE, ids)
    assert {type(error) for error in failures.values()} == {Denied}


async def test_what_is_no_region_is_rejected(cloud: Cloud) -> None:
    with pytest.raises(RegionNotFound, match="InvalidRegionId"):
        await cloud.ecs.describe_instances("xx-nowhere-9", ["i-bp1simulator00000001"])
    failures = await cloud.ecs.attach_role("xx-nowhere-9", ROLE, ["i-bp1simulator00000001"])
    assert {type(error) for error in failures.values()} == {RegionNotFound}
