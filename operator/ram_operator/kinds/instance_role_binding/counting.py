"""What a binding released because of its nodes, counted in status: a label that is lost on a whole pool is a mistake.

The engine's limit on mass releases judges the count; a restart does not forget it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from ram_operator.kinds.instance_role_binding.cases import Verdict
from ram_operator.kinds.instance_role_binding.rows import Row, State
from ram_operator.model import (
    Facts,
    InstanceId,
    Intent,
    Json,
    Outcome,
    Releases,
    StatusFields,
    parse_timestamp,
    timestamp,
)

WINDOW = timedelta(minutes=10)
"""For how long a release counts."""
TOGETHER = timedelta(minutes=1)
"""Releases this close to each other are one entry: a dozen of them fill the window."""

Counts = tuple[tuple[datetime, int], ...]


def counted(
    facts: Facts,
    verdicts: Mapping[InstanceId, Verdict],
    before: Mapping[InstanceId, Row],
    stored: StatusFields,
    outcome: Outcome,
    now: datetime,
) -> Releases:
    """What is to be released because of nodes, and what was lately."""
    done = {InstanceId.of(one) for step in outcome.done if step.intent is Intent.RELEASE for one in step.subjects}
    edited = facts.me.deleting or facts.edited
    by_spec = {one for one, row in before.items() if row.state is State.RELEASING and not row.by_nodes}
    released = [one for one in done if not edited and one in before and one not in by_spec]
    return Releases(
        subjects=frozenset(str(one) for one, verdict in verdicts.items() if verdict.by_nodes),
        held=sum(row.claimed for one, row in before.items() if one not in done),
        group=str(stored.get("roleName", "")),
        recent=_with(_recent(stored, now), len(released), now),
    )


def as_json(releases: Releases) -> list[Json]:
    """What status keeps of it."""
    return [{"at": timestamp(at), "count": count} for at, count in releases.recent]


def _recent(stored: StatusFields, now: datetime) -> Counts:
    rows: Iterable[Mapping[str, Json]] = stored.get("releases") or ()
    known = ((parse_timestamp(row.get("at")), int(row.get("count") or 0)) for row in rows)
    return tuple((at, count) for at, count in known if at and timedelta(0) <= now - at < WINDOW)


def _with(recent: Counts, count: int, now: datetime) -> Counts:
    if not count:
        return recent
    if recent and now - recent[-1][0] < TOGETHER:
        at, before = recent[-1]
        return (*recent[:-1], (at, before + count))
    return (*recent, (now.replace(microsecond=0), count))
