"""What an object of one kind offers to those of another: a policy to roles, a role to bindings.

Kinds never import each other; what one may read of another stands here. Names in RAM come from the spec, which keeps
them for good: a status may be lost, or written by somebody else.
"""

from __future__ import annotations

from collections.abc import Mapping

from ram_operator.cloud import PolicyType
from ram_operator.model import Json, Reference


def policy_name(policy: Reference) -> str:
    """The name in RAM of the policy that a RamPolicy makes."""
    return str(policy.spec.get("policyName") or policy.key.name)


def role_name(role: Reference) -> str:
    """The name in RAM of the role that a RamRole makes."""
    return str(role.spec.get("roleName") or role.key.name)


def policy_exists(policy: Reference) -> bool:
    """Whether the cloud has the policy as ours, so that it can be attached; also while an edit of it is refused."""
    return bool(policy.status.get("defaultVersion"))


def attaches(role: Reference, policy: str) -> bool:
    """Whether a role has a custom policy attached that it claims, as far as RAM has shown it."""
    rows = role.status.get("managedPolicies") or ()
    return any(
        row["type"] == PolicyType.CUSTOM and row["name"].lower() == policy.lower() and not row.get("pending")
        for row in rows
    )


CLAIMING = frozenset({"Attached", "TakenOver"})
"""The origins of a binding's rows by which the operator is about to attach a role, or has attached it."""


def claims(binding: Reference) -> tuple[Mapping[str, Json], ...]:
    """The rows of a binding that claim an instance."""
    return tuple(row for row in binding.status.get("instances") or () if row.get("origin") in CLAIMING)


def uses_role(binding: Reference) -> bool:
    """Whether a binding has given its role to instances, or may do so before it sees that the role is being deleted."""
    looked_at = "observedGeneration" in binding.status
    return bool(claims(binding) or binding.status.get("roleName") or not looked_at)


def role_made_here(role: Reference) -> bool:
    """Whether the operator created the role: it was not taken over, so that nobody gave it to an instance before."""
    return bool(role.status.get("origin") == "Created")


def role_owned(role: Reference) -> bool:
    """Whether the cloud has the role as ours."""
    return bool(role.status.get("arn"))


def role_usable(role: Reference) -> bool:
    """Whether a role may be attached to instances: it exists in the cloud as ours, with all its policies.

    It stays usable while a later edit of it is refused: its last good state is what instances get.
    """
    counts = role.status.get("policyCounts") or {}
    complete = bool(counts) and counts.get("attached") == counts.get("wanted")
    return not role.deleting and role_owned(role) and (role.ready or complete)
