"""Our objects and Nodes as tests write them: one line each, with what the test is about as arguments."""

from collections.abc import Iterable, Mapping
from typing import Any

API_VERSION = "ram.alicloud.dev/v1alpha1"


def policy(name: str, action: str = "oss:Get*", **spec: Any) -> dict[str, Any]:
    """A RamPolicy that allows one action, in the cloud under the same name unless `policyName` says otherwise."""
    document = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}
    return _object("RamPolicy", name, {"document": document, **spec})


def role(name: str, *policies: str, **spec: Any) -> dict[str, Any]:
    """A RamRole with references to RamPolicies of these names."""
    references = [{"policyRef": {"name": one}} for one in policies]
    return _object("RamRole", name, {"policies": references, **spec})


def binding(name: str, role: str, pool: str | None = None, nodes: Iterable[str] = (), **spec: Any) -> dict[str, Any]:
    """An InstanceRoleBinding of the nodes with label `pool`, or of these names."""
    selector = {"nodeSelector": {"matchLabels": {"pool": pool}}} if pool else {}
    names = {"nodeNames": list(nodes)} if nodes else {}
    return _object("InstanceRoleBinding", name, {"roleRef": {"name": role}, **selector, **names, **spec})


def node(name: str, provider_id: str = "", pool: str = "", labels: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A Node, perhaps without a provider ID and without a pool."""
    spec = {"providerID": provider_id} if provider_id else {}
    named = {"pool": pool} if pool else {}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {**named, **(labels or {})}},
        "spec": spec,
    }


def document(*actions: str) -> dict[str, Any]:
    """A policy document that allows these actions on everything."""
    return {"Version": "1", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}


def target(body: Mapping[str, Any]) -> str:
    """`Kind/name` of an object."""
    return f"{body['kind']}/{body['metadata']['name']}"


def _object(kind: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": dict(spec)}
