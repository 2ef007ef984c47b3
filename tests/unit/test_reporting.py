"""report(): the one author of conditions, events and delays; the dispositions table row by row."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.builders import (
    NOW,
    cluster,
    condition,
    facts_of,
    later,
    role_body,
    role_key,
)
from tests.unit.reports import BY_A_PERSON, DONE, FRESH, OF_ROWS_ONLY, RETRYING, STALLED, WAITING, hold, rows, said, was
from tests.unit.sentences import faults

from ram_operator.engine.reporting import Subject, report
from ram_operator.errors import (
    Unavailable,
)
from ram_operator.model import Disposition, Event, Hold, Outcome, Plan, Reason, disposition


def test_every_reason_is_in_one_table_and_no_other() -> None:
    tables = [DONE, WAITING, RETRYING, STALLED, BY_A_PERSON, OF_ROWS_ONLY]
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
    assert {disposition(reason) for reason in OF_ROWS_ONLY} == {Disposition.STALLED}


def test_nothing_held_is_ready_and_nothing_else() -> None:
    made = report(FRESH, Plan(in_sync=(Reason.ALL_ATTACHED, "2 instances have role r")), Outcome(), NOW)
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
    # Of the process that told, and of the next one, which has the stored conditions alone.
    for told in (made.stalls, None):
        again = replace(was(*made.conditions), told=told)
        assert said(hold(reason, "other words"), subject=again).events == ()
        assert said(hold(reason), subject=replace(was(*made.conditions, generation=2), told=told)).events != ()
    elsewhere = hold(reason, subject="another")
    assert said(elsewhere, subject=replace(was(*made.conditions), told=made.stalls)).events != ()


def test_a_stall_that_ended_is_told_of_again_when_it_comes_back() -> None:
    first = said(hold(Reason.CONFLICT))
    for between in (
        said(subject=replace(FRESH, told=first.stalls)),
        said(hold(Reason.POLICY_NOT_READY), subject=FRESH),
    ):
        assert said(hold(Reason.CONFLICT), subject=replace(was(*between.conditions), told=between.stalls)).events != ()


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


def test_every_condition_names_the_generation_of_the_reconcile() -> None:
    before = condition("Ready", "True", "InSync", generation=6)
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
    before = condition("Ready", "True", "InSync")
    assert rows(said(hold(reason), subject=was(before)))["Ready"] == ("False", reason, "because")


def test_an_object_that_is_deleted_is_not_ready_while_something_holds_it() -> None:
    key = role_key("oss-reader")
    facts = facts_of(key, cluster(role_body(deleting=True)))
    subject = Subject((condition("Ready", "True", "InSync"),), facts)
    assert rows(said(hold(Reason.RETRYING), subject=subject))["Ready"][0] == "False"


def test_an_object_that_could_not_be_observed_for_too_long_is_unknown() -> None:
    error = Unavailable("GetRole", "ServiceUnavailable")
    before = condition("Ready", "True", "InSync")
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


def test_instances_that_are_held_alike_are_counted_and_told_of_once() -> None:
    held = [Hold(f"i-{n}", Reason.CONFLICT, "has role x; leave it so", instance=f"i-{n} (n-{n})") for n in range(5)]
    other = Hold("i-9", Reason.CONFLICT, "has role y; leave it so", instance="i-9")
    message = said(*held, other).conditions[0]["message"]
    alike = "5 instances (i-0 (n-0), i-1 (n-1), i-2 (n-2) and 2 more): has role x; leave it so"
    assert message == f"{alike}; i-9: has role y; leave it so"


ODD = {
    "": "is empty, or begins or ends with a blank",
    "two\nlines": "has a line break or a tab",
    "allow  on *": "has two blanks",
    "has role None": "has an object of Python in it",
    "waits for 1 instances": "counts one as many",
    "x" * 1025: "has 1025 characters",
    "the " * 41 + "end; fix": "takes 167 characters to say the first fact",
}


@pytest.mark.parametrize(("message", "fault"), ODD.items(), ids=ODD.values())
def test_the_check_of_all_messages_of_the_scenes_finds_each_fault(message: str, fault: str) -> None:
    assert fault in faults(message)
    assert faults("1 instance has role x (of 11 instances; a list), which is long enough; leave it so") == []
