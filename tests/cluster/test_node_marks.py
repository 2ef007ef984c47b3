"""Pods wait for the role of their node: the label and the startup taint, on real Nodes."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.cluster.apiserver import Refused
from tests.cluster.hand import Hand
from tests.cluster.objects import binding, node, role
from tests.cluster.world import World
from tests.polling import until

LABEL, TAINT = "ram.alicloud.dev/instance-role", "ram.alicloud.dev/role-not-ready"
OURS, THEIRS = {"key": TAINT, "effect": "NoSchedule"}, {"key": "theirs", "effect": "NoSchedule"}
RBAC = "/apis/rbac.authorization.k8s.io/v1"
RIGHT = "marks-nodes"


@pytest.fixture
def marking(world: World) -> Iterator[World]:
    """The operator with the setting and the right that the chart gives with it."""
    head = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": RIGHT}}
    rules = [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["patch"]}]
    subject = {"kind": "ServiceAccount", "name": "ram-operator", "namespace": "ram-operator"}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": RIGHT}
    world.api.request("POST", f"{RBAC}/clusterroles", {**head, "kind": "ClusterRole", "rules": rules})
    bound = {**head, "kind": "ClusterRoleBinding", "roleRef": reference, "subjects": [subject]}
    world.api.request("POST", f"{RBAC}/clusterrolebindings", bound)
    with world.settings(mark_nodes="true"):
        yield world
    for resource in ("clusterrolebindings", "clusterroles"):
        world.api.request("DELETE", f"{RBAC}/{resource}/{RIGHT}")


def register(world: World, name: str, role: str = "", **labels: str) -> str:
    """A Node registers with the startup taint and another one; return its instance."""
    instance = world.instance(**({"ramRoleName": role} if role else {}))
    body: dict[str, Any] = node(name, f"cn-hangzhou.{instance}", "p" if not labels else "", labels)
    body["spec"]["taints"] = [OURS, THEIRS]
    world.api.create(body)
    return instance


def seen(world: World, name: str) -> tuple[str | None, list[str]]:
    """The label of a Node, and the keys of its taints."""
    body = world.body(f"Node/{name}")
    labels = body["metadata"].get("labels") or {}
    keys = [taint["key"] for taint in body["spec"].get("taints", [])]
    # The API server itself taints nodes that are not ready.
    return labels.get(LABEL), [key for key in keys if not key.startswith("node.kubernetes.io/")]


def test_a_node_loses_its_startup_taint_and_gets_its_label_when_its_role_is_there(marking: World, hand: Hand) -> None:
    hand.create_role("theirs")
    marking.api.create(role("one"), binding("p", "one", "p"))
    marking.ready("RamRole/one")
    register(marking, "good")
    register(marking, "taken", role="theirs")
    until(lambda: seen(marking, "good") == ("one", ["theirs"]), what="good is marked")
    marking.row("p", "taken", "Conflict", "OtherRole")
    assert seen(marking, "taken") == (None, [TAINT, "theirs"])
    marking.delete("InstanceRoleBinding/p")
    until(lambda: seen(marking, "good") == (None, ["theirs"]), what="the label of good goes")
    assert seen(marking, "taken") == (None, [TAINT, "theirs"])


def test_a_node_without_labels_and_one_with_other_writers_lose_nothing(marking: World) -> None:
    marking.api.create(role("one"), binding("p", "one", nodes=["bare", "busy"]))
    marking.ready("RamRole/one")
    for name in ("bare", "busy"):
        body: dict[str, Any] = node(name, f"cn-hangzhou.{marking.instance()}")
        body["spec"]["taints"] = [THEIRS, OURS]
        marking.api.create(body)
    added = 0
    for number in range(20):
        taints = marking.body("Node/busy")["spec"]["taints"]
        more = [{"key": f"more-{number}", "effect": "NoSchedule"}, *taints]
        tests = [{"op": "test", "path": "/spec/taints", "value": taints}]
        patch = [*tests, {"op": "replace", "path": "/spec/taints", "value": more}]
        try:
            marking.api.request("PATCH", "/api/v1/nodes/busy", patch, "application/json-patch+json")
            added += 1
        except Refused:
            continue
    until(lambda: seen(marking, "bare") == ("one", ["theirs"]), what="bare is marked")
    until(lambda: seen(marking, "busy")[0] == "one", what="busy is marked")
    keys = seen(marking, "busy")[1]
    assert TAINT not in keys
    assert len(keys) == added + 1
