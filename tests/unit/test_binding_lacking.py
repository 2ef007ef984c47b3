"""Before a role is replaced the condition says what the new one lacks: policies, and the actions that they allow."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.builders import custom, facts_of, instance, system
from tests.unit.pool import BINDING, ONE
from tests.unit.scene import Scene
from tests.unit.test_binding_replacing import ALLOWED, WORKER, Refusing, message, pool, replacing

from ram_operator.errors import Denied
from ram_operator.model import Scope

PLAN = ALLOWED | {"managementPolicy": "Plan"}
LOGS = "k8sWorkerRolePolicy-x"


def allow(*actions: str, effect: str = "Allow") -> dict[str, Any]:
    return {"Version": "1", "Statement": [{"Effect": effect, "Action": list(actions), "Resource": "*"}]}


def worker(document: Any, ours: Any = None, count: int = 1) -> Refusing:
    ecs = pool(count, WORKER)
    ecs.ram.policies = {WORKER: {custom(LOGS): document}, "oss-reader": {custom("ours"): ours} if ours else {}}
    return ecs


SAID: list[tuple[str, Any, Any, str]] = [
    ("all of it", allow("log:Get*", "cr:PullRepository"), None, "actions cr:PullRepository, log:Get*"),
    ("but what a pattern covers", allow("log:Get*", "cr:PullRepository"), allow("log:*"), "actions cr:PullRepository"),
    ("in whatever case", allow("LOG:GetIndex", "cr:X"), allow("log:getindex"), "actions cr:X"),
    ("an action that is only denied", allow("log:Get*"), allow("log:*", effect="Deny"), "actions log:Get*"),
    ("but no Deny", allow("cr:X", effect="Deny"), None, f"policies {LOGS}"),
    (
        "an exception to everything",
        {"Version": "1", "Statement": [{"Effect": "Allow", "NotAction": "ram:*", "Resource": "*"}]},
        None,
        "actions all but ram:*",
    ),
    (
        "what an exception leaves out",
        allow("ram:List"),
        {"Version": "1", "Statement": [{"Effect": "Allow", "NotAction": "ram:*", "Resource": "*"}]},
        "actions ram:List",
    ),
    (
        "an action on other resources",
        allow("log:Get*"),
        {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "log:*", "Resource": "acs:log:*:*:project/a"}]},
        "in part log:Get* (other resources or conditions, or a Deny)",
    ),
    ("a part of many", allow(*(f"log:A{number}" for number in range(10))), None, "log:A7 and 2 more"),
]


@pytest.mark.parametrize(("document", "ours", "words"), [each[1:] for each in SAID], ids=[each[0] for each in SAID])
async def test_a_plan_says_what_the_new_role_lacks(document: Any, ours: Any, words: str) -> None:
    made = await replacing(worker(document, ours), **PLAN)
    said = message(made)
    assert f"oss-reader lacks of {WORKER}: policies {LOGS}" in said
    assert said.endswith(words)
    assert made.condition(BINDING) == ("False", "PlanPending")


def excepting(letter: str) -> dict[str, Any]:
    return {"Effect": "Allow", "NotAction": [f"{letter}{number}:*" for number in range(400)], "Resource": "*"}


MANY: dict[str, list[Any]] = {
    "of one service": [allow(*(f"oss:*{letter}{number}" for number in range(200))) for letter in "ab"],
    "of many services": [allow(*(f"{letter}{number}:Get" for number in range(400))) for letter in "ab"],
    "excepted": [{"Version": "1", "Statement": [excepting(letter)]} for letter in "ab"],
}


@pytest.mark.parametrize("documents", MANY.values(), ids=MANY)
async def test_actions_that_are_too_many_to_be_compared_are_told_as_such(documents: list[Any]) -> None:
    made = await replacing(worker(*documents), **PLAN)
    told = "perhaps actions, which are too many to be compared"
    assert message(made).endswith(f"oss-reader lacks of {WORKER}: policies {LOGS}; {told}")


async def test_what_both_have_is_not_told() -> None:
    ecs = worker(allow("log:Get*"))
    ecs.ram.policies["oss-reader"] = {
        custom(LOGS): allow("log:Get*"),
        system("AliyunLogReadOnlyAccess"): allow("log:*"),
    }
    made = await replacing(ecs, **PLAN)
    assert "lacks" not in message(made)


async def test_it_is_said_where_a_protected_role_is_left_and_once_for_all_instances() -> None:
    made = await replacing(worker(allow("cr:PullRepository"), count=5), allowProtectedRoles=False)
    assert made.condition(BINDING) == ("False", "Conflict")
    assert message(made).count("lacks") == 1


async def test_under_fail_nothing_is_compared() -> None:
    ecs = worker(allow("cr:PullRepository"))
    await replacing(ecs, conflictPolicy="Fail", allowProtectedRoles=False)
    assert ecs.ram.compared == []


async def test_it_is_read_once_before_the_first_is_replaced_and_not_for_each_batch() -> None:
    ecs = worker(allow("cr:PullRepository"), count=20)
    made = await replacing(ecs)
    assert sorted(ecs.ram.compared) == [WORKER, "oss-reader"]
    assert set(ecs.roles.values()) == {"oss-reader"}
    assert made.condition(BINDING) == ("True", "AllAttached")


async def test_sweeps_do_not_read_again_what_a_role_lacks_that_is_left_where_it_is() -> None:
    ecs = worker(allow("cr:PullRepository"))
    made = await replacing(ecs, allowProtectedRoles=False)
    said = message(made)
    ecs.ram.compared.clear()
    for _ in range(3):
        made.later(600)
        await made.reconcile(BINDING, Scope(frozenset([str(ONE)]), swept=True))
    assert (ecs.ram.compared, message(made)) == ([], said)
    ecs.ram.policies["oss-reader"] = {custom("ours"): allow("cr:*")}
    made.ask(BINDING, "now")
    await made.settle()
    assert sorted(ecs.ram.compared) == [WORKER, "oss-reader"]
    assert "actions" not in message(made)


async def sweep(made: Scene) -> None:
    """Sweep the bindings once, and reconcile them as the sweep does those that it nominates."""
    made.later(600)
    kind = made.reconciler.kinds[BINDING.kind]
    await kind.find_drift([facts_of(BINDING, made.caches)], made.reconciler.survey())
    await made.reconcile(BINDING, Scope(frozenset([str(ONE)]), swept=True))


async def test_sweeps_find_within_an_hour_what_somebody_added_to_the_new_role() -> None:
    ecs = worker(allow("cr:PullRepository"))
    made = await replacing(ecs, allowProtectedRoles=False)
    assert message(made).endswith("actions cr:PullRepository")
    ecs.ram.policies["oss-reader"] = {custom("ours"): allow("cr:*")}
    ecs.ram.compared.clear()
    for _ in range(12):
        await sweep(made)
    assert "actions" not in message(made)
    assert sorted(ecs.ram.compared) == sorted([WORKER, "oss-reader"] * 2)


async def test_a_document_that_is_not_understood_is_not_read_by_every_sweep() -> None:
    ecs = worker({"Version": "1", "Statement": [{"Effect": "Allow"}]})
    made = await replacing(ecs, **PLAN)
    said = message(made)
    ecs.ram.compared.clear()
    for _ in range(5):
        await sweep(made)
    assert (ecs.ram.compared, message(made)) == ([], said)


async def test_a_sweep_reads_again_what_could_not_be_read() -> None:
    ecs = worker(allow("cr:PullRepository"))
    ecs.ram.denied = Denied("ListPoliciesForRole", "NoPermission")
    made = await replacing(ecs, allowProtectedRoles=False)
    ecs.ram.denied = None
    await made.reconcile(BINDING, Scope(frozenset([str(ONE)]), swept=True))
    assert message(made).endswith("actions cr:PullRepository")


async def test_the_roles_that_are_not_compared_are_counted_and_named() -> None:
    ecs = pool(1, WORKER)
    ecs.roles |= {instance(number): f"KubernetesWorkerRole-{number}" for number in range(2, 6)}
    made = await replacing(ecs, **PLAN)
    assert ecs.ram.compared == ["oss-reader", *(f"KubernetesWorkerRole-{number}" for number in (2, 3, 4))]
    assert message(made).endswith(f"2 more roles to be replaced, not compared: KubernetesWorkerRole-5, {WORKER}")


async def test_a_document_that_is_not_understood_is_told_and_stops_nothing() -> None:
    made = await replacing(worker({"Version": "1", "Statement": [{"Effect": "Allow"}]}), **PLAN)
    assert message(made).endswith(f"cannot be read: the document of policy {LOGS} is not understood")


async def test_what_cannot_be_read_is_told_and_stops_nothing() -> None:
    ecs = worker(allow("cr:PullRepository"))
    ecs.ram.denied = Denied("ListPoliciesForRole", "NoPermission")
    made = await replacing(ecs, **PLAN)
    assert f"what oss-reader lacks compared with {WORKER} cannot be read: ListPoliciesForRole" in message(made)
    made.edit(BINDING, managementPolicy="Enforce")
    await made.settle()
    assert set(ecs.roles.values()) == {"oss-reader"}
