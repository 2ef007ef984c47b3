"""`ram-operator orphans`: roles and policies in RAM with this cluster's marks and without an object."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from ram_operator.cloud import Cloud, PolicyName, PolicyType
from ram_operator.cluster.caches import Caches
from ram_operator.engine.reconciler import Reconciler
from ram_operator.errors import CloudError
from ram_operator.kinds import ownership
from ram_operator.kinds.names import RAM_POLICY, RAM_ROLE
from ram_operator.kinds.surveys import Orphan
from ram_operator.model import ADOPTED_TAG, TAG_PREFIX, Facts, listing, parse_timestamp


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


async def uses(orphans: Iterable[Orphan], caches: Caches, cloud: Cloud) -> dict[Orphan, str]:
    """Say of each what uses it: instances in the regions of the nodes, users of policies; "" where nothing does."""
    regions = sorted({node.instance.region for node in caches.nodes() if node.instance})
    return {orphan: await _use(orphan, regions, cloud) for orphan in orphans}


async def _use(orphan: Orphan, regions: Sequence[str], cloud: Cloud) -> str:
    try:
        if orphan.key.kind == RAM_ROLE.kind:
            found = [await cloud.ecs.instances_with_role(region, orphan.name) for region in regions]
            return listing(one for of_region in found for one in of_region)
        entities = await cloud.ram.list_entities_for_policy(PolicyName(PolicyType.CUSTOM, orphan.name))
        return listing(str(one) for one in entities.grantees)
    except CloudError as error:
        return f"what uses it cannot be read: {error}"


def described(orphans: Iterable[Orphan], used: Mapping[Orphan, str], now: datetime) -> list[str]:
    """The lines to print: what each is, what uses it, and what to type next to have it managed, handed back or deleted.

    Args:
        orphans: what was found.
        used: what uses each, in words.
        now: the time of day.
    """
    lines = [line for orphan in orphans for line in _lines(orphan, used.get(orphan, ""), now)]
    return lines or ["There are none."]


def _lines(orphan: Orphan, used: str, now: datetime) -> Iterator[str]:
    word, option = ("role", "Role") if orphan.key.kind == RAM_ROLE.kind else ("policy", "Policy")
    made = parse_timestamp(orphan.created)
    age = f", {(now - made).days} days old" if made else ""
    yield f"{word} {orphan.name}{age}: has the marks of {orphan.key}, which does not exist"
    if tags := [f"{key}={value}" for key, value in orphan.tags if not key.startswith(TAG_PREFIX)]:
        yield f"  tags: {', '.join(tags)}"
    if adopted := ADOPTED_TAG in dict(orphan.tags):
        yield f"  somebody else made it, and the operator took it over (tag {ADOPTED_TAG})"
    if used:
        yield f"  used by: {used}"
    yield f"  to have it managed: create {orphan.key} again, with {word}Name: {orphan.name}"
    yield f"  to hand it back, as it is: {_untag(orphan, word)}"
    if not adopted:
        first = ", once nothing uses it" if used else ""
        yield f"  to have it deleted{first}: aliyun ram Delete{option} --{option}Name {orphan.name}"


def _untag(orphan: Orphan, word: str) -> str:
    """The command that takes our tags off."""
    names, keys = (
        json.dumps(values) for values in ([orphan.name], [key for key, _ in orphan.tags if key.startswith(TAG_PREFIX)])
    )
    return shlex.join(
        ["aliyun", "ram", "UntagResources", "--ResourceType", word, "--ResourceNames", names, "--TagKeys", keys]
    )
