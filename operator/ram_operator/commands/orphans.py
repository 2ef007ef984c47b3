"""`ram-operator orphans`: roles and policies in RAM with this cluster's marks and without an object."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ram_operator.cloud import Cloud, PolicyName, PolicyType
from ram_operator.cluster.caches import Caches
from ram_operator.engine.reconciler import Reconciler
from ram_operator.errors import CloudError
from ram_operator.kinds import ownership
from ram_operator.kinds.names import RAM_POLICY, RAM_ROLE
from ram_operator.kinds.surveys import Orphan
from ram_operator.model import ADOPTED_TAG, TAG_PREFIX, Facts, listing, parse_timestamp


@dataclass(frozen=True, slots=True)
class Use:
    """What keeps a role or policy from being deleted.

    Args:
        users: in words, the instances that have the role, or whom the policy is attached to; "" for none.
        attached: the policies that are attached to the role.
        unread: why that cannot be read, "" where it can.
    """

    users: str = ""
    attached: tuple[PolicyName, ...] = ()
    unread: str = ""


async def find_orphans(caches: Caches, reconciler: Reconciler) -> list[Orphan]:
    """Find all, the roles last. Reads the lists of roles and of policies; raises CloudError where it cannot."""
    survey = reconciler.survey()
    policies = await survey.cloud.ram.list_policies(PolicyType.CUSTOM)
    roles = await survey.cloud.ram.list_roles()
    found = (
        ownership.orphans(kind, _all(caches, kind.kind), listed, survey)
        for kind, listed in ((RAM_POLICY, policies), (RAM_ROLE, roles))
    )
    return [orphan for of_kind in found for orphan in sorted(of_kind, key=lambda orphan: orphan.name)]


def _all(caches: Caches, kind: str) -> tuple[Facts, ...]:
    return tuple(facts for key in caches.keys(kind) if (facts := caches.facts(key)))


async def uses(orphans: Iterable[Orphan], caches: Caches, cloud: Cloud) -> dict[Orphan, Use]:
    """Read of each what uses it: instances in the regions of the nodes and attached policies, or users of a policy."""
    regions = sorted({node.instance.region for node in caches.nodes() if node.instance})
    return {orphan: await _use(orphan, regions, cloud) for orphan in orphans}


async def _use(orphan: Orphan, regions: Sequence[str], cloud: Cloud) -> Use:
    try:
        if orphan.key.kind == RAM_ROLE.kind:
            found = [await cloud.ecs.instances_with_role(region, orphan.name) for region in regions]
            attached = tuple(await cloud.ram.list_policies_for_role(orphan.name))
            return Use(listing(one for of_region in found for one in of_region), attached)
        entities = await cloud.ram.list_entities_for_policy(PolicyName(PolicyType.CUSTOM, orphan.name))
        return Use(listing(str(one) for one in entities.grantees))
    except CloudError as error:
        return Use(unread=str(error))


def described(orphans: Iterable[Orphan], used: Mapping[Orphan, Use], now: datetime) -> list[str]:
    """The lines to print: what each is, what uses it, and what to type next to have it managed, handed back or deleted.

    Args:
        orphans: what was found.
        used: what uses each.
        now: the time of day.
    """
    lines = [line for orphan in orphans for line in _lines(orphan, used.get(orphan, Use()), now)]
    return lines or ["There are none."]


def _lines(orphan: Orphan, use: Use, now: datetime) -> Iterator[str]:
    word = "role" if orphan.key.kind == RAM_ROLE.kind else "policy"
    made = parse_timestamp(orphan.created)
    age = f", {(now - made).days} days old" if made else ""
    yield f"{word} {orphan.name}{age}: has the marks of {orphan.key}, which does not exist"
    if tags := [f"{key}={value}" for key, value in orphan.tags if not key.startswith(TAG_PREFIX)]:
        yield f"  tags: {', '.join(tags)}"
    if adopted := ADOPTED_TAG in dict(orphan.tags):
        yield f"  somebody else made it, and the operator took it over (tag {ADOPTED_TAG})"
    if use.unread:
        yield f"  what uses it cannot be read: {use.unread}"
    if use.users:
        yield f"  used by: {use.users}"
    if use.attached:
        yield f"  attached to it: {', '.join(map(str, use.attached))}"
    yield f"  to have it managed: create {orphan.key} again, with {word}Name: {orphan.name}"
    yield f"  to hand it back, as it is: {_untag(orphan, word)}"
    if not adopted and not use.unread:
        first = ", once nothing uses it" if use.users else ""
        yield f"  to have it deleted{first}: {_delete(orphan, use)}"


def _delete(orphan: Orphan, use: Use) -> str:
    """The commands that delete it: RAM refuses to delete a role with policies, or a policy with older versions."""
    if orphan.key.kind != RAM_ROLE.kind:
        return f"aliyun ram DeletePolicy --PolicyName {orphan.name} --CascadingDelete true"
    role = f"--RoleName {orphan.name}"
    detach = (
        f"aliyun ram DetachPolicyFromRole --PolicyType {policy.type} --PolicyName {policy.name} {role}"
        for policy in use.attached
    )
    return " && ".join((*detach, f"aliyun ram DeleteRole {role}"))


def _untag(orphan: Orphan, word: str) -> str:
    """The command that takes our tags off."""
    names, keys = (
        json.dumps(values) for values in ([orphan.name], [key for key, _ in orphan.tags if key.startswith(TAG_PREFIX)])
    )
    return shlex.join(
        ["aliyun", "ram", "UntagResources", "--ResourceType", word, "--ResourceNames", names, "--TagKeys", keys]
    )
