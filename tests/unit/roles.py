"""A role, what may be there of it, and what is planned: where the tests of RamRole begin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from tests.unit.builders import (
    cloud_role,
    cluster,
    context,
    facts_of,
    later,
    made_policy_status,
    owner,
    policy_body,
    role_body,
    role_key,
)

from ram_operator.cloud import PolicyName, Role
from ram_operator.errors import InvalidSpec
from ram_operator.kinds.ram_role import RamRoleKind
from ram_operator.kinds.ram_role.observing import ObservedRole
from ram_operator.kinds.ram_role.swaps import PolicyLimits
from ram_operator.model import Hold, Outcome, Plan, Reason

KEY = role_key("oss-reader")
OURS = owner(KEY).tags()
KIND = RamRoleKind(timedelta(hours=6), PolicyLimits(2, 2))
ABSENT = ObservedRole()
NAME = "oss-reader"
OSS_READ = policy_body(status=made_policy_status())
REFERENCE = {"policyRef": {"name": "oss-read"}}


def there(
    *attached: PolicyName, role: Role | None = None, tags: Mapping[str, str] = OURS, instances: tuple[str, ...] = ()
) -> ObservedRole:
    return ObservedRole(role or cloud_role(), tags, attached, instances)


def managing(*policies: PolicyName, pending: bool = False) -> dict[str, Any]:
    return {"roleName": NAME, "managedPolicies": rows(*policies, pending=pending)}


def with_policies(*entries: Mapping[str, Any], status: Mapping[str, Any] | None = None, **how: Any) -> dict[str, Any]:
    return role_body(spec={"policies": list(entries)} | how.pop("spec", {}), status=status, **how)


def known_of(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.get("status", {}).items() if name != "conditions"}


def planned(
    body: Mapping[str, Any],
    observed: ObservedRole | None,
    *others: Mapping[str, Any],
    previous: tuple[str, ...] = (),
    outcome: Outcome | None = None,
) -> Plan:
    facts = facts_of(KEY, cluster(body, *others))
    try:
        spec = KIND.parse(body)
    except InvalidSpec:
        assert facts.me.deleting
        spec = None
    asked = context(KEY, outcome=outcome, previous=previous)
    return KIND.plan(KIND.desire(spec, facts), observed, known_of(body), asked)


def projected(
    body: Mapping[str, Any],
    observed: ObservedRole | None,
    *others: Mapping[str, Any],
    seconds: float = 0,
    outcome: Outcome | None = None,
) -> Mapping[str, Any]:
    desired = KIND.desire(KIND.parse(body), facts_of(KEY, cluster(body, *others)))
    return KIND.plan(desired, observed, known_of(body), context(KEY, later(seconds), outcome)).status


def held(plan: Plan) -> list[Reason]:
    assert not plan.steps
    return reasons(plan.holds)


def reasons(holds: Iterable[Hold]) -> list[Reason]:
    return [hold.reason for hold in holds]


def rows(*policies: PolicyName, pending: bool = False) -> list[dict[str, Any]]:
    more = {"pending": True} if pending else {}
    return [{"type": policy.type.value, "name": policy.name, **more} for policy in policies]
