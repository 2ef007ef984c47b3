"""Actors of the threat table, on a real API server with Node and RBAC authorization and NodeRestriction.

The table is in docs/security.md; each file of this folder is one actor that tries what the table says it cannot do.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from tests.cluster.actors import Actor
from tests.cluster.apiserver import ApiServer
from tests.cluster.conftest import hand, running_world, world
from tests.cluster.objects import target
from tests.conftest import RunningControlPlane

__all__ = ["hand", "running_world", "world"]

HOLD = "tests.ram.alicloud.dev/hold"
RBAC = "/apis/rbac.authorization.k8s.io/v1"

Store = Callable[..., str]
Grant = Callable[..., None]


@pytest.fixture(scope="session")
def root(installed: RunningControlPlane) -> Iterator[ApiServer]:
    """The API server as an administrator sees it."""
    api = ApiServer(installed.kubeconfig)
    yield api
    api.close()


@pytest.fixture
def store(root: ApiServer) -> Iterator[Store]:
    """Return a function that stores an object as an administrator and returns its name.

    `held` gives it a finalizer, and `deleting` asks for its deletion as well. It is removed after the test.
    """
    stored: list[str] = []

    def run(body: dict[str, Any], held: bool = False, deleting: bool = False) -> str:
        finalizers = {"finalizers": [HOLD]} if held or deleting else {}
        name = target(body)
        root.create({**body, "metadata": {**body["metadata"], **finalizers}})
        stored.append(name)
        if deleting:
            root.delete(name)
        return name

    yield run
    for name in stored:
        if root.get(name):
            root.patch(name, {"metadata": {"finalizers": None}})
            root.delete(name)


@pytest.fixture(scope="module")
def grant(root: ApiServer, eventually: Callable[..., Any]) -> Iterator[Grant]:
    """Return a function that gives an actor a ClusterRole of its own with these rules, and waits until it counts."""
    made: list[str] = []

    def run(actor: Actor, *rules: Mapping[str, Any]) -> None:
        name = f"{actor.name.rpartition(':')[2]}-{len(made)}"
        head = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": name}}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
        subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": actor.name}
        root.request("POST", f"{RBAC}/clusterroles", {**head, "kind": "ClusterRole", "rules": rules})
        bound = {**head, "kind": "ClusterRoleBinding", "roleRef": reference, "subjects": [subject]}
        root.request("POST", f"{RBAC}/clusterrolebindings", bound)
        made.append(name)
        last = rules[-1]
        question = (last["verbs"][0], last["apiGroups"][0], last["resources"][0], *last.get("resourceNames", []))
        eventually(lambda: actor.may(*question), what=f"{actor.name} has the right to {' '.join(question)}")

    yield run
    for name in made:
        root.request("DELETE", f"{RBAC}/clusterrolebindings/{name}")
        root.request("DELETE", f"{RBAC}/clusterroles/{name}")


def rule(resource: str, *verbs: str, name: str = "") -> dict[str, Any]:
    """A rule about a resource of ours, or about one object of it."""
    names = {"resourceNames": [name]} if name else {}
    return {"apiGroups": ["ram.alicloud.dev"], "resources": [resource], **names, "verbs": list(verbs)}
