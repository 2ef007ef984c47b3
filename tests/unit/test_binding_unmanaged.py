"""Roles without a RamRole and instances that are no nodes, where the settings allow them; what RAM is asked first."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.builders import KINDS, binding_body, instance, made_role_status, node, role_body, role_key
from tests.unit.pool import BINDING, ONE, TWO, scene, state
from tests.unit.scene import Instances, Scene

from ram_operator.kinds.instance_role_binding import InstanceRoleBindingKind
from ram_operator.kinds.instance_role_binding.terms import RoleRules

WORKER = "KubernetesWorkerRole-x"
OPEN = RoleRules(allowed=("Existing-*",), any_instance=True)
NAMED: dict[str, Any] = {"roleRef": None, "roleName": "Existing-1"}
BARE: dict[str, Any] = {"nodeSelector": None, "instances": [str(TWO)]}


async def bound(ecs: Instances, rules: RoleRules, **spec: Any) -> Scene:
    """One node of the pool, and a binding under these settings."""
    made = Scene(ecs.cloud, all_kinds=(*KINDS[:2], InstanceRoleBindingKind(rules=rules)))
    made.put(role_body(status=made_role_status()))
    made.put_node(node("node-1", 1, pool="storage"))
    made.put(binding_body())
    made.edit(BINDING, **spec)
    made.asked = {BINDING: made.asked[BINDING]}
    await made.settle()
    return made


def message(made: Scene) -> str:
    return str(made.status(BINDING)["conditions"][0]["message"])


FORBIDDEN = [(NAMED, "allowedRoles"), (BARE, "allowNonNodeInstances")]


@pytest.mark.parametrize(("spec", "setting"), FORBIDDEN, ids=[setting for _, setting in FORBIDDEN])
async def test_by_default_neither_is_allowed(spec: dict[str, Any], setting: str) -> None:
    ecs = Instances({ONE: "", TWO: ""})
    made = await bound(ecs, RoleRules(), **spec)
    assert (ecs.writes, ecs.ram.asked) == ([], [])
    assert made.condition(BINDING, "Stalled") == ("True", "Forbidden")
    assert setting in message(made)


async def test_a_role_by_its_name_is_attached_and_detached_again() -> None:
    ecs = Instances({ONE: ""})
    made = await bound(ecs, OPEN, **NAMED)
    assert (ecs.roles, state(made)) == ({ONE: "Existing-1"}, ("Attached", "Existing-1", "Attached"))
    made.delete(BINDING)
    await made.settle()
    assert (ecs.roles, made.exists(BINDING)) == ({ONE: ""}, False)


async def test_a_role_that_a_ram_role_manages_is_not_given_by_its_name() -> None:
    ecs = Instances({ONE: ""})
    made = await bound(ecs, RoleRules(allowed=("*",)), roleRef=None, roleName="OSS-Reader")
    assert (ecs.writes, made.condition(BINDING)) == ([], ("False", "Forbidden"))
    assert "RamRole/oss-reader manages this role; name it by roleRef" in message(made)


async def test_a_ram_role_that_does_not_own_the_role_is_named_as_what_is_in_the_way() -> None:
    ecs = Instances({ONE: ""})
    made = await bound(ecs, RoleRules(allowed=("*",)), roleRef=None, roleName="OSS-Reader")
    made.put_status(role_key("oss-reader"), {})
    await made.reconcile(BINDING)
    assert made.condition(BINDING) == ("False", "Forbidden")
    assert "RamRole/oss-reader names this role and does not own it; delete that object" in message(made)


@pytest.mark.parametrize(("lack", "reason"), [("gone", "RoleNotFound"), ("untrusting", "TrustNotEcs")])
async def test_a_role_that_no_instance_can_have_is_named(lack: str, reason: str) -> None:
    ecs = Instances({ONE: ""})
    getattr(ecs.ram, lack).add("Existing-1")
    made = await bound(ecs, OPEN, **NAMED)
    assert (ecs.writes, made.condition(BINDING)) == ([], ("False", reason))
    getattr(ecs.ram, lack).clear()
    said = await made.reconcile(BINDING)
    assert (ecs.roles, said.requeue_after) == ({ONE: "Existing-1"}, None)


@pytest.mark.parametrize("lack", ["gone", "untrusting"])
async def test_nothing_is_taken_off_for_a_role_that_no_instance_can_have(lack: str) -> None:
    ecs = Instances({ONE: WORKER})
    getattr(ecs.ram, lack).add("oss-reader")
    made = await bound(ecs, OPEN, conflictPolicy="Replace", allowProtectedRoles=True)
    assert (ecs.writes, ecs.ram.asked[:1]) == ([], ["oss-reader"])
    getattr(ecs.ram, lack).clear()
    await made.reconcile(BINDING)
    assert ecs.roles == {ONE: "oss-reader"}


async def test_ram_is_not_asked_where_nothing_is_taken_off() -> None:
    ecs = Instances({ONE: ""})
    await bound(ecs, OPEN)
    assert (ecs.roles, ecs.ram.asked) == ({ONE: "oss-reader"}, [])


async def test_an_instance_that_is_no_node_gets_the_role_and_loses_it_with_its_place_in_the_spec() -> None:
    ecs = Instances({ONE: "", TWO: ""})
    made = await bound(ecs, OPEN, instances=[str(TWO)])
    assert ecs.roles == {ONE: "oss-reader", TWO: "oss-reader"}
    assert "node" not in made.rows(BINDING)[str(TWO)]
    made.edit(BINDING, instances=None)
    await made.settle()
    assert ecs.roles == {ONE: "oss-reader", TWO: ""}


async def test_an_instance_that_an_older_binding_names_is_that_ones() -> None:
    ecs = Instances({ONE: "", TWO: ""})
    made = await bound(ecs, OPEN)
    older = made.put(binding_body("older", created="2020-01-01T00:00:00Z", spec={"instances": [str(ONE)]}))
    await made.settle()
    assert (state(made, key=older), state(made)) == (
        ("Attached", "oss-reader", "Attached"),
        ("Overridden", None, None),
    )


async def test_where_it_is_not_allowed_an_instance_is_taken_from_no_other_binding() -> None:
    made, ecs = scene({ONE: ""})
    await made.settle()
    made.put(binding_body("older", created="2020-01-01T00:00:00Z", spec=BARE | {"instances": [str(instance(1))]}))
    await made.settle()
    assert (ecs.roles, state(made)) == ({ONE: "oss-reader"}, ("Attached", "oss-reader", "Attached"))
