"""A deletion that RAM does not show yet is made once, whatever else the reconciles meet."""

from __future__ import annotations

from tests.unit.builders import instance, role_body
from tests.unit.scene import Instances, Scene
from tests.unit.slow_ram import SlowRam

from ram_operator.errors import Unavailable
from ram_operator.model import ObjectKey

POLICY = "AliyunECSReadOnlyAccess"


async def made(ram: SlowRam, ecs: Instances | None = None) -> tuple[Scene, ObjectKey]:
    scene = Scene(ram.cloud(ecs))
    key = scene.put(role_body(spec={"policies": [{"system": POLICY}]}))
    await scene.settle()
    assert scene.condition(key) == ("True", "InSync")
    ram.calls.clear()
    return scene, key


async def reconciles(scene: Scene, key: ObjectKey, count: int) -> None:
    for _ in range(count):
        await scene.reconcile(key)
        scene.later(2)


async def goes_once_it_shows(scene: Scene, key: ObjectKey, ram: SlowRam) -> bool:
    ram.shows = True
    await scene.reconcile(key)
    return not scene.exists(key)


async def test_a_role_that_still_shows_is_not_deleted_again() -> None:
    scene, key = await made(ram := SlowRam())
    ram.shows = False
    scene.delete(key)
    await reconciles(scene, key, 4)
    assert ram.calls == [f"detach System/{POLICY}", "delete oss-reader"]
    assert scene.condition(key, "Reconciling") == ("True", "Verifying")
    assert await goes_once_it_shows(scene, key, ram)


async def test_an_attachment_that_never_showed_is_detached_once() -> None:
    scene, key = await made(ram := SlowRam())
    pending = [{"type": "System", "name": POLICY, "pending": True}]
    scene.put_status(key, scene.status(key) | {"managedPolicies": pending})
    ram.attached = ()
    assert await ram.list_policies_for_role("oss-reader") == {}
    ram.shows = False
    scene.delete(key)
    await reconciles(scene, key, 4)
    assert ram.calls == [f"detach System/{POLICY}", "delete oss-reader"]
    assert await goes_once_it_shows(scene, key, ram)


async def test_a_region_that_goes_out_meanwhile_makes_no_deletion_forgotten() -> None:
    ecs = Instances({instance(1): "", instance(8, "cn-beijing"): ""})

    class CutOff(SlowRam):
        async def delete_role(self, name: str) -> None:
            await super().delete_role(name)
            ecs.out["cn-beijing"] = Unavailable("DescribeInstanceRamRole", "SDK.ReadTimeout")

    scene, key = await made(ram := CutOff(), ecs)
    ram.shows = False
    scene.delete(key)
    await reconciles(scene, key, 2)
    ecs.out.clear()
    await reconciles(scene, key, 2)
    assert ram.calls.count("delete oss-reader") == 1
    assert await goes_once_it_shows(scene, key, ram)
