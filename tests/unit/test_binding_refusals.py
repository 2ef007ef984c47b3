"""What a binding does when the API refuses, and with values it cannot or must not obey."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from tests.unit.builders import binding_body
from tests.unit.pool import BINDING, ONE, TWO, attached, scene, state
from tests.unit.scene import Instances

from ram_operator.errors import ClassicNetwork, CloudError, Denied, NotFound, Rejected, Throttled, Unavailable

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


async def test_a_classic_network_is_not_tried_again_however_long_one_waits() -> None:
    made, ecs = scene({ONE: ""})
    ecs.classic = {ONE}
    said = await made.reconcile(BINDING)
    assert (len(ecs.writes), said.requeue_after) == (1, None)
    made.later(7200)
    said = await made.reconcile(BINDING)
    assert (len(ecs.writes), said.requeue_after) == (1, None)


class Stopped(Instances):
    """An instance that takes no role for a reason nobody has heard of."""

    async def attach_role(
        self, region: str, role: str, ids: Sequence[str], policy: str | None = None
    ) -> Mapping[str, CloudError]:
        self.calls.append(("attach", region, role, tuple(ids)))
        return {id_: Rejected("AttachInstanceRamRole", "IncorrectInstanceStatus") for id_ in ids}


async def test_a_refusal_that_may_pass_is_tried_again_each_hour() -> None:
    ecs = Stopped({ONE: ""})
    made, _ = scene({}, ecs=ecs)
    said = await made.reconcile(BINDING)
    assert (made.condition(BINDING, "Stalled"), said.requeue_after) == (("True", "SomeFailed"), 3600)
    made.later(3599)
    said = await made.reconcile(BINDING)
    assert (len(ecs.writes), said.requeue_after) == (1, 1)
    made.later(1)
    said = await made.reconcile(BINDING)
    assert (len(ecs.writes), said.requeue_after) == (2, 3600)


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


async def test_an_api_that_goes_on_throttling_costs_one_status_write() -> None:
    made, ecs = scene({ONE: ""})
    for left in range(7, 0, -1):
        code = "Throttling.User" if left % 2 else "Throttling.Local"
        ecs.failing["attach"] = Throttled("AttachInstanceRamRole", code, retry_after=left)
        await made.reconcile(BINDING)
        if left == 7:
            made.log.clear()
        made.later(1)
    assert len(ecs.writes) == 7
    assert made.log == []


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


# Specs that are obeyed, and specs that are not

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


INVALID: list[tuple[dict[str, Any], str]] = [
    ({"nodeSelector": None}, "write nodeSelector, nodeNames or instances"),
    ({"roleName": "Both"}, "exactly one of roleRef"),
    ({"roleRef": None}, "exactly one of roleRef"),
    ({"nodeSelector": {}}, "spec.nodeSelector"),
    ({"sessionPolicy": {"Statement": []}}, "spec.sessionPolicy.Statement"),
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


async def test_the_classic_network_is_named_once() -> None:
    made, ecs = scene({ONE: ""})
    words = "is in the classic network; only instances in a VPC can have a role; ram-operator explain ClassicNetwork"
    ecs.failing["attach"] = ClassicNetwork("AttachInstanceRamRole", "InvalidNetworkType.MismatchRamRole")
    await made.settle()
    assert made.rows(BINDING)[str(ONE)]["message"] == words
    assert made.status(BINDING)["conditions"][0]["message"] == f"{ONE} (node-1): {words}"
