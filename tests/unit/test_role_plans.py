"""What a RamRole plans: create, correct, leave alone, delete, by values alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

import pytest
from tests.unit.builders import (
    ECS_TRUST,
    binding_body,
    cloud_role,
    cluster,
    context,
    custom,
    decided,
    facts_of,
    instance,
    made_role_status,
    owner,
    role_body,
    role_key,
    system,
)
from tests.unit.roles import (
    ABSENT,
    KEY,
    KIND,
    NAME,
    OSS_READ,
    OURS,
    REFERENCE,
    held,
    managing,
    planned,
    projected,
    rows,
    there,
    with_policies,
)
from tests.unit.scene import Instances, Scene

from ram_operator.cloud import Cloud, NewRole, PolicyName, RamApi, Role, RoleChange, StsApi, Taggable
from ram_operator.errors import InvalidSpec, PolicyNotFound, Unavailable
from ram_operator.kinds.ram_role.deleting import users
from ram_operator.kinds.ram_role.observing import ObservedRole
from ram_operator.kinds.ram_role.steps import AttachPolicy, CreateRole, DeleteRole, DetachPolicy, UpdateRole
from ram_operator.kinds.steps import Tag, tags_of
from ram_operator.model import EVERYTHING, Failure, Outcome, Plan, Reason, Unreadable
from ram_operator.rules.documents import same_meaning, trust_for_services

# The role itself


def test_a_role_that_is_absent_is_created_with_our_tags_and_its_policies() -> None:
    body = with_policies(
        REFERENCE,
        {"system": "AliyunECSReadOnlyAccess"},
        spec={"roleName": "OssReader", "description": "read", "tags": {"team": "x"}, "maxSessionDurationSeconds": 7200},
    )
    plan = planned(body, ABSENT, OSS_READ)
    create, *attach = plan.steps
    assert isinstance(create, CreateRole)
    assert create.role == NewRole("OssReader", create.role.trust, "read", 7200, {"team": "x", **OURS})
    assert same_meaning(create.role.trust, ECS_TRUST)
    assert attach == [
        AttachPolicy(custom("oss-read"), "OssReader"),
        AttachPolicy(system("AliyunECSReadOnlyAccess"), "OssReader"),
    ]
    wanted = rows(custom("oss-read"), system("AliyunECSReadOnlyAccess"), pending=True)
    assert plan.claims == {"managedPolicies": wanted}


def test_a_role_as_wanted_needs_nothing() -> None:
    assert decided(planned(role_body(), there())) == Plan()


FC_TRUST = json.dumps(trust_for_services(["fc.aliyuncs.com"]))
DRIFT: list[tuple[str, dict[str, Any], ObservedRole, Any]] = [
    (
        "trust document",
        {},
        there(role=cloud_role(trust=FC_TRUST)),
        UpdateRole(NAME, NAME, RoleChange(3600, KIND.parse(role_body()).trust), ("trust document",)),
    ),
    (
        "description",
        {"description": "read"},
        there(),
        UpdateRole(NAME, NAME, RoleChange(3600, None, "read"), ("description",)),
    ),
    (
        "session duration",
        {"maxSessionDurationSeconds": 7200},
        there(),
        UpdateRole(NAME, NAME, RoleChange(7200), ("session duration",)),
    ),
    (
        "session duration back to the default",
        {},
        there(role=cloud_role(max_session_seconds=7200)),
        UpdateRole(NAME, NAME, RoleChange(3600), ("session duration",)),
    ),
    (
        "a description keeps the session duration",
        {"description": "read", "maxSessionDurationSeconds": 7200},
        there(role=cloud_role(max_session_seconds=7200)),
        UpdateRole(NAME, NAME, RoleChange(7200, None, "read"), ("description",)),
    ),
    (
        "tag",
        {"tags": {"team": "x"}},
        there(tags={**OURS, "team": "y"}),
        Tag(tags_of(NAME), Taggable.ROLE, NAME, (("team", "x"),)),
    ),
]


@pytest.mark.parametrize(("spec", "observed", "step"), [row[1:] for row in DRIFT], ids=[row[0] for row in DRIFT])
def test_each_field_that_drifted_is_repaired_alone(spec: dict[str, Any], observed: ObservedRole, step: Any) -> None:
    assert decided(planned(role_body(spec=spec), observed)) == Plan(steps=(step,))


def test_several_fields_are_one_call_that_names_them() -> None:
    body = role_body(spec={"description": "read", "maxSessionDurationSeconds": 7200})
    [step] = planned(body, there(role=cloud_role(trust=FC_TRUST))).steps
    assert step.done() == "updated trust document and description and session duration of role oss-reader"


SAME = {
    "a description nobody asked for": there(role=cloud_role(description="somebody's words")),
    "a foreign tag": there(tags={**OURS, "foreign": "tag"}),
    "the case of the name": there(role=cloud_role("OSS-Reader")),
    "a trust spelled otherwise": there(
        role=cloud_role(
            trust=json.dumps(
                {
                    "Statement": [
                        {
                            "Principal": {"Service": "ecs.aliyuncs.com"},
                            "Effect": "Allow",
                            "Action": ["sts:AssumeRole"],
                        }
                    ],
                    "Version": "1",
                }
            )
        )
    ),
}


@pytest.mark.parametrize("observed", SAME.values(), ids=SAME.keys())
def test_what_means_the_same_is_no_drift(observed: ObservedRole) -> None:
    assert decided(planned(role_body(), observed)) == Plan()


def test_steps_go_to_the_role_by_the_name_ram_has_for_it() -> None:
    plan = planned(with_policies(REFERENCE), there(role=cloud_role("OSS-Reader", trust=FC_TRUST)), OSS_READ)
    assert [step.effect for step in plan.steps] == [
        "update role OSS-Reader",
        "attach policy Custom/oss-read to role OSS-Reader",
    ]


# Whose it is


FOREIGN = [
    ({}, Reason.NOT_OWNED),
    (owner(KEY, cluster="c-2").tags(), Reason.OWNED_BY_OTHER),
    (owner(role_key("other")).tags(), Reason.OWNED_BY_OTHER),
    ({**OURS, "ram-operator:kind": "RamPolicy"}, Reason.OWNED_BY_OTHER),
]


@pytest.mark.parametrize(("tags", "reason"), FOREIGN)
def test_a_role_that_is_not_marked_as_ours_is_never_written(tags: dict[str, str], reason: Reason) -> None:
    body = with_policies(REFERENCE, status=managing(custom("x")))
    observed = there(custom("x"), role=cloud_role(trust=FC_TRUST), tags=tags)
    assert held(planned(body, observed, OSS_READ)) == [reason]
    assert "arn" not in projected(body, observed, OSS_READ)
    assert decided(planned({**body, "metadata": role_body(deleting=True)["metadata"]}, observed)) == Plan()


RIVAL = role_body("older", created="2025-01-01T00:00:00Z", spec={"roleName": "OSS-Reader"})
YOUNGER = role_body("younger", created="2026-02-01T00:00:00Z", spec={"roleName": "OSS-Reader"})


def test_of_two_objects_with_one_name_the_older_creates_it_whatever_the_case() -> None:
    assert held(planned(role_body(), ABSENT, RIVAL)) == [Reason.NAME_TAKEN]
    assert planned(role_body(), ABSENT, YOUNGER).steps


def test_who_is_named_in_the_tags_wins_over_age() -> None:
    assert decided(planned(role_body(), there(), RIVAL)) == Plan()
    theirs = there(tags=owner(role_key("younger")).tags())
    assert held(planned(role_body(), theirs, YOUNGER)) == [Reason.NAME_TAKEN]


def test_defaults_that_are_written_out_are_supported() -> None:
    spec = {"adoptionPolicy": "Never", "managementPolicy": "Enforce", "policyAttachment": "Additive"}
    assert decided(planned(role_body(spec=spec | {"trust": {"services": ["ecs.aliyuncs.com"]}}), there())) == Plan()


# Deletion


def deleting(*attached: PolicyName, **how: Any) -> dict[str, Any]:
    return role_body(status=managing(*attached), deleting=True, **how)


def test_what_we_attached_is_detached_before_the_role_is_deleted() -> None:
    plan = planned(deleting(custom("a"), system("S")), there(custom("a"), system("S")))
    assert plan.steps == (
        DetachPolicy(custom("a"), NAME),
        DetachPolicy(system("S"), NAME),
        DeleteRole(NAME, (custom("a"), system("S"))),
    )


def test_a_role_that_is_gone_needs_no_deletion() -> None:
    assert decided(planned(role_body(status=made_role_status(), deleting=True), ABSENT)) == Plan()


@pytest.mark.parametrize("origin", ["Attached", "TakenOver"])
def test_a_binding_that_waits_for_the_role_and_has_attached_nothing_does_not_keep_it(origin: str) -> None:
    waits = {"observedGeneration": 1, "instances": [{"node": "a", "state": "Pending"}]}
    assert planned(deleting(), there(), binding_body(status=waits)).steps == (DeleteRole(NAME, ()),)
    claims = {**waits, "instances": [{"node": "a", "state": "Pending", "roleName": NAME, "origin": origin}]}
    assert held(planned(deleting(), there(), binding_body(status=claims))) == [Reason.IN_USE]


@pytest.mark.parametrize("spec", [{}, {"trust": {"services": ["fc.aliyuncs.com"]}}], ids=["one for ECS", "another one"])
async def test_a_binding_without_instances_lets_a_role_go_once_it_has_seen_the_deletion(spec: dict[str, Any]) -> None:
    made = Scene(Instances({}).cloud)
    role, binding = made.put(role_body(status=made_role_status(), spec=spec)), made.put(binding_body())

    def using() -> list[Any]:
        return [view.key for view in users(facts_of(role, made.caches))]

    assert using() == [binding]  # nobody knows yet what it will do
    await made.reconcile(binding)
    made.delete(role)
    assert using() == ([] if spec else [binding])
    made.asked.clear()
    await made.reconcile(binding)
    assert using() == []
    assert (role in made.asked) == (not spec)


IN_USE: list[tuple[str, ObservedRole, tuple[Mapping[str, Any], ...], str, float | None]] = [
    ("bound", there(), (binding_body(),), "bound by InstanceRoleBinding/storage-pool", None),
    (
        "instances have it",
        there(instances=("cn-hangzhou.i-1", "cn-hangzhou.i-2")),
        (),
        "2 instances have it: cn-hangzhou.i-1",
        60,
    ),
    ("attached by others", there(custom("foreign")), (), "Custom/foreign", 60),
]


@pytest.mark.parametrize(
    ("observed", "others", "words", "retry_after"), [row[1:] for row in IN_USE], ids=[row[0] for row in IN_USE]
)
def test_a_role_in_use_is_kept_whole_and_says_by_whom(
    observed: ObservedRole, others: tuple[Mapping[str, Any], ...], words: str, retry_after: float | None
) -> None:
    plan = planned(deleting(custom("a")), observed, *others)
    assert held(plan) == [Reason.IN_USE]
    assert plan.holds[0].message.endswith(role_key("oss-reader").to_set("deletionPolicy", "Retain"))
    assert words in plan.holds[0].message
    assert plan.holds[0].retry_after == retry_after


class Roles:
    """RAM with this one role of ours."""

    async def get_role(self, name: str) -> Role:
        return cloud_role(name)

    async def list_tags(self, resource: Taggable, name: str) -> Mapping[str, str]:
        return OURS

    async def list_policies_for_role(self, role: str) -> Mapping[PolicyName, str]:
        return {}


async def test_a_role_is_not_deleted_while_a_region_does_not_tell_who_plays_it() -> None:
    ecs = Instances({instance(1): "", instance(2, "cn-beijing"): ""})
    error = ecs.out["cn-beijing"] = Unavailable("DescribeInstanceRamRole", "ServiceUnavailable")
    cloud = Cloud(cast("RamApi", Roles()), ecs, cast("StsApi", None))
    body = deleting()
    desired = KIND.desire(KIND.parse(body), facts_of(KEY, cluster(body)))
    observed = await KIND.observe(desired, {}, EVERYTHING, cloud)
    assert decided(planned(body, observed)) == Plan(
        unreadable=(Unreadable("cn-beijing", frozenset({"oss-reader"}), error),)
    )
    ecs.out.clear()
    assert planned(body, await KIND.observe(desired, {}, EVERYTHING, cloud)).steps == (DeleteRole(NAME),)


async def test_with_retain_nothing_is_read_and_nothing_deleted() -> None:
    made = Scene(Instances({}).cloud)  # RAM cannot be called
    key = made.put(deleting(custom("a"), spec={"deletionPolicy": "Retain"}))
    await made.reconcile(key)
    assert not made.exists(key)


def test_a_deletion_whose_spec_no_longer_parses_goes_by_the_name_it_was_created_with() -> None:
    broken = {"trust": {"services": []}, "roleName": "Named"}
    body = role_body(deleting=True, status={"roleName": "Forged"}, spec=broken)
    assert KIND.desire(None, facts_of(KEY, cluster(body))).name == "Named"


# Status


def test_the_status_tells_what_the_cloud_has() -> None:
    body = with_policies(REFERENCE, {"system": "S"}, status=managing(custom("oss-read")), generation=3)
    assert projected(body, there(custom("oss-read"), system("Foreign")), OSS_READ) == {
        "roleName": "oss-reader",
        "roleId": "id-oss-reader",
        "arn": "acs:ram::1234567890123456:role/oss-reader",
        "origin": "Created",
        "policyCounts": {"attached": 1, "wanted": 2},
        "policySummary": "1/2",
        "managedPolicies": rows(custom("oss-read")) + rows(system("S"), pending=True),
        "verified": {"generation": 3, "updateDate": "2026-04-01T00:00:00Z", "at": "2026-05-01T12:00:00Z"},
    }


def test_the_time_of_the_detail_read_moves_only_with_a_change_or_a_full_check() -> None:
    first = projected(role_body(), there())
    body = role_body(status=first)
    assert projected(body, there(), seconds=3600) == first
    assert projected(body, there(), seconds=6 * 3600)["verified"]["at"] == "2026-05-01T18:00:00Z"


def test_an_unread_role_keeps_its_status() -> None:
    status = made_role_status()
    body = role_body(status=status, spec={"adoptionPolicy": "IfUnowned"})
    assert projected(body, None) == {name: value for name, value in status.items() if name != "conditions"}


# Refusals


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"roleName": "with blank"}, "spec.roleName"),
    ({"trust": {"services": []}}, "spec.trust.services"),
    ({"trust": {"services": ["ecs.aliyuncs.com"], "document": {}}}, "not both"),
    ({"trust": {"document": {"Version": "1"}}}, "spec.trust.document"),
    ({"maxSessionDurationSeconds": 60}, "spec.maxSessionDurationSeconds"),
    ({"policies": [{"custom": "a", "system": "b"}]}, "spec.policies[0]: write exactly one"),
    ({"policies": [{}]}, "spec.policies[0]: write exactly one"),
    ({"policies": [{"custom": "a b"}]}, "spec.policies[0].custom"),
    ({"tags": {"ram-operator:x": "y"}}, "spec.tags"),
]


@pytest.mark.parametrize(("spec", "words"), WRONG, ids=[words for _, words in WRONG])
def test_a_wrong_spec_is_refused_with_the_place(spec: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidSpec) as caught:
        KIND.parse(role_body(spec=spec))
    assert words in str(caught.value)


def test_a_policy_that_ram_does_not_have_is_named_and_stops_no_other() -> None:
    body = with_policies({"custom": "no-such"}, {"custom": "there"})
    error = PolicyNotFound("AttachPolicyToRole", "EntityNotExist.Policy", "no such policy")
    step = AttachPolicy(custom("no-such"), NAME)
    outcome = Outcome(failures=(Failure("oss-reader/Custom/no-such", step, error),))
    desired = KIND.desire(KIND.parse(body), facts_of(KEY, cluster(body)))
    plan = KIND.plan(desired, there(custom("there")), {}, context(KEY, outcome=outcome))
    assert plan.steps == ()
    assert [(hold.reason, hold.retry_after) for hold in plan.holds] == [(Reason.REJECTED, 60.0)]
    assert "policy Custom/no-such does not exist" in plan.holds[0].message


def test_a_policy_that_a_rampolicy_makes_is_waited_for() -> None:
    body = with_policies(REFERENCE)
    step = AttachPolicy(custom("oss-read"), NAME)
    error = PolicyNotFound("AttachPolicyToRole", "EntityNotExist.Policy", "not yet")
    outcome = Outcome(failures=(Failure("oss-reader/Custom/oss-read", step, error),))
    desired = KIND.desire(KIND.parse(body), facts_of(KEY, cluster(body, OSS_READ)))
    assert KIND.plan(desired, there(), {}, context(KEY, outcome=outcome)).steps == (step,)


def test_a_role_whose_bindings_are_going_waits_without_complaint() -> None:
    going = binding_body("storage-pool", spec={"roleRef": {"name": "oss-reader"}}, deleting=True)
    plan = planned(role_body(status=managing(), deleting=True), there(), going)
    assert [hold.reason for hold in plan.holds] == [Reason.PROGRESSING]
