"""`ram-operator plan`: what it says of each object before anything is written."""

from __future__ import annotations

import pytest
from tests.unit.builders import DOCUMENT, binding_body, instance, node, role_body
from tests.unit.pool import BINDING, ONE, TWO, attached, scene
from tests.unit.scene import Scene

from ram_operator.cloud import PolicyName, PolicyType
from ram_operator.commands.plan import PLANNED_ONLY, Planned, plan
from ram_operator.commands.snapshot import apply_deletion
from ram_operator.errors import Unavailable
from ram_operator.model import ObjectKey

WORKER = "KubernetesWorkerRole-1"


async def planned(made: Scene, key: ObjectKey = BINDING) -> Planned:
    [one] = await plan([key], made.caches, made.reconciler)
    return one


async def lines(made: Scene, key: ObjectKey = BINDING) -> list[str]:
    return list((await planned(made, key)).lines)


@pytest.mark.parametrize(("count", "words"), [(1, "1 step"), (2, "2 steps"), (11, "11 steps")])
async def test_the_steps_of_an_object_are_counted_in_words(count: int, words: str) -> None:
    regions = [f"cn-region{number}" for number in range(count)]
    made, _ = scene({instance(1, region): "" for region in regions}, nodes=0)
    for region in regions:
        made.put_node(node(f"node-{region}", 1, region, pool="storage"))
    said = await planned(made)
    assert said.lines[0] == f"{BINDING}: {words}"
    assert said.steps == count == len(said.lines) - 1


async def test_a_replacement_says_its_pace_what_will_be_lacking_and_which_nodes_it_concerns() -> None:
    spec = {"conflictPolicy": "Replace", "allowProtectedRoles": True, "rollout": {"maxUnavailable": 2}}
    made, ecs = scene({instance(number): WORKER for number in range(1, 8)}, binding_body(spec=spec), nodes=7)
    ecs.ram.policies[WORKER] = {PolicyName(PolicyType.CUSTOM, "k8sWorkerRolePolicy-1"): DOCUMENT}
    said = await lines(made)
    nodes = "(node-1, node-2, node-3, node-4, node-5 and 2 more)"
    assert said[:2] == [
        f"{BINDING}: 2 steps",
        "  * step by step: one instance first, and once it has its role at most 2 without a role at a time "
        "(rollout.maxUnavailable)",
    ]
    assert said[2].startswith(f"  * oss-reader lacks of {WORKER}: policies k8sWorkerRolePolicy-1; actions ")
    assert said[3:] == [
        f"  - detach {WORKER} from 7 instances {nodes}",
        f"  + attach oss-reader to 7 instances {nodes}",
    ]


async def test_a_role_that_does_not_exist_yet_does_not_hide_that_the_nodes_have_a_protected_one() -> None:
    spec = {"roleRef": {"name": "new"}, "conflictPolicy": "Replace"}
    made, _ = scene({ONE: WORKER, TWO: WORKER}, binding_body(spec=spec), nodes=2)
    made.put(role_body("new"))
    said = await lines(made)
    assert said[0] == f"{BINDING}: nothing can be done"
    [line] = said[1:]
    assert line.startswith("  ! Conflict: ")
    assert "has role KubernetesWorkerRole-1, which add-ons of the node may depend on" in line
    assert "node-1" in line
    assert "node-2" in line, "what is alike is said once"


async def test_what_is_withheld_says_why_once_for_all_steps() -> None:
    made, _ = scene({ONE: "", TWO: ""}, binding_body(spec={"managementPolicy": "Plan"}), nodes=2)
    assert await lines(made) == [
        f"{BINDING}: 1 step",
        "  + attach oss-reader to 2 instances (node-1, node-2) (withheld: PlanPending)",
        f"  ! PlanPending: {PLANNED_ONLY}",
    ]


async def test_an_object_without_a_step_says_how_it_stands() -> None:
    made, _ = await attached()
    assert await lines(made) == [f"{BINDING}: nothing to do", "  * 1 instance has role oss-reader"]
    made.put_node(node("node-1", 1, pool="other"))
    await made.settle()
    assert await lines(made) == [f"{BINDING}: nothing to do", "  * no nodes match the selector"]
    made.edit(BINDING, roleRef={"name": "nosuch"})
    waits = await lines(made)
    assert waits[0] == f"{BINDING}: has to wait"
    assert waits[1].startswith("  ! RoleNotReady: ")


async def test_what_cannot_be_read_is_not_called_planned() -> None:
    made, ecs = await attached()
    ecs.out["cn-hangzhou"] = Unavailable("DescribeInstanceRamRole", "ServiceUnavailable")
    said = await planned(made)
    assert (said.failed, said.lines[0]) == (True, f"{BINDING}: cannot be planned")
    assert any("cannot be read" in line for line in said.lines[1:])


async def test_a_deletion_names_its_nodes_and_says_what_is_left_to_do_if_it_is_only_planned() -> None:
    made, _ = await attached()
    made.edit(BINDING, managementPolicy="Plan")
    apply_deletion(made.caches, [BINDING], made.now)
    said = await lines(made)
    assert said[1] == f"  - detach oss-reader from {ONE} (node-1) (withheld: DeletionPaused)"
    assert [line.partition(":")[0] for line in said[2:]] == ["  ! DeletionPaused"]


async def test_what_another_binding_takes_over_is_not_called_deleted() -> None:
    younger = binding_body("younger", created="2026-04-01T00:00:00Z", spec={"roleRef": {"name": "log-writer"}})
    made, _ = scene({ONE: ""}, binding_body(), younger)
    await made.settle()
    apply_deletion(made.caches, [BINDING], made.now)
    assert await lines(made) == [
        f"{BINDING}: has to wait",
        f"  ! Progressing: {ONE} (node-1): waits for InstanceRoleBinding/younger to take it over",
    ]
