"""Drift sweeps: a few paged lists and batched describes look at everything; what differs is nominated for the queue.

Nothing is repaired from a list: lists lack documents and may be old. A nominated object is read in detail by the
pipeline. What no list shows (an attachment swapped for another one) is found by the full check, a detail read of each
object every few hours. After a start the first sweep stands in for reading every settled object.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import ceil

from ram_operator import metrics
from ram_operator.cloud import Cloud, PolicyEntry, PolicyType, RoleEntry
from ram_operator.engine.controller import World
from ram_operator.engine.reconciler import Cluster, Reconciler
from ram_operator.engine.workqueue import Lane, WorkQueue
from ram_operator.errors import CloudError, Throttled
from ram_operator.kinds.names import INSTANCE_ROLE_BINDING, RAM_POLICY, RAM_ROLE
from ram_operator.model import Body, InstanceId, Json, ObjectKey, Owner, Reason, Scope, StatusFields

log = logging.getLogger(__name__)

RECHECKED = (Reason.NOT_OWNED, Reason.OWNED_BY_OTHER, Reason.NAME_TAKEN)
"""What another hand can clear without an event reaching us: a glance each sweep costs a read or two."""
FULL_CHECK_SPREAD = 0.25
"""Over which share of its period the full check of objects that need it together is spread."""
Nominations = dict[ObjectKey, Scope]


@dataclass(slots=True)
class Sweeps:
    """The sweeps of all kinds.

    Args:
        cloud: the ports.
        world: the objects.
        queue: takes the nominated keys, in its slow lane.
        reconciler: learns what was seen to be well, and who we are.
        interval: seconds between sweeps.
        full_check: how old a detail read may become.
        clock: the time of day.
        chance: random numbers in [0, 1), for jitter.
    """

    cloud: Cloud
    world: World
    queue: WorkQueue
    reconciler: Reconciler
    interval: float
    full_check: timedelta
    clock: Callable[[], datetime]
    chance: Callable[[], float]
    _last: dict[str, datetime] = field(default_factory=dict)

    async def run(self, gate: asyncio.Event) -> None:
        """Sweep for ever, first as soon as `gate` opens."""
        await gate.wait()
        while True:
            for kind in self.reconciler.kinds:
                try:
                    await self.sweep(kind)
                except Exception:
                    # A bug that one object brings to light must not end the process, over and over.
                    metrics.SWEEPS.labels(kind, "bug").inc()
                    log.exception("sweep failed", extra={"kind": kind})
            await asyncio.sleep(self.interval * (0.9 + 0.2 * self.chance()))

    async def sweep(self, kind: str) -> None:
        """Look at all objects of a kind once, and nominate what is not as it was."""
        objects = {key: body for key in self.world.keys(kind) if (body := self.world.body(key))}
        metrics.OBJECTS.labels(kind).set(len(objects))
        if not objects:
            return
        try:
            nominated = await self._look(kind, objects)
        except CloudError as error:
            metrics.SWEEPS.labels(kind, "failed").inc()
            log.warning("sweep failed", extra={"kind": kind, "error": str(error)})
            nominated = self._overdue(kind, objects)
        else:
            metrics.SWEEPS.labels(kind, "done").inc()
            self._last[kind] = self.clock()
            for key in objects.keys() - nominated.keys():
                self.reconciler.seen(key)
        for key, scope in nominated.items():
            self.queue.add(key, lane=Lane.SWEEP, scope=replace(scope, swept=True))
        metrics.NOMINATED.labels(kind).inc(len(nominated))

    async def _look(self, kind: str, objects: Mapping[ObjectKey, Body]) -> Nominations:
        match kind:
            case RAM_POLICY.kind:
                found = await self._policies(objects)
            case RAM_ROLE.kind:
                found = await self._roles(objects)
            case INSTANCE_ROLE_BINDING.kind:
                found = await self._bindings(objects)
            case _:
                found = {}
        others = [key for key, body in objects.items() if _waits_for_others(body)]
        return {**found, **dict.fromkeys([*others, *self._full_checks(objects)], Scope())}

    async def _policies(self, objects: Mapping[ObjectKey, Body]) -> Nominations:
        listed = await self.cloud.ram.list_policies(PolicyType.CUSTOM)
        entries = {entry.name.lower(): entry for entry in listed}
        found = {
            key: Scope()
            for key, body in objects.items()
            if (name := _status(body).get("policyName"))
            and not _deleting(body)
            and self._policy_differs(key, body, entries.get(name.lower()))
        }
        return {**found, **self._lost_attachments(entries)}

    def _policy_differs(self, key: ObjectKey, body: Body, entry: PolicyEntry | None) -> bool:
        verified = _status(body).get("verified") or {}
        return (
            entry is None
            or verified.get("updateDate") != entry.update_date
            or verified.get("defaultVersion") != entry.default_version
            or verified.get("attachmentCount") != entry.attachment_count
            or body["spec"].get("description", entry.description) != entry.description
            or self._tags_differ(key, body, entry.tags)
        )

    def _lost_attachments(self, entries: Mapping[str, PolicyEntry]) -> Nominations:
        """Roles that attached a policy which is attached less often than they say."""
        holders: dict[str, list[ObjectKey]] = defaultdict(list)
        for key in self.world.keys(RAM_ROLE.kind):
            for policy in _status(self.world.body(key) or {}).get("managedPolicies") or ():
                if policy["type"] == PolicyType.CUSTOM:
                    holders[policy["name"].lower()].append(key)
        return {
            role: Scope()
            for name, roles in holders.items()
            if (entry := entries.get(name)) is None or entry.attachment_count < len(roles)
            for role in roles
        }

    async def _roles(self, objects: Mapping[ObjectKey, Body]) -> Nominations:
        entries = {entry.name.lower(): entry for entry in await self.cloud.ram.list_roles()}
        return {
            key: Scope()
            for key, body in objects.items()
            if (name := _status(body).get("roleName"))
            and not _deleting(body)
            and self._role_differs(key, body, entries.get(name.lower()))
        }

    def _role_differs(self, key: ObjectKey, body: Body, entry: RoleEntry | None) -> bool:
        status, spec = _status(body), body["spec"]
        return (
            entry is None
            or status.get("roleId") != entry.role_id
            or (status.get("verified") or {}).get("updateDate") != entry.update_date
            or spec.get("description", entry.description) != entry.description
            or spec.get("maxSessionDurationSeconds", 3600) != entry.max_session_seconds
            or self._tags_differ(key, body, entry.tags)
        )

    def _tags_differ(self, key: ObjectKey, body: Body, tags: Mapping[str, str]) -> bool:
        cluster: Cluster = self.reconciler.cluster
        wanted = {**(body["spec"].get("tags") or {}), **Owner(cluster.id, key, cluster.previous).tags()}
        return any(tags.get(name) != value for name, value in wanted.items())

    async def _bindings(self, objects: Mapping[ObjectKey, Body]) -> Nominations:
        rows = {
            (key, InstanceId.of(row["instance"])): row
            for key, body in objects.items()
            for row in _status(body).get("instances") or ()
            if row.get("instance") and row["state"] in ("Attached", "Conflict")
        }
        answers = await self._roles_of({instance for _, instance in rows})
        found: dict[ObjectKey, set[str]] = defaultdict(set)
        for (key, instance), row in rows.items():
            role = answers[instance.region].get(instance.id, "")
            wanted = str(row.get("roleName", "")).lower()
            # A region that does not answer is left to the passes: each says in its own status what keeps it. One that
            # throttles must not be called once more for each row: the next sweep reads what this one could not.
            differs = not isinstance(role, Throttled) and (isinstance(role, CloudError) or role.lower() != wanted)
            if differs or row["state"] == "Conflict":
                found[key].add(str(instance))
        return {key: Scope(frozenset(subjects)) for key, subjects in found.items()}

    async def _roles_of(self, instances: Iterable[InstanceId]) -> dict[str, Mapping[str, str | CloudError]]:
        """By region the role of each instance that exists, "" for none. Raises the error where nothing can be read."""
        regions: dict[str, list[str]] = defaultdict(list)
        for instance in sorted(instances):
            regions[instance.region].append(instance.id)
        seen = await asyncio.gather(*(self._roles_in(region, ids) for region, ids in regions.items()))
        roles = [role for answer in seen for role in answer.values()]
        errors = [role for role in roles if isinstance(role, CloudError)]
        if errors and len(errors) == len(roles):
            raise errors[0]
        return dict(zip(regions, seen, strict=True))

    async def _roles_in(self, region: str, ids: list[str]) -> Mapping[str, str | CloudError]:
        roles: Mapping[str, str | CloudError]
        try:
            roles = await self.cloud.ecs.describe_instance_roles(region, ids)
        except CloudError as error:
            roles = dict.fromkeys(ids, error)
        errors = [role for role in roles.values() if isinstance(role, CloudError)]
        if errors:
            unread = {"region": region, "instances": len(errors), "of": len(ids), "error": str(errors[0])}
            log.warning("a part of the region could not be swept", extra=unread)
        return roles

    def _full_checks(self, objects: Mapping[ObjectKey, Body]) -> list[ObjectKey]:
        """Those of the objects that need a full check which get it now.

        Objects made together need it together: they are spread over a quarter of the period, and stay
        spread in the next one. Chance chooses, since the oldest may be ones that cannot be read.
        """
        most = ceil(len(objects) * self.interval / (FULL_CHECK_SPREAD * self.full_check.total_seconds()))
        overdue = [key for key, body in objects.items() if self._full_check_due(body)]
        return sorted(overdue, key=lambda _: self.chance())[:most]

    def _full_check_due(self, body: Body) -> bool:
        verified = _status(body).get("verified") or {}
        try:
            at = datetime.fromisoformat(str(verified["at"]))
        except (KeyError, ValueError):
            return False
        return self.clock() - at >= self.full_check

    def _overdue(self, kind: str, objects: Mapping[ObjectKey, Body]) -> Nominations:
        """All objects of a kind whose sweeps have failed for too long: each says so in its own status."""
        last = self._last.setdefault(kind, self.clock())
        late = (self.clock() - last).total_seconds() > self.reconciler.overdue_after
        return dict.fromkeys(objects, Scope()) if late else {}


def _status(body: Body) -> StatusFields:
    return body.get("status") or {}


def _deleting(body: Body) -> bool:
    return "deletionTimestamp" in body["metadata"]


def _waits_for_others(body: Body) -> bool:
    conditions: Iterable[Mapping[str, Json]] = _status(body).get("conditions") or ()
    return any(row.get("type") == "Stalled" and row.get("reason") in RECHECKED for row in conditions)
