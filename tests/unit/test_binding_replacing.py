"""Replace: what is taken off, what comes in its place, step by step, and what is given back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from tests.unit.builders import binding_body, binding_key, instance, made_role_status, node, role_body
from tests.unit.pool import BINDING, ONE, STORAGE, THREE, TWO, attached, remarks, scene, state
from tests.unit.scene import Instances, Scene

from ram_operator.errors import CloudError, Denied, NotFound, Rejected, Unavailable
from ram_operator.model import EVERYTHING, InstanceId

WORKER = "KubernetesWorkerRole-x"
ALLOWED = {"conflictPolicy": "Replace", "allowProtectedRoles": True}
REFUSED = Denied("AttachInstanceRamRole", "Forbidden.RAM")


class Refusing(Instances):
    """Refuses some roles; counts how many instances were without a role at a time after they had one."""

    def __init__(self, roles: Mapping[InstanceId, str], *, refuses: Mapping[str, CloudError] | None = None) -> None:
        super().__init__(roles)
        self.refuses = dict(refuses or {})
        self.most_without = 0

    async def attach_role(
        self, region: str, role: str, ids: Sequence[str], policy: str | None = None
    ) -> Mapping[str, CloudError]:
        if error := self.refuses.get(role):
            self._called("attach", region, role, ids)
            return dict.fromkeys(ids, error)
        return await super().attach_role(region, role, ids, policy)

    async def detach_role(self, region: str, role: str, ids: Sequence[str]) -> Mapping[str, CloudError]:
        failures = await super().detach_role(region, role, ids)
        self.most_without = max(self.most_without, sum(not has for has in self.roles.values()))
        return failures


def pool(count: int, role: str, **how: Any) -> Refusing:
    return Refusing({instance(number): role for number in range(1, count + 1)}, **how)


async def replacing(ecs: Refusing, **spec: Any) -> Scene:
    made, _ = scene({}, binding_body(spec=ALLOWED | spec), nodes=len(ecs.roles), ecs=ecs)
    await made.settle()
    return made


def message(made: Scene, type_: str = "Ready") -> str:
    return next(str(row["message"]) for row in made.status(BINDING)["conditions"] if row["type"] == type_)


# What may be replaced

LEFT: list[tuple[str, dict[str, Any], str, str]] = [
    ("Fail", {}, WORKER, "OtherRole"),
    ("Replace", {"conflictPolicy": "Replace"}, WORKER, "ProtectedRole"),
    ("Replace, whatever its case", {"conflictPolicy": "Replace"}, WORKER.upper(), "ProtectedRole"),
    ("what could not be given back", ALLOWED, "SomebodyElses", "NotRestorable"),
]


@pytest.mark.parametrize(("spec", "role", "reason"), [each[1:] for each in LEFT], ids=[each[0] for each in LEFT])
async def test_what_may_not_be_replaced_is_left(spec: dict[str, Any], role: str, reason: str) -> None:
    made, ecs = scene({ONE: role}, binding_body(spec=spec))
    await made.settle()
    assert (ecs.writes, state(made)) == ([], ("Conflict", None, None))
    row = made.rows(BINDING)[str(ONE)]
    assert row["reason"] == reason
    assert role in row["message"]
    assert "detach" not in row["message"].lower(), "a message never proposes what can break a cluster"
    assert made.condition(BINDING) == ("False", "Conflict")


async def test_a_role_that_may_be_replaced_is_taken_off_and_remembered() -> None:
    ecs = pool(1, WORKER)
    made = await replacing(ecs)
    assert ecs.roles == {ONE: "oss-reader"}
    assert [call[::2] for call in ecs.writes] == [("detach", WORKER), ("attach", "oss-reader")]
    row = made.rows(BINDING)[str(ONE)]
    assert (row["state"], row["previousRole"]) == ("Attached", WORKER)
    assert "replacedRole" not in row
    assert made.condition(BINDING) == ("True", "AllAttached")


async def test_the_claim_on_both_roles_is_stored_before_the_first_write() -> None:
    ecs = pool(1, WORKER)
    ecs.failing["detach"] = Unavailable("DetachInstanceRamRole", "SDK.ReadTimeout")
    made = await replacing(ecs)
    row = made.rows(BINDING)[str(ONE)]
    assert [row[name] for name in ("roleName", "origin", "previousRole", "replacedRole")] == [
        "oss-reader",
        "Attached",
        WORKER,
        WORKER,
    ]


async def test_a_plan_lists_what_replace_would_do_and_takes_nothing_off() -> None:
    ecs = pool(3, WORKER)
    made = await replacing(ecs, managementPolicy="Plan")
    assert (ecs.writes, made.status(BINDING)["plan"]["count"]) == ([], 6)
    assert f"detach {WORKER} from {ONE}" in made.status(BINDING)["plan"]["steps"]
    assert state(made) == ("Pending", None, None)


# Step by step


async def test_the_first_goes_alone_then_as_many_as_may_be_without_a_role() -> None:
    ecs = pool(20, WORKER)
    made = await replacing(ecs)
    assert set(ecs.roles.values()) == {"oss-reader"}
    detached = [len(call[3]) for call in ecs.writes if call[0] == "detach"]
    assert detached == [1, *[2] * 9, 1]
    assert ecs.most_without == 2
    assert made.condition(BINDING) == ("True", "AllAttached")


MOST: list[tuple[Any, int]] = [("1%", 1), ("25%", 2), ("100%", 9), (3, 3), (50, 9)]


@pytest.mark.parametrize(("most", "batch"), MOST, ids=str)
async def test_max_unavailable_is_rounded_down_and_at_least_one(most: Any, batch: int) -> None:
    ecs = pool(10, WORKER)
    await replacing(ecs, rollout={"maxUnavailable": most})
    assert ecs.most_without == batch
    assert set(ecs.roles.values()) == {"oss-reader"}


async def test_progress_and_what_comes_next_are_told() -> None:
    made, _ = scene({}, binding_body(spec=ALLOWED), nodes=10, ecs=pool(10, WORKER))
    await made.reconcile(BINDING)
    assert made.status(BINDING)["summary"]["ready"] == "1/10"
    assert message(made, "Reconciling").startswith(f"1/10 have role oss-reader; next {TWO}")
    row = made.rows(BINDING)[str(THREE)]
    assert (row["state"], row["reason"], row.get("roleName")) == ("Pending", "Progressing", None)


async def test_instances_without_a_role_do_not_wait_for_those_that_are_replaced() -> None:
    ecs = Refusing({ONE: "", **{instance(number): WORKER for number in range(2, 6)}})
    made, _ = scene({}, binding_body(spec=ALLOWED), nodes=5, ecs=ecs)
    await made.reconcile(BINDING)
    assert ecs.roles[ONE] == "oss-reader"


async def test_an_instance_that_is_still_without_a_role_counts() -> None:
    ecs = pool(10, WORKER)
    made, _ = scene({}, binding_body(spec=ALLOWED), nodes=10, ecs=ecs)
    await made.reconcile(BINDING)
    ecs.failing["attach"] = Unavailable("AttachInstanceRamRole", "ServiceUnavailable")
    for _ in range(5):
        made.later(30)
        await made.reconcile(BINDING)
    assert ecs.most_without == 1
    ecs.failing.clear()
    for _ in range(30):
        made.later(120)
        await made.reconcile(BINDING)
    assert set(ecs.roles.values()) == {"oss-reader"}
    assert ecs.most_without == 1


# A failure stops it

REFUSALS: list[CloudError] = [
    REFUSED,
    NotFound("AttachInstanceRamRole", "InvalidRamRole.NotEcsRole"),
    Rejected("AttachInstanceRamRole", "IncorrectInstanceStatus"),
]


@pytest.mark.parametrize("error", REFUSALS, ids=[error.code for error in REFUSALS])
async def test_a_refused_role_gives_the_first_one_its_role_back_and_touches_no_other(error: CloudError) -> None:
    ecs = pool(10, WORKER, refuses={"oss-reader": error})
    made = await replacing(ecs)
    assert set(ecs.roles.values()) == {WORKER}
    assert [call[0] for call in ecs.writes] == ["detach", "attach", "attach"]
    row = made.rows(BINDING)[str(ONE)]
    assert (row["state"], row["reason"], row["failedGeneration"]) == ("Failed", "RolledBack", 1)
    assert state(made) == ("Failed", None, None), "it has nothing of ours"
    assert made.rows(BINDING)[str(TWO)]["reason"] == "RolloutStopped"
    assert made.condition(BINDING) == ("False", "SomeFailed")
    assert str(ONE) in message(made)


async def test_what_was_rolled_back_is_tried_again_after_an_edit_or_when_a_person_asks() -> None:
    ecs = pool(3, WORKER, refuses={"oss-reader": REFUSED})
    made = await replacing(ecs)
    ecs.calls.clear()
    for _ in range(3):
        made.later(7200)
        await made.reconcile(BINDING)
    assert ecs.writes == []
    made.ask(BINDING, "again")
    await made.settle()
    assert [call[0] for call in ecs.writes] == ["detach", "attach", "attach"]
    ecs.refuses.clear()
    made.edit(BINDING, rollout={"maxUnavailable": 1})
    await made.settle()
    assert set(ecs.roles.values()) == {"oss-reader"}
    assert made.rows(BINDING)[str(ONE)]["previousRole"] == WORKER


@pytest.mark.parametrize("error", REFUSALS, ids=[error.code for error in REFUSALS])
async def test_an_edit_of_the_role_reference_strips_no_node_whose_next_role_is_refused(error: CloudError) -> None:
    ecs = pool(10, "", refuses={"log-writer": error})
    made = await replacing(ecs)
    ecs.most_without = 0
    made.edit(BINDING, roleRef={"name": "log-writer"})
    await made.settle()
    assert set(ecs.roles.values()) == {"oss-reader"}
    assert ecs.most_without == 1
    assert state(made) == ("Failed", "oss-reader", "Attached"), "what was given back is ours as before"
    assert made.condition(BINDING) == ("False", "SomeFailed")
    made.delete(BINDING)
    await made.settle()
    assert (set(ecs.roles.values()), made.exists(BINDING)) == ({""}, False)


async def test_a_role_that_is_refused_after_a_crash_is_rolled_back_all_the_same() -> None:
    """The process ended after the detach: only the stored claim tells what was there."""
    ecs = pool(2, WORKER)
    ecs.failing["attach"] = Unavailable("AttachInstanceRamRole", "SDK.ConnectionReset")
    made = await replacing(ecs)
    assert ecs.roles[ONE] == ""
    ecs.failing.clear()
    ecs.refuses["oss-reader"] = REFUSED
    made.reconciler.forget(BINDING)
    await made.reconcile(BINDING)
    await made.settle()
    assert set(ecs.roles.values()) == {WORKER}


# Giving back


async def test_a_binding_that_goes_gives_each_instance_back_what_it_had() -> None:
    ecs = pool(10, WORKER)
    made = await replacing(ecs)
    ecs.most_without = 0
    made.delete(BINDING)
    await made.settle()
    assert (set(ecs.roles.values()), made.exists(BINDING)) == ({WORKER}, False)
    assert ecs.most_without == 1


@pytest.mark.parametrize(("policy", "left"), [("Restore", WORKER), ("Detach", ""), ("Retain", "oss-reader")])
async def test_a_node_that_leaves_gets_what_unbind_policy_says(policy: str, left: str) -> None:
    ecs = pool(1, WORKER)
    made = await replacing(ecs, unbindPolicy=policy)
    made.put_node(node("node-1", 1, pool="none"))
    await made.settle()
    assert (ecs.roles, made.rows(BINDING)) == ({ONE: left}, {})


async def test_the_previous_role_survives_an_edit_of_the_role_reference() -> None:
    ecs = pool(2, WORKER)
    made = await replacing(ecs)
    made.edit(BINDING, roleRef={"name": "log-writer"})
    await made.settle()
    assert set(ecs.roles.values()) == {"log-writer"}
    assert {row["previousRole"] for row in made.rows(BINDING).values()} == {WORKER}
    made.delete(BINDING)
    await made.settle()
    assert set(ecs.roles.values()) == {WORKER}


async def test_what_the_instance_had_before_stays_on_it_where_the_binding_ended_with_the_same_role() -> None:
    """Its role was replaced, and by an edit given again."""
    ecs = pool(1, WORKER)
    made = await replacing(ecs)
    made.put(role_body("worker", made_role_status(WORKER), spec={"roleName": WORKER}))
    ecs.ram.owned[WORKER.lower()] = "worker"
    made.edit(BINDING, roleRef={"name": "worker"})
    made.asked = {BINDING: EVERYTHING}
    await made.settle()
    assert (ecs.roles, made.rows(BINDING)[str(ONE)].get("previousRole")) == ({ONE: WORKER}, WORKER)
    made.delete(BINDING)
    await made.settle()
    assert (ecs.roles, made.exists(BINDING)) == ({ONE: WORKER}, False)


@pytest.mark.parametrize("role", ["oss-reader", "log-writer"])
async def test_the_previous_role_is_inherited_by_the_binding_that_takes_over(role: str) -> None:
    ecs = pool(1, WORKER)
    made = await replacing(ecs)
    older = made.put(binding_body("older", created="2025-01-01T00:00:00Z", spec={"roleRef": {"name": role}}))
    await made.settle()
    assert (ecs.roles, made.rows(older)[str(ONE)]["previousRole"]) == ({ONE: role}, WORKER)
    made.delete(BINDING)
    await made.settle()
    assert ecs.roles == {ONE: role}, "the loser gives nothing back"
    made.delete(older)
    await made.settle()
    assert ecs.roles == {ONE: WORKER}


@pytest.mark.parametrize(
    "error", [REFUSED, NotFound("AttachInstanceRamRole", "InvalidRamRole.NotFound")], ids=["passed", "gone"]
)
async def test_what_cannot_be_given_back_is_told_and_the_binding_goes(error: CloudError) -> None:
    ecs = pool(1, WORKER)
    made = await replacing(ecs)
    ecs.refuses[WORKER] = error
    made.delete(BINDING)
    said = [event for _ in range(3) if made.exists(BINDING) for event in remarks(await made.reconcile(BINDING))]
    assert (ecs.roles, made.exists(BINDING)) == ({ONE: ""}, False)
    assert [words for reason, words in said if reason == "NotRestored" and WORKER in words]


async def test_a_forged_previous_role_is_not_attached() -> None:
    made, ecs = await attached()
    status = made.status(BINDING)
    status["instances"][0]["previousRole"] = "AdministratorRole"
    made.put_status(BINDING, status)
    made.delete(BINDING)
    said = remarks(await made.reconcile(BINDING))
    await made.settle()
    assert (ecs.roles, made.exists(BINDING)) == ({ONE: ""}, False)
    assert [reason for reason, _ in said] == ["Detached", "NotRestored"]


async def test_a_forged_replaced_role_is_not_attached() -> None:
    ecs = pool(1, WORKER, refuses={"oss-reader": REFUSED})
    ecs.roles[ONE] = ""
    made, _ = scene({}, binding_body(spec=ALLOWED), ecs=ecs)
    forged = {"roleName": "oss-reader", "origin": "Attached", "replacedRole": "AdministratorRole"}
    made.put_status(BINDING, {"instances": [{"instance": str(ONE), "state": "Pending", **forged}]})
    await made.reconcile(BINDING)
    await made.settle()
    assert (ecs.roles, {call[2] for call in ecs.writes}) == ({ONE: ""}, {"oss-reader"})
    assert "restorableRoles" in made.rows(BINDING)[str(ONE)]["message"]


async def test_a_spec_that_was_stored_before_its_field_was_supported_has_no_effect() -> None:
    made, ecs = scene({ONE: WORKER}, binding_body(spec=ALLOWED))
    said = {"type": "Ready", "status": "False", "reason": "NotSupportedYet", "message": "x", "observedGeneration": 1}
    made.put_status(BINDING, {"conditions": [said | {"lastTransitionTime": "2026-01-01T00:00:00Z"}]})
    for _ in range(2):
        await made.reconcile(BINDING)
    assert (ecs.calls, made.condition(BINDING)) == ([], ("False", "NotSupportedYet"))
    made.edit(BINDING, nodeSelector=STORAGE, rollout={"maxUnavailable": 2})
    await made.settle()
    assert ecs.roles == {ONE: "oss-reader"}


async def test_a_node_whose_new_pool_cannot_give_its_role_loses_the_old_one_after_a_while() -> None:
    helpless = binding_body(
        "compute", spec={"roleRef": {"name": "nobody"}, "nodeSelector": {"matchLabels": {"pool": "compute"}}}
    )
    made, ecs = await attached()
    made.put(helpless)
    made.put_node(node("node-1", 1, pool="compute"))
    said = await made.reconcile(BINDING)
    assert (ecs.roles, said.requeue_after) == ({ONE: "oss-reader"}, 10)
    assert made.condition(BINDING, "Reconciling")[0] == "True"
    made.later(10)
    await made.reconcile(BINDING)
    await made.settle()
    assert (ecs.roles, made.rows(BINDING)) == ({ONE: ""}, {})


async def test_of_two_bindings_that_let_go_at_once_neither_takes_the_others_claim_for_a_cover() -> None:
    made, ecs = await attached()
    keys = [BINDING]
    for name, year in (("older", 2025), ("oldest", 2024)):
        keys.append(made.put(binding_body(name, created=f"{year}-01-01T00:00:00Z")))
    claim = {"instance": str(ONE), "state": "Pending", "roleName": "oss-reader", "origin": "Attached"}
    made.put_status(binding_key("older"), {"instances": [claim]})
    both = [(made.caches.body(key), made.caches.facts(key)) for key in (BINDING, binding_key("older"))]
    # Both decide before either has stored what it decided.
    previews = [await made.reconciler.preview(body, facts, EVERYTHING) for body, facts in both if body and facts]
    for preview in previews:
        await made.reconciler.carry_out(preview)
    claims = [row for key in keys for row in made.rows(key).values() if row.get("origin") == "Attached"]
    assert claims, "nobody claims what we attached"
    await made.settle()
    assert state(made, key=binding_key("oldest")) == ("Attached", "oss-reader", "Attached")
    assert (ecs.writes, state(made)) == ([], ("Overridden", None, None))
