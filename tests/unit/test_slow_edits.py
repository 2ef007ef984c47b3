"""An edit that is taken back before RAM shows it: Ready waits until what is in force is known."""

from __future__ import annotations

from typing import Any

from tests.unit.builders import policy_body
from tests.unit.scene import Scene
from tests.unit.slow_ram import SlowRam

from ram_operator.model import ObjectKey


def document(action: str) -> dict[str, Any]:
    return {"Version": "1", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}


async def widened(ram: SlowRam) -> tuple[Scene, ObjectKey]:
    """A policy whose wider document was written and does not show."""
    scene = Scene(ram.cloud())
    key = scene.put(policy_body(spec={"document": document("oss:Get*")}))
    await scene.settle()
    assert scene.condition(key) == ("True", "InSync")
    ram.shows = False
    scene.edit(key, document=document("oss:*"))
    await scene.reconcile(key)
    scene.later(1)
    return scene, key


async def test_an_edit_taken_back_before_it_shows_is_not_settled_until_the_old_document_is_in_force() -> None:
    scene, key = await widened(ram := SlowRam())
    scene.edit(key, document=document("oss:Get*"))
    for _ in range(3):
        said = await scene.reconcile(key)
        assert scene.condition(key, "Reconciling") == ("True", "Verifying")
        scene.later(said.requeue_after or 0)
    ram.shows = True
    await scene.reconcile(key)
    assert scene.condition(key) == ("True", "InSync")
    assert ram.policy
    assert '"oss:Get*"' in ram.policy.document
    assert len(ram.calls) == 3


async def test_an_edit_that_shows_is_settled_at_once() -> None:
    scene, key = await widened(ram := SlowRam())
    ram.shows = True
    await scene.reconcile(key)
    assert scene.condition(key) == ("True", "InSync")


async def test_a_reading_is_believed_a_minute_after_the_write() -> None:
    scene, key = await widened(SlowRam())
    scene.edit(key, document=document("oss:Get*"))
    await scene.reconcile(key)
    scene.later(60)
    await scene.reconcile(key)
    assert scene.condition(key) == ("True", "InSync")


async def test_a_policy_deleted_after_an_edit_that_does_not_show_goes_as_soon_as_it_is_deleted() -> None:
    scene, key = await widened(ram := SlowRam())
    scene.delete(key)
    await scene.reconcile(key)
    ram.shows = True
    await scene.reconcile(key)
    assert not scene.exists(key)
    assert ram.calls[-1] == "delete oss-read"
