"""report() after writes: what a failure means, what is left to do, and the events that tell of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.builders import (
    NOW,
    binding_body,
    binding_key,
    cluster,
    custom,
    facts_of,
    instance,
    node,
    role_key,
    some_facts,
    system,
)
from tests.unit.reports import ATTACH, CREATE, FRESH, RETRYING, STALLED, WAITING, denied, hold, rows, said

from ram_operator.cloud import NewPolicy, Taggable
from ram_operator.engine.reporting import Subject, hold_for, report
from ram_operator.errors import (
    AlreadyExists,
    CloudError,
    InUse,
    NotFound,
    Rejected,
    Throttled,
    Unauthenticated,
    Unavailable,
)
from ram_operator.kinds.instance_role_binding.steps import AttachRole, DetachRole
from ram_operator.kinds.ram_policy.steps import CreatePolicy, DeletePolicy
from ram_operator.kinds.ram_role.steps import AttachPolicy, DeleteRole, DetachPolicy
from ram_operator.kinds.steps import Tag
from ram_operator.model import Event, EventReason, Failure, Hold, Outcome, Plan, Reason, Step

# Failures


ERRORS: list[tuple[CloudError, Reason, str, float | None, bool]] = [
    (NotFound("GetRole", "EntityNotExist.Role"), Reason.VERIFYING, "EntityNotExist.Role", None, True),
    (AlreadyExists("CreateRole", "EntityAlreadyExists.Role"), Reason.VERIFYING, "it is read again", None, True),
    (InUse("DeleteRole", "DeleteConflict.Role.Policy"), Reason.IN_USE, "DeleteConflict.Role.Policy", 30, False),
    (Throttled("GetRole", "Throttling.User"), Reason.THROTTLED, "tries again", None, True),
    (Throttled("GetRole", "Throttling.User", retry_after=7), Reason.THROTTLED, "waits and tries again", 7, False),
    (Unavailable("GetRole", "SDK.ReadTimeout"), Reason.RETRYING, "tries again", None, True),
    (
        denied("UpdateRole"),
        Reason.ACCESS_DENIED,
        "ram:UpdateRole on *; tried again every 60 s",
        60,
        False,
    ),
    (denied("AttachInstanceRamRole", "Forbidden"), Reason.ACCESS_DENIED, "ecs:AttachInstanceRamRole on *", 60, False),
    (Rejected("CreateRole", "LimitExceeded.Role"), Reason.REJECTED, "LimitExceeded.Role", 3600, False),
]


@pytest.mark.parametrize(
    ("error", "reason", "words", "retry_after", "backoff"), ERRORS, ids=lambda value: str(value)[:40]
)
def test_each_class_of_error_becomes_its_hold(
    error: CloudError, reason: Reason, words: str, retry_after: float | None, backoff: bool
) -> None:
    made = hold_for("r", error)
    assert (made.subject, made.reason, made.retry_after) == ("r", reason, retry_after)
    assert words in made.message
    failed = Outcome(failures=(Failure("r/Custom/a", ATTACH, error),))
    told = report(FRESH, Plan(steps=(ATTACH,)), failed, NOW)
    assert (rows(told)["Ready"][1], told.requeue_after, told.backoff) == (reason, retry_after, backoff)
    observed = report(FRESH, Plan(), Outcome(), NOW, error)
    assert (rows(observed)["Ready"][1], observed.backoff) == (reason, backoff)


NEW_POLICY = NewPolicy("p", "{}", "", {})
ONE = AttachRole("r", (instance(1),))
RESOURCES: list[tuple[Step, str, str, str]] = [
    (CREATE, "r", "CreateRole", "ram:CreateRole on acs:ram:*:*:role/r;"),
    (CREATE, "r/Custom/a", "CreateRole", "ram:CreateRole on acs:ram:*:*:role/r;"),
    (DeleteRole("r"), "r", "DeleteRole", "ram:DeleteRole on acs:ram:*:*:role/r;"),
    (ATTACH, "r/Custom/a", "AttachPolicyToRole", "on acs:ram:*:*:role/r and acs:ram:*:*:policy/a;"),
    (DetachPolicy(system("S"), "r"), "r/System/S", "DetachPolicyFromRole", "and acs:ram:*:system:policy/S;"),
    (CreatePolicy("p", NEW_POLICY), "p", "CreatePolicy", "ram:CreatePolicy on acs:ram:*:*:policy/p;"),
    (DeletePolicy("p", "p"), "p", "ListPolicyVersions", "ram:ListPolicyVersions on acs:ram:*:*:policy/p;"),
    (Tag("p", Taggable.POLICY, "p", ()), "p", "TagResources", "ram:TagResources on acs:ram:*:*:policy/p;"),
    (Tag("r", Taggable.ROLE, "r", ()), "r", "TagResources", "ram:TagResources on acs:ram:*:*:role/r;"),
    (
        ONE,
        str(instance(1)),
        "AttachInstanceRamRole",
        f"on acs:ecs:cn-hangzhou:*:instance/{instance(1).id} and acs:ram:*:*:role/r;",
    ),
    (
        DetachRole("r", (instance(1),)),
        str(instance(1)),
        "DetachInstanceRamRole",
        f"ecs:DetachInstanceRamRole on acs:ecs:cn-hangzhou:*:instance/{instance(1).id};",
    ),
]


@pytest.mark.parametrize(
    ("step", "subject", "action", "words"), RESOURCES, ids=[f"{row[0].api} {row[1]}" for row in RESOURCES]
)
def test_a_denied_write_names_the_action_and_the_resource_to_paste(
    step: Step, subject: str, action: str, words: str
) -> None:
    assert words in hold_for(subject, denied(action), step).message


def test_a_missing_permission_is_named_as_the_api_names_it_and_no_other() -> None:
    error = denied("AttachInstanceRamRole", "InvalidUser.PassRoleForbidden", "ram:PassRole")
    message = hold_for(str(instance(1)), error, ONE).message
    assert "credentials ram:PassRole on acs:ram:*:*:role/r;" in message
    assert "ecs:AttachInstanceRamRole" not in message


def test_a_failure_of_what_is_done_now_all_the_same_is_none() -> None:
    failed = Outcome(failures=(Failure("r/Custom/a", ATTACH, Unavailable("AttachPolicyToRole", "SDK.ReadTimeout")),))
    assert rows(report(FRESH, Plan(), failed, NOW)) == {"Ready": ("True", "InSync", Plan().in_sync[1])}


def test_steps_that_became_due_during_the_pass_are_progress_and_come_at_once() -> None:
    made = report(FRESH, Plan(steps=(ATTACH,)), Outcome(done=(CREATE,)), NOW)
    assert rows(made)["Reconciling"][:2] == ("True", "Progressing")
    assert made.requeue_after is not None
    assert made.requeue_after < 1
    assert not made.backoff


steps = st.lists(st.sampled_from([ATTACH, CREATE, AttachRole("r", (instance(1), instance(2)))]), max_size=3)
failures = st.lists(
    st.builds(
        Failure,
        st.sampled_from(["r", str(instance(1)), "elsewhere"]),
        st.just(ATTACH),
        st.sampled_from([error for error, *_ in ERRORS]),
    ),
    max_size=2,
)
holds = st.lists(st.builds(hold, st.sampled_from(sorted(STALLED | RETRYING | WAITING))), max_size=2)


@given(steps, failures, holds)
def test_ready_becomes_true_only_after_an_empty_plan(left: list[Any], failed: list[Failure], held: list[Hold]) -> None:
    plan = Plan(steps=tuple(left), holds=tuple(held))
    made = report(FRESH, plan, Outcome(failures=tuple(failed)), NOW)
    assert (rows(made)["Ready"][0] == "True") == plan.empty
    if not plan.empty:
        assert len(made.conditions) == 2


# Events


def test_each_write_is_one_event_of_the_object_and_one_of_each_node() -> None:
    key = binding_key("storage-pool")
    facts = facts_of(
        key,
        cluster(binding_body(), nodes=(node("a", 1, pool="storage"), node("b", 2, pool="storage"))),
    )
    done = (AttachRole("r", (instance(1), instance(2), instance(3))), ATTACH)
    made = report(
        Subject((), facts), Plan(nodes={str(instance(1)): "a", str(instance(2)): "b"}), Outcome(done=done), NOW
    )
    assert made.events == (
        Event(EventReason.ATTACHED, "attached r to 3 instances"),
        Event(EventReason.ATTACHED, f"attached r to {instance(1)} ({key})", node="a"),
        Event(EventReason.ATTACHED, f"attached r to {instance(2)} ({key})", node="b"),
        Event(EventReason.POLICY_ATTACHED, "attached policy Custom/a to role r"),
    )


def test_a_creation_is_told_in_one_event_with_all_that_was_done() -> None:
    made = report(FRESH, Plan(), Outcome(done=(CREATE, ATTACH)), NOW)
    assert made.events == (Event(EventReason.ROLE_CREATED, "created role r; attached policy Custom/a to role r"),)


def test_a_creation_with_more_than_an_event_holds_is_told_step_by_step() -> None:
    attached = tuple(AttachPolicy(custom(f"policy-{number:03}"), "r") for number in range(30))
    assert len(report(FRESH, Plan(), Outcome(done=(CREATE, *attached)), NOW).events) == 31


def test_remarks_are_events() -> None:
    remark = Event("LeftAlone", "left i-1 alone", warning=True)
    assert said(remarks=(remark,)).events == (remark,)


def test_the_same_reconcile_says_the_same() -> None:
    outcome = Outcome(done=(CREATE,), failures=(Failure("r/Custom/a", ATTACH, ERRORS[0][0]),))
    plan = Plan(steps=(ATTACH,), holds=(hold(Reason.POLICY_NOT_READY),))
    assert report(FRESH, plan, outcome, NOW) == report(FRESH, plan, outcome, NOW)


READY = {"type": "Ready", "status": "True", "reason": "InSync", "message": "", "observedGeneration": 1}


@pytest.mark.parametrize(
    ("swept", "conditions", "generation", "reason"),
    [
        (True, [READY], 1, "DriftRepaired"),
        (False, [READY], 1, "PolicyAttached"),
        (True, [READY], 2, "PolicyAttached"),
        (True, [], 1, "PolicyAttached"),
    ],
)
def test_a_write_that_a_sweep_led_to_on_a_settled_generation_repairs_drift(
    swept: bool, conditions: list[Mapping[str, Any]], generation: int, reason: str
) -> None:
    subject = Subject(conditions, some_facts(role_key("r"), generation), swept=swept)
    (event,) = report(subject, Plan(), Outcome(done=(ATTACH,)), NOW).events
    assert event.reason == reason
    assert "attached policy Custom/a to role r" in event.note


def test_refused_credentials_ask_for_valid_ones_and_not_for_rights() -> None:
    made = hold_for("r", Unauthenticated("GetRole", "InvalidAccessKeyId.NotFound", "unknown"))
    assert made.reason is Reason.ACCESS_DENIED
    assert "valid credentials" in made.message
