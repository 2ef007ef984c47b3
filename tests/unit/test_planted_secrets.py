"""No way in which a call can fail shows a secret: not in a log at DEBUG, an event, a status, a metric or an error."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from prometheus_client import generate_latest
from tests.unit.builders import binding_body, made_role_status, node, policy_body, role_body
from tests.unit.scene import Scene
from tests.unit.test_cloud_hostile import KEY_ID, SECRET, TOKEN, Given, shown

from ram_operator import metrics
from ram_operator.cloud.client.network import Network
from ram_operator.cloud.client.transport import Deadlines
from ram_operator.cloud.connection import CloudConfig, connect
from ram_operator.cloud.credentials.sources import OidcSource, UriSource
from ram_operator.logs import JsonFormatter

USER, PASSWORD = "me", "hunter2hunter2"
CLUSTER_TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJvcGVyYXRvciJ9.c2lnbmF0dXJlLW9mLXRoZS1jbHVzdGVy"
URI_SECRET = "path-of-the-credentials-uri"
PLANTED = (KEY_ID, SECRET, TOKEN, PASSWORD, base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode(), CLUSTER_TOKEN,
           URI_SECRET)  # fmt: skip


class Server:
    """Answers each request with what a test makes of it, and notes what it received.

    Args:
        reply: makes an answer of a request; then the connection is closed.
    """

    def __init__(self, reply: Callable[[str], bytes]) -> None:
        self.reply = reply
        self.received: list[str] = []

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        yield listener.sockets[0].getsockname()[1]
        listener.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            first = await reader.readexactly(1)
            # The first byte of a handshake, which is no request.
            head = "" if first == b"\x16" else (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            length = int(head.lower().partition("content-length: ")[2].partition("\r\n")[0] or 0)
            sent = head + (await reader.readexactly(length)).decode()
            self.received.append(sent)
            writer.write(self.reply(sent))
            await writer.drain()
        writer.close()


def answered(status: str, body: str, headers: str = "") -> bytes:
    """An answer with a body."""
    text = body.encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(text)}\r\n{headers}\r\n".encode() + text


def refused(status: str, code: str) -> Callable[[str], bytes]:
    """Answers that refuse a request and quote all of it."""
    return lambda sent: answered(status, json.dumps({"Code": code, "Message": f"{sent} {quote(sent)}"}))


@dataclass(frozen=True, slots=True)
class Way:
    """A way to fail.

    Args:
        code: what the object's status names it by.
        reply: what the server answers.
        url: the endpoint, in which the server's port is written in.
        proxy: whether calls go through the server as a proxy with a password.
        source: makes the source of temporary credentials.
    """

    code: str
    reply: Callable[[str], bytes] = lambda sent: b""
    url: str = "http://127.0.0.1:{port}"
    proxy: str = ""
    source: Callable[[Path, int], Any] | None = None


def of_the_cluster(folder: Path, port: int) -> OidcSource:
    (folder / "token").write_text(CLUSTER_TOKEN)
    return OidcSource("acs:ram::1:role/x", "acs:ram::1:oidc-provider/x", folder / "token")


def of_a_uri(folder: Path, port: int) -> UriSource:
    return UriSource(f"http://127.0.0.1:{port}/{URI_SECRET}?token={URI_SECRET}")


ECHO = refused("400 Bad Request", "InvalidParameter")
WAYS: dict[str, Way] = {
    "refused": Way("SDK.ConnectionFailed", url="http://127.0.0.1:{free}"),
    "no such name": Way("SDK.ConnectionFailed", url="https://name.invalid"),
    "no TLS there": Way("SDK.TlsError", lambda sent: answered("200 OK", "{}"), url="https://127.0.0.1:{port}"),
    "closed": Way("SDK.ConnectionReset"),
    "closed within the answer": Way(
        "SDK.ConnectionReset", lambda sent: answered("200 OK", sent).replace(b"Length: ", b"Length: 9")
    ),
    "no HTTP": Way("SDK.UnreadableAnswer", lambda sent: sent.encode()),
    "400 with the request": Way("InvalidParameter", ECHO),
    "403 with the request": Way("NoPermission", refused("403 Forbidden", "NoPermission")),
    "404 with the request": Way("NotFound.Thing", refused("404 Not Found", "NotFound.Thing")),
    "409 with the request": Way("Conflict", refused("409 Conflict", "Conflict")),
    "500 with the request": Way("InternalError", refused("500 Internal Server Error", "InternalError")),
    "503 as a page": Way("SDK.UnreadableAnswer", lambda sent: answered("503 Service Unavailable", f"<p>{sent}</p>")),
    "a bad signature": Way("SignatureDoesNotMatch", refused("400 Bad Request", "SignatureDoesNotMatch")),
    "an unknown key": Way("InvalidAccessKeyId.NotFound", refused("404 Not Found", "InvalidAccessKeyId.NotFound")),
    "an ended token": Way("InvalidSecurityToken.Expired", refused("400 Bad Request", "InvalidSecurityToken.Expired")),
    "throttled": Way("Throttling", refused("400 Bad Request", "Throttling")),
    "a redirect": Way(
        "SDK.UnreadableAnswer",
        lambda sent: answered("302 Found", "", f"Location: https://x/?{sent.rpartition(chr(10))[2]}\r\n"),
    ),
    "the request as an object": Way("SDK.UnreadableAnswer", lambda sent: answered("200 OK", json.dumps([sent]))),
    "a proxy that is not there": Way("SDK.ProxyError", url="https://name.invalid", proxy="{free}"),
    "a proxy that refuses": Way(
        "SDK.ProxyError",
        lambda sent: answered("407 No", sent, f"X: {base64.b64encode(sent.encode()).decode()}\r\n"),
        url="https://name.invalid",
        proxy="{port}",
    ),
    "STS with the request": Way("InvalidParameter", ECHO, source=of_the_cluster),
    "STS as a page": Way("SDK.UnreadableAnswer", lambda sent: answered("502 Bad", sent), source=of_the_cluster),
    "a credentials URI with the request": Way("InvalidParameter", ECHO, source=of_a_uri),
    "a credentials URI that closes": Way("SDK.ConnectionReset", source=of_a_uri),
}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


@asynccontextmanager
async def failing(way: Way, folder: Path, server: Server) -> AsyncIterator[Scene]:
    """A scene with a policy, a role and a binding whose cloud fails in one way."""
    async with server.listening() as port:
        ports = {"port": port, "free": free_port()}
        url, proxy = way.url.format(**ports), way.proxy.format(**ports)
        network = Network(https_proxy=f"http://{USER}:{PASSWORD}@127.0.0.1:{proxy}" if proxy else "")
        credentials = way.source(folder, port) if way.source else Given()
        config = CloudConfig(credentials, url, url, url, network=network, deadlines=Deadlines(call=5.0))
        connection = connect(config, time.monotonic, metrics.observe_call)
        await connection.start()
        scene = Scene(connection.cloud)
        scene.judges = False
        scene.put(policy_body(finalizers=()))
        scene.put(role_body(status=made_role_status()))
        scene.put_node(node("node-1", 1, pool="storage"))
        scene.put(binding_body())
        yield scene
        await connection.close()


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
async def test_a_call_that_fails_shows_no_secret(
    way: Way, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    server = Server(way.reply)
    async with failing(way, tmp_path, server) as scene:
        keys = list(scene.asked)
        reports = [await scene.reconcile(key) for key in keys]
        statuses = json.dumps([scene.status(key) for key in keys])
    logged = "".join(JsonFormatter().format(record) + str(vars(record)) for record in caplog.records)
    printed = capfd.readouterr()
    everything = "".join((statuses, logged, *map(shown, reports), *printed, generate_latest().decode()))
    assert way.code in everything
    signed = [text for sent in server.received for text in signatures(sent)]
    secrets = [form for secret in (*PLANTED, *signed) for form in (secret, quote(secret, safe=""))]
    assert [secret for secret in secrets if secret in everything] == []


def signatures(sent: str) -> list[str]:
    """The signature and the nonce of a request."""
    fields = dict(pair.partition("=")[::2] for pair in sent.rpartition("\n")[2].split("&"))
    return [fields[name] for name in ("Signature", "SignatureNonce") if name in fields]
