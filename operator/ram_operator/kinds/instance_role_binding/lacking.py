"""What an instance may no longer do once its role is replaced: told before anything is taken off, and never in the way.

Compared are the policies that are attached and what their documents allow and deny, as it is written there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ram_operator.cloud import PolicyName, RamApi
from ram_operator.errors import CloudError, NotFound
from ram_operator.kinds.instance_role_binding.rows import Row
from ram_operator.model import InstanceId, listing, number_of
from ram_operator.rules.documents.comparing import Entry, effort, entries, lost

MOST_ROLES = 3
"""How many roles that are to be replaced are compared: a pool has one, or that of the pool before as well."""
MOST_ACTIONS = 8
KEPT_SWEEPS = 6
"""For how many sweeps a reading is kept, an hour by default: no list shows that somebody changed what a role has."""
MOST_EFFORT = 500_000
"""Of a comparison, during which nothing else runs, for up to 0.1 s: enough for two roles that have 100 actions each of
one service, or 300 of many."""


@dataclass(frozen=True, slots=True)
class Permissions:
    """What a role has: its policies and what they say.

    `problem` says what kept it from being compared, and `unanswered` that this was a call, which may succeed next time.
    """

    policies: frozenset[PolicyName] = frozenset()
    entries: tuple[Entry, ...] = ()
    problem: str = ""
    unanswered: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """Roles that are to be replaced for the first time, and what those that were read have, with the new one."""

    replaced: tuple[str, ...] = ()
    read: Mapping[str, Permissions] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Comparing:
    """Reads what roles allow, and keeps it for the sweeps: a role that is left where it is was told of already.

    An edit, a node and the annotation reconcile-at have it read again, and so has a sweep that finds it too old.
    """

    _sweep: int = 0
    _kept: dict[str, tuple[int, Permissions]] = field(default_factory=dict)

    def begin_sweep(self) -> None:
        """Forget what was read too many sweeps ago."""
        self._sweep += 1
        self._kept = {name: kept for name, kept in self._kept.items() if self._sweep - kept[0] < KEPT_SWEEPS}

    async def compare(self, role: str, replaced: tuple[str, ...], ram: RamApi, *, swept: bool) -> Comparison:
        """Read what some roles allow, and what the one allows that takes their place.

        Args:
            role: that one.
            replaced: the roles.
            ram: where they are read.
            swept: whether nobody asks but a sweep, which does with what was read before.
        """
        names = (role, *replaced[:MOST_ROLES])
        kept = {name: self._kept[name][1] for name in names if swept and name in self._kept}
        missing = [name for name in names if name not in kept]
        sweep, found = self._sweep, await asyncio.gather(*(_read(name, ram) for name in missing))
        read = dict(zip(missing, found, strict=True))
        self._kept |= {name: (sweep, has) for name, has in read.items() if not has.unanswered}
        return Comparison(replaced, kept | read)


def replaced_roles(
    role: str, wanted: Iterable[InstanceId], roles: Mapping[InstanceId, str], rows: Mapping[InstanceId, Row]
) -> tuple[str, ...]:
    """The roles of others that `role` is to take the place of, and that it has not taken the place of anywhere yet."""
    gave = {row.previous_role.lower() for row in rows.values() if row.claimed and row.previous_role}
    seen = {one: has for one in wanted if (has := roles.get(one))}
    theirs = {has for one, has in seen.items() if not (one in rows and rows[one].gave(has))}
    return tuple(sorted(has for has in theirs if has.lower() not in {*gave, role.lower()}))


async def _read(role: str, ram: RamApi) -> Permissions:
    """Read what a role has; a refusal is a value here, since nothing depends on it."""
    try:
        policies = await ram.list_policies_for_role(role)
    except NotFound:
        return Permissions()
    except CloudError as error:
        return Permissions(problem=str(error), unanswered=True)
    return await _documents(policies, ram)


async def _documents(policies: Collection[PolicyName], ram: RamApi) -> Permissions:
    try:
        read = await asyncio.gather(*(ram.get_policy(policy) for policy in policies))
    except CloudError as error:
        return Permissions(problem=str(error), unanswered=True)
    found: list[Entry] = []
    for policy in read:
        try:
            found += entries(policy.document)
        except (ValueError, RecursionError):
            return Permissions(problem=f"the document of policy {policy.name} is not understood")
    return Permissions(frozenset(policies), tuple(found))


def in_words(role: str, compared: Comparison) -> Iterator[str]:
    """What a role lacks of each other that was read, and how many were not; nothing where it lacks nothing."""
    new = compared.read.get(role, Permissions())
    for name in compared.replaced[:MOST_ROLES]:
        old = compared.read[name]
        if problem := old.problem or new.problem:
            yield f"what {role} lacks compared with {name} cannot be read: {problem}"
        elif lacks := "; ".join(_lacks(old, new)):
            yield f"{role} lacks of {name}: {lacks}"
    if rest := compared.replaced[MOST_ROLES:]:
        yield f"{number_of(len(rest), 'more role')} to be replaced, not compared: {listing(rest)}"


def _lacks(old: Permissions, new: Permissions) -> Iterator[str]:
    if policies := sorted(policy.name for policy in old.policies - new.policies):
        yield f"policies {listing(policies)}"
    if effort(old.entries, new.entries) > MOST_EFFORT:
        yield "perhaps actions, which are too many to be compared"
        return
    missing, partly = lost(old.entries, new.entries)
    if missing:
        yield f"actions {listing(missing, MOST_ACTIONS)}"
    if partly:
        yield f"in part {listing(partly, MOST_ACTIONS)} (other resources or conditions, or a Deny)"
