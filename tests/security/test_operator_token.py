"""A thief of the operator's token, who has the rights of its ServiceAccount in the cluster."""

from typing import Any

import pytest
from tests.cluster.actors import Actor
from tests.cluster.objects import binding, document, node, policy, role
from tests.conftest import RunningControlPlane
from tests.security.conftest import HOLD, Grant, Store, rule

FINALIZER = "ram.alicloud.dev/cleanup"
OBJECTS = {"RamPolicy": policy("stolen"), "RamRole": role("stolen"), "InstanceRoleBinding": binding("stolen", "r", "p")}
CHANGES: dict[str, dict[str, Any]] = {
    "labels": {"metadata": {"labels": {"a": "b"}}},
    "annotations": {"metadata": {"annotations": {"ram.alicloud.dev/allow-release": "1"}}},
    "owners": {
        "metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "u"}]},
    },
    "a finalizer of somebody else": {"metadata": {"finalizers": [HOLD, "theirs.example.com/x"]}},
    "no finalizer": {"metadata": {"finalizers": None}},
}


@pytest.fixture(scope="module")
def thief(installed: RunningControlPlane) -> Actor:
    """Somebody with the token."""
    return Actor(installed.kubeconfig, "system:serviceaccount:ram-operator:ram-operator")


@pytest.mark.parametrize("kind", OBJECTS)
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_token_changes_nothing_but_status_and_its_own_finalizer(
    kind: str, change: dict[str, Any], thief: Actor, store: Store
) -> None:
    refused = thief.patch(store(OBJECTS[kind], held=True), change)
    assert "'operator-account.ram.alicloud.dev'" in refused


GRANTS: dict[str, dict[str, Any]] = {
    "RamPolicy": {"document": document("*")},
    "RamRole": {"policies": [{"system": "AdministratorAccess"}]},
    "InstanceRoleBinding": {"nodeNames": ["theirs"]},
}


@pytest.mark.parametrize("kind", OBJECTS)
@pytest.mark.parametrize("deleting", [False, True])
def test_the_token_grants_nothing_by_an_object_that_is_there(
    kind: str, deleting: bool, thief: Actor, store: Store
) -> None:
    stored = store(OBJECTS[kind], deleting=deleting)
    refused = thief.patch(stored, {"spec": GRANTS[kind]})
    assert "the operator changes the status and its finalizer" in refused or "may not use RamRole" in refused


@pytest.mark.parametrize("kind", OBJECTS)
def test_what_the_operator_does_itself_is_let_through(kind: str, thief: Actor, store: Store) -> None:
    stored = store(OBJECTS[kind], held=True)
    assert thief.patch(stored, {"metadata": {"finalizers": [HOLD, FINALIZER]}}) == ""
    assert thief.patch(stored, {"status": {"observedGeneration": 1}}, "status") == ""
    assert thief.patch(stored, {"metadata": {"finalizers": [HOLD]}}) == ""


def test_more_rights_in_rbac_are_not_enough(thief: Actor, grant: Grant, store: Store) -> None:
    grant(thief, rule("*", "*"))
    stored = store(policy("stolen"))
    assert "creates and deletes no objects" in thief.create(policy("new"))
    assert "creates and deletes no objects" in thief.delete(stored)
    assert "never the spec" in thief.patch(stored, {"spec": {"document": document("*")}})


@pytest.mark.parametrize(
    "question",
    [
        ("get", "", "secrets"),
        ("list", "", "configmaps"),
        ("create", "", "pods"),
        ("patch", "", "nodes"),
        ("create", "", "serviceaccounts/token"),
        ("impersonate", "", "users"),
        ("create", "rbac.authorization.k8s.io", "clusterrolebindings"),
        ("patch", "admissionregistration.k8s.io", "validatingadmissionpolicies"),
        ("delete", "admissionregistration.k8s.io", "validatingadmissionpolicybindings"),
        ("patch", "apiextensions.k8s.io", "customresourcedefinitions"),
    ],
)
def test_the_token_reaches_nothing_else_of_the_cluster(question: tuple[str, str, str], thief: Actor) -> None:
    assert not thief.may(*question)


def test_the_token_makes_no_node(thief: Actor) -> None:
    assert "cannot create resource" in thief.create(node("n", "cn-hangzhou.i-1", "pool"))


# Where the chart's settings.markNodes is true, it may patch Nodes.

LABEL, TAINT = "ram.alicloud.dev/instance-role", "ram.alicloud.dev/role-not-ready"
WAITING = {"key": TAINT, "effect": "NoSchedule"}
THEIRS = {"key": "theirs", "effect": "NoExecute"}
NOT_READY = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
OF_NODES = {"apiGroups": [""], "resources": ["nodes", "nodes/status"], "verbs": ["create", "delete", "patch"]}
NODE = node("marked", "cn-hangzhou.i-marked", "p", {"theirs": "x"})
NODE["spec"]["taints"] = [THEIRS, WAITING, NOT_READY]


@pytest.fixture
def marking(thief: Actor, grant: Grant, store: Store) -> Actor:
    """The thief with all rights on Nodes, and a Node."""
    store(NODE)
    grant(thief, OF_NODES)
    return thief


MARKS: dict[str, dict[str, Any]] = {
    "its label": {"metadata": {"labels": {LABEL: "r"}}},
    "no taint of its own": {"spec": {"taints": [THEIRS, NOT_READY]}},
    "both": {"metadata": {"labels": {LABEL: "r"}}, "spec": {"taints": [THEIRS, NOT_READY]}},
}


@pytest.mark.parametrize("change", MARKS.values(), ids=MARKS)
def test_the_token_changes_its_own_label_and_taint_of_a_node(change: dict[str, Any], marking: Actor) -> None:
    assert marking.patch("Node/marked", change) == ""
    assert marking.patch("Node/marked", {"metadata": {"labels": {LABEL: None}}}) == ""


OTHER_CHANGES: dict[str, dict[str, Any]] = {
    "another label": {"metadata": {"labels": {"pool": "q"}}},
    "a new label": {"metadata": {"labels": {"node-restriction.kubernetes.io/pool": "q"}}},
    "no label of another": {"metadata": {"labels": {"theirs": None}}},
    "annotations": {"metadata": {"annotations": {"a": "b"}}},
    "finalizers": {"metadata": {"finalizers": ["theirs.example.com/x"]}},
    "owners": {"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "u"}]}},
    "no taints at all": {"spec": {"taints": None}},
    "no taint of another": {"spec": {"taints": [WAITING, NOT_READY]}},
    "a taint more": {"spec": {"taints": [THEIRS, WAITING, NOT_READY, {"key": "x", "effect": "NoExecute"}]}},
    "its taint with another effect": {"spec": {"taints": [THEIRS, {**WAITING, "effect": "NoExecute"}, NOT_READY]}},
    "a cordon": {"spec": {"unschedulable": True}},
    "pod addresses": {"spec": {"podCIDR": "10.0.0.0/24", "podCIDRs": ["10.0.0.0/24"]}},
    "a mark and more": {"metadata": {"labels": {LABEL: "r"}}, "spec": {"unschedulable": True}},
}


@pytest.mark.parametrize("change", OTHER_CHANGES.values(), ids=OTHER_CHANGES)
def test_the_token_changes_nothing_else_of_a_node(change: dict[str, Any], marking: Actor) -> None:
    assert "'operator-nodes.ram.alicloud.dev'" in marking.patch("Node/marked", change)


def test_the_token_makes_and_deletes_no_node_and_writes_no_status_of_one(marking: Actor) -> None:
    assert "creates and deletes no Nodes" in marking.create(node("n", "cn-hangzhou.i-1", "pool"))
    assert "creates and deletes no Nodes" in marking.delete("Node/marked")
    assert "writes no status" in marking.patch("Node/marked", {"status": {"phase": "Running"}}, "status")
