"""apply(): what runs together, what waits, what an error stops, and what the outcome says."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ram_operator.cloud import Cloud
from ram_operator.engine.applying import apply
from ram_operator.errors import CloudError, Denied, Rejected, Throttled, Unavailable
from ram_operator.model import Change, EventReason, Intent, Outcome, Plan

pytestmark = pytest.mark.looptime(start=0)

CLOUD = cast("Cloud", None)


@dataclass(slots=True)
class Diary:
    """Who began and who ended, in their order."""

    lines: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Note:
    """A step that writes into a diary. `failing` are its subjects that fail; `broken` is what the call raises."""

    diary: Diary = field(compare=False)
    name: str
    subjects: tuple[str, ...]
    api: str = "Write"
    seconds: float = 1.0
    failing: Mapping[str, CloudError] = field(default_factory=dict)
    broken: Exception | None = None
    region: str = ""
    waits_for: tuple[str, ...] = ()
    event = EventReason.TAGGED
    intent = Intent.GRANT
    change = Change.UPDATE

    @property
    def effect(self) -> str:
        return self.name

    @property
    def identity(self) -> tuple[str, ...]:
        return (self.name,)

    def without(self, subjects: frozenset[str]) -> Self | None:
        left = tuple(subject for subject in self.subjects if subject not in subjects)
        return replace(self, subjects=left) if left else None

    async def apply(self, cloud: Cloud) -> Mapping[str, CloudError]:
        self.diary.lines.append(f"+{self.name}:{','.join(self.subjects)}")
        await asyncio.sleep(self.seconds)
        self.diary.lines.append(f"-{self.name}")
        if self.broken:
            raise self.broken
        return {subject: error for subject, error in self.failing.items() if subject in self.subjects}

    def resources(self, subject: str) -> Mapping[str, tuple[str, ...]]:
        return {}

    def todo(self) -> str:
        return self.name

    def done(self) -> str:
        return self.name


@pytest.fixture
def diary() -> Diary:
    return Diary()


def done(outcome: Outcome) -> list[str]:
    return [f"{step.todo()}:{','.join(step.subjects)}" for step in outcome.done]


def failed(outcome: Outcome) -> list[tuple[str, str, str]]:
    return [(failure.step.todo(), failure.subject, failure.error.code) for failure in outcome.failures]


def elapsed() -> float:
    return asyncio.get_running_loop().time()


UNAVAILABLE = Unavailable("Write", "ServiceUnavailable")
DENIED = Denied("Write", "NoPermission")
THROTTLED = Throttled("Write", "Throttling.User", retry_after=4)
REJECTED = Rejected("Write", "MalformedPolicyDocument")


async def test_a_plan_without_steps_does_nothing() -> None:
    assert await apply(Plan(), CLOUD) == Outcome()


async def test_steps_of_different_subjects_run_together(diary: Diary) -> None:
    outcome = await apply(Plan(steps=tuple(Note(diary, name, (name,)) for name in "abc")), CLOUD)
    assert (diary.lines[:3], elapsed()) == (["+a:a", "+b:b", "+c:c"], 1.0)
    assert done(outcome) == ["a:a", "b:b", "c:c"]


async def test_steps_of_one_subject_run_in_their_order(diary: Diary) -> None:
    slow_first = (Note(diary, "first", ("x",), seconds=5), Note(diary, "second", ("x",)), Note(diary, "third", ("x",)))
    await apply(Plan(steps=slow_first), CLOUD)
    assert diary.lines == ["+first:x", "-first", "+second:x", "-second", "+third:x", "-third"]


async def test_a_step_waits_for_all_its_subjects(diary: Diary) -> None:
    steps = (Note(diary, "a", ("x",), seconds=3), Note(diary, "b", ("y",)), Note(diary, "both", ("x", "y")))
    await apply(Plan(steps=steps), CLOUD)
    assert diary.lines == ["+a:x", "+b:y", "-b", "-a", "+both:x,y", "-both"]


async def test_an_error_stops_the_later_steps_of_its_subject_only(diary: Diary) -> None:
    steps = (
        Note(diary, "create", ("x",), broken=UNAVAILABLE),
        Note(diary, "attach", ("x",)),
        Note(diary, "other", ("y",)),
    )
    outcome = await apply(Plan(steps=steps), CLOUD)
    assert (done(outcome), failed(outcome)) == (["other:y"], [("create", "x", "ServiceUnavailable")])
    assert "+attach:x" not in diary.lines


async def test_of_a_batch_the_failed_subjects_are_left_out_from_then_on(diary: Diary) -> None:
    steps = (
        Note(diary, "detach", ("i-1", "i-2", "i-3"), failing={"i-2": REJECTED}),
        Note(diary, "attach", ("i-1", "i-2", "i-3", "i-4")),
    )
    outcome = await apply(Plan(steps=steps), CLOUD)
    assert done(outcome) == ["detach:i-1,i-3", "attach:i-1,i-3,i-4"]
    assert failed(outcome) == [("detach", "i-2", "MalformedPolicyDocument")]
    assert outcome.touched == {"i-1", "i-2", "i-3", "i-4"}
    assert outcome.error_of("i-2") is REJECTED
    assert outcome.error_of("i-1") is None


@pytest.mark.parametrize("refusal", [DENIED, THROTTLED], ids=["Denied", "Throttled"])
async def test_after_a_denied_or_throttled_no_further_call_of_that_api_is_made(
    diary: Diary, refusal: CloudError
) -> None:
    steps = (
        Note(diary, "one", ("x",), broken=refusal),
        Note(diary, "before", ("y",), api="Other", seconds=2),
        Note(diary, "two", ("y",)),
        Note(diary, "other", ("z",), api="Other"),
    )
    outcome = await apply(Plan(steps=steps), CLOUD)
    assert "+two:y" not in diary.lines
    assert done(outcome) == ["other:z", "before:y"]
    assert failed(outcome) == [("one", "x", refusal.code), ("two", "y", refusal.code)]


@pytest.mark.parametrize("error", [UNAVAILABLE, REJECTED], ids=["Unavailable", "Rejected"])
async def test_other_errors_stop_no_other_call(diary: Diary, error: CloudError) -> None:
    steps = (
        Note(diary, "one", ("x",), broken=error),
        Note(diary, "before", ("y",), api="Other", seconds=2),
        Note(diary, "two", ("y",)),
    )
    assert "two:y" in done(await apply(Plan(steps=steps), CLOUD))


async def test_a_denied_row_of_a_batch_stops_the_api_too(diary: Diary) -> None:
    steps = (
        Note(diary, "one", ("x", "y"), failing={"x": DENIED}),
        Note(diary, "two", ("y", "z")),
    )
    outcome = await apply(Plan(steps=steps), CLOUD)
    assert done(outcome) == ["one:y"]
    assert failed(outcome) == [("one", "x", "NoPermission"), ("two", "y", "NoPermission"), ("two", "z", "NoPermission")]


async def test_a_bug_in_a_step_is_raised_as_it_is(diary: Diary) -> None:
    with pytest.raises(ZeroDivisionError):
        await apply(Plan(steps=(Note(diary, "a", ("x",), broken=ZeroDivisionError()),)), CLOUD)


subjects = st.lists(st.sampled_from("uvwxyz"), min_size=1, max_size=3, unique=True).map(tuple)
errors = st.dictionaries(st.sampled_from("uvwxyz"), st.sampled_from([UNAVAILABLE, REJECTED]), max_size=2)
raw = st.lists(st.tuples(subjects, errors, st.booleans()), max_size=6)


@settings(max_examples=60, deadline=None)
@given(raw)
def test_every_subject_of_every_step_is_done_failed_or_stopped_by_an_earlier_failure(
    script: list[tuple[tuple[str, ...], dict[str, CloudError], bool]],
) -> None:
    diary = Diary()
    steps = tuple(
        Note(diary, str(number), subjects, seconds=0, failing=failing, broken=UNAVAILABLE if broken else None)
        for number, (subjects, failing, broken) in enumerate(script)
    )
    outcome = asyncio.run(apply(Plan(steps=steps), CLOUD))
    bad: set[str] = set()
    for number, step in enumerate(steps):
        did = {subject for one in outcome.done if one.todo() == str(number) for subject in one.subjects}
        not_done = {failure.subject for failure in outcome.failures if failure.step.todo() == str(number)}
        assert not did & not_done
        assert did | not_done == set(step.subjects) - bad
        bad |= not_done
