"""report(): the one author of conditions, events and delays; the dispositions table row by row."""

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
    condition,
    custom,
    facts_of,
    instance,
    later,
    node,
    role_body,
    role_key,
    system,
)

from ram_operator.cloud import NewPolicy, NewRole, Taggable
from ram_operator.engine.reporting import DISPOSITIONS, Disposition, Subject, disposition, hold_for, report
from ram_operator.errors import (
    AlreadyExists,
    CloudError,
    Denied,
    InUse,
    NotFound,
    Rejected,
    Throttled,
    Unauthenticated,
    Unavailable,
)
from ram_operator.kinds.steps import (
    AttachPolicy,
    AttachRole,
    CreatePolicy,
    CreateRole,
    DeletePolicy,
    DeleteRole,
    DetachPolicy,
    DetachRole,
    Tag,
)
from ram_operator.model import Event, EventReason, Failure, Hold, Outcome, Plan, Reason, Report, Step

DONE = {Reason.SETTLED, Reason.ALL_ATTACHED, Reason.NO_INSTANCES}
WAITING = {Reason.POLICY_NOT_READY, Reason.ROLE_NOT_READY, Reason.NODE_NOT_FOUND}
RETRYING = {Reason.PROGRESSING, Reason.RETRYING, Reason.THROTTLED, Reason.VERIFYING, Reason.NOT_OBSERVED}
STALLED = {
    Reason.INVALID_SPEC,
    Reason.NOT_OWNED,
    Reason.OWNED_BY_OTHER,
    Reason.NAME_TAKEN,
    Reason.CONFLICT,
    Reason.OVERRIDDEN,
    Reason.SOME_FAILED,
    Reason.ACCESS_DENIED,
    Reason.REJECTED,
    Reason.IN_USE,
    Reason.TRUST_NOT_ECS,
    Reason.CONTENDED,
    Reason.NOT_SUPPORTED_YET,
}
OF_ROWS_ONLY = set(list(Reason)[list(Reason).index(Reason.VIRTUAL_NODE) :])

FRESH = Subject((), 1)
ATTACH = AttachPolicy(custom("a"), "r")
CREATE = CreateRole(NewRole("r", "{}", "", 3600, {}))


def hold(reason: Reason, message: str = "because", retry_after: float | None = None, subject: str = "r") -> Hold:
    return Hold(subject, reason, message, retry_after)


def said(*holds: Hold, subject: Subject = FRESH, **plan: Any) -> Report:
    return report(subject, Plan(holds=holds, **plan), Outcome(), NOW)


def rows(made: Report) -> dict[str, tuple[str, str, str]]:
    return {row["type"]: (row["status"], row["reason"], row["message"]) for row in made.conditions}


def was(*conditions: Mapping[str, Any], generation: int = 1, overdue: bool = False) -> Subject:
    return Subject(conditions, generation, None, overdue)


def test_every_reason_is_in_one_table_and_no_other() -> None:
    tables = [DONE, WAITING, RETRYING, STALLED, OF_ROWS_ONLY]
    assert sum(map(len, tables)) == len(set().union(*tables)) == len(Reason)


TABLES = {
    Disposition.DONE: DONE,
    Disposition.WAITING: WAITING,
    Disposition.RETRYING: RETRYING,
    Disposition.STALLED: STALLED,
}
EXPECTED = [(reason, expected) for expected, table in TABLES.items() for reason in sorted(table)]


@pytest.mark.parametrize(("reason", "expected"), EXPECTED, ids=[reason for reason, _ in EXPECTED])
def test_a_reason_decides_the_disposition(reason: Reason, expected: Disposition) -> None:
    assert disposition(reason) is expected


def test_the_table_names_no_reason_of_rows() -> None:
    assert not OF_ROWS_ONLY & DISPOSITIONS.keys()


def test_nothing_held_is_ready_and_nothing_else() -> None:
    made = report(FRESH, Plan(settled=(Reason.ALL_ATTACHED, "2 instances have role r")), Outcome(), NOW)
    assert rows(made) == {"Ready": ("True", "AllAttached", "2 instances have role r")}
    assert (made.events, made.requeue_after, made.backoff) == ((), None, False)


@pytest.mark.parametrize("reason", sorted(WAITING))
def test_waiting_is_reconciling_and_comes_back_by_no_clock(reason: Reason) -> None:
    made = said(hold(reason))
    assert rows(made) == {"Ready": ("False", reason, "because"), "Reconciling": ("True", reason, "because")}
    assert (made.requeue_after, made.backoff, made.events) == (None, False, ())


@pytest.mark.parametrize("reason", sorted(RETRYING))
def test_retrying_is_reconciling_and_backs_off(reason: Reason) -> None:
    made = said(hold(reason))
    assert rows(made) == {"Ready": ("False", reason, "because"), "Reconciling": ("True", reason, "because")}
    assert (made.requeue_after, made.backoff) == (None, True)


@pytest.mark.parametrize("reason", sorted(STALLED))
def test_stalled_is_said_once_with_a_warning_and_waits_for_a_person(reason: Reason) -> None:
    made = said(hold(reason))
    assert rows(made) == {"Ready": ("False", reason, "because"), "Stalled": ("True", reason, "because")}
    assert (made.requeue_after, made.backoff) == (None, False)
    assert made.events == (Event(reason, "because", warning=True),)
    assert said(hold(reason), subject=was(*made.conditions)).events == ()
    assert said(hold(reason, "other words"), subject=was(*made.conditions)).events != ()


PAIRS = [
    (Reason.REJECTED, Reason.THROTTLED, Reason.REJECTED),
    (Reason.THROTTLED, Reason.REJECTED, Reason.REJECTED),
    (Reason.POLICY_NOT_READY, Reason.RETRYING, Reason.RETRYING),
    (Reason.POLICY_NOT_READY, Reason.CONFLICT, Reason.CONFLICT),
]


@pytest.mark.parametrize(("one", "other", "chosen"), PAIRS)
def test_what_needs_a_person_is_told_before_what_retries_before_what_waits(
    one: Reason, other: Reason, chosen: Reason
) -> None:
    assert rows(said(hold(one), hold(other)))["Ready"][1] == chosen


def test_a_stalled_object_goes_on_with_what_retries() -> None:
    made = said(hold(Reason.CONFLICT), hold(Reason.RETRYING))
    assert ("Stalled" in rows(made), made.backoff) == (True, True)


DELAYS: list[tuple[list[tuple[Reason, float | None]], float | None, float | None, bool]] = [
    ([(Reason.VERIFYING, 2)], None, 2, False),
    ([(Reason.VERIFYING, 2), (Reason.THROTTLED, 5)], None, 2, False),
    ([(Reason.VERIFYING, 2), (Reason.RETRYING, None)], None, 2, True),
    ([(Reason.ACCESS_DENIED, 300), (Reason.RETRYING, None)], None, 300, True),
    ([(Reason.CONFLICT, None)], 600, 600, False),
    ([(Reason.VERIFYING, 60)], 60, 60, False),
    ([], 600, 600, False),
    ([(Reason.REJECTED, None)], None, None, False),
]


@pytest.mark.parametrize(("holds", "revisit", "delay", "backoff"), DELAYS)
def test_the_earliest_delay_wins_and_backoff_is_for_what_names_none(
    holds: list[tuple[Reason, float | None]], revisit: float | None, delay: float | None, backoff: bool
) -> None:
    made = said(*(hold(reason, retry_after=after) for reason, after in holds), revisit_after=revisit)
    assert (made.requeue_after, made.backoff) == (delay, backoff)


# Transition times and generations


def test_a_transition_time_moves_only_when_the_status_flips() -> None:
    before = condition("Ready", "False", "RoleNotReady", "waits", since="2026-04-01T00:00:00Z")
    same = said(hold(Reason.CONFLICT), subject=was(before))
    assert {row["type"]: row["lastTransitionTime"] for row in same.conditions} == {
        "Ready": "2026-04-01T00:00:00Z",
        "Stalled": "2026-05-01T12:00:00Z",
    }
    flipped = report(was(before), Plan(), Outcome(), NOW)
    assert [row["lastTransitionTime"] for row in flipped.conditions] == ["2026-05-01T12:00:00Z"]


def test_reasons_and_words_change_without_a_transition() -> None:
    first = said(hold(Reason.CONFLICT))
    second = report(was(*first.conditions), Plan(holds=(hold(Reason.REJECTED, "x"),)), Outcome(), later(60))
    assert [row["lastTransitionTime"] for row in second.conditions] == ["2026-05-01T12:00:00Z"] * 2
    assert rows(second)["Stalled"] == ("True", "Rejected", "x")


def test_every_condition_names_the_generation_of_the_pass() -> None:
    before = condition("Ready", "True", "Settled", generation=6)
    for made in (
        said(hold(Reason.CONFLICT), subject=was(before, generation=7)),
        said(subject=was(before, generation=7)),
    ):
        assert {row["observedGeneration"] for row in made.conditions} == {7}


def test_reconciling_and_stalled_go_when_they_are_over() -> None:
    for type_ in ("Reconciling", "Stalled"):
        before = (condition("Ready", "False", "X"), condition(type_, "True", "X"))
        assert list(rows(said(subject=was(*before)))) == ["Ready"]


def test_the_last_truth_ends_where_a_node_is_waited_for_again() -> None:
    before = condition("Ready", "True", "AllAttached", "1 instance has role r")
    made = said(hold(Reason.NODE_NOT_FOUND), subject=was(before))
    assert rows(made)["Ready"] == ("False", "NodeNotFound", "because")


@pytest.mark.parametrize("reason", sorted((WAITING | RETRYING) - {Reason.NODE_NOT_FOUND}))
def test_the_last_truth_is_kept_while_waiting_or_retrying_in_the_same_generation(reason: Reason) -> None:
    before = condition("Ready", "True", "AllAttached", "2 instances have role r", since="2026-04-01T00:00:00Z")
    made = said(hold(reason), subject=was(before))
    assert made.conditions[0] == before
    assert rows(made)["Reconciling"] == ("True", reason, "because")


@pytest.mark.parametrize("reason", sorted(WAITING | RETRYING))
def test_the_last_truth_of_another_generation_is_none(reason: Reason) -> None:
    before = condition("Ready", "True", "AllAttached", "2 instances have role r")
    assert rows(said(hold(reason), subject=was(before, generation=2)))["Ready"] == ("False", reason, "because")


@pytest.mark.parametrize("reason", sorted(STALLED))
def test_a_stalled_object_is_not_ready_whatever_it_was(reason: Reason) -> None:
    before = condition("Ready", "True", "Settled")
    assert rows(said(hold(reason), subject=was(before)))["Ready"] == ("False", reason, "because")


def test_an_object_that_is_deleted_is_not_ready_while_something_holds_it() -> None:
    key = role_key("oss-reader")
    facts = facts_of(key, cluster(role_body(deleting=True)))
    subject = Subject((condition("Ready", "True", "Settled"),), 1, facts)
    assert rows(said(hold(Reason.RETRYING), subject=subject))["Ready"][0] == "False"


def test_an_object_that_could_not_be_observed_for_too_long_is_unknown() -> None:
    error = Unavailable("GetRole", "ServiceUnavailable")
    before = condition("Ready", "True", "Settled")
    made = report(was(before, overdue=True), Plan(), Outcome(), NOW, error)
    assert rows(made)["Ready"][:2] == ("Unknown", "NotObserved")
    assert rows(made)["Reconciling"][:2] == ("True", "Retrying")


# Messages


def test_a_message_spells_out_three_holds_and_counts_the_rest() -> None:
    made = said(*(hold(Reason.CONFLICT, f"reason {number}", subject=str(number)) for number in range(5)))
    assert rows(made)["Ready"][2] == "reason 0; reason 1; reason 2; and 2 more"


@pytest.mark.parametrize("reason", [Reason.REJECTED, Reason.RETRYING])
def test_what_is_waited_for_besides_is_said_at_the_end_whatever_the_length(reason: Reason) -> None:
    waits = (hold(Reason.POLICY_NOT_READY, "waits for a"), hold(Reason.POLICY_NOT_READY, "waits for b"))
    assert rows(said(*waits, hold(reason)))["Ready"][1:] == (reason, "because; also waits for a; waits for b")
    long = rows(said(waits[0], hold(reason, "x" * 2000)))["Ready"][2]
    assert (len(long), long[-23:]) == (1024, "xxxxx; also waits for a")


def test_the_same_words_are_said_once() -> None:
    made = said(*(hold(Reason.CONFLICT, "same", subject=str(number)) for number in range(5)))
    assert rows(made)["Ready"][2] == "same"


@given(
    st.lists(st.text(min_size=1, max_size=2000), min_size=1, max_size=4), st.sampled_from(sorted(STALLED | RETRYING))
)
def test_no_message_is_longer_than_1024_characters(messages: list[str], reason: Reason) -> None:
    made = said(*(hold(reason, message) for message in messages))
    assert all(len(row["message"]) <= 1024 for row in made.conditions)


# Failures


ERRORS: list[tuple[CloudError, Reason, str, float | None, bool]] = [
    (NotFound("GetRole", "EntityNotExist.Role"), Reason.VERIFYING, "EntityNotExist.Role", None, True),
    (AlreadyExists("CreateRole", "EntityAlreadyExists.Role"), Reason.VERIFYING, "looks again", None, True),
    (InUse("DeleteRole", "DeleteConflict.Role.Policy"), Reason.IN_USE, "DeleteConflict.Role.Policy", 30, False),
    (Throttled("GetRole", "Throttling.User"), Reason.THROTTLED, "tries again", None, True),
    (Throttled("GetRole", "Throttling.User", retry_after=7), Reason.THROTTLED, "waits for 7 s", 7, False),
    (Unavailable("GetRole", "SDK.ReadTimeout"), Reason.RETRYING, "tries again", None, True),
    (
        Denied("UpdateRole", "NoPermission"),
        Reason.ACCESS_DENIED,
        "ram:UpdateRole on *; tried again every 60 s",
        60,
        False,
    ),
    (Denied("AttachInstanceRamRole", "Forbidden"), Reason.ACCESS_DENIED, "ecs:AttachInstanceRamRole on *", 60, False),
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
    assert words in hold_for(subject, Denied(action, "NoPermission"), step).message


def test_a_missing_permission_is_named_as_the_api_names_it_and_no_other() -> None:
    error = Denied("AttachInstanceRamRole", "InvalidUser.PassRoleForbidden", "missing permission ram:PassRole: no")
    message = hold_for(str(instance(1)), error, ONE).message
    assert "credentials ram:PassRole on acs:ram:*:*:role/r;" in message
    assert "ecs:AttachInstanceRamRole" not in message


def test_a_failure_of_what_is_done_now_all_the_same_is_none() -> None:
    failed = Outcome(failures=(Failure("r/Custom/a", ATTACH, Unavailable("AttachPolicyToRole", "SDK.ReadTimeout")),))
    assert rows(report(FRESH, Plan(), failed, NOW)) == {"Ready": ("True", "Settled", Plan().settled[1])}


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
    made = report(Subject((), 1, facts), Plan(), Outcome(done=done), NOW)
    assert made.events == (
        Event(EventReason.ATTACHED, "attached r to 3 instances"),
        Event(EventReason.ATTACHED, f"attached r to {instance(1)} by {key}", node="a"),
        Event(EventReason.ATTACHED, f"attached r to {instance(2)} by {key}", node="b"),
        Event(EventReason.POLICY_ATTACHED, "attached policy Custom/a to role r"),
    )


def test_remarks_are_events() -> None:
    remark = Event("LeftAlone", "left i-1 alone", warning=True)
    assert said(remarks=(remark,)).events == (remark,)


def test_the_same_pass_says_the_same() -> None:
    outcome = Outcome(done=(CREATE,), failures=(Failure("r/Custom/a", ATTACH, ERRORS[0][0]),))
    plan = Plan(steps=(ATTACH,), holds=(hold(Reason.POLICY_NOT_READY),))
    assert report(FRESH, plan, outcome, NOW) == report(FRESH, plan, outcome, NOW)


READY = {"type": "Ready", "status": "True", "reason": "Settled", "message": "", "observedGeneration": 1}


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
    subject = Subject(conditions, generation, None, swept=swept)
    (event,) = report(subject, Plan(), Outcome(done=(ATTACH,)), NOW).events
    assert event.reason == reason
    assert "attached policy Custom/a to role r" in event.note


def test_refused_credentials_ask_for_valid_ones_and_not_for_rights() -> None:
    made = hold_for("r", Unauthenticated("GetRole", "InvalidAccessKeyId.NotFound", "unknown"))
    assert made.reason is Reason.ACCESS_DENIED
    assert "valid credentials" in made.message
