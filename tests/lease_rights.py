"""The Lease of the replicas that tests and measurements run, and the rights on it that the chart gives."""

from __future__ import annotations

from typing import Any

NAMESPACE = "default"
GROUP = "coordination.k8s.io"
LEASES = f"/apis/{GROUP}/v1/namespaces/{NAMESPACE}/leases"
RBAC = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}"


def named(lease: str) -> dict[str, str]:
    """The settings of an operator that has this Lease."""
    return {"RAM_OPERATOR_LEASE_NAMESPACE": NAMESPACE, "RAM_OPERATOR_LEASE_NAME": lease}


def lease_rights(lease: str, namespace: str) -> dict[str, dict[str, Any]]:
    """The Role and the RoleBinding, by their plurals under `RBAC`, for the operator's ServiceAccount in a namespace."""
    of_one = {"apiGroups": [GROUP], "resources": ["leases"], "resourceNames": [lease], "verbs": ["get", "update"]}
    rules = [{"apiGroups": [GROUP], "resources": ["leases"], "verbs": ["create"]}, of_one]
    subject = {"kind": "ServiceAccount", "name": "ram-operator", "namespace": namespace}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": lease}
    made = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": lease}}
    return {
        "roles": {**made, "kind": "Role", "rules": rules},
        "rolebindings": {**made, "kind": "RoleBinding", "roleRef": role, "subjects": [subject]},
    }
