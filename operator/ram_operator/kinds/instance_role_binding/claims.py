"""Which stored claims count: a status may have been lost, or written by somebody else than the operator.

A claim lets a role be taken off an instance. It counts only for a role that bindings of this cluster can have given:
one with the tags of a RamRole of this cluster, one that the settings let bindings name, the one that the spec names.
A claim that does not count stays stored, and counts again once the role has its tags; a deletion gives it up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from ram_operator.cloud import RamApi, Taggable
from ram_operator.errors import CloudError, NotFound
from ram_operator.kinds.instance_role_binding.cases import NO_CLAIM, Case, Verdict
from ram_operator.kinds.instance_role_binding.desiring import DesiredBinding
from ram_operator.kinds.instance_role_binding.index import selection
from ram_operator.kinds.instance_role_binding.observing import ObservedBinding
from ram_operator.kinds.instance_role_binding.rows import Row, State, same_role
from ram_operator.kinds.instance_role_binding.terms import RoleRules
from ram_operator.kinds.names import RAM_ROLE
from ram_operator.kinds.ownership import RECHECK_SECONDS
from ram_operator.model import TAG_PREFIX, Event, EventReason, InstanceId, Json, Owner, Reason, explain

Tags = Mapping[str, Mapping[str, str] | None]
"""The tags of roles by their folded names; None where RAM has no such role."""
Verdicts = Mapping[InstanceId, Verdict]


async def with_tags(
    seen: ObservedBinding, desired: DesiredBinding, rows: Mapping[InstanceId, Row], rules: RoleRules, ram: RamApi
) -> ObservedBinding:
    """What was seen, with the tags of the roles that decide about it; what may not be read proves nothing."""
    concerned = _in_question(desired, rows, seen.roles, rules)
    names = sorted(concerned)
    answers = await asyncio.gather(*(_tags(name, ram) for name in names))
    tags: dict[str, Mapping[str, str] | None] = {}
    for name, answer in zip(names, answers, strict=True):
        if isinstance(answer, CloudError):
            seen = seen.without(f"role {name}", concerned[name], answer)
        else:
            tags[name.lower()] = answer
    return replace(seen, tags=tags)


def _in_question(
    desired: DesiredBinding, rows: Mapping[InstanceId, Row], seen: Iterable[InstanceId], rules: RoleRules
) -> Mapping[str, set[InstanceId]]:
    """The roles whose tags decide about what may be written, each spelled in one way, with the instances concerned."""
    named = desired.facts.me.spec.get("roleName")
    spelled: dict[str, str] = {}
    found: dict[str, set[InstanceId]] = {}
    for one in seen:
        for role in _involved(one, desired, rows, rules):
            if role and not same_role(role, named) and not rules.allows(role):
                found.setdefault(spelled.setdefault(role.lower(), role), set()).add(one)
    return found


def _involved(
    one: InstanceId, desired: DesiredBinding, rows: Mapping[InstanceId, Row], rules: RoleRules
) -> Iterator[str | None]:
    if one in desired.wanted:
        yield desired.role
    for row in (rows.get(one), selection(desired.facts).other_rows.get(one)):
        if row and row.claimed:
            yield row.role
            if not same_role(row.replaced_role, row.previous_role):
                yield row.replaced_role
            # What was there before us is only given back: where the settings allow it, no tags are needed.
            if row.previous_role and not rules.restores(row.previous_role):
                yield row.previous_role


async def _tags(name: str, ram: RamApi) -> Mapping[str, str] | CloudError | None:
    try:
        if tags := await ram.list_tags(Taggable.ROLE, name):
            return tags
        await ram.get_role(name)
    except NotFound:
        return None
    except CloudError as error:
        return error
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


_OF_WRITES = frozenset({Reason.VERIFYING, Reason.API_ERROR, Reason.RETRYING, Reason.ROLLED_BACK})
"""What a row says of our last write."""


def suspended(case: Case, verdict: Verdict, stored: Row | None) -> Verdict:
    """The verdict with what does not count of a stored claim: nothing follows from that, and it stays.

    It ends where a deletion gives it up, the instance is gone, has another role by now, or is given one.
    """
    if stored is None or not stored.claimed:
        return verdict
    if case.row and case.row.claimed:
        return _with_previous(case.row, verdict, stored)
    over = case.deleting or case.missing or verdict.writes
    if over or (case.seen and not stored.gave(case.seen)):
        return verdict
    state = verdict.row.state if verdict.row else State.RELEASING
    message = f"{_lacks_tags(stored)}; nothing is detached; {explain(Reason.NOT_OWNED)}"
    as_stored = replace(case, row=stored)
    row = as_stored.next_row(
        state,
        node=case.node or stored.node,
        reason=stored.reason if stored.reason in _OF_WRITES else Reason.NOT_OWNED,
        message=message,
        failed_generation=stored.failed_generation,
        by_nodes=state is State.RELEASING and not as_stored.by_spec,
    )
    return replace(verdict, row=row, hold=verdict.hold or case.hold(Reason.NOT_OWNED, message, RECHECK_SECONDS))


def _with_previous(counting: Row, verdict: Verdict, stored: Row) -> Verdict:
    """The verdict with the stored previous role, where a replaced one that is not ours stood in for it."""
    row = verdict.row
    if row is None or stored.previous_role is None or counting.previous_role == stored.previous_role:
        return verdict
    is_stand_in = row.claimed and row.previous_role == counting.previous_role
    return replace(verdict, row=replace(row, previous_role=stored.previous_role)) if is_stand_in else verdict


def refuted(stored: Mapping[InstanceId, Row], counting: Mapping[InstanceId, Row], next_: Verdicts) -> Iterator[Event]:
    """Tell of claims that are given up since they do not count: nothing is taken off for them."""
    for one, row in stored.items():
        after = next_[one].row
        if row.claimed and not counting[one].claimed and not (after and same_role(after.role, row.role)):
            yield Event(EventReason.LEFT_ALONE, f"left {one} alone: {_lacks_tags(row)}", warning=True)


def _lacks_tags(row: Row) -> str:
    return f"role {row.role} lacks this cluster's tags"
