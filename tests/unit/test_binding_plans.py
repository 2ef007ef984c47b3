"""What a binding does about each instance: every row, claim, hand-over and release, pass by pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from tests.unit.builders import binding_body, binding_key, instance, made_role_status, node, role_body, role_key
from tests.unit.scene import Instances, Scene

from ram_operator.errors import CloudError, Denied, NotFound, Throttled, Unavailable
from ram_operator.model import Event, InstanceId, ObjectKey, Report, Scope

ONE, TWO, THREE = instance(1), instance(2), instance(3)
BINDING = binding_key("storage-pool")
STORAGE = {"matchLabels": {"pool": "storage"}}


def scene(roles: Mapping[InstanceId, str], *bindings: Mapping[str, Any], nodes: int = 1) -> tuple[Scene, Instances]:
    """Roles `oss-reader` and `log-writer` are ready; node-1 ... are of the pool `storage`."""
    ecs = Instances(roles)
    made = Scene(ecs.cloud)
    for name in ("oss-reader", "log-writer"):
        made.put(role_body(name, made_role_status(name)))
    for number in range(1, nodes + 1):
        made.put_node(node(f"node-{number}", number, pool="storage"))
    for body in bindings or (binding_body(),):
        made.put(body)
    made.asked = {key: scope for key, scope in made.asked.items() if key.kind == BINDING.kind}
    return made, ecs


def state(made: Scene, one: InstanceId = ONE, key: ObjectKey = BINDING) -> tuple[Any, ...]:
    """State, role and origin of a row; empty where there is none."""
    row = made.rows(key).get(str(one))
    return (row["state"], row.get("roleName"), row.get("origin")) if row else ()


def remarks(said: Report) -> list[tuple[str, str]]:
    return [(event.reason, event.note) for event in said.events if event.node is None]


async def attached(*, nodes: int = 1) -> tuple[Scene, Instances]:
    """A binding that has attached its role."""
    made, ecs = scene({instance(number): "" for number in range(1, nodes + 1)}, nodes=nodes)
    await made.settle()
    assert state(made) == ("Attached", "oss-reader", "Attached")
    ecs.calls.clear()
    made.log.clear()
    return made, ecs


# The plain life of an instance


async def test_an_instance_without_a_role_gets_ours() -> None:
    made, ecs = scene({ONE: ""})
    await made.settle()
    assert ecs.roles == {ONE: "oss-reader"}
    assert state(made) == ("Attached", "oss-reader", "Attached")
    assert made.rows(BINDING)[str(ONE)]["confirmed"] is True
    assert made.condition(BINDING) == ("True", "AllAttached")
    assert made.status(BINDING)["summary"]["ready"] == "1/1"


async def test_each_write_is_told_on_the_binding_and_on_the_node() -> None:
    made, _ = scene({ONE: ""})
    said = await made.reconcile(BINDING)
    assert said.events == (
        Event("Attached", f"attached oss-reader to {ONE}"),
        Event("Attached", f"attached oss-reader to {ONE} by InstanceRoleBinding/storage-pool", node="node-1"),
    )


async def test_a_second_pass_over_a_settled_binding_writes_nothing() -> None:
    made, ecs = await attached()
    said = await made.reconcile(BINDING)
    assert (made.log, ecs.writes, said.events, said.requeue_after, said.backoff) == ([], [], (), None, False)


async def test_the_claim_is_stored_before_the_role_is_attached() -> None:
    made, ecs = scene({ONE: ""})
    ecs.failing["attach"] = Unavailable("AttachInstanceRamRole", "SDK.ReadTimeout")
    await made.reconcile(BINDING)
    first = next(patch for kind, patch in made.log if kind == "status")
    assert "conditions" not in first
    assert [(row["roleName"], row["origin"]) for row in first["instances"]] == [("oss-reader", "Attached")]


async def test_a_node_whose_label_goes_loses_the_role() -> None:
    made, ecs = await attached()
    made.put_node(node("node-1", 1, pool="compute"))
    await made.settle()
    assert (ecs.roles, made.rows(BINDING)) == ({ONE: ""}, {})
    assert made.condition(BINDING) == ("True", "NoInstances")


async def test_a_binding_that_is_deleted_detaches_what_it_attached_and_goes() -> None:
    made, ecs = await attached()
    made.delete(BINDING)
    await made.settle()
    assert (ecs.roles, made.exists(BINDING)) == ({ONE: ""}, False)


async def test_a_role_found_without_a_claim_is_shown_as_found_and_never_detached() -> None:
    made, ecs = scene({ONE: "oss-reader"})
    await made.settle()
    assert state(made) == ("Attached", "oss-reader", "Found")
    made.put_node(node("node-1", 1))
    await made.settle()
    made.delete(BINDING)
    await made.settle()
    assert (ecs.writes, ecs.roles, made.exists(BINDING)) == ([], {ONE: "oss-reader"}, False)


async def test_a_role_whose_name_differs_in_case_is_the_same_role() -> None:
    made, ecs = scene({ONE: "OSS-Reader"})
    await made.settle()
    assert (state(made)[0], ecs.writes) == ("Attached", [])


# Conflict


async def test_an_instance_with_another_role_is_left_untouched() -> None:
    made, ecs = scene({ONE: "KubernetesWorkerRole-x"})
    await made.settle()
    assert (ecs.writes, state(made)) == ([], ("Conflict", None, None))
    assert "KubernetesWorkerRole-x" in made.rows(BINDING)[str(ONE)]["message"]
    assert made.condition(BINDING) == ("False", "Conflict")
    made.delete(BINDING)
    await made.settle()
    assert (ecs.writes, made.exists(BINDING)) == ([], False)


async def test_a_conflict_ends_when_the_other_role_is_gone() -> None:
    made, ecs = scene({ONE: "KubernetesWorkerRole-x"})
    await made.settle()
    ecs.roles[ONE] = ""
    await made.reconcile(BINDING, Scope(frozenset([str(ONE)])))
    assert state(made) == ("Attached", "oss-reader", "Attached")


async def test_one_conflict_stops_nothing_else() -> None:
    made, ecs = scene({ONE: "KubernetesWorkerRole-x", TWO: ""}, nodes=2)
    await made.settle()
    assert ecs.roles == {ONE: "KubernetesWorkerRole-x", TWO: "oss-reader"}
    assert made.status(BINDING)["summary"]["ready"] == "1/2"


async def test_our_role_that_somebody_replaced_is_a_conflict_and_no_longer_ours() -> None:
    made, ecs = await attached()
    ecs.roles[ONE] = "Other"
    await made.reconcile(BINDING)
    assert (state(made), ecs.writes) == (("Conflict", None, None), [])


async def test_a_claim_on_an_instance_whose_role_somebody_replaced_is_dropped_with_a_word() -> None:
    made, ecs = await attached()
    ecs.roles[ONE] = "Other"
    made.put_node(node("node-1", 1))
    said = await made.reconcile(BINDING)
    assert remarks(said) == [("LeftAlone", f"left {ONE} alone: it has role Other, not oss-reader")]
    assert (made.rows(BINDING), ecs.writes) == ({}, [])


async def test_a_role_detached_behind_our_back_comes_back() -> None:
    made, ecs = await attached()
    ecs.roles[ONE] = ""
    await made.reconcile(BINDING, Scope(frozenset([str(ONE)])))
    assert ecs.roles == {ONE: "oss-reader"}
    assert made.condition(BINDING) == ("True", "AllAttached")


# Changing the role


async def test_another_role_reference_takes_our_role_away_and_attaches_the_new_one() -> None:
    made, ecs = await attached()
    made.edit(BINDING, roleRef={"name": "log-writer"})
    await made.settle()
    assert [call[0] for call in ecs.writes] == ["detach", "attach"]
    assert (ecs.roles, state(made)) == ({ONE: "log-writer"}, ("Attached", "log-writer", "Attached"))
    assert made.status(BINDING)["roleName"] == "log-writer"


@pytest.mark.parametrize("failing", ["detach", "attach"])
async def test_another_role_reference_survives_a_failure_in_between(failing: str) -> None:
    made, ecs = await attached()
    made.edit(BINDING, roleRef={"name": "log-writer"})
    ecs.failing[failing] = Throttled("X", "Throttling.User", retry_after=5)
    await made.settle()
    assert made.condition(BINDING, "Reconciling") == ("True", "Throttled")
    assert state(made)[2] == "Attached", "the claim covers what the instance has"
    del ecs.failing[failing]
    await made.reconcile(BINDING)
    await made.settle()
    assert (ecs.roles, state(made)) == ({ONE: "log-writer"}, ("Attached", "log-writer", "Attached"))


async def test_a_role_that_is_not_ready_keeps_what_is_attached() -> None:
    made, ecs = await attached()
    made.edit(BINDING, roleRef={"name": "nobody"})
    await made.settle()
    assert (ecs.writes, ecs.roles) == ([], {ONE: "oss-reader"})
    assert state(made) == ("Attached", "oss-reader", "Attached")
    assert made.condition(BINDING) == ("False", "RoleNotReady")
    assert made.condition(BINDING, "Reconciling") == ("True", "RoleNotReady")


async def test_an_instance_that_waits_for_the_role_is_pending_and_unclaimed() -> None:
    made, ecs = scene({ONE: ""}, binding_body(spec={"roleRef": {"name": "nobody"}}))
    await made.settle()
    assert (ecs.writes, state(made)) == ([], ("Pending", None, None))
    assert made.rows(BINDING)[str(ONE)]["reason"] == "RoleNotReady"


async def test_a_role_that_becomes_ready_is_attached_without_being_asked() -> None:
    made, ecs = scene({ONE: ""}, binding_body(spec={"roleRef": {"name": "late"}}))
    await made.settle()
    made.put(role_body("late", made_role_status("late")))
    assert BINDING in made.asked
    made.asked.pop(role_key("late"), None)
    await made.settle()
    assert ecs.roles == {ONE: "late"}


UNTRUSTING: list[dict[str, Any]] = [
    {"services": ["fc.aliyuncs.com"]},
    {
        "document": {
            "Version": "1",
            "Statement": [
                {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": ["fc.aliyuncs.com"]}}
            ],
        }
    },
]


@pytest.mark.parametrize("trust", UNTRUSTING, ids=["services", "document"])
async def test_a_role_that_does_not_trust_ecs_is_not_attached(trust: dict[str, Any]) -> None:
    made, ecs = scene({ONE: ""}, binding_body(spec={"roleRef": {"name": "fc"}}))
    made.put(role_body("fc", made_role_status("fc"), spec={"trust": trust}))
    await made.reconcile(BINDING)
    assert (made.condition(BINDING), made.condition(BINDING, "Stalled")) == (
        ("False", "TrustNotEcs"),
        ("True", "TrustNotEcs"),
    )
    assert ecs.writes == []


# Which binding has an instance

NEWER = binding_body("newer", created="2026-02-02T00:00:00Z")
NEWER_OTHER = binding_body("newer", created="2026-02-02T00:00:00Z", spec={"roleRef": {"name": "log-writer"}})
OLDER = binding_body("older", created="2025-01-01T00:00:00Z")
OLDER_OTHER = binding_body("older", created="2025-01-01T00:00:00Z", spec={"roleRef": {"name": "log-writer"}})


@pytest.mark.parametrize("newer", [NEWER, NEWER_OTHER], ids=["same role", "other role"])
async def test_the_newer_binding_is_overridden_and_touches_nothing(newer: dict[str, Any]) -> None:
    made, ecs = scene({ONE: ""}, binding_body(), newer)
    await made.settle()
    assert (ecs.roles, state(made)) == ({ONE: "oss-reader"}, ("Attached", "oss-reader", "Attached"))
    assert state(made, key=binding_key("newer")) == ("Overridden", None, None)
    assert "InstanceRoleBinding/storage-pool" in made.rows(binding_key("newer"))[str(ONE)]["message"]
    assert made.condition(binding_key("newer"))[0] == "True"
    made.delete(binding_key("newer"))
    await made.settle()
    assert (ecs.roles, made.exists(binding_key("newer"))) == ({ONE: "oss-reader"}, False)


@pytest.mark.parametrize("loser_first", [False, True])
async def test_an_older_binding_with_the_same_role_takes_over_without_a_write(loser_first: bool) -> None:
    made, ecs = await attached()
    older = made.put(OLDER)
    if loser_first:
        await made.reconcile(BINDING)
        assert state(made)[2] == "Attached", "the claim stays until the other's is stored"
    await made.settle()
    assert ecs.writes == []
    assert state(made, key=older) == ("Attached", "oss-reader", "Attached")
    assert state(made) == ("Overridden", None, None)
    made.delete(older)
    await made.settle()
    assert (state(made), ecs.roles) == (("Attached", "oss-reader", "Attached"), {ONE: "oss-reader"})


@pytest.mark.parametrize("loser_first", [False, True])
async def test_an_older_binding_with_another_role_replaces_ours_and_that_is_no_conflict(loser_first: bool) -> None:
    made, ecs = await attached()
    older = made.put(OLDER_OTHER)
    if loser_first:
        await made.reconcile(BINDING)
    await made.settle()
    assert [call[:3] for call in ecs.writes] == [
        ("detach", "cn-hangzhou", "oss-reader"),
        ("attach", "cn-hangzhou", "log-writer"),
    ]
    assert state(made, key=older) == ("Attached", "log-writer", "Attached")
    assert state(made) == ("Overridden", None, None)


@pytest.mark.parametrize("failing", ["detach", "attach"])
async def test_a_hand_over_to_another_role_survives_a_failure_in_between(failing: str) -> None:
    made, ecs = await attached()
    older = made.put(OLDER_OTHER)
    ecs.failing[failing] = Unavailable("X", "SDK.ConnectionReset")
    await made.settle()
    del ecs.failing[failing]
    await made.reconcile(older)
    await made.settle()
    assert (ecs.roles, state(made, key=older)) == ({ONE: "log-writer"}, ("Attached", "log-writer", "Attached"))


async def test_a_role_that_was_found_stays_found_when_another_binding_takes_over() -> None:
    made, ecs = scene({ONE: "oss-reader"})
    await made.settle()
    older = made.put(OLDER)
    await made.settle()
    assert state(made, key=older) == ("Attached", "oss-reader", "Found")
    assert ecs.writes == []


@pytest.mark.parametrize("first", ["storage-pool", "compute-pool"])
async def test_a_node_that_changes_pools_gets_the_other_pools_role_and_leaves_no_row_behind(first: str) -> None:
    spec = {"roleRef": {"name": "log-writer"}, "nodeSelector": {"matchLabels": {"pool": "compute"}}}
    made, ecs = scene({ONE: ""}, binding_body(), binding_body("compute-pool", spec=spec))
    await made.settle()
    made.put_node(node("node-1", 1, pool="compute"))
    await made.reconcile(binding_key(first))
    await made.settle()
    assert ecs.roles == {ONE: "log-writer"}
    assert state(made, key=binding_key("compute-pool")) == ("Attached", "log-writer", "Attached")
    assert made.rows(BINDING) == {}


async def test_deleting_the_binding_that_has_an_instance_gives_it_to_the_next() -> None:
    made, ecs = scene({ONE: ""}, binding_body(), NEWER_OTHER)
    await made.settle()
    made.delete(BINDING)
    await made.settle()
    assert (ecs.roles, made.exists(BINDING)) == ({ONE: "log-writer"}, False)
    assert state(made, key=binding_key("newer")) == ("Attached", "log-writer", "Attached")


async def test_a_binding_deleted_after_another_took_its_instance_over_detaches_nothing() -> None:
    made, ecs = await attached()
    older = made.put(OLDER)
    await made.reconcile(older)
    made.delete(BINDING)
    await made.settle()
    assert ecs.writes == []
    assert (ecs.roles, made.exists(BINDING)) == ({ONE: "oss-reader"}, False)
    assert state(made, key=older) == ("Attached", "oss-reader", "Attached")


async def test_a_deletion_does_not_wait_long_for_a_binding_that_cannot_take_over() -> None:
    helpless = binding_body("newer", created="2026-02-02T00:00:00Z", spec={"roleRef": {"name": "nobody"}})
    made, ecs = scene({ONE: ""}, binding_body(), helpless)
    await made.settle()
    made.delete(BINDING)
    said = await made.reconcile(BINDING)
    assert (ecs.roles, said.requeue_after) == ({ONE: "oss-reader"}, 10)
    made.later(10)
    await made.reconcile(BINDING)
    assert (ecs.roles, made.exists(BINDING)) == ({ONE: ""}, False)


async def test_a_region_that_ecs_refuses_is_told_and_stops_nothing_else() -> None:
    made, ecs = scene({ONE: ""})
    made.put_node(node("far", 2, "cn-nowhere", pool="storage"))
    ecs.refused_regions = {"cn-nowhere"}
    await made.settle()
    assert ecs.roles == {ONE: "oss-reader"}
    assert made.condition(BINDING, "Stalled") == ("True", "Rejected")
    assert "cn-nowhere" in made.status(BINDING)["conditions"][0]["message"]


# Nodes and instances that go


async def test_a_claim_outlives_its_node_for_ten_minutes_and_is_then_released() -> None:
    made, ecs = await attached()
    made.drop_node("node-1")
    said = await made.reconcile(BINDING)
    assert (ecs.writes, said.requeue_after) == ([], 600)
    assert made.rows(BINDING)[str(ONE)]["nodeGoneSince"] == "2026-05-01T12:00:00Z"
    made.later(599)
    said = await made.reconcile(BINDING)
    assert (ecs.writes, said.requeue_after) == ([], 1)
    made.later(1)
    await made.reconcile(BINDING)
    assert (ecs.roles, made.rows(BINDING)) == ({ONE: ""}, {})


async def test_a_release_is_finished_also_where_another_instance_is_claimed_in_the_same_pass() -> None:
    made, ecs = await attached()
    made.drop_node("node-1")
    await made.settle()
    made.later(600)
    ecs.roles[TWO] = ""
    made.put_node(node("node-2", 2, pool="storage"))
    await made.settle()
    assert (ecs.roles, list(made.rows(BINDING))) == ({ONE: "", TWO: "oss-reader"}, [str(TWO)])


async def test_a_node_that_comes_back_in_time_keeps_its_role() -> None:
    made, ecs = await attached()
    made.drop_node("node-1")
    await made.settle()
    made.later(300)
    made.put_node(node("node-1", 1, pool="storage"))
    await made.settle()
    assert (ecs.writes, state(made)) == ([], ("Attached", "oss-reader", "Attached"))
    assert "nodeGoneSince" not in made.rows(BINDING)[str(ONE)]


async def test_a_binding_that_is_deleted_does_not_wait_for_a_node_that_is_gone() -> None:
    made, ecs = await attached()
    made.drop_node("node-1")
    await made.settle()
    made.delete(BINDING)
    await made.settle()
    assert (ecs.roles, made.exists(BINDING)) == ({ONE: ""}, False)


async def test_an_instance_counts_as_gone_when_two_looks_a_minute_apart_miss_it() -> None:
    made, ecs = await attached()
    del ecs.roles[ONE]
    said = await made.reconcile(BINDING)
    assert (state(made)[0], said.requeue_after) == ("Pending", 60)
    assert made.condition(BINDING, "Reconciling") == ("True", "Verifying")
    made.later(59)
    await made.reconcile(BINDING)
    assert state(made)[0] == "Pending"
    made.later(1)
    await made.reconcile(BINDING)
    assert state(made) == ("Skipped", None, None)
    assert made.rows(BINDING)[str(ONE)]["reason"] == "InstanceGone"
    assert made.condition(BINDING)[0] == "True"


async def test_an_instance_missing_once_is_as_before_when_it_is_found_again() -> None:
    made, ecs = await attached()
    del ecs.roles[ONE]
    await made.reconcile(BINDING)
    ecs.roles[ONE] = "oss-reader"
    made.later(60)
    await made.reconcile(BINDING)
    assert (state(made), ecs.writes) == (("Attached", "oss-reader", "Attached"), [])
    assert "missingSince" not in made.rows(BINDING)[str(ONE)]


async def test_a_node_that_goes_with_its_instance_leaves_no_row_after_a_minute() -> None:
    made, ecs = await attached()
    made.drop_node("node-1")
    del ecs.roles[ONE]
    said = await made.reconcile(BINDING)
    assert said.requeue_after == 60
    made.later(60)
    await made.reconcile(BINDING)
    assert (made.rows(BINDING), ecs.writes) == ({}, [])


async def test_a_deletion_waits_until_a_missing_instance_is_surely_gone() -> None:
    made, ecs = await attached()
    del ecs.roles[ONE]
    made.delete(BINDING)
    await made.settle()
    assert made.exists(BINDING)
    made.later(60)
    await made.reconcile(BINDING)
    assert not made.exists(BINDING)


SKIPPED = [
    (node("x", None, pool="storage"), "NoProviderID"),
    (node("x", 9, pool="storage", type="virtual-kubelet"), "VirtualNode"),
    ({**node("x", 9, pool="storage"), "spec": {"providerID": "aws:///i-1"}}, "ForeignProviderID"),
]


@pytest.mark.parametrize(("odd", "reason"), SKIPPED, ids=[reason for _, reason in SKIPPED])
async def test_a_node_that_is_no_instance_is_skipped_with_the_reason(odd: dict[str, Any], reason: str) -> None:
    made, _ = scene({ONE: ""})
    made.put_node(odd)
    await made.settle()
    row = made.rows(BINDING)["x"]
    assert (row["state"], row["reason"], "instance" in row) == ("Skipped", reason, False)
    assert made.condition(BINDING) == ("True", "AllAttached")
    assert made.status(BINDING)["summary"]["ready"] == "1/1"


async def test_a_named_node_that_does_not_exist_is_skipped() -> None:
    made, _ = scene({ONE: ""}, binding_body(spec={"nodeNames": ["ghost"]}))
    await made.settle()
    assert made.rows(BINDING)["ghost"]["reason"] == "NodeNotFound"


async def test_a_node_that_gets_its_provider_id_later_gets_the_role() -> None:
    made, ecs = scene({TWO: ""}, nodes=0)
    made.put_node(node("late", None, pool="storage"))
    await made.settle()
    made.put_node(node("late", 2, pool="storage"))
    await made.settle()
    assert (ecs.roles, list(made.rows(BINDING))) == ({TWO: "oss-reader"}, [str(TWO)])


# Refusals of the API


async def test_a_classic_instance_fails_and_is_not_tried_again_before_an_edit() -> None:
    made, ecs = scene({ONE: "", TWO: ""}, nodes=2)
    ecs.classic = {ONE}
    await made.settle()
    row = made.rows(BINDING)[str(ONE)]
    assert (row["state"], row["reason"], row["failedGeneration"]) == ("Failed", "ClassicNetwork", 1)
    assert state(made) == ("Failed", None, None), "nothing is claimed"
    assert made.condition(BINDING) == ("False", "SomeFailed")
    assert ecs.roles[TWO] == "oss-reader"
    ecs.calls.clear()
    await made.reconcile(BINDING)
    assert ecs.writes == []
    assert made.rows(BINDING)[str(ONE)] == row
    ecs.classic = set()
    made.edit(BINDING, nodeNames=["node-1"])
    await made.settle()
    assert ecs.roles[ONE] == "oss-reader"


async def test_a_failed_instance_is_tried_again_when_a_person_asks() -> None:
    made, ecs = scene({ONE: ""})
    ecs.classic = {ONE}
    await made.settle()
    ecs.classic = set()
    made.ask(BINDING, "now")
    await made.settle()
    assert ecs.roles[ONE] == "oss-reader"
    assert made.status(BINDING)["lastHandledReconcileAt"] == "now"


PASSING: list[tuple[CloudError, str, str]] = [
    (Throttled("AttachInstanceRamRole", "Throttling.User", retry_after=3), "Reconciling", "Throttled"),
    (Unavailable("AttachInstanceRamRole", "ServiceUnavailable"), "Reconciling", "Retrying"),
    (NotFound("AttachInstanceRamRole", "InvalidRamRole.NotFound"), "Reconciling", "Verifying"),
    (NotFound("AttachInstanceRamRole", "InvalidRamRole.NotEcsRole"), "Reconciling", "Verifying"),
    (Denied("AttachInstanceRamRole", "Forbidden.RAM"), "Stalled", "AccessDenied"),
]


@pytest.mark.parametrize(("error", "type_", "reason"), PASSING, ids=[error.code for error, _, _ in PASSING])
async def test_an_attach_that_may_work_later_is_pending_and_comes_back_by_itself(
    error: CloudError, type_: str, reason: str
) -> None:
    made, ecs = scene({ONE: ""})
    ecs.failing["attach"] = error
    said = await made.reconcile(BINDING)
    assert (state(made), made.condition(BINDING, type_)) == (("Pending", "oss-reader", "Attached"), ("True", reason))
    assert said.backoff or said.requeue_after
    ecs.failing.clear()
    await made.reconcile(BINDING)
    assert made.condition(BINDING) == ("True", "AllAttached")


async def test_a_lost_reply_of_an_attach_is_no_failure() -> None:
    made, ecs = scene({ONE: ""})
    ecs.failing["attach"] = Unavailable("AttachInstanceRamRole", "SDK.ReadTimeout")
    await made.reconcile(BINDING)
    ecs.roles[ONE] = "oss-reader"
    await made.reconcile(BINDING)
    assert (state(made), made.condition(BINDING)) == (("Attached", "oss-reader", "Attached"), ("True", "AllAttached"))


async def test_a_release_that_is_refused_keeps_the_claim_and_the_object() -> None:
    made, ecs = await attached()
    ecs.failing["detach"] = Denied("DetachInstanceRamRole", "Forbidden.RAM")
    made.delete(BINDING)
    await made.settle()
    assert state(made) == ("Releasing", "oss-reader", "Attached")
    assert made.condition(BINDING, "Stalled") == ("True", "AccessDenied")
    ecs.failing.clear()
    await made.reconcile(BINDING)
    assert (ecs.roles, made.exists(BINDING)) == ({ONE: ""}, False)


async def test_a_look_that_fails_keeps_the_rows_and_the_last_truth() -> None:
    made, ecs = await attached()
    before = made.rows(BINDING)
    ecs.failing["describe"] = Unavailable("DescribeInstanceRamRole", "ServiceUnavailable")
    said = await made.reconcile(BINDING)
    assert (made.rows(BINDING), said.backoff) == (before, True)
    assert made.condition(BINDING) == ("True", "AllAttached")
    assert made.condition(BINDING, "Reconciling") == ("True", "Retrying")


# Values that are not obeyed yet

UNSUPPORTED: list[dict[str, Any]] = [
    {"conflictPolicy": "Replace"},
    {"allowProtectedRoles": True},
    {"unbindPolicy": "Detach"},
    {"unbindPolicy": "Retain"},
    {"managementPolicy": "Plan"},
    {"managementPolicy": "Suspend"},
    {"instances": [str(ONE)]},
    {"rollout": {"maxUnavailable": "20%"}},
    {"rollout": {"maxUnavailable": 1}},
    {"sessionPolicy": {"Version": "1", "Statement": []}},
    {"roleRef": None, "roleName": "SomeRole"},
]


@pytest.mark.parametrize("spec", UNSUPPORTED, ids=str)
async def test_a_value_that_is_not_supported_yet_writes_nothing_and_says_so(spec: dict[str, Any]) -> None:
    made, ecs = scene({ONE: ""})
    made.edit(BINDING, **spec)
    await made.settle()
    assert (ecs.calls, made.rows(BINDING)) == ([], {})
    assert made.condition(BINDING, "Stalled") == ("True", "NotSupportedYet")
    assert f"spec.{next(reversed(spec))}" in made.status(BINDING)["conditions"][0]["message"]


DEFAULTS: dict[str, Any] = {
    "conflictPolicy": "Fail",
    "allowProtectedRoles": False,
    "unbindPolicy": "Restore",
    "managementPolicy": "Enforce",
    "instances": [],
    "rollout": {"maxUnavailable": "10%"},
}


async def test_defaults_that_are_written_out_are_supported() -> None:
    made, ecs = scene({ONE: ""}, binding_body(spec=DEFAULTS))
    await made.settle()
    assert ecs.roles == {ONE: "oss-reader"}


@pytest.mark.parametrize("spec", UNSUPPORTED, ids=str)
async def test_deleting_a_binding_with_an_unsupported_value_detaches_what_is_ours(spec: dict[str, Any]) -> None:
    made, ecs = await attached()
    made.edit(BINDING, **spec)
    await made.settle()
    assert (ecs.writes, ecs.roles) == ([], {ONE: "oss-reader"})
    made.delete(BINDING)
    await made.settle()
    assert (ecs.roles, made.exists(BINDING)) == ({ONE: ""}, False)


INVALID: list[tuple[dict[str, Any], str]] = [
    ({"nodeSelector": None}, "at least one of nodeSelector, nodeNames and instances"),
    ({"roleName": "Both"}, "exactly one of roleRef and roleName"),
    ({"roleRef": None}, "exactly one of roleRef and roleName"),
    ({"nodeSelector": {}}, "spec.nodeSelector"),
]


@pytest.mark.parametrize(("spec", "words"), INVALID, ids=[words for _, words in INVALID])
async def test_a_spec_that_cannot_be_obeyed_leaves_the_last_good_state_in_force(
    spec: dict[str, Any], words: str
) -> None:
    made, ecs = await attached()
    made.edit(BINDING, **spec)
    await made.settle()
    assert (ecs.calls, state(made)) == ([], ("Attached", "oss-reader", "Attached"))
    assert made.condition(BINDING, "Stalled") == ("True", "InvalidSpec")
    assert words in made.status(BINDING)["conditions"][0]["message"]
    made.delete(BINDING)
    await made.settle()
    assert (ecs.roles, made.exists(BINDING)) == ({ONE: ""}, False)


# Batches and sizes


async def test_batches_are_a_hundred_instances_of_one_region() -> None:
    ids = [instance(number) for number in range(1, 151)] + [
        instance(number, "cn-beijing") for number in range(151, 154)
    ]
    made, ecs = scene(dict.fromkeys(ids, ""), nodes=0)
    for one in ids:
        made.put_node(node(f"node-{one.id}", int(one.id[-4:]), one.region, pool="storage"))
    await made.settle()
    assert sorted((call[1], len(call[3])) for call in ecs.writes) == [
        ("cn-beijing", 3),
        ("cn-hangzhou", 50),
        ("cn-hangzhou", 100),
    ]
    assert made.condition(BINDING) == ("True", "AllAttached")


async def test_more_than_a_thousand_nodes_are_refused_and_no_claim_is_forgotten() -> None:
    made, ecs = await attached(nodes=3)
    for number in range(4, 1003):
        made.put_node(node(f"node-{number}", number, pool="storage"))
        ecs.roles[instance(number)] = ""
    ecs.roles |= {THREE: "oss-reader"}
    await made.settle()
    assert ecs.writes == []
    assert made.condition(BINDING, "Stalled") == ("True", "InvalidSpec")
    assert "split it by node pool" in made.status(BINDING)["conditions"][0]["message"]
    claimed = [row["instance"] for row in made.rows(BINDING).values() if row.get("origin") == "Attached"]
    assert claimed == [str(ONE), str(TWO), str(THREE)]
    assert len(made.status(BINDING)["instances"]) == 1000


async def test_a_full_binding_attaches_only_what_its_rows_have_room_for() -> None:
    made, ecs = scene({instance(number): "" for number in range(1, 1001)}, nodes=1000)
    await made.settle()
    made.drop_node("node-1000")
    made.put_node(node("node-1001", 1001, pool="storage"))
    ecs.roles[instance(1001)] = ""
    ecs.calls.clear()
    await made.settle()
    rows = made.rows(BINDING)
    assert len(rows) == 1000
    assert "split the binding by node pool" in made.status(BINDING)["conditions"][0]["message"]
    unclaimed = {str(one) for one, role in ecs.roles.items() if role} - set(rows)
    assert unclaimed == set(), "no role was attached without a claim"
    made.later(600)
    await made.reconcile(BINDING)
    await made.settle()
    assert ecs.roles[instance(1001)] == "oss-reader"
    assert ecs.roles[instance(1000)] == ""
    assert made.condition(BINDING) == ("True", "AllAttached")


async def test_only_what_is_asked_for_or_unsettled_is_read() -> None:
    made, ecs = await attached(nodes=3)
    await made.reconcile(BINDING, Scope(frozenset([str(TWO)])))
    assert [call[3] for call in ecs.calls] == [(TWO.id,)]
    ecs.calls.clear()
    made.put_node(node("node-4", 4, pool="storage"))
    ecs.roles[instance(4)] = ""
    await made.settle()
    assert {id_ for call in ecs.calls for id_ in call[3]} == {instance(4).id}


async def test_since_moves_only_with_the_state() -> None:
    made, ecs = await attached()
    before = made.rows(BINDING)[str(ONE)]["since"]
    made.later(3600)
    await made.reconcile(BINDING)
    assert made.rows(BINDING)[str(ONE)]["since"] == before
    ecs.roles[ONE] = "Other"
    await made.reconcile(BINDING)
    assert made.rows(BINDING)[str(ONE)]["since"] == "2026-05-01T13:00:00Z"
