"""What becomes of an instance: whatever it has, whatever the binding says, and wherever the process ends in between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import pytest
from tests.unit.builders import KINDS, binding_body, binding_key, made_role_status, node, role_body
from tests.unit.crashes import Crash
from tests.unit.pool import BINDING, ONE
from tests.unit.scene import Instances, Scene

from ram_operator.engine.filters.modes import PlanOnly
from ram_operator.errors import CloudError
from ram_operator.kinds.instance_role_binding import InstanceRoleBindingKind
from ram_operator.kinds.instance_role_binding.terms import RoleRules
from ram_operator.kinds.names import INSTANCE_ROLE_BINDING
from ram_operator.model import EVERYTHING, InstanceId

OURS, OTHER, WORKER = "oss-reader", "Other-1", "KubernetesWorkerRole-x"
RULES = RoleRules(restorable=("KubernetesWorkerRole-*", "Other-*"))
POLICIES: dict[str, dict[str, Any]] = {
    "Fail": {},
    "Replace": {"conflictPolicy": "Replace"},
    "allowed": {"conflictPolicy": "Replace", "allowProtectedRoles": True},
}


@dataclass(frozen=True)
class Found:
    """What an instance has, and what the binding makes of it.

    Args:
        role: its role at first; None where ECS does not know it.
        ends: its role in the end, by policy; where one is missing, that of the policy before it.
        says: state and reason of its row in the end, likewise.
        claimed: whether we gave it the role, so that it goes with the binding.
    """

    role: str | None
    ends: Mapping[str, str | None]
    says: Mapping[str, tuple[str, str | None]]
    claimed: bool = True

    def end(self, policy: str) -> str | None:
        return self.ends.get(policy, self.ends["Fail"])

    def row(self, policy: str) -> tuple[str, str | None]:
        return self.says.get(policy, self.says["Fail"])

    def first_row(self, policy: str) -> tuple[str, str | None]:
        """What the first reconciles say: one that ECS does not know is looked for a minute later again."""
        return ("Pending", "InstanceGone") if self.role is None else self.row(policy)

    def after(self, policy: str, unbind: str) -> str | None:
        """Its role once the binding is gone."""
        end = self.end(policy)
        if end != OURS or not self.claimed or unbind == "Retain":
            return end
        return self.role if unbind == "Restore" and self.role in (OTHER, WORKER) else ""


ATTACHED = ("Attached", None)
FOUND: dict[str, Found] = {
    "no role": Found("", {"Fail": OURS}, {"Fail": ATTACHED}),
    "ours claimed": Found("", {"Fail": OURS}, {"Fail": ATTACHED}),
    "ours unclaimed": Found(OURS, {"Fail": OURS}, {"Fail": ATTACHED}, claimed=False),
    "another binding's": Found("", {"Fail": OURS}, {"Fail": ATTACHED}),
    "other": Found(
        OTHER,
        {"Fail": OTHER, "Replace": OURS, "allowed": OURS},
        {"Fail": ("Conflict", "OtherRole"), "Replace": ATTACHED, "allowed": ATTACHED},
    ),
    "protected": Found(
        WORKER,
        {"Fail": WORKER, "allowed": OURS},
        {"Fail": ("Conflict", "OtherRole"), "Replace": ("Conflict", "ProtectedRole"), "allowed": ATTACHED},
    ),
    "gone": Found(None, {"Fail": None}, {"Fail": ("Skipped", "InstanceGone")}),
    "ambiguous": Found("", {"Fail": ""}, {"Fail": ("Skipped", "DuplicateProviderID")}),
}
CELLS = [pytest.param(name, policy, id=f"{name}, {policy}") for name, policy in product(FOUND, POLICIES)]


class Fragile(Instances):
    """Ends the process before or after one of the writes."""

    def __init__(self, roles: Mapping[InstanceId, str]) -> None:
        super().__init__(roles)
        self.crash: tuple[str, int] | None = None

    async def attach_role(
        self, region: str, role: str, ids: Sequence[str], policy: str | None = None
    ) -> Mapping[str, CloudError]:
        self._end("before", 1)
        done = await super().attach_role(region, role, ids, policy)
        self._end("after", 0)
        return done

    async def detach_role(self, region: str, role: str, ids: Sequence[str]) -> Mapping[str, CloudError]:
        self._end("before", 1)
        done = await super().detach_role(region, role, ids)
        self._end("after", 0)
        return done

    def _end(self, when: str, ahead: int) -> None:
        if self.crash == (when, len(self.writes) + ahead):
            self.crash = None
            raise Crash


async def begin(name: str, policy: str) -> tuple[Scene, Fragile]:
    """An instance as it is found, and a binding that has not been looked at yet, unless it gave the role."""
    found = FOUND[name]
    ecs = Fragile({} if found.role is None else {ONE: found.role})
    made = Scene(ecs.cloud, all_kinds=(*KINDS[:2], InstanceRoleBindingKind(rules=RULES)))
    for role in (OURS, "log-writer"):
        made.put(role_body(role, made_role_status(role)))
    made.put_node(node("node-1", 1, pool="before" if name == "another binding's" else "storage"))
    if name == "ambiguous":
        made.put_node(node("node-2", 1, pool="storage"))
    if name == "another binding's":
        spec = {"roleRef": {"name": "log-writer"}, "nodeSelector": {"matchLabels": {"pool": "before"}}}
        made.put(binding_body("before", spec=spec))
        await work(made)
        made.put_node(node("node-1", 1, pool="storage"))
    made.put(binding_body(spec=POLICIES[policy]))
    if name == "ours claimed":
        await work(made)
    ecs.calls.clear()
    return made, ecs


async def work(made: Scene) -> None:
    """Reconcile the bindings until nothing is left to do at once."""
    made.asked = {key: scope for key, scope in made.asked.items() if key.kind == INSTANCE_ROLE_BINDING.kind}
    await made.settle()


async def come_to_rest(made: Scene) -> None:
    """The process starts, and looks at everything for some minutes."""
    made.restart()
    for seconds in (0, 11, 61, 61):
        made.later(seconds)
        for key in (binding_key("before"), BINDING):
            if made.exists(key):
                made.asked[key] = EVERYTHING
        await work(made)


def says(made: Scene) -> tuple[str, str | None]:
    """State and reason of the row."""
    row = made.rows(BINDING)[str(ONE)]
    return row["state"], row.get("reason")


@pytest.mark.parametrize(("name", "policy"), CELLS)
async def test_the_first_reconciles_do_what_the_table_says_and_say_so(name: str, policy: str) -> None:
    made, ecs = await begin(name, policy)
    await work(made)
    assert ecs.roles.get(ONE) == FOUND[name].end(policy)
    assert says(made) == FOUND[name].first_row(policy)


@pytest.mark.parametrize(("name", "policy"), CELLS)
async def test_it_ends_as_the_table_says_and_says_so(name: str, policy: str) -> None:
    made, ecs = await begin(name, policy)
    await come_to_rest(made)
    assert ecs.roles.get(ONE) == FOUND[name].end(policy)
    assert says(made) == FOUND[name].row(policy)


CRASHES = [(when, write) for write in (1, 2, 3) for when in ("before", "after")]


@pytest.mark.parametrize("crash", CRASHES, ids=[f"{when} write {write}" for when, write in CRASHES])
@pytest.mark.parametrize(("name", "policy"), CELLS)
async def test_it_ends_so_wherever_the_process_ends_and_goes_with_the_binding(
    name: str, policy: str, crash: tuple[str, int]
) -> None:
    made, ecs = await begin(name, policy)
    ecs.crash = crash
    with suppress(Crash):
        await work(made)
    await come_to_rest(made)
    assert ecs.roles.get(ONE) == FOUND[name].end(policy)
    ecs.calls.clear()
    ecs.crash = crash
    made.delete(BINDING)
    with suppress(Crash):
        await work(made)
    ecs.crash = None
    await come_to_rest(made)
    assert (ecs.roles.get(ONE), made.exists(BINDING)) == (FOUND[name].after(policy, "Restore"), False)


@pytest.mark.parametrize("unbind", ["Restore", "Detach", "Retain"])
@pytest.mark.parametrize(("name", "policy"), CELLS)
async def test_deleting_leaves_what_unbind_policy_says(name: str, policy: str, unbind: str) -> None:
    made, ecs = await begin(name, policy)
    await come_to_rest(made)
    made.edit(BINDING, unbindPolicy=unbind)
    made.delete(BINDING)
    await come_to_rest(made)
    assert (ecs.roles.get(ONE), made.exists(BINDING)) == (FOUND[name].after(policy, unbind), False)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("name", "policy"), CELLS)
async def test_a_deletion_that_detaches_ends_so_wherever_the_process_ends(name: str, policy: str, when: str) -> None:
    made, ecs = await begin(name, policy)
    await come_to_rest(made)
    made.edit(BINDING, unbindPolicy="Detach")
    ecs.calls.clear()
    ecs.crash = (when, 1)
    made.delete(BINDING)
    with suppress(Crash):
        await work(made)
    ecs.crash = None
    await come_to_rest(made)
    assert (ecs.roles.get(ONE), made.exists(BINDING)) == (FOUND[name].after(policy, "Detach"), False)


MODES = ["Plan", "Suspend", "read-only"]


async def begin_in(mode: str, name: str, policy: str) -> tuple[Scene, Fragile]:
    """The same as `begin`, where nothing may be written for the binding."""
    made, ecs = await begin(name, policy)
    if mode == "read-only":
        filters = made.reconciler.filters
        made.reconciler.filters = [
            replace(one, all_objects=True) if isinstance(one, PlanOnly) else one for one in filters
        ]
    else:
        made.edit(BINDING, managementPolicy=mode)
    await work(made)
    return made, ecs


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("name", "policy"), CELLS)
async def test_plan_suspend_and_read_only_change_nothing(name: str, policy: str, mode: str) -> None:
    made, ecs = await begin_in(mode, name, policy)
    assert ecs.writes == []
    claims = [row for row in made.rows(BINDING).values() if row.get("origin") == "Attached"]
    assert bool(claims) == (name == "ours claimed"), "nothing is claimed that may not be written"


@pytest.mark.parametrize("mode", ["Plan", "read-only"])
@pytest.mark.parametrize(("name", "policy"), CELLS)
async def test_plan_and_read_only_say_what_would_be_done(name: str, policy: str, mode: str) -> None:
    made, ecs = await begin_in(mode, name, policy)
    found, has = FOUND[name], ecs.roles.get(ONE)
    if found.end(policy) == has:
        assert (says(made), "plan" in made.status(BINDING)) == (found.first_row(policy), False)
        return
    detach = [f"detach {has} from {ONE}"] if has else []
    assert says(made) == ("Pending", "PlanPending")
    assert made.status(BINDING)["plan"]["steps"] == [*detach, f"attach {OURS} to {ONE}"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("name", "policy"), CELLS)
async def test_a_deletion_waits_where_nothing_may_be_written_and_only_for_what_is_claimed(
    name: str, policy: str, mode: str
) -> None:
    made, ecs = await begin_in(mode, name, policy)
    made.delete(BINDING)
    await work(made)
    assert [call for call in ecs.writes if call[2] != "log-writer"] == [], "the other binding may take its own off"
    claimed = name == "ours claimed"
    assert made.exists(BINDING) is claimed
    if claimed:
        assert made.condition(BINDING) == ("False", "DeletionPaused")
        made.edit(BINDING, unbindPolicy="Retain", managementPolicy="Enforce")
        await work(made)
        assert (ecs.writes, made.exists(BINDING)) == ([], False)
