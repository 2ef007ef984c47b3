"""What may not be written now: a write the cloud does not show yet, and one that somebody keeps undoing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.builders import NOW, binding_key, custom, instance, later, role_key, some_facts

from ram_operator.cloud import NewRole, RoleChange, Taggable
from ram_operator.engine.filters import Filter, effects
from ram_operator.engine.filters.contention import Contention
from ram_operator.engine.filters.unconfirmed import Unconfirmed
from ram_operator.errors import Unavailable
from ram_operator.kinds.instance_role_binding.steps import AttachRole, DetachRole
from ram_operator.kinds.ram_role.steps import AttachPolicy, CreateRole, DeleteRole, DetachPolicy, UpdateRole
from ram_operator.kinds.steps import Tag
from ram_operator.model import Facts, Failure, Granted, Hold, ObjectKey, Outcome, Plan, Reason, Step

ROLE, BINDING = role_key("oss-reader"), binding_key("storage-pool")
ATTACH_A = AttachPolicy(custom("a"), "r")
ATTACH_B = AttachPolicy(custom("b"), "r")
DETACH_A = DetachPolicy(custom("a"), "r")


def attach(*numbers: int, role: str = "EcsRole") -> AttachRole:
    return AttachRole(role, tuple(map(instance, numbers)))


def detach(*numbers: int, role: str = "EcsRole") -> DetachRole:
    return DetachRole(role, tuple(map(instance, numbers)))


def wrote(filter_: Filter, *steps: Step, at: datetime = NOW, left: Sequence[Step] = (), generation: int = 1) -> None:
    filter_.learn(some_facts(ROLE, generation), Outcome(done=steps), Plan(steps=tuple(left)), at)


def sifted(filter_: Filter, *steps: Step, at: datetime = NOW, generation: int = 1) -> Plan:
    return filter_.apply(some_facts(ROLE, generation), Plan(steps=steps), at)


def reasons(plan: Plan) -> list[Reason]:
    return [hold.reason for hold in plan.all_holds]


def test_a_write_that_shows_is_not_withheld_when_it_is_needed_again() -> None:
    unconfirmed = Unconfirmed()
    wrote(unconfirmed, ATTACH_A)
    assert sifted(unconfirmed, ATTACH_A, at=later(1)) == Plan(steps=(ATTACH_A,))


def test_a_write_that_does_not_show_is_verified_and_not_made_again() -> None:
    unconfirmed = Unconfirmed()
    wrote(unconfirmed, ATTACH_A, left=[ATTACH_A])
    held = sifted(unconfirmed, ATTACH_A, at=later(1))
    assert held.steps == ()
    assert [(hold.subject, hold.reason, hold.retry_after) for hold in held.all_holds] == [
        ("r/Custom/a", Reason.VERIFYING, 2.0)
    ]


def test_it_stays_withheld_for_a_minute_from_the_write_however_often_one_looks() -> None:
    unconfirmed = Unconfirmed()
    wrote(unconfirmed, ATTACH_A, left=[ATTACH_A])
    for seconds in (2, 30, 59):
        assert sifted(unconfirmed, ATTACH_A, at=later(seconds)).steps == ()
        wrote(unconfirmed, at=later(seconds), left=[ATTACH_A])
    assert sifted(unconfirmed, ATTACH_A, at=later(60)).steps == (ATTACH_A,)


def test_once_it_shows_it_is_forgotten() -> None:
    unconfirmed = Unconfirmed()
    wrote(unconfirmed, ATTACH_A, left=[ATTACH_A])
    wrote(unconfirmed, at=later(2))
    assert sifted(unconfirmed, ATTACH_A, at=later(3)).steps == (ATTACH_A,)


def test_a_write_that_does_not_show_is_not_made_again_because_of_an_edit_of_something_else() -> None:
    unconfirmed = Unconfirmed()
    wrote(unconfirmed, ATTACH_A, left=[ATTACH_A])
    assert reasons(sifted(unconfirmed, ATTACH_A, at=later(1), generation=2)) == [Reason.VERIFYING]
    wrote(unconfirmed, at=later(1), left=[ATTACH_A], generation=2)
    assert sifted(unconfirmed, ATTACH_A, at=later(60), generation=2).steps == (ATTACH_A,)


def test_an_edit_of_what_does_not_show_yet_is_not_withheld() -> None:
    unconfirmed = Unconfirmed()
    old, new = (UpdateRole("r", "r", RoleChange(seconds), ("session duration",)) for seconds in (3600, 7200))
    wrote(unconfirmed, old, left=[old])
    assert sifted(unconfirmed, old, at=later(1)).steps == ()
    assert sifted(unconfirmed, new, at=later(1), generation=2).steps == (new,)


def test_what_goes_behind_a_withheld_write_is_withheld_with_it() -> None:
    unconfirmed, delete = Unconfirmed(), DeleteRole("r", (custom("a"), custom("b")))
    wrote(unconfirmed, DETACH_A, left=[DETACH_A])
    held = sifted(unconfirmed, DETACH_A, delete, at=later(1))
    assert (held.steps, set(reasons(held))) == ((), {Reason.VERIFYING})
    assert sifted(unconfirmed, delete, at=later(2)).steps == (delete,), "once the detachment shows"


def test_what_goes_before_a_withheld_write_is_made() -> None:
    unconfirmed = Unconfirmed()
    wrote(unconfirmed, attach(1, role="New"), left=[attach(1, role="New")])
    held = unconfirmed.apply(some_facts(ROLE, 1), Plan(steps=(detach(1, 2), attach(1, 2, role="New"))), later(1))
    assert held.steps == (detach(1, 2), attach(2, role="New"))


def test_another_policy_of_the_same_role_is_not_withheld() -> None:
    unconfirmed = Unconfirmed()
    wrote(unconfirmed, ATTACH_A, left=[ATTACH_A])
    assert sifted(unconfirmed, ATTACH_A, ATTACH_B, at=later(1)).steps == (ATTACH_B,)


def test_instances_are_withheld_one_by_one_however_they_are_batched() -> None:
    unconfirmed = Unconfirmed()
    unconfirmed.learn(some_facts(BINDING, 1), Outcome(done=(attach(1, 2), attach(3))), Plan(steps=(attach(2, 3),)), NOW)
    held = unconfirmed.apply(some_facts(BINDING, 1), Plan(steps=(attach(1, 2, 3, 4),)), later(1))
    assert held.steps == (attach(1, 4),)
    assert [hold.subject for hold in held.all_holds] == [str(instance(2)), str(instance(3))]


def test_what_failed_is_not_waited_for() -> None:
    unconfirmed = Unconfirmed()
    failed = Failure("r/Custom/a", ATTACH_A, Unavailable("AttachPolicyToRole", "SDK.ReadTimeout"))
    unconfirmed.learn(some_facts(ROLE, 1), Outcome(failures=(failed,)), Plan(steps=(ATTACH_A,)), NOW)
    assert sifted(unconfirmed, ATTACH_A, at=later(1)).steps == (ATTACH_A,)


CREATE = CreateRole(NewRole("r", "{}", "", 3600, {}))
NOT_OWNED = Hold("role r", Reason.NOT_OWNED, "exists and was not created by this operator")


def test_what_was_created_and_shows_is_settled_at_once() -> None:
    unconfirmed = Unconfirmed()
    wrote(unconfirmed, CREATE)
    assert sifted(unconfirmed, at=later(1)) == Plan()


def test_what_was_created_and_did_not_show_is_settled_as_soon_as_it_does() -> None:
    unconfirmed = Unconfirmed()
    wrote(unconfirmed, CREATE, left=[CREATE])
    assert reasons(sifted(unconfirmed, CREATE, at=later(1))) == [Reason.VERIFYING]
    wrote(unconfirmed, at=later(2))
    assert sifted(unconfirmed, at=later(2)) == Plan()


def test_what_was_created_and_shows_without_its_tags_is_not_said_to_be_somebody_elses() -> None:
    unconfirmed = Unconfirmed()
    unconfirmed.learn(some_facts(ROLE, 1), Outcome(done=(CREATE,)), Plan(holds=(NOT_OWNED,)), NOW)
    assert reasons(unconfirmed.apply(some_facts(ROLE, 1), Plan(holds=(NOT_OWNED,)), later(5))) == [Reason.VERIFYING]
    assert reasons(unconfirmed.apply(some_facts(ROLE, 1), Plan(holds=(NOT_OWNED,)), later(60))) == [Reason.NOT_OWNED]


def test_what_was_created_and_did_not_show_is_not_deleted_by_finding_nothing() -> None:
    unconfirmed = Unconfirmed()
    wrote(unconfirmed, CREATE, left=[CREATE])
    wrote(unconfirmed, at=later(1), generation=2)
    assert reasons(sifted(unconfirmed, at=later(2), generation=2)) == [Reason.VERIFYING]
    assert sifted(unconfirmed, at=later(60), generation=2) == Plan()


def test_after_its_deletion_nothing_is_waited_for() -> None:
    unconfirmed = Unconfirmed()
    wrote(unconfirmed, CREATE, left=[CREATE])
    wrote(unconfirmed, DeleteRole("r"), at=later(1), generation=2)
    assert sifted(unconfirmed, at=later(2), generation=2) == Plan()


@pytest.mark.parametrize("filter_", [Unconfirmed(), Contention(most=0)], ids=["unconfirmed", "contention"])
def test_one_objects_writes_are_not_anothers(filter_: Filter) -> None:
    wrote(filter_, ATTACH_A, left=[ATTACH_A])
    assert sifted(filter_, ATTACH_A, at=later(1)).withheld
    assert filter_.apply(some_facts(role_key("other")), Plan(steps=(ATTACH_A,)), later(1)).steps == (ATTACH_A,)


@pytest.mark.parametrize("filter_", [Unconfirmed(), Contention(most=0)], ids=["unconfirmed", "contention"])
def test_what_is_forgotten_is_not_withheld(filter_: Filter) -> None:
    wrote(filter_, ATTACH_A, left=[ATTACH_A])
    filter_.forget(ROLE)
    assert sifted(filter_, ATTACH_A, at=later(1)).steps == (ATTACH_A,)


def test_what_a_process_before_may_have_left_open_is_remembered_for_a_minute() -> None:
    """Compared with a process that found everything in sync: two filters are equal that remember the same."""
    plan = Plan(grants={"r": (Granted(trust="{}"),)})
    found, in_sync = Unconfirmed(), Unconfirmed()

    def learn(key: ObjectKey, seconds: float) -> Facts:
        facts = some_facts(key)
        me = replace(facts.me, guarded=True, status={"observedGeneration": 1})
        found.learn(facts := replace(facts, me=me), Outcome(), plan, later(seconds))
        in_sync.learn(replace(facts, me=replace(me, ready=True)), Outcome(), plan, later(seconds))
        return facts

    facts = learn(ROLE, 0)
    assert found.apply(facts, plan, later(1)).revisit_after == 59
    assert found != in_sync
    assert found.apply(facts, plan, later(60)).revisit_after is None
    learn(role_key("other"), 61)
    assert found == in_sync


@dataclass(frozen=True, slots=True)
class Worded(AttachRole):
    """A step with words of its own."""

    words: str = field(default="", compare=False)

    @property
    def effect(self) -> str:
        return self.words


@pytest.mark.parametrize("filter_", [Unconfirmed(), Contention(most=0)], ids=["unconfirmed", "contention"])
def test_a_write_is_known_again_whatever_its_words_are(filter_: Filter) -> None:
    told = (("A", "give A"), ("A", "grant A"), ("B", "give A"))
    once, again, other = (Worded(role, (instance(1),), words=words) for role, words in told)
    wrote(filter_, once, left=[once])
    assert sifted(filter_, again, at=later(1)).steps == ()
    assert sifted(filter_, other, at=later(1)).steps == (other,)


def test_three_repairs_within_an_hour_are_made_and_the_fourth_is_not() -> None:
    contention = Contention()
    for repair in range(4):
        assert sifted(contention, ATTACH_A, at=later(600 * repair)).steps == (ATTACH_A,), (
            "the first write and 3 repairs"
        )
        wrote(contention, ATTACH_A, at=later(600 * repair))
    held = sifted(contention, ATTACH_A, at=later(2400))
    assert reasons(held) == [Reason.CONTENDED]
    assert (
        "3 times in an hour somebody or another cluster undid: attach policy Custom/a to role r"
        in held.all_holds[0].message
    )


def test_a_contended_write_is_tried_again_after_pauses_that_grow() -> None:
    """So that a fight ends again within minutes after the other has stopped, and costs little as long as it goes on."""
    contention, now, pauses = Contention(), 0.0, []
    for write in range(5):
        wrote(contention, ATTACH_A, at=later(now))
        if held := sifted(contention, ATTACH_A, at=later(now + 8)).all_holds:
            pauses.append(held[0].retry_after)
            now += 8 + (held[0].retry_after or 0)
            assert sifted(contention, ATTACH_A, at=later(now)).steps == (ATTACH_A,)
        else:
            now += 8
        assert bool(held) == (write >= 3)
    assert pauses == [1192, 2368]


@pytest.mark.parametrize("filter_", [Unconfirmed(), Contention(most=0)], ids=["unconfirmed", "contention"])
def test_what_was_written_by_a_clock_that_was_ahead_holds_nothing(filter_: Filter) -> None:
    wrote(filter_, ATTACH_A, at=later(86400), left=[ATTACH_A])
    assert sifted(filter_, ATTACH_A, at=later(1)).steps == (ATTACH_A,)


def test_a_contended_write_comes_back_at_the_latest_when_the_first_one_is_an_hour_old() -> None:
    contention = Contention()
    for repair in range(5):
        wrote(contention, ATTACH_A, at=later(600 * repair))
    [hold] = sifted(contention, ATTACH_A, at=later(2400)).all_holds
    assert hold.retry_after == 1200
    assert sifted(contention, ATTACH_A, at=later(2400 + 1200)).steps == (ATTACH_A,)


def test_policies_that_become_ready_one_after_the_other_are_no_fight() -> None:
    contention = Contention()
    for number in range(20):
        step = AttachPolicy(custom(f"policy-{number}"), "r")
        assert sifted(contention, step, at=later(number)).steps == (step,)
        wrote(contention, step, at=later(number))


def test_a_node_that_is_taken_in_and_out_of_a_pool_is_no_fight() -> None:
    contention = Contention()
    for number in range(10):
        for step in (attach(1), detach(1)):
            assert sifted(contention, step, at=later(number)).steps == (step,)
            wrote(contention, step, at=later(number))


def test_even_a_node_that_comes_and_goes_is_given_up_at_last() -> None:
    contention = Contention()
    for number in range(31):
        for step in (attach(1), detach(1)):
            wrote(contention, step, at=later(number))
    assert reasons(sifted(contention, attach(1), at=later(31))) == [Reason.CONTENDED]


def test_one_contended_field_leaves_the_others_alone() -> None:
    contention = Contention()
    trust = UpdateRole("r", "r", RoleChange(3600, "{}"), ("trust document",))
    tags = Tag("r", Taggable.ROLE, "r", (("team", "storage"),))
    for repair in range(4):
        wrote(contention, trust, at=later(repair))
    held = sifted(contention, trust, tags, ATTACH_B, at=later(5))
    assert (held.steps, reasons(held)) == ((tags, ATTACH_B), [Reason.CONTENDED])


def test_an_edit_starts_the_count_anew() -> None:
    contention = Contention()
    for repair in range(4):
        wrote(contention, ATTACH_A, at=later(repair))
    assert sifted(contention, ATTACH_A, at=later(5), generation=2).steps == (ATTACH_A,)
    wrote(contention, ATTACH_A, at=later(6), generation=2)
    assert sifted(contention, ATTACH_A, at=later(7), generation=2).steps == (ATTACH_A,)


def test_instances_are_counted_one_by_one_however_they_are_batched() -> None:
    contention = Contention()
    for batch in ((1, 2), (1,), (1, 3), (4, 1)):
        contention.learn(some_facts(BINDING, 1), Outcome(done=(attach(*batch),)), Plan(), NOW)
    held = contention.apply(some_facts(BINDING, 1), Plan(steps=(attach(1, 2, 3),)), later(1))
    assert (held.steps, [hold.subject for hold in held.all_holds]) == ((attach(2, 3),), [str(instance(1))])


steps = st.one_of(
    st.builds(attach, st.integers(1, 5), st.integers(6, 9)),
    st.builds(detach, st.integers(1, 5)),
    st.sampled_from([ATTACH_A, ATTACH_B, DETACH_A]),
)
plans = st.lists(steps, max_size=4, unique_by=str).map(tuple)


@given(st.lists(st.tuples(plans, plans), max_size=4), plans)
def test_a_filter_only_ever_turns_steps_into_holds(
    history: list[tuple[tuple[Step, ...], tuple[Step, ...]]], now: tuple[Step, ...]
) -> None:
    waiting = Hold("RamPolicy/x", Reason.POLICY_NOT_READY, "waits")
    for filter_ in (Unconfirmed(), Contention(most=1)):
        for number, (done, left) in enumerate(history):
            filter_.learn(some_facts(ROLE, 1), Outcome(done=done), Plan(steps=left), later(number))
        before = Plan(steps=now, holds=(waiting,))
        after = filter_.apply(some_facts(ROLE, 1), before, later(5))
        assert effects(after.steps) <= effects(now)
        assert waiting in after.holds
        assert {subject for subject, _ in effects(now) - effects(after.steps)} == {
            hold.subject for hold in after.all_holds
        } - {waiting.subject}
        assert after == filter_.apply(some_facts(ROLE, 1), before, later(5))


CREATE = CreateRole(NewRole("r", "{}", "", 3600, {}))
NOT_OURS = Hold("role r", Reason.NOT_OWNED, "exists and was not created by this operator")


def test_a_role_whose_tags_do_not_show_yet_is_not_somebody_elses() -> None:
    unconfirmed = Unconfirmed()
    unconfirmed.learn(some_facts(ROLE, 1), Outcome(done=(CREATE,)), Plan(holds=(NOT_OURS,)), NOW)
    assert reasons(unconfirmed.apply(some_facts(ROLE, 2), Plan(holds=(NOT_OURS,)), later(30))) == [Reason.VERIFYING]
    assert reasons(unconfirmed.apply(some_facts(ROLE, 2), Plan(holds=(NOT_OURS,)), later(61))) == [Reason.NOT_OWNED]


def test_a_role_that_does_not_show_yet_is_not_let_go_as_if_it_were_deleted() -> None:
    unconfirmed = Unconfirmed()
    unconfirmed.learn(some_facts(ROLE, 1), Outcome(done=(CREATE,)), Plan(steps=(CREATE,)), NOW)
    assert reasons(unconfirmed.apply(some_facts(ROLE, 2), Plan(), later(5))) == [Reason.VERIFYING]
    unconfirmed.learn(some_facts(ROLE, 2), Outcome(done=(DeleteRole("r"),)), Plan(), later(6))
    assert unconfirmed.apply(some_facts(ROLE, 2), Plan(), later(7)) == Plan()


def test_a_role_that_shows_at_once_is_let_go_at_once() -> None:
    unconfirmed = Unconfirmed()
    unconfirmed.learn(some_facts(ROLE, 1), Outcome(done=(CREATE,)), Plan(steps=(ATTACH_A,)), NOW)
    assert unconfirmed.apply(some_facts(ROLE, 2), Plan(), later(1)) == Plan()
