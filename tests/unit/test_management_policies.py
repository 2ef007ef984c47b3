"""Plan, Suspend, Retain and read-only: what a person has said about writing holds, also while an object is deleted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.builders import role_key
from tests.unit.pool import BINDING, ONE, STORAGE, attached, scene, state
from tests.unit.scene import Scene

from ram_operator.engine.filters.modes import PlanOnly, Suspend


def message(made: Scene, type_: str = "Ready") -> str:
    (row,) = (row for row in made.status(BINDING)["conditions"] if row["type"] == type_)
    return str(row["message"])


async def test_plan_reads_and_lists_what_enforce_would_do_and_enforce_does_exactly_that() -> None:
    made, ecs = scene({ONE: ""})
    made.edit(BINDING, managementPolicy="Plan")
    await made.settle()
    assert ecs.writes == []
    assert made.condition(BINDING) == ("False", "PlanPending")
    assert made.status(BINDING)["plan"] == {"count": 1, "steps": [f"attach oss-reader to {ONE}"]}
    assert state(made) == ("Pending", None, None), "what may not be written is not claimed"
    assert made.rows(BINDING)[str(ONE)]["reason"] == "PlanPending"
    made.edit(BINDING, managementPolicy="Enforce")
    await made.settle()
    assert ecs.writes == [("attach", ONE.region, "oss-reader", (ONE.id,))]
    assert "plan" not in made.status(BINDING)


async def test_plan_of_what_is_in_sync_is_ready() -> None:
    made, ecs = await attached()
    made.edit(BINDING, managementPolicy="Plan")
    await made.settle()
    assert (made.condition(BINDING), ecs.writes) == (("True", "AllAttached"), [])


async def test_a_binding_is_planned_with_a_role_that_is_not_there_yet() -> None:
    made, ecs = scene({ONE: "KubernetesWorkerRole-1"})
    made.put_status(role_key("oss-reader"), {})
    made.edit(BINDING, managementPolicy="Plan", conflictPolicy="Replace", allowProtectedRoles=True)
    await made.settle()
    assert made.status(BINDING)["plan"]["steps"] == [
        f"detach KubernetesWorkerRole-1 from {ONE}",
        f"attach oss-reader to {ONE}",
    ]
    assert ecs.writes == []
    made.edit(BINDING, managementPolicy="Enforce")
    await made.settle()
    assert (made.condition(BINDING), ecs.writes) == (("False", "RoleNotReady"), [])


async def test_a_release_is_planned_and_its_claim_stays() -> None:
    made, ecs = await attached()
    made.edit(BINDING, managementPolicy="Plan", nodeSelector={"matchLabels": {"pool": "none"}})
    await made.settle()
    assert made.status(BINDING)["plan"]["steps"] == [f"detach oss-reader from {ONE}"]
    assert (state(made), ecs.writes) == (("Releasing", "oss-reader", "Attached"), [])


async def test_suspend_reads_nothing_and_leaves_readiness_as_it_was() -> None:
    made, ecs = await attached()
    made.edit(BINDING, managementPolicy="Suspend", nodeSelector={"matchLabels": {"pool": "none"}})
    await made.settle()
    assert (ecs.calls, made.condition(BINDING)) == ([], ("True", "Suspended"))
    assert state(made) == ("Attached", "oss-reader", "Attached")
    made.edit(BINDING, managementPolicy="Enforce", nodeSelector=STORAGE)
    await made.settle()
    assert (made.condition(BINDING), ecs.writes) == (("True", "AllAttached"), [])


@pytest.mark.parametrize("policy", ["Plan", "Suspend"])
async def test_a_deletion_waits_until_a_person_decides(policy: str) -> None:
    made, ecs = await attached()
    made.edit(BINDING, managementPolicy=policy)
    made.delete(BINDING)
    await made.settle()
    assert (made.exists(BINDING), ecs.roles) == (True, {ONE: "oss-reader"})
    assert made.condition(BINDING) == ("False", "DeletionPaused")
    assert message(made).startswith(f"managementPolicy is {policy}, so that nothing is cleaned up; set deletionPolicy")
    assert f"or let it clean up: {BINDING.to_set('managementPolicy', 'Enforce')}" in message(made)


@pytest.mark.parametrize(
    ("spec", "left"),
    [({"managementPolicy": "Enforce"}, ""), ({"unbindPolicy": "Retain"}, "oss-reader")],
    ids=["Enforce detaches", "Retain leaves the role"],
)
async def test_a_paused_deletion_goes_on_as_the_person_decides(spec: dict[str, Any], left: str) -> None:
    made, ecs = await attached()
    made.edit(BINDING, managementPolicy="Suspend")
    made.delete(BINDING)
    await made.settle()
    made.edit(BINDING, **spec)
    await made.settle()
    assert (made.exists(BINDING), ecs.roles) == (False, {ONE: left})


@pytest.mark.parametrize("spec", [{"unbindPolicy": "Retain"}, {"managementPolicy": "Suspend"}], ids=str)
async def test_set_and_deleted_in_one_breath_nothing_is_detached(spec: dict[str, Any]) -> None:
    made, ecs = await attached()
    made.edit(BINDING, **spec)
    made.delete(BINDING)
    await made.settle()
    assert (ecs.writes, ecs.roles) == ([], {ONE: "oss-reader"})


@pytest.mark.parametrize("policy", ["Plan", "Suspend"])
async def test_an_object_that_has_nothing_in_the_cloud_is_released_at_once(policy: str) -> None:
    made, ecs = scene({ONE: "SomebodyElses"})
    made.edit(BINDING, managementPolicy=policy)
    await made.settle()
    made.delete(BINDING)
    await made.settle()
    assert (made.exists(BINDING), ecs.writes) == (False, [])


@pytest.mark.parametrize("unbind", ["Restore", "Detach", "Retain"])
@pytest.mark.parametrize("mode", ["Enforce", "Plan", "Suspend"])
@pytest.mark.parametrize("has", ["ours", "found", "other", "none"])
async def test_what_a_deletion_does_in_each_mode_with_each_unbind_policy(has: str, mode: str, unbind: str) -> None:
    made, ecs = await attached() if has == "ours" else scene({ONE: {"found": "oss-reader", "other": "X"}.get(has, "")})
    await made.settle() if has in ("found", "other") else None
    made.edit(BINDING, managementPolicy=mode, unbindPolicy=unbind)
    made.delete(BINDING)
    before = dict(ecs.roles)
    await made.settle()
    released = has == "ours" and mode == "Enforce" and unbind != "Retain"
    assert ecs.roles == ({ONE: ""} if released else before)
    assert made.exists(BINDING) == (has == "ours" and mode != "Enforce" and unbind != "Retain")


def write_nothing(made: Scene) -> None:
    """Make the operator read-only."""
    made.reconciler.filters = [
        replace(each, all_objects=True) if isinstance(each, PlanOnly | Suspend) else each
        for each in made.reconciler.filters
    ]


async def test_a_read_only_operator_writes_for_no_object() -> None:
    made, ecs = scene({ONE: ""})
    write_nothing(made)
    await made.settle()
    assert (ecs.writes, made.condition(BINDING)) == ([], ("False", "PlanPending"))
    assert "read-only" in message(made)


PAUSED = {"Enforce": "the operator is read-only", "Suspend": "managementPolicy is Suspend"}


@pytest.mark.parametrize("mode", PAUSED)
async def test_a_deletion_that_a_read_only_operator_pauses_says_nothing_of_a_policy_that_would_not_help(
    mode: str,
) -> None:
    made, ecs = await attached()
    made.edit(BINDING, managementPolicy=mode)
    await made.settle()
    write_nothing(made)
    made.delete(BINDING)
    await made.settle()
    assert (made.condition(BINDING), ecs.roles) == (("False", "DeletionPaused"), {ONE: "oss-reader"})
    assert message(made).startswith(f"{PAUSED[mode]}, so that nothing is cleaned up; set deletionPolicy")
    assert "Enforce" not in message(made)


async def test_what_something_else_changes_meanwhile_changes_the_plan() -> None:
    made, ecs = scene({ONE: ""})
    made.edit(BINDING, managementPolicy="Plan")
    await made.settle()
    ecs.roles[ONE] = "oss-reader"
    await made.reconcile(BINDING)
    assert ("plan" in made.status(BINDING), made.condition(BINDING)) == (False, ("True", "AllAttached"))
