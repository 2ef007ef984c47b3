"""A RamPolicy whose name a system policy has: RAM lets no custom policy share it, and shows none of that name."""

from __future__ import annotations

from datetime import timedelta
from typing import cast

import pytest
from tests.unit.builders import cloud_policy, cluster, facts_of, owner, policy_body, policy_key, turn

from ram_operator.cloud import Cloud, EcsApi, Policy, PolicyName, PolicyType, RamApi, StsApi, Taggable
from ram_operator.errors import NotFound
from ram_operator.kinds.ram_policy import ObservedPolicy, RamPolicyKind
from ram_operator.kinds.steps import CreatePolicy
from ram_operator.model import EVERYTHING, Plan, Reason

KIND = RamPolicyKind(timedelta(hours=6))
KEY = policy_key("full-access")
NAME = "AliyunOSSFullAccess"


class Policies:
    """The policies of an account in memory, as far as they are read."""

    def __init__(self, *names: PolicyName) -> None:
        self.names = names
        self.asked: list[PolicyName] = []

    async def get_policy(self, policy: PolicyName) -> Policy:
        self.asked.append(policy)
        if policy not in self.names:
            raise NotFound("GetPolicy", "EntityNotExist.Policy")
        return cloud_policy(policy.name)

    async def list_tags(self, resource: Taggable, name: str) -> dict[str, str]:
        return owner(KEY).tags()


async def planned(policies: Policies, *, deleting: bool = False) -> tuple[ObservedPolicy | None, Plan]:
    body = policy_body(KEY.name, spec={"policyName": NAME}, deleting=deleting)
    desired = KIND.desire(KIND.parse(body), {}, facts_of(KEY, cluster(body)))
    cloud = Cloud(cast("RamApi", policies), cast("EcsApi", None), cast("StsApi", None))
    observed = await KIND.observe(desired, {}, EVERYTHING, cloud)
    return observed, KIND.plan(desired, observed, {}, turn(KEY))


async def test_a_name_that_a_system_policy_has_is_taken_and_nothing_is_written() -> None:
    observed, plan = await planned(Policies(PolicyName(PolicyType.SYSTEM, NAME)))
    [hold] = plan.holds
    assert (plan.steps, hold.reason, hold.retry_after) == ((), Reason.NAME_TAKEN, 60)
    assert hold.message == (
        f"policy {NAME}: the name is taken by a policy that is not this account's own (a system policy); "
        "choose another spec.policyName"
    )
    assert observed == ObservedPolicy(system=True)


async def test_a_name_that_no_policy_has_is_free() -> None:
    observed, plan = await planned(Policies())
    assert observed == ObservedPolicy()
    assert [type(step) for step in plan.steps] == [CreatePolicy]


@pytest.mark.parametrize(
    ("policies", "deleting"), [((PolicyName(PolicyType.CUSTOM, NAME),), False), ((), True)], ids=["there", "deleting"]
)
async def test_system_policies_are_looked_at_only_before_a_policy_is_created(
    policies: tuple[PolicyName, ...], deleting: bool
) -> None:
    asked = Policies(*policies)
    await planned(asked, deleting=deleting)
    assert [name.type for name in asked.asked] == [PolicyType.CUSTOM]
