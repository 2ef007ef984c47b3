"""What one object tells of another, by the clock."""

from typing import Any

import pytest
from tests.unit.builders import cluster, facts_of, later, policy_body, policy_key, ready

from ram_operator.cluster.caches import view_of


@pytest.mark.parametrize(("seconds", "just"), [(0, True), (58, True), (60, False), (-30, True), (-86400, False)])
def test_a_deletion_is_recent_for_a_minute_and_one_of_a_clock_a_day_ahead_is_not(seconds: int, just: bool) -> None:
    view = view_of(policy_key("p"), policy_body("p", deleting=True))
    assert view.just_deleted(later(seconds)) == just


REPORTED: list[tuple[str, dict[str, Any], bool]] = [
    ("never reported on", {}, True),
    ("reported on before the edit", {"observedGeneration": 1, "conditions": ready(generation=1)}, True),
    ("reported on since", {"observedGeneration": 2, "conditions": ready(generation=2)}, False),
]


@pytest.mark.parametrize(("status", "edited"), [row[1:] for row in REPORTED], ids=[row[0] for row in REPORTED])
def test_an_object_is_edited_until_a_reconcile_has_reported_on_its_generation(
    status: dict[str, Any], edited: bool
) -> None:
    facts = facts_of(policy_key("p"), cluster(policy_body("p", status=status, generation=2)))
    assert facts.edited == edited
