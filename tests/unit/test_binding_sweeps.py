"""What a sweep asks for of the bindings' instances, and which of them it nominates."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.builders import (
    binding_body,
    binding_key,
    cloud_role,
    condition,
    instance,
    made_role_status,
    node,
    ready,
    role_body,
)
from tests.unit.scene import Instances
from tests.unit.sweeping import Lists, Swept

from ram_operator.cloud import Role
from ram_operator.errors import CloudError, Throttled, Unavailable
from ram_operator.kinds.names import INSTANCE_ROLE_BINDING
from ram_operator.model import EVERYTHING, Scope

BINDING = binding_key("storage-pool")
ONE, TWO, THREE = instance(1), instance(2), instance(3)


def row(one: Any, state: str = "Attached", role: str | None = "oss-reader") -> dict[str, Any]:
    return {"instance": str(one), "state": state} | ({"roleName": role, "origin": "Attached"} if role else {})


def swept_binding(roles: dict[Any, str], *rows: dict[str, Any]) -> Swept:
    made = Swept(ecs=Instances(roles))
    made.scene.put(binding_body(status={"instances": list(rows), "conditions": ready("AllAttached")}))
    return made


BINDING_DRIFT: list[tuple[str, dict[Any, str], list[dict[str, Any]], list[Any]]] = [
    ("as it was", {ONE: "oss-reader", TWO: "OSS-Reader"}, [row(ONE), row(TWO)], []),
    ("detached", {ONE: "", TWO: "oss-reader"}, [row(ONE), row(TWO)], [ONE]),
    ("replaced", {ONE: "oss-reader", TWO: "Other"}, [row(ONE), row(TWO)], [TWO]),
    ("gone", {ONE: "oss-reader"}, [row(ONE), row(TWO)], [TWO]),
    ("in conflict", {ONE: "Other", TWO: "oss-reader"}, [row(ONE, "Conflict", None), row(TWO)], [ONE]),
    ("failed for this generation", {ONE: ""}, [row(ONE, "Failed", None)], []),
    ("no instance", {}, [{"node": "virtual", "state": "Skipped"}], []),
]


@pytest.mark.parametrize(
    ("roles", "rows", "differing"), [each[1:] for each in BINDING_DRIFT], ids=[each[0] for each in BINDING_DRIFT]
)
async def test_a_binding_is_nominated_for_the_instances_that_are_not_as_its_rows_say(
    roles: dict[Any, str], rows: list[dict[str, Any]], differing: list[Any]
) -> None:
    made = swept_binding(roles, *rows)
    wanted = {BINDING: Scope(frozenset(map(str, differing)), swept=True)} if differing else {}
    assert await made.nominated(INSTANCE_ROLE_BINDING.kind) == wanted


async def test_all_bindings_together_cost_one_describe_a_region() -> None:
    far = instance(3, "cn-beijing")
    made = swept_binding({ONE: "oss-reader", TWO: "oss-reader", far: "oss-reader"}, row(ONE), row(far))
    made.scene.put(binding_body("second", status={"instances": [row(TWO)]}))
    await made.nominated(INSTANCE_ROLE_BINDING.kind)
    assert sorted((call[1], len(call[3])) for call in made.ecs.calls) == [("cn-beijing", 1), ("cn-hangzhou", 2)]


async def test_the_instances_of_a_suspended_binding_are_not_asked_for() -> None:
    made = swept_binding({ONE: "oss-reader", TWO: ""}, row(ONE))
    made.scene.put(binding_body("suspended", {"instances": [row(TWO)]}, spec={"managementPolicy": "Suspend"}))
    assert await made.nominated(INSTANCE_ROLE_BINDING.kind) == {}
    assert [call[3] for call in made.ecs.calls] == [(ONE.id,)]


async def test_a_region_that_does_not_answer_hides_no_drift_of_the_others() -> None:
    far = instance(3, "cn-beijing")
    made = swept_binding({ONE: "", far: "oss-reader"}, row(ONE), row(far))
    made.ecs.out["cn-beijing"] = Unavailable("DescribeInstanceRamRole", "ServiceUnavailable")
    assert BINDING in await made.nominated(INSTANCE_ROLE_BINDING.kind)


THROTTLED = Throttled("DescribeInstanceRamRole", "Throttling.User", retry_after=3)
UNANSWERED = Unavailable("DescribeInstanceRamRole", "SDK.ReadTimeout")


@pytest.mark.parametrize(
    ("error", "nominated"), [(THROTTLED, [TWO]), (UNANSWERED, [TWO, THREE])], ids=["throttled", "out"]
)
async def test_what_a_throttled_sweep_could_not_read_is_left_to_the_next_sweep(
    error: CloudError, nominated: list[Any]
) -> None:
    made = swept_binding({ONE: "oss-reader", TWO: "", THREE: "oss-reader"}, row(ONE), row(TWO), row(THREE))
    made.ecs.unreadable[THREE] = error
    wanted = {BINDING: Scope(frozenset(map(str, nominated)), swept=True)}
    assert await made.nominated(INSTANCE_ROLE_BINDING.kind) == wanted


async def test_a_sweep_and_the_reconciles_it_asks_for_bring_back_what_drifted() -> None:
    ecs = Instances({ONE: "", TWO: ""})
    made = Swept(ecs=ecs)
    made.scene.put(role_body(status=made_role_status()))
    for number in (1, 2):
        made.scene.put_node(node(f"node-{number}", number, pool="storage"))
    made.scene.put(binding_body())
    await made.scene.reconcile(BINDING)
    ecs.roles[TWO] = ""
    ecs.calls.clear()
    [(key, scope)] = (await made.nominated(INSTANCE_ROLE_BINDING.kind)).items()
    said = await made.scene.reconcile(key, scope)
    assert ecs.roles == {ONE: "oss-reader", TWO: "oss-reader"}
    assert [call[3] for call in ecs.writes] == [(TWO.id,)]
    assert [event.reason for event in said.events if event.node is None] == ["DriftRepaired"]


OF_ITS_NODES: list[tuple[str, dict[Any, str], list[dict[str, Any]], str, list[Any]]] = [
    ("gone, and there again", {ONE: ""}, [row(ONE, "Skipped", None)], "True", [ONE]),
    ("gone as before", {}, [row(ONE, "Skipped", None)], "True", []),
    ("refused, and given a role by another hand", {ONE: "Other"}, [row(ONE, "Failed", None)], "False", [ONE]),
    ("waiting, and given a role by another hand", {ONE: "Other"}, [row(ONE, "Pending", None)], "False", [ONE]),
    ("waiting for its role", {ONE: ""}, [row(ONE, "Pending", None)], "False", []),
    ("without its row", {ONE: "oss-reader"}, [], "True", [ONE]),
    ("without a row yet", {ONE: ""}, [], "False", []),
]


def selecting(roles: dict[Any, str], rows: list[dict[str, Any]], status: str = "True") -> Swept:
    """A swept binding that selects the node of the first instance."""
    made = Swept(ecs=Instances(roles))
    made.scene.put_node(node("node-1", 1, pool="storage"))
    made.scene.put(binding_body(status={"instances": rows, "conditions": [condition("Ready", status, "X")]}))
    return made


@pytest.mark.parametrize(
    ("roles", "rows", "status", "nominated"),
    [each[1:] for each in OF_ITS_NODES],
    ids=[each[0] for each in OF_ITS_NODES],
)
async def test_all_instances_of_a_binding_are_asked_for_in_whatever_state_they_are(
    roles: dict[Any, str], rows: list[dict[str, Any]], status: str, nominated: list[Any]
) -> None:
    made = selecting(roles, rows, status)
    wanted = {BINDING: Scope(frozenset(map(str, nominated)), swept=True)} if nominated else {}
    assert await made.nominated(INSTANCE_ROLE_BINDING.kind) == wanted


@pytest.mark.parametrize("rows", [[], [row(ONE, "Skipped", None)]], ids=["lost", "skipped"])
async def test_a_row_that_was_lost_or_skipped_comes_back_with_the_next_sweep(rows: list[dict[str, Any]]) -> None:
    made = selecting({ONE: ""}, rows)
    made.scene.put(role_body(status=made_role_status()))
    [(key, scope)] = (await made.nominated(INSTANCE_ROLE_BINDING.kind)).items()
    await made.scene.reconcile(key, scope)
    assert made.ecs.roles == {ONE: "oss-reader"}
    assert made.scene.rows(BINDING)[str(ONE)]["state"] == "Attached"


async def test_a_binding_has_a_full_check_every_six_hours() -> None:
    made = selecting({ONE: "oss-reader"}, [row(ONE)])
    asked = []
    for hours in (0, 5, 1, 1, 5):
        made.scene.later(hours * 3600)
        asked.append(await made.nominated(INSTANCE_ROLE_BINDING.kind))
    everything = {BINDING: Scope(swept=True)}
    assert asked == [{}, {}, everything, {}, everything]


class Asked(Lists):
    """RAM that knows each role."""

    async def get_role(self, name: str) -> Role:
        return cloud_role(name)


async def test_a_contended_instance_is_looked_at_and_given_its_role_when_the_other_stops() -> None:
    made = Swept(Asked(), Instances({ONE: ""}))
    scene, ecs, due = made.scene, made.ecs, 0.0
    scene.put(binding_body())
    scene.put(role_body(status=made_role_status()))
    scene.put_node(node("node-1", 1, pool="storage"))

    async def minute() -> None:
        """Let a sweep nominate the binding, and work on it if it does or if the time has come that it named."""
        nonlocal due
        scene.later(60)
        due -= 60
        nominated = await made.nominated(INSTANCE_ROLE_BINDING.kind)
        if nominated or due <= 0:
            due = (await scene.reconcile(BINDING, nominated.get(BINDING, EVERYTHING))).requeue_after or 1e9

    for _ in range(8):
        ecs.roles[ONE] = ""
        await minute()
    assert scene.rows(BINDING)[str(ONE)]["reason"] == "Contended"
    assert scene.condition(BINDING, "Stalled") == ("True", "Contended")
    ecs.roles[ONE] = "Foreign"
    await minute()
    assert "has role Foreign" in scene.rows(BINDING)[str(ONE)]["message"]
    assert scene.condition(BINDING, "Stalled") == ("True", "Conflict")
    ecs.roles[ONE] = ""
    for _ in range(60):
        await minute()
    assert (ecs.roles, scene.condition(BINDING)) == ({ONE: "oss-reader"}, ("True", "AllAttached"))
