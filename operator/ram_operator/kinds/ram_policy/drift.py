"""What the list of policies must say of a RamPolicy that is in sync. Documents are in no list: the full check reads."""

from __future__ import annotations

from collections.abc import Sequence

from ram_operator.cloud import PolicyEntry, PolicyType
from ram_operator.kinds import ownership
from ram_operator.kinds.names import RAM_POLICY
from ram_operator.kinds.offers import attaches, policy_name
from ram_operator.kinds.surveys import Drift, Survey, in_slices
from ram_operator.model import EVERYTHING, Facts


async def find_drift(objects: Sequence[Facts], survey: Survey) -> Drift:
    """Nominate the policies that the list shows otherwise, or no more."""
    listed = await survey.once(survey.cloud.ram.list_policies, PolicyType.CUSTOM)
    entries = {entry.name.lower(): entry for entry in listed}
    differing = [
        facts.me.key
        async for facts in in_slices(objects)
        if facts.me.status.get("defaultVersion") and not facts.me.deleting
        if _differs(facts, entries.get(policy_name(facts.me).lower()), survey)
    ]
    return Drift(dict.fromkeys(differing, EVERYTHING), orphans=ownership.orphans(RAM_POLICY, objects, listed, survey))


def other_attachments(count: int, name: str, facts: Facts) -> int:
    """How many of the attachments that RAM counts no RamRole here claims.

    What our own roles attach and detach is expected to change the count: a start need not read the policy for that.
    """
    return count - sum(attaches(role, name) for role in facts.referrers)


def _differs(facts: Facts, entry: PolicyEntry | None, survey: Survey) -> bool:
    view, owner = facts.me, survey.owner(facts.me.key)
    verified = view.status.get("verified") or {}
    return (
        entry is None
        or not (survey.first or view.status.get("attachmentCount") == entry.attachment_count)
        or verified.get("updateDate") != entry.update_date
        or verified.get("defaultVersion") != entry.default_version
        or verified.get("otherAttachments") != other_attachments(entry.attachment_count, entry.name, facts)
        or view.spec.get("description", entry.description) != entry.description
        or bool(ownership.missing_tags(view.spec.get("tags") or {}, entry.tags, owner))
    )
