"""Clusters that were given the same id are told from each other by the UIDs behind it."""

from __future__ import annotations

import pytest
from tests.unit.builders import owner, policy_key

from ram_operator.kinds import ownership
from ram_operator.model import Owner, Ownership, Reason

KEY = policy_key("read")
US, COPY = "prod/uid-1", "prod/uid-2"

JUDGEMENTS: list[tuple[str, str, tuple[str, ...], Ownership]] = [
    ("itself", US, (), Ownership.OURS),
    ("another cluster with the same id", COPY, (), Ownership.OTHERS),
    ("one that it succeeds, by its UID", COPY, ("uid-2",), Ownership.INHERITED),
    ("one that it succeeds, by its id", COPY, ("prod",), Ownership.INHERITED),
    ("one that it succeeds, by both", COPY, (COPY,), Ownership.INHERITED),
    ("one without an id that it succeeds", "uid-2", ("uid-2",), Ownership.INHERITED),
    ("one that it does not succeed", "test/uid-3", ("prod", "uid-2"), Ownership.OTHERS),
]


@pytest.mark.parametrize(
    ("cluster", "previous", "whose"), [row[1:] for row in JUDGEMENTS], ids=[r[0] for r in JUDGEMENTS]
)
def test_whose_a_cloud_object_is(cluster: str, previous: tuple[str, ...], whose: Ownership) -> None:
    assert Owner(US, KEY, previous).judge(Owner(cluster, KEY).tags()) is whose


def test_the_words_say_that_two_clusters_have_the_same_id() -> None:
    hold = ownership.foreign("policy read", owner(KEY, cluster=COPY).tags(), Owner(US, KEY))
    assert hold is not None
    assert hold.reason is Reason.OWNED_BY_OTHER
    assert "of another cluster with the same settings.clusterId, prod/uid-2; give one of the two" in hold.message
