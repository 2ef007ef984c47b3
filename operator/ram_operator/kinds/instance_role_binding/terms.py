"""What a binding and the operator's settings say about taking roles away and giving them back.

The verbs in `instance_role_binding` read it from the raw spec, so that it holds also where the rest does not parse and
while the binding is being deleted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ram_operator.model import Json
from ram_operator.rules.patterns import matches_any

INSTALLED_ROLES = ("KubernetesWorkerRole-*", "KubernetesMasterRole-*")
"""The roles that ACK gives to the instances of its clusters."""
MOST_UNAVAILABLE = "10%"


class Unbind(StrEnum):
    """What happens to the role of an instance that is released."""

    RESTORE = "Restore"
    DETACH = "Detach"
    RETAIN = "Retain"


@dataclass(frozen=True, slots=True)
class RequiredTag:
    """A tag that an instance must carry before it is given a role: a Node says what it likes, ECS has the tags."""

    key: str
    value: str = ""

    @classmethod
    def of(cls, text: str) -> RequiredTag | None:
        """Read `KEY`, for any value, or `KEY=VALUE`; None for an empty text."""
        key, _, value = text.partition("=")
        return cls(key, value) if key else None

    def __str__(self) -> str:
        """As it is written in the settings."""
        return f"{self.key}={self.value}" if self.value else self.key

    def is_on(self, tags: Mapping[str, str]) -> bool:
        """Whether an instance with these tags carries it."""
        return self.key in tags and self.value in ("", tags[self.key])


@dataclass(frozen=True, slots=True)
class RoleRules:
    """The settings about roles that nobody here manages; all are patterns in which `*` and `?` stand for characters.

    Args:
        protected: roles that are replaced only where the binding says so.
        restorable: roles that may be given back to an instance.
        allowed: roles that bindings may name by roleName.
        any_instance: whether bindings may name instances that are no nodes.
        required_tag: what an instance must carry; None where any may be given a role.
    """

    protected: tuple[str, ...] = INSTALLED_ROLES
    restorable: tuple[str, ...] = INSTALLED_ROLES
    allowed: tuple[str, ...] = ()
    any_instance: bool = False
    required_tag: RequiredTag | None = None

    def allows(self, role: str) -> bool:
        """Whether a binding may give a role that no RamRole manages."""
        return matches_any(role, self.allowed)

    def restores(self, role: str) -> bool:
        """Whether an instance may be given back a role, whoever manages it."""
        return matches_any(role, self.restorable)


@dataclass(frozen=True, slots=True)
class Terms:
    """What may be done to an instance.

    Args:
        rules: the settings.
        replaces: whether ours may take the place of a role that somebody else gave.
        replaces_protected: whether also of a protected one.
        unbind: what happens to an instance that is released.
        managed: the folded names of the roles that RamRoles of this cluster own; they may be given back as well.
    """

    rules: RoleRules = RoleRules()
    replaces: bool = False
    replaces_protected: bool = False
    unbind: Unbind = Unbind.RESTORE
    managed: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def of(cls, spec: Mapping[str, Json], rules: RoleRules, managed: frozenset[str]) -> Terms:
        """Read them from a spec as it is stored."""
        unbind = spec.get("unbindPolicy")
        return cls(
            rules,
            spec.get("conflictPolicy") == "Replace",
            spec.get("allowProtectedRoles") is True,
            Unbind(unbind) if unbind in set(Unbind) else Unbind.RESTORE,
            managed,
        )

    def protects(self, role: str) -> bool:
        """Whether a role is left where it is, since add-ons of the node may depend on it."""
        return not self.replaces_protected and matches_any(role, self.rules.protected)

    def may_give_back(self, role: str) -> bool:
        """Whether an instance may be given back a role that it had."""
        return role.lower() in self.managed or self.rules.restores(role)


def most_unavailable(spec: Mapping[str, Json], instances: int) -> int:
    """How many of some instances may be without a role at a time: rounded down, at least 1."""
    rollout = spec.get("rollout")
    given = str((rollout.get("maxUnavailable") if isinstance(rollout, Mapping) else None) or MOST_UNAVAILABLE)
    number = given.removesuffix("%")
    if not number.isascii() or not number.isdigit():
        return 1
    return max(1, int(number) * instances // 100 if given.endswith("%") else int(number))
