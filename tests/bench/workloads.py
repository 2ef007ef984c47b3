"""What is put upon the operator."""

from typing import Any

from ram_sandbox.nodes import node_object

API_VERSION = "ram.alicloud.dev/v1alpha1"


def policy(number: int, action: str = "oss:Get*") -> dict[str, Any]:
    """Return a RamPolicy."""
    spec = {"document": {"Statement": [{"Effect": "Allow", "Action": [action], "Resource": "*"}]}}
    return {"apiVersion": API_VERSION, "kind": "RamPolicy", "metadata": {"name": f"bench-{number}"}, "spec": spec}


def role(number: int) -> dict[str, Any]:
    """Return a RamRole with the policy of the same number."""
    spec = {"policies": [{"policyRef": {"name": f"bench-{number}"}}]}
    return {"apiVersion": API_VERSION, "kind": "RamRole", "metadata": {"name": f"bench-{number}"}, "spec": spec}


def binding(pool: int) -> dict[str, Any]:
    """Return an InstanceRoleBinding of a pool."""
    spec = {"roleRef": {"name": "bench-0"}, "nodeSelector": {"matchLabels": {"pool": str(pool)}}}
    metadata = {"name": f"bench-{pool}"}
    return {"apiVersion": API_VERSION, "kind": "InstanceRoleBinding", "metadata": metadata, "spec": spec}


def nodes(instances: list[str], pools: int) -> list[dict[str, Any]]:
    """Return a Node for each instance, spread over pools."""
    return [
        node_object(f"bench-{number}", "cn-hangzhou", instance, {"pool": str(number % pools)})
        for number, instance in enumerate(instances)
    ]


def kubelet_node(node: dict[str, Any]) -> dict[str, Any]:
    """Return a Node as large as a kubelet's: with conditions, addresses and the images it has."""
    images = [
        {"names": [f"registry.example/team/{number}@sha256:{number:064}", f"registry.example/team/{number}:v1"]}
        | {"sizeBytes": number * 1000}
        for number in range(40)
    ]
    conditions = [
        {"type": name, "status": "False", "reason": f"KubeletHasNo{name}", "message": f"kubelet has no {name}"}
        for name in ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")
    ]
    sizes = {"cpu": "8", "memory": "32Gi", "ephemeral-storage": "100Gi", "pods": "110"}
    status = {"capacity": sizes, "allocatable": sizes, "conditions": conditions, "images": images}
    return {**node, "status": status}
