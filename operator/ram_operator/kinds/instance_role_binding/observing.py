"""What a binding sees: the role of each instance that has to be looked at, one question a region.

A region or role that cannot be read is a value here. The instances concerned are as unknown as before, and the others
are served.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, groupby

from ram_operator.cloud import EcsApi, RamApi
from ram_operator.errors import CloudError, NotFound, RegionNotFound
from ram_operator.kinds.instance_role_binding.lacking import Comparison
from ram_operator.kinds.instance_role_binding.terms import RequiredTag
from ram_operator.model import InstanceId, Unreadable
from ram_operator.rules.documents import trusts_service


@dataclass(frozen=True, slots=True)
class RoleRead:
    """What GetRole said of the role, before something else is taken off for it."""

    exists: bool
    trusts_ecs: bool = False

    @property
    def usable(self) -> bool:
        """Whether an instance can have it."""
        return self.exists and self.trusts_ecs


@dataclass(frozen=True, slots=True)
class ObservedBinding:
    """The role of each instance that was read, "" for none; `missing` are those that ECS does not know.

    `unreadable` says by place, a region or a role, what could not be read, and why; `role` what the role is like, and
    `tags` what tags roles have by their folded names, None for a role that RAM does not have, both where that was
    asked. `untagged` are the instances that lack the tag that the settings ask for. `compared` is what roles allow
    that are to be replaced for the first time, and the one that takes their place.
    """

    roles: Mapping[InstanceId, str]
    missing: frozenset[InstanceId] = frozenset()
    unreadable: Mapping[str, Unreadable] = field(default_factory=dict)
    role: RoleRead | None = None
    untagged: frozenset[InstanceId] = frozenset()
    compared: Comparison = field(default_factory=Comparison)
    tags: Mapping[str, Mapping[str, str] | None] = field(default_factory=dict)

    def error_of(self, instance: InstanceId) -> CloudError | None:
        """What kept an instance from being read, if anything."""
        parts = (part for part in self.unreadable.values() if str(instance) in part.subjects)
        return next((part.error for part in parts), None)

    def unreadable_of(self, claimed: Iterable[InstanceId | None]) -> tuple[Unreadable, ...]:
        """What may be read later; a region that ECS does not have counts only where something is claimed in it."""
        subjects = frozenset(map(str, claimed))
        parts = self.unreadable.values()
        return tuple(part for part in parts if not isinstance(part.error, RegionNotFound) or part.subjects & subjects)

    def without(self, place: str, instances: Collection[InstanceId], error: CloudError) -> ObservedBinding:
        """The same as if some instances had not been read: what decides about them could not be."""
        roles = {instance: role for instance, role in self.roles.items() if instance not in instances}
        part = Unreadable(place, frozenset(map(str, instances)), error)
        return replace(self, roles=roles, unreadable={**self.unreadable, place: part})

    def renewed(self, asked: Iterable[InstanceId], later: ObservedBinding) -> ObservedBinding:
        """The same, with what a later look at `asked` saw in place of what was seen of them."""
        again = frozenset(asked)
        roles = {instance: role for instance, role in self.roles.items() if instance not in again}
        return ObservedBinding(
            {**roles, **later.roles},
            (self.missing - again) | later.missing,
            _both(self.unreadable, later.unreadable),
            self.role,
            (self.untagged - again) | later.untagged,
            self.compared,
            self.tags,
        )


def _both(some: Mapping[str, Unreadable], others: Mapping[str, Unreadable]) -> dict[str, Unreadable]:
    """What could not be read by either, by place."""
    shared = some.keys() & others.keys()
    merged = {place: replace(others[place], subjects=some[place].subjects | others[place].subjects) for place in shared}
    return {**some, **others, **merged}


async def read_role(name: str, ram: RamApi) -> RoleRead:
    """Ask RAM whether instances can have a role. Raises CloudError but NotFound."""
    try:
        role = await ram.get_role(name)
    except NotFound:
        return RoleRead(exists=False)
    return RoleRead(True, trusts_service(role.trust))


def _by_region(instances: Iterable[InstanceId]) -> list[tuple[str, tuple[InstanceId, ...]]]:
    return [(region, tuple(group)) for region, group in groupby(sorted(instances), key=lambda one: one.region)]


async def look(instances: Iterable[InstanceId], ecs: EcsApi) -> ObservedBinding:
    """Read the role of each instance; one request for 50 of a region."""
    regions = _by_region(instances)
    answers = await asyncio.gather(*(_roles_in(region, asked, ecs) for region, asked in regions))
    roles: dict[InstanceId, str] = {}
    unreadable: dict[str, Unreadable] = {}
    asked_of: set[InstanceId] = set()
    for (region, asked), answer in zip(regions, answers, strict=True):
        errors = {InstanceId(region, id_): error for id_, error in answer.items() if isinstance(error, CloudError)}
        if errors:
            unreadable[region] = Unreadable(region, frozenset(map(str, errors)), next(iter(errors.values())))
        asked_of |= set(asked) - errors.keys()
        roles |= {InstanceId(region, id_): role for id_, role in answer.items() if isinstance(role, str)}
    return ObservedBinding(roles, frozenset(asked_of - roles.keys()), unreadable)


async def look_at_tags(instances: Iterable[InstanceId], tag: RequiredTag, ecs: EcsApi) -> ObservedBinding:
    """Find out which of some instances lack a tag; one that does not exist lacks nothing."""
    regions = _by_region(instances)
    answers = await asyncio.gather(*(_without_tag(region, asked, tag, ecs) for region, asked in regions))
    untagged = chain.from_iterable(answer for answer in answers if isinstance(answer, frozenset))
    unread = (
        Unreadable(region, frozenset(map(str, asked)), answer)
        for (region, asked), answer in zip(regions, answers, strict=True)
        if isinstance(answer, CloudError)
    )
    return ObservedBinding({}, unreadable={part.place: part for part in unread}, untagged=frozenset(untagged))


async def _without_tag(
    region: str, instances: Sequence[InstanceId], tag: RequiredTag, ecs: EcsApi
) -> frozenset[InstanceId] | CloudError:
    try:
        found = await ecs.describe_instances(region, [instance.id for instance in instances])
    except CloudError as error:
        return error
    return frozenset(one for one in instances if one.id in found and not tag.is_on(found[one.id].tags))


async def _roles_in(region: str, instances: Sequence[InstanceId], ecs: EcsApi) -> Mapping[str, str | CloudError]:
    ids = [instance.id for instance in instances]
    try:
        return await ecs.describe_instance_roles(region, ids)
    except CloudError as error:
        return dict.fromkeys(ids, error)
