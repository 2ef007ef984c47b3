"""Hundreds of long random sequences over bindings, nodes and other hands: run by `make soak`."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.test_binding_worlds import blind, first_roles, happenings, live

pytestmark = pytest.mark.soak


@settings(max_examples=500, deadline=None)
@given(first_roles, st.lists(st.one_of(happenings, blind), min_size=10, max_size=40), st.booleans())
def test_roles_end_where_they_are_wanted_and_nothing_is_touched_without_permission(
    roles: Sequence[str], script: list[tuple[Any, ...]], settled: bool
) -> None:
    asyncio.run(live(roles, script, settled))
