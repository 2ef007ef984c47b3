"""What may happen to the cloud and to the line to it, in the midst of changes, and for long."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.cluster.forwarder import Forwarder, forwarded
from tests.cluster.world import World, log_lines
from tests.polling import until
from tests.soak.affairs import Affairs, lasts
from tests.soak.test_long_rounds import live

from ram_sandbox.simulator import CloudOptions, start_simulator

pytestmark = pytest.mark.soak

SECONDS = 25.0
MANY = 100_000
WAYS: dict[str, dict[str, Any]] = {
    "each answer comes after ten seconds": {"delaySeconds": 10},
    "each answer is an internal error": {"code": "InternalError", "status": 500},
    "each call is throttled": {"code": "Throttling.User", "status": 400},
    "each answer is empty": {"emptyBody": True},
    "each reply is lost": {"lostReply": True},
}
ENDPOINTS = tuple(f"RAM_OPERATOR_ENDPOINT_{api}" for api in ("RAM", "ECS", "STS"))


@pytest.fixture
def line(world: World) -> Iterator[Forwarder]:
    """The operator's line to the cloud."""
    port = urlsplit(world.cloud.endpoint).port
    assert port is not None
    with (
        forwarded(port) as line,
        world.environment(**dict.fromkeys(ENDPOINTS, f"http://127.0.0.1:{line.port}")),
    ):
        yield line


def says_that_it_tries_again(world: World) -> None:
    until(lambda: "tries again" in str(world.condition("RamPolicy/edited", "Reconciling").get("message")))


@pytest.mark.parametrize("way", WAYS)
def test_a_cloud_of_which(world: World, way: str) -> None:
    affairs = Affairs(world)
    pid = world.operator.pid
    world.fault("*", MANY, **WAYS[way])
    affairs.change()
    says_that_it_tries_again(world)
    lasts(SECONDS)
    assert world.probe("/livez") == (200, "ok\n")
    world.let_go()
    affairs.end_well()
    assert (world.operator.pid, world.operator.child.running) == (pid, True)


def test_a_cloud_that_is_down(world: World, line: Forwarder) -> None:
    affairs = Affairs(world)
    pid = world.operator.pid
    affairs.change(call_seconds=0.2)
    line.cut()
    says_that_it_tries_again(world)
    lasts(SECONDS)
    line.open()
    affairs.end_well()
    assert (world.operator.pid, world.operator.child.running) == (pid, True)


def test_a_cloud_whose_line_dies_silently(world: World, line: Forwarder) -> None:
    affairs = Affairs(world)
    affairs.change(call_seconds=0.2)
    line.freeze()
    affairs.end_well()


def test_the_reply_to_each_call_of_a_life_lost_in_turn(world: World) -> None:
    world.add_nodes("soak", "soak-1", "soak-2")
    with world.settings(sweep_interval_seconds="600"):
        for number in count():
            if number:
                # a fault that does nothing, for the calls before
                world.fault("*", number, delaySeconds=0.001)
            world.fault("*", 1, lostReply=True)
            live(world, f"reply-{number}", number)
            if world.cloud.get("/faults")["faults"]:
                break
            assert number < 200
    assert number > 30


def test_credentials_of_another_account(world: World, tmp_path: Path) -> None:
    affairs = Affairs(world)
    fixture = tmp_path / "other.yaml"
    fixture.write_text("account:\n  id: '9999999999999999'\n")
    other = start_simulator(tmp_path, CloudOptions(fixture), {})
    try:
        folder = tmp_path / "key"
        folder.mkdir(mode=0o700)
        for name in ("accessKeyId", "accessKeySecret"):
            (folder / name).write_text(str(other.facts[name]))
        variables = dict.fromkeys(ENDPOINTS, other.endpoint) | {"RAM_OPERATOR_CREDENTIALS_DIR": str(folder)}
        with world.environment_without_waiting(**variables):
            until(lambda: "credentials of account" in world.probe("/readyz")[1])
            versions = world.versions("RamPolicy", "RamRole", "InstanceRoleBinding")
            world.api.patch("Node/leaves", {"metadata": {"labels": {"pool": None}}})
            lasts(5)
            assert world.probe("/readyz")[0] == 503
            assert world.probe("/livez") == (200, "ok\n")
            assert [call["action"] for call in other.journal() if call["write"]] == []
            assert world.versions("RamPolicy", "RamRole", "InstanceRoleBinding") == versions
            (said,) = [row for row in log_lines(world.operator.child.log.read_text()) if row["level"] == "ERROR"]
            assert "give the operator credentials of that account" in said["waitsFor"]
            affairs.change()
    finally:
        other.stop()
        shutil.rmtree(tmp_path / "key")
    affairs.end_well()
