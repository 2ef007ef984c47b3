"""What the kinds are called. Kinds never import each other; by these names they refer to each other's objects."""

from __future__ import annotations

from ram_operator.model import Resource

RAM_POLICY = Resource("RamPolicy", "rampolicies")
RAM_ROLE = Resource("RamRole", "ramroles")
INSTANCE_ROLE_BINDING = Resource("InstanceRoleBinding", "instancerolebindings")
