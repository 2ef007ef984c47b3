"""Bindings, nodes and other hands in any order, with failures and crashes in between: what must hold at the end.

Whatever happened: what others attached is as they left it, what we attached is where it is wanted and nowhere else,
and every role that we gave is covered by a claim.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.builders import binding_body, binding_key, instance, made_role_status, node, role_body, role_key
from tests.unit.crashes import Crash, Crashing
from tests.unit.scene import Instances, Scene

from ram_operator.engine.filters.contention import Contention
from ram_operator.engine.filters.rollout import Rollouts
from ram_operator.engine.filters.unconfirmed import Unconfirmed
from ram_operator.errors import CloudError, Unavailable
from ram_operator.kinds.instance_role_binding.index import selection
from ram_operator.kinds.names import INSTANCE_ROLE_BINDING
from ram_operator.model import EVERYTHING, InstanceId, ObjectKey
from ram_operator.rules.documents import canonical

NUMBERS = (1, 2, 3)
BINDINGS = ("a", "b", "c")
ROLES = ("oss-reader", "log-writer")
WORKER = "KubernetesWorkerRole-x"
LIMITS = (None, *({"Statement": [{"Effect": "Allow", "Action": act, "Resource": "*"}]} for act in ("oss:*", "log:*")))
LOST = Unavailable("X", "SDK.ReadTimeout")


class Ecs(Instances):
    """Remembers who gave each instance its role; a call in `lost` takes effect and fails.

    `given` is what other hands left an instance with, `replaced` those whose worker role was taken off; only while some
    binding says so.

    While there is something `shown`, that is what is read, and not what is so.
    """

    def __init__(self, roles: Sequence[str]) -> None:
        super().__init__({instance(number): role for number, role in zip(NUMBERS, roles, strict=True)})
        self.ours: set[InstanceId] = set()
        self.given = dict(self.roles)
        self.replaced: set[InstanceId] = set()
        self.may_replace = False
        self.lost: set[str] = set()
        self.shown: Mapping[InstanceId, str] | None = None

    async def describe_instance_roles(self, region: str, ids: Sequence[str]) -> Mapping[str, str | CloudError]:
        seen = await super().describe_instance_roles(region, ids)
        return seen if self.shown is None else {id_: self.shown[InstanceId(region, id_)] for id_ in seen}

    async def attach_role(
        self, region: str, role: str, ids: Sequence[str], policy: str | None = None
    ) -> Mapping[str, CloudError]:
        before = dict(self.roles)
        failures = await super().attach_role(region, role, ids, policy)
        changed = {one for one in self.roles if self.roles[one] != before[one]}
        assert role in ROLES or not changed - self.replaced, f"{role} was given to one that never had it"
        back = {one for one in changed if one in self.replaced and self.given[one] == role}
        self.ours = self.ours | changed if role in ROLES else self.ours - changed
        self.ours -= back
        return dict.fromkeys(ids, LOST) if "attach" in self.lost else failures

    async def detach_role(self, region: str, role: str, ids: Sequence[str]) -> Mapping[str, CloudError]:
        for one in (InstanceId(region, id_) for id_ in ids):
            if self.roles[one] == role and one not in self.ours:
                assert self.may_replace, f"{role} of {one} was given by another hand, and nobody said Replace"
                self.replaced.add(one)
        failures = await super().detach_role(region, role, ids)
        return dict.fromkeys(ids, LOST) if "detach" in self.lost else failures

    def change_by_another_hand(self, one: InstanceId, role: str) -> None:
        """Attach or detach behind our back."""
        if role or one not in self.ours:
            self.given[one] = role
        self.roles[one] = role
        self.limits.pop(one, None)
        self.ours.discard(one)


class World:
    """A scene in which things happen."""

    def __init__(self, roles: Sequence[str]) -> None:
        self.ecs = Ecs(roles)
        self.scene = Scene(self.ecs.cloud)
        for role in ROLES:
            self.scene.put(role_body(role, made_role_status(role)))
        for number in NUMBERS:
            self.scene.put_node(node(f"node-{number}", number, pool="x"))
        self.restart()

    async def happen(self, what: str, *how: Any) -> None:
        """Let one thing happen."""
        match what, *how:
            case "bind", name, role, pool:
                self._bind(name, role, pool)
            case "replace", name, allowed:
                self._replace(name, allowed)
            case "limit", name, number:
                body = self.scene.caches.body(binding_key(name))
                if body and "deletionTimestamp" not in body["metadata"]:
                    self.scene.edit(binding_key(name), sessionPolicy=LIMITS[number])
            case "unbind", name:
                if self.scene.exists(binding_key(name)):
                    self.scene.delete(binding_key(name))
            case "node", number, pool:
                self.scene.put_node(node(f"node-{number}", number, pool=pool))
            case "no node", number:
                self.scene.remove_node(f"node-{number}")
            case "hand", number, role:
                self.ecs.change_by_another_hand(instance(number), role)
            case "role", role, ready:
                self.scene.put_status(role_key(role), made_role_status(role) if ready else {})
            case "fail", call:
                self.ecs.failing[call] = Unavailable("X", "ServiceUnavailable")
            case "lose", call:
                self.ecs.lost.add(call)
            case "lag", *_:
                self.ecs.shown = self.ecs.shown or dict(self.ecs.roles)
            case "show", *_:
                self.ecs.shown = None
            case "out", region:
                self.ecs.out[region] = Unavailable("X", "ServiceUnavailable")
            case "heal", *_:
                self.heal()
            case "work", count:
                await self.work(count)
            case "crash", *_:
                await self.crash()
            case "time", seconds:
                self.scene.later(seconds)

    def _bind(self, name: str, role: str, pool: str) -> None:
        spec = {"roleRef": {"name": role}, "nodeSelector": {"matchLabels": {"pool": pool}}}
        body = self.scene.caches.body(binding_key(name))
        if body is None:
            self.scene.put(binding_body(name, spec=spec, created=f"202{BINDINGS.index(name)}-01-01T00:00:00Z"))
        elif "deletionTimestamp" not in body["metadata"]:
            self.scene.edit(binding_key(name), **spec)

    def _replace(self, name: str, allowed: bool) -> None:
        body = self.scene.caches.body(binding_key(name))
        if body and "deletionTimestamp" not in body["metadata"]:
            self.ecs.may_replace |= allowed
            policy = "Replace" if allowed else "Fail"
            self.scene.edit(binding_key(name), conflictPolicy=policy, allowProtectedRoles=allowed)

    def _asked(self) -> list[ObjectKey]:
        return [key for key in self.scene.asked if key.kind is INSTANCE_ROLE_BINDING.kind]

    async def work(self, count: int) -> None:
        """Work on some of the bindings that are asked for."""
        for key in self._asked()[:count]:
            scope = self.scene.asked.pop(key)
            if self.scene.exists(key):
                await self.scene.reconcile(key, scope)
            if self.scene.exists(key):
                silent = [
                    row for row in self.scene.rows(key).values() if not (row.get("reason") and row.get("message"))
                ]
                assert {row["state"] for row in silent} <= {"Attached"}, "what is not attached says why"

    async def crash(self) -> None:
        """Work on one binding, and end before its status is stored."""
        self.scene.reconciler.filters = (Crashing(),)
        with suppress(Crash):
            await self.work(1)
        self.restart()

    def restart(self) -> None:
        """Forget what a process remembers, and look at every binding."""
        self.scene.reconciler.filters = (Unconfirmed(), Contention(1000, 1000), Rollouts())
        self.look_at_everything()

    def look_at_everything(self) -> None:
        """Ask for every binding."""
        self.scene.asked = {binding_key(name): EVERYTHING for name in BINDINGS if self.scene.exists(binding_key(name))}

    def heal(self) -> None:
        """Let calls succeed again."""
        self.ecs.failing.clear()
        self.ecs.lost.clear()
        self.ecs.out.clear()

    async def come_to_rest(self) -> None:
        """Nothing fails any more, roles are ready, and time goes by."""
        self.heal()
        self.ecs.shown = None
        for role in ROLES:
            self.scene.put_status(role_key(role), made_role_status(role))
        for seconds in (0, 10, 60, 700, 700):
            self.scene.later(seconds)
            self.look_at_everything()
            await self.scene.settle()

    def assert_at_rest(self) -> None:
        """What must hold when nothing is left to do."""
        bindings = [binding_key(name) for name in BINDINGS if self.scene.exists(binding_key(name))]
        claims: set[tuple[str, str]] = set()
        wanted: dict[InstanceId, str] = {}
        replacing: set[InstanceId] = set()
        for key in bindings:
            facts = self.scene.caches.facts(key)
            assert facts
            assert not facts.me.deleting, "a deletion ends"
            role, limit = facts.me.spec["roleRef"]["name"], facts.me.spec.get("sessionPolicy")
            wanted |= {one: role for one, has in selection(facts).assigned.items() if has == key}
            if facts.me.spec.get("conflictPolicy") == "Replace":
                replacing |= {one for one, has in selection(facts).assigned.items() if has == key}
            rows = self.scene.rows(key).values()
            claims |= {(row["instance"], row["roleName"]) for row in rows if row.get("origin") == "Attached"}
            limits = [self.ecs.limits.get(InstanceId.of(row["instance"])) for row in rows if row["state"] == "Attached"]
            assert all(has == (canonical(limit) if limit else None) for has in limits)
            states = {row["state"] for row in rows}
            nothing_left = "Overridden" in states and key not in selection(facts).assigned.values()
            stalled = "Conflict" in states or nothing_left
            assert self.scene.condition(key)[0] == ("False" if stalled else "True")
        assert not self.ecs.limits.keys() - wanted.keys(), "what is given back is not limited"
        for one, role in self.ecs.roles.items():
            if one in self.ecs.ours and role:
                assert role == wanted.get(one), f"{one} has {role}"
                assert (str(one), role) in claims
            elif not role:
                assert one not in wanted, f"{one} has no role"
            assert role != WORKER or one not in replacing, f"{one} was not replaced"
            if one not in wanted:
                given = {self.ecs.given[one], *([WORKER, *ROLES] if one in self.ecs.replaced else [])}
                assert role in given, f"{one} was left with {role!r}"


happenings = st.one_of(
    st.tuples(st.just("bind"), st.sampled_from(BINDINGS), st.sampled_from(ROLES), st.sampled_from(["x", "y"])),
    st.tuples(st.just("unbind"), st.sampled_from(BINDINGS)),
    st.tuples(st.just("node"), st.sampled_from(NUMBERS), st.sampled_from(["x", "y", "z"])),
    st.tuples(st.just("no node"), st.sampled_from(NUMBERS)),
    *[st.tuples(st.just("replace"), st.sampled_from(BINDINGS), st.booleans())] * 2,
    st.tuples(st.just("hand"), st.sampled_from(NUMBERS), st.sampled_from(["", "Foreign", WORKER])),
    *[st.tuples(st.just("limit"), st.sampled_from(BINDINGS), st.integers(0, 2))] * 2,
    st.tuples(st.just("bind"), st.just("a"), st.sampled_from(ROLES), st.just("x")),
    st.tuples(st.just("role"), st.sampled_from(ROLES), st.booleans()),
    st.tuples(st.just("fail"), st.sampled_from(["attach", "detach", "describe"])),
    st.tuples(st.just("lose"), st.sampled_from(["attach", "detach"])),
    st.tuples(st.just("heal")),
    *[st.tuples(st.just("work"), st.integers(1, 2))] * 4,
    st.tuples(st.just("crash")),
    st.tuples(st.just("time"), st.sampled_from([5, 60, 700])),
)
first_roles = st.tuples(
    st.sampled_from(["", WORKER]), st.sampled_from(["", "oss-reader"]), st.sampled_from(["", "Foreign", WORKER])
)


blind = st.one_of(
    *[st.tuples(st.just("lag"))] * 3,
    *[st.tuples(st.just("work"), st.integers(1, 3))] * 5,
    *[st.tuples(st.just("unbind"), st.sampled_from(BINDINGS))] * 2,
    *[st.tuples(st.just("node"), st.sampled_from(NUMBERS), st.sampled_from(["x", "y", "z"]))] * 2,
    st.tuples(st.just("bind"), st.sampled_from(BINDINGS), st.sampled_from(ROLES), st.sampled_from(["x", "y"])),
    st.tuples(st.just("hand"), st.sampled_from(NUMBERS), st.sampled_from(["", "Foreign", WORKER])),
    st.tuples(st.just("replace"), st.sampled_from(BINDINGS), st.booleans()),
    st.tuples(st.just("limit"), st.sampled_from(BINDINGS), st.integers(0, 2)),
    st.tuples(st.just("lose"), st.sampled_from(["attach", "detach"])),
    st.tuples(st.just("out"), st.just("cn-hangzhou")),
    st.tuples(st.just("heal")),
    st.tuples(st.just("show")),
    st.tuples(st.just("crash")),
)


async def live(roles: Sequence[str], script: list[tuple[Any, ...]], settled: bool) -> None:
    world = World(roles)
    for name, pool in (("b", "x"), ("c", "y")):
        await world.happen("bind", name, "oss-reader", pool)
    if settled:
        await world.scene.settle()
    for happening in script:
        await world.happen(*happening)
    await world.come_to_rest()
    world.assert_at_rest()


@example(
    ("", "", ""),
    [("unbind", "b"), ("bind", "a", "log-writer", "x"), ("work", 1), ("work", 1), ("work", 1), ("no node", 2)],
)
@settings(max_examples=100, deadline=None)
@given(first_roles, st.lists(happenings, min_size=4, max_size=14))
def test_whatever_happens_roles_end_where_they_are_wanted_and_other_hands_are_respected(
    roles: Sequence[str], script: list[tuple[Any, ...]]
) -> None:
    asyncio.run(live(roles, script, settled=True))


@example(
    ("", "", ""),
    [
        ("work", 1),
        ("hand", 1, ""),
        ("crash",),
        ("lag",),
        ("crash",),
        ("bind", "a", "oss-reader", "x"),
        ("work", 1),
    ],
)
@example(
    ("", "", ""),
    [("lag",), ("limit", "b", 1), ("crash",), ("bind", "a", "oss-reader", "x"), ("crash",), ("crash",)],
)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(first_roles, st.lists(blind, min_size=6, max_size=16))
def test_whatever_happens_unseen_comes_to_the_same_end(roles: Sequence[str], script: list[tuple[Any, ...]]) -> None:
    asyncio.run(live(roles, script, settled=False))
