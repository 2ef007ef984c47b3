"""A cluster restored from a backup of etcd, and one that runs beside its copy: both have the same UID."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from tests.contract.test_role_lives import POLICY, ROLE, Simulator, attachments, names, settle, sweeps_of, writes
from tests.contract.test_role_lives import scene as scene
from tests.unit.builders import OTHER_DOCUMENT, custom, policy_body, policy_key, role_body
from tests.unit.scene import Scene

from ram_operator.engine.sweeps import Sweeps
from ram_operator.engine.workqueue import Lane
from ram_operator.model import Body, Event, ObjectKey

NEW = policy_key("new")
READ = [{"policyRef": {"name": "read"}}]
CAUSE = "times in an hour somebody or another cluster undid: "


async def backup(scene: Scene) -> list[Body]:
    """Two objects in sync, as a backup has them."""
    scene.put(policy_body("read"))
    scene.put(role_body("app", spec={"policies": READ}))
    await settle(scene, POLICY, ROLE)
    return [body for key in (POLICY, ROLE) if (body := scene.caches.body(key))]


def copy_of(scene: Scene, bodies: Iterable[Body], cluster: str | None = None) -> Scene:
    """Another cluster with these objects, and with the identity of the first one unless it has another."""
    copy = Scene(scene.reconciler.cloud, cluster or scene.reconciler.cluster.id)
    for body in bodies:
        copy.put(body)
    return copy


async def sweep(scene: Scene, sweeps: Sweeps) -> None:
    """Sweep once, and reconcile what is nominated."""
    survey = scene.reconciler.survey()
    for kind in ("RamPolicy", "RamRole"):
        await sweeps.sweep(kind, survey)
    while sweeps.queue.depth(Lane.SWEEP):
        item = await sweeps.queue.get()
        await scene.reconcile(item.key, item.scope)
        sweeps.queue.done(item.key)
    await scene.settle()


CHANGES: dict[str, tuple[ObjectKey, dict[str, Any], str]] = {
    "a role": (ROLE, {"description": "of the copy"}, "UpdateRole"),
    "a policy": (POLICY, {"document": OTHER_DOCUMENT}, "CreatePolicyVersion"),
}


@pytest.mark.parametrize(("key", "spec", "call"), CHANGES.values(), ids=CHANGES)
async def test_two_copies_that_want_different_things_write_less_often_and_name_the_cause(
    scene: Scene, simulator: Simulator, key: ObjectKey, spec: dict[str, Any], call: str
) -> None:
    both = [scene, copy_of(scene, await backup(scene))]
    scene.edit(ROLE, description="of the original")
    both[1].edit(key, **spec)
    swept = [(each, sweeps_of(each)) for each in both]
    made: list[int] = []
    said: set[str] = set()
    for _ in range(3):
        before = simulator.newest_call()
        for each, sweeps in 6 * swept:
            await sweep(each, sweeps)
            each.later(600)
            said |= {row["message"] for row in each.status(key)["conditions"] if row["reason"] == "Contended"}
        made.append(writes(simulator, before).count(call))
    assert said
    assert all(CAUSE in message for message in said)
    # Each sweeps six times an hour and could write as often.
    assert max(made[1:]) <= 8, made


async def test_what_one_copy_deletes_the_other_makes_again_and_the_first_tells_as_orphaned(
    scene: Scene, simulator: Simulator
) -> None:
    copy = copy_of(scene, await backup(scene))
    told: list[Event] = []
    swept = {scene: sweeps_of(scene), copy: sweeps_of(copy, told.append)}
    copy.delete(ROLE)
    await copy.settle()
    assert "app" not in names(simulator, "role")
    for _ in range(2):
        for each, sweeps in swept.items():
            await sweep(each, sweeps)
    await settle(scene, ROLE)
    assert attachments(simulator, "app") == {"read"}
    assert [event.note.partition(" ")[0] for event in told] == ["app"]


async def test_a_copy_that_is_given_another_id_writes_nothing_and_says_whose_everything_is(
    scene: Scene, simulator: Simulator
) -> None:
    copy = copy_of(scene, await backup(scene), "test/uid")
    before = simulator.newest_call()
    copy.edit(ROLE, description="of the copy")
    await copy.settle()
    await sweep(copy, sweeps_of(copy))
    assert [copy.condition(key) for key in (POLICY, ROLE)] == 2 * [("False", "OwnedByOther")]
    for key in (ROLE, POLICY):
        copy.delete(key)
    await copy.settle()
    assert not copy.exists(ROLE)
    assert writes(simulator, before) == []


async def test_after_a_plain_restore_the_declared_state_wins_and_what_is_newer_is_told_as_orphaned(
    scene: Scene, simulator: Simulator
) -> None:
    older = await backup(scene)
    scene.put(policy_body("new"))
    scene.edit(POLICY, document=OTHER_DOCUMENT)
    await settle(scene, NEW, POLICY)
    scene.delete(ROLE)
    await settle(scene, ROLE)
    assert "app" not in names(simulator, "role")
    told: list[Event] = []
    restored = copy_of(scene, older)
    sweeps = sweeps_of(restored, told.append)
    for _ in range(2):
        await sweep(restored, sweeps)
    await settle(restored, POLICY, ROLE)
    assert attachments(simulator, "app") == {"read"}
    assert [event.note.partition(" ")[0] for event in told] == ["new"]
    policy = await scene.reconciler.cloud.ram.get_policy(custom("read"))
    assert "oss:Get*" in policy.document
