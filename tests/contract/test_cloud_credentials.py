"""The operator's own temporary credentials: a token of a cluster (with TLS), the metadata service, a URI."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.contract.clients.tls import certificate
from tests.contract.conftest import OldSdk, RunningSimulator, start_simulator, stop_simulator
from tests.contract.test_simulator_oidc import AUDIENCE, ISSUER, PROVIDER, ROLE, SUBJECT, Issuer, trust

from ram_operator.cloud.client.network import Network
from ram_operator.cloud.connection import CloudConfig, Connection, connect
from ram_operator.cloud.credentials.sources import InstanceRoleSource, OidcSource, Source, UriSource
from ram_operator.errors import Denied, Unavailable

ADVERTISED = ("--advertise", "localhost", "--tls-cert")


@dataclass(frozen=True, slots=True)
class Federation:
    """A cloud by TLS that takes the tokens of an issuer for one role."""

    cloud: RunningSimulator
    issuer: Issuer
    bundle: Path


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federation]:
    folder = tmp_path_factory.mktemp("oidc")
    issuer = Issuer(rsa.generate_private_key(65537, 2048))
    (folder / "jwks.json").write_text(json.dumps(issuer.jwks()))
    provider = {"name": "cluster", "issuer": ISSUER, "clientIds": [AUDIENCE], "jwksFile": "jwks.json"}
    access = [{"system": "AliyunRAMReadOnlyAccess"}]
    role = {"name": "App", "trust": trust(aud=AUDIENCE, sub=SUBJECT), "policies": access}
    fixture = {"account": {"id": PROVIDER.split(":")[3]}, "oidcProviders": [provider], "roles": [role]}
    (folder / "fixture.yaml").write_text(json.dumps(fixture))
    bundle = certificate(folder)
    running = start_simulator("--fixture", str(folder / "fixture.yaml"), *ADVERTISED, str(bundle))
    yield Federation(running, issuer, bundle)
    assert stop_simulator(running) == 0


@asynccontextmanager
async def connected(endpoint: str, source: Source, network: Network | None = None) -> AsyncIterator[Connection]:
    config = CloudConfig(source, endpoint, endpoint, endpoint, network=network or Network())
    connection = connect(config, time.monotonic)
    await connection.start()
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def pod(federation: Federation, token_file: Path, **options: str) -> AsyncIterator[Connection]:
    source = OidcSource(ROLE, PROVIDER, token_file, **options)
    async with connected(federation.cloud.endpoint, source, Network(federation.bundle)) as connection:
        yield connection


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """All log records with their extra fields."""
    return caplog.text + str([vars(record) for record in caplog.records])


async def test_a_token_of_the_cluster_is_changed_for_credentials_of_a_role(
    federation: Federation, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token = federation.issuer.token()
    (tmp_path / "token").write_text(token + "\n")
    async with pod(federation, tmp_path / "token", session_name="me") as connection:
        identity = await connection.cloud.sts.caller_identity()
        assert identity.arn.endswith(":assumed-role/app/me")
        assert [role.name for role in await connection.cloud.ram.list_roles()] == ["App"]
    assert "credentials renewed" in logged(caplog)
    assert token not in logged(caplog)


async def test_a_session_policy_limits_the_role(federation: Federation, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(federation.issuer.token())
    only = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "ram:ListPolicies", "Resource": "*"}]}
    async with pod(federation, tmp_path / "token", session_policy=json.dumps(only)) as connection:
        with pytest.raises(Denied):
            await connection.cloud.ram.list_roles()


async def test_a_refused_token_names_the_reason_and_never_the_token(
    federation: Federation, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token = federation.issuer.token(sub="system:serviceaccount:default:other")
    (tmp_path / "token").write_text(token)
    async with pod(federation, tmp_path / "token") as connection:
        with pytest.raises(Unavailable, match=r"SDK\.NoCredentials: .*AuthenticationFail"):
            await connection.cloud.sts.caller_identity()
    assert "AuthenticationFail" in logged(caplog)
    assert token not in logged(caplog)


async def test_the_token_is_read_anew_for_each_renewal(federation: Federation, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(federation.issuer.token(sub="system:serviceaccount:default:other"))
    async with pod(federation, tmp_path / "token") as connection:
        with pytest.raises(Unavailable, match="AuthenticationFail"):
            await connection.cloud.sts.caller_identity()
        (tmp_path / "token").write_text(federation.issuer.token())
        async with asyncio.timeout(30):
            while True:
                try:
                    identity = await connection.cloud.sts.caller_identity()
                except Unavailable:
                    await asyncio.sleep(0.05)
                else:
                    break
    assert identity.arn.endswith(":assumed-role/app/ram-operator")


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe"], ids=["missing", "empty", "bytes"])
async def test_a_token_file_without_a_token_is_named(
    federation: Federation, tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    async with pod(federation, tmp_path / "token") as connection:
        with pytest.raises(Unavailable, match=f"SDK.NoToken.*{tmp_path}/token"):
            await connection.cloud.sts.caller_identity()


async def test_a_token_is_sent_to_nobody_without_a_trusted_certificate(federation: Federation, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(federation.issuer.token())
    newest = federation.cloud.newest_call()
    source = OidcSource(ROLE, PROVIDER, tmp_path / "token")
    async with connected(federation.cloud.endpoint, source) as connection:
        with pytest.raises(Unavailable, match=r"SDK\.NoCredentials: .*SDK\.TlsError"):
            await connection.cloud.sts.caller_identity()
    assert federation.cloud.calls_since(newest) == []


async def test_neither_the_environment_nor_the_metadata_service_is_fallen_back_to(
    federation: Federation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "simulator-root")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "simulator-root-secret")
    newest = federation.cloud.newest_call()
    async with pod(federation, tmp_path / "token") as connection:
        with pytest.raises(Unavailable, match=r"SDK\.NoToken"):
            await connection.cloud.sts.caller_identity()
    assert federation.cloud.calls_since(newest) == []


NODE_TRUST = {
    "Version": "1",
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": ["ecs.aliyuncs.com"]}}],
}


@pytest.mark.parametrize("tokens", ["optional", "required"])
async def test_the_role_of_the_instance_gives_credentials(
    simulator: RunningSimulator, root: OldSdk, tokens: str
) -> None:
    root.call("CreateRole", RoleName="Worker", AssumeRolePolicyDocument=json.dumps(NODE_TRUST))
    asked = {"InstanceType": "t", "VSwitchId": "v", "RamRoleName": "Worker", "HttpTokens": tokens}
    made = root.call("RunInstances", **asked)
    [instance] = made["InstanceIdSets"]["InstanceIdSet"]
    source = InstanceRoleSource(f"{simulator.ready['metadata']}/instances/{instance}")
    async with connected(simulator.endpoint, source) as connection:
        assert "assumed-role/worker/" in (await connection.cloud.sts.caller_identity()).arn


async def test_an_instance_without_a_role_gives_none(simulator: RunningSimulator) -> None:
    source = InstanceRoleSource(f"{simulator.ready['metadata']}/instances/{simulator.instance_ids()[0]}")
    async with connected(simulator.endpoint, source) as connection:
        with pytest.raises(Unavailable, match="the instance has no role"):
            await connection.cloud.sts.caller_identity()


@asynccontextmanager
async def uri(body: object) -> AsyncIterator[str]:
    """A server that answers with credentials."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        payload = json.dumps(body).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(payload), payload))
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/path-with-a-secret"
    listener.close()


@pytest.mark.parametrize("missing", ["", "AccessKeyId", "AccessKeySecret", "SecurityToken", "Expiration"])
async def test_a_uri_gives_credentials_or_all_of_them_are_missing(
    simulator: RunningSimulator, caplog: pytest.LogCaptureFixture, missing: str
) -> None:
    caplog.set_level(logging.DEBUG)
    whole = {
        "Code": "Success",
        "AccessKeyId": "STS.unknownkey000000",
        "AccessKeySecret": "secret-of-the-uri",
        "SecurityToken": "token-of-the-uri",
        "Expiration": "2100-01-01T00:00:00Z",
    }
    async with uri({**whole, missing: ""}) as address, connected(simulator.endpoint, UriSource(address)) as connection:
        expected, code = (Unavailable, "no credentials with an end") if missing else (Denied, "InvalidAccessKeyId")
        with pytest.raises(expected, match=code):
            await connection.cloud.sts.caller_identity()
    assert not [secret for secret in ("path-with", "of-the-uri", "unknownkey") if secret in logged(caplog)]
