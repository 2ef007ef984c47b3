"""What a binding does about each instance: attach, leave alone, change the role, one reconcile after another."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.builders import binding_body, made_role_status, node, role_body, role_key
from tests.unit.pool import BINDING, ONE, TWO, attached, remarks, scene, state

from ram_operator.errors import Throttled, Unavailable
from ram_operator.model import Event, Scope

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
        Event("Attached", f"attached oss-reader to {ONE} (InstanceRoleBinding/storage-pool)", node="node-1"),
    )


async def test_a_second_reconcile_of_a_binding_in_sync_writes_nothing() -> None:
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
    assert made.rows(BINDING) == {}
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
    message = made.rows(BINDING)[str(ONE)]["message"]
    assert message.startswith(
        "has role KubernetesWorkerRole-x, which no binding gave it; ram-operator explain OtherRole"
    )
    assert "detach" not in message, "add-ons of the node may depend on it"
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
    assert remarks(said) == [("LeftAlone", f"left {ONE} alone: it has role Other now")]
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


async def test_the_longest_role_name_leaves_room_for_what_to_do_about_a_conflict() -> None:
    made, _ = scene({ONE: "R" * 64})
    await made.settle()
    assert made.rows(BINDING)[str(ONE)]["message"].endswith("; ram-operator explain OtherRole")
