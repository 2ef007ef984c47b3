"""Puts the adapters together: the one door for `__main__`."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from ram_operator.cloud import Cloud
from ram_operator.cloud.client import Client, ObserveCall, ObserveWait
from ram_operator.cloud.client.endpoints import Endpoints
from ram_operator.cloud.client.network import Network
from ram_operator.cloud.client.ratelimit import AdaptiveRateLimiter
from ram_operator.cloud.client.transport import Deadlines, Lease, Transport
from ram_operator.cloud.credentials import CredentialsProvider
from ram_operator.cloud.credentials.sources import Source
from ram_operator.cloud.credentials.temporary import RenewedCredentials
from ram_operator.cloud.ecs import Ecs
from ram_operator.cloud.ram import Ram
from ram_operator.cloud.sts import Sts


@dataclass(frozen=True, slots=True)
class CloudConfig:
    """How the cloud is reached.

    Endpoints are URLs with a scheme, or hosts, then by HTTPS; empty ones mean Alibaba Cloud's own. `region` goes with
    calls of the global APIs. `network` says through which proxy and with which trust; nothing of it is read from the
    environment. `quota_factor` says how many times the documented quotas of calls the account has.
    """

    credentials: CredentialsProvider | Source
    endpoint_ram: str = ""
    endpoint_ecs: str = ""
    endpoint_sts: str = ""
    region: str = "cn-hangzhou"
    network: Network = field(default_factory=Network)
    deadlines: Deadlines = field(default_factory=Deadlines)
    quota_factor: float = 1.0


class AlwaysValid:
    """The lease where nobody else could write."""

    def valid_until(self) -> float:
        """Return a time that never comes."""
        return math.inf


class Connection:
    """The ports, and what runs behind them.

    Args:
        cloud: the ports.
        client: closed at the end.
        renewed: temporary credentials, None for an AccessKey that lasts.
    """

    def __init__(self, cloud: Cloud, client: Client, renewed: RenewedCredentials | None) -> None:
        self.cloud = cloud
        self._client = client
        self._renewed = renewed
        self._renewal: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to renew temporary credentials; returns when they were fetched once, or could not be."""
        if self._renewed:
            self._renewal = asyncio.create_task(self._renewed.run())
            await self._renewed.tried()

    async def close(self) -> None:
        """Close the connections."""
        if self._renewal:
            self._renewal.cancel()
            await asyncio.wait({self._renewal})
        await self._client.close()


def connect(
    config: CloudConfig,
    clock: Callable[[], float],
    observe_call: ObserveCall = lambda api, code, seconds: None,
    lease: Lease | None = None,
    now: Callable[[], float] = time.time,
    observe_wait: ObserveWait = lambda api, seconds: None,
) -> Connection:
    """Build the adapters in the running event loop; sends nothing.

    Args:
        config: how the cloud is reached.
        clock: monotonic seconds, the same as the lease's.
        observe_call: is told of each request that was sent.
        lease: without it no write is sent; None for one that is always valid.
        now: the time of day, in seconds since the epoch.
        observe_wait: is told how long each call waited for the rate limiter.

    Raises:
        StartupError: an endpoint is no address.
    """
    endpoints = Endpoints(config.endpoint_ram, config.endpoint_ecs, config.endpoint_sts, config.region)
    transport = Transport(config.network, lease or AlwaysValid(), clock, config.deadlines)
    credentials, renewed = config.credentials, None
    if isinstance(credentials, Source):
        fetch = partial(credentials.fetch, transport, endpoints.sts)
        credentials = renewed = RenewedCredentials(fetch, now, random.random)
    limiter = AdaptiveRateLimiter(clock, factor=config.quota_factor)
    client = Client(transport, endpoints, credentials, limiter, observe_call, observe_wait)
    return Connection(Cloud(Ram(client), Ecs(client), Sts(client)), client, renewed)
