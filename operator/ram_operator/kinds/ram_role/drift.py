"""What the lists of roles and policies must say of a RamRole that is in sync.

What no list shows, such as a policy swapped for another one, the full check finds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from ram_operator.cloud import PolicyType, RoleEntry
from ram_operator.kinds import ownership
from ram_operator.kinds.names import RAM_ROLE
from ram_operator.kinds.offers import role_name
from ram_operator.kinds.ram_role import attachments
from ram_operator.kinds.ram_role.observing import version_of
from ram_operator.kinds.surveys import Drift, Survey, in_slices
from ram_operator.model import EVERYTHING, Facts, ObjectKey, Owner, Reference


async def find_drift(objects: Sequence[Facts], survey: Survey) -> Drift:
    """Nominate the roles that the list shows otherwise or no more, and those whose policies changed or may be lost."""
    listed = await survey.once(survey.cloud.ram.list_roles)
    entries = {entry.name.lower(): entry for entry in listed}
    views = [facts.me for facts in objects]
    differing = [
        view.key
        async for view in in_slices(views)
        if view.status.get("arn") and not view.deleting
        if _differs(view, entries.get(role_name(view).lower()), survey.owner(view.key))
    ]
    nominated = dict.fromkeys([*differing, *await _detached(views, survey), *await _changed(views, survey)], EVERYTHING)
    return Drift(nominated, orphans=ownership.orphans(RAM_ROLE, objects, listed, survey))


def _differs(view: Reference, entry: RoleEntry | None, owner: Owner) -> bool:
    verified = view.status.get("verified") or {}
    return (
        entry is None
        or view.status.get("roleId") != entry.role_id
        or verified.get("updateDate") != entry.update_date
        or view.spec.get("description", entry.description) != entry.description
        or view.spec.get("maxSessionDurationSeconds", 3600) != entry.max_session_seconds
        or bool(ownership.missing_tags(view.spec.get("tags") or {}, entry.tags, owner))
    )


async def _detached(views: Sequence[Reference], survey: Survey) -> list[ObjectKey]:
    """The roles with a policy that is attached less often than they say together."""
    holders: dict[str, list[ObjectKey]] = defaultdict(list)
    for view in views:
        for policy in attachments.managed(view.status):
            if policy.type is PolicyType.CUSTOM:
                holders[policy.name.lower()].append(view.key)
    if not holders:
        return []
    listed = await survey.once(survey.cloud.ram.list_policies, PolicyType.CUSTOM)
    counts = {entry.name.lower(): entry.attachment_count for entry in listed}
    return [key for name, keys in holders.items() if counts.get(name, 0) < len(keys) for key in keys]


async def _changed(views: Sequence[Reference], survey: Survey) -> list[ObjectKey]:
    """The roles with a custom policy of others that grants something else than when the role was read.

    One that is gone is not in the list: `_detached` nominates the roles that had it attached.
    """
    read = {
        view.key: rows
        for view in views
        if not view.deleting and (rows := (view.status.get("verified") or {}).get("policies"))
    }
    if not read:
        return []
    listed = await survey.once(survey.cloud.ram.list_policies, PolicyType.CUSTOM)
    now = {entry.name: version_of(entry) for entry in listed}
    return [key for key, rows in read.items() if any(now.get(row.partition(" ")[0], row) != row for row in rows)]
