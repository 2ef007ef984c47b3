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
