"""Bindings over the real pipeline and the simulated cloud, while things happen; the simulator's journal is the judge.

The judge replays the calls that attached and detached roles, and looks at each of the operator's as it was made: may it
be made by what the bindings say at that moment, and how many instances has it left without a role?
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from time import monotonic
from typing import Any

from tests.contract.conftest import RunningSimulator
from tests.contract.ports import ports_of
from tests.unit.builders import binding_body, binding_key, made_role_status, owner, role_body, role_key
from tests.unit.crashes import Crash, Crashing
from tests.unit.scene import Scene

from ram_operator.cloud import Cloud, NewRole
from ram_operator.engine.filters.contention import Contention
from ram_operator.kinds.instance_role_binding.index import selection
from ram_operator.kinds.names import INSTANCE_ROLE_BINDING
from ram_operator.model import EVERYTHING, Facts, ObjectKey
from ram_operator.rules.documents import canonical, trust_for_services

REGION = "cn-hangzhou"
NODES = (0, 1, 2, 3, 4)
"""Few enough that no limit on releases is reached."""
BINDINGS = ("a", "b", "c")
OURS = ("oss-reader", "log-writer")
WORKER, FOREIGN = "KubernetesWorkerRole-x", "Foreign"
REFUSALS = {
    "forbidden": ("NoPermission", 403),
    "refused": ("InvalidParameter.X", 400),
    "out": ("ServiceUnavailable", 503),
}


@dataclass(slots=True)
class Journal:
    """The simulator's journal, read on from where it was read to."""

    simulator: RunningSimulator
    _seen: int = 0

    def news(self) -> list[dict[str, Any]]:
        """Return the calls since the last time."""
        calls = self.simulator.calls_since(self._seen)
        self._seen = calls[-1]["seq"] if calls else self._seen
        return calls


@dataclass(slots=True)
class Judge:
    """What the journal says of each instance.

    Attributes:
        roles: the role of each instance, "" for none.
        given: the instances whose role the operator gave.
        before: what an instance had before the operator's, as long as nobody else has changed it.
        without: the instances that the operator took a role off, and that have none, by the binding for which it did.
    """

    roles: dict[str, str]
    given: set[str] = field(default_factory=set)
    before: dict[str, str] = field(default_factory=dict)
    without: dict[str, ObjectKey] = field(default_factory=dict)

    def by_another_hand(self, calls: Sequence[Mapping[str, Any]]) -> None:
        """Somebody else made these calls."""
        for change, one, role in self._effects(calls):
            self.roles[one] = role if change == "attach" else ""
            self.given.discard(one)
            self.before.pop(one, None)
            self.without.pop(one, None)

    def by_the_operator(self, calls: Sequence[Mapping[str, Any]], terms: Terms) -> None:
        """The operator made these calls while it reconciled one binding under these terms."""
        for change, one, role in self._effects(calls):
            if change == "attach":
                allowed = role in OURS or self.before.get(one) == role
                assert allowed, f"{one} was given {role}, which it never had"
                self._attached(one, role)
            else:
                assert one in self.given or terms.may_replace(one, role), (
                    f"{role} of {one} was taken without permission"
                )
                self._detached(one, role, terms)

    def _attached(self, one: str, role: str) -> None:
        back = self.before.get(one) == role
        self.roles[one] = role
        self.without.pop(one, None)
        if back:
            self.given.discard(one)
        else:
            self.given.add(one)

    def _detached(self, one: str, role: str, terms: Terms) -> None:
        if one not in self.given:
            self.before[one] = role
        self.roles[one] = ""
        self.given.discard(one)
        if one in terms.wanted:
            self.without[one] = terms.binding
            # One that was released and never had a role of somebody else's lacks nothing.
            lacking = {each for each in self.without if each in terms.wanted or each in self.before}
            many = sum(self.without[each] == terms.binding for each in lacking)
            assert many <= terms.most, f"{many} instances of {terms.binding} are without a role, {terms.most} may be"

    def _effects(self, calls: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
        """What successful calls changed: instances that already were so, or had another role, are no change."""
        effects: list[tuple[str, str, str]] = []
        roles = dict(self.roles)
        for call in calls:
            if call["status"] != 200 or call["action"] not in ("AttachInstanceRamRole", "DetachInstanceRamRole"):
                continue
            role, change = call["params"]["RamRoleName"], call["action"][:6].lower()
            for one in json.loads(call["params"]["InstanceIds"]):
                if roles[one] == (role if change == "detach" else ""):
                    roles[one] = role if change == "attach" else ""
                    effects.append((change, one, role))
        return effects


@dataclass(frozen=True, slots=True)
class Terms:
    """What a binding says at the moment; `wanted` are the instances that it has."""

    binding: ObjectKey
    wanted: frozenset[str]
    replaces: bool
    replaces_protected: bool
    most: int

    @classmethod
    def of(cls, facts: Facts) -> Terms:
        """Read them from an object."""
        spec, key = facts.me.spec, facts.me.key
        has = frozenset(one.id for one, binding in selection(facts).assigned.items() if binding == key)
        given = str(spec.get("rollout", {}).get("maxUnavailable", "10%"))
        mine = len({*has, *(one.id for one, row in selection(facts).rows.items() if row.claimed)})
        most = mine * int(given[:-1]) // 100 if given.endswith("%") else int(given)
        replaces = spec.get("conflictPolicy") == "Replace"
        return cls(key, has, replaces, spec.get("allowProtectedRoles") is True, max(1, most))

    def may_replace(self, one: str, role: str) -> bool:
        """Whether another hand's role may be taken off an instance."""
        protected = fnmatchcase(role, "Kubernetes*Role-*")
        given_back = protected or role in OURS
        return one in self.wanted and self.replaces and given_back and (self.replaces_protected or not protected)


@dataclass(slots=True)
class World:
    """A scene over the simulated cloud, in which things happen."""

    journal: Journal
    cloud: Cloud
    scene: Scene
    ids: tuple[str, ...]
    judge: Judge
    skipped: list[float]
    _asks: int = 0

    @classmethod
    @asynccontextmanager
    async def over(cls, journal: Journal, roles: Sequence[str]) -> AsyncIterator[World]:
        """A fresh cloud with instances that have these roles, and their Nodes in pool x."""
        simulator = journal.simulator
        simulator.reset()
        skipped = [0.0]
        async with ports_of(simulator, clock=lambda: monotonic() + skipped[0], quota_factor=1000.0) as cloud:
            for role in (*OURS, WORKER, FOREIGN):
                trust = canonical(trust_for_services(["ecs.aliyuncs.com"]))
                tags = owner(role_key(role)).tags() if role in OURS else {}
                await cloud.ram.create_role(NewRole(role, trust, "", 3600, tags))
            made = [
                simulator.control_call("POST", "/instances", {"region": REGION, "ramRoleName": role}) for role in roles
            ]
            ids = tuple(one["instanceId"] for one in made)
            judge = Judge(dict(zip(ids, roles, strict=True)))
            world = cls(journal, cloud, Scene(cloud), ids, judge, skipped)
            for role in OURS:
                world.scene.put(role_body(role, made_role_status(role)))
            for number in NODES:
                world.put_node(number, "x")
            world.restart()
            journal.news()
            yield world

    def put_node(self, number: int, pool: str) -> None:
        """Register a Node, or give it another label."""
        spec = {"providerID": f"{REGION}.{self.ids[number]}"}
        metadata = {"name": f"node-{number}", "uid": f"uid-{number}", "labels": {"pool": pool}}
        self.scene.put_node({"metadata": metadata, "spec": spec})

    async def happen(self, what: str, *how: Any) -> None:
        """Let one thing happen."""
        match what, *how:
            case "bind", name, role, pool:
                self._bind(name, {"roleRef": {"name": role}, "nodeSelector": {"matchLabels": {"pool": pool}}})
            case "replace", name, replaces, protected, most:
                policy = "Replace" if replaces else "Fail"
                rollout = {"maxUnavailable": most}
                self._edit(name, conflictPolicy=policy, allowProtectedRoles=protected, rollout=rollout)
            case "unbind", name:
                if self.scene.exists(binding_key(name)):
                    self.scene.delete(binding_key(name))
            case "node", number, pool:
                self.put_node(number, pool)
            case "no node", number:
                self.scene.remove_node(f"node-{number}")
            case "hand", number, role:
                await self._change_by_another_hand(self.ids[number], role)
            case "role", role, ready:
                self.scene.put_status(role_key(role), made_role_status(role) if ready else {})
            case "fail", action, way:
                code, status = REFUSALS[way]
                self._fault({"action": action, "count": 1, "code": code, "status": status})
            case "lose", action:
                self._fault({"action": action, "count": 1, "lostReply": True})
            case "work", count:
                for _ in range(count):
                    await self._work()
            case "crash", *_:
                self.scene.reconciler.filters = (*self.scene.reconciler.filters, Crashing())
                with suppress(Crash):
                    await self._work()
                self.restart()
            case "time", seconds:
                self._later(seconds)

    def restart(self) -> None:
        """Begin with a process that remembers nothing and looks at every binding."""
        self.scene.restart()
        filters = self.scene.reconciler.filters
        patient = (Contention(1000, 1000) if isinstance(each, Contention) else each for each in filters)
        self.scene.reconciler.filters = tuple(patient)
        self._look_at_everything()

    async def come_to_rest(self) -> None:
        """Nothing fails any more, roles are ready, people ask for another try, and time goes by."""
        self.journal.simulator.control_call("DELETE", "/faults")
        for role in OURS:
            self.scene.put_status(role_key(role), made_role_status(role))
        for seconds in (61, 61, 700, 700):
            self._later(seconds)
            self._asks += 1
            for name in BINDINGS:
                if self.scene.exists(binding_key(name)):
                    self.scene.ask(binding_key(name), str(self._asks))
            self._look_at_everything()
            for _ in range(200):
                if not self._asked():
                    break
                await self._work()
            else:
                raise AssertionError(f"never at rest: {self._asked()}")

    def assert_at_rest(self) -> None:
        """Every instance has what the binding that has it gives, or what was there before any."""
        found = {one["instanceId"]: one["ramRoleName"] for one in self.journal.simulator.state()["instances"]}
        assert self.judge.roles == {one: found[one] for one in self.ids}, "the journal tells all changes"
        wanted: dict[str, tuple[str, Terms]] = {}
        claims: set[tuple[str, str]] = set()
        for name in filter(lambda name: self.scene.exists(binding_key(name)), BINDINGS):
            key, facts = binding_key(name), self._facts(binding_key(name))
            assert not facts.me.deleting, "a deletion ends"
            terms = Terms.of(facts)
            wanted |= dict.fromkeys(terms.wanted, (facts.me.spec["roleRef"]["name"], terms))
            rows = self.scene.rows(key).values()
            claims |= {(row["instance"], row["roleName"]) for row in rows if row.get("origin") == "Attached"}
        for one, role in self.judge.roles.items():
            if one in self.judge.given:
                assert role == wanted.get(one, ("",))[0], f"{one} has {role}"
                assert (f"{REGION}.{one}", role) in claims, f"nobody claims {role} of {one}"
            elif one in wanted:
                gives, terms = wanted[one]
                assert role == gives or (role and not terms.may_replace(one, role)), f"{one} has {role!r}, not {gives}"
            else:
                assert role == self.judge.before.get(one, role), f"{one} did not get {self.judge.before[one]} back"

    def _bind(self, name: str, spec: Mapping[str, Any]) -> None:
        if not self.scene.exists(binding_key(name)):
            self.scene.put(binding_body(name, spec=spec, created=f"202{BINDINGS.index(name)}-01-01T00:00:00Z"))
        else:
            self._edit(name, **spec)

    def _edit(self, name: str, **spec: Any) -> None:
        body = self.scene.caches.body(binding_key(name))
        if body and "deletionTimestamp" not in body["metadata"]:
            self.scene.edit(binding_key(name), **spec)

    async def _change_by_another_hand(self, one: str, role: str) -> None:
        """Give an instance another role, or none, behind the operator's back."""
        self.journal.simulator.control_call("DELETE", "/faults")
        if present := self.judge.roles[one]:
            await self.cloud.ecs.detach_role(REGION, present, [one])
        if role:
            await self.cloud.ecs.attach_role(REGION, role, [one])
        self.judge.by_another_hand(self.journal.news())

    def _fault(self, fault: Mapping[str, Any]) -> None:
        self.journal.simulator.control_call("POST", "/faults", dict(fault))

    def _facts(self, key: ObjectKey) -> Facts:
        facts = self.scene.caches.facts(key)
        assert facts is not None
        return facts

    def _asked(self) -> list[ObjectKey]:
        return [key for key in self.scene.asked if key.kind is INSTANCE_ROLE_BINDING.kind]

    async def _work(self) -> None:
        """Reconcile the binding that was asked for first, and judge what was written."""
        for key in self._asked()[:1]:
            scope = self.scene.asked.pop(key)
            if not self.scene.exists(key):
                continue
            terms = Terms.of(self._facts(key))
            try:
                await self.scene.reconcile(key, scope)
            finally:
                self.judge.by_the_operator(self.journal.news(), terms)

    def _later(self, seconds: float) -> None:
        self.scene.later(seconds)
        self.skipped[0] += seconds

    def _look_at_everything(self) -> None:
        known = [binding_key(name) for name in BINDINGS if self.scene.exists(binding_key(name))]
        self.scene.asked = dict.fromkeys(known, EVERYTHING)
