"""Which instances of the bindings a sweep asks for, and which of them are not as their rows say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ram_operator.errors import RegionNotFound, Throttled
from ram_operator.kinds.instance_role_binding.index import selection
from ram_operator.kinds.instance_role_binding.observing import ObservedBinding, look
from ram_operator.kinds.instance_role_binding.rows import Row, State
from ram_operator.kinds.surveys import Drift, Survey
from ram_operator.model import Facts, InstanceId, ObjectKey, Reason, Scope


async def find_drift(objects: Sequence[Facts], survey: Survey) -> Drift:
    """Nominate the bindings with instances that are not as their rows say. Raises CloudError where none can be read."""
    rows = {facts.me.key: _rows(facts) for facts in objects if not facts.suspended}
    seen = await look({one for its in rows.values() for one in its}, survey.cloud.ecs)
    unreadable = seen.unreadable_of(one for its in rows.values() for one, row in its.items() if row and row.claimed)
    if unreadable and not (seen.roles or seen.missing):
        raise unreadable[0].error
    nominated: dict[ObjectKey, Scope] = {}
    for key, its in rows.items():
        if differing := frozenset(str(one) for one, row in its.items() if _differs(one, row, seen)):
            nominated[key] = Scope(differing)
    return Drift(nominated, unreadable)


def _rows(facts: Facts) -> Mapping[InstanceId, Row | None]:
    """The instances to ask for, with their rows.

    All that the binding has, in whatever state, and those whose rows say that something is attached to them. One
    without a row has lost it where the binding is ready; else it may never have had one.
    """
    indexed = selection(facts)
    rows, has = indexed.rows, {one for one, binding in indexed.assigned.items() if binding == facts.me.key}
    lost = has - rows.keys() if facts.me.ready else ()
    attached = (State.ATTACHED, State.CONFLICT)
    return {**dict.fromkeys(lost), **{one: row for one, row in rows.items() if one in has or row.state in attached}}


def _differs(one: InstanceId, row: Row | None, seen: ObservedBinding) -> bool:
    if row is None or row.state is State.CONFLICT:
        return True
    if unreadable := next((part for part in seen.unreadable.values() if str(one) in part.subjects), None):
        # A region that does not answer is left to the reconciles: each says so in its own status. One that throttles
        # must not be called once more for each row: the next sweep reads what this one could not.
        known = isinstance(unreadable.error, RegionNotFound) and row.reason is Reason.REGION_NOT_FOUND
        return not known and not isinstance(unreadable.error, Throttled)
    match row.state:
        case State.ATTACHED:
            return seen.roles.get(one, "").lower() != (row.role or "").lower()
        case State.SKIPPED:
            return one in seen.roles
        case _:
            return bool(seen.roles.get(one))
