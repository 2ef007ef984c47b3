"""The merge patch of a status: what the API server makes of it is what was meant, and equal states need none."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ram_operator.cluster.kube import merge_patch


def patched(target: Any, patch: Any) -> Any:
    """RFC 7386, as its section 2 writes it."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = patched(result.get(key), value)
    return result


CASES: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({}, {}, {}),
    ({"a": 1}, {"a": 1}, {}),
    ({"a": 1}, {"a": 2}, {"a": 2}),
    ({"a": 1}, {}, {"a": None}),
    ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, {"a": {"c": None}}),
    ({"a": {"b": 1}}, {"a": {}}, {"a": {"b": None}}),
    ({"a": [1, 2]}, {"a": [1]}, {"a": [1]}),
    ({"a": [{"b": 1, "c": 2}]}, {"a": [{"b": 1}]}, {"a": [{"b": 1}]}),
    ({"a": [1]}, {"a": []}, {"a": []}),
    ({"a": []}, {"a": []}, {}),
    ({"a": "x"}, {"a": {"b": 1}}, {"a": {"b": 1}}),
    ({"a": {"b": 1}}, {"a": "x"}, {"a": "x"}),
    ({"a": {"b": 1}}, {"a": [1]}, {"a": [1]}),
    ({}, {"a": {}}, {"a": {}}),
    ({}, {"a": ""}, {"a": ""}),
    ({"a": False}, {"a": 0, "b": False}, {"b": False}),
]


@pytest.mark.parametrize(("before", "after", "patch"), CASES, ids=str)
def test_a_patch_holds_the_difference_and_nothing_else(
    before: dict[str, Any], after: dict[str, Any], patch: dict[str, Any]
) -> None:
    assert merge_patch(before, after) == patch


scalars = st.one_of(st.booleans(), st.integers(-3, 3), st.text(max_size=3))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3)
    ),
    max_leaves=8,
)
states = st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), values, max_size=4)


@given(states, states)
def test_the_patched_state_is_the_wanted_one(before: dict[str, Any], after: dict[str, Any]) -> None:
    kept = copy.deepcopy((before, after))
    assert patched(before, merge_patch(before, after)) == after
    assert (before, after) == kept, "neither was changed"


@given(states)
def test_an_equal_state_needs_no_patch(state: dict[str, Any]) -> None:
    assert merge_patch(state, copy.deepcopy(state)) == {}
