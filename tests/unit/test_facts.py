"""What one object tells of another, by the clock."""

import pytest
from tests.unit.builders import later, policy_body, policy_key

from ram_operator.cluster.caches import view_of


@pytest.mark.parametrize(("seconds", "just"), [(0, True), (58, True), (60, False), (-30, True), (-86400, False)])
def test_a_deletion_is_recent_for_a_minute_and_one_of_a_clock_a_day_ahead_is_not(seconds: int, just: bool) -> None:
    view = view_of(policy_key("p"), policy_body("p", deleting=True))
    assert view.just_deleted(later(seconds)) == just
