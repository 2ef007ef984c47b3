"""Which stored claims count: a status may have been lost, or written by somebody else than the operator.

A claim lets a role be taken off an instance. It counts only for a role that bindings of this cluster can have given:
one with the tags of a RamRole of this cluster, one that the settings let bindings name, the one that the spec names.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from ram_operator.cloud import RamApi, Taggable
from ram_operator.errors import Denied, NotFound
from ram_operator.kinds.instance_role_binding.cases import NO_CLAIM
from ram_operator.kinds.instance_role_binding.desiring import DesiredBinding
from ram_operator.kinds.instance_role_binding.index import selection
from ram_operator.kinds.instance_role_binding.rows import Row, same_role
from ram_operator.kinds.instance_role_binding.terms import RoleRules
from ram_operator.kinds.names import RAM_ROLE
from ram_operator.model import TAG_PREFIX, Event, EventReason, InstanceId, Json, Owner

Tags = Mapping[str, Mapping[str, str] | None]
"""The tags of roles by their folded names; None where RAM has no such role."""


def in_question(
    desired: DesiredBinding, rows: Mapping[InstanceId, Row], seen: Iterable[InstanceId], rules: RoleRules
) -> frozenset[str]:
    """The folded names of the roles whose tags decide about what may be written to the instances seen."""
    named = desired.facts.me.spec.get("roleName")
    roles = {role.lower() for role in _involved(desired, rows, seen) if role}
    return frozenset(role for role in roles if not same_role(role, named) and not rules.allows(role))


def _involved(
    desired: DesiredBinding, rows: Mapping[InstanceId, Row], seen: Iterable[InstanceId]
) -> Iterator[str | None]:
    others = selection(desired.facts).other_rows
    for one in seen:
        if one in desired.wanted:
            yield desired.role
        for row in (rows.get(one), others.get(one)):
            if row and row.claimed:
                yield from (row.role, row.replaced_role, row.previous_role)


async def read_tags(names: frozenset[str], ram: RamApi) -> Tags:
    """Read the tags of roles. Raises CloudError but NotFound and Denied: what may not be read is not ours."""
    ordered = sorted(names)
    found = await asyncio.gather(*(_tags(name, ram) for name in ordered))
    return dict(zip(ordered, found, strict=True))


async def _tags(name: str, ram: RamApi) -> Mapping[str, str] | None:
    try:
        if tags := await ram.list_tags(Taggable.ROLE, name):
            return tags
        await ram.get_role(name)
    except NotFound:
        return None
    except Denied:
        return {}
    return {}


@dataclass(frozen=True, slots=True)
class Proof:
    """What the tags of roles prove.

    Args:
        tags: as they were read; a role that is not among them is in no write.
        owner: tells the clusters whose tags count.
    """

    tags: Tags
    owner: Owner

    @property
    def owned(self) -> frozenset[str]:
        """The folded names of the roles with the tags of a RamRole of this cluster, or of one before it."""
        return frozenset(role for role, tags in self.tags.items() if tags and self._marked(tags))

    def _marked(self, tags: Mapping[str, str]) -> bool:
        clusters = (self.owner.cluster, *self.owner.previous_clusters)
        return tags.get(f"{TAG_PREFIX}cluster") in clusters and tags.get(f"{TAG_PREFIX}kind") == RAM_ROLE.kind

    def _can_be_ours(self, role: str) -> bool:
        """Whether bindings of this cluster can have given a role; one that is gone is nobody else's."""
        tags = self.tags.get(role.lower())
        return tags is None or self._marked(tags)

    def counting(self, row: Row) -> Row:
        """A row with as much of its claim as counts.

        What it says was replaced and is not ours was there before: it may be given back, and not taken off.
        """
        if row.role is None or not row.claimed:
            return row
        if not self._can_be_ours(row.role):
            return replace(row, **_NOTHING)
        if row.replaced_role and not self._can_be_ours(row.replaced_role):
            return replace(row, previous_role=row.replaced_role)
        return row


_NOTHING: Mapping[str, Json] = {**NO_CLAIM, "reason": None, "message": ""}


def refuted(before: Mapping[InstanceId, Row], counting: Mapping[InstanceId, Row]) -> Iterator[Event]:
    """Tell of claims that do not count: nothing is taken off for them."""
    for one, row in before.items():
        if row.claimed and not counting[one].claimed:
            why = f"role {row.role} lacks the tags of this cluster, so that no binding can have given it"
            yield Event(EventReason.LEFT_ALONE, f"left {one} alone: {why}", warning=True)
