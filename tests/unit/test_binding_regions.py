"""A binding over several regions of which one is out: the others go on being served, and the report names it."""

from __future__ import annotations

import pytest
from tests.unit.builders import facts_of, instance, node, owner
from tests.unit.pool import BINDING, ONE, TWO, scene, state
from tests.unit.scene import Instances, Scene

from ram_operator.errors import CloudError, Denied, RegionNotFound, Throttled, Unavailable
from ram_operator.kinds.instance_role_binding.observing import ObservedBinding
from ram_operator.kinds.surveys import Survey
from ram_operator.model import EVERYTHING, ObjectKey, Scope

FAR, FARTHER = instance(8, "cn-beijing"), instance(9, "cn-beijing")
OUT = Unavailable("DescribeInstanceRamRole", "ServiceUnavailable")


async def both_attached() -> tuple[Scene, Instances]:
    """One node in each of two regions, both settled, and then the far region goes out."""
    made, ecs = scene({ONE: "", TWO: "", FAR: "", FARTHER: ""})
    made.put_node(node("far", 8, "cn-beijing", pool="storage"))
    await made.settle()
    assert made.condition(BINDING) == ("True", "AllAttached")
    ecs.out["cn-beijing"] = OUT
    ecs.calls.clear()
    return made, ecs


def message(made: Scene, type_: str) -> str:
    [said] = [row["message"] for row in made.status(BINDING)["conditions"] if row["type"] == type_]
    return str(said)


OUTAGES: list[tuple[CloudError, str, str]] = [
    (OUT, "Reconciling", "Retrying"),
    (Unavailable("DescribeInstanceRamRole", "SDK.ReadTimeout"), "Reconciling", "Retrying"),
    (Throttled("DescribeInstanceRamRole", "Throttling.User", retry_after=3), "Reconciling", "Throttled"),
    (Denied("DescribeInstanceRamRole", "Forbidden.RAM"), "Stalled", "AccessDenied"),
]


@pytest.mark.parametrize(("error", "type_", "reason"), OUTAGES, ids=[error.code for error, _, _ in OUTAGES])
async def test_a_region_that_is_out_is_named_and_the_others_are_served(
    error: CloudError, type_: str, reason: str
) -> None:
    made, ecs = await both_attached()
    ecs.out["cn-beijing"] = error
    before = made.rows(BINDING)[str(FAR)]
    made.put_node(node("node-2", 2, pool="storage"))
    said = await made.reconcile(BINDING)
    assert ecs.roles == {ONE: "oss-reader", TWO: "oss-reader", FAR: "oss-reader", FARTHER: ""}
    assert (state(made, TWO), made.rows(BINDING)[str(FAR)]) == (("Attached", "oss-reader", "Attached"), before)
    assert made.condition(BINDING, type_) == ("True", reason)
    assert message(made, type_).startswith(f"cn-beijing: {error}")
    assert said.backoff or said.requeue_after


@pytest.mark.parametrize(("error", "type_", "reason"), OUTAGES, ids=[error.code for error, _, _ in OUTAGES])
async def test_a_part_of_a_region_that_cannot_be_read_is_named_and_the_rest_is_served(
    error: CloudError, type_: str, reason: str
) -> None:
    made, ecs = await both_attached()
    ecs.out.clear()
    ecs.unreadable[ONE] = error
    before = made.rows(BINDING)[str(ONE)]
    made.put_node(node("node-2", 2, pool="storage"))
    await made.reconcile(BINDING, EVERYTHING)
    assert ecs.roles == {ONE: "oss-reader", TWO: "oss-reader", FAR: "oss-reader", FARTHER: ""}
    assert (state(made, TWO), made.rows(BINDING)[str(ONE)]) == (("Attached", "oss-reader", "Attached"), before)
    assert made.condition(BINDING, type_) == ("True", reason)
    assert message(made, type_).startswith(f"cn-hangzhou: {error}")


async def test_a_region_that_is_out_is_named_beside_what_a_person_must_mend() -> None:
    made, ecs = await both_attached()
    made.put_node(node("node-2", 2, pool="storage"))
    ecs.roles[TWO] = "Other"
    await made.reconcile(BINDING)
    assert made.condition(BINDING, "Stalled") == ("True", "Conflict")
    assert message(made, "Stalled").endswith("; also cn-beijing cannot be read, tries again")


async def test_a_stalled_binding_is_not_told_of_again_because_a_region_fails_in_another_way() -> None:
    made, ecs = await both_attached()
    made.put_node(node("node-2", 2, pool="storage"))
    ecs.roles[TWO] = "Other"
    await made.reconcile(BINDING)
    made.log.clear()
    warnings: list[str] = []
    for error in (Throttled("DescribeInstanceRamRole", "Throttling.User", retry_after=3), OUT, None, OUT):
        ecs.out = {"cn-beijing": error} if error else {}
        warnings += [event.note for event in (await made.reconcile(BINDING)).events if event.warning]
        made.later(20)
    assert warnings == []
    assert len(made.log) == 2  # The region is back, and out again.


async def test_a_stalled_binding_is_told_of_once_also_where_nothing_of_it_can_be_read_for_a_while() -> None:
    made, ecs = await both_attached()
    ecs.out = {}
    made.put_node(node("node-2", 2, pool="storage"))
    ecs.roles[TWO] = "Other"
    warned: list[str | None] = []
    for regions in ((), ("cn-hangzhou", "cn-beijing"), ()):
        ecs.out = dict.fromkeys(regions, OUT)
        warned += [event.node for event in (await made.reconcile(BINDING)).events if event.warning]
        made.later(20)
    assert made.condition(BINDING, "Stalled") == ("True", "Conflict")
    assert sorted(warned, key=str) == [None, "node-2"], "once on the binding and once on the node"


async def test_a_region_that_is_out_is_asked_once_a_reconcile_and_later_alone() -> None:
    made, ecs = await both_attached()
    made.put_node(node("node-2", 2, pool="storage"))
    made.put_node(node("farther", 9, "cn-beijing", pool="storage"))
    said = await made.reconcile(BINDING)
    assert [call[1] for call in ecs.calls if call[0] == "describe"].count("cn-beijing") == 1
    assert (said.backoff, said.again) == (True, Scope(frozenset(map(str, (FAR, FARTHER)))))
    ecs.calls.clear()
    await made.reconcile(BINDING, said.again)
    assert [call[1] for call in ecs.calls] == ["cn-beijing"]


async def test_what_joins_in_a_region_that_is_out_waits_there_and_is_attached_when_it_is_back() -> None:
    made, ecs = await both_attached()
    made.put_node(node("farther", 9, "cn-beijing", pool="storage"))
    said = await made.reconcile(BINDING)
    assert (state(made, FARTHER), ecs.writes) == (("Pending", None, None), [])
    ecs.out.clear()
    await made.reconcile(BINDING, said.again)
    assert state(made, FARTHER) == ("Attached", "oss-reader", "Attached")
    assert made.condition(BINDING) == ("True", "AllAttached")


async def test_a_binding_that_goes_releases_what_it_can_reach_and_waits_for_the_rest() -> None:
    made, ecs = await both_attached()
    made.delete(BINDING)
    await made.reconcile(BINDING)
    assert (ecs.roles[ONE], ecs.roles[FAR], made.exists(BINDING)) == ("", "oss-reader", True)
    assert made.condition(BINDING) == ("False", "Retrying")
    ecs.out.clear()
    await made.reconcile(BINDING)
    assert (ecs.roles[FAR], made.exists(BINDING)) == ("", False)


async def test_a_region_that_is_out_for_long_makes_readiness_unknown() -> None:
    made, ecs = await both_attached()
    for _ in range(3):
        made.later(301)
        await made.reconcile(BINDING)
    assert made.condition(BINDING) == ("Unknown", "NotObserved")
    assert "cn-beijing" in message(made, "Ready")
    ecs.out.clear()
    await made.reconcile(BINDING)
    assert made.condition(BINDING) == ("True", "AllAttached")


async def test_a_region_that_goes_out_after_the_write_does_not_make_the_write_be_repeated() -> None:
    made, ecs = scene({ONE: ""})
    ecs.out_after_writes["cn-hangzhou"] = OUT
    await made.reconcile(BINDING)
    assert (state(made), made.condition(BINDING)) == (("Pending", "oss-reader", "Attached"), ("False", "Retrying"))
    ecs.out.clear()
    ecs.roles[ONE] = ""  # The cloud does not show the write yet.
    await made.reconcile(BINDING)
    assert (len(ecs.writes), made.condition(BINDING, "Reconciling")) == (1, ("True", "Verifying"))


def test_what_a_later_look_finds_is_missing_no_more() -> None:
    before = ObservedBinding({TWO: ""}, frozenset({ONE}))
    assert before.renewed([ONE], ObservedBinding({ONE: "x"})) == ObservedBinding({ONE: "x", TWO: ""})


NOWHERE = instance(7, "cn-nowhere")
UNKNOWN = RegionNotFound("DescribeInstanceRamRole", "InvalidRegionId.NotFound")


async def test_a_region_that_ecs_does_not_have_is_told_in_the_row_and_stops_nothing_else() -> None:
    made, ecs = scene({ONE: ""})
    made.put_node(node("far", 7, "cn-nowhere", pool="storage"))
    ecs.out["cn-nowhere"] = UNKNOWN
    await made.settle()
    assert ecs.roles == {ONE: "oss-reader"}
    row = made.rows(BINDING)[str(NOWHERE)]
    assert (row["state"], row["reason"]) == ("Skipped", "RegionNotFound")
    assert "cn-nowhere" in row["message"]
    assert made.condition(BINDING) == ("True", "AllAttached")
    assert message(made, "Ready").endswith(f"; ECS does not know {NOWHERE} (far)")
    assert (await made.reconcile(BINDING)).requeue_after is None


async def swept(made: Scene, ecs: Instances) -> dict[ObjectKey, Scope]:
    """What a sweep nominates, which could read everything."""
    kind = made.reconciler.kinds[BINDING.kind]
    drift = await kind.find_drift([facts_of(BINDING, made.caches)], Survey(ecs.cloud, owner))
    assert drift.unreadable == ()
    return drift.nominated


async def test_a_region_that_ecs_has_later_is_found_by_a_sweep() -> None:
    made, ecs = scene({ONE: "", NOWHERE: ""})
    made.put_node(node("far", 7, "cn-nowhere", pool="storage"))
    ecs.out["cn-nowhere"] = UNKNOWN
    await made.settle()
    assert await swept(made, ecs) == {}
    ecs.out.clear()
    assert await swept(made, ecs) == {BINDING: Scope(frozenset({str(NOWHERE)}))}
    await made.reconcile(BINDING)
    assert ecs.roles[NOWHERE] == "oss-reader"


async def test_a_claim_in_a_region_that_ecs_denies_to_have_is_kept() -> None:
    made, ecs = await both_attached()
    ecs.out["cn-beijing"] = UNKNOWN
    await made.reconcile(BINDING)
    assert state(made, FAR) == ("Attached", "oss-reader", "Attached")
    made.delete(BINDING)
    await made.settle()
    assert made.exists(BINDING)
    ecs.out.clear()
    await made.reconcile(BINDING)
    assert (ecs.roles[FAR], made.exists(BINDING)) == ("", False)
