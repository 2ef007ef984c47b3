"""Puts the adapters together: the one door for `__main__`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from ram_operator.cloud import Cloud
from ram_operator.cloud.client import Client, ObserveCall
from ram_operator.cloud.client.endpoints import Endpoints
from ram_operator.cloud.client.transport import Lease, Transport, signer, tame_sdk
from ram_operator.cloud.credentials import CredentialsProvider
from ram_operator.cloud.ecs import Ecs
from ram_operator.cloud.ram import Ram
from ram_operator.cloud.ratelimit import AdaptiveRateLimiter
from ram_operator.cloud.sts import Sts


@dataclass(frozen=True, slots=True)
class CloudConfig:
    """How the cloud is reached.

    Endpoints are URLs with a scheme, or hosts, then by https; empty ones mean Alibaba Cloud's own. `region` is the
    SDK's default for the global APIs, `threads` how many calls may be under way at once. `https_proxy` is the URL of a
    proxy for https endpoints; there is none unless it is given here: HTTPS_PROXY and NO_PROXY are not looked at.
    """

    credentials: CredentialsProvider
    endpoint_ram: str = ""
    endpoint_ecs: str = ""
    endpoint_sts: str = ""
    region: str = "cn-hangzhou"
    threads: int = 32
    https_proxy: str = ""


class AlwaysValid:
    """The lease of an operator that runs alone."""

    def valid_until(self) -> float:
        """Return a time that never comes."""
        return math.inf


@dataclass(frozen=True, slots=True)
class Connection:
    """The ports, and what is to be closed after them."""

    cloud: Cloud
    client: Client

    async def close(self) -> None:
        """Wait for the calls under way and close the connections."""
        await self.client.close()


def connect(
    config: CloudConfig,
    clock: Callable[[], float],
    observe_call: ObserveCall = lambda api, code, seconds: None,
    lease: Lease | None = None,
) -> Connection:
    """Build the adapters; sends nothing.

    Args:
        config: how the cloud is reached.
        clock: monotonic seconds, the same as the lease's.
        observe_call: is told of each request that was sent.
        lease: without it no write is sent; None for one that is always valid.

    Raises:
        StartupError: an endpoint is no address.
    """
    tame_sdk()
    endpoints = Endpoints(config.endpoint_ram, config.endpoint_ecs, config.endpoint_sts)
    leased = signer(config.credentials, lease or AlwaysValid(), clock)
    transport = Transport(leased, config.region, config.threads, config.https_proxy)
    client = Client(transport, endpoints, config.credentials, AdaptiveRateLimiter(clock), observe_call)
    return Connection(Cloud(Ram(client), Ecs(client), Sts(client)), client)
