"""Conditions that a document loses where another one takes its place."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ram_operator.rules.documents import removed_conditions

ADDRESS = {"IpAddress": {"acs:SourceIp": "10.0.0.0/8"}}
BOTH = {**ADDRESS, "Bool": {"acs:SecureTransport": "true"}}
LOST_ADDRESS = 'spec.document.Statement[0] has no condition "IpAddress" on "acs:SourceIp" any more'


def allow(action: str = "oss:Get*", condition: Any = None, effect: str = "Allow") -> dict[str, Any]:
    statement = {"Effect": effect, "Action": action, "Resource": "*"}
    return statement if condition is None else {**statement, "Condition": condition}


EDITS: list[tuple[str, list[Any], list[Any], list[str]]] = [
    ("removed", [allow(condition=ADDRESS)], [allow()], [LOST_ADDRESS]),
    ("emptied", [allow(condition=ADDRESS)], [allow(condition={})], [LOST_ADDRESS]),
    ("one of two removed", [allow(condition=BOTH)], [allow(condition={"Bool": BOTH["Bool"]})], [LOST_ADDRESS]),
    ("removed, and the action with it", [allow(condition=ADDRESS)], [allow("oss:List*")], [LOST_ADDRESS]),
    (
        "its value changed",
        [allow(condition=ADDRESS)],
        [allow(condition={"IpAddress": {"acs:SourceIp": "1.1.1.1"}})],
        [],
    ),
    (
        "its key in other case",
        [allow(condition=ADDRESS)],
        [allow(condition={"IpAddress": {"acs:sourceip": "::1"}})],
        [],
    ),
    ("statements reordered", [allow(condition=ADDRESS), allow("a:B")], [allow("a:B"), allow(condition=ADDRESS)], []),
    ("removed and reordered", [allow("a:B"), allow(condition=ADDRESS)], [allow(), allow("a:B")], [LOST_ADDRESS]),
    ("a statement without it beside it", [allow(condition=ADDRESS), allow()], [allow()], []),
    ("a statement more", [allow(condition=ADDRESS)], [allow(condition=ADDRESS), allow("a:B")], []),
    ("a statement less", [allow(condition=ADDRESS), allow("a:B")], [allow("a:B")], []),
    ("a Deny that denies more", [allow(condition=ADDRESS, effect="Deny")], [allow(effect="Deny")], []),
    ("nothing in force", [], [allow()], []),
]


@pytest.mark.parametrize(("before", "after", "found"), [row[1:] for row in EDITS], ids=[row[0] for row in EDITS])
def test_a_condition_that_an_allow_loses_is_found(before: list[Any], after: list[Any], found: list[str]) -> None:
    document = json.dumps({"Version": "1", "Statement": before})
    assert list(removed_conditions(document, {"Statement": after}, "spec.document")) == found


@pytest.mark.parametrize("before", ["", "no JSON", None, [], {"Statement": {}}, {"Statement": ["text"]}])
def test_what_is_not_understood_had_no_conditions(before: Any) -> None:
    assert removed_conditions(before, {"Statement": [allow()]}, "spec.document") == ()
