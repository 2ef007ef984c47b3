"""What may happen to the leader and to its lines, in the midst of changes: the other replica follows."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.cluster.forwarder import forwarded, redirected
from tests.cluster.objects import policy
from tests.cluster.replicas import Replicas
from tests.cluster.world import GRACE_SECONDS, log_lines
from tests.polling import until
from tests.soak.affairs import Affairs, lasts

pytestmark = pytest.mark.soak

CALL_SECONDS = 0.5


def ended_as_no_leader(replicas: Replicas) -> None:
    """The first ends by itself and says why."""
    child = replicas.first.child
    assert child.wait(GRACE_SECONDS) == 1
    errors = [line["message"] for line in log_lines(child.log.read_text()) if line["level"] in ("ERROR", "CRITICAL")]
    assert any("not the leader any more" in message for message in errors), errors


def test_a_leader_that_stands_still_for_a_minute_in_the_midst_of_a_write(replicas: Replicas) -> None:
    world = replicas.world
    holder = replicas.lease()["holderIdentity"]
    mark = world.mark()
    world.hold("CreatePolicy")
    world.api.create(policy("frozen"))
    world.held("CreatePolicy")
    os.kill(replicas.first.pid, signal.SIGSTOP)
    try:
        # the write takes effect, and its answer waits for the one that stands still
        world.let_go()
        until(lambda: world.cloud_policy("frozen"))
        replicas.led_by_another_than(holder)
        world.ready("RamPolicy/frozen")
        world.api.patch("RamPolicy/frozen", {"spec": {"description": "edited"}})
        world.ready("RamPolicy/frozen")
        lasts(60)
        stored = world.versions("RamPolicy")
    finally:
        os.kill(replicas.first.pid, signal.SIGCONT)
    ended_as_no_leader(replicas)
    assert world.versions("RamPolicy") == stored
    assert world.actions(mark) == ["CreatePolicy", "UpdatePolicyDescription"]


def test_a_leader_that_stands_still_in_the_midst_of_many_changes(replicas: Replicas) -> None:
    world = replicas.world
    affairs = Affairs(world)
    affairs.change(CALL_SECONDS)
    os.kill(replicas.first.pid, signal.SIGSTOP)
    try:
        affairs.end_well()
        lasts(60)
        stored = world.versions()
    finally:
        os.kill(replicas.first.pid, signal.SIGCONT)
    ended_as_no_leader(replicas)
    affairs.is_as_wanted()
    assert world.versions() == stored


def test_both_replicas_killed_at_once(replicas: Replicas) -> None:
    affairs = Affairs(replicas.world)
    affairs.change(CALL_SECONDS)
    replicas.first.kill()
    replicas.second.kill()
    replicas.second.start()
    replicas.first.start()
    affairs.end_well()


def test_a_leader_without_the_api_server_and_with_the_cloud(replicas: Replicas, tmp_path: Path) -> None:
    world = replicas.world
    port = int(world.api.address.rpartition(":")[2])
    with forwarded(port) as line:
        config = redirected(world.operator.folder / "operator.kubeconfig", line.port, tmp_path / "far.kubeconfig")
        replicas.begin(KUBECONFIG=str(config))
        holder = replicas.lease()["holderIdentity"]
        affairs = Affairs(world)
        affairs.change(CALL_SECONDS)
        line.cut()
        ended_as_no_leader(replicas)
        replicas.led_by_another_than(holder)
        affairs.end_well()


def test_a_leader_without_the_cloud_and_with_the_api_server(replicas: Replicas) -> None:
    world = replicas.world
    port = urlsplit(world.cloud.endpoint).port
    assert port is not None
    with forwarded(port) as line:
        replicas.begin(
            **{f"RAM_OPERATOR_ENDPOINT_{api}": f"http://127.0.0.1:{line.port}" for api in ("RAM", "ECS", "STS")}
        )
        holder = replicas.lease()["holderIdentity"]
        affairs = Affairs(world)
        affairs.change(CALL_SECONDS)
        line.cut()
        until(lambda: "tries again" in str(world.condition("RamPolicy/edited", "Reconciling").get("message")))
        lasts(20)
        assert replicas.lease()["holderIdentity"] == holder
        line.open()
        affairs.end_well()
        assert replicas.lease()["holderIdentity"] == holder
        assert replicas.first.child.running
