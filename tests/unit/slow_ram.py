"""RAM in memory that may show a write late: for tests of what is done until it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from tests.unit.builders import cloud_policy, cloud_role
from tests.unit.scene import Instances

from ram_operator.cloud import Cloud, Entities, NewPolicy, NewRole, Policy, PolicyName, RamApi, Role, StsApi, Taggable
from ram_operator.errors import NotFound, PolicyNotFound


class SlowRam:
    """One role and one policy.

    Attributes:
        shows: whether readings show what was written last; else they show what they showed before.
        calls: the writes, in words.
    """

    def __init__(self) -> None:
        self.shows = True
        self.calls: list[str] = []
        self.tags: Mapping[str, str] = {}
        self.policy_tags: Mapping[str, str] = {}
        self.role: Role | None = None
        self.policy: Policy | None = None
        self.attached: tuple[PolicyName, ...] = ()
        self._shown: tuple[Any, ...] = (None, None, ())

    def cloud(self, ecs: Instances | None = None) -> Cloud:
        return Cloud(cast("RamApi", self), ecs or Instances({}), cast("StsApi", None))

    def _reading(self) -> tuple[Any, ...]:
        if self.shows:
            self._shown = (self.role, self.policy, self.attached)
        return self._shown

    def _writes(self, call: str) -> None:
        self._reading()
        self.calls.append(call)

    async def get_role(self, name: str) -> Role:
        role: Role | None = self._reading()[0]
        if role is None:
            raise NotFound("GetRole", "EntityNotExist.Role")
        return role

    async def get_policy(self, name: PolicyName) -> Policy:
        policy: Policy | None = self._reading()[1]
        if policy is None:
            raise PolicyNotFound("GetPolicy", "EntityNotExist.Policy")
        return policy

    async def list_tags(self, resource: Taggable, name: str) -> Mapping[str, str]:
        return self.tags if resource is Taggable.ROLE else self.policy_tags

    async def list_policies_for_role(self, name: str) -> Mapping[PolicyName, str]:
        return dict.fromkeys(self._reading()[2], "v1")

    async def list_entities_for_policy(self, name: str) -> Entities:
        return Entities()

    async def create_role(self, new: NewRole) -> None:
        self._writes(f"create {new.name}")
        self.tags = dict(new.tags)
        self.role = replace(cloud_role(new.name), trust=new.trust, description=new.description)

    async def delete_role(self, name: str) -> None:
        self._writes(f"delete {name}")
        self.role = None

    async def attach_policy_to_role(self, policy: PolicyName, role: str) -> None:
        self._writes(f"attach {policy}")
        self.attached = (*self.attached, policy)

    async def detach_policy_from_role(self, policy: PolicyName, role: str) -> None:
        self._writes(f"detach {policy}")
        self.attached = tuple(one for one in self.attached if one != policy)

    async def create_policy(self, new: NewPolicy) -> None:
        self._writes(f"create {new.name}")
        self.policy_tags = dict(new.tags)
        self.policy = replace(cloud_policy(new.name), document=new.document, description=new.description)

    async def create_policy_version(self, name: str, document: str) -> None:
        self._writes(f"version of {name}")
        assert self.policy
        self.policy = replace(self.policy, document=document, default_version="v2")

    async def delete_policy(self, name: str) -> None:
        self._writes(f"delete {name}")
        self.policy = None
