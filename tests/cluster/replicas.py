"""Two replicas of the operator under one Lease, as a Deployment has them."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.apiserver import Refused
from tests.cluster.world import GRACE_SECONDS, SETTINGS, World
from tests.polling import until

from ram_sandbox.operator_process import OperatorProcess

LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
NAMED = {"RAM_OPERATOR_LEASE_NAMESPACE": "default", "RAM_OPERATOR_LEASE_NAME": "replicas"}
RIGHTS = [
    {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
    {
        "apiGroups": ["coordination.k8s.io"],
        "resources": ["leases"],
        "resourceNames": ["replicas"],
        "verbs": ["get", "update"],
    },
]


class Replicas:
    """The session's operator, which leads first, and a second one."""

    def __init__(self, world: World, second: OperatorProcess) -> None:
        self.world = world
        self.first = world.operator
        self.second = second

    def begin(self, **variables: str) -> None:
        """Start both anew: the first, which has these variables besides its settings, leads."""
        self.second.stop()
        self.first.restart({**SETTINGS, **NAMED, **variables})
        until(lambda: self.lease().get("holderIdentity", ""))
        self.second.start({**SETTINGS, **NAMED})

    def lease(self) -> dict[str, Any]:
        """What the Lease says, nothing where there is none."""
        items = self.world.api.request("GET", LEASES)["items"]
        return next((item["spec"] for item in items if item["metadata"]["name"] == "replicas"), {})

    def led_by_another_than(self, holder: str) -> None:
        until(lambda: self.lease().get("holderIdentity", "") not in ("", holder), GRACE_SECONDS)


@pytest.fixture
def replicas(world: World, tmp_path: Path) -> Iterator[Replicas]:
    account = world.sandbox.installation
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "replicas"}
    subject = {"kind": "ServiceAccount", "name": "ram-operator", "namespace": account.namespace}
    path = "/apis/rbac.authorization.k8s.io/v1/namespaces/default"
    meta = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "replicas"}}
    world.api.request("POST", f"{path}/roles", {**meta, "kind": "Role", "rules": RIGHTS})
    world.api.request(
        "POST", f"{path}/rolebindings", {**meta, "kind": "RoleBinding", "roleRef": role, "subjects": [subject]}
    )
    second = OperatorProcess(account, world.cloud, tmp_path, os.environ)
    try:
        made = Replicas(world, second)
        made.begin()
        yield made
    finally:
        second.stop()
        world.operator.restart(SETTINGS)
        for what in ("rolebindings", "roles"):
            world.api.request("DELETE", f"{path}/{what}/replicas")
        with suppress(Refused):
            world.api.request("DELETE", f"{LEASES}/replicas")
