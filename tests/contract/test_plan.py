"""`ram-operator plan` of roles and policies against the simulated RAM: deletions, and what is withheld."""

from __future__ import annotations

from tests.contract.test_role_lives import POLICY, ROLE, Simulator, settle, writes
from tests.contract.test_role_lives import scene as scene
from tests.unit.builders import policy_body, role_body
from tests.unit.scene import Scene

from ram_operator.commands.plan import Planned, plan
from ram_operator.commands.snapshot import apply_deletion
from ram_operator.model import ObjectKey
from ram_operator.rules.boundary import Boundary


async def pair(scene: Scene) -> None:
    """A role with a policy, both in the cloud."""
    scene.put(policy_body("read"))
    scene.put(role_body("app", spec={"policies": [{"policyRef": {"name": "read"}}]}))
    await settle(scene, POLICY, ROLE)


async def deleted(scene: Scene, *keys: ObjectKey) -> list[Planned]:
    apply_deletion(scene.caches, keys, scene.now)
    return await plan(keys, scene.caches, scene.reconciler)


async def test_the_deletion_of_all_says_of_each_object_that_it_goes_and_when(
    scene: Scene, simulator: Simulator
) -> None:
    await pair(scene)
    mark = simulator.newest_call()
    role, policy = await deleted(scene, ROLE, POLICY)
    assert role.lines == (
        f"{ROLE}: 2 steps",
        "  - detach policy Custom/read from role app",
        "  - delete role app",
    )
    assert policy.lines == (
        f"{POLICY}: 1 step",
        "  - delete policy read, afterwards: policy read waits for the end of RamRole/app",
    )
    assert writes(simulator, mark) == []


async def test_the_deletion_of_one_object_says_what_keeps_it_and_what_stays(scene: Scene) -> None:
    await pair(scene)
    [policy] = await deleted(scene, POLICY)
    assert policy.lines[0] == f"{POLICY}: nothing can be done"
    assert policy.lines[1].startswith("  ! InUse: policy read is attached to role app")


async def test_what_the_boundary_forbids_is_withheld_with_the_reason_in_words(scene: Scene) -> None:
    scene.draw(Boundary(denied_actions=("oss:*",)))
    scene.put(policy_body("read"))
    [said] = await plan([POLICY], scene.caches, scene.reconciler)
    assert said.lines[:2] == (f"{POLICY}: 1 step", "  + create policy read (withheld: Forbidden)")
    [why] = said.lines[2:]
    assert why.startswith("  ! Forbidden: ")
    assert "oss:Get*" in why
