"""What is read of a role, and what again after a write."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from ram_operator.cloud import Cloud, EcsApi, Policy, PolicyEntry, PolicyName, PolicyType, RamApi, Role, Taggable
from ram_operator.errors import CloudError, Denied, NotFound, Unauthenticated
from ram_operator.kinds import ownership
from ram_operator.kinds.steps import tags_of
from ram_operator.model import TEXT_LENGTH, Scope, Unreadable
from ram_operator.rules.documents import only_adds, same_meaning

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ObservedRole:
    """What is there; None in its place means that nothing was read.

    `instances` are those that have the role, read only when deleting; `unreadable` are regions that gave no answer.
    `documents` are those of the custom policies that are wanted or exposed, "" where it may not be read, without those
    that are known; `policy_tags` the tags of policies that RamPolicies make and that are not attached yet, None for one
    that RAM does not have.
    `versions` are those of the other custom policies that are wanted and may be read, as `version_of` writes them.
    `in_force` are the default versions of what is attached, by folded name.
    """

    role: Role | None = None
    tags: Mapping[str, str] | None = None
    attached: tuple[PolicyName, ...] = ()
    instances: tuple[str, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    documents: Mapping[tuple[str, str], str] = field(default_factory=dict)
    policy_tags: Mapping[tuple[str, str], Mapping[str, str] | None] = field(default_factory=dict)
    versions: tuple[str, ...] = ()
    in_force: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def exposed(self, trust: str, adoption: str) -> tuple[PolicyName, ...]:
        """What is attached already and is granted anew: all, if the role is taken over or lets in more than before.

        Args:
            trust: the trust policy that the role gets.
            adoption: the spec's adoptionPolicy.
        """
        if self.role is None:
            return ()
        widens = not same_meaning(self.role.trust, trust) and not only_adds(trust, self.role.trust)
        return self.attached if widens or ownership.adopts(adoption, self.tags) else ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a reading.

    Args:
        name: the role's name.
        scope: what was touched.
        custom: the custom policies that are wanted: their documents are read, where they are not known.
        managed: those of them that RamPolicies make: their tags are read before they are attached.
        known: the default versions that are known to be as the specs of RamPolicies say, by folded name.
        deleting: whether to ask which instances have the role.
        trust: the trust policy that the role gets; None where it is being deleted.
        adoption: the spec's adoptionPolicy.
    """

    name: str
    scope: Scope
    custom: tuple[PolicyName, ...] = ()
    managed: tuple[PolicyName, ...] = ()
    known: Mapping[tuple[str, str], str] = field(default_factory=dict)
    deleting: bool = False
    trust: str | None = None
    adoption: str = "Never"


async def observe(asked: Asked, before: ObservedRole | bool, cloud: Cloud) -> ObservedRole:
    """Read a role. NotFound is a value.

    Args:
        asked: what to read.
        before: what was seen before the writes; or whether the role probably exists.
        cloud: the ports.
    """
    try:
        if isinstance(before, ObservedRole) and before.role and before.tags is not None:
            found = await _read_again(before, before.role, before.tags, asked, cloud.ram)
        else:
            found = await _read(asked.name, cloud.ram, exists=bool(before))
    except NotFound:
        found = ObservedRole()
    if isinstance(before, ObservedRole):
        found = replace(found, documents=before.documents, policy_tags=before.policy_tags, versions=before.versions)
    else:
        found = await _with_policies(found, asked, cloud.ram)
    if found.role is None:
        return found
    return await _with_instances(found, asked.name, cloud.ecs) if asked.deleting else found


async def _with_policies(found: ObservedRole, asked: Asked, ram: RamApi) -> ObservedRole:
    """With what RAM has of the policies: a RamPolicy's spec says what it should grant, not what it grants.

    A version never changes: one that is attached, and that its RamPolicy found to be as its spec says, is not read.
    """
    present = {policy.folded for policy in found.attached}
    coming = tuple(policy for policy in asked.managed if policy.folded not in present)
    exposed = () if asked.trust is None else found.exposed(asked.trust, asked.adoption)
    others = (one for one in exposed if one.type is PolicyType.CUSTOM)
    unknown = (one for one in asked.custom if not _is_known(one, found, asked))
    judged = {policy.folded: policy for policy in (*unknown, *others)}
    read, tags = await asyncio.gather(_policies(tuple(judged.values()), ram), _tags(coming, ram))
    documents = {key: policy.document for key, policy in read.items()}
    others_wanted = (read.get(policy.folded) for policy in asked.custom if policy not in asked.managed)
    versions = tuple(sorted(version_of(policy) for policy in others_wanted if policy and policy.default_version))
    return replace(found, documents=documents, policy_tags=tags, versions=versions)


def _is_known(policy: PolicyName, found: ObservedRole, asked: Asked) -> bool:
    version = found.in_force.get(policy.folded)
    return bool(version) and version == asked.known.get(policy.folded)


def version_of(policy: Policy | PolicyEntry) -> str:
    """What changes whenever a policy grants something else: its name, default version and date of change.

    It is cut to what the status holds, which is more than RAM's own limits need.
    """
    return f"{policy.name} {policy.default_version} {policy.update_date}"[:TEXT_LENGTH]


async def _tags(policies: tuple[PolicyName, ...], ram: RamApi) -> Mapping[tuple[str, str], Mapping[str, str] | None]:
    tags = await asyncio.gather(*(_tags_of(policy, ram) for policy in policies))
    return {policy.folded: found for policy, found in zip(policies, tags, strict=True)}


async def _tags_of(policy: PolicyName, ram: RamApi) -> Mapping[str, str] | None:
    try:
        return await ram.list_tags(Taggable.POLICY, policy.name)
    except NotFound:
        return None


async def _policies(policies: tuple[PolicyName, ...], ram: RamApi) -> Mapping[tuple[str, str], Policy]:
    read = await asyncio.gather(*(_policy(policy, ram) for policy in policies))
    return {policy.folded: found for policy, found in zip(policies, read, strict=True) if found is not None}


async def _policy(policy: PolicyName, ram: RamApi) -> Policy | None:
    """A policy, None where there is none; one that may not be read has neither version nor document."""
    try:
        return await ram.get_policy(policy)
    except NotFound:
        return None
    except Unauthenticated:
        raise
    except Denied:
        return Policy(policy.name, policy.type, "", "", "", "", 0)


async def _read(name: str, ram: RamApi, *, exists: bool) -> ObservedRole:
    """Read a role; one that probably does not `exist` yet has no tags and policies to ask for."""
    if exists:
        role, tags, attached = await asyncio.gather(
            ram.get_role(name), ram.list_tags(Taggable.ROLE, name), ram.list_policies_for_role(name)
        )
    else:
        role = await ram.get_role(name)
        tags, attached = await asyncio.gather(ram.list_tags(Taggable.ROLE, name), ram.list_policies_for_role(name))
    return ObservedRole(
        role,
        tags,
        tuple(attached),
        in_force={policy.folded: version for policy, version in attached.items()},
    )


async def _read_again(
    before: ObservedRole, role: Role, tags: Mapping[str, str], asked: Asked, ram: RamApi
) -> ObservedRole:
    """Read of a role what was touched: the role itself, its tags, its policies."""
    name, its_tags, scope = asked.name, tags_of(asked.name), asked.scope
    others = scope.subjects is None or {one.lower() for one in scope.subjects} - {name.lower(), its_tags.lower()}
    role, tags, attached = await asyncio.gather(
        ram.get_role(name) if scope.names(name) else _value(role),
        ram.list_tags(Taggable.ROLE, name) if scope.names(its_tags) else _value(tags),
        ram.list_policies_for_role(name) if others else _value(before.attached),
    )
    return ObservedRole(role, tags, tuple(attached))


async def _value(value: T) -> T:
    return value


async def _with_instances(found: ObservedRole, role: str, ecs: EcsApi) -> ObservedRole:
    """With the instances of all regions that have the role: RAM itself would delete it under them."""
    regions = await ecs.describe_regions()
    answers = await asyncio.gather(*(_instances_in(region, role, ecs) for region in regions))
    instances = tuple(one for answer in answers if not isinstance(answer, Unreadable) for one in answer)
    unreadable = tuple(answer for answer in answers if isinstance(answer, Unreadable))
    return replace(found, instances=instances, unreadable=unreadable)


async def _instances_in(region: str, role: str, ecs: EcsApi) -> tuple[str, ...] | Unreadable:
    try:
        return tuple(f"{region}.{id_}" for id_ in await ecs.instances_with_role(region, role))
    except CloudError as error:
        return Unreadable(region, frozenset({role}), error)
