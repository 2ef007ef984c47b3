"""What the list of policies must say of a RamPolicy that is in sync. Documents are in no list: the full check reads."""

from __future__ import annotations

from collections.abc import Sequence

from ram_operator.cloud import PolicyEntry, PolicyType
from ram_operator.kinds import ownership
from ram_operator.kinds.names import RAM_POLICY
from ram_operator.kinds.surveys import Drift, Survey
from ram_operator.model import EVERYTHING, Facts, Owner, Reference


async def find_drift(objects: Sequence[Facts], survey: Survey) -> Drift:
    """Nominate the policies that the list shows otherwise, or no more."""
    listed = await survey.once(survey.cloud.ram.list_policies, PolicyType.CUSTOM)
    entries = {entry.name.lower(): entry for entry in listed}
    differing = [
        view.key
        for view in (facts.me for facts in objects)
        if (name := view.status.get("policyName")) and not view.deleting
        if _differs(view, entries.get(name.lower()), survey.owner(view.key))
    ]
    tagged = ((entry.name, entry.tags) for entry in listed)
    return Drift(dict.fromkeys(differing, EVERYTHING), orphans=ownership.orphans(RAM_POLICY, objects, tagged, survey))


def _differs(view: Reference, entry: PolicyEntry | None, owner: Owner) -> bool:
    verified = view.status.get("verified") or {}
    return (
        entry is None
        or verified.get("updateDate") != entry.update_date
        or verified.get("defaultVersion") != entry.default_version
        or verified.get("attachmentCount") != entry.attachment_count
        or view.spec.get("description", entry.description) != entry.description
        or bool(ownership.missing_tags(view.spec.get("tags") or {}, entry.tags, owner))
    )
