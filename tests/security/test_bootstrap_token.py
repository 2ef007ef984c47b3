"""The holder of a bootstrap token, who may register a node of any new name with labels and a provider ID of choice."""

import pytest
from tests.cluster.actors import Actor
from tests.cluster.objects import binding, node, policy, role
from tests.cluster.world import World
from tests.conftest import RunningControlPlane, RunningSandbox
from tests.security.test_kubelet import RESTRICTED, kubelet


@pytest.fixture(scope="module")
def holder(installed: RunningControlPlane) -> Actor:
    """Somebody with a bootstrap token, before a certificate was signed."""
    return Actor(installed.kubeconfig, "system:bootstrap:abcdef", "system:bootstrappers")


def test_the_token_alone_makes_no_node_and_reads_none_of_our_kinds(holder: Actor) -> None:
    for body in (node("n", "cn-hangzhou.i-1"), policy("p"), role("r"), binding("b", "r", "pool")):
        assert "cannot create resource" in holder.create(body)
    for kind in ("Node", "RamRole", "RamPolicy", "InstanceRoleBinding"):
        assert "cannot list resource" in holder.see(kind)


def test_a_node_is_not_registered_with_a_label_that_is_kept_from_kubelets(installed: RunningControlPlane) -> None:
    registering = kubelet(installed.kubeconfig, "new")
    assert registering.create(node("new", "cn-hangzhou.i-new", "any")) == ""
    refused = registering.create(node("new", "cn-hangzhou.i-new", labels={RESTRICTED: "kept"}))
    assert "is not allowed to set the following labels" in refused
    assert registering.create(node("other", "cn-hangzhou.i-new"))


def test_a_node_registered_with_the_instance_of_another_changes_nothing_for_that_instance(
    world: World, running_sandbox: RunningSandbox
) -> None:
    world.api.create(role("mine"), role("other"), binding("mine", "mine", "mine"), binding("other", "other", "other"))
    instance = world.add_nodes("mine", "good")["good"]
    world.has_role(instance, "mine")
    mark = world.mark()
    evil = node("zz-evil", f"cn-hangzhou.{instance}", "other")
    assert kubelet(running_sandbox.kubeconfig, "zz-evil").create(evil, dry=False) == ""
    world.sweeps_pass()
    assert world.role_of(instance) == "mine"
    assert world.actions(mark) == []
