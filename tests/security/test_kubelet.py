"""A kubelet, or whoever has taken over a node and its client certificate."""

from pathlib import Path

import pytest
from tests.cluster.actors import Actor
from tests.cluster.objects import binding, node, policy, role
from tests.cluster.world import World
from tests.conftest import RunningControlPlane, RunningSandbox
from tests.security.conftest import Store

RESTRICTED = "node-restriction.kubernetes.io/pool"


def kubelet(kubeconfig: Path, name: str) -> Actor:
    """The kubelet of a node."""
    return Actor(kubeconfig, f"system:node:{name}", "system:nodes")


@pytest.fixture
def own(installed: RunningControlPlane, store: Store) -> Actor:
    """The kubelet of a stored node."""
    store(node("own", "cn-hangzhou.i-own"))
    return kubelet(installed.kubeconfig, "own")


def test_a_kubelet_cannot_set_labels_that_are_kept_from_it(own: Actor) -> None:
    assert own.patch("Node/own", {"metadata": {"labels": {"pool": "x"}}}) == ""
    refused = own.patch("Node/own", {"metadata": {"labels": {RESTRICTED: "x"}}})
    assert "is not allowed to modify labels" in refused


def test_a_kubelet_cannot_become_another_instance(own: Actor) -> None:
    refused = own.patch("Node/own", {"spec": {"providerID": "cn-hangzhou.i-another"}})
    assert refused


def test_a_kubelet_cannot_touch_another_node(own: Actor, store: Store) -> None:
    store(node("neighbour", "cn-hangzhou.i-neighbour"))
    refused = own.patch("Node/neighbour", {"metadata": {"labels": {"pool": "x"}}})
    assert "is not allowed to modify node" in refused
    assert own.create(node("new", "cn-hangzhou.i-new"))


def test_a_kubelet_reads_and_writes_none_of_our_kinds(own: Actor, store: Store) -> None:
    for body in (policy("p"), role("r"), binding("b", "r", nodes=["own"])):
        assert "cannot create resource" in own.create(body)
        assert "cannot list resource" in own.see(body["kind"])
        assert "cannot patch resource" in own.patch(store(body), {"status": {}}, "status")


def test_a_node_that_labels_itself_gets_no_role_of_a_restricted_label(
    world: World, running_sandbox: RunningSandbox
) -> None:
    world.api.create(role("kept"), binding("kept", "kept", nodeSelector={"matchLabels": {RESTRICTED: "kept"}}))
    good = world.add_nodes("any", "good")["good"]
    evil = world.add_nodes("any", "evil")["evil"]
    world.api.patch("Node/good", {"metadata": {"labels": {RESTRICTED: "kept"}}})
    itself = kubelet(running_sandbox.kubeconfig, "evil")
    assert itself.patch("Node/evil", {"metadata": {"labels": {RESTRICTED: "kept"}}})
    assert itself.patch("Node/evil", {"metadata": {"labels": {"pool": "kept"}}}) == ""
    world.has_role(good, "kept")
    world.sweeps_pass()
    assert not world.role_of(evil)
