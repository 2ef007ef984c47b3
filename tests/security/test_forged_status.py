"""A status that somebody else wrote than the operator: it names nothing, and takes no role off that was not ours."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.builders import (
    binding_body,
    condition,
    custom,
    made_policy_status,
    made_role_status,
    owner,
    policy_body,
    policy_key,
    role_body,
    role_key,
)
from tests.unit.pool import BINDING, ONE, remarks, scene, state
from tests.unit.roles import REFERENCE, planned, there, with_policies
from tests.unit.scene import Instances, Scene

from ram_operator.kinds.ram_role.steps import AttachPolicy
from ram_operator.model import Reason

WORKER = "KubernetesWorkerRole-x"
KIND = BINDING.kind


def claim(one: Any, role: str, **more: Any) -> dict[str, Any]:
    """A row that says we attached a role."""
    return {"instance": str(one), "node": "node-1", "state": "Attached", "origin": "Attached", "roleName": role, **more}


def let_go(ecs: Instances, *rows: dict[str, Any], deleting: bool = True) -> Scene:
    """A binding with these rows that is being deleted, or that selects nothing any more."""
    made, _ = scene({}, binding_body(spec={"roleRef": {"name": "oss-reader"}}), nodes=0, ecs=ecs)
    made.put_status(BINDING, {"instances": list(rows)})
    if deleting:
        made.delete(BINDING)
    return made


def taken_off(ecs: Instances) -> set[str]:
    """The roles that were taken off; ours is, where an exchange that got no answer is undone."""
    return {role for what, _, role, _ in ecs.writes if what == "detach"} - {"oss-reader"}


FORGED: dict[str, dict[str, Any]] = {
    "as the role that we gave": {"roleName": WORKER},
    "confirmed": {"roleName": WORKER, "confirmed": True},
    "as what ours replaced": {"roleName": "oss-reader", "replacedRole": WORKER},
    "as what ours replaced, before which was another": {
        "roleName": "oss-reader",
        "replacedRole": WORKER,
        "previousRole": "KubernetesWorkerRole-y",
    },
    "as what replaces ours": {"roleName": WORKER, "replacedRole": "oss-reader"},
}


@pytest.mark.parametrize("row", FORGED.values(), ids=FORGED)
@pytest.mark.parametrize("deleting", [True, False], ids=["deleted", "not selected"])
async def test_a_forged_claim_takes_off_no_role_that_is_not_ours(row: dict[str, Any], deleting: bool) -> None:
    ecs = Instances({ONE: WORKER})
    made = let_go(ecs, claim(ONE, "") | row, deleting=deleting)
    for _ in range(3):
        if made.exists(BINDING):
            await made.reconcile(BINDING)
            made.later(700)
    assert (ecs.roles, taken_off(ecs)) == ({ONE: WORKER}, set())


@pytest.mark.parametrize("row", FORGED.values(), ids=FORGED)
async def test_a_forged_claim_replaces_no_role_that_the_spec_leaves(row: dict[str, Any]) -> None:
    ecs = Instances({ONE: WORKER})
    made, _ = scene({}, binding_body(), ecs=ecs)
    made.put_status(BINDING, {"instances": [claim(ONE, "") | row]})
    await made.reconcile(BINDING)
    await made.settle()
    assert (ecs.roles, taken_off(ecs)) == ({ONE: WORKER}, set())
    assert made.condition(BINDING) == ("False", "Conflict")


@pytest.mark.parametrize("row", FORGED.values(), ids=FORGED)
async def test_the_forged_claim_of_another_binding_is_not_inherited(row: dict[str, Any]) -> None:
    ecs = Instances({ONE: WORKER})
    other = binding_body(
        "other", {"instances": [claim(ONE, "") | row]}, spec={"nodeNames": ["gone"], "nodeSelector": None}
    )
    made, _ = scene({}, binding_body(), other, ecs=ecs)
    await made.reconcile(BINDING)
    assert (ecs.roles, ecs.writes) == ({ONE: WORKER}, [])


async def test_a_claim_that_does_not_count_is_given_up_with_a_word() -> None:
    made = let_go(Instances({ONE: WORKER}), claim(ONE, WORKER))
    said = await made.reconcile(BINDING)
    assert [reason for reason, _ in remarks(said)] == ["LeftAlone"]
    assert f"role {WORKER} lacks this cluster's tags" in remarks(said)[0][1]
    assert not made.exists(BINDING)


async def test_the_claim_on_a_role_that_ram_has_no_more_still_counts() -> None:
    ecs = Instances({ONE: "deleted-by-hand"})
    ecs.ram.gone.add("deleted-by-hand")
    made = let_go(ecs, claim(ONE, "deleted-by-hand", confirmed=True))
    await made.reconcile(BINDING)
    assert ecs.roles == {ONE: ""}


async def test_an_instance_gets_no_role_back_that_no_setting_lets_it() -> None:
    ecs = Instances({ONE: "oss-reader"})
    made = let_go(ecs, claim(ONE, "oss-reader", previousRole="admin", confirmed=True))
    await made.reconcile(BINDING)
    assert ecs.roles == {ONE: ""}


async def test_a_role_that_a_forged_status_calls_its_own_is_not_attached() -> None:
    made, ecs = scene({ONE: ""}, binding_body(spec={"roleRef": {"name": "admin"}}))
    made.put(role_body("admin", made_role_status("admin")))
    await made.reconcile(BINDING)
    assert (ecs.writes, state(made)) == ([], ("Pending", None, None))
    assert "its role lacks the tags of RamRole/admin" in made.status(BINDING)["conditions"][0]["message"]


@pytest.mark.parametrize("owner_", ["rival", "oss-reader"])
async def test_a_role_is_attached_for_the_object_that_owns_it(owner_: str) -> None:
    made, ecs = scene({ONE: ""})
    ecs.ram.owned["oss-reader"] = owner_
    await made.reconcile(BINDING)
    assert ecs.roles == {ONE: "oss-reader" if owner_ == "oss-reader" else ""}


async def test_the_name_that_a_status_gives_a_role_is_not_attached() -> None:
    made, ecs = scene({ONE: ""})
    made.put_status(role_key("oss-reader"), made_role_status("log-writer"))
    await made.reconcile(BINDING)
    assert ecs.roles == {ONE: "oss-reader"}


def test_the_name_that_a_status_gives_a_policy_is_not_attached() -> None:
    forged = policy_body(status=made_policy_status("Administrators"))
    plan = planned(with_policies(REFERENCE), there(), forged)
    assert [step.policy for step in plan.steps if isinstance(step, AttachPolicy)] == [custom("oss-read")]


THEIRS: list[tuple[dict[str, str], bool]] = [
    (owner(policy_key("oss-read")).tags(), True),
    (owner(policy_key("oss-read"), cluster="c-2").tags(), False),
    (owner(policy_key("other")).tags(), False),
    ({}, False),
]


@pytest.mark.parametrize(
    ("tags", "attached"), THEIRS, ids=["ours", "another cluster's", "another object's", "nobody's"]
)
def test_a_policy_that_a_forged_status_calls_its_own_is_not_attached(tags: dict[str, str], attached: bool) -> None:
    forged = policy_body(status=made_policy_status())
    seen = replace(there(), policy_tags={custom("oss-read").folded: tags})
    plan = planned(with_policies(REFERENCE), seen, forged)
    assert [step.policy for step in plan.steps if isinstance(step, AttachPolicy)] == [custom("oss-read")] * attached
    assert [hold.reason for hold in plan.holds] == [Reason.POLICY_NOT_READY] * (not attached)


async def test_a_forged_release_ends_no_cleanup() -> None:
    ecs = Instances({ONE: "oss-reader"})
    made = let_go(ecs, claim(ONE, "oss-reader", confirmed=True))
    forged = condition("Ready", "False", "Released")
    made.put_status(BINDING, made.status(BINDING) | {"conditions": [forged]})
    await made.reconcile(BINDING)
    await made.settle()
    assert (ecs.roles, made.exists(BINDING)) == ({ONE: ""}, False)
