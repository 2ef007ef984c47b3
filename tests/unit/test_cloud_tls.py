"""Calls over real TLS: the host is named and its certificate checked, on every Python."""

import asyncio
import datetime
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ram_operator.cloud.client.network import Network
from ram_operator.cloud.connection import CloudConfig, connect
from ram_operator.cloud.credentials import EnvironmentCredentials
from ram_operator.errors import StartupError, Unavailable

ANSWER = b'{"AccountId": "1", "Arn": "acs:ram::1:root", "IdentityType": "Account"}'
VALUES = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAI5tExampleKeyId01", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "verysecret"}


@dataclass(frozen=True, slots=True)
class Certificate:
    """A self-signed certificate and its key in one file, which is its own CA bundle as well."""

    path: Path


def certificate_for(host: str, folder: Path) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / f"{host}.pem"
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return Certificate(path)


@asynccontextmanager
async def serving(certificate: Certificate, named: list[str | None]) -> AsyncIterator[int]:
    """Answer by TLS on a free port; note the host names that clients ask for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.path)
    context.sni_callback = lambda _socket, name, _context: named.append(name)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(ANSWER), ANSWER))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def account(endpoint: str, ca_bundle: Path | None = None, **proxy: str) -> str:
    """Make one call by https and return its answer."""
    network = Network(ca_bundle, **proxy)
    config = CloudConfig(EnvironmentCredentials(VALUES), endpoint_sts=endpoint, network=network)
    connection = connect(config, time.monotonic)
    try:
        return (await connection.cloud.sts.caller_identity()).account_id
    finally:
        await connection.close()


async def test_a_host_with_a_trusted_certificate_answers(tmp_path: Path) -> None:
    named: list[str | None] = []
    certificate = certificate_for("localhost", tmp_path)
    async with serving(certificate, named) as port:
        assert await account(f"localhost:{port}", certificate.path) == "1"
    assert named == ["localhost"]


async def test_a_host_that_needs_no_proxy_is_called_without_it(tmp_path: Path) -> None:
    certificate, proxy = certificate_for("localhost", tmp_path), "http://127.0.0.1:9"
    async with serving(certificate, []) as port:
        assert await account(f"localhost:{port}", certificate.path, https_proxy=proxy, no_proxy="localhost") == "1"
        with pytest.raises(Unavailable, match=r"SDK\.ProxyError"):
            await account(f"localhost:{port}", certificate.path, https_proxy=proxy, no_proxy="ocalhost")


async def test_a_certificate_of_another_host_is_refused(tmp_path: Path) -> None:
    certificate = certificate_for("ram.example.com", tmp_path)
    async with serving(certificate, []) as port:
        with pytest.raises(Unavailable, match=r"SDK\.TlsError"):
            await account(f"localhost:{port}", certificate.path)


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    async with serving(certificate_for("localhost", tmp_path), []) as port:
        with pytest.raises(Unavailable, match=r"SDK\.TlsError"):
            await account(f"https://localhost:{port}")


async def test_plain_http_is_not_fallen_back_to() -> None:
    first: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first.append(await reader.read(1))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    with pytest.raises(Unavailable):
        await account(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
    server.close()
    assert set(first) == {b"\x16"}


@pytest.mark.parametrize("name", ["ALIBABA_CLOUD_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
@pytest.mark.parametrize("trusted", [True, False], ids=["names the certificate", "empty"])
async def test_no_variable_of_the_environment_changes_whom_we_trust(
    name: str, trusted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = certificate_for("localhost", tmp_path)
    monkeypatch.setenv(name, str(certificate.path) if trusted else "")
    async with serving(certificate, []) as port:
        with pytest.raises(Unavailable, match=r"SDK\.TlsError"):
            await account(f"localhost:{port}")


async def test_no_variable_of_the_environment_has_the_keys_of_sessions_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = tmp_path / "keys"
    monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
    certificate = certificate_for("localhost", tmp_path)
    async with serving(certificate, []) as port:
        assert await account(f"localhost:{port}", certificate.path) == "1"
    assert not keys.exists()


@pytest.mark.parametrize(
    "content", [None, b"", b"no certificate", b"\xff\xfe"], ids=["missing", "empty", "text", "bytes"]
)
def test_a_bundle_without_a_certificate_stops_the_start(content: bytes | None, tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    if content is not None:
        bundle.write_bytes(content)
    with pytest.raises(StartupError, match=r"RAM_OPERATOR_CA_BUNDLE: cannot use .*ca\.pem"):
        Network(bundle)
