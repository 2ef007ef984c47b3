"""Where the calls go: the endpoints, as set or Alibaba Cloud's own, and the proxy in front of them."""

from __future__ import annotations

import asyncio
import base64
import logging
import time
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ram_operator.cloud.client.endpoints import Endpoints
from ram_operator.cloud.client.network import Network
from ram_operator.cloud.connection import CloudConfig, connect
from ram_operator.cloud.credentials import KEY_ID_VARIABLE, KEY_SECRET_VARIABLE, EnvironmentCredentials
from ram_operator.errors import Rejected, StartupError, Unavailable


def sdk_request(product: str) -> object:
    """Return any request of a product, as the SDK builds it."""
    from aliyunsdkcore.request import CommonRequest
    from aliyunsdkecs.request.v20140526.DescribeRegionsRequest import DescribeRegionsRequest
    from aliyunsdkram.request.v20150501.GetRoleRequest import GetRoleRequest

    requests = {"Ram": GetRoleRequest, "Ecs": DescribeRegionsRequest}
    return requests[product]() if product in requests else CommonRequest(product=product)


@pytest.mark.parametrize(
    ("product", "region", "url"),
    [
        ("Ram", "", "https://ram.aliyuncs.com"),
        ("Sts", "", "https://sts.aliyuncs.com"),
        ("Ecs", "cn-hangzhou", "https://ecs-cn-hangzhou.aliyuncs.com"),
        ("Ecs", "cn-zhangjiakou", "https://ecs.cn-zhangjiakou.aliyuncs.com"),
        ("Ecs", "na-south-1", "https://ecs.na-south-1.aliyuncs.com"),
        ("Ecs", "xx-nowhere-9", "https://ecs.xx-nowhere-9.aliyuncs.com"),
    ],
)
def test_without_settings_the_endpoints_are_alibaba_clouds_own(product: str, region: str, url: str) -> None:
    assert Endpoints().of(sdk_request(product), region) == url


@pytest.mark.parametrize(
    ("setting", "url"),
    [
        ("http://127.0.0.1:7780", "http://127.0.0.1:7780"),
        ("http://127.0.0.1:7780/", "http://127.0.0.1:7780"),
        ("ecs-vpc.cn-hangzhou.aliyuncs.com", "https://ecs-vpc.cn-hangzhou.aliyuncs.com"),
        ("localhost:7780", "https://localhost:7780"),
        ("https://[::1]:7780", "https://[::1]:7780"),
    ],
)
def test_an_endpoint_is_a_url_or_a_host_by_https(setting: str, url: str) -> None:
    assert Endpoints(setting, setting, setting).of(sdk_request("Ecs"), "cn-hangzhou") == url


@pytest.mark.parametrize(
    "setting",
    ["ftp://x", "http://", "http://x/path", "http://x?y=z", "http://u:p@x", "http://x:port", "http://x:99999"],
)
def test_what_is_no_endpoint_stops_the_start(setting: str) -> None:
    with pytest.raises(StartupError, match="RAM_OPERATOR_ENDPOINT_ECS"):
        Endpoints(ecs=setting)


@pytest.mark.parametrize("host", ["ram.aliyuncs.com", "10.0.0.1", "192.168.1.1", "svc.example.com", "[2001:db8::1]"])
def test_a_host_outside_of_this_machine_and_the_cluster_is_not_called_without_tls(host: str) -> None:
    with pytest.raises(StartupError, match="without TLS"):
        Endpoints(f"http://{host}:7780")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.9.1", "[::1]", "localhost", "ram-simulator", "a.b.svc", "a.b.svc.cluster.local"]
)
def test_this_machine_and_services_of_the_cluster_may_be_called_without_tls(host: str) -> None:
    url = f"http://{host}:7780"
    assert Endpoints(url).of(sdk_request("Ram"), "") == url


@pytest.mark.parametrize("region", ["x", "evil.example.com/", "CN-hangzhou", "cn-hangzhou.evil"])
def test_what_is_no_region_becomes_no_host(region: str) -> None:
    with pytest.raises(Rejected):
        Endpoints().of(sdk_request("Ecs"), region)


@asynccontextmanager
async def proxy(asked: list[str]) -> AsyncIterator[str]:
    """A proxy that lets nobody through, and notes what it was asked for."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        asked.append(head.decode().partition(" HTTP/")[0])
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    listener = await asyncio.start_server(refuse, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    finally:
        listener.close()


async def test_calls_by_https_go_through_the_proxy_that_is_set() -> None:
    asked: list[str] = []
    credentials = EnvironmentCredentials({KEY_ID_VARIABLE: "key", KEY_SECRET_VARIABLE: "secret"})
    async with proxy(asked) as url:
        connection = connect(CloudConfig(credentials, network=Network(https_proxy=url)), time.monotonic)
        with pytest.raises(Unavailable, match=r"SDK\.ProxyError: .*cannot be reached, or refuses"):
            await connection.cloud.sts.caller_identity()
        await connection.close()
    assert asked == ["CONNECT sts.aliyuncs.com:443"]


async def test_the_password_of_a_proxy_is_sent_to_it_and_shown_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    heads: list[bytes] = []
    credentials = EnvironmentCredentials({KEY_ID_VARIABLE: "key", KEY_SECRET_VARIABLE: "secret"})

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nX: hunter2\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    listener = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    for address in (f"127.0.0.1:{port}", "127.0.0.1:9"):
        network = Network(https_proxy=f"http://me:hunter2@{address}")
        connection = connect(CloudConfig(credentials, network=network), time.monotonic)
        with pytest.raises(Unavailable, match=r"SDK\.ProxyError") as refused:
            await connection.cloud.sts.caller_identity()
        await connection.close()
        shown = "".join(traceback.format_exception(refused.value)) + repr(network) + caplog.text
        assert "hunter2" not in shown
    listener.close()
    assert base64.b64encode(b"me:hunter2") in heads[0]


PROXY = "http://user:secret@proxy:3128"


@pytest.mark.parametrize(
    ("url", "no_proxy", "through"),
    [
        ("https://ram.aliyuncs.com", "", True),
        ("https://ram.aliyuncs.com", "aliyuncs.com", False),
        ("https://ram.aliyuncs.com:8443", ".aliyuncs.com", False),
        ("https://ram.aliyuncs.com", "a.com, ram.aliyuncs.com", False),
        ("https://ram.aliyuncs.com", "am.aliyuncs.com", True),
        ("https://10.0.0.1", "10.0.0.1", False),
        ("https://ram.aliyuncs.com", "*", False),
        ("http://127.0.0.1:7780", "", False),
    ],
)
def test_the_hosts_that_need_no_proxy_are_called_directly(url: str, no_proxy: str, through: bool) -> None:
    network = Network(https_proxy=PROXY, no_proxy=no_proxy)
    assert network.proxy_for(url) == (PROXY if through else None)
    assert "secret" not in repr(network)
