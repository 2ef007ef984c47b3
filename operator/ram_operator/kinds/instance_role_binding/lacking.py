"""What an instance may no longer do once its role is replaced: told before anything is taken off, and never in the way.

Compared are the policies that are attached and the actions that their documents allow, as they are written there;
resources and conditions are not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ram_operator.cloud import PolicyName, RamApi
from ram_operator.errors import CloudError, NotFound
from ram_operator.kinds.instance_role_binding.rows import Row
from ram_operator.model import InstanceId, Json, listing
from ram_operator.rules.documents import parsed
from ram_operator.rules.patterns import within

MOST_ROLES = 3
"""How many roles that are to be replaced are compared: a pool has one, or that of the pool before as well."""
MOST_ACTIONS = 8


@dataclass(frozen=True, slots=True)
class Permissions:
    """What a role has: its policies and the actions that they allow. `problem` says what kept it from being read."""

    policies: frozenset[PolicyName] = frozenset()
    actions: frozenset[str] = frozenset()
    problem: str = ""


def replaced_roles(
    role: str, wanted: Iterable[InstanceId], roles: Mapping[InstanceId, str], rows: Mapping[InstanceId, Row]
) -> tuple[str, ...]:
    """The roles of others that `role` is to take the place of, and that it has not taken the place of anywhere yet."""
    gave = {row.previous_role.lower() for row in rows.values() if row.claimed and row.previous_role}
    seen = {one: has for one in wanted if (has := roles.get(one))}
    theirs = {has for one, has in seen.items() if not (one in rows and rows[one].gave(has))}
    return tuple(sorted(has for has in theirs if has.lower() not in {*gave, role.lower()}))[:MOST_ROLES]


async def read_permissions(role: str, ram: RamApi) -> Permissions:
    """Read what a role has; a refusal is a value here, since nothing depends on it."""
    try:
        policies = await ram.list_policies_for_role(role)
        documents = await asyncio.gather(*(ram.get_policy(policy) for policy in policies))
    except NotFound:
        return Permissions()
    except CloudError as error:
        return Permissions(problem=str(error))
    actions = (action for policy in documents for action in _allowed(policy.document))
    return Permissions(frozenset(policies), frozenset(actions))


def in_words(role: str, read: Mapping[str, Permissions]) -> Iterator[str]:
    """What a role lacks of each other that was read; nothing where it lacks nothing."""
    new = read.get(role, Permissions())
    for name, old in sorted(read.items()):
        if problem := old.problem or new.problem:
            yield f"what {role} lacks compared with {name} cannot be read: {problem}"
            continue
        policies = sorted(policy.name for policy in old.policies - new.policies)
        actions = sorted(one for one in old.actions if not any(within(one, has) for has in new.actions))
        lacks = [f"policies {listing(policies)}"] if policies else []
        lacks += [f"actions {listing(actions, MOST_ACTIONS)}"] if actions else []
        if lacks:
            yield f"{role} lacks of {name}: {'; '.join(lacks)}"


def _allowed(document: str) -> Iterator[str]:
    """The actions of the Allow statements; an exception to all actions is written as one."""
    try:
        statements: Json = parsed(document)["Statement"]
    except (ValueError, RecursionError, LookupError, TypeError):
        return
    for statement in statements if isinstance(statements, list) else [statements]:
        if isinstance(statement, Mapping) and statement.get("Effect") == "Allow":
            yield from _texts(statement.get("Action"))
            if "NotAction" in statement:
                yield f"all but {listing(_texts(statement['NotAction']))}"


def _texts(value: Json) -> list[str]:
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)]
