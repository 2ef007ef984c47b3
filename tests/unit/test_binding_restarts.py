"""What a start costs a binding that is in sync: its instances are read once, by the first sweep."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from tests.unit.builders import instance, made_role_status, node, role_body
from tests.unit.pool import BINDING, ONE, THREE, TWO, attached
from tests.unit.scene import Instances
from tests.unit.sweeping import Swept

KIND = BINDING.kind


async def restarted(numbers: Iterable[int], *, binding_first: bool = False) -> tuple[Swept, Instances]:
    """A new process over a binding that gave two instances its role, which finds these nodes."""
    before, ecs = await attached(nodes=2)
    ecs.roles[THREE] = ""
    body = before.caches.body(BINDING)
    assert body
    made = Swept(ecs=ecs)
    if binding_first:
        made.scene.put(body)
    for number in numbers:
        made.scene.put_node(node(f"node-{number}", number, pool="storage"))
    if not binding_first:
        made.scene.put(body)
    made.scene.put(role_body("oss-reader", made_role_status("oss-reader")))
    await made.scene.settle()
    return made, ecs


def read(ecs: Instances) -> list[tuple[str, ...]]:
    return [ids for what, _, _, ids in ecs.calls if what == "describe"]


@pytest.mark.parametrize("binding_first", [True, False])
async def test_a_start_reads_the_instances_of_a_binding_in_sync_once(binding_first: bool) -> None:
    made, ecs = await restarted((1, 2), binding_first=binding_first)
    assert ecs.calls == []
    assert await made.nominated(KIND) == {}
    assert read(ecs) == [(ONE.id, TWO.id)]
    assert made.scene.log == []


@pytest.mark.parametrize("binding_first", [True, False])
async def test_a_node_that_came_meanwhile_is_read_alone_and_gets_the_role(binding_first: bool) -> None:
    _, ecs = await restarted((1, 2, 3), binding_first=binding_first)
    assert set(read(ecs)) == {(THREE.id,)}
    assert ecs.roles[THREE] == "oss-reader"


@pytest.mark.parametrize("binding_first", [True, False])
async def test_a_node_that_went_meanwhile_is_noticed(binding_first: bool) -> None:
    made, ecs = await restarted((1,), binding_first=binding_first)
    assert made.scene.rows(BINDING)[str(TWO)]["nodeGoneSince"]
    made.scene.later(3600)
    await made.scene.reconcile(BINDING)
    await made.scene.settle()
    assert (ecs.roles[ONE], ecs.roles[TWO]) == ("oss-reader", "")


async def test_a_node_whose_instance_is_another_one_now_is_read() -> None:
    before, ecs = await attached(nodes=1)
    body = before.caches.body(BINDING)
    assert body
    made, other = Swept(ecs=ecs), instance(7)
    ecs.roles[other] = ""
    made.scene.put(body)
    made.scene.put_node(node("node-1", 7, pool="storage"))
    made.scene.put(role_body("oss-reader", made_role_status("oss-reader")))
    await made.scene.settle()
    assert ecs.roles[other] == "oss-reader"


@pytest.mark.parametrize("role", ["", "Other"])
async def test_what_changed_in_the_cloud_meanwhile_the_first_sweep_finds(role: str) -> None:
    made, ecs = await restarted((1, 2))
    ecs.roles[TWO] = role
    [scope] = (await made.nominated(KIND)).values()
    assert scope.subjects == frozenset({str(TWO)})
