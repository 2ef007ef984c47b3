"""`ram-operator orphans`: roles and policies in RAM with this cluster's marks and without an object."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ram_operator.cloud import PolicyType
from ram_operator.cluster.caches import Caches
from ram_operator.engine.reconciler import Reconciler
from ram_operator.kinds import ownership
from ram_operator.kinds.names import RAM_POLICY, RAM_ROLE
from ram_operator.kinds.surveys import Orphan
from ram_operator.model import TAG_PREFIX, Facts, parse_timestamp


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


def described(orphans: Iterable[Orphan], now: datetime) -> list[str]:
    """The lines to print: what each is, and what to type next to have it managed again or deleted."""
    return [line for orphan in orphans for line in _lines(orphan, now)] or ["There are none."]


def _lines(orphan: Orphan, now: datetime) -> tuple[str, ...]:
    word, option = ("role", "Role") if orphan.key.kind == RAM_ROLE.kind else ("policy", "Policy")
    made = parse_timestamp(orphan.created)
    age = f", {(now - made).days} days old" if made else ""
    tags = [f"{key}={value}" for key, value in orphan.tags if not key.startswith(TAG_PREFIX)]
    return (
        f"{word} {orphan.name}{age}: has the marks of {orphan.key}, which does not exist",
        *((f"  tags: {', '.join(tags)}",) if tags else ()),
        f"  to have it managed: create {orphan.key} again, with {word}Name: {orphan.name}",
        f"  to have it deleted: aliyun ram Delete{option} --{option}Name {orphan.name}",
    )
