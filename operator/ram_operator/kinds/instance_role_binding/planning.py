"""From the verdicts on the instances to the plan: rows, steps in batches, how far a rollout may go."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from ram_operator.kinds.instance_role_binding import readiness
from ram_operator.kinds.instance_role_binding.cases import Verdict
from ram_operator.kinds.instance_role_binding.desiring import DesiredBinding
from ram_operator.kinds.instance_role_binding.index import selection
from ram_operator.kinds.instance_role_binding.observing import ObservedBinding
from ram_operator.kinds.instance_role_binding.rows import MOST_ROWS, Row, State, same_role, summary
from ram_operator.kinds.instance_role_binding.steps import AttachRole, DetachRole
from ram_operator.kinds.instance_role_binding.terms import most_unavailable
from ram_operator.model import (
    Entry,
    Event,
    EventReason,
    Hold,
    InstanceId,
    Intent,
    Json,
    ObjectKey,
    Reason,
    Rollout,
    StatusFields,
    Step,
    is_by_design,
)

BATCH = 100
"""How many instances AttachInstanceRamRole and DetachInstanceRamRole take in one call."""

_WITHOUT_ROLE = frozenset({State.CONFLICT, State.FAILED, State.SKIPPED})
_UNREAD = frozenset({Reason.THROTTLED, Reason.ACCESS_DENIED, Reason.REJECTED, Reason.RETRYING})
"""What a row says while its instance cannot be read."""
Verdicts = Mapping[InstanceId, Verdict]
Group = tuple[str, Intent, bool]


def all_rows(desired: DesiredBinding, verdicts: Verdicts, before: Mapping[InstanceId, Row]) -> list[Row]:
    """The next rows, of instances and of nodes that are none; where not all fit, a claim is never left out."""
    rows = [verdict.row for verdict in verdicts.values() if verdict.row]
    skipped = [
        Row(State.SKIPPED, node=node.name, reason=node.skip, message=node.skip_message) for node in desired.skipped
    ]
    stored = {instance for instance, row in before.items() if row.claimed}
    return sorted([*rows, *skipped], key=lambda row: (row.instance not in stored, not row.claimed))[:MOST_ROWS]


def without_instances(desired: DesiredBinding, rows: Sequence[Row]) -> tuple[Hold, ...]:
    """Why the binding has no instance, where that is not simply an empty pool."""
    assigned = selection(desired.facts).assigned
    holders = [assigned[instance] for instance in desired.overridden if instance in assigned]
    taken = readiness.overridden(holders, desired.wanted)
    return taken or readiness.nodes_not_found(desired.skipped, rows, desired.wanted)


def fields(
    desired: DesiredBinding,
    observed: ObservedBinding,
    verdicts: Verdicts,
    rows: Sequence[Row],
    stored: StatusFields,
) -> StatusFields:
    """The status fields besides the rows."""
    counted: dict[str, Json] = {"summary": summary(rows)}
    if desired.spec is None:
        return {**{key: value for key, value in stored.items() if key != "instances"}, **counted}
    # While it is named the role is in use.
    role = desired.role or (stored.get("roleName") if any(row.claimed for row in rows) else None)
    arn = desired.arn or stored.get("roleArn")
    # What was attached before the status was lost is told only where the role is known and the instance was read; where
    # it is attached anew, its row has no claim before its turn comes.
    read = observed.roles.keys() | observed.missing >= desired.wanted.keys()
    anew = any(same_role(verdict.detach, desired.role) for verdict in verdicts.values())
    told = desired.role is not None and read and not anew
    taken_over = desired.spec.takes_over and (told or not desired.takes_over)
    present = {
        "roleName": role,
        "roleArn": arn,
        "restored": desired.restored and not told,
        "takenOverGeneration": desired.facts.generation if taken_over else None,
    }
    return {**counted, **{name: value for name, value in present.items() if value}}


def entry(row: Row, before: Mapping[InstanceId, Row], verdicts: Verdicts) -> Entry:
    """The row in status; while its steps are withheld the stored claim stays as it is."""
    if row.instance is None:
        return Entry("", row.as_json())
    old, writes = before.get(row.instance), verdicts[row.instance].writes
    if not writes:
        return Entry(str(row.instance), row.as_json(), row.as_json())
    withheld = row.with_claim_of(old)
    # A claim that is less certain than the stored one is stored first, too: a crash must not make it certain.
    claims = withheld.claim != row.claim or (old is not None and old.confirmed and not row.confirmed)
    refused = old is not None and old.claimed and old.reason is Reason.API_ERROR
    if old is not None and refused:
        # That the last write was refused is what tells that the instance does not have the role.
        withheld = replace(withheld, reason=old.reason, message=old.message)
    return Entry(str(row.instance), row.as_json(), withheld.as_json(), claims=claims, explains=not refused)


def steps(desired: DesiredBinding, verdicts: Verdicts) -> tuple[Step, ...]:
    """The writes, in batches: all that is taken off first, so that what takes its place waits for nothing else.

    What is given back is given as it was: without the session policy of the binding.
    """
    session = desired.spec.session if desired.spec else None
    policies = {Intent.GRANT: session.text if session else None}
    detach: dict[Group, list[InstanceId]] = {}
    attach: dict[Group, list[InstanceId]] = {}
    for instance, verdict in verdicts.items():
        exchanged = verdict.detach is not None
        if verdict.detach:
            detach.setdefault((verdict.detach, verdict.intent, exchanged), []).append(instance)
        if verdict.attach:
            attach.setdefault((verdict.attach, _attach_intent(verdict), exchanged), []).append(instance)
    detaches = [DetachRole(role, batch, intent) for (role, intent, _), batch in _batches(detach)]
    attaches = [AttachRole(role, batch, intent, policies.get(intent)) for (role, intent, _), batch in _batches(attach)]
    return (*detaches, *attaches)


def _attach_intent(verdict: Verdict) -> Intent:
    return Intent.GRANT if verdict.intent in (Intent.GRANT, Intent.REPLACE) else Intent.RESTORE


def _batches(groups: Mapping[Group, list[InstanceId]]) -> Iterable[tuple[Group, tuple[InstanceId, ...]]]:
    for group, instances in sorted(groups.items()):
        for _, of_region in groupby(sorted(instances), key=lambda instance: instance.region):
            members = tuple(of_region)
            for start in range(0, len(members), BATCH):
                yield group, members[start : start + BATCH]


def rollout(desired: DesiredBinding, verdicts: Verdicts, observed: ObservedBinding) -> Rollout:
    """How many instances may be without a role at a time, and how many are."""
    rows = [verdict.row for verdict in verdicts.values() if verdict.row]
    mine = [row for row in rows if row.instance in desired.wanted or row.claimed]
    attached = [row for row in mine if _has(row, desired)]
    stopped = [row for row in mine if _stops(row, desired.facts.generation)]
    role = f" have role {desired.role}" if desired.role else " instances are done"
    return Rollout(
        most=most_unavailable(desired.facts.me.spec, len(mine)),
        without=frozenset(str(row.instance) for row in mine if _is_without(row, observed)),
        proven=bool(attached),
        stopped_at=str(stopped[0].instance) if stopped else None,
        progress=f"{len(attached)}/{len(mine)}{role}",
    )


def _has(row: Row, desired: DesiredBinding) -> bool:
    return row.state is State.ATTACHED and row.confirmed and desired.is_met(row.role, row.session)


def _stops(row: Row, generation: int) -> bool:
    return row.reason is Reason.ROLLED_BACK and row.failed_generation == generation


def _is_without(row: Row, observed: ObservedBinding) -> bool:
    """Whether we took a role off the instance and it has none now, for all that can be read of it."""
    if row.instance is None:
        return False
    taken = row.replaced_role or (row.previous_role and row.state is State.RELEASING)
    unknown = row.replaced_role is not None and observed.error_of(row.instance) is not None
    return unknown or (bool(taken) and observed.roles.get(row.instance) == "")


def left_alone(
    rows: Mapping[InstanceId, Row], verdicts: Verdicts, observed: ObservedBinding, handed_over: Collection[InstanceId]
) -> tuple[Event, ...]:
    """Tell of claims given up because somebody else, no binding, has changed the instance's role."""
    return tuple(
        Event(EventReason.LEFT_ALONE, f"left {key} alone: it has role {seen} now", warning=True)
        for key, verdict in verdicts.items()
        if verdict.row is None and key in rows and rows[key].claimed and (seen := observed.roles.get(key))
        if key not in handed_over and not rows[key].gave(seen) and not same_role(seen, rows[key].previous_role)
    )


def news(rows: Iterable[Row], stored: StatusFields, me: ObjectKey) -> tuple[Event, ...]:
    """Tell on its Node why an instance does not get the role, once: when its row begins to say so."""
    told = {
        (row.get("instance"), row.get("node")): (row.get("state"), row.get("reason"))
        for row in stored.get("instances") or ()
    }
    return tuple(
        Event(row.reason, f"{row.message} ({me})", warning=not is_by_design(row.reason), node=row.node)
        for row in rows
        if row.state in _WITHOUT_ROLE and row.node and row.reason and row.reason is not Reason.NODE_NOT_FOUND
        if _has_changed(row, *told.get((str(row.instance) if row.instance else None, row.node), (None, None)))
    )


def _has_changed(row: Row, state: str | None, reason: str | None) -> bool:
    """Whether a row says something else than the stored one; a region that is out for a while is no news of a node."""
    return row.reason not in _UNREAD and (row.state != state or (row.reason != reason and reason not in _UNREAD))
