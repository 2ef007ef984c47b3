"""The operator's own way to the simulated cloud."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from ram_operator.cloud import Cloud
from ram_operator.cloud.connection import CloudConfig, connect
from ram_operator.cloud.credentials import EnvironmentCredentials


@asynccontextmanager
async def ports_of(
    simulator: Any, key: str = "simulator-root", clock: Callable[[], float] = time.monotonic, **options: Any
) -> AsyncIterator[Cloud]:
    """The ports to a simulator, closed afterwards.

    Args:
        simulator: a running one.
        key: whose, by default the account's own.
        clock: of the connection, in seconds.
        options: others of CloudConfig.
    """
    values = {"ALIBABA_CLOUD_ACCESS_KEY_ID": key, "ALIBABA_CLOUD_ACCESS_KEY_SECRET": f"{key}-secret"}
    config = CloudConfig(EnvironmentCredentials(values), *(simulator.endpoint,) * 3, **options)
    connection = connect(config, clock)
    try:
        yield connection.cloud
    finally:
        await connection.close()
