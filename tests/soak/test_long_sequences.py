"""Hundreds of long random sequences over bindings, nodes and other hands: run by `make soak`."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contract.binding_world import Journal
from tests.contract.test_binding_journal import first_roles as journal_roles
from tests.contract.test_binding_journal import happenings as journal_happenings
from tests.contract.test_binding_journal import journal as journal
from tests.contract.test_binding_journal import live as live_in_the_cloud
from tests.unit.test_binding_worlds import blind, first_roles, happenings, live

pytestmark = pytest.mark.soak


@settings(max_examples=500, deadline=None)
@given(first_roles, st.lists(st.one_of(happenings, blind), min_size=10, max_size=40), st.booleans())
def test_roles_end_where_they_are_wanted_and_nothing_is_touched_without_permission(
    roles: Sequence[str], script: list[tuple[Any, ...]], settled: bool
) -> None:
    asyncio.run(live(roles, script, settled))


@settings(max_examples=500, deadline=None)
@given(journal_roles, st.lists(journal_happenings, min_size=10, max_size=40))
def test_the_journal_shows_nothing_that_was_not_allowed(
    journal: Journal, roles: Sequence[str], script: list[tuple[Any, ...]]
) -> None:
    asyncio.run(live_in_the_cloud(journal, roles, script))
