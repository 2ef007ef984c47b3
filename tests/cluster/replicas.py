"""Two replicas of the operator under one Lease, as a Deployment has them."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.apiserver import Refused
from tests.cluster.world import GRACE_SECONDS, SETTINGS, World
from tests.lease_rights import LEASES, RBAC, lease_rights, named
from tests.polling import until

from ram_sandbox.operator_process import OperatorProcess

LEASE = "replicas"
SETTINGS_OF_BOTH = SETTINGS | named(LEASE)


class Replicas:
    """The session's operator, which leads first, and a second one."""

    def __init__(self, world: World, second: OperatorProcess) -> None:
        self.world = world
        self.first = world.operator
        self.second = second

    def begin(self, **variables: str) -> None:
        """Start both anew: the first, which has these variables besides its settings, leads."""
        self.second.stop()
        self.first.stop()
        self.delete_lease()
        self.first.start({**SETTINGS_OF_BOTH, **variables})
        until(lambda: self.lease().get("holderIdentity", ""))
        self.second.start(SETTINGS_OF_BOTH)

    def lease(self) -> dict[str, Any]:
        """What the Lease says, nothing where there is none."""
        items = self.world.api.request("GET", LEASES)["items"]
        return next((item["spec"] for item in items if item["metadata"]["name"] == LEASE), {})

    def delete_lease(self) -> None:
        """Forget who led: one that could not release it would be taken for the leader for 15 s."""
        with suppress(Refused):
            self.world.api.request("DELETE", f"{LEASES}/{LEASE}")

    def led_by_another_than(self, holder: str) -> None:
        until(lambda: self.lease().get("holderIdentity", "") not in ("", holder), GRACE_SECONDS)


@pytest.fixture
def replicas(world: World, tmp_path: Path) -> Iterator[Replicas]:
    rights = lease_rights(LEASE, world.sandbox.installation.namespace)
    for plural, body in rights.items():
        world.api.request("POST", f"{RBAC}/{plural}", body)
    second = OperatorProcess(world.sandbox.installation, world.cloud, tmp_path, os.environ)
    made = Replicas(world, second)
    try:
        made.begin()
        yield made
    finally:
        second.stop()
        world.operator.restart(SETTINGS)
        for plural in rights:
            world.api.request("DELETE", f"{RBAC}/{plural}/{LEASE}")
        made.delete_lease()
