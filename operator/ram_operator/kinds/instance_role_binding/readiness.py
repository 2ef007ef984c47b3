"""What the rows of a binding amount to: the words of Ready, and what keeps a binding without instances from it.

The verbs in `instance_role_binding` call it. A selector without nodes is in sync, since pools scale to zero; nodes that
are named and not there, or instances that are all another binding's, are not what the binding's author wanted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from ram_operator.kinds.instance_role_binding.rows import MOST_ROWS, Row, State
from ram_operator.model import Hold, InstanceId, NodeFacts, ObjectKey, Reason, explain, listing, number_of


def in_sync(rows: Sequence[Row], role: str | None) -> tuple[Reason, str]:
    """What Ready says when nothing is left to do."""
    attached = [row.state for row in rows].count(State.ATTACHED)
    absent = [row.node for row in rows if row.reason is Reason.NODE_NOT_FOUND and row.node]
    gone = [f"{row.instance} ({row.node})" if row.node else str(row.instance) for row in rows if _is_gone(row)]
    besides = f"; {_absence(absent)}" if absent else ""
    besides += f"; ECS does not know {listing(gone)}" if gone else ""
    if attached == 0:
        others = Counter(row.reason for row in rows if row.reason is not Reason.NODE_NOT_FOUND and not _is_gone(row))
        why = listing(f"{count} {reason}" for reason, count in others.most_common() if reason)
        what = "no selected node can have a role" if why or besides else "no nodes match the selector"
        what += f": {why}" if why else ""
        return Reason.NO_INSTANCES, f"{what}{besides}"
    return Reason.ALL_ATTACHED, f"{attached} instance{'s have' if attached > 1 else ' has'} role {role}{besides}"


def overridden(holders: Sequence[ObjectKey], wanted: Collection[InstanceId]) -> tuple[Hold, ...]:
    """The hold of a binding that selects instances and gets none.

    Args:
        holders: the binding that has it, for each selected instance that another binding has.
        wanted: the instances left to this one.
    """
    if wanted or not holders:
        return ()
    has = listing((f"{key} has {count}" for key, count in sorted(Counter(holders).items())), most=3)
    total = len(holders)
    selected = f"{total} instances selected, all belong" if total > 1 else "1 instance selected, it belongs"
    message = f"{selected} to older bindings ({has}); {explain(Reason.OVERRIDDEN)}"
    return (Hold("binding", Reason.OVERRIDDEN, message),)


def nodes_not_found(
    skipped: Iterable[NodeFacts], rows: Iterable[Row], wanted: Collection[InstanceId]
) -> tuple[Hold, ...]:
    """The hold of a binding that waits for the nodes it names, and has no other instance."""
    absent = [node.name for node in skipped if node.skip is Reason.NODE_NOT_FOUND]
    if not absent or wanted or any(row.state is State.ATTACHED for row in rows):
        return ()
    return (Hold("binding", Reason.NODE_NOT_FOUND, _absence(absent)),)


def rows_exceeded(instances: Collection[InstanceId]) -> tuple[Hold, ...]:
    """What there is no row for is not attached either: a write without a claim could never be taken back."""
    if not instances:
        return ()
    left = f"{len(instances)} instances do" if len(instances) > 1 else "1 instance does"
    message = f"{left} not fit in the {MOST_ROWS} rows of status; split the binding by node pool"
    return (Hold("binding", Reason.INVALID_SPEC, message),)


def _is_gone(row: Row) -> bool:
    return row.state is State.SKIPPED and row.reason in (Reason.INSTANCE_GONE, Reason.REGION_NOT_FOUND)


def _absence(names: Sequence[str]) -> str:
    return f"{number_of(len(names), 'named node')} {'do' if len(names) > 1 else 'does'} not exist ({listing(names)})"
