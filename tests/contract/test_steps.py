"""Law 3: each write that the operator can make is idempotent, also when the reply of the first one was lost."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from tests.contract.ports import ports_of
from tests.unit.builders import OTHER_DOCUMENT, custom, system

from ram_operator.cloud import Cloud, Grantee, GranteeKind, NewPolicy, NewRole, RoleChange, Taggable
from ram_operator.errors import AlreadyExists, Unavailable
from ram_operator.kinds import steps as shared
from ram_operator.kinds.instance_role_binding import steps as of_bindings
from ram_operator.kinds.instance_role_binding.steps import AttachRole, DetachRole
from ram_operator.kinds.ram_policy import steps as of_policies
from ram_operator.kinds.ram_policy.steps import (
    CreatePolicy,
    CreatePolicyVersion,
    DeletePolicy,
    Grant,
    Revoke,
    UpdatePolicyDescription,
)
from ram_operator.kinds.ram_role import steps as of_roles
from ram_operator.kinds.ram_role.steps import AttachPolicy, CreateRole, DeleteRole, DetachPolicy, UpdateRole
from ram_operator.kinds.steps import Tag
from ram_operator.model import InstanceId, Step
from ram_operator.rules.documents import canonical, trust_for_services

Simulator = Any

INSTANCE = InstanceId("cn-hangzhou", "i-bp1simulator00000001")
SECOND = InstanceId("cn-hangzhou", "i-bp1simulator00000002")
TRUST = canonical(trust_for_services(["ecs.aliyuncs.com"]))
DOCUMENT = json.dumps({"Version": "1", "Statement": [{"Effect": "Allow", "Action": "oss:Get*", "Resource": "*"}]})


@pytest.fixture
async def cloud(simulator: Simulator) -> AsyncIterator[Cloud]:
    async with ports_of(simulator) as cloud:
        yield cloud


async def nothing(cloud: Cloud) -> None:
    """The cloud as the fixture has it."""


async def with_role(cloud: Cloud) -> None:
    await cloud.ram.create_role(NewRole("r", TRUST, "", 3600, {}))


async def with_policy(cloud: Cloud) -> None:
    await cloud.ram.create_policy(NewPolicy("p", DOCUMENT, "", {}))


async def with_both(cloud: Cloud) -> None:
    await with_role(cloud)
    await with_policy(cloud)


async def with_attached(cloud: Cloud) -> None:
    await with_both(cloud)
    await cloud.ram.attach_policy_to_role(custom("p"), "r")


async def with_instance(cloud: Cloud) -> None:
    await with_role(cloud)
    await cloud.ecs.attach_role(INSTANCE.region, "r", [INSTANCE.id, SECOND.id])


GRANTEES = (Grantee(GranteeKind.USER, "dev"), Grantee(GranteeKind.ROLE, "r"))


async def with_granted(cloud: Cloud) -> None:
    await with_both(cloud)
    for one in GRANTEES:
        await cloud.ram.attach_policy(custom("p"), one)


STEPS: list[tuple[Callable[[Cloud], Awaitable[None]], Step]] = [
    (nothing, CreateRole(NewRole("r", TRUST, "", 3600, {"a": "b"}))),
    (with_role, UpdateRole("r", "r", RoleChange(7200, TRUST, "words"), ("description",))),
    (with_role, DeleteRole("r")),
    (nothing, CreatePolicy("p", NewPolicy("p", DOCUMENT, "", {"a": "b"}))),
    (with_policy, UpdatePolicyDescription("p", "p", "words")),
    (with_policy, DeletePolicy("p", "p")),
    (with_both, AttachPolicy(custom("p"), "r")),
    (with_role, AttachPolicy(system("AliyunECSReadOnlyAccess"), "r")),
    (with_attached, DetachPolicy(custom("p"), "r")),
    *((with_both, Grant(custom("p"), one)) for one in GRANTEES),
    *((with_granted, Revoke(custom("p"), one)) for one in GRANTEES),
    (with_role, Tag("r", Taggable.ROLE, "r", (("a", "b"),))),
    (with_policy, Tag("p", Taggable.POLICY, "p", (("a", "b"),))),
    (with_role, AttachRole("r", (INSTANCE, SECOND))),
    (with_instance, DetachRole("r", (INSTANCE, SECOND))),
]


async def picture(cloud: Cloud, simulator: Simulator) -> dict[str, Any]:
    """Everything that a step may change, the number of policy versions and the tags included."""
    policies = await cloud.ram.list_policies(custom("x").type)
    roles = await cloud.ram.list_roles()
    return {
        "state": simulator.state(),
        "policies": [(one.name, one.default_version, one.description, dict(one.tags)) for one in policies],
        "roles": [(one.name, one.description, one.max_session_seconds, dict(one.tags)) for one in roles],
    }


async def once_more(step: Step, cloud: Cloud) -> None:
    """Apply a step again: only a creation may say that somebody was faster."""
    allowed = (AlreadyExists,) if isinstance(step, CreateRole | CreatePolicy) else ()
    with suppress(*allowed):
        assert await step.apply(cloud) == {}


@pytest.mark.parametrize(("prepare", "step"), STEPS, ids=[step.todo() for _, step in STEPS])
async def test_a_step_done_twice_or_again_after_a_lost_reply_leaves_the_cloud_as_once(
    cloud: Cloud, simulator: Simulator, prepare: Callable[[Cloud], Awaitable[None]], step: Step
) -> None:
    await prepare(cloud)
    untouched = await picture(cloud, simulator)
    assert await step.apply(cloud) == {}
    once = await picture(cloud, simulator)
    assert once != untouched
    await once_more(step, cloud)
    assert await picture(cloud, simulator) == once
    simulator.reset()
    await prepare(cloud)
    simulator.control_call("POST", "/faults", {"action": step.api, "lostReply": True})
    with suppress(Unavailable):
        await step.apply(cloud)
    await once_more(step, cloud)
    assert await picture(cloud, simulator) == once


def test_the_table_has_every_step() -> None:
    concrete = {
        one
        for module in (shared, of_bindings, of_policies, of_roles)
        for one in vars(module).values()
        if isinstance(one, type) and hasattr(one, "api") and not one.__name__.startswith("_")
    }
    assert {type(step) for _, step in STEPS} | {CreatePolicyVersion} == concrete


async def test_a_version_made_twice_leaves_the_same_document_in_force(cloud: Cloud) -> None:
    """RAM numbers it anew; that the pipeline makes none twice is tested with the pipeline."""
    await with_policy(cloud)
    step = CreatePolicyVersion("p", "p", json.dumps(OTHER_DOCUMENT))
    for _ in range(2):
        assert await step.apply(cloud) == {}
        assert json.loads((await cloud.ram.get_policy(custom("p"))).document) == OTHER_DOCUMENT
