"""A policy, what may be there of it, and what is planned: where the tests of RamPolicy begin."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from tests.unit.builders import cloud_policy, cluster, context, facts_of, later, owner, policy_key

from ram_operator.cloud import Entities, Policy
from ram_operator.errors import InvalidSpec
from ram_operator.kinds.ram_policy import RamPolicyKind
from ram_operator.kinds.ram_policy.observing import ObservedPolicy
from ram_operator.model import Plan, Reason

KEY = policy_key("oss-read")
OURS = owner(KEY).tags()
KIND = RamPolicyKind(timedelta(hours=6))
ABSENT = ObservedPolicy()


def there(
    policy: Policy | None = None, tags: Mapping[str, str] = OURS, entities: Entities | None = None
) -> ObservedPolicy:
    return ObservedPolicy(policy or cloud_policy(), tags, entities)


def planned(
    body: Mapping[str, Any],
    observed: ObservedPolicy | None,
    *others: Mapping[str, Any],
    previous: tuple[str, ...] = (),
) -> Plan:
    key = policy_key(body["metadata"]["name"])
    facts = facts_of(key, cluster(body, *others))
    known = {name: value for name, value in body.get("status", {}).items() if name != "conditions"}
    try:
        spec = KIND.parse(body)
    except InvalidSpec:
        assert facts.me.deleting
        spec = None
    desired = KIND.desire(spec, facts)
    return KIND.plan(desired, observed, known, context(key, previous=previous))


def projected(body: Mapping[str, Any], observed: ObservedPolicy | None, seconds: float = 0) -> Mapping[str, Any]:
    known = {name: value for name, value in body.get("status", {}).items() if name != "conditions"}
    desired = KIND.desire(KIND.parse(body), facts_of(KEY, cluster(body)))
    return KIND.plan(desired, observed, known, context(KEY, later(seconds))).status


def held(plan: Plan) -> list[Reason]:
    assert not plan.steps
    return [hold.reason for hold in plan.holds]
