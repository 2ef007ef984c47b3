"""Answers that no cloud gives: each ends in an error of ours, soon and small, and nothing secret is shown."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import socket
import threading
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from urllib.parse import parse_qs, quote

import pytest
from prometheus_client import generate_latest

from ram_operator import metrics
from ram_operator.cloud import PolicyName, PolicyType, RamApi
from ram_operator.cloud.client.transport import Deadlines
from ram_operator.cloud.connection import CloudConfig, Connection, connect
from ram_operator.cloud.credentials import Credentials
from ram_operator.errors import CloudError

KEY_ID = "LTAI5tExampleKeyId01"
SECRET = "vErYsEcReTkEyOfTwentyNine"
TOKEN = "CAIS8gF1q6Ft5B2yfSjIr+token/with=signs"
CREDENTIALS = Credentials(KEY_ID, SECRET, TOKEN)

Reply = Callable[[str, dict[str, str]], Iterator[bytes]]
"""What a server writes, piece by piece, given the body it received and the parameters in it."""


def answer(body: bytes, status: str = "200 OK", headers: str = "") -> Iterator[bytes]:
    yield f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


def error(fields: Mapping[str, object], status: str = "403 Forbidden", headers: str = "") -> Iterator[bytes]:
    return answer(json.dumps(fields).encode(), status, headers)


def endless(start: bytes, piece: bytes) -> Iterator[bytes]:
    yield start
    while True:
        yield piece


def role(**fields: object) -> Iterator[bytes]:
    return answer(json.dumps({"Role": {"RoleName": "r", "RoleId": "1", "MaxSessionDuration": 3600, **fields}}).encode())


def named(given: dict[str, str]) -> dict[str, object]:
    """An error whose every field has a secret in it, as it is."""
    action = {"AuthAction": f"ram:{given['SignatureNonce']}", "AuthPrincipalDisplayName": given["SecurityToken"]}
    told = f"Resource: acs:ram:*:{KEY_ID}:role/x Action: ram:{given['SignatureNonce']}"
    return {"Code": KEY_ID, "Message": told, "RequestId": given["SignatureNonce"], "AccessDeniedDetail": action}


OK_HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK_HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
THROTTLED = {"Code": "Throttling", "Message": "slow"}
BAD = "400 Bad Request"
BOMB = gzip.compress(b" " * 50_000_000)


def refused(message: str, code: str = "X") -> Iterator[bytes]:
    return error({"Code": code, "Message": message}, BAD)


HOSTILE: dict[str, Reply] = {
    "JSON 100,000 deep": lambda sent, given: answer(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "lists 100,000 deep": lambda sent, given: answer(b"[" * 100_000),
    "a number of 100,000 digits": lambda sent, given: answer(b'{"Role": {"Age": %s}}' % (b"9" * 100_000)),
    "a text of 100,000 digits": lambda sent, given: role(MaxSessionDuration="9" * 100_000),
    "no numbers": lambda sent, given: answer(b'{"Role": {"RoleName": NaN, "MaxSessionDuration": Infinity}}'),
    "lists where texts should be": lambda sent, given: role(RoleName=["x"], Arn={"a": 1}, RoleId=None),
    "half characters": lambda sent, given: answer(b'{"Role": {"RoleName": "\\ud800", "Arn": "\\u0000"}}'),
    "a retry-after of 400 digits": lambda sent, given: error(THROTTLED, BAD, f"x-acs-retry-after: {'9' * 400}\r\n"),
    "a retry-after of a year": lambda sent, given: error(THROTTLED, BAD, "x-acs-retry-after: 31536000000\r\n"),
    "a retry-after that is none": lambda sent, given: error(THROTTLED, BAD, "x-acs-retry-after: \u00b2\r\n"),
    "300 MB announced": lambda sent, given: endless(OK_HEAD + b"Content-Length: 300000000\r\n\r\n", b" " * 65536),
    "endless chunks": lambda sent, given: endless(CHUNKED, b"10000\r\n" + b" " * 65536 + b"\r\n"),
    "endless headers": lambda sent, given: endless(OK_HEAD, b"x: y\r\n" * 1000),
    "an endless line": lambda sent, given: endless(b"HTTP/1.1 200 ", b"O" * 1000),
    "endless continues": lambda sent, given: endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "a compressed bomb": lambda sent, given: answer(BOMB, headers="Content-Encoding: gzip\r\n"),
    "two lengths": lambda sent, given: iter([OK_HEAD + b"Content-Length: 2\r\nContent-Length: 9\r\n\r\n{}"]),
    "a negative length": lambda sent, given: iter([OK_HEAD + b"Content-Length: -1\r\n\r\n{}"]),
    "a redirect with the request": lambda sent, given: answer(b"", "302 Found", f"Location: https://x/?{sent}\r\n"),
    "a page with the request": lambda sent, given: answer(f"<p>{sent}</p>".encode(), "503 Service Unavailable"),
    "the request as message": lambda sent, given: refused(sent),
    "a URL in a URL": lambda sent, given: refused(f"https://a/?b={quote(f'https://c/?{sent}')}"),
    "the request quoted thrice": lambda sent, given: refused(quote(quote(quote(sent)))),
    "a key as code": lambda sent, given: error(named(given)),
    "a nonce as code": lambda sent, given: error({**named(given), "Code": given["SignatureNonce"]}),
    "secrets in the details": lambda sent, given: error({**named(given), "Code": "NoPermission"}),
    "a refused signature with the request": lambda sent, given: refused(sent, "SignatureDoesNotMatch"),
    "secrets as names": lambda sent, given: role(RoleName=TOKEN, Arn=given["Signature"], RoleId=KEY_ID),
    "secrets as names in UTF-16": lambda sent, given: answer(json.dumps({"Role": {"Arn": TOKEN}}).encode("utf-16")),
    "quoted secrets as names": lambda sent, given: role(RoleName=quote(TOKEN, safe=""), Arn=quote(given["Signature"])),
    "slashes": lambda sent, given: refused("/" * 6144),
    "a message of 4 MB": lambda sent, given: refused("/?" * 2_000_000),
    "no HTTP": lambda sent, given: iter([sent.encode() + b"\r\n\r\n"]),
    "nothing": lambda sent, given: iter([b""]),
}  # fmt: skip


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Hostile:
    """Answers every request in one way, and notes what it received.

    Args:
        reply: what it answers.
        serve: how it treats a whole connection, instead.
    """

    def __init__(self, reply: Reply = HOSTILE["nothing"], serve: Serve | None = None) -> None:
        self.reply = reply
        self.received: list[dict[str, str]] = []
        self._serve = serve or self._answer
        self._connections: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self._connections.discard(task)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        sent = (await reader.readexactly(length)).decode()
        given = {name: values[0] for name, values in parse_qs(sent).items()}
        self.received.append(given)
        for piece in self.reply(sent, given):
            writer.write(piece)
            await writer.drain()
            # Else a server that writes without an end would leave the client no time of their one event loop.
            await asyncio.sleep(0)

    @asynccontextmanager
    async def connected(self, seconds: float = 60.0) -> AsyncIterator[Connection]:
        listener = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        deadlines = Deadlines(call=seconds)
        config = CloudConfig(Given(), url, url, url, deadlines=deadlines, quota_factor=1000.0)
        connection = connect(config, time.monotonic, metrics.observe_call)
        try:
            yield connection
        finally:
            await connection.close()
            listener.close()
            for task in self._connections:
                task.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)

    def secrets(self) -> list[str]:
        """What must not be shown of the requests it received."""
        own = [text for given in self.received for text in (given["Signature"], given["SignatureNonce"])]
        return [form for text in (KEY_ID, SECRET, TOKEN, *own) for form in (text, quote(text, safe=""))]


class Given:
    """Temporary credentials."""

    def current(self) -> Credentials:
        return CREDENTIALS


def shown(outcome: object) -> str:
    """All that could be printed of an outcome."""
    if not isinstance(outcome, BaseException):
        return repr(outcome)
    linked = [one for one in (outcome, outcome.__cause__, outcome.__context__) if one is not None]
    return "".join(f"{one!s}{one!r}{vars(one)}{''.join(traceback.format_exception(one))}" for one in linked)


@pytest.mark.parametrize("reply", HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_hostile_answer_is_an_error_of_ours_and_shows_nothing_secret(
    reply: Reply, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    server = Hostile(reply)
    async with server.connected() as connection:
        calls = (
            connection.cloud.ram.get_role("r"),
            connection.cloud.ram.delete_role("r"),
            connection.cloud.ram.list_policies_for_role("r"),
            connection.cloud.ram.attach_policy_to_role(PolicyName(PolicyType.SYSTEM, "p"), "r"),
            connection.cloud.ecs.attach_role("cn-hangzhou", "r", ["i-1"]),
        )
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [one for one in outcomes if isinstance(one, Exception) and not isinstance(one, CloudError)] == []
    assert all(getattr(one, "retry_after", None) is None or one.retry_after <= 120 for one in outcomes)  # type: ignore[union-attr]
    printed = capfd.readouterr()
    everything = "".join(map(shown, outcomes)) + caplog.text + printed.out + printed.err + generate_latest().decode()
    assert [secret for secret in server.secrets() if secret in everything] == []
    json.dumps([str(one) for one in outcomes], ensure_ascii=False).encode()


async def test_an_answer_that_drips_ends_at_the_deadline_of_the_call() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK_HEAD + b"Content-Length: 100000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with Hostile(serve=drip).connected(seconds=1) as connection:
        with pytest.raises(CloudError, match=r"SDK\.ReadTimeout: .*no complete answer within 1 s"):
            await connection.cloud.ram.delete_role("r")


CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
FLOODS = {
    "100 Continue": CONTINUE,
    "without carriage returns": b"HTTP/1.1 100 C\n\n",
    "103 Early Hints": b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n",
}


@pytest.fixture
def flooding() -> Iterator[Callable[[bytes], str]]:
    """Return a function that starts a server, a thread of its own, which answers with one piece for ever."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def serve(piece: bytes) -> None:
        with suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                while True:
                    connection.sendall(piece * 4000)

    def start(piece: bytes) -> str:
        threads.append(threading.Thread(target=serve, args=(piece,)))
        threads[-1].start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    listener.close()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("piece", FLOODS.values(), ids=FLOODS)
async def test_a_flood_of_interim_answers_ends_the_call_and_not_the_turns_of_others(
    piece: bytes, flooding: Callable[[bytes], str]
) -> None:
    url = flooding(piece)
    connection = connect(CloudConfig(Given(), url, url, url, deadlines=Deadlines(call=60.0)), time.monotonic)
    with pytest.raises(CloudError, match=r"SDK\.UnreadableAnswer"):
        await connection.cloud.ram.delete_role("r")
    await connection.close()


async def test_a_few_interim_answers_are_skipped() -> None:
    def reply(sent: str, given: dict[str, str]) -> Iterator[bytes]:
        yield CONTINUE * 3
        yield from answer(b"{}")

    async with Hostile(reply).connected() as connection:
        await connection.cloud.ram.delete_role("r")


async def test_an_answer_of_another_kind_of_policy_is_unreadable() -> None:
    rows = {"Policies": {"Policy": [{"PolicyType": "Other", "PolicyName": "p"}]}}
    async with Hostile(lambda sent, given: error(rows, "200 OK")).connected() as connection:
        with pytest.raises(CloudError, match=r"SDK\.UnreadableAnswer"):
            await connection.cloud.ram.list_policies_for_role("r")


LONG = "9" * 257
TOO_LONG: dict[str, tuple[Mapping[str, object], Callable[[RamApi], Awaitable[object]]]] = {
    "RoleId": ({"Role": {"RoleName": "r", "RoleId": LONG}}, lambda ram: ram.get_role("r")),
    "PolicyName": (
        {"Policies": {"Policy": [{"PolicyType": "Custom", "PolicyName": LONG}]}},
        lambda ram: ram.list_policies_for_role("r"),
    ),
    "UserName": (
        {"Roles": {"Role": []}, "Groups": {"Group": []}, "Users": {"User": [{"UserName": LONG}]}},
        lambda ram: ram.list_entities_for_policy(PolicyName(PolicyType.CUSTOM, "p")),
    ),
}


@pytest.mark.parametrize(("field", "answer", "call"), [(name, *row) for name, row in TOO_LONG.items()], ids=TOO_LONG)
async def test_a_name_or_an_id_that_is_longer_than_any_is_unreadable(
    field: str, answer: Mapping[str, object], call: Callable[[RamApi], Awaitable[object]]
) -> None:
    async with Hostile(lambda sent, given: error(answer, "200 OK")).connected() as connection:
        with pytest.raises(CloudError, match=f"the answer has no valid {field}"):
            await call(connection.cloud.ram)


UNPRINTABLE = ("\x1b[2J", "\u202eadmin", "a\nb", "\u009b31m", "x\u0000")


@pytest.mark.parametrize("name", UNPRINTABLE)
async def test_names_that_would_change_what_a_terminal_shows_are_unreadable(name: str) -> None:
    answers = {
        "RegionId": "cn-hangzhou",
        "Policies": {"Policy": [{"PolicyType": "Custom", "PolicyName": name}]},
        "Role": {"RoleName": name},
        "InstanceRamRoleSets": {"InstanceRamRoleSet": [{"InstanceId": "i-1", "RamRoleName": name}]},
        "AccountId": "1",
        "Arn": name,
        "IdentityType": "RAMUser",
    }
    async with Hostile(lambda sent, given: error(answers, "200 OK")).connected() as connection:
        cloud = connection.cloud
        calls = (
            cloud.ram.get_role("r"),
            cloud.ram.list_policies_for_role("r"),
            cloud.ecs.describe_instance_roles("cn-hangzhou", ["i-1"]),
            cloud.sts.caller_identity(),
        )
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [getattr(outcome, "code", outcome) for outcome in outcomes] == ["SDK.UnreadableAnswer"] * len(calls)


async def test_a_cookie_is_not_sent_back() -> None:
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(OK_HEAD + b"Set-Cookie: a=b\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    async with Hostile(serve=serve).connected() as connection:
        for _ in range(2):
            await connection.cloud.ram.delete_role("r")
    assert len(heads) == 2
    assert b"cookie" not in heads[1].lower()
