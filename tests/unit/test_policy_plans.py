"""What a RamPolicy plans: create, correct, leave alone, wait, by values alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.builders import (
    DOCUMENT,
    OTHER_DOCUMENT,
    cloud_policy,
    cluster,
    context,
    decided,
    facts_of,
    made_policy_status,
    owner,
    policy_body,
    policy_key,
)
from tests.unit.policies import ABSENT, KEY, KIND, OURS, held, planned, projected, there

from ram_operator.cloud import NewPolicy, Taggable
from ram_operator.errors import AlreadyExists, InvalidSpec
from ram_operator.kinds.ram_policy.observing import ObservedPolicy
from ram_operator.kinds.ram_policy.steps import CreatePolicy, CreatePolicyVersion, DeletePolicy, UpdatePolicyDescription
from ram_operator.kinds.steps import Tag, tags_of
from ram_operator.model import Failure, Outcome, Plan, Reason
from ram_operator.rules.documents import canonical


def test_a_policy_that_is_absent_is_created_with_our_tags() -> None:
    body = policy_body(spec={"policyName": "OssRead", "description": "read", "tags": {"team": "storage"}})
    new = NewPolicy("OssRead", canonical(DOCUMENT), "read", {"team": "storage", **OURS})
    assert decided(planned(body, ABSENT)) == Plan(steps=(CreatePolicy("OssRead", new),))


def test_the_name_in_ram_is_the_objects_unless_the_spec_says_another() -> None:
    [step] = planned(policy_body(), ABSENT).steps
    assert isinstance(step, CreatePolicy)
    assert step.policy.name == "oss-read"


def test_a_policy_as_wanted_needs_nothing() -> None:
    assert decided(planned(policy_body(), there())) == Plan()


DRIFT: list[tuple[str, dict[str, Any], ObservedPolicy, Any]] = [
    (
        "document",
        {},
        there(cloud_policy(document=OTHER_DOCUMENT)),
        CreatePolicyVersion("oss-read", "oss-read", canonical(DOCUMENT)),
    ),
    (
        "description",
        {"description": "read"},
        there(),
        UpdatePolicyDescription("oss-read", "oss-read", "read"),
    ),
    (
        "description taken back to nothing",
        {"description": ""},
        there(cloud_policy(description="old")),
        UpdatePolicyDescription("oss-read", "oss-read", ""),
    ),
    (
        "tag absent",
        {"tags": {"team": "storage"}},
        there(),
        Tag(tags_of("oss-read"), Taggable.POLICY, "oss-read", (("team", "storage"),)),
    ),
    (
        "tag changed",
        {"tags": {"team": "storage"}},
        there(tags={**OURS, "team": "x"}),
        Tag(tags_of("oss-read"), Taggable.POLICY, "oss-read", (("team", "storage"),)),
    ),
]


@pytest.mark.parametrize(("spec", "observed", "step"), [row[1:] for row in DRIFT], ids=[row[0] for row in DRIFT])
def test_each_field_that_drifted_is_repaired_alone(spec: dict[str, Any], observed: ObservedPolicy, step: Any) -> None:
    assert decided(planned(policy_body(spec=spec), observed)) == Plan(steps=(step,))


SAME = [
    there(cloud_policy(document={"Statement": DOCUMENT["Statement"], "Version": "1"})),
    there(
        cloud_policy(
            document={"Version": "1", "Statement": [{"Effect": "Allow", "Action": "OSS:get*", "Resource": ["*"]}]}
        )
    ),
    there(tags={**OURS, "foreign": "tag"}),
    there(cloud_policy(description="somebody's words")),
    there(cloud_policy("OSS-Read")),
]


@pytest.mark.parametrize(
    "observed", SAME, ids=["key order", "spelling", "foreign tag", "no description", "case of name"]
)
def test_what_means_the_same_is_no_drift(observed: ObservedPolicy) -> None:
    assert decided(planned(policy_body(), observed)) == Plan()


def test_steps_go_to_the_policy_by_the_name_ram_has_for_it() -> None:
    observed = there(cloud_policy("OSS-Read", document=OTHER_DOCUMENT))
    [step] = planned(policy_body(), observed).steps
    assert isinstance(step, CreatePolicyVersion)
    assert step.name == "OSS-Read"


# Whose it is


FOREIGN = [
    ({}, Reason.NOT_OWNED),
    ({"team": "x"}, Reason.NOT_OWNED),
    (owner(KEY, cluster="c-2").tags(), Reason.OWNED_BY_OTHER),
    (owner(policy_key("other")).tags(), Reason.OWNED_BY_OTHER),
    ({**OURS, "ram-operator:kind": "RamRole"}, Reason.OWNED_BY_OTHER),
    ({"ram-operator:cluster": "c-1"}, Reason.OWNED_BY_OTHER),
]


@pytest.mark.parametrize(("tags", "reason"), FOREIGN)
def test_a_policy_that_is_not_marked_as_ours_is_never_written(tags: dict[str, str], reason: Reason) -> None:
    observed = there(cloud_policy(document=OTHER_DOCUMENT), tags)
    assert held(planned(policy_body(), observed)) == [reason]
    assert projected(policy_body(), observed) == {}
    assert decided(planned(policy_body(deleting=True), observed)) == Plan()


def test_the_words_name_whose_it_is() -> None:
    [hold] = planned(policy_body(), there(tags=owner(policy_key("other"), cluster="c-2").tags())).holds
    assert "RamPolicy/other of cluster c-2" in hold.message
    assert hold.message.endswith("add that cluster to settings.previousClusterIds of the operator")
    for cluster_id in ("c-1", "c-0"):
        tags = owner(policy_key("gone"), cluster=cluster_id).tags()
        [hold] = planned(policy_body(), there(tags=tags), previous=("c-0",)).holds
        assert "RamPolicy/gone, which this cluster had before; create that object again" in hold.message
        assert "previousClusterIds" not in hold.message


def test_a_policy_of_a_previous_cluster_is_taken_over_by_its_tags() -> None:
    observed = there(tags=owner(KEY, cluster="c-0").tags())
    assert decided(planned(policy_body(), observed, previous=("c-0",))) == Plan(
        steps=(Tag(tags_of("oss-read"), Taggable.POLICY, "oss-read", (("ram-operator:cluster", "c-1"),)),)
    )
    assert held(planned(policy_body(), observed, previous=("c-x",))) == [Reason.OWNED_BY_OTHER]
    assert planned(policy_body(deleting=True), observed, previous=("c-0",)).steps == (
        DeletePolicy("oss-read", "oss-read"),
    )


RIVAL = policy_body("older", created="2025-01-01T00:00:00Z", spec={"policyName": "OSS-Read"})
YOUNGER = policy_body("younger", created="2026-02-01T00:00:00Z", spec={"policyName": "OSS-Read"})


def test_of_two_objects_with_one_name_the_older_creates_it_whatever_the_case() -> None:
    assert held(planned(policy_body(), ABSENT, RIVAL)) == [Reason.NAME_TAKEN]
    assert planned(policy_body(), ABSENT, YOUNGER).steps
    [hold] = planned(policy_body(), ABSENT, RIVAL).holds
    assert "RamPolicy/older" in hold.message


def test_who_is_named_in_the_tags_wins_over_age() -> None:
    assert decided(planned(policy_body(), there(), RIVAL)) == Plan()
    theirs = there(tags=owner(policy_key("younger")).tags())
    assert held(planned(policy_body(), theirs, YOUNGER)) == [Reason.NAME_TAKEN]


def test_two_objects_that_name_a_policy_of_nobody_are_both_told_so() -> None:
    assert held(planned(policy_body(), there(tags={}), RIVAL)) == [Reason.NOT_OWNED]


@pytest.mark.parametrize(
    "spec",
    [
        {"adoptionPolicy": "Never", "managementPolicy": "Enforce"},
        {"attachTo": {}},
        {"attachTo": {"users": [], "groups": []}},
        {"deletionPolicy": "Retain"},
    ],
    ids=str,
)
def test_defaults_that_are_written_out_are_supported(spec: dict[str, Any]) -> None:
    assert planned(policy_body(spec=spec), ABSENT).steps


# Status


def test_the_status_tells_what_the_cloud_has() -> None:
    observed = there(cloud_policy("OSS-Read", default_version="v3", attachment_count=2))
    assert projected(policy_body(generation=4), observed) == {
        "policyName": "OSS-Read",
        "origin": "Created",
        "defaultVersion": "v3",
        "attachmentCount": 2,
        "verified": {
            "generation": 4,
            "updateDate": "2026-04-01T00:00:00Z",
            "defaultVersion": "v3",
            "otherAttachments": 2,
            "at": "2026-05-01T12:00:00Z",
        },
    }


def test_the_time_of_the_detail_read_moves_only_with_a_change_or_a_full_check() -> None:
    first = projected(policy_body(), there())
    body = policy_body(status=first)
    assert projected(body, there(), seconds=3600) == first
    assert projected(body, there(), seconds=6 * 3600)["verified"]["at"] == "2026-05-01T18:00:00Z"
    changed = projected(body, there(cloud_policy(attachment_count=1)), seconds=3600)
    assert changed["verified"]["at"] == "2026-05-01T13:00:00Z"


def test_a_policy_that_is_not_there_has_no_version_in_status() -> None:
    assert projected(policy_body(status=made_policy_status()), ABSENT) == {}


def test_an_unread_policy_keeps_its_status() -> None:
    status = made_policy_status()
    body = policy_body(status=status, spec={"adoptionPolicy": "IfUnowned"})
    assert projected(body, None) == {name: value for name, value in status.items() if name != "conditions"}


# Refusals


WRONG: list[tuple[dict[str, Any], str]] = [
    (
        {"document": {"Version": "2016-10-17", "Statement": DOCUMENT["Statement"]}},
        'spec.document.Version: "2016-10-17"',
    ),
    ({"policyName": "with blank"}, "spec.policyName"),
    ({"tags": {"acs:x": "y"}}, "spec.tags"),
    ({"description": "x" * 1025}, "spec.description"),
]


@pytest.mark.parametrize(("spec", "words"), WRONG, ids=[words for _, words in WRONG])
def test_a_wrong_spec_is_refused_with_the_place(spec: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidSpec, match=words.replace("[", r"\[")):
        KIND.parse(policy_body(spec=spec))


def test_every_problem_of_a_spec_is_told_at_once() -> None:
    with pytest.raises(InvalidSpec) as caught:
        KIND.parse(policy_body(spec={"policyName": "a b", "description": 5, "document": {}}))
    assert len(caught.value.problems) >= 3
    assert json.dumps(caught.value.problems)


def test_a_name_that_a_system_policy_has_is_taken_and_not_tried_again() -> None:
    body = policy_body(spec={"policyName": "AliyunOSSFullAccess"})
    plan = planned(body, ObservedPolicy(system=True))
    assert plan.steps == ()
    assert [(hold.reason, hold.retry_after) for hold in plan.holds] == [(Reason.NAME_TAKEN, 60.0)]
    assert "choose another spec.policyName" in plan.holds[0].message


def test_a_name_that_exists_and_is_not_shown_is_not_said_to_be_taken() -> None:
    create = planned(policy_body(), ABSENT).steps[0]
    refused = AlreadyExists("CreatePolicy", "EntityAlreadyExists.Policy")
    outcome = Outcome(failures=(Failure("oss-read", create, refused),))
    facts = facts_of(KEY, cluster(policy_body()))
    after = KIND.plan(KIND.desire(KIND.parse(policy_body()), facts), ABSENT, {}, context(KEY, outcome=outcome))
    assert (after.steps, after.holds) == ((create,), ())
