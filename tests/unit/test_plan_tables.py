"""The plans of both kinds over what may be in the cloud: what Enforce does, and that no other mode does it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.unit import policies, roles
from tests.unit.builders import (
    NOW,
    OTHER_DOCUMENT,
    cloud_policy,
    cloud_role,
    cluster,
    custom,
    facts_of,
    made_policy_status,
    made_role_status,
    owner,
    policy_body,
    policy_key,
    role_body,
    role_key,
    system,
)

from ram_operator.engine.filters.modes import PlanOnly, Retain, Suspend
from ram_operator.kinds import AnyKind
from ram_operator.kinds.ram_policy.observing import ObservedPolicy
from ram_operator.model import Plan, Reason
from ram_operator.rules.documents import trust_for_services

Row = tuple[str, Any, dict[str, Any], list[str], list[Reason]]
P, R = policies.there, roles.there
FC = cloud_role(trust=str(trust_for_services(["fc.aliyuncs.com"])).replace("'", '"'))
DELETING: dict[str, Any] = {"deleting": True}
THEIRS = owner(policy_key("another")).tags()
SPEC = {"policies": [{"system": "A"}]}

POLICIES: list[Row] = [
    ("absent", policies.ABSENT, {}, ["CreatePolicy"], []),
    ("ours, equal", P(), {}, [], []),
    ("ours, another document", P(cloud_policy(document=OTHER_DOCUMENT)), {}, ["CreatePolicyVersion"], []),
    ("ours, another description", P(cloud_policy(description="x")), {"description": "y"},
     ["UpdatePolicyDescription"], []),
    ("ours, a tag missing", P(), {"tags": {"team": "x"}}, ["TagResources"], []),
    ("ours, a grantee missing", P(), {"attachTo": {"users": ["dev"]}}, ["AttachPolicyToUser"], []),
    ("nobody's", P(tags={}), {}, [], [Reason.NOT_OWNED]),
    ("nobody's, equal, to be taken over", P(tags={}), {"adoptionPolicy": "IfIdentical"}, ["TagResources"], []),
    ("nobody's, different", P(cloud_policy(document=OTHER_DOCUMENT), {}), {"adoptionPolicy": "IfIdentical"}, [],
     [Reason.ADOPTION_DIFFERS]),
    ("nobody's, different, to be changed", P(cloud_policy(document=OTHER_DOCUMENT), {}),
     {"adoptionPolicy": "IfUnowned"}, ["TagResources", "CreatePolicyVersion"], []),
    ("another object's", P(tags=THEIRS), {"adoptionPolicy": "IfUnowned"}, [], [Reason.OWNED_BY_OTHER]),
    ("a system policy's name", ObservedPolicy(system=True), {}, [], [Reason.NAME_TAKEN]),
    ("deleting, ours", P(), DELETING, ["DeletePolicy"], []),
    ("deleting, absent", policies.ABSENT, DELETING, [], []),
    ("deleting, nobody's", P(tags={}), DELETING, [], []),
    ("deleting, another object's", P(tags=THEIRS), DELETING, [], []),
]  # fmt: skip
ROLES: list[Row] = [
    ("absent", roles.ABSENT, SPEC, ["CreateRole", "AttachPolicyToRole"], []),
    ("ours, equal", R(system("A")), SPEC, [], []),
    ("half created, without its policy", R(), SPEC, ["AttachPolicyToRole"], []),
    ("ours, another trust", R(role=FC), {}, ["UpdateRole"], []),
    ("ours, another description", R(role=cloud_role(description="x")), {"description": "y"}, ["UpdateRole"], []),
    ("ours, other sessions", R(), {"maxSessionDurationSeconds": 7200}, ["UpdateRole"], []),
    ("ours, a tag missing", R(), {"tags": {"team": "x"}}, ["TagResources"], []),
    ("ours, a policy of others besides", R(custom("b")), {}, [], []),
    ("ours, a policy of others, exclusively", R(custom("b")), {"policyAttachment": "Exclusive"},
     ["DetachPolicyFromRole"], []),
    ("nobody's", R(tags={}), {}, [], [Reason.NOT_OWNED]),
    ("nobody's, equal, to be taken over", R(tags={}), {"adoptionPolicy": "IfIdentical"}, ["TagResources"], []),
    ("nobody's, different", R(tags={}), {**SPEC, "adoptionPolicy": "IfIdentical"}, [], [Reason.ADOPTION_DIFFERS]),
    ("another object's", R(tags=owner(role_key("another")).tags()), {"adoptionPolicy": "IfUnowned"}, [],
     [Reason.OWNED_BY_OTHER]),
    ("deleting, ours", R(system("A")), {**SPEC, **DELETING}, ["DetachPolicyFromRole", "DeleteRole"], []),
    ("deleting, with a policy of others", R(custom("b")), DELETING, [], [Reason.IN_USE]),
    ("deleting, absent", roles.ABSENT, DELETING, [], []),
    ("deleting, nobody's", R(tags={}), DELETING, [], []),
]  # fmt: skip

Body = Callable[[dict[str, Any]], dict[str, Any]]


def policy(spec: dict[str, Any]) -> dict[str, Any]:
    return policy_body(status=made_policy_status(), **_split(spec))


def role(spec: dict[str, Any]) -> dict[str, Any]:
    return role_body(status=made_role_status(), **_split(spec))


def _split(spec: dict[str, Any]) -> dict[str, Any]:
    rest = {key: value for key, value in spec.items() if key != "deleting"}
    return {"spec": rest, "deleting": spec.get("deleting", False)}


CASES = [
    *(pytest.param(policies.KEY, policy, policies.planned, row, id=f"policy {row[0]}") for row in POLICIES),
    *(pytest.param(roles.KEY, role, roles.planned, row, id=f"role {row[0]}") for row in ROLES),
]


@pytest.mark.parametrize(("key", "made", "planned", "row"), CASES)
def test_enforce_does_what_the_table_says_and_no_other_mode_does_anything(
    key: Any, made: Body, planned: Callable[..., Plan], row: Row
) -> None:
    _, observed, spec, calls, reasons = row
    plan = planned(made(spec), observed)
    assert [step.api for step in plan.steps] == calls
    assert [hold.reason for hold in plan.holds] == reasons
    kinds: dict[str, AnyKind] = {"RamPolicy": policies.KIND, "RamRole": roles.KIND}
    for mode, withholding in (("Plan", PlanOnly()), ("Enforce", PlanOnly(True))):
        body = made({**spec, "managementPolicy": mode})
        held = withholding.apply(facts_of(key, cluster(body)), planned(body, observed), NOW)
        assert held.steps == ()
        assert [each.step for each in held.withheld] == list(plan.steps)
        assert set(reasons) <= {hold.reason for hold in held.holds}
    suspended = Suspend().without_reading(facts_of(key, cluster(made({**spec, "managementPolicy": "Suspend"}))))
    assert suspended
    assert suspended.steps == ()
    assert suspended.holds
    retained = Retain(kinds).without_reading(facts_of(key, cluster(made({**spec, "deletionPolicy": "Retain"}))))
    assert retained == (Plan() if spec.get("deleting") else None)
