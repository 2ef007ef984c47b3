"""Objects come back without their status, as from a backup: what was ours is recognised as far as the cloud tells."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from tests.unit.builders import binding_body, binding_key, instance, made_role_status, node, role_body, role_key
from tests.unit.pool import BINDING, ONE, STORAGE, TWO, scene, state
from tests.unit.scene import Instances, Scene

from ram_operator.errors import CloudError, Denied, StaleObject, Unavailable
from ram_operator.model import EVERYTHING, TAKE_OVER, Body, StatusFields

ROLE, OTHER = role_key("oss-reader"), "KubernetesWorkerRole-x"
OURS = ("Attached", "oss-reader", "TakenOver")
FOUND = ("Attached", "oss-reader", "Found")


def restored(
    *bindings: dict[str, Any], origin: str = "Created", nodes: int = 1, **roles: str
) -> tuple[Scene, Instances]:
    """Bindings with a finalizer and without a status; of the role RAM tells who created it."""
    ecs = Instances({ONE: roles.get("one", "oss-reader"), **({TWO: "oss-reader"} if nodes > 1 else {})})
    made, _ = scene({}, *(bindings or (binding_body(),)), nodes=nodes, ecs=ecs)
    made.put_status(ROLE, made_role_status(origin=origin))
    return made, ecs


async def test_a_role_that_the_operator_created_is_taken_over_and_goes_with_its_node() -> None:
    made, ecs = restored(nodes=2)
    await made.settle()
    assert (state(made), ecs.writes) == (OURS, [])
    assert "which role it had before is not known" in made.rows(BINDING)[str(ONE)]["message"]
    assert made.condition(BINDING) == ("True", "AllAttached")
    made.put_node(node("node-1", 1, pool="other"))
    await made.settle()
    assert (ecs.roles, str(ONE) in made.rows(BINDING)) == ({ONE: "", TWO: "oss-reader"}, False)
    made.delete(BINDING)
    await made.settle()
    assert (ecs.roles, made.exists(BINDING)) == ({ONE: "", TWO: ""}, False)


async def test_it_is_recognised_when_the_role_is_ready_and_the_region_answers_however_late() -> None:
    made, ecs = restored()
    made.put_status(ROLE, {})
    await made.settle()
    assert state(made) == ("Pending", None, None)
    assert made.status(BINDING)["restored"]
    ecs.failing["describe"] = Unavailable("DescribeInstanceRamRole", "ServiceUnavailable")
    made.put_status(ROLE, made_role_status(origin="Created"))
    await made.settle()
    made.restart()
    ecs.failing.clear()
    await made.reconcile(BINDING)
    assert state(made) == OURS
    assert "restored" not in made.status(BINDING)


async def test_it_is_recognised_after_a_suspension() -> None:
    made, _ = restored(binding_body(spec={"managementPolicy": "Suspend"}))
    await made.settle()
    assert made.rows(BINDING) == {}
    made.edit(BINDING, managementPolicy="Enforce")
    await made.settle()
    assert state(made) == OURS


async def test_what_joins_later_with_the_role_is_found() -> None:
    made, ecs = restored()
    await made.settle()
    ecs.roles[TWO] = "oss-reader"
    made.put_node(node("node-2", 2, pool="storage"))
    await made.settle()
    assert [state(made, one) for one in (ONE, TWO)] == [OURS, FOUND]


async def test_what_joins_after_a_person_has_said_so_is_found_until_it_is_said_again() -> None:
    made, ecs = restored()
    made.put_status(ROLE, made_role_status(origin="Adopted"))
    made.annotate(BINDING, TAKE_OVER, "1")
    await made.settle()
    made.restart()
    ecs.roles[TWO] = "oss-reader"
    made.put_node(node("node-2", 2, pool="storage"))
    await made.settle()
    await made.reconcile(BINDING)
    assert [state(made, one) for one in (ONE, TWO)] == [OURS, FOUND]
    for value in ("", "1"):
        made.annotate(BINDING, TAKE_OVER, value)
        await made.settle()
    assert [state(made, one) for one in (ONE, TWO)] == [OURS, OURS]


async def test_what_a_person_has_said_counts_until_every_instance_was_read() -> None:
    made, ecs = restored()
    made.put_status(ROLE, made_role_status(origin="Adopted"))
    ecs.failing["describe"] = Unavailable("DescribeInstanceRamRole", "ServiceUnavailable")
    made.annotate(BINDING, TAKE_OVER, "1")
    await made.settle()
    ecs.failing.clear()
    await made.reconcile(BINDING)
    assert state(made) == OURS


@pytest.mark.parametrize("origin", ["Created", "Adopted"], ids=["by the role", "by a person"])
async def test_all_instances_are_attached_anew_with_a_session_policy_step_by_step(origin: str) -> None:
    policy = {"Statement": [{"Effect": "Allow", "Action": "oss:Get*", "Resource": "*"}]}
    ecs = Instances({instance(number): "oss-reader" for number in range(1, 21)})
    made, _ = scene({}, binding_body(spec={"sessionPolicy": policy}), nodes=20, ecs=ecs)
    made.put_status(ROLE, made_role_status(origin=origin))
    if origin == "Adopted":
        made.annotate(BINDING, TAKE_OVER, "1")
    await made.settle()
    assert set(ecs.limits) == set(ecs.roles)
    assert [len(call[3]) for call in ecs.writes if call[0] == "detach"] == [1, *[2] * 9, 1]
    made.delete(BINDING)
    await made.settle()
    assert set(ecs.roles.values()) == {""}


SECOND = binding_body("second", spec={"nodeSelector": STORAGE})
AMBIGUOUS: list[tuple[str, dict[str, Any]]] = [
    ("a role that was adopted", {"origin": "Adopted"}),
    ("an object that was never reconciled", {"finalizers": ()}),
    ("another binding that selects the instance", {"second": SECOND}),
]


@pytest.mark.parametrize("how", [how for _, how in AMBIGUOUS], ids=[name for name, _ in AMBIGUOUS])
async def test_what_is_ambiguous_stays_until_a_person_says_so(how: dict[str, Any]) -> None:
    first = binding_body(
        created="2025-01-01T00:00:00Z", finalizers=how.get("finalizers", ("ram.alicloud.dev/cleanup",))
    )
    made, ecs = restored(first, *([how["second"]] if "second" in how else []), origin=how.get("origin", "Created"))
    await made.settle()
    assert state(made) == FOUND
    assert BINDING.to_annotate(TAKE_OVER, 1) in made.rows(BINDING)[str(ONE)]["message"]
    made.annotate(BINDING, TAKE_OVER, "0")
    await made.settle()
    assert state(made) == FOUND, "the annotation is about another generation"
    made.annotate(BINDING, TAKE_OVER, "1")
    await made.settle()
    assert (state(made), ecs.writes) == (OURS, [])
    made.delete(BINDING)
    made.drop(binding_key("second"))
    await made.settle()
    assert ecs.roles == {ONE: ""}


class OneWrite(Scene):
    """Refuses every write to an object but the first."""

    failed = False

    async def set_finalizer(self, body: Body, present: bool) -> Body:
        self._refuse_a_second()
        return await super().set_finalizer(body, present)

    async def write_status(self, body: Body, status: StatusFields) -> Body:
        self._refuse_a_second()
        return await super().write_status(body, status)

    def _refuse_a_second(self) -> None:
        if self.log and not self.failed:
            self.failed = True
            raise StaleObject("the process ends")


@pytest.mark.parametrize("other", ["", "oss-reader"], ids=["one to write to", "nothing to write"])
async def test_a_new_object_whose_first_reconcile_breaks_off_is_none_that_was_restored(other: str) -> None:
    """Its second instance makes the first reconcile write to the cloud, or leaves it nothing to write."""
    ecs = Instances({ONE: "oss-reader", TWO: other})
    made = OneWrite(ecs.cloud)
    made.put(role_body("oss-reader", made_role_status(origin="Created")))
    for number in (1, 2):
        made.put_node(node(f"node-{number}", number, pool="storage"))
    made.put(binding_body(finalizers=()))
    with contextlib.suppress(StaleObject):
        await made.reconcile(BINDING)
    assert made.failed
    made.restart()
    made.asked = {BINDING: EVERYTHING}
    await made.settle()
    assert state(made) == FOUND
    made.delete(BINDING)
    await made.settle()
    assert (ecs.roles, made.exists(BINDING)) == ({ONE: "oss-reader", TWO: other}, False)


async def test_another_role_is_a_conflict_as_ever() -> None:
    made, ecs = restored(one=OTHER)
    made.annotate(BINDING, TAKE_OVER, "1")
    await made.settle()
    assert (state(made), ecs.writes) == (("Conflict", None, None), [])


async def test_with_a_session_policy_it_is_attached_anew_since_nothing_tells_its_limit() -> None:
    policy = {"Statement": [{"Effect": "Allow", "Action": "oss:Get*", "Resource": "*"}]}
    made, ecs = restored(binding_body(spec={"sessionPolicy": policy}))
    await made.settle()
    assert (set(ecs.limits), state(made)) == ({ONE}, ("Attached", "oss-reader", "Attached"))
    made.delete(BINDING)
    await made.settle()
    assert ecs.roles == {ONE: ""}


class RefusingLimits(Instances):
    """Refuses a role with a session policy, and takes it without one."""

    async def attach_role(
        self, region: str, role: str, ids: Sequence[str], policy: str | None = None
    ) -> Mapping[str, CloudError]:
        if policy:
            self._called("attach", region, role, ids)
            return dict.fromkeys(ids, Denied("AttachInstanceRamRole", "Forbidden.RAM"))
        return await super().attach_role(region, role, ids, policy)


async def test_what_may_have_been_limited_before_the_status_was_lost_is_not_given_back_without_a_limit() -> None:
    policy = {"Statement": [{"Effect": "Allow", "Action": "oss:Get*", "Resource": "*"}]}
    ecs = RefusingLimits({ONE: "oss-reader"})
    made, _ = scene({}, binding_body(spec={"sessionPolicy": policy}), ecs=ecs)
    made.put_status(ROLE, made_role_status(origin="Created"))
    await made.settle()
    assert [call[0] for call in ecs.writes] == ["detach", "attach"]
    assert (ecs.roles, state(made)[0]) == ({ONE: ""}, "Failed")
    message = made.rows(BINDING)[str(ONE)]["message"]
    assert "oss-reader is not given back (its session policy is not kept)" in message


async def test_an_edit_of_the_role_replaces_what_was_taken_over() -> None:
    made, ecs = restored()
    await made.settle()
    made.edit(BINDING, roleRef={"name": "log-writer"})
    await made.settle()
    assert (ecs.roles, state(made)) == ({ONE: "log-writer"}, ("Attached", "log-writer", "Attached"))


async def test_a_role_that_was_taken_over_is_in_use_as_long_as_the_row_has_it() -> None:
    made, _ = restored()
    await made.settle()
    made.edit(BINDING, roleRef={"name": "nobody"})
    facts = made.caches.facts(ROLE)
    assert facts is not None
    assert [view.key for view in facts.referrers] == [BINDING]
