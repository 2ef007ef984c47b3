"""Scopes: what two askers want together is what each of them wants."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ram_operator.model import EVERYTHING, Scope

subjects = st.frozensets(st.sampled_from(["i-1", "i-2", "i-3"]))
scopes = st.builds(Scope, st.none() | subjects, st.booleans())


@given(scopes, scopes, st.sampled_from(["i-1", "i-2", "i-3", "i-4"]))
def test_both_cover_what_either_covers_and_nothing_else(one: Scope, other: Scope, subject: str) -> None:
    assert (subject in (one | other)) == (subject in one or subject in other)


@given(scopes, scopes)
def test_only_two_sweeps_make_a_sweep(one: Scope, other: Scope) -> None:
    assert (one | other).swept == (one.swept and other.swept)


@given(scopes, scopes, scopes)
def test_order_and_repetition_do_not_matter(one: Scope, other: Scope, third: Scope) -> None:
    assert one | other == other | one
    assert (one | other) | third == one | (other | third)
    assert one | one == one


@given(subjects)
def test_everything_and_some_is_everything(some: frozenset[str]) -> None:
    assert EVERYTHING | Scope(some) == EVERYTHING == Scope(some) | EVERYTHING
