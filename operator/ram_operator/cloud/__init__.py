"""The ports to Alibaba Cloud: the calls this operator makes and the plain records they return, nothing else.

The engine and the kinds see only this module. The adapters behind it (`ram`, `ecs`, `sts`, over `client`) are built in
`__main__`. Every method may raise any `errors.CloudError`; what a method turns into a value instead is said where it
does. Each call is one request unless its text says otherwise, and every write may be repeated safely by observing
first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from ram_operator.errors import CloudError


class PolicyType(StrEnum):
    """Who keeps a policy's document: Alibaba Cloud, or the account."""

    SYSTEM = "System"
    CUSTOM = "Custom"


class Taggable(StrEnum):
    """RAM's resource types that carry tags (https://api.aliyun.com, RAM 2015-05-01, TagResources)."""

    ROLE = "role"
    POLICY = "policy"


@dataclass(frozen=True, slots=True, order=True)
class PolicyName:
    """A policy as RAM identifies it. Names compare case-insensitively: use `folded` as a key."""

    type: PolicyType
    name: str

    @property
    def folded(self) -> tuple[str, str]:
        """The identity under RAM's case rule."""
        return self.type.value, self.name.lower()

    def __str__(self) -> str:
        return f"{self.type}/{self.name}"


@dataclass(frozen=True, slots=True)
class Role:
    """A role in detail (GetRole). `trust` is the trust document as RAM returned it, JSON text."""

    name: str
    role_id: str
    arn: str
    description: str
    trust: str
    max_session_seconds: int
    update_date: str


@dataclass(frozen=True, slots=True)
class RoleEntry:
    """A row of ListRoles: no trust document, but tags."""

    name: str
    role_id: str
    arn: str
    description: str
    max_session_seconds: int
    update_date: str
    tags: Mapping[str, str] = field(default_factory=dict)
    create_date: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy in detail (GetPolicy). `document` is its default version's document, JSON text."""

    name: str
    type: PolicyType
    description: str
    default_version: str
    document: str
    update_date: str
    attachment_count: int


@dataclass(frozen=True, slots=True)
class PolicyEntry:
    """A row of ListPolicies: no document, but tags."""

    name: str
    type: PolicyType
    description: str
    default_version: str
    update_date: str
    attachment_count: int
    tags: Mapping[str, str] = field(default_factory=dict)
    create_date: str = ""


@dataclass(frozen=True, slots=True)
class Entities:
    """Names of what a policy is attached to (ListEntitiesForPolicy)."""

    roles: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    @property
    def grantees(self) -> tuple[Grantee, ...]:
        """All of them."""
        kinds = ((GranteeKind.USER, self.users), (GranteeKind.GROUP, self.groups), (GranteeKind.ROLE, self.roles))
        return tuple(Grantee(kind, name) for kind, names in kinds for name in names)

    def without(self, grantees: Iterable[Grantee]) -> Entities:
        """Those that are none of `grantees`."""
        gone = {one.folded for one in grantees}
        left = [one for one in self.grantees if one.folded not in gone]
        names = {kind: tuple(one.name for one in left if one.kind is kind) for kind in GranteeKind}
        return Entities(names[GranteeKind.ROLE], names[GranteeKind.USER], names[GranteeKind.GROUP])


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance as far as roles are concerned. `network` is `vpc` or `classic`."""

    instance_id: str
    network: str
    status: str
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallerIdentity:
    """Whose credentials we have (GetCallerIdentity)."""

    account_id: str
    arn: str
    identity_type: str


class GranteeKind(StrEnum):
    """Whom a policy can be attached to."""

    USER = "user"
    GROUP = "group"
    ROLE = "role"


@dataclass(frozen=True, slots=True, order=True)
class Grantee:
    """A user, group or role as RAM identifies it: names compare case-insensitively."""

    kind: GranteeKind
    name: str

    @property
    def folded(self) -> tuple[str, str]:
        """The identity under RAM's case rule."""
        return self.kind.value, self.name.lower()

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class RamApi(Protocol):
    """RAM 2015-05-01: roles, custom policies, attachments and tags. Global, one endpoint an account."""

    async def get_role(self, name: str) -> Role:
        """Return the role; raises NotFound."""

    async def list_roles(self) -> Sequence[RoleEntry]:
        """Return all roles of the account: one request per 1,000."""

    async def create_role(self, role: NewRole) -> Role:
        """Create the role together with its tags; raises AlreadyExists."""

    async def update_role(self, name: str, change: RoleChange) -> None:
        """Change what `change` names and leave the rest."""

    async def delete_role(self, name: str) -> None:
        """Delete the role; raises NotFound, and InUse while policies are attached."""

    async def get_policy(self, policy: PolicyName) -> Policy:
        """Return the policy with its default version's document; raises NotFound."""

    async def list_policies(self, policy_type: PolicyType) -> Sequence[PolicyEntry]:
        """Return all policies of a type: one request per 1,000."""

    async def create_policy(self, policy: NewPolicy) -> None:
        """Create a custom policy together with its tags; raises AlreadyExists."""

    async def update_policy_description(self, name: str, description: str) -> None:
        """Change a custom policy's description."""

    async def create_policy_version(self, name: str, document: str) -> None:
        """Make `document` the default version, rotating out the oldest non-default one where five exist."""

    async def delete_policy(self, name: str) -> None:
        """Delete a custom policy with all its versions; raises NotFound, and InUse while attached."""

    async def attach_policy_to_role(self, policy: PolicyName, role: str) -> None:
        """Attach; raises AlreadyExists where it is attached already."""

    async def detach_policy_from_role(self, policy: PolicyName, role: str) -> None:
        """Detach; raises NotFound where it is not attached."""

    async def attach_policy(self, policy: PolicyName, grantee: Grantee) -> None:
        """Attach to a user, group or role; raises AlreadyExists where it is attached already."""

    async def detach_policy(self, policy: PolicyName, grantee: Grantee) -> None:
        """Detach from a user, group or role; raises NotFound where it is not attached."""

    async def list_policies_for_role(self, role: str) -> Mapping[PolicyName, str]:
        """Return the policies attached to a role, each with its default version; raises NotFound."""

    async def list_entities_for_policy(self, policy: PolicyName) -> Entities:
        """Return what a policy is attached to; raises NotFound."""

    async def list_tags(self, resource: Taggable, name: str) -> Mapping[str, str]:
        """Return the tags of one role or policy."""

    async def tag(self, resource: Taggable, name: str, tags: Mapping[str, str]) -> None:
        """Add or overwrite tags of one role or policy."""


@dataclass(frozen=True, slots=True)
class NewRole:
    """What CreateRole takes. `trust` is JSON text."""

    name: str
    trust: str
    description: str
    max_session_seconds: int
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RoleChange:
    """What UpdateRole changes; None leaves a field as it is.

    `max_session_seconds` is always sent: the API's own page can be read as resetting it to 3600 where it is left out.
    """

    max_session_seconds: int
    trust: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class NewPolicy:
    """What CreatePolicy takes. `document` is JSON text."""

    name: str
    document: str
    description: str
    tags: Mapping[str, str]


class EcsApi(Protocol):
    """ECS 2014-05-26: instances and their one role each. Regional; ids are chunked to the API's limits."""

    async def describe_regions(self) -> tuple[str, ...]:
        """Return the ids of all regions of the account."""

    async def describe_instances(self, region: str, ids: Sequence[str]) -> Mapping[str, Instance]:
        """Return what exists of `ids`, by id; what is missing from the answer does not exist in the region."""

    async def describe_instance_roles(self, region: str, ids: Sequence[str]) -> Mapping[str, str | CloudError]:
        """Return the role of each instance by id, "" where it has none; an id without a row does not exist.

        One request per 50 ids; where the API refuses a batch because one id is unknown, one DescribeInstances finds it.
        The ids of a batch that could not be read have the error in place of the role; where no batch could be read,
        the error is raised. After a Throttled or Denied the batches that were not asked for yet are left out.
        """

    async def instances_with_role(self, region: str, role: str) -> tuple[str, ...]:
        """Return the ids of all instances that have the role; () also where the role does not exist."""

    async def attach_role(
        self, region: str, role: str, ids: Sequence[str], policy: str | None = None
    ) -> Mapping[str, CloudError]:
        """Attach the role to each instance; return the failures by id, empty when all succeeded.

        `policy` is the text of a session policy that limits the role on these instances; None for none. An instance
        that has the role already counts as attached without one, and fails with AlreadyExists with one: whether that
        policy is in force cannot be read.
        One request per 100 ids. A batch refused because of an unknown id is retried without what DescribeInstances does
        not know (those fail with NotFound, classic instances with ClassicNetwork), then halved. After a Throttled or
        Denied the batches that were not sent yet fail with the same error.
        """

    async def detach_role(self, region: str, role: str, ids: Sequence[str]) -> Mapping[str, CloudError]:
        """Detach the role from each instance; return the failures by id. Nothing attached counts as success."""


class StsApi(Protocol):
    """STS 2015-04-01."""

    async def caller_identity(self) -> CallerIdentity:
        """Return whose credentials we have."""

    def stay_in(self, account_id: str) -> None:
        """From now on let only credentials of this account make calls: others may replace them at any time."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """The three ports together: what `observe` and `Step.apply` are given."""

    ram: RamApi
    ecs: EcsApi
    sts: StsApi
