"""A RamPolicy whose status says that it owns somebody else's policy: the role does not get it."""

from __future__ import annotations

from tests.contract.test_role_lives import POLICY, ROLE, Simulator, attachments, scene, settle
from tests.unit.builders import made_policy_status, policy_body, role_body
from tests.unit.scene import Scene

from ram_operator.cloud import NewPolicy

__all__ = ["scene"]

ADMIN = '{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'


async def test_a_role_gets_no_policy_of_others_that_a_forged_status_calls_its_own(
    scene: Scene, simulator: Simulator
) -> None:
    await scene.reconciler.cloud.ram.create_policy(NewPolicy("read", ADMIN, "", {}))
    scene.put(policy_body("read", made_policy_status("read"), finalizers=()))
    scene.put(role_body("app", spec={"policies": [{"policyRef": {"name": "read"}}]}, finalizers=()))
    for _ in range(3):
        await scene.reconcile(ROLE)
    assert attachments(simulator, "app") == set()
    assert scene.condition(ROLE) == ("False", "PolicyNotReady")
    await scene.reconcile(POLICY)
    assert scene.condition(POLICY) == ("False", "NotOwned")
    scene.edit(ROLE, policies=[])
    await settle(scene, ROLE)
    assert attachments(simulator, "app") == set()
