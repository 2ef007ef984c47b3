"""What one policy allows and another one does not: whatever is lost is told."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ram_operator.rules.documents.comparing import PAIR_EFFORT, effort, entries, lost
from ram_operator.rules.patterns import matches_any

ACTIONS = ("log:Get", "log:List", "oss:Get", "ram:List")
RESOURCES = ("one", "two")
patterns = st.lists(st.sampled_from(("*", "log:*", "*:Get", "LOG:GET", "?og:Lis?", "oss:Get", "ram:*")), min_size=1)
statements = st.builds(
    lambda effect, key, actions, resources: {"Effect": effect, key: actions, "Resource": resources},
    st.sampled_from(("Allow", "Allow", "Deny")),
    st.sampled_from(("Action", "NotAction")),
    patterns,
    st.sampled_from(("*", "one", ["one", "two"], ["*"])),
)
documents = st.lists(statements, max_size=3)


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "1", "Statement": list(statements)}


def allowed(statements: Sequence[dict[str, Any]]) -> set[tuple[str, str]]:
    """The requests that a policy allows, judged one by one."""

    def effects(action: str, resource: str) -> set[str]:
        return {each["Effect"] for each in statements if concerns(each, action, resource)}

    return {each for each in product(ACTIONS, RESOURCES) if effects(*each) == {"Allow"}}


def concerns(statement: dict[str, Any], action: str, resource: str) -> bool:
    named = "Action" in statement
    if matches_any(action, statement["Action" if named else "NotAction"]) is not named:
        return False
    return bool(
        {"*", resource}
        & {*([statement["Resource"]] if isinstance(statement["Resource"], str) else statement["Resource"])}
    )


@given(documents, documents)
def test_what_is_lost_is_always_told(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> None:
    missing, partly = lost([*entries(document(*old))], [*entries(document(*new))])
    if allowed(old) - allowed(new):
        assert missing or partly


@given(documents)
def test_nothing_is_lost_where_nothing_changes(same: list[dict[str, Any]]) -> None:
    found = [*entries(document(*same))]
    assert lost(found, found) == ([], [])


def allow(**what: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Resource": "*", **what}


def deny(**what: Any) -> dict[str, Any]:
    return allow(**what) | {"Effect": "Deny"}


LOST: list[tuple[str, list[Any], list[Any], tuple[list[str], list[str]]]] = [
    ("an exception for everything", [allow(NotAction="ram:*")], [], (["all but ram:*"], [])),
    ("everything has no exception", [allow(NotAction="ram:*")], [allow(Action="*")], ([], [])),
    ("an exception more", [allow(NotAction="ram:*")], [allow(NotAction=["ram:*", "sts:*"])], (["all but ram:*"], [])),
    ("an exception less", [allow(NotAction=["ram:*", "sts:*"])], [allow(NotAction="ram:*")], ([], [])),
    ("a wider exception", [allow(NotAction="ram:*")], [allow(NotAction="*")], (["all but ram:*"], [])),
    ("an action that is excepted", [allow(Action="ram:List")], [allow(NotAction="ram:*")], (["ram:List"], [])),
    ("an action that is not excepted", [allow(Action="log:Get")], [allow(NotAction="ram:*")], ([], [])),
    ("on other resources", [allow(Action="log:Get")], [allow(Action="log:*", Resource="one")], ([], ["log:Get"])),
    ("on the same resources", [allow(Action="a:B", Resource="one")], [allow(Action="a:*", Resource=["one"])], ([], [])),
    (
        "under a condition",
        [allow(Action="a:B")],
        [allow(Action="a:B", Condition={"Bool": {"x": "true"}})],
        ([], ["a:B"]),
    ),
    ("under none", [allow(Action="a:B")], [allow(Action="a:B", Condition={})], ([], [])),
    ("denied", [allow(Action="a:*")], [allow(Action="*"), deny(Action="a:B")], ([], ["a:*"])),
    (
        "denied before as well",
        [allow(Action="*"), deny(Action="a:*")],
        [allow(Action="*"), deny(Action="a:B")],
        ([], []),
    ),
    ("a Deny of something else", [allow(Action="a:*")], [allow(Action="*"), deny(Action="b:*")], ([], [])),
]


@pytest.mark.parametrize(("old", "new", "told"), [each[1:] for each in LOST], ids=[each[0] for each in LOST])
def test_it_tells_what_is_missing_and_what_is_allowed_in_part(
    old: list[Any], new: list[Any], told: tuple[list[str], list[str]]
) -> None:
    assert lost([*entries(document(*old))], [*entries(document(*new))]) == told


UNCLEAR: list[Any] = [
    "no JSON",
    "[]",
    {},
    {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}},
    document({"Effect": "allow", "Action": "*", "Resource": "*"}),
    document({"Effect": "Allow", "Resource": "*"}),
    document({"Effect": "Allow", "Action": [], "Resource": "*"}),
    document({"Effect": "Allow", "Action": [1], "Resource": "*"}),
    document({"Effect": "Allow", "Action": "*", "NotAction": "a:B", "Resource": "*"}),
    document({"Effect": "Allow", "Action": "*"}),
]


@pytest.mark.parametrize("unclear", UNCLEAR, ids=str)
def test_what_is_not_understood_is_taken_for_nothing(unclear: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        list(entries(unclear))


EFFORTS: list[tuple[tuple[str, ...], tuple[str, ...], int]] = [
    (("log:Get",), ("oss:Get",), PAIR_EFFORT),
    (("log:Get", "log:List"), ("LOG:*",), 2 * PAIR_EFFORT + (7 + 5) + (8 + 5)),
    (("log:Get", "oss:Get"), ("log:Get", "oss:Get"), 4 * PAIR_EFFORT + 2 * (7 + 7)),
    (("*",), ("log:Get", "oss:Get"), 2 * PAIR_EFFORT + 2 * (1 + 7)),
    (("log:Get",), ("l?g:*", "*"), 2 * PAIR_EFFORT + (7 + 5) + (7 + 1)),
]


@pytest.mark.parametrize(("old", "new", "expected"), EFFORTS)
def test_the_effort_of_a_comparison_grows_with_all_pairs_and_the_signs_of_what_may_be_of_one_service(
    old: tuple[str, ...], new: tuple[str, ...], expected: int
) -> None:
    sides = [[*entries(document({"Effect": "Allow", "Action": [*side], "Resource": "*"}))] for side in (old, new)]
    assert effort(*sides) == expected
