"""A call without an answer may still be carried out, whatever the calls after it are answered."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.builders import role_body, system
from tests.unit.scene import Scene
from tests.unit.slow_ram import SlowRam

from ram_operator.cloud import NewRole, PolicyName
from ram_operator.errors import (
    CloudError,
    Denied,
    PolicyNotFound,
    Rejected,
    Throttled,
    Unauthenticated,
    Unavailable,
    WrongAccount,
)
from ram_operator.model import ObjectKey

POLICY = system("AliyunECSReadOnlyAccess")
ANSWERS: list[CloudError] = [
    kind("Call", kind.__name__) for kind in (Denied, PolicyNotFound, Rejected, Throttled, Unauthenticated, WrongAccount)
]
each_answer = pytest.mark.parametrize("answer", ANSWERS, ids=[answer.code for answer in ANSWERS])


class Late(SlowRam):
    """RAM that answers creations and attachments with errors; what got no answer is carried out when asked.

    Attributes:
        answers: the errors, one for each call; then calls succeed.
    """

    def __init__(self, *answers: CloudError) -> None:
        super().__init__()
        self.answers = list(answers)
        self.made: NewRole | None = None
        self.given: tuple[PolicyName, str] | None = None

    async def create_role(self, new: NewRole) -> None:
        self.made = self.made or new
        if self.answers:
            raise self.answers.pop(0)
        await super().create_role(new)

    async def attach_policy_to_role(self, policy: PolicyName, role: str) -> None:
        self.given = self.given or (policy, role)
        if self.answers:
            raise self.answers.pop(0)
        await super().attach_policy_to_role(policy, role)

    async def carry_out(self) -> None:
        """Do what the first call asked for."""
        if self.made:
            await super().create_role(self.made)
        if self.given:
            await super().attach_policy_to_role(*self.given)


async def reconciled(scene: Scene, key: ObjectKey, times: int) -> None:
    """Reconcile every two seconds, at most until the object is gone."""
    for _ in range(times):
        if scene.exists(key):
            await scene.reconcile(key)
            scene.later(2)


def new_role() -> dict[str, Any]:
    return role_body(spec={"policies": []}, finalizers=())


@each_answer
async def test_a_role_that_is_made_late_does_not_outlive_its_object(answer: CloudError) -> None:
    ram = Late(Unavailable("CreateRole", "SDK.ReadTimeout"), answer)
    scene = Scene(ram.cloud())
    key = scene.put(new_role())
    await reconciled(scene, key, 2)
    assert ram.answers == []
    scene.delete(key)
    await scene.reconcile(key)
    assert scene.exists(key)
    await ram.carry_out()
    await reconciled(scene, key, 40)
    assert (ram.role, scene.exists(key)) == (None, False)


@each_answer
async def test_an_attachment_that_is_made_late_does_not_stay_once_the_spec_has_it_no_more(answer: CloudError) -> None:
    scene = Scene((ram := Late()).cloud())
    key = scene.put(new_role())
    await scene.settle()
    ram.made = None
    ram.answers = [Unavailable("AttachPolicyToRole", "SDK.ReadTimeout"), answer]
    scene.edit(key, policies=[{"system": POLICY.name}])
    await reconciled(scene, key, 2)
    assert ram.answers == []
    scene.edit(key, policies=[])
    await scene.reconcile(key)
    await ram.carry_out()
    await reconciled(scene, key, 40)
    assert (ram.attached, scene.condition(key)) == ((), ("True", "InSync"))


async def test_a_creation_that_is_only_ever_refused_leaves_nothing_to_wait_for() -> None:
    ram = Late(*2 * [Denied("CreateRole", "NoPermission")])
    scene = Scene(ram.cloud())
    key = scene.put(new_role())
    await reconciled(scene, key, 2)
    scene.delete(key)
    await scene.reconcile(key)
    assert not scene.exists(key)
