"""What is read of a policy, and what besides before it is deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ram_operator.cloud import Entities, Policy, PolicyName, PolicyType, RamApi, Taggable
from ram_operator.errors import NotFound
from ram_operator.kinds.offers import role_name
from ram_operator.kinds.steps import tags_of
from ram_operator.model import TAG_PREFIX, Facts, Scope


@dataclass(frozen=True, slots=True)
class ObservedPolicy:
    """What is there; None in its place means that nothing was read.

    Args:
        policy: the policy.
        tags: its tags.
        entities: what it is attached to, read only when deleting or granting.
        marks: of each role in `entities` that no object here claims the cluster in its tags; None where it is gone.
        system: whether Alibaba Cloud has a policy of that name, read only where the account has none.
    """

    policy: Policy | None = None
    tags: Mapping[str, str] | None = None
    entities: Entities | None = None
    marks: Mapping[str, str | None] = field(default_factory=dict)
    system: bool = False

    @property
    def name(self) -> str:
        """The policy's name as RAM spells it."""
        return self.policy.name if self.policy else ""

    def may_be_stale(self, role: str, cluster: str) -> bool:
        """Whether a role that nobody claims is gone or has the marks of `cluster`."""
        return self.marks.get(role, "") in (None, cluster)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a reading: the subjects in `scope`, and, if `granting`, what the policy is attached to."""

    scope: Scope
    granting: bool


async def observe(name: str, before: ObservedPolicy | bool, asked: Asked, ram: RamApi, facts: Facts) -> ObservedPolicy:
    """Read a policy. NotFound is a value.

    Args:
        name: the policy's name.
        before: what was seen before the writes; or whether the policy probably exists.
        asked: what was touched, and what else is asked for.
        ram: the port.
        facts: of the object.
    """
    policy_name, again = PolicyName(PolicyType.CUSTOM, name), isinstance(before, ObservedPolicy)
    try:
        if isinstance(before, ObservedPolicy) and before.tags is not None and not asked.scope.names(tags_of(name)):
            policy, tags = await ram.get_policy(policy_name), before.tags
        elif before:
            policy, tags = await asyncio.gather(ram.get_policy(policy_name), ram.list_tags(Taggable.POLICY, name))
        else:
            # One after the other, since a policy that was not created yet has no tags to ask for.
            policy = await ram.get_policy(policy_name)
            tags = await ram.list_tags(Taggable.POLICY, name)
        attached = (asked.granting or facts.me.deleting) and policy.attachment_count > 0
        entities = await ram.list_entities_for_policy(policy_name) if attached else None
    except NotFound:
        # A policy that was not reported on yet is most likely new: that costs no second call.
        still = again or bool(facts.me.status.get("conditions"))
        return ObservedPolicy(system=still and not facts.me.deleting and await _is_system(name, ram))
    marks = await _marks(entities, facts, ram) if entities and facts.me.deleting else {}
    return ObservedPolicy(policy, tags, entities, marks)


async def _is_system(name: str, ram: RamApi) -> bool:
    try:
        await ram.get_policy(PolicyName(PolicyType.SYSTEM, name))
    except NotFound:
        return False
    return True


async def _marks(entities: Entities, facts: Facts, ram: RamApi) -> Mapping[str, str | None]:
    claimed = {role_name(role).lower() for role in facts.referrers}
    names = [name for name in entities.roles if name.lower() not in claimed]
    return dict(zip(names, await _clusters(names, ram), strict=True))


async def _clusters(roles: Iterable[str], ram: RamApi) -> list[str | None]:
    return await asyncio.gather(*(_cluster(role, ram) for role in roles))


async def _cluster(role: str, ram: RamApi) -> str | None:
    """The cluster in a role's tags, "" where there is none; None where the role is gone."""
    try:
        await ram.get_role(role)
        return (await ram.list_tags(Taggable.ROLE, role)).get(f"{TAG_PREFIX}cluster", "")
    except NotFound:
        return None
