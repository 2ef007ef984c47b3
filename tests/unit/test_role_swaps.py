"""The order in which a RamRole's policies come and go: nothing is taken away before what replaces it is there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
from tests.unit.builders import cloud_policy, cloud_role, custom, role_body, role_key, system
from tests.unit.roles import OURS
from tests.unit.scene import Instances, Scene

from ram_operator.cloud import Cloud, Policy, PolicyName, PolicyType, RamApi, Role, RoleChange, StsApi
from ram_operator.errors import CloudError, PolicyNotFound, Rejected, Unavailable
from ram_operator.rules.documents import canonical, trust_for_services

KEY = role_key("oss-reader")
READ, LIST = system("AliyunOSSReadOnlyAccess"), system("AliyunECSReadOnlyAccess")


@dataclass(slots=True)
class OneRole:
    """A role of ours in memory, with RAM's quota of policies. `refused` is what attaching a policy raises."""

    attached: list[PolicyName]
    role: Role = field(default_factory=cloud_role)
    tags: dict[str, str] = field(default_factory=lambda: dict(OURS))
    refused: dict[PolicyName, CloudError] = field(default_factory=dict)
    updates: CloudError | None = None
    calls: list[str] = field(default_factory=list)
    fewest: int = 100

    @property
    def cloud(self) -> Cloud:
        return Cloud(cast("RamApi", self), Instances({}), cast("StsApi", None))

    async def get_role(self, name: str) -> Role:
        return self.role

    async def get_policy(self, name: PolicyName) -> Policy:
        return cloud_policy(name.name)

    async def list_tags(self, resource: object, name: str) -> dict[str, str]:
        return self.tags

    async def list_policies_for_role(self, name: str) -> dict[PolicyName, str]:
        return dict.fromkeys(self.attached, "v1")

    async def update_role(self, name: str, change: RoleChange) -> None:
        self.calls.append("update")
        if self.updates:
            raise self.updates
        self.role = replace(self.role, trust=change.trust or self.role.trust)

    async def attach_policy_to_role(self, policy: PolicyName, role: str) -> None:
        self.calls.append(f"attach {policy.name}")
        if error := self.refused.get(policy):
            raise error
        quota = 20 if policy.type is PolicyType.SYSTEM else 10
        if sum(one.type is policy.type for one in self.attached) >= quota:
            raise Rejected("AttachPolicyToRole", "LimitExceeded.Role.Policy")
        self.attached.append(policy)

    async def detach_policy_from_role(self, policy: PolicyName, role: str) -> None:
        self.calls.append(f"detach {policy.name}")
        self.attached.remove(policy)
        self.fewest = min(self.fewest, len(self.attached))


def entries(*policies: PolicyName) -> list[dict[str, str]]:
    return [{policy.type.value.lower(): policy.name} for policy in policies]


async def having(ram: OneRole, **spec: Any) -> Scene:
    """A role that is in sync with all that RAM has attached to it."""
    scene = Scene(ram.cloud)
    scene.put(role_body(spec={"policies": entries(*ram.attached), **spec}))
    await scene.settle()
    assert scene.condition(KEY) == ("True", "InSync")
    ram.calls.clear()
    return scene


async def test_a_swap_attaches_before_it_detaches() -> None:
    ram = OneRole([READ])
    scene = await having(ram)
    scene.edit(KEY, policies=entries(LIST))
    await scene.settle()
    assert ram.calls == [f"attach {LIST.name}", f"detach {READ.name}"]
    assert scene.condition(KEY) == ("True", "InSync")


ERRORS = [
    PolicyNotFound("AttachPolicyToRole", "EntityNotExist.Policy"),
    Unavailable("AttachPolicyToRole", "InternalError"),
    Rejected("AttachPolicyToRole", "InvalidParameter"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.code)
async def test_what_cannot_be_attached_leaves_the_role_with_what_it_had(error: CloudError) -> None:
    ram = OneRole([READ], refused={LIST: error})
    scene = await having(ram)
    scene.edit(KEY, policies=entries(LIST))
    await scene.settle()
    await scene.reconcile(KEY)
    assert ram.attached == [READ]
    assert scene.condition(KEY)[0] == "False"
    ram.refused.clear()
    scene.later(120)
    await scene.reconcile(KEY)
    await scene.settle()
    assert (ram.attached, scene.condition(KEY)) == ([LIST], ("True", "InSync"))


async def test_at_the_quota_a_swap_makes_just_the_room_it_needs() -> None:
    before, after = custom("p0"), custom("p10")
    kept = [custom(f"p{number}") for number in range(1, 10)]
    ram = OneRole([before, *kept])
    scene = await having(ram)
    scene.edit(KEY, policies=entries(*kept, after))
    await scene.settle()
    assert ram.calls == ["detach p0", "attach p10"]
    assert (set(ram.attached), ram.fewest) == ({*kept, after}, 9)


async def test_below_the_quota_what_fits_comes_before_anything_goes() -> None:
    old, new = [custom(f"old{number}") for number in range(9)], [custom(f"new{number}") for number in range(3)]
    ram = OneRole(list(old))
    scene = await having(ram)
    scene.edit(KEY, policies=entries(*old[3:], *new))
    await scene.settle()
    assert ram.calls[0] == "attach new0"
    assert [call.split()[0] for call in ram.calls] == ["attach", "detach", "detach", "attach", "attach", "detach"]
    assert set(ram.attached) == {*old[3:], *new}


async def test_a_policy_is_not_attached_while_the_trust_of_the_same_edit_is_refused() -> None:
    ram = OneRole([READ], updates=Rejected("UpdateRole", "MalformedPolicyDocument"))
    scene = await having(ram)
    scene.edit(KEY, trust={"services": ["fc.aliyuncs.com"]}, policies=entries(LIST))
    await scene.settle()
    assert (ram.calls, ram.attached) == (["update"], [READ])
    assert scene.condition(KEY) == ("False", "Rejected")
    assert "what was in force before stays in force" in scene.status(KEY)["conditions"][0]["message"]
    ram.updates = None
    await scene.reconcile(KEY)
    await scene.settle()
    assert ram.calls[1:] == ["update", f"attach {LIST.name}", f"detach {READ.name}"]


async def test_a_policy_that_only_goes_waits_for_no_other_change() -> None:
    ram = OneRole([READ, LIST], updates=Rejected("UpdateRole", "MalformedPolicyDocument"))
    scene = await having(ram)
    scene.edit(KEY, trust={"services": ["fc.aliyuncs.com"]}, policies=entries(READ))
    await scene.settle()
    assert ram.attached == [READ]


ECS, BOTH, FC = ["ecs.aliyuncs.com"], ["ecs.aliyuncs.com", "fc.aliyuncs.com"], ["fc.aliyuncs.com"]
ORDERS: list[tuple[str, list[str], list[str], list[PolicyName], list[str]]] = [
    ("narrower trust, another policy", BOTH, ECS, [LIST], ["update", f"attach {LIST.name}", f"detach {READ.name}"]),
    ("another trust, another policy", ECS, FC, [LIST], ["update", f"attach {LIST.name}", f"detach {READ.name}"]),
    ("wider trust, another policy", ECS, BOTH, [LIST], [f"attach {LIST.name}", f"detach {READ.name}", "update"]),
    ("narrower trust, one policy less", BOTH, ECS, [], [f"detach {READ.name}", "update"]),
    ("another trust, one policy less", ECS, FC, [], [f"detach {READ.name}", "update"]),
    ("wider trust, one policy less", ECS, BOTH, [], [f"detach {READ.name}", "update"]),
    ("narrower trust, one policy more", BOTH, ECS, [READ, LIST], ["update", f"attach {LIST.name}"]),
    ("wider trust, one policy more", ECS, BOTH, [READ, LIST], [f"attach {LIST.name}", "update"]),
]


@pytest.mark.parametrize(
    ("before", "after", "policies", "calls"), [row[1:] for row in ORDERS], ids=[r[0] for r in ORDERS]
)
async def test_nobody_gets_a_policy_under_a_trust_that_it_was_not_meant_for(
    before: list[str], after: list[str], policies: list[PolicyName], calls: list[str]
) -> None:
    ram = OneRole([READ])
    ram.role = replace(ram.role, trust=canonical(trust_for_services(before)))
    scene = await having(ram, trust={"services": before})
    scene.edit(KEY, trust={"services": after}, policies=entries(*policies))
    await scene.settle()
    assert ram.calls == calls
    assert scene.condition(KEY) == ("True", "InSync")


async def test_a_wider_trust_waits_while_a_policy_that_goes_cannot_be_detached() -> None:
    ram = OneRole([READ], refused={LIST: PolicyNotFound("AttachPolicyToRole", "EntityNotExist.Policy")})
    scene = await having(ram)
    scene.edit(KEY, trust={"services": BOTH}, policies=entries(LIST))
    await scene.settle()
    assert (ram.calls, ram.attached) == ([f"attach {LIST.name}"], [READ])


async def test_the_policies_that_ram_shows_are_stored_as_ram_spells_them() -> None:
    ram = OneRole([READ])
    scene = Scene(ram.cloud)
    scene.put(role_body(spec={"policies": [{"system": READ.name.lower()}]}))
    await scene.settle()
    assert scene.status(KEY)["managedPolicies"] == [{"type": "System", "name": READ.name}]


async def test_what_is_attached_to_a_role_of_ours_and_in_the_spec_is_ours_also_without_a_status() -> None:
    ram = OneRole([READ, LIST])
    scene = await having(ram)
    scene.put_status(KEY, {})
    scene.edit(KEY, description="restored without a status")
    ram.role = replace(ram.role, description="restored without a status")
    await scene.settle()
    scene.edit(KEY, policies=entries(READ))
    await scene.settle()
    assert ram.calls == [f"detach {LIST.name}"]


async def test_a_spec_that_is_refused_says_that_what_was_in_force_stays() -> None:
    ram = OneRole([READ])
    scene = await having(ram)
    scene.edit(KEY, trust={"services": []})
    await scene.settle()
    assert scene.condition(KEY) == ("False", "InvalidSpec")
    assert "what was in force before stays in force" in scene.status(KEY)["conditions"][0]["message"]
    assert ram.calls == []


async def test_null_services_beside_a_document_are_none() -> None:
    document = {
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": ["fc.aliyuncs.com"]}}]
    }
    ram = OneRole([READ])
    scene = await having(ram)
    scene.edit(KEY, trust={"services": None, "document": document})
    await scene.settle()
    assert ram.calls == ["update"]
    assert scene.condition(KEY) == ("True", "InSync")
