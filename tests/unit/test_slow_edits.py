"""An edit that is taken back before RAM shows it: Ready waits until what is in force is known."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.builders import policy_body
from tests.unit.scene import Scene
from tests.unit.slow_ram import SlowRam

from ram_operator.errors import Unavailable
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


class Held(SlowRam):
    """RAM that carries out a change of a document when it is asked to."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[tuple[str, str]] = []

    async def create_policy_version(self, name: str, document: str) -> None:
        self.held.append((name, document))
        raise Unavailable("CreatePolicyVersion", "SDK.ReadTimeout")

    async def carry_out(self) -> None:
        """Do what was asked for first."""
        await super().create_policy_version(*self.held[0])


STOPS = ("before it reports", "after it has reported", "after the edit was taken back")


@pytest.mark.parametrize("stop", STOPS)
async def test_an_edit_that_a_stopped_process_began_and_that_was_taken_back_is_undone_within_a_minute(
    stop: str,
) -> None:
    scene = Scene((ram := Held()).cloud())
    key = scene.put(policy_body(spec={"document": document("oss:Get*")}))
    await scene.settle()
    stored = scene.status(key)
    scene.edit(key, document=document("oss:*"))
    await scene.reconcile(key)
    if stop == STOPS[0]:
        scene.put_status(key, stored)
    elif stop == STOPS[2]:
        scene.edit(key, document=document("oss:Get*"))
        await scene.reconcile(key)
        assert scene.condition(key, "Reconciling") == ("True", "Verifying")
    scene.restart()
    scene.edit(key, document=document("oss:Get*"))
    said = await scene.reconcile(key)
    assert scene.condition(key) == ("True", "InSync")
    assert said.requeue_after == 60
    scene.later(20)
    said = await scene.reconcile(key)  # whatever else brings it up meanwhile
    assert said.requeue_after == 40
    await ram.carry_out()
    scene.later(said.requeue_after)
    await scene.reconcile(key)
    assert len(ram.held) == 2
    assert '"oss:Get*"' in ram.held[1][1]


async def test_what_a_process_finds_in_sync_at_its_start_is_not_read_again() -> None:
    scene = Scene(SlowRam().cloud())
    key = scene.put(policy_body(spec={"document": document("oss:Get*")}))
    await scene.settle()
    scene.restart()
    said = await scene.reconcile(key)
    assert (scene.condition(key), said.requeue_after) == (("True", "InSync"), None)


async def test_a_policy_that_is_deleted_while_nobody_looks_goes_at_once() -> None:
    scene = Scene((ram := SlowRam()).cloud())
    key = scene.put(policy_body(spec={"document": document("oss:Get*")}))
    await scene.settle()
    scene.delete(key)
    scene.restart()
    await scene.reconcile(key)
    assert (scene.exists(key), ram.policy) == (False, None)
