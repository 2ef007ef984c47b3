"""The operator is killed after each call of a life, before it sees the answer; a new one brings the rest about."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast

import pytest
from tests.contract.test_role_lives import Simulator, settle
from tests.contract.test_role_lives import scene as scene
from tests.unit.builders import DOCUMENT, OTHER_DOCUMENT, custom, policy_body, policy_key, role_body, role_key, system
from tests.unit.scene import Scene

from ram_operator.cloud import Cloud, NewPolicy, NewRole, RamApi, Taggable
from ram_operator.rules.documents import canonical, trust_for_services

POLICY, ROLE = policy_key("read"), role_key("app")
READ, ECS = "AliyunOSSReadOnlyAccess", "AliyunECSReadOnlyAccess"


class Killed(BaseException):
    """The process is gone."""


@dataclass(slots=True)
class Deadly:
    """RAM, where the process is killed once the write number `last` has taken effect."""

    ram: RamApi
    last: int
    writes: int = 0

    def __getattr__(self, name: str) -> Any:
        call = getattr(self.ram, name)
        if name.startswith(("get_", "list_")):
            return call

        async def counted(*arguments: Any) -> Any:
            if self.writes > self.last:
                raise Killed
            self.writes += 1
            await call(*arguments)
            if self.writes > self.last:
                raise Killed

        return counted


Life = Callable[[Scene], Awaitable[None]]


async def created(scene: Scene) -> None:
    scene.put(policy_body("read", spec={"attachTo": {"users": ["dev"]}, "tags": {"team": "x"}}))
    scene.put(role_body("app", spec={"policies": [{"policyRef": {"name": "read"}}, {"system": READ}]}))


async def edited(scene: Scene) -> None:
    scene.edit(POLICY, document=OTHER_DOCUMENT, description="edited", attachTo={})
    scene.edit(ROLE, policies=[{"system": ECS}], description="edited", trust={"services": ["fc.aliyuncs.com"]})


async def deleted(scene: Scene) -> None:
    scene.delete(ROLE)
    scene.delete(POLICY)


async def nothing(scene: Scene) -> None:
    """Nothing was there before."""


async def created_and_in_sync(scene: Scene) -> None:
    await created(scene)
    await settle(scene, POLICY, ROLE)


async def of_others(scene: Scene) -> None:
    ram = scene.reconciler.cloud.ram
    await ram.create_policy(NewPolicy("read", canonical(DOCUMENT), "theirs", {}))
    await ram.create_role(NewRole("app", canonical(trust_for_services(["fc.aliyuncs.com"])), "theirs", 3600, {}))
    await ram.attach_policy_to_role(system(ECS), "app")


async def taken_over(scene: Scene) -> None:
    scene.put(policy_body("read", spec={"document": OTHER_DOCUMENT, "adoptionPolicy": "IfUnowned"}))
    scene.put(role_body("app", spec={"policies": [{"system": READ}], "adoptionPolicy": "IfUnowned"}))


LIVES: list[tuple[Life, Life]] = [
    (nothing, created),
    (created_and_in_sync, edited),
    (created_and_in_sync, deleted),
    (of_others, taken_over),
]


async def picture(scene: Scene, simulator: Simulator) -> dict[str, Any]:
    """What is left in the cloud: everything but the number of policy versions."""
    ram = scene.reconciler.cloud.ram
    state = simulator.state()
    mine = {row["policyName"] for row in state["policies"] if row["policyType"] == "Custom"} & {"read"}
    roles = {row["roleName"] for row in state["roles"]} & {"app"}
    return {
        "attachments": state["attachments"],
        "policies": [(one, await ram.list_tags(Taggable.POLICY, one)) for one in sorted(mine)],
        "roles": [(one, await ram.list_tags(Taggable.ROLE, one)) for one in sorted(roles)],
        "documents": [(await ram.get_policy(custom(one))).document for one in sorted(mine)],
        "trust": [(await ram.get_role(one)).trust for one in sorted(roles)],
    }


async def after(scene: Scene, simulator: Simulator, before: Life, life: Life, last: int | None) -> tuple[Any, int]:
    """Let a life run, with a kill after the write number `last`; return what is left and the highest version."""
    cloud = scene.reconciler.cloud
    for key in (ROLE, POLICY):
        scene.drop(key)
    simulator.reset()
    scene.restart(cloud)
    await before(scene)
    deadly = Deadly(cloud.ram, 10**6 if last is None else last)
    scene.restart(Cloud(cast("RamApi", deadly), cloud.ecs, cloud.sts))
    await life(scene)
    try:
        await settle(scene, POLICY, ROLE)
    except Killed:
        scene.restart(cloud)
        for key in (POLICY, ROLE):
            if scene.exists(key):
                await scene.reconcile(key)
        # For a minute a call of the process that was killed may still be carried out.
        scene.later(61)
    else:
        assert last is None or deadly.writes <= last
    await settle(scene, POLICY, ROLE)
    scene.restart(cloud)
    version = scene.status(POLICY).get("defaultVersion", "v0") if scene.exists(POLICY) else "v0"
    return await picture(scene, simulator), int(version.removeprefix("v"))


@pytest.mark.parametrize(("before", "life"), LIVES, ids=[life.__name__ for _, life in LIVES])
async def test_a_kill_after_any_write_changes_nothing_of_what_is_there_in_the_end(
    scene: Scene, simulator: Simulator, before: Life, life: Life
) -> None:
    whole, version = await after(scene, simulator, before, life, None)
    for last in range(12):
        left, versions = await after(scene, simulator, before, life, last)
        assert left == whole, f"killed after write {last}"
        assert versions <= version + 1, f"killed after write {last}"
