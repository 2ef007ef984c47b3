"""A cluster in memory with the real caches and the real pipeline, to follow an object over several reconciles.

`Scene` is the Store of the pipeline: it keeps objects as the API server does (generations, resource versions,
finalizers) and feeds the caches with what it stored. `Instances` are ECS instances with their one role each.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

from tests.unit.builders import CLUSTER, KINDS, NOW, cloud_policy, cloud_role, owner, role_key
from tests.unit.sentences import faults, messages

from ram_operator.cloud import Cloud, Instance, Policy, PolicyName, RamApi, Role, StsApi
from ram_operator.cluster.caches import Caches, Wake
from ram_operator.cluster.kube import merge_patch
from ram_operator.engine.filters.boundary import WithinBoundary
from ram_operator.engine.filters.contention import Contention
from ram_operator.engine.filters.mass_release import MassRelease
from ram_operator.engine.filters.modes import PlanOnly, Retain, Suspend
from ram_operator.engine.filters.rollout import Rollouts
from ram_operator.engine.filters.unconfirmed import Unconfirmed
from ram_operator.engine.reconciler import Cluster, Reconciler
from ram_operator.errors import AlreadyExists, ClassicNetwork, CloudError, NotFound, StaleObject
from ram_operator.kinds import AnyKind
from ram_operator.model import (
    EVERYTHING,
    FINALIZER,
    RECONCILE_AT,
    Body,
    InstanceId,
    Json,
    ObjectKey,
    Report,
    Scope,
    StatusFields,
)
from ram_operator.rules.boundary import Boundary
from ram_operator.rules.nodes import node_facts


class Scene:
    """Objects, nodes, the caches that know them and the pipeline that works on them.

    Attributes:
        log: every write in its order: `finalizer`, `status` and what a test adds.
        judges: whether each message of a status has to be well formed; what a hostile answer says is not.
        asked: the objects that a change made worth looking at, in the order of the changes.
    """

    def __init__(
        self,
        cloud: Cloud,
        cluster: str = CLUSTER,
        previous: tuple[str, ...] = (),
        all_kinds: Sequence[AnyKind] = KINDS,
    ) -> None:
        self.caches = Caches(all_kinds)
        self.now: datetime = NOW
        self.log: list[tuple[str, Any]] = []
        self.judges = True
        self.asked: dict[ObjectKey, Scope] = {}
        self._objects: dict[ObjectKey, dict[str, Any]] = {}
        self._version = 100
        self._cloud = cloud
        self._all_kinds = all_kinds
        self._cluster = Cluster(cluster, previous)
        self.restart()

    def restart(self, cloud: Cloud | None = None) -> None:
        """Forget what a process remembers; `cloud` is what the new one works with, the same where it is None."""
        self._cloud = cloud or self._cloud
        repeated, at_once = (Unconfirmed(), Contention()), (MassRelease(), PlanOnly(), Rollouts())
        kinds: dict[str, AnyKind] = {kind.resource.kind: replace(cast("Any", kind)) for kind in self._all_kinds}
        filters = (Retain(kinds), Suspend(), *repeated, *at_once)
        self.reconciler = Reconciler(kinds, self._cloud, self, self._cluster, filters, lambda: self.now, 900)

    def draw(self, boundary: Boundary) -> None:
        """Let nothing outside a boundary be granted from now on."""
        others = (one for one in self.reconciler.filters if not isinstance(one, WithinBoundary))
        self.reconciler.filters = (WithinBoundary(boundary), *others)

    def put(self, body: Mapping[str, Any]) -> ObjectKey:
        """Create an object, or change what a user may change of it."""
        key = ObjectKey(body["kind"], body["metadata"]["name"])
        new = copy.deepcopy(dict(body))
        if old := self._objects.get(key):
            changed = old["spec"] != new["spec"]
            new["metadata"] |= {
                "generation": old["metadata"]["generation"] + changed,
                "finalizers": old["metadata"]["finalizers"],
                "uid": old["metadata"]["uid"],
                "creationTimestamp": old["metadata"]["creationTimestamp"],
            }
            new["status"] = old.get("status", {})
        self._keep(key, new)
        return key

    def edit(self, key: ObjectKey, **spec: Any) -> None:
        """Change fields of a spec; None removes one."""
        body = copy.deepcopy(self._objects[key])
        body["spec"] = {name: value for name, value in (body["spec"] | spec).items() if value is not None}
        self.put(body)

    def ask(self, key: ObjectKey, at: str) -> None:
        """Annotate an object with reconcile-at."""
        body = copy.deepcopy(self._objects[key])
        body["metadata"].setdefault("annotations", {})[RECONCILE_AT] = at
        self.put(body)

    def annotate(self, key: ObjectKey, name: str, value: str) -> None:
        """Set an annotation."""
        body = copy.deepcopy(self._objects[key])
        body["metadata"].setdefault("annotations", {})[name] = value
        self.put(body)

    def delete(self, key: ObjectKey) -> None:
        """Delete an object as a user does: it stays while it has finalizers."""
        body = copy.deepcopy(self._objects[key])
        body["metadata"]["deletionTimestamp"] = "2026-05-01T12:00:00Z"
        body["metadata"]["generation"] += 1
        self._keep(key, body)

    def drop(self, key: ObjectKey) -> None:
        """Forget an object, as if it had never been."""
        if self._objects.pop(key, None):
            self._wake(self.caches.remove(key))
        self.asked.pop(key, None)

    def strip_finalizer(self, key: ObjectKey) -> None:
        """Take our finalizer off, as a person in a hurry does."""
        body = copy.deepcopy(self._objects[key])
        body["metadata"]["finalizers"].remove(FINALIZER)
        self._keep(key, body)

    def put_status(self, key: ObjectKey, status: Mapping[str, Any]) -> None:
        """Give an object another status, as a reconcile of it would."""
        body = copy.deepcopy(self._objects[key])
        body["status"] = copy.deepcopy(dict(status))
        self._keep(key, body)

    def put_node(self, node: Mapping[str, Any]) -> None:
        """Create or change a Node."""
        self._wake(self.caches.put_node(node_facts(node)))

    def remove_node(self, name: str) -> None:
        """Delete a Node."""
        self._wake(self.caches.remove_node(name))

    def later(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    def exists(self, key: ObjectKey) -> bool:
        """Whether the object is still there."""
        return key in self._objects

    def status(self, key: ObjectKey) -> dict[str, Any]:
        """The stored status."""
        status: dict[str, Any] = copy.deepcopy(self._objects[key].get("status") or {})
        return status

    def condition(self, key: ObjectKey, type_: str = "Ready") -> tuple[str, str]:
        """Status and reason of a condition; empty where there is none."""
        for row in self.status(key).get("conditions", ()):
            if row["type"] == type_:
                return row["status"], row["reason"]
        return "", ""

    def rows(self, key: ObjectKey) -> dict[str, dict[str, Any]]:
        """The rows of a binding by instance, else by node."""
        return {row.get("instance") or row["node"]: row for row in self.status(key).get("instances", ())}

    async def reconcile(self, key: ObjectKey, scope: Scope = EVERYTHING) -> Report:
        """Reconcile an object once."""
        self.asked.pop(key, None)
        body, facts = self.caches.body(key), self.caches.facts(key)
        assert body is not None
        assert facts is not None
        said = await self.reconciler.reconcile(body, facts, scope)
        if said.requeue_after is not None and said.requeue_after < 1:
            self.asked.setdefault(key, EVERYTHING)
        return said

    async def settle(self) -> None:
        """Work on everything that is asked for, and on what wants to go on at once, until nothing is left."""
        for _ in range(200):
            if not self.asked:
                return
            key, scope = next(iter(self.asked.items()))
            del self.asked[key]
            if self.caches.body(key) is None:
                self.reconciler.forget(key)
                continue
            await self.reconcile(key, scope)
        raise AssertionError(f"never settles: {list(self.asked)}")

    async def set_finalizer(self, body: Body, present: bool) -> Body:
        """Implement Store."""
        self.log.append(("finalizer", present))
        key, kept = self._current(body)
        if kept["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"]:
            raise StaleObject("changed meanwhile")
        others = [name for name in kept["metadata"]["finalizers"] if name != FINALIZER]
        kept["metadata"]["finalizers"] = [*others, FINALIZER] if present else others
        return self._keep(key, kept)

    async def write_status(self, body: Body, status: StatusFields) -> Body:
        """Implement Store."""
        patch = merge_patch(body.get("status") or {}, status)
        if not patch:
            return body
        self.log.append(("status", patch))
        new = set(messages(status)) - set(messages(body.get("status") or {}))
        if self.judges and (odd := {text: found for text in new if (found := faults(text))}):
            raise AssertionError(odd)
        key, kept = self._current(body)
        if kept["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"]:
            raise StaleObject("changed meanwhile")
        kept["status"] = {**(kept.get("status") or {}), **copy.deepcopy(dict(status))}
        for gone in set(kept["status"]) - set(status):
            del kept["status"][gone]
        return self._keep(key, kept)

    def _current(self, body: Body) -> tuple[ObjectKey, dict[str, Any]]:
        key = ObjectKey(body["kind"], body["metadata"]["name"])
        kept = self._objects.get(key)
        if kept is None or kept["metadata"]["uid"] != body["metadata"]["uid"]:
            raise StaleObject("gone")
        return key, copy.deepcopy(kept)

    def _keep(self, key: ObjectKey, body: dict[str, Any]) -> Body:
        self._version += 1
        body["metadata"]["resourceVersion"] = str(self._version)
        if "deletionTimestamp" in body["metadata"] and not body["metadata"]["finalizers"]:
            self._objects.pop(key, None)
            self._wake(self.caches.remove(key))
        else:
            self._objects[key] = body
            self._wake(self.caches.put(key, copy.deepcopy(body)))
        return copy.deepcopy(body)

    def _wake(self, wakes: Sequence[Wake]) -> None:
        for wake in wakes:
            before = self.asked.get(wake.key)
            self.asked[wake.key] = wake.scope if before is None else before | wake.scope


class Roles:
    """RAM in memory, as far as a binding asks for roles, their tags and what they allow.

    Attributes:
        gone: the roles that do not exist; all others do.
        untrusting: the roles that do not trust ECS.
        owned: the RamRoles whose tags roles have; other roles have none.
        asked: the roles that GetRole was asked for.
        policies: the policies that are attached to each role, with their documents.
        denied: what reading policies raises.
        untold: what reading tags raises.
        told: the roles whose tags were asked for.
        compared: the roles whose policies were asked for.
    """

    def __init__(self) -> None:
        self.gone: set[str] = set()
        self.untrusting: set[str] = set()
        self.owned = {name: name for name in ("oss-reader", "log-writer", "late")}
        self.asked: list[str] = []
        self.policies: dict[str, dict[PolicyName, Json]] = {}
        self.denied: CloudError | None = None
        self.untold: CloudError | None = None
        self.told: list[str] = []
        self.compared: list[str] = []

    async def get_role(self, name: str) -> Role:
        self.asked.append(name)
        if name in self.gone:
            raise NotFound("GetRole", "EntityNotExist.Role")
        return cloud_role(name, **({"trust": "{}"} if name in self.untrusting else {}))

    async def list_tags(self, resource: object, name: str) -> Mapping[str, str]:
        self.told.append(name)
        if self.untold:
            raise self.untold
        if name in self.gone:
            raise NotFound("ListTagResources", "EntityNotExist.Role")
        owned = {role.lower(): ram_role for role, ram_role in self.owned.items()}
        return owner(role_key(owned[name.lower()])).tags() if name.lower() in owned else {}

    async def list_policies_for_role(self, role: str) -> Mapping[PolicyName, str]:
        self.compared.append(role)
        if self.denied:
            raise self.denied
        return dict.fromkeys(self.policies.get(role, {}), "v1")

    async def get_policy(self, policy: PolicyName) -> Policy:
        documents = {name: document for has in self.policies.values() for name, document in has.items()}
        return cloud_policy(policy.name, documents[policy])


class Instances:
    """ECS in memory, as far as roles go: implements the port EcsApi.

    Attributes:
        roles: the role of each instance that exists, "" for none.
        limits: the session policy that limits the role, of the instances that have one.
        classic: instances of the classic network.
        out: what every call to a region raises; regions that answer have none.
        unreadable: the error in place of the role of an instance whose batch could not be read.
        out_after_writes: what a region begins to raise with its next write, which takes effect.
        failing: what a call of `attach`, `detach`, `describe` or `describe tags` raises, until it is taken out.
        tags: the tags of instances that have some.
        calls: the calls, with region, role and ids.
        ram: the roles themselves.
    """

    def __init__(self, roles: Mapping[InstanceId, str]) -> None:
        self.roles = dict(roles)
        self.limits: dict[InstanceId, str] = {}
        self.classic: set[InstanceId] = set()
        self.out: dict[str, CloudError] = {}
        self.unreadable: dict[InstanceId, CloudError] = {}
        self.out_after_writes: dict[str, CloudError] = {}
        self.failing: dict[str, CloudError] = {}
        self.tags: dict[InstanceId, dict[str, str]] = {}
        self.calls: list[tuple[str, str, str, tuple[str, ...]]] = []
        self.ram = Roles()

    @property
    def cloud(self) -> Cloud:
        """The ports; of RAM only what `Roles` has may be called, of STS nothing."""
        return Cloud(cast("RamApi", self.ram), self, cast("StsApi", None))

    @property
    def writes(self) -> list[tuple[str, str, str, tuple[str, ...]]]:
        """The calls that write."""
        return [call for call in self.calls if not call[0].startswith("describe")]

    async def describe_regions(self) -> tuple[str, ...]:
        return tuple(sorted({one.region for one in self.roles}))

    async def describe_instances(self, region: str, ids: Sequence[str]) -> Mapping[str, Instance]:
        self._called("describe tags", region, "", ids)
        known = [one for one in (InstanceId(region, id_) for id_ in ids) if one in self.roles]
        return {one.id: Instance(one.id, "vpc", "Running", self.tags.get(one, {})) for one in known}

    async def describe_instance_roles(self, region: str, ids: Sequence[str]) -> Mapping[str, str | CloudError]:
        self._called("describe", region, "", ids)
        asked = [InstanceId(region, id_) for id_ in ids]
        return {one.id: self.unreadable.get(one, self.roles[one]) for one in asked if one in self.roles}

    async def instances_with_role(self, region: str, role: str) -> tuple[str, ...]:
        self._called("describe", region, role, ())
        return tuple(one.id for one, has in self.roles.items() if one.region == region and has == role)

    async def attach_role(
        self, region: str, role: str, ids: Sequence[str], policy: str | None = None
    ) -> Mapping[str, CloudError]:
        self._called("attach", region, role, ids)
        failures: dict[str, CloudError] = {}
        for one in (InstanceId(region, id_) for id_ in ids):
            if one in self.classic:
                failures[one.id] = ClassicNetwork("AttachInstanceRamRole", "InvalidNetworkType.MismatchRamRole")
            elif self.roles[one] and (policy or self.roles[one] != role):
                failures[one.id] = AlreadyExists("AttachInstanceRamRole", "RoleAttachmentExists")
            elif not self.roles[one]:
                self.roles[one] = role
                self.limits |= {one: policy} if policy else {}
        return failures

    async def detach_role(self, region: str, role: str, ids: Sequence[str]) -> Mapping[str, CloudError]:
        self._called("detach", region, role, ids)
        for one in (InstanceId(region, id_) for id_ in ids):
            if self.roles.get(one) == role:
                self.roles[one] = ""
                self.limits.pop(one, None)
        return {}

    def _called(self, what: str, region: str, role: str, ids: Sequence[str]) -> None:
        self.calls.append((what, region, role, tuple(ids)))
        if error := self.failing.get(what):
            raise error
        if error := self.out.get(region):
            raise error
        if not what.startswith("describe") and (later := self.out_after_writes.pop(region, None)):
            self.out[region] = later
