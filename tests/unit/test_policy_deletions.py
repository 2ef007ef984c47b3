"""How a RamPolicy goes: deleted where it is ours and unused, kept where the spec says so, and who is in the way."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.builders import (
    cloud_policy,
    cluster,
    context,
    decided,
    facts_of,
    made_policy_status,
    made_role_status,
    policy_body,
    policy_key,
    role_body,
)
from tests.unit.policies import ABSENT, KEY, KIND, held, planned, there
from tests.unit.scene import Instances, Scene

from ram_operator.cloud import Entities
from ram_operator.kinds.ram_policy.steps import DeletePolicy
from ram_operator.model import Plan, Reason


def test_a_policy_of_ours_that_nobody_uses_is_deleted() -> None:
    assert planned(policy_body(deleting=True), there()).steps == (DeletePolicy("oss-read", "oss-read"),)


def test_a_policy_that_is_gone_needs_no_deletion() -> None:
    assert decided(planned(policy_body(status=made_policy_status(), deleting=True), ABSENT)) == Plan()


@pytest.mark.parametrize(
    "spec", [{}, {"document": {"Version": "2016-10-17"}}], ids=["a good spec", "a spec that no longer parses"]
)
async def test_with_retain_nothing_is_read_and_nothing_deleted(spec: dict[str, Any]) -> None:
    made = Scene(Instances({}).cloud)  # RAM cannot be called
    key = made.put(policy_body(deleting=True, spec={"deletionPolicy": "Retain"} | spec))
    await made.reconcile(key)
    assert not made.exists(key)


USERS = [
    (Entities(roles=("OssReader",)), "role OssReader (RamRole/oss-reader)"),
    (Entities(roles=("Foreign",)), "role Foreign, whose RamRole, if any, does not name the policy"),
    (Entities(users=("dev",)), "user dev"),
    (Entities(groups=("devs",)), "group devs"),
]


@pytest.mark.parametrize(("entities", "words"), USERS, ids=[words for _, words in USERS])
def test_a_policy_in_use_says_by_whom_and_looks_again(entities: Entities, words: str) -> None:
    role = role_body(
        status=made_role_status(), spec={"roleName": "ossreader", "policies": [{"policyRef": {"name": "oss-read"}}]}
    )
    observed = there(cloud_policy(attachment_count=1), entities=entities)
    plan = planned(policy_body(deleting=True), observed, role)
    assert held(plan) == [Reason.IN_USE]
    assert plan.holds[0].message.endswith(KEY.to_set("deletionPolicy", "Retain"))
    assert words in plan.holds[0].message
    assert plan.holds[0].retry_after == 60


def test_many_users_are_listed_up_to_five() -> None:
    observed = there(cloud_policy(attachment_count=9), entities=Entities(users=tuple(f"u{n}" for n in range(9))))
    assert "and 4 more" in planned(policy_body(deleting=True), observed).holds[0].message


def test_a_deletion_whose_spec_no_longer_parses_goes_by_the_name_it_was_created_with() -> None:
    wrong = {"document": {"Version": "2016-10-17"}}
    named = policy_body(deleting=True, status={"policyName": "Forged"}, spec=wrong | {"policyName": "Named"})
    assert KIND.desire(None, facts_of(KEY, cluster(named))).name == "Named"
    unnamed = policy_body(deleting=True, spec=wrong)
    assert KIND.desire(None, facts_of(KEY, cluster(unnamed))).name == "oss-read"


def test_a_name_that_ram_cannot_have_needs_no_deletion() -> None:
    body = policy_body("with.dot", deleting=True)
    desired = KIND.desire(None, facts_of(policy_key("with.dot"), cluster(body)))
    assert desired.name is None
    assert decided(KIND.plan(desired, None, {}, context(policy_key("with.dot")))) == Plan()
