"""The client when the cloud fails: every action of the ports, nothing secret in any text, the retries that it makes."""

import asyncio
import json
import logging
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from tests.contract.ports import ports_of

from ram_operator.cloud import Cloud, NewPolicy, NewRole, PolicyName, PolicyType, RoleChange, Taggable
from ram_operator.cloud.connection import CloudConfig, connect
from ram_operator.cloud.credentials import Credentials
from ram_operator.errors import CloudError, Denied, Throttled, Unavailable

Simulator = Any

KEY = "simulator-root"
SECRETS = ("simulator-root", "Signature=", "SignatureNonce", "AccessKeyId=")
POLICY = PolicyName(PolicyType.CUSTOM, "oss-read")
DOCUMENT = json.dumps({"Version": "1", "Statement": [{"Effect": "Allow", "Action": "oss:Get*", "Resource": "*"}]})
TRUST = json.dumps(
    {
        "Version": "1",
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ecs.aliyuncs.com"}}],
    }
)
INSTANCE = "i-bp1simulator00000001"

READS: list[tuple[str, Callable[[Cloud], Awaitable[object]]]] = [
    ("GetCallerIdentity", lambda cloud: cloud.sts.caller_identity()),
    ("GetRole", lambda cloud: cloud.ram.get_role("EcsRole")),
    ("ListRoles", lambda cloud: cloud.ram.list_roles()),
    ("GetPolicy", lambda cloud: cloud.ram.get_policy(POLICY)),
    ("ListPolicies", lambda cloud: cloud.ram.list_policies(PolicyType.CUSTOM)),
    ("ListPoliciesForRole", lambda cloud: cloud.ram.list_policies_for_role("EcsRole")),
    ("ListEntitiesForPolicy", lambda cloud: cloud.ram.list_entities_for_policy(POLICY)),
    ("ListTagResources", lambda cloud: cloud.ram.list_tags(Taggable.ROLE, "EcsRole")),
    ("DescribeRegions", lambda cloud: cloud.ecs.describe_regions()),
    ("DescribeInstances", lambda cloud: cloud.ecs.describe_instances("cn-hangzhou", [INSTANCE])),
    ("DescribeInstanceRamRole", lambda cloud: cloud.ecs.describe_instance_roles("cn-hangzhou", [INSTANCE])),
]
WRITES: list[tuple[str, Callable[[Cloud], Awaitable[object]]]] = [
    ("CreateRole", lambda cloud: cloud.ram.create_role(NewRole("New", "{}", "", 3600, {}))),
    ("UpdateRole", lambda cloud: cloud.ram.update_role("EcsRole", RoleChange(3600))),
    ("DeleteRole", lambda cloud: cloud.ram.delete_role("EcsRole")),
    ("CreatePolicy", lambda cloud: cloud.ram.create_policy(NewPolicy("New", DOCUMENT, "", {}))),
    ("CreatePolicyVersion", lambda cloud: cloud.ram.create_policy_version("oss-read", DOCUMENT)),
    ("UpdatePolicyDescription", lambda cloud: cloud.ram.update_policy_description("oss-read", "x")),
    ("DeletePolicy", lambda cloud: cloud.ram.delete_policy("oss-read")),
    ("AttachPolicyToRole", lambda cloud: cloud.ram.attach_policy_to_role(POLICY, "EcsRole")),
    ("DetachPolicyFromRole", lambda cloud: cloud.ram.detach_policy_from_role(POLICY, "EcsRole")),
    ("TagResources", lambda cloud: cloud.ram.tag(Taggable.ROLE, "EcsRole", {"a": "b"})),
]


@pytest.fixture
async def cloud(simulator: Simulator) -> AsyncIterator[Cloud]:
    connection = connect(config(simulator), time.monotonic)
    yield connection.cloud
    await connection.close()


class Given:
    """Credentials of a test's choice."""

    def __init__(self, *texts: str) -> None:
        self._credentials = Credentials(*texts)

    def current(self) -> Credentials:
        return self._credentials


def config(simulator: Simulator, *credentials: str) -> CloudConfig:
    return CloudConfig(
        Given(*(credentials or (KEY, f"{KEY}-secret"))),
        simulator.endpoint,
        simulator.endpoint,
        simulator.endpoint,
    )


def fault(simulator: Simulator, action: str, **way: object) -> int:
    simulator.control_call("POST", "/faults", {"action": action, **way})
    newest: int = simulator.newest_call()
    return newest


def assert_clean(error: BaseException, logged: str) -> None:
    shown = "".join([str(error), repr(error), *traceback.format_exception(error), logged])
    assert not [secret for secret in SECRETS if secret in shown]
    assert error.__cause__ is None
    assert error.__context__ is None


@pytest.mark.parametrize(("action", "call"), READS, ids=[action for action, _ in READS])
async def test_a_read_whose_answer_is_lost_is_made_again(
    cloud: Cloud, simulator: Simulator, action: str, call: Callable[[Cloud], Awaitable[object]]
) -> None:
    await cloud.ram.create_role(NewRole("EcsRole", TRUST, "", 3600, {}))
    await cloud.ram.create_policy(NewPolicy("oss-read", DOCUMENT, "", {}))
    newest = fault(simulator, action, lostReply=True)
    await call(cloud)
    assert [entry["action"] for entry in simulator.calls_since(newest)] == [action, action]


@pytest.mark.parametrize(("action", "call"), WRITES, ids=[action for action, _ in WRITES])
@pytest.mark.parametrize("way", [{"lostReply": True}, {"emptyBody": True}], ids=["lost", "empty"])
async def test_a_write_whose_answer_is_lost_is_made_once(
    simulator: Simulator,
    cloud: Cloud,
    caplog: pytest.LogCaptureFixture,
    action: str,
    call: Callable[[Cloud], Awaitable[object]],
    way: dict[str, object],
) -> None:
    caplog.set_level(logging.DEBUG)
    newest = fault(simulator, action, **way)
    with pytest.raises(CloudError) as lost:
        await call(cloud)
    simulator.control_call("DELETE", "/faults")
    assert [entry["action"] for entry in simulator.calls_since(newest)] == [action]
    assert_clean(lost.value, caplog.text)


@pytest.mark.parametrize(("action", "call"), READS + WRITES, ids=[action for action, _ in READS + WRITES])
async def test_every_call_is_classed_scrubbed_and_not_logged(
    simulator: Simulator,
    cloud: Cloud,
    caplog: pytest.LogCaptureFixture,
    action: str,
    call: Callable[[Cloud], Awaitable[object]],
) -> None:
    caplog.set_level(logging.DEBUG)
    fault(simulator, action, code="Throttling.User", status=400, message=f"slow down {KEY} {KEY}-secret")
    with pytest.raises(Throttled) as refused:
        await call(cloud)
    assert (refused.value.action, refused.value.code) == (action, "Throttling.User")
    assert_clean(refused.value, caplog.text)


async def test_an_answer_that_stays_empty_is_unavailable(cloud: Cloud, simulator: Simulator) -> None:
    newest = fault(simulator, "ListRoles", emptyBody=True, count=5)
    with pytest.raises(Unavailable) as empty:
        await cloud.ram.list_roles()
    assert empty.value.code == "SDK.UnreadableAnswer"
    assert len(simulator.calls_since(newest)) == 1


async def test_a_throttled_api_is_called_again_later_and_slower(simulator: Simulator) -> None:
    seen: list[tuple[str, str]] = []
    connection = connect(config(simulator), time.monotonic, lambda api, code, seconds: seen.append((api, code)))
    await connection.cloud.ram.list_roles()
    fault(simulator, "ListRoles", code="Throttling", status=400)
    with pytest.raises(Throttled):
        await connection.cloud.ram.list_roles()
    started = time.monotonic()
    later = asyncio.create_task(connection.cloud.ram.list_roles())
    await connection.cloud.sts.caller_identity()
    assert not later.done()
    await later
    assert time.monotonic() - started > 0.9
    await connection.close()
    assert seen == [("ListRoles", "OK"), ("ListRoles", "Throttling"), ("GetCallerIdentity", "OK"), ("ListRoles", "OK")]


@pytest.mark.parametrize(
    ("credentials", "code"),
    [
        (("LTAIunknownkey0000", "secret"), "InvalidAccessKeyId.NotFound"),
        ((KEY, "wrong-secret"), "SignatureDoesNotMatch"),
        (("STS.unknownkey000000", "secret", "token"), "InvalidAccessKeyId.NotFound"),
    ],
)
async def test_wrong_credentials_are_denied_and_not_shown(
    simulator: Simulator, caplog: pytest.LogCaptureFixture, credentials: tuple[str, ...], code: str
) -> None:
    caplog.set_level(logging.DEBUG)
    connection = connect(config(simulator, *credentials), time.monotonic)
    with pytest.raises(Denied) as denied:
        await connection.cloud.ram.get_role("EcsRole")
    await connection.close()
    assert denied.value.code == code
    assert not [text for text in credentials[:2] if text in str(denied.value)]
    assert_clean(denied.value, caplog.text)


async def test_the_key_of_the_environment_opens_the_simulator(simulator: Simulator) -> None:
    async with ports_of(simulator, KEY) as cloud:
        assert (await cloud.sts.caller_identity()).account_id == simulator.account
