"""What may happen to the API server, to the line to it and to our rights there, in the midst of changes."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.apiserver import COLLECTIONS, Refused
from tests.cluster.forwarder import Forwarder
from tests.cluster.objects import binding, policy, role
from tests.cluster.world import GRACE_SECONDS, World, log_lines
from tests.polling import until
from tests.soak.affairs import Affairs, lasts, targets

pytestmark = pytest.mark.soak

CALL_SECONDS = 0.2
RULES = "/apis/rbac.authorization.k8s.io/v1/clusterroles/ram-operator"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

DEFINITION = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}


@pytest.fixture
def line(world: World, tmp_path: Path) -> Iterator[Forwarder]:
    """The operator's line to the API server."""
    with world.far_apiserver(tmp_path) as line:
        yield line


def test_an_api_server_that_is_killed_and_starts_again(world: World) -> None:
    affairs = Affairs(world)
    pid = world.operator.pid
    affairs.change(CALL_SECONDS)
    world.sandbox.control_plane.restart_apiserver()
    affairs.end_well()
    assert (world.operator.pid, world.operator.child.running) == (pid, True)


def test_an_etcd_that_stands_still_for_half_a_minute(world: World) -> None:
    affairs = Affairs(world)
    pid, etcd = world.operator.pid, world.sandbox.control_plane.etcd
    affairs.change(CALL_SECONDS)
    etcd.signal(signal.SIGSTOP)
    try:
        lasts(30)
    finally:
        etcd.signal(signal.SIGCONT)
    affairs.end_well()
    assert (world.operator.pid, world.operator.child.running) == (pid, True)


def test_watches_whose_version_is_too_old(world: World, line: Forwarder) -> None:
    affairs = Affairs(world)
    paths = [COLLECTIONS[kind] for kind in ("Node", "RamRole")]
    before = [world.api.request("GET", path)["metadata"]["resourceVersion"] for path in paths]
    line.cut()
    affairs.change()
    world.add_nodes("edited", "ghost")
    world.api.delete("Node/let-go", "Node/ghost")
    world.sandbox.control_plane.restart_apiserver()
    for path, version in zip(paths, before, strict=True):
        watch = f"{path}?watch=1&timeoutSeconds=1&resourceVersion={version}"
        until(lambda watch=watch: is_expired(world, watch))  # type: ignore[misc]
    line.open()
    affairs.end_well()


def is_expired(world: World, path: str) -> bool:
    """Whether a watch is answered with 410, in whichever of the two ways."""
    try:
        events = world.api.send("GET", path, None).splitlines()
    except Refused as refused:
        return refused.status == 410
    return any(json.loads(event)["object"].get("code") == 410 for event in events)


@contextmanager
def without_rights(world: World) -> Iterator[None]:
    """Take all rights of the ClusterRole away, and give them back."""
    rules = world.api.request("GET", RULES)["rules"]
    world.api.request("PATCH", RULES, {"rules": []}, "application/merge-patch+json")
    try:
        yield
    finally:
        world.api.request("PATCH", RULES, {"rules": rules}, "application/merge-patch+json")


def test_rights_that_are_taken_away_while_the_watches_go_on(world: World) -> None:
    affairs = Affairs(world)
    pid = world.operator.pid
    with without_rights(world):
        affairs.change()
        until(lambda: world.probe("/readyz")[0] == 503)
        assert "not allowed to" in world.probe("/readyz")[1]
        assert world.probe("/livez") == (200, "ok\n")
        lasts(20)
    affairs.end_well()
    until(lambda: world.probe("/readyz")[0] == 200)
    assert (world.operator.pid, world.operator.child.running) == (pid, True)


def test_rights_that_are_taken_away_when_the_watches_begin_anew(world: World, line: Forwarder) -> None:
    affairs = Affairs(world)
    with without_rights(world):
        affairs.change()
        line.cut()
        line.open()
        assert world.operator.child.wait(4 * GRACE_SECONDS) == 1
        lines = log_lines(world.operator.child.log.read_text())
        (said,) = (line for line in lines if line["level"] == "CRITICAL")
        assert "not allowed to" in said["message"]
        assert {line["logger"].partition(".")[0] for line in lines if line["level"] == "ERROR"} <= {"ram_operator"}
        assert "bind the roles" in said["message"]
    # as the kubelet does
    world.operator.start()
    affairs.end_well()


def test_definitions_that_are_deleted_and_created_again(world: World) -> None:
    Affairs(world)
    kept = [definition for definition in world.api.request("GET", CRDS)["items"] if _is_ours(definition)]
    for definition in kept:
        world.api.request("DELETE", f"{CRDS}/{definition['metadata']['name']}")
    assert world.operator.child.wait(2 * GRACE_SECONDS) == 1
    log = world.operator.child.log.read_text()
    assert "cannot run: the cluster does not have" in log
    assert "install the CRDs" in log
    state = world.state()
    assert [one["ramRoleName"] for one in state["instances"] if one["ramRoleName"]] == []
    assert (state["roles"], [one for one in state["policies"] if one["policyType"] == "Custom"]) == ([], [])
    until(lambda: not any(map(_is_ours, world.api.request("GET", CRDS)["items"])))
    for definition in kept:
        world.api.request("POST", CRDS, _as_new(definition))
    until(lambda: all(map(_is_served, filter(_is_ours, world.api.request("GET", CRDS)["items"]))))
    world.operator.start()
    world.api.create(policy("edited"), role("edited", "edited"), binding("edited", "edited", "edited"))
    world.ready(*targets("edited"))
    world.attached("edited", "stays", "leaves")


def _is_ours(definition: dict[str, Any]) -> bool:
    return bool(definition["spec"]["group"] == "ram.alicloud.dev")


def _is_served(definition: dict[str, Any]) -> bool:
    conditions = definition.get("status", {}).get("conditions") or []
    return any((row["type"], row["status"]) == ("Established", "True") for row in conditions)


def _as_new(definition: dict[str, Any]) -> dict[str, Any]:
    kept = ("name", "labels", "annotations")
    metadata = {name: value for name, value in definition["metadata"].items() if name in kept}
    return {**DEFINITION, "metadata": metadata, "spec": definition["spec"]}
