"""The plans of both kinds over what may be in the cloud: what Enforce does, and that no other mode does it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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

from ram_operator.cloud import Entities
from ram_operator.engine.filters.modes import PlanOnly, Retain, Suspend
from ram_operator.kinds import AnyKind
from ram_operator.kinds.ram_policy.observing import ObservedPolicy
from ram_operator.model import ADOPTED_TAG, Plan, Reason
from ram_operator.rules.documents import trust_for_services

Row = tuple[str, Any, dict[str, Any], list[str], list[Reason]]
P, R = policies.there, roles.there
FC = cloud_role(trust=str(trust_for_services(["fc.aliyuncs.com"])).replace("'", '"'))
DELETING: dict[str, Any] = {"deleting": True}
THEIRS = owner(policy_key("another")).tags()
ANOTHER_CLUSTERS = owner(policy_key("oss-read"), cluster="c-2").tags()
DEV, OPS = Entities(users=("dev",)), Entities(groups=("ops",))
TO_DEV: dict[str, Any] = {"attachTo": {"users": ["dev"]}}
OF_DEV: dict[str, Any] = {"status": {"grantedTo": {"users": ["dev"]}}}
SPEC = {"policies": [{"system": "A"}]}
TAKES_OVER = {"adoptionPolicy": "IfUnowned"}


def adopted(tags: Mapping[str, str]) -> dict[str, str]:
    """Marks with the one of what was taken over."""
    return {**tags, ADOPTED_TAG: "Adopted"}


POLICIES: list[Row] = [
    ("absent", policies.ABSENT, {}, ["CreatePolicy"], []),
    ("ours, equal", P(), {}, [], []),
    ("ours, another document", P(cloud_policy(document=OTHER_DOCUMENT)), {}, ["CreatePolicyVersion"], []),
    ("ours, another description", P(cloud_policy(description="x")), {"description": "y"},
     ["UpdatePolicyDescription"], []),
    ("ours, a tag missing", P(), {"tags": {"team": "x"}}, ["TagResources"], []),
    ("ours, a grantee missing", P(), TO_DEV, ["AttachPolicyToUser"], []),
    ("ours, another tag", P(tags={**policies.OURS, "team": "y"}), {"tags": {"team": "x"}}, ["TagResources"], []),
    ("ours, a tag of others besides", P(tags={**policies.OURS, "theirs": "y"}), {}, [], []),
    ("ours, a grantee too many", P(entities=DEV), OF_DEV,
     ["DetachPolicyFromUser"], []),
    ("ours, another grantee", P(entities=DEV), {**OF_DEV, "attachTo": {"groups": ["ops"]}},
     ["AttachPolicyToGroup", "DetachPolicyFromUser"], []),
    ("ours, a grantee of others besides", P(entities=OPS), {}, [], []),
    ("ours, all of it different", P(cloud_policy(document=OTHER_DOCUMENT, description="x")),
     {"description": "y", "tags": {"team": "x"}, **TO_DEV},
     ["CreatePolicyVersion", "UpdatePolicyDescription", "TagResources", "AttachPolicyToUser"], []),
    ("half created, without a status", P(), {"status": None}, [], []),
    ("half created, without its grantee", P(), {**OF_DEV, **TO_DEV},
     ["AttachPolicyToUser"], []),
    ("taken over, equal", P(tags=adopted(policies.OURS)), {}, [], []),
    ("nobody's", P(tags={}), {}, [], [Reason.NOT_OWNED]),
    ("nobody's, equal, to be taken over", P(tags={}), {"adoptionPolicy": "IfIdentical"}, ["TagResources"], []),
    ("nobody's, different", P(cloud_policy(document=OTHER_DOCUMENT), {}), {"adoptionPolicy": "IfIdentical"}, [],
     [Reason.ADOPTION_DIFFERS]),
    ("nobody's, different, to be changed", P(cloud_policy(document=OTHER_DOCUMENT), {}), TAKES_OVER,
     ["TagResources", "CreatePolicyVersion"], []),
    ("another object's", P(tags=THEIRS), TAKES_OVER, [], [Reason.OWNED_BY_OTHER]),
    ("another cluster's", P(tags=ANOTHER_CLUSTERS), TAKES_OVER, [], [Reason.OWNED_BY_OTHER]),
    ("a system policy's name", ObservedPolicy(system=True), {}, [], [Reason.NAME_TAKEN]),
    ("deleting, ours", P(), DELETING, ["DeletePolicy"], []),
    ("deleting, absent", policies.ABSENT, DELETING, [], []),
    ("deleting, different", P(cloud_policy(document=OTHER_DOCUMENT)), DELETING, ["DeletePolicy"], []),
    ("deleting, with its grantee", P(entities=DEV), {**DELETING, **TO_DEV},
     ["DetachPolicyFromUser", "DeletePolicy"], []),
    ("deleting, with a grantee of others", P(entities=OPS), DELETING, [], [Reason.IN_USE]),
    ("deleting, half created", P(), {**DELETING, "status": None}, ["DeletePolicy"], []),
    ("deleting, taken over", P(tags=adopted(policies.OURS)), DELETING, [], []),
    ("deleting, taken over, to be deleted", P(tags=adopted(policies.OURS)), {**DELETING, "deletionPolicy": "Delete"},
     ["DeletePolicy"], []),
    ("deleting, nobody's", P(tags={}), DELETING, [], []),
    ("deleting, another object's", P(tags=THEIRS), DELETING, [], []),
    ("deleting, another cluster's", P(tags=ANOTHER_CLUSTERS), DELETING, [], []),
]  # fmt: skip
ROLES: list[Row] = [
    ("absent", roles.ABSENT, SPEC, ["CreateRole", "AttachPolicyToRole"], []),
    ("ours, equal", R(system("A")), SPEC, [], []),
    ("half created, without its policy", R(), SPEC, ["AttachPolicyToRole"], []),
    ("ours, another trust", R(role=FC), {}, ["UpdateRole"], []),
    ("ours, another description", R(role=cloud_role(description="x")), {"description": "y"}, ["UpdateRole"], []),
    ("ours, other sessions", R(), {"maxSessionDurationSeconds": 7200}, ["UpdateRole"], []),
    ("ours, a tag missing", R(), {"tags": {"team": "x"}}, ["TagResources"], []),
    ("ours, another tag", R(tags={**roles.OURS, "team": "y"}), {"tags": {"team": "x"}}, ["TagResources"], []),
    ("ours, a tag of others besides", R(tags={**roles.OURS, "theirs": "y"}), {}, [], []),
    ("ours, a policy too many", R(system("A")), {"status": roles.managing(system("A"))}, ["DetachPolicyFromRole"], []),
    ("ours, another policy", R(system("B")), {**SPEC, "status": roles.managing(system("B"))},
     ["AttachPolicyToRole", "DetachPolicyFromRole"], []),
    ("ours, a policy that is not made yet", R(), {"policies": [roles.REFERENCE]}, [], [Reason.POLICY_NOT_READY]),
    ("ours, all of it different", R(system("B"), role=FC),
     {**SPEC, "description": "y", "maxSessionDurationSeconds": 7200, "tags": {"team": "x"},
      "status": roles.managing(system("B"))},
     ["UpdateRole", "TagResources", "AttachPolicyToRole", "DetachPolicyFromRole"], []),
    ("half created, without a status", R(system("A")), {**SPEC, "status": None}, [], []),
    ("taken over, equal", R(tags=adopted(roles.OURS)), {}, [], []),
    ("ours, a policy of others besides", R(custom("b")), {}, [], []),
    ("ours, a policy of others, exclusively", R(custom("b")), {"policyAttachment": "Exclusive"},
     ["DetachPolicyFromRole"], []),
    ("nobody's", R(tags={}), {}, [], [Reason.NOT_OWNED]),
    ("nobody's, equal, to be taken over", R(tags={}), {"adoptionPolicy": "IfIdentical"}, ["TagResources"], []),
    ("nobody's, different", R(tags={}), {**SPEC, "adoptionPolicy": "IfIdentical"}, [], [Reason.ADOPTION_DIFFERS]),
    ("nobody's, different, to be changed", R(role=FC, tags={}), {**SPEC, **TAKES_OVER},
     ["TagResources", "UpdateRole", "AttachPolicyToRole"], []),
    ("another object's", R(tags=owner(role_key("another")).tags()), TAKES_OVER, [], [Reason.OWNED_BY_OTHER]),
    ("another cluster's", R(tags=owner(roles.KEY, cluster="c-2").tags()), TAKES_OVER, [], [Reason.OWNED_BY_OTHER]),
    ("deleting, ours", R(system("A")), {**SPEC, **DELETING}, ["DetachPolicyFromRole", "DeleteRole"], []),
    ("deleting, with a policy of others", R(custom("b")), DELETING, [], [Reason.IN_USE]),
    ("deleting, absent", roles.ABSENT, DELETING, [], []),
    ("deleting, different", R(role=FC), DELETING, ["DeleteRole"], []),
    ("deleting, half created", R(), {**SPEC, **DELETING, "status": None}, ["DeleteRole"], []),
    ("deleting, on an instance", R(instances=("cn-hangzhou.i-1",)), DELETING, [], [Reason.IN_USE]),
    ("deleting, taken over", R(tags=adopted(roles.OURS)), DELETING, [], []),
    ("deleting, taken over, to be deleted", R(tags=adopted(roles.OURS)), {**DELETING, "deletionPolicy": "Delete"},
     ["DeleteRole"], []),
    ("deleting, nobody's", R(tags={}), DELETING, [], []),
    ("deleting, another object's", R(tags=owner(role_key("another")).tags()), DELETING, [], []),
    ("deleting, another cluster's", R(tags=owner(roles.KEY, cluster="c-2").tags()), DELETING, [], []),
]  # fmt: skip

Body = Callable[[dict[str, Any]], dict[str, Any]]


def policy(spec: dict[str, Any]) -> dict[str, Any]:
    return policy_body(**_split(spec, made_policy_status()))


def role(spec: dict[str, Any]) -> dict[str, Any]:
    return role_body(**_split(spec, made_role_status()))


def _split(spec: dict[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a body: beside the spec a row may say that it is being deleted, and what its status has more."""
    rest = {key: value for key, value in spec.items() if key not in ("deleting", "status")}
    more = spec.get("status", {})
    status = {} if more is None else made | more
    return {"spec": rest, "status": status, "deleting": spec.get("deleting", False)}


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
