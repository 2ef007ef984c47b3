"""What is withheld is not claimed, and withholding never makes a stored claim more certain than it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.unit.builders import (
    NOW,
    made_policy_status,
    node,
    owner,
    policy_body,
    policy_key,
    role_body,
    role_key,
    some_facts,
)
from tests.unit.pool import BINDING, ONE, THREE, TWO, attached, scene
from tests.unit.scene import Scene
from tests.unit.slow_ram import SlowRam
from tests.unit.test_binding_unconfirmed import Slow, unconfirmed

from ram_operator.cloud import PolicyName, PolicyType, RoleChange
from ram_operator.engine.filters.contention import Contention
from ram_operator.errors import Denied, Unavailable
from ram_operator.kinds.ram_role.steps import UpdateRole
from ram_operator.model import Outcome, Plan

DENIED = Denied("AttachInstanceRamRole", "Forbidden.RAM")
OUT = Unavailable("DescribeInstanceRamRole", "SDK.ReadTimeout")
SYSTEM = PolicyName(PolicyType.SYSTEM, "AliyunOSSReadOnlyAccess")
OTHER_TRUST = (
    '{"Statement":[{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"Service":["fc.aliyuncs.com"]}}],'
    '"Version":"1"}'
)
FC_ONLY = {"services": ["fc.aliyuncs.com"]}


class Ram(SlowRam):
    """RAM in memory whose trust can be changed; its writes may not show for a while."""

    async def update_role(self, name: str, change: RoleChange) -> None:
        self._writes(f"update {name}")
        assert self.role
        self.role = replace(self.role, trust=change.trust or self.role.trust)


# Instances


async def test_a_refused_attach_that_is_only_planned_now_leaves_nothing_to_clean_up() -> None:
    made = await unconfirmed(Slow(error=DENIED, executed=False))
    made.edit(BINDING, managementPolicy="Plan")
    await made.settle()
    made.delete(BINDING)
    await made.settle()
    assert not made.exists(BINDING)


async def test_a_refused_attach_is_not_taken_back_after_it_was_only_planned() -> None:
    made = await unconfirmed(ecs := Slow(error=DENIED, executed=False))
    made.edit(BINDING, managementPolicy="Plan")
    await made.settle()
    made.edit(BINDING, managementPolicy="Enforce")
    ecs.calls.clear()
    made.delete(BINDING)
    await made.settle()
    assert ecs.writes == []


async def repaired_unconfirmed() -> tuple[Scene, Slow]:
    """An instance that had its role, lost it, and has it again by a repair that ECS does not show."""
    made = await unconfirmed(ecs := Slow())
    ecs.shows = True
    await made.reconcile(BINDING)
    made.later(3600)
    ecs.roles[ONE], ecs.shows = "", False
    await made.reconcile(BINDING)
    assert ecs.roles[ONE] == "oss-reader"
    assert not made.rows(BINDING)[str(ONE)].get("confirmed")
    return made, ecs


async def test_a_repair_that_does_not_show_is_taken_back_when_the_node_leaves() -> None:
    made, ecs = await repaired_unconfirmed()
    made.put_node(node("node-1", 1, pool="other"))
    await made.settle()
    assert ecs.roles == {ONE: ""}


async def test_a_repair_that_does_not_show_is_taken_back_when_the_binding_is_deleted() -> None:
    made, ecs = await repaired_unconfirmed()
    made.delete(BINDING)
    await made.settle()
    assert (ecs.roles, made.exists(BINDING)) == ({ONE: ""}, False)


async def test_each_row_speaks_of_its_own_instance() -> None:
    made, _ = scene({ONE: "", TWO: "", THREE: ""}, nodes=3)
    made.edit(BINDING, managementPolicy="Plan")
    await made.settle()
    for one in (ONE, TWO, THREE):
        assert made.rows(BINDING)[str(one)]["message"] == f"would attach oss-reader to {one}"


async def test_the_plan_stays_while_the_region_cannot_be_read() -> None:
    made, ecs = scene({ONE: ""})
    made.edit(BINDING, managementPolicy="Plan")
    await made.settle()
    ecs.out[ONE.region] = OUT
    await made.reconcile(BINDING)
    assert made.status(BINDING)["plan"]["count"] == 1


async def test_what_is_enforced_again_is_not_said_to_be_planned_while_the_region_cannot_be_read() -> None:
    made, ecs = scene({ONE: ""})
    made.edit(BINDING, managementPolicy="Plan")
    await made.settle()
    ecs.out[ONE.region] = OUT
    made.edit(BINDING, managementPolicy="Enforce")
    await made.reconcile(BINDING)
    assert made.rows(BINDING)[str(ONE)].get("reason") != "PlanPending"


async def test_the_finalizer_is_put_back_on_a_suspended_object_that_has_something_in_the_cloud() -> None:
    made, _ = await attached()
    made.edit(BINDING, managementPolicy="Suspend")
    await made.settle()
    made.strip_finalizer(BINDING)
    await made.settle()
    made.delete(BINDING)
    await made.settle()
    assert made.exists(BINDING)


# Roles


async def role_whose_trust_does_not_show() -> tuple[Scene, Ram, Any]:
    ram = Ram()
    made = Scene(ram.cloud())
    key = made.put(role_body("oss-reader"))
    await made.settle()
    ram.shows = False
    made.edit(key, trust=FC_ONLY)
    await made.reconcile(key)
    made.later(1)
    made.edit(key, policies=[{"system": SYSTEM.name}])
    await made.reconcile(key)
    assert not [call for call in ram.calls if call.startswith("attach")]
    return made, ram, key


async def test_a_policy_that_waits_for_what_is_withheld_is_not_claimed() -> None:
    made, _, key = await role_whose_trust_does_not_show()
    assert not made.status(key).get("managedPolicies")


async def test_a_policy_that_was_never_attached_is_not_detached_when_somebody_else_attaches_it() -> None:
    made, ram, key = await role_whose_trust_does_not_show()
    made.edit(key, policies=None)
    ram.attached, ram.shows = (SYSTEM,), True
    made.later(5)
    await made.reconcile(key)
    await made.settle()
    assert ram.attached == (SYSTEM,)


async def test_what_waits_for_a_contended_step_is_counted_in_the_plan() -> None:
    ram = Ram()
    made = Scene(ram.cloud())
    key = made.put(role_body("oss-reader", spec={"policies": [{"policyRef": {"name": "oss-read"}}]}))
    await made.settle()
    for _ in range(5):
        made.later(61)
        assert ram.role
        ram.role = replace(ram.role, trust=OTHER_TRUST)
        await made.reconcile(key)
    ram.policy_tags = owner(policy_key("oss-read")).tags()
    made.put(policy_body(status=made_policy_status()))
    await made.reconcile(key)
    assert not made.status(key).get("managedPolicies")
    assert made.status(key)["plan"]["count"] == 2


async def test_a_policy_that_its_rampolicy_does_not_own_is_not_claimed() -> None:
    made = Scene(Ram().cloud())
    made.put(policy_body(status=made_policy_status()))
    key = made.put(role_body("oss-reader", spec={"policies": [{"policyRef": {"name": "oss-read"}}]}))
    await made.settle()
    assert not made.status(key).get("managedPolicies")


def test_a_role_that_is_changed_back_in_other_words_each_time_is_contended_all_the_same() -> None:
    contention, facts = Contention(), some_facts(role_key("r"))
    steps = [
        UpdateRole("r", "r", RoleChange(3600, "{}"), ("trust document",)),
        UpdateRole("r", "r", RoleChange(3600, "{}", "x"), ("trust document", "description")),
    ]
    made = 0
    for repair in range(12):
        plan = contention.apply(facts, Plan(steps=(steps[repair % 2],)), NOW)
        if plan.steps:
            made += 1
            contention.learn(facts, Outcome(done=plan.steps), Plan(), NOW)
    assert made == 4
