"""The client with the real SDK, over real connections, to a server that misbehaves as it is told."""

import asyncio
import json
import logging
import math
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import parse_qs

import pytest

from ram_operator.cloud import Cloud, NewRole, PolicyName, PolicyType
from ram_operator.cloud.client.transport import Deadlines, is_write
from ram_operator.cloud.connection import CloudConfig, Connection, connect
from ram_operator.cloud.credentials import Credentials, CredentialsProvider
from ram_operator.errors import (
    CloudError,
    Denied,
    NotFound,
    Rejected,
    Throttled,
    Unauthenticated,
    Unavailable,
)

KEY_ID = "LTAI5tExampleKeyId01"
SECRET = "vErYsEcReTkEyOfTwentyNine"
TOKEN = "CAIS8gF1q6Ft5B2yfSjIr+token/with=signs"
SECRETS = (KEY_ID, SECRET, TOKEN, "Signature=", "SignatureNonce", "SecurityToken")

IDENTITY = {"AccountId": "1234567890123456", "Arn": "acs:ram::1234567890123456:root", "IdentityType": "Account"}
ROLE = {"Role": {"RoleName": "EcsRole", "RoleId": "3", "Arn": "acs:ram::1:role/ecsrole", "MaxSessionDuration": 3600}}


class Fixed:
    """Credentials that a test can change."""

    def __init__(self, credentials: Credentials) -> None:
        self.credentials = credentials

    def current(self) -> Credentials:
        return self.credentials


class Request:
    """What the server received."""

    def __init__(self, head: bytes, body: bytes) -> None:
        lines = head.decode().split("\r\n")
        self.method, self.target, _ = lines[0].split(" ")
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        fields = parse_qs(body.decode(), strict_parsing=True)
        assert all(len(values) == 1 for values in fields.values())
        self.parameters = {name: values[0] for name, values in fields.items()}


class Server:
    """Answers each request with the next of `answers`, the last one for ever; empty bytes close the connection."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.requests: list[Request] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (int(line[16:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length:")), 0
                )
                self.requests.append(Request(head[:-4], await reader.readexactly(length)))
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if not answer:
                    break
                writer.write(answer)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(*answers: bytes) -> AsyncIterator[Server]:
    server = Server(*answers)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()


def answer(body: object, status: str = "200 OK", **headers: str) -> bytes:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(payload)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + payload


@asynccontextmanager
async def connected(
    url: str, provider: CredentialsProvider | None = None, deadlines: Deadlines | None = None, **options: object
) -> AsyncIterator[Connection]:
    credentials = provider or Fixed(Credentials(KEY_ID, SECRET, TOKEN))
    config = CloudConfig(credentials, url, url, url, deadlines=deadlines or Deadlines())
    connection = connect(config, time.monotonic, **options)  # type: ignore[arg-type]
    try:
        yield connection
    finally:
        await connection.close()


async def failure(call: Callable[[], object]) -> CloudError:
    with pytest.raises(CloudError) as raised:
        await call()  # type: ignore[misc]
    return raised.value


async def test_a_call_goes_out_signed_with_its_parameters_in_the_body() -> None:
    async with serving(answer(ROLE)) as server, connected(server.url) as connection:
        role = await connection.cloud.ram.create_role(NewRole("EcsRole", '{"x":"é *~+"}', "", 3600, {"k": "v w"}))
    assert (role.name, role.trust) == ("EcsRole", '{"x":"é *~+"}')
    [request] = server.requests
    assert (request.method, request.target, request.parameters["Action"]) == ("POST", "/", "CreateRole")
    wanted = {
        "RoleName": "EcsRole",
        "AssumeRolePolicyDocument": '{"x":"é *~+"}',
        "MaxSessionDuration": "3600",
        "Tag": '[{"Key": "k", "Value": "v w"}]',
    }
    assert wanted.items() <= request.parameters.items()
    assert request.parameters["AccessKeyId"] == KEY_ID
    assert request.parameters["SecurityToken"] == TOKEN
    assert "ram-operator/" in request.headers["user-agent"]


async def test_a_region_is_named_by_the_call() -> None:
    body = {"TotalCount": 0, "InstanceRamRoleSets": {"InstanceRamRoleSet": []}}
    async with serving(answer(body)) as server, connected(server.url) as connection:
        assert await connection.cloud.ecs.describe_instance_roles("cn-beijing", ["i-1"]) == {"i-1": ""}
    assert server.requests[0].parameters["RegionId"] == "cn-beijing"


async def test_credentials_change_between_two_calls() -> None:
    provider = Fixed(Credentials("LTAIfirst00000000", "one", "token1"))
    async with serving(answer(IDENTITY)) as server, connected(server.url, provider) as connection:
        await connection.cloud.sts.caller_identity()
        provider.credentials = Credentials("LTAIsecond0000000", "two")
        await connection.cloud.sts.caller_identity()
    first, second = (request.parameters for request in server.requests)
    assert (first["AccessKeyId"], first["SecurityToken"]) == ("LTAIfirst00000000", "token1")
    assert second["AccessKeyId"] == "LTAIsecond0000000"
    assert "SecurityToken" not in second


async def test_credentials_of_the_environment_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIYUN_ACCESS_KEY_ID", "LTAIenvironment00")
    monkeypatch.setenv("ALIYUN_ACCESS_KEY_SECRET", "other")
    async with serving(answer(IDENTITY)) as server, connected(server.url) as connection:
        await connection.cloud.sts.caller_identity()
    assert server.requests[0].parameters["AccessKeyId"] == KEY_ID


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with serving(answer(IDENTITY)) as server, connected(server.url) as connection:
        assert (await connection.cloud.sts.caller_identity()).identity_type == "Account"
    assert len(server.requests) == 1


async def test_many_calls_run_at_once_without_mixing() -> None:
    async with serving(answer(ROLE)) as server, connected(server.url) as connection:
        await asyncio.gather(*(connection.cloud.ram.get_role(f"role-{number}") for number in range(50)))
    assert {request.parameters["RoleName"] for request in server.requests} == {f"role-{n}" for n in range(50)}
    assert len({request.headers["user-agent"] for request in server.requests}) == 1
    assert len({request.parameters["SignatureNonce"] for request in server.requests}) == 50


@pytest.mark.parametrize(
    ("reply", "expected", "code"),
    [
        (answer(b""), Unavailable, "SDK.UnreadableAnswer"),
        (answer(b"[]"), Unavailable, "SDK.UnreadableAnswer"),
        (answer(b'{"Role": {"RoleN'), Unavailable, "SDK.UnreadableAnswer"),
        (answer(b"\xff\xfe"), Unavailable, "SDK.UnreadableAnswer"),
        (answer({"RequestId": "R"}), Unavailable, "SDK.UnreadableAnswer"),
        (answer({"Role": []}), Unavailable, "SDK.UnreadableAnswer"),
        (answer(b"<html>Bad gateway</html>", "502 Bad Gateway"), Unavailable, "SDK.UnreadableAnswer"),
        (answer(b"<html>Forbidden</html>", "403 Forbidden"), Unavailable, "SDK.UnreadableAnswer"),
        (answer(b"", "302 Found", Location="http://127.0.0.1:9/"), Unavailable, "SDK.UnreadableAnswer"),
        (answer({"Code": "InternalError", "Message": "x"}, "500 Error"), Unavailable, "InternalError"),
        (answer({"Code": "EntityNotExist.Role", "Message": "x"}, "404 Not Found"), NotFound, "EntityNotExist.Role"),
        (answer({"Code": "NoPermission", "Message": "x"}, "403 Forbidden"), Denied, "NoPermission"),
        (
            answer({"Code": "SignatureDoesNotMatch", "Message": "x"}, "400 Bad"),
            Unauthenticated,
            "SignatureDoesNotMatch",
        ),
        (answer({"Code": "InvalidParameter.RoleName.Length"}, "400 Bad"), Rejected, "InvalidParameter.RoleName.Length"),
        (b"", Unavailable, "SDK.ConnectionReset"),
        (b"garbage\r\n\r\n", Unavailable, "SDK.UnreadableAnswer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Unavailable, "SDK.ReadTimeout"),
    ],
)
async def test_each_bad_answer_has_its_class(reply: bytes, expected: type[CloudError], code: str) -> None:
    deadlines = Deadlines(call=2.0 if code == "SDK.ReadTimeout" else 30.0)
    async with serving(reply) as server, connected(server.url, deadlines=deadlines) as connection:
        error = await failure(lambda: connection.cloud.ram.get_role("EcsRole"))
    assert type(error) is expected
    assert (error.action, error.code) == ("GetRole", code)


@pytest.mark.parametrize(
    ("headers", "seconds"), [({"x_acs_retry_after": "1500"}, 1.5), ({}, None), ({"x_acs_retry_after": "soon"}, None)]
)
async def test_a_throttled_call_says_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    reply = answer({"Code": "Throttling.User", "Message": "slow"}, "400 Bad Request", **headers)
    async with serving(reply) as server, connected(server.url) as connection:
        error = await failure(lambda: connection.cloud.ram.get_role("EcsRole"))
    assert isinstance(error, Throttled)
    assert error.retry_after == seconds
    assert len(server.requests) == 1


async def test_a_call_that_would_wait_long_for_its_turn_is_not_sent() -> None:
    reply = answer({"Code": "Throttling", "Message": "slow"}, "400 Bad Request", x_acs_retry_after="60000")
    async with serving(reply) as server, connected(server.url) as connection:
        await failure(lambda: connection.cloud.ram.get_role("EcsRole"))
        error = await failure(lambda: connection.cloud.ram.get_role("EcsRole"))
    assert isinstance(error, Throttled)
    assert error.code == "Throttling.Local"
    assert error.retry_after is not None
    assert 55 < error.retry_after < 61
    assert len(server.requests) == 1


async def test_a_read_on_a_closed_connection_is_tried_once_more() -> None:
    async with serving(b"", answer(ROLE)) as server, connected(server.url) as connection:
        assert (await connection.cloud.ram.get_role("EcsRole")).name == "EcsRole"
    assert len(server.requests) == 2


async def test_a_write_whose_reply_is_lost_is_never_repeated() -> None:
    async with serving(b"", answer(ROLE)) as server, connected(server.url) as connection:
        error = await failure(lambda: connection.cloud.ram.delete_role("EcsRole"))
    assert error.code == "SDK.ConnectionReset"
    assert len(server.requests) == 1


class Lease:
    """A lease that ends when a test says."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def valid_until(self) -> float:
        return time.monotonic() + self.seconds


@pytest.mark.parametrize(("seconds", "sent"), [(-5.0, False), (9.0, False), (10.5, True), (math.inf, True)])
async def test_a_write_is_sent_only_under_a_lease_that_outlasts_it(seconds: float, sent: bool) -> None:
    async with serving(answer({})) as server, connected(server.url, lease=Lease(seconds)) as connection:
        policy = PolicyName(PolicyType.CUSTOM, "p")
        if sent:
            await connection.cloud.ram.attach_policy_to_role(policy, "r")
        else:
            error = await failure(lambda: connection.cloud.ram.attach_policy_to_role(policy, "r"))
            assert (type(error), error.code) == (Unavailable, "SDK.LeaseTooShort")
    assert len(server.requests) == int(sent)


async def test_reads_need_no_lease() -> None:
    async with serving(answer(IDENTITY)) as server, connected(server.url, lease=Lease(-5)) as connection:
        await connection.cloud.sts.caller_identity()
    assert len(server.requests) == 1


async def test_each_request_is_told_to_the_observer() -> None:
    seen: list[tuple[str, str, float]] = []

    def observe(api: str, code: str, seconds: float) -> None:
        seen.append((api, code, seconds))

    lost = answer({"Code": "EntityNotExist.Role", "Message": "x"}, "404 Not Found")
    began = time.monotonic()
    async with serving(b"", answer(ROLE), lost) as server, connected(server.url, observe_call=observe) as connection:
        await connection.cloud.ram.get_role("EcsRole")
        await failure(lambda: connection.cloud.ram.delete_role("EcsRole"))
    assert [(api, code) for api, code, _ in seen] == [
        ("GetRole", "SDK.ConnectionReset"),
        ("GetRole", "OK"),
        ("DeleteRole", "EntityNotExist"),
    ]
    assert all(seconds > 0 for _, _, seconds in seen)
    assert sum(seconds for _, _, seconds in seen) < time.monotonic() - began


def shown(error: BaseException) -> str:
    """Everything that logging an error could print."""
    linked: list[BaseException | None] = [error, error.__cause__, error.__context__]
    return "".join(f"{one!s}{one!r}{''.join(traceback.format_exception(one))}" for one in linked if one is not None)


async def test_nothing_secret_is_raised_or_logged_when_no_connection_is_had(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(b"") as server:
        url = server.url
    async with connected(url) as connection:
        for call in (connection.cloud.sts.caller_identity, lambda: connection.cloud.ram.delete_role("EcsRole")):
            error = await failure(call)
            assert (type(error), error.code) == (Unavailable, "SDK.ConnectionFailed")
            assert url in error.message
            assert error.__cause__ is None
            assert error.__context__ is None
            assert not [secret for secret in SECRETS if secret in shown(error)]
    assert not [secret for secret in SECRETS if secret in caplog.text]


@pytest.mark.parametrize(
    "reply",
    [
        answer({"Code": "X", "Message": f"{KEY_ID} {SECRET} {TOKEN}", "RequestId": TOKEN}, "400 Bad Request"),
        answer({"Code": "SignatureDoesNotMatch", "Message": f"sign: POST AccessKeyId%3D{KEY_ID}"}, "400 Bad Request"),
        answer(f"<p>{KEY_ID} {SECRET} {TOKEN}</p>".encode(), "503 Service Unavailable"),
        answer({"Code": SECRET + "/" + KEY_ID, "Message": ""}, "400 Bad Request"),
    ],
)
async def test_nothing_secret_that_the_server_repeats_is_raised_or_logged(
    reply: bytes, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEBUG", "sdk")
    caplog.set_level(logging.DEBUG)
    async with serving(reply) as server, connected(server.url) as connection:
        error = await failure(lambda: connection.cloud.ram.get_role("EcsRole"))
    printed = capfd.readouterr()
    everything = shown(error) + caplog.text + printed.out + printed.err
    assert not [secret for secret in SECRETS if secret in everything]


def test_reads_are_told_from_writes_by_name() -> None:
    reads = ["GetRole", "ListRoles", "ListTagResources", "DescribeInstances", "DescribeInstanceRamRole", "GetPolicy"]
    writes = ["CreateRole", "AttachInstanceRamRole", "DetachPolicyFromRole", "TagResources", "DeletePolicy", "NewThing"]
    assert not any(map(is_write, reads))
    assert all(map(is_write, writes))


async def test_each_error_carries_the_region_of_its_call() -> None:
    throttled = answer({"Code": "Throttling.User", "Message": "slow"}, "400 Bad Request", x_acs_retry_after="60000")
    replies = (throttled, answer({"InstanceRamRoleSets": {}}), answer({}))
    async with serving(*replies) as server, connected(server.url) as connection:
        roles = connection.cloud.ecs.describe_instance_roles
        asked = [
            await failure(lambda region=region: roles(region, ["i-1"]))  # type: ignore[misc]
            for region in ("cn-beijing", "cn-beijing", "cn-hangzhou", "nowhere")
        ]
        asked.append(await failure(lambda: connection.cloud.ram.get_role("EcsRole")))
    assert [(error.region, error.code) for error in asked] == [
        ("cn-beijing", "Throttling.User"),
        ("cn-beijing", "Throttling.Local"),
        ("cn-hangzhou", "SDK.UnreadableAnswer"),
        ("nowhere", "InvalidRegionId.NotFound"),
        ("", "SDK.UnreadableAnswer"),
    ]
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("call", "missing"),
    [
        (lambda cloud: cloud.ram.get_role("EcsRole"), "ram:GetRole"),
        (lambda cloud: cloud.ecs.describe_instance_roles("cn-hangzhou", ["i-1"]), "ecs:DescribeInstanceRamRole"),
        (lambda cloud: cloud.sts.caller_identity(), "sts:GetCallerIdentity"),
    ],
)
async def test_a_denied_call_is_missing_its_own_action_where_the_api_names_none(
    call: Callable[[Cloud], Awaitable[object]], missing: str
) -> None:
    reply = answer({"Code": "Forbidden.RAM", "Message": "User not authorized."}, "403 Forbidden")
    async with serving(reply) as server, connected(server.url) as connection:
        error = await failure(lambda: call(connection.cloud))
    assert isinstance(error, Denied)
    assert error.missing_action == missing
