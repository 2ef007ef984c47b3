"""RAM's limits on names, descriptions, tags and durations."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ram_operator.rules.names import (
    check_description,
    check_policy_name,
    check_role_name,
    check_session_seconds,
    check_tags,
)

ROLE_RULE = "is no name that RAM takes; write 1 to 64 letters, digits, '.' and '-'"
POLICY_RULE = "is no name that RAM takes; write 1 to 128 letters, digits and '-'"


@pytest.mark.parametrize("name", ["EcsRamRoleDocumentTesting", "a", "a.b-c", "1", "x" * 64])
def test_a_good_role_name_has_no_problem(name: str) -> None:
    assert check_role_name(name) == ()


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", f'spec.roleName: "" {ROLE_RULE}'),
        ("my_role", f'spec.roleName: "my_role" {ROLE_RULE}, such as "my-role"'),
        ("my role ", f'spec.roleName: "my role " {ROLE_RULE}, such as "my-role"'),
        ("role@x", f'spec.roleName: "role@x" {ROLE_RULE}, such as "role-x"'),
        ("x" * 65, f'spec.roleName: "{"x" * 65}" {ROLE_RULE}'),
        (7, "spec.roleName: is a number; write a name of 1 to 64 letters, digits, '.' and '-'"),
    ],
)
def test_a_bad_role_name_is_refused_with_the_rule_and_a_name_that_works(name: Any, problem: str) -> None:
    assert check_role_name(name) == (problem,)


@pytest.mark.parametrize("name", ["EcsRamRoleDocumentTestingPolicy", "a-b", "x" * 128])
def test_a_good_policy_name_has_no_problem(name: str) -> None:
    assert check_policy_name(name) == ()


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("oss.read", f'spec.policyName: "oss.read" {POLICY_RULE}, such as "oss-read"'),
        ("oss_read", f'spec.policyName: "oss_read" {POLICY_RULE}, such as "oss-read"'),
        ("oss-read\n", f'spec.policyName: "oss-read\\n" {POLICY_RULE}, such as "oss-read"'),
    ],
)
def test_a_bad_policy_name_is_refused_with_the_rule_and_a_name_that_works(name: str, problem: str) -> None:
    assert check_policy_name(name) == (problem,)


def test_a_name_may_stand_elsewhere() -> None:
    assert check_policy_name("a_b", "metadata.name")[0].startswith('metadata.name: "a_b"')


@pytest.mark.parametrize(
    ("description", "problems"),
    [
        ("", ()),
        ("x" * 1024, ()),
        ("日" * 1024, ()),
        ("x" * 1025, ("spec.description: has 1025 characters; shorten it to 1024",)),
        (None, ()),
        (1, ("spec.description: is a number; write a text",)),
    ],
)
def test_a_description_has_at_most_1024_characters(description: Any, problems: tuple[str, ...]) -> None:
    assert check_description(description) == problems


@pytest.mark.parametrize("tags", [{}, {"team": "storage"}, {"team": ""}, {f"k{number}": "v" for number in range(17)}])
def test_good_tags_have_no_problem(tags: dict[str, str]) -> None:
    assert check_tags(tags) == ()


@pytest.mark.parametrize(
    ("tags", "problem"),
    [
        ({f"k{n}": "v" for n in range(18)}, "spec.tags: has 18 tags; keep at most 17"),
        ({"aliyun": "x"}, 'spec.tags.aliyun: keys that start with "aliyun" are reserved; choose another key'),
        ({"Aliyun-x": "x"}, 'spec.tags["Aliyun-x"]: keys that start with "aliyun" are reserved'),
        ({"acs:x": "x"}, 'spec.tags["acs:x"]: keys that start with "acs:" are reserved'),
        ({"http://x": "x"}, 'spec.tags["http://x"]: keys that start with "http://" are reserved'),
        ({"https://x": "x"}, 'spec.tags["https://x"]: keys that start with "https://" are reserved'),
        ({"ram-operator:cluster": "x"}, 'keys that start with "ram-operator:" are reserved'),
        ({"": "x"}, 'spec.tags[""]: the key has 0 characters; write 1 to 128'),
        ({"k" * 129: "x"}, "the key has 129 characters; write 1 to 128"),
        ({"k": "v" * 257}, "spec.tags.k: the value has 257 characters; shorten it to 256"),
        ({"k": 1}, "spec.tags.k: is a number; write a text in quotes"),
        (["k"], "spec.tags: is a list; write keys and values"),
    ],
)
def test_bad_tags_are_refused_with_place_and_fix(tags: Any, problem: str) -> None:
    (found,) = check_tags(tags)
    assert problem in found


@pytest.mark.parametrize(
    ("seconds", "problem"),
    [
        (None, None),
        (3600, None),
        (43200, None),
        (3599, "3599 is out of range; write 3600 to 43200, the nearest is 3600"),
        (43201, "43201 is out of range; write 3600 to 43200, the nearest is 43200"),
        ("3600", "is text; write whole seconds, such as 3600"),
        (True, "is a boolean; write whole seconds, such as 3600"),
        (3600.5, "is a number; write whole seconds, such as 3600"),
    ],
)
def test_a_session_lasts_one_to_twelve_hours(seconds: Any, problem: str | None) -> None:
    expected = (f"spec.maxSessionDurationSeconds: {problem}",) if problem else ()
    assert check_session_seconds(seconds) == expected


@given(st.none() | st.text() | st.integers() | st.lists(st.text()) | st.dictionaries(st.text(), st.none() | st.text()))
def test_any_value_gives_sentences_and_never_an_exception(value: Any) -> None:
    checks = (check_role_name, check_policy_name, check_description, check_tags, check_session_seconds)
    for problems in (check(value) for check in checks):
        assert all(isinstance(sentence, str) and "; " in sentence for sentence in problems)
