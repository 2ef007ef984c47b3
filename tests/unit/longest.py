"""The longest status that a binding can have, and how long it is."""

from __future__ import annotations

import json
from typing import Any

from ram_operator.kinds.instance_role_binding.rows import MOST_ROWS, Origin, Row, State
from ram_operator.kinds.instance_role_binding.steps import DetachRole
from ram_operator.model import Entry, Hold, InstanceId, Plan, Reason, Withheld

OBJECT_LIMIT = 2**20
"""What a status may take: etcd takes requests of 1.5 MiB, and metadata and spec are in them as well."""
TIME = "2026-05-01T12:00:00Z"
REASON = max(Reason, key=len)


def longest_status(letter: str, *, withheld: bool = False) -> dict[str, Any]:
    """Rows, conditions and plan as long as their fields allow, with messages of one letter.

    The rows are those of a plan, or what they become where all its steps are withheld.
    """
    rows = [_longest_row(number, letter) for number in range(MOST_ROWS)]
    steps = [DetachRole("r" * 64, (row.instance,)) for row in rows if row.instance]
    hold = Hold("binding", REASON, letter * 300)
    plan = Plan(
        withheld=tuple(Withheld(step, hold) for step in steps) if withheld else (),
        entries={"instances": tuple(Entry(str(row.instance), row.as_json(), row.as_json()) for row in rows)},
    )
    conditions = [_condition(kind, letter) for kind in ("Ready", "Reconciling", "Stalled")]
    todo = {"count": MOST_ROWS, "steps": [step.todo() for step in steps[:20]]}
    return {**plan.status, "conditions": conditions, "plan": todo}


def stored_bytes(status: Any) -> int:
    """The size of a status as the API server stores it: Go's encoder of JSON escapes <, > and &."""
    text = json.dumps(status, ensure_ascii=False)
    return len(text.encode()) + 5 * sum(map(text.count, "<>&"))


def _longest_row(number: int, letter: str) -> Row:
    instance = InstanceId("c" * 77, f"i-{number:048}")
    assert len(str(instance)) == 128
    return Row(
        state=State.OVERRIDDEN,
        instance=instance,
        node="n" * 253,
        reason=REASON,
        message=letter * 300,
        role="r" * 64,
        origin=Origin.TAKEN_OVER,
        previous_role="p" * 64,
        replaced_role="q" * 64,
        session="s" * 32,
        replaced_limited=True,
        by_nodes=True,
        confirmed=True,
        failed_generation=10**6,
        since=TIME,
        node_gone_since=TIME,
        missing_since=TIME,
    )


def _condition(kind: str, letter: str) -> dict[str, Any]:
    words = {"type": kind, "status": "Unknown", "reason": REASON, "message": letter * 1024}
    return {**words, "observedGeneration": 10**6, "lastTransitionTime": TIME}
