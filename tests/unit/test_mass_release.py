"""The limit on mass releases: what changes of nodes may take away at once, and what a person must allow."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.unit.builders import binding_body, binding_key, instance, made_role_status, node, role_body
from tests.unit.pool import BINDING, scene
from tests.unit.scene import Instances, Scene

from ram_operator.errors import Unavailable
from ram_operator.model import ALLOW_RELEASE, ObjectKey


async def pool(count: int) -> tuple[Scene, Instances]:
    """A binding that has attached its role to some instances."""
    made, ecs = scene({instance(number): "" for number in range(1, count + 1)}, nodes=count)
    await made.settle()
    assert set(ecs.roles.values()) == {"oss-reader"}
    ecs.calls.clear()
    return made, ecs


async def relabel(made: Scene, *numbers: int, pool: str = "none") -> None:
    for number in numbers:
        made.put_node(node(f"node-{number}", number, pool=pool))
    await made.settle()


def left(ecs: Instances) -> int:
    return sum(has == "oss-reader" for has in ecs.roles.values())


def message(made: Scene, key: ObjectKey = BINDING) -> str:
    return str(made.status(key)["conditions"][0]["message"])


LIMITS = [(10, 5, 5), (10, 6, 10), (50, 10, 40), (50, 11, 50)]


@pytest.mark.parametrize(("count", "lose", "keep"), LIMITS, ids=str)
async def test_five_or_a_fifth_may_lose_their_label_at_once_and_no_more(count: int, lose: int, keep: int) -> None:
    made, ecs = await pool(count)
    await relabel(made, *range(1, lose + 1))
    assert left(ecs) == keep


async def test_what_is_held_says_so_and_goes_when_a_person_allows_this_generation() -> None:
    made, ecs = await pool(10)
    await relabel(made, *range(1, 8))
    row = made.rows(BINDING)[str(instance(1))]
    assert (row["state"], row["reason"], row["roleName"]) == ("Releasing", "MassRelease", "oss-reader")
    assert made.condition(BINDING, "Stalled") == ("True", "MassRelease")
    assert message(made).startswith("7 of the 10 instances of this object would be released by changes of nodes")
    assert message(made).endswith(f"; if that is meant: {BINDING.to_annotate(ALLOW_RELEASE, 1)}")
    made.annotate(BINDING, ALLOW_RELEASE, "0")
    await made.settle()
    assert left(ecs) == 10
    made.annotate(BINDING, ALLOW_RELEASE, "1")
    await made.settle()
    assert (left(ecs), made.condition(BINDING)) == (3, ("True", "AllAttached"))


async def test_labels_that_come_back_end_it_without_a_write() -> None:
    made, ecs = await pool(10)
    await relabel(made, *range(1, 8))
    await relabel(made, *range(1, 8), pool="storage")
    assert (ecs.writes, made.condition(BINDING)) == ([], ("True", "AllAttached"))


async def test_one_after_the_other_they_count_together_for_ten_minutes_also_after_a_restart() -> None:
    made, ecs = await pool(10)
    for number in range(1, 6):
        await relabel(made, number)
        made.later(20)
    assert left(ecs) == 5
    made.reconciler.forget(BINDING)
    await relabel(made, 6)
    assert (left(ecs), made.condition(BINDING)) == (5, ("False", "MassRelease"))
    made.later(600)
    await made.reconcile(BINDING)
    await made.settle()
    assert left(ecs) == 4


EDITS: list[tuple[str, dict[str, Any] | None]] = [
    ("an edit of the selector", {"nodeSelector": {"matchLabels": {"pool": "none"}}}),
    ("a deletion", None),
]


@pytest.mark.parametrize("edit", [edit for _, edit in EDITS], ids=[name for name, _ in EDITS])
async def test_what_the_spec_or_a_deletion_releases_is_not_held(edit: dict[str, Any] | None) -> None:
    made, ecs = await pool(10)
    if edit:
        made.edit(BINDING, **edit)
    else:
        made.delete(BINDING)
    await made.settle()
    assert left(ecs) == 0


async def test_a_release_by_an_edit_that_fails_at_first_is_not_held_later() -> None:
    made, ecs = await pool(10)
    ecs.failing["detach"] = Unavailable("DetachInstanceRamRole", "ServiceUnavailable")
    made.edit(BINDING, nodeSelector={"matchLabels": {"pool": "none"}})
    await made.settle()
    assert left(ecs) == 10
    ecs.failing.clear()
    await made.reconcile(BINDING)
    await made.settle()
    assert left(ecs) == 0


async def test_rows_of_a_version_that_did_not_store_what_led_to_a_release_are_held_still() -> None:
    made, ecs = await pool(10)
    await relabel(made, *range(1, 8))
    status = made.status(BINDING)
    for row in status["instances"]:
        row.pop("byNodes", None)
    made.put_status(BINDING, status)
    made.restart()
    await made.reconcile(BINDING)
    await made.settle()
    assert (left(ecs), made.condition(BINDING)) == (10, ("False", "MassRelease"))


async def test_a_release_by_an_edit_that_such_a_version_stored_is_not_held() -> None:
    made, ecs = await pool(10)
    ecs.failing["detach"] = Unavailable("DetachInstanceRamRole", "ServiceUnavailable")
    made.edit(BINDING, nodeSelector={"matchLabels": {"pool": "none"}})
    await made.settle()
    status = made.status(BINDING)
    for row in status["instances"]:
        row.pop("byNodes", None)
    made.put_status(BINDING, status)
    ecs.failing.clear()
    await made.reconcile(BINDING)
    await made.settle()
    assert left(ecs) == 0


async def test_an_edit_of_something_else_does_not_let_pass_what_is_held() -> None:
    made, ecs = await pool(10)
    await relabel(made, *range(1, 8))
    made.edit(BINDING, rollout={"maxUnavailable": 3})
    await made.settle()
    assert (left(ecs), made.condition(BINDING)) == (10, ("False", "MassRelease"))


async def test_what_a_region_hides_is_held_when_it_answers_again() -> None:
    made, ecs = await pool(10)
    ecs.out["cn-hangzhou"] = Unavailable("DescribeInstanceRamRole", "ServiceUnavailable")
    await relabel(made, *range(1, 8))
    for _ in range(3):
        await made.reconcile(BINDING)
    ecs.out.clear()
    await made.reconcile(BINDING)
    await made.settle()
    assert (left(ecs), made.condition(BINDING)) == (10, ("False", "MassRelease"))


async def test_nodes_that_are_deleted_count_and_instances_that_are_gone_do_not() -> None:
    made, ecs = await pool(20)
    for number in range(1, 11):
        made.remove_node(f"node-{number}")
        del ecs.roles[instance(number)]
    for number in range(11, 18):
        made.remove_node(f"node-{number}")
    await made.settle()
    made.later(700)
    await made.reconcile(BINDING)
    await made.settle()
    made.later(60)
    await made.reconcile(BINDING)
    await made.settle()
    assert left(ecs) == 10
    assert made.condition(BINDING) == ("False", "MassRelease")


async def test_many_small_bindings_count_together_and_name_the_role_as_it_is_spelled() -> None:
    pools = {name: {"nodeSelector": {"matchLabels": {"pool": name}}, "roleRef": {"name": "reader"}} for name in "abcd"}
    bodies = [binding_body(f"pool-{name}", spec=spec) for name, spec in pools.items()]
    made, ecs = scene({instance(number): "" for number in range(1, 13)}, *bodies, nodes=0)
    ecs.ram.owned["oss-reader"] = "reader"
    made.put(role_body("reader", made_role_status("OSS-Reader"), spec={"roleName": "OSS-Reader"}))
    for number in range(1, 13):
        made.put_node(node(f"node-{number}", number, pool="abcd"[number % 4]))
    await made.settle()
    assert set(ecs.roles.values()) == {"OSS-Reader"}
    await relabel(made, *range(1, 13))
    assert sum(has == "OSS-Reader" for has in ecs.roles.values()) >= 6
    held = [key for name in "abcd" if made.condition(key := binding_key(f"pool-{name}"))[1] == "MassRelease"]
    told = [
        re.match(r"\d+ of the 12 instances that all bindings have given role (\S+) w", message(made, key))
        for key in held
    ]
    assert {match and match[1] for match in told} == {"OSS-Reader"}


async def test_a_plan_of_many_releases_is_shown() -> None:
    made, ecs = await pool(10)
    made.edit(BINDING, managementPolicy="Plan")
    await made.settle()
    await relabel(made, *range(1, 8))
    assert (left(ecs), made.status(BINDING)["plan"]["count"]) == (10, 7)


@pytest.mark.parametrize("code", ["SDK.ReadTimeout", "ServiceUnavailable"])
async def test_what_the_spec_releases_while_an_attach_is_without_an_answer_is_not_held(code: str) -> None:
    made, ecs = scene({instance(number): "" for number in range(1, 11)}, nodes=10)
    ecs.failing["attach"] = Unavailable("AttachInstanceRamRole", code)
    await made.settle()
    ecs.failing.clear()
    made.edit(BINDING, nodeSelector={"matchLabels": {"pool": "none"}})
    await made.reconcile(BINDING)
    ecs.roles = dict.fromkeys(ecs.roles, "oss-reader")
    for _ in range(4):
        made.later(61)
        await made.reconcile(BINDING)
    assert set(ecs.roles.values()) == {""}
