"""Two replicas of the operator: one writes, and whatever happens to it, the other follows and nothing is doubled."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.apiserver import Refused
from tests.cluster.objects import policy
from tests.cluster.world import GRACE_SECONDS, SETTINGS, World, log_lines
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
        world.operator.restart({**SETTINGS, **NAMED})
        made = Replicas(world, second)
        until(lambda: made.lease().get("holderIdentity", ""))
        second.start({**SETTINGS, **NAMED})
        yield made
    finally:
        second.stop()
        world.operator.restart(SETTINGS)
        for what in ("rolebindings", "roles"):
            world.api.request("DELETE", f"{path}/{what}/replicas")
        with suppress(Refused):
            world.api.request("DELETE", f"{LEASES}/replicas")


def test_only_the_leader_writes_and_the_other_is_ready_to(replicas: Replicas) -> None:
    world = replicas.world
    holder = replicas.lease()["holderIdentity"]
    seq = world.mark()
    world.api.create(policy("one"))
    world.ready("RamPolicy/one")
    assert world.actions(seq) == ["CreatePolicy"]
    assert replicas.lease()["holderIdentity"] == holder


def test_a_killed_leader_is_followed(replicas: Replicas) -> None:
    world = replicas.world
    holder = replicas.lease()["holderIdentity"]
    replicas.first.kill()
    world.api.create(policy("two"))
    replicas.led_by_another_than(holder)
    world.ready("RamPolicy/two")
    assert replicas.lease()["leaseTransitions"] == 1


def test_a_leader_that_ends_hands_over_at_once(replicas: Replicas) -> None:
    world = replicas.world
    holder = replicas.lease()["holderIdentity"]
    assert replicas.first.stop() == 0
    assert replicas.lease()["holderIdentity"] != holder
    world.api.create(policy("three"))
    world.ready("RamPolicy/three")


def test_a_frozen_leader_that_thaws_writes_nothing_and_ends(replicas: Replicas) -> None:
    world = replicas.world
    holder = replicas.lease()["holderIdentity"]
    child = replicas.first.child
    os.kill(replicas.first.pid, signal.SIGSTOP)
    try:
        seq = world.mark()
        world.api.create(policy("four"))
        replicas.led_by_another_than(holder)
        world.ready("RamPolicy/four")
        world.api.patch("RamPolicy/four", {"spec": {"description": "edited"}})
        world.ready("RamPolicy/four")
    finally:
        os.kill(replicas.first.pid, signal.SIGCONT)
    assert child.wait(GRACE_SECONDS) == 1
    errors = [line["message"] for line in log_lines(child.log.read_text()) if line["level"] in ("ERROR", "CRITICAL")]
    assert any("not the leader any more" in message for message in errors)
    assert world.actions(seq) == ["CreatePolicy", "UpdatePolicyDescription"]
