"""The drift sweeps: what a list nominates, what it costs, and what happens when the cloud does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from prometheus_client import REGISTRY
from tests.unit.builders import (
    CLUSTER,
    binding_body,
    binding_key,
    condition,
    instance,
    made_role_status,
    owner,
    policy_body,
    policy_key,
    ready,
    role_body,
    role_key,
)
from tests.unit.scene import Instances
from tests.unit.sweeping import Lists, Swept

from ram_operator.cloud import PolicyEntry, PolicyType, RoleEntry
from ram_operator.errors import Denied, Unauthenticated, Unavailable
from ram_operator.kinds.names import RAM_POLICY, RAM_ROLE
from ram_operator.model import ObjectKey, Scope, timestamp

POLICY, ROLE, BINDING = policy_key("oss-read"), role_key("oss-reader"), binding_key("storage-pool")
ONE, TWO, THREE = instance(1), instance(2), instance(3)
DATE = "2026-04-01T00:00:00Z"
AT = "2026-05-01T12:00:00Z"

POLICY_ENTRY = PolicyEntry("oss-read", PolicyType.CUSTOM, "", "v1", DATE, 0, owner(POLICY).tags())
ROLE_ENTRY = RoleEntry("oss-reader", "id-oss-reader", "arn", "", 3600, DATE, owner(ROLE).tags())


def policy_status(**fields: Any) -> dict[str, Any]:
    verified = {"generation": 1, "updateDate": DATE, "defaultVersion": "v1", "otherAttachments": 0, "at": AT}
    status = {"policyName": "oss-read", "defaultVersion": "v1", "attachmentCount": 0, "conditions": ready()}
    return {**status, "verified": verified, **fields}


def role_status(**fields: Any) -> dict[str, Any]:
    return made_role_status(verified={"generation": 1, "updateDate": DATE, "at": AT}) | fields


def swept_policy(entry: PolicyEntry | None = POLICY_ENTRY, **how: Any) -> Swept:
    made = Swept(Lists([entry] if entry else []))
    made.scene.put(policy_body(status=how.pop("status", policy_status()), **how))
    return made


def swept_role(entry: RoleEntry | None = ROLE_ENTRY, **how: Any) -> Swept:
    made = Swept(Lists(roles=[entry] if entry else []))
    made.scene.put(role_body(status=how.pop("status", role_status()), **how))
    return made


# Policies


async def test_a_policy_that_the_list_shows_as_it_was_is_left_alone() -> None:
    made = swept_policy()
    assert await made.nominated(RAM_POLICY.kind) == {}
    assert made.ram.calls == 1


POLICY_DRIFT: dict[str, PolicyEntry | None] = {
    "gone": None,
    "another update date": replace(POLICY_ENTRY, update_date="2026-04-30T00:00:00Z"),
    "another default version": replace(POLICY_ENTRY, default_version="v2"),
    "attached elsewhere": replace(POLICY_ENTRY, attachment_count=1),
    "our tags gone": replace(POLICY_ENTRY, tags={}),
    "another cluster's tags": replace(POLICY_ENTRY, tags=owner(POLICY, cluster="c-2").tags()),
}


@pytest.mark.parametrize("entry", POLICY_DRIFT.values(), ids=POLICY_DRIFT.keys())
async def test_a_policy_that_the_list_shows_otherwise_is_nominated(entry: PolicyEntry | None) -> None:
    assert await swept_policy(entry).nominated(RAM_POLICY.kind) == {POLICY: Scope(swept=True)}


SPECS: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    ({"description": "words"}, {}, True),
    ({"description": "words"}, {"description": "words"}, False),
    ({}, {"description": "somebody's"}, False),
    ({"tags": {"team": "x"}}, {}, True),
    ({"tags": {"team": "x"}}, {"tags": {**owner(POLICY).tags(), "team": "x", "other": "y"}}, False),
]


@pytest.mark.parametrize(("spec", "entry", "differs"), SPECS)
async def test_what_a_list_shows_of_the_spec_is_compared(
    spec: dict[str, Any], entry: dict[str, Any], differs: bool
) -> None:
    made = swept_policy(replace(POLICY_ENTRY, **entry), spec=spec)
    assert bool(await made.nominated(RAM_POLICY.kind)) == differs


async def test_names_are_compared_without_case() -> None:
    assert await swept_policy(replace(POLICY_ENTRY, name="OSS-Read")).nominated(RAM_POLICY.kind) == {}


async def test_what_was_never_made_or_is_to_go_is_not_the_sweeps_business() -> None:
    assert await swept_policy(None, status={}).nominated(RAM_POLICY.kind) == {}
    assert await swept_policy(None, deleting=True).nominated(RAM_POLICY.kind) == {}


@pytest.mark.parametrize("reason", ["NotOwned", "OwnedByOther", "NameTaken"])
async def test_what_another_hand_can_clear_without_an_event_is_looked_at_each_time(reason: str) -> None:
    stalled = {"conditions": [condition("Ready", "False", reason), condition("Stalled", "True", reason)]}
    assert await swept_policy(None, status=stalled).nominated(RAM_POLICY.kind) == {POLICY: Scope(swept=True)}


async def test_after_six_hours_a_policy_is_read_in_detail_although_no_list_shows_a_change() -> None:
    made = swept_policy()
    made.scene.later(6 * 3600 - 1)
    assert await made.nominated(RAM_POLICY.kind) == {}
    made.scene.later(1)
    assert await made.nominated(RAM_POLICY.kind) == {POLICY: Scope(swept=True)}


ATTACHED_BY_ROLES: list[tuple[int, list[dict[str, Any]], bool]] = [
    (1, [{"type": "Custom", "name": "OSS-Read"}], False),
    (2, [{"type": "Custom", "name": "OSS-Read"}], True),
    (0, [{"type": "Custom", "name": "oss-read"}], True),
    (1, [{"type": "System", "name": "oss-read"}], True),
    (0, [{"type": "Custom", "name": "oss-read", "pending": True}], False),
]


@pytest.mark.parametrize(("count", "rows", "nominated"), ATTACHED_BY_ROLES)
async def test_a_policy_is_nominated_for_the_attachments_that_no_role_claims(
    count: int, rows: list[dict[str, Any]], nominated: bool
) -> None:
    made = Swept(Lists([replace(POLICY_ENTRY, attachment_count=count)], [ROLE_ENTRY]))
    made.scene.put(policy_body(status=policy_status(attachmentCount=count)))
    spec = {"policies": [{"policyRef": {"name": "oss-read"}}]}
    made.scene.put(role_body(spec=spec, status=role_status(managedPolicies=rows)))
    assert (POLICY in await made.nominated(RAM_POLICY.kind)) == nominated


# Roles


async def test_a_role_that_the_list_shows_as_it_was_is_left_alone() -> None:
    made = swept_role()
    assert await made.nominated(RAM_ROLE.kind) == {}
    assert made.ram.calls == 1


ROLE_DRIFT: dict[str, RoleEntry | None] = {
    "gone": None,
    "made anew by another hand": replace(ROLE_ENTRY, role_id="other"),
    "another update date": replace(ROLE_ENTRY, update_date="2026-04-30T00:00:00Z"),
    "another session duration": replace(ROLE_ENTRY, max_session_seconds=7200),
    "our tags gone": replace(ROLE_ENTRY, tags={}),
}


@pytest.mark.parametrize("entry", ROLE_DRIFT.values(), ids=ROLE_DRIFT.keys())
async def test_a_role_that_the_list_shows_otherwise_is_nominated(entry: RoleEntry | None) -> None:
    assert await swept_role(entry).nominated(RAM_ROLE.kind) == {ROLE: Scope(swept=True)}


async def test_a_role_whose_session_duration_is_as_the_spec_says_is_left_alone() -> None:
    entry = replace(ROLE_ENTRY, max_session_seconds=7200)
    made = swept_role(entry, spec={"maxSessionDurationSeconds": 7200})
    assert await made.nominated(RAM_ROLE.kind) == {}


LOST = [(0, True), (1, False), (2, False)]


@pytest.mark.parametrize(("count", "nominated"), LOST)
async def test_a_role_is_nominated_when_its_policy_is_attached_less_often_than_roles_say(
    count: int, nominated: bool
) -> None:
    made = Swept(Lists([replace(POLICY_ENTRY, attachment_count=count)], [ROLE_ENTRY]))
    made.scene.put(role_body(status=role_status(managedPolicies=[{"type": "Custom", "name": "OSS-Read"}])))
    assert (ROLE in await made.nominated(RAM_ROLE.kind)) == nominated


async def test_kinds_that_ask_for_the_same_list_read_it_once_in_a_round() -> None:
    made = Swept(Lists([replace(POLICY_ENTRY, attachment_count=1)], [ROLE_ENTRY]))
    made.scene.put(policy_body(status=policy_status()))
    made.scene.put(role_body(status=role_status(managedPolicies=[{"type": "Custom", "name": "OSS-Read"}])))
    await made.nominated_in_one_round(*made.scene.reconciler.kinds)
    assert made.ram.calls == 2


def many_roles(count: int) -> Swept:
    """Roles that were made together, just when their full check is needed."""
    keys = [role_key(f"r{number}") for number in range(count)]
    entries = [replace(ROLE_ENTRY, name=key.name, role_id=f"id-{key.name}", tags=owner(key).tags()) for key in keys]
    made = Swept(Lists(roles=entries))
    made.sweeps.chance = Random(1).random
    for key in keys:
        verified = {"generation": 1, "updateDate": DATE, "at": AT}
        made.scene.put(role_body(key.name, made_role_status(key.name, verified=verified)))
    made.scene.later(6 * 3600)
    return made


async def checked_in(made: Swept, sweeps: int, failing: Collection[ObjectKey] = ()) -> list[set[ObjectKey]]:
    """Sweep so often; return what each one asked for. The full checks of all but the failing are made."""
    asked = []
    for _ in range(sweeps):
        asked.append(set(await made.nominated(RAM_ROLE.kind)))
        for key in asked[-1].difference(failing):
            status = made.scene.status(key)
            status["verified"]["at"] = timestamp(made.scene.now)
            made.scene.put_status(key, status)
        made.scene.later(600)
    return asked


async def test_full_checks_of_objects_made_together_are_spread_over_a_quarter_of_the_period() -> None:
    asked = await checked_in(many_roles(100), 9)
    assert max(map(len, asked)) == 12
    assert (len(set().union(*asked)), sum(map(len, asked))) == (100, 100)


async def test_objects_whose_full_check_fails_keep_no_others_from_theirs() -> None:
    asked = await checked_in(many_roles(100), 30, failing=[role_key(f"r{number}") for number in range(12)])
    assert len(set().union(*asked)) == 100


async def test_a_check_by_a_clock_that_was_a_day_ahead_is_none() -> None:
    made = many_roles(1)
    made.scene.later(-24 * 3600)
    assert await made.nominated(RAM_ROLE.kind) != {}


# The cloud does not answer


async def test_a_sweep_that_fails_nominates_nothing_until_it_is_overdue() -> None:
    made = swept_policy()
    made.ram.failure = Unavailable("List", "ServiceUnavailable")
    assert await made.nominated(RAM_POLICY.kind) == {}
    made.scene.later(900)
    assert await made.nominated(RAM_POLICY.kind) == {}
    made.scene.later(1)
    assert await made.nominated(RAM_POLICY.kind) == {POLICY: Scope(swept=True)}
    made.ram.failure = None
    assert await made.nominated(RAM_POLICY.kind) == {}


async def test_what_was_deleted_during_a_sweep_is_a_new_object_when_it_is_made_again() -> None:
    made = swept_policy(finalizers=())

    async def deleted() -> None:
        made.scene.delete(POLICY)
        await made.scene.settle()

    made.ram.meanwhile = deleted
    await made.nominated(RAM_POLICY.kind)
    made.scene.later(3600)
    made.scene.put(policy_body(uid="new"))
    await made.scene.reconcile(POLICY)
    assert made.scene.condition(POLICY) == ("False", "Retrying")


SUSPENDED = {"managementPolicy": "Suspend"}


@pytest.mark.parametrize("body", [policy_body, role_body, binding_body])
async def test_for_objects_that_are_all_suspended_nothing_is_read(body: Callable[..., dict[str, Any]]) -> None:
    made = Swept(ecs=Instances({ONE: ""}))
    rows = [{"instance": str(ONE), "state": "Attached", "roleName": "oss-reader", "origin": "Attached"}]
    stalled = condition("Stalled", "True", "NotOwned")
    key = made.scene.put(body(spec=SUSPENDED, status={"instances": rows, "conditions": [*ready(), stalled]}))
    for _ in range(2):
        assert await made.nominated(key.kind) == {}
        made.scene.later(7 * 3600)
    assert (made.ram.calls, made.ecs.calls) == (0, [])


async def test_sweeps_that_fail_for_too_long_nominate_no_suspended_object() -> None:
    made = swept_policy()
    made.scene.put(policy_body("suspended", spec=SUSPENDED))
    made.ram.failure = Unavailable("List", "ServiceUnavailable")
    await made.nominated(RAM_POLICY.kind)
    made.scene.later(901)
    assert await made.nominated(RAM_POLICY.kind) == {POLICY: Scope(swept=True)}


async def test_a_suspended_policy_in_a_list_that_others_need_is_neither_nominated_nor_an_orphan() -> None:
    made = swept_policy(replace(POLICY_ENTRY, default_version="v9"), spec=SUSPENDED)
    made.scene.put(policy_body("other"))
    for _ in range(2):
        assert POLICY not in await made.nominated(RAM_POLICY.kind)
    assert REGISTRY.get_sample_value("ram_operator_orphans", {"kind": RAM_POLICY.kind}) == 0


async def test_a_policy_that_a_suspended_role_has_hides_no_loss_of_another_role() -> None:
    made = Swept(Lists([replace(POLICY_ENTRY, attachment_count=1)], [ROLE_ENTRY]))
    policies = [{"type": "Custom", "name": "OSS-Read"}]
    made.scene.put(role_body(status=role_status(managedPolicies=policies)))
    made.scene.put(role_body("suspended", made_role_status("suspended", managedPolicies=policies), spec=SUSPENDED))
    assert await made.nominated(RAM_ROLE.kind) == {ROLE: Scope(swept=True)}


async def test_without_objects_only_the_lists_are_read_that_show_what_has_lost_its_object() -> None:
    made = Swept()
    for kind in made.scene.reconciler.kinds:
        await made.nominated(kind)
    assert (made.ram.calls, made.ecs.calls) == (2, [])


async def test_a_key_that_may_not_list_is_asked_again_once_there_is_an_object_to_look_for() -> None:
    made = Swept(Lists([], [ROLE_ENTRY]))
    made.ram.failure = Denied("ListRoles", "NoPermission")
    for calls in (1, 1, 1):
        await made.nominated(RAM_ROLE.kind)
        assert made.ram.calls == calls
    made.scene.put(role_body(status=role_status()))
    for calls in (2, 3):
        await made.nominated(RAM_ROLE.kind)
        assert made.ram.calls == calls


async def test_a_key_that_is_refused_for_a_while_is_asked_at_each_sweep() -> None:
    made = Swept()
    made.ram.failure = Unauthenticated("ListRoles", "InvalidSecurityToken.Expired")
    for calls in (1, 2):
        await made.nominated(RAM_ROLE.kind)
        assert made.ram.calls == calls


@pytest.mark.looptime(start=0)
async def test_sweeps_begin_when_the_gate_opens_and_come_again_after_the_interval() -> None:
    made = swept_policy()
    gate = asyncio.Event()
    running = asyncio.create_task(made.sweeps.run(gate))
    await asyncio.sleep(3600)
    assert made.ram.calls == 0
    gate.set()
    await asyncio.sleep(1)
    assert made.ram.calls == 2, "the lists of policies and roles"
    await asyncio.sleep(598)
    assert made.ram.calls == 2
    await asyncio.sleep(2)
    assert made.ram.calls == 4
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


def test_the_tags_that_a_sweep_looks_for_are_this_clusters() -> None:
    assert Swept().scene.reconciler.cluster.id == CLUSTER
