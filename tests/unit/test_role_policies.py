"""Which policies a RamRole attaches and detaches: additively, as far as it can, within limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from tests.unit.builders import (
    cluster,
    context,
    custom,
    decided,
    facts_of,
    made_policy_status,
    owner,
    policy_body,
    role_body,
    system,
)
from tests.unit.roles import (
    ABSENT,
    KEY,
    KIND,
    NAME,
    OSS_READ,
    REFERENCE,
    held,
    managing,
    planned,
    projected,
    reasons,
    rows,
    there,
    with_policies,
)

from ram_operator.cloud import PolicyName, Taggable
from ram_operator.errors import CloudError, PolicyNotFound, Throttled, Unavailable
from ram_operator.kinds.ram_role.steps import AttachPolicy, DeleteRole, DetachPolicy
from ram_operator.kinds.steps import Tag, tags_of
from ram_operator.model import Failure, Outcome, Plan, Reason


def failed(step: AttachPolicy, error: CloudError) -> Outcome:
    return Outcome(failures=(Failure(step.subjects[0], step, error),))


# Attaching is additive


def test_a_missing_policy_is_claimed_and_attached() -> None:
    plan = planned(with_policies(REFERENCE), there(), OSS_READ)
    assert decided(plan) == Plan(steps=(AttachPolicy(custom("oss-read"), NAME),))
    assert plan.claims == {"managedPolicies": rows(custom("oss-read"), pending=True)}


def test_a_claimed_policy_that_somebody_detached_is_attached_again_without_a_new_claim() -> None:
    plan = planned(with_policies(REFERENCE, status=managing(custom("oss-read"))), there(), OSS_READ)
    assert decided(plan) == Plan(steps=(AttachPolicy(custom("oss-read"), NAME),))


def test_a_policy_that_others_attached_is_left_alone_unless_the_spec_names_it() -> None:
    observed = there(custom("oss-read"), system("AliyunOSSReadOnlyAccess"))
    assert decided(planned(role_body(), observed)) == Plan()
    assert decided(planned(with_policies(REFERENCE), observed, OSS_READ)) == Plan()
    assert projected(with_policies(REFERENCE), observed, OSS_READ)["managedPolicies"] == rows(custom("oss-read"))


def test_a_policy_we_attached_is_detached_when_it_is_no_longer_wanted() -> None:
    body = role_body(status=managing(custom("oss-read")))
    assert decided(planned(body, there(custom("OSS-Read"), system("Other")))) == Plan(
        steps=(DetachPolicy(custom("oss-read"), NAME),)
    )


def test_a_claim_is_dropped_when_the_policy_is_neither_wanted_nor_attached() -> None:
    body = role_body(status=managing(custom("oss-read"), custom("gone")))
    assert projected(body, there(custom("oss-read")))["managedPolicies"] == rows(custom("oss-read"))


def test_a_claim_stays_while_the_policy_is_wanted_and_does_not_show() -> None:
    body = with_policies(REFERENCE, status=managing(custom("oss-read")))
    assert projected(body, there(), OSS_READ)["managedPolicies"] == rows(custom("oss-read"))


ATTACH = AttachPolicy(custom("oss-read"), NAME)
ATTEMPTS: list[tuple[str, Outcome]] = [
    ("none", Outcome()),
    ("done", Outcome(done=(ATTACH,))),
    ("no answer", failed(ATTACH, Unavailable("AttachPolicyToRole", "SDK.ReadTimeout"))),
    ("throttled", failed(ATTACH, Throttled("AttachPolicyToRole", "Throttling.User"))),
    ("refused", failed(ATTACH, PolicyNotFound("AttachPolicyToRole", "EntityNotExist.Policy"))),
]


@pytest.mark.parametrize(("attempt", "outcome"), ATTEMPTS, ids=[name for name, _ in ATTEMPTS])
def test_a_claim_is_pending_until_the_attachment_shows_whatever_a_later_one_is_answered(
    attempt: str, outcome: Outcome
) -> None:
    body = with_policies(REFERENCE, status=managing(custom("oss-read"), pending=True))
    stored = projected(body, there(), OSS_READ, outcome=outcome)["managedPolicies"]
    assert stored == rows(custom("oss-read"), pending=True), attempt
    shown = projected(body, there(custom("OSS-Read")), OSS_READ, outcome=outcome)["managedPolicies"]
    assert shown == rows(custom("OSS-Read"))


def test_an_attachment_that_was_repaired_and_does_not_show_is_pending_again() -> None:
    body = with_policies(REFERENCE, status=managing(custom("oss-read")))
    stored = projected(body, there(), OSS_READ, outcome=Outcome(done=(ATTACH,)))["managedPolicies"]
    assert stored == rows(custom("oss-read"), pending=True)


def test_an_attachment_that_never_showed_is_detached_when_the_policy_is_edited_out() -> None:
    body = role_body(status=managing(custom("oss-read"), pending=True))
    step = DetachPolicy(custom("oss-read"), NAME)
    assert decided(planned(body, there())) == Plan(steps=(step,))
    assert projected(body, there())["managedPolicies"] == rows(custom("oss-read"), pending=True), "not yet detached"
    assert projected(body, there(), outcome=Outcome(done=(step,)))["managedPolicies"] == []


def test_after_it_was_detached_nothing_is_left_to_do() -> None:
    body = role_body(status=managing(custom("oss-read"), pending=True))
    done = Outcome(done=(DetachPolicy(custom("oss-read"), NAME),))
    assert decided(planned(body, there(), outcome=done)) == Plan()


def test_an_attachment_that_never_showed_is_detached_before_its_role_is_deleted() -> None:
    body = role_body(status=managing(custom("oss-read"), pending=True), deleting=True)
    detach = DetachPolicy(custom("oss-read"), NAME)
    assert decided(planned(body, there())) == Plan(steps=(detach, DeleteRole(NAME, (custom("oss-read"),))))


def test_an_attachment_that_shows_at_last_is_detached_once_before_its_role_is_deleted() -> None:
    body = role_body(status=managing(custom("oss-read"), pending=True), deleting=True)
    detach = DetachPolicy(custom("oss-read"), NAME)
    assert decided(planned(body, there(custom("oss-read")))) == Plan(
        steps=(detach, DeleteRole(NAME, (custom("oss-read"),)))
    )


def test_a_new_claim_leaves_the_others_pending() -> None:
    body = with_policies(REFERENCE, {"system": "ReadOnlyAccess"}, status=managing(custom("oss-read"), pending=True))
    wanted = rows(custom("oss-read"), system("ReadOnlyAccess"), pending=True)
    assert planned(body, there(), OSS_READ).claims == {"managedPolicies": wanted}


def test_an_attachment_that_shows_after_it_was_detached_stays_ours() -> None:
    body = role_body(status=managing(custom("oss-read"), pending=True))
    done = Outcome(done=(DetachPolicy(custom("oss-read"), NAME),))
    assert projected(body, there(custom("oss-read")), outcome=done)["managedPolicies"] == rows(custom("oss-read"))


def test_claims_outlive_a_reading_that_does_not_show_the_role() -> None:
    body = with_policies(REFERENCE, status=managing(custom("oss-read")))
    assert projected(body, ABSENT, OSS_READ) == {"managedPolicies": rows(custom("oss-read"))}


def test_one_policy_named_twice_is_attached_once() -> None:
    body = with_policies(REFERENCE, {"custom": "OSS-Read"})
    assert len(planned(body, there(), OSS_READ).steps) == 1


def test_the_policies_of_a_cluster_we_succeed_become_ours() -> None:
    before = owner(KEY, cluster="c-0").tags()
    observed = there(custom("oss-read"), custom("foreign"), tags=before)
    plan = planned(with_policies(REFERENCE), observed, OSS_READ, previous=("c-0",))
    assert decided(plan) == Plan(
        steps=(Tag(tags_of(NAME), Taggable.ROLE, NAME, (("ram-operator:cluster", "c-1"),)),),
    )
    assert plan.claims == {"managedPolicies": rows(custom("oss-read"))}


# References


WAITS: list[tuple[str, Mapping[str, Any], tuple[Mapping[str, Any], ...], str]] = [
    ("missing", REFERENCE, (), "RamPolicy/oss-read, which does not exist"),
    ("not made yet", REFERENCE, (policy_body(),), "RamPolicy/oss-read to be ready"),
    (
        "going",
        REFERENCE,
        (policy_body(status=made_policy_status(), deleting=True),),
        "RamPolicy/oss-read, which is being deleted",
    ),
    ("not made yet, by its name in RAM", {"custom": "OSS-Read"}, (policy_body(),), "RamPolicy/oss-read to be ready"),
]


@pytest.mark.parametrize(("entry", "others", "words"), [row[1:] for row in WAITS], ids=[row[0] for row in WAITS])
def test_a_reference_that_cannot_be_resolved_is_waited_for(
    entry: Mapping[str, Any], others: tuple[Mapping[str, Any], ...], words: str
) -> None:
    plan = planned(with_policies(entry, {"system": "Sys"}), there(), *others)
    assert reasons(plan.holds) == [Reason.POLICY_NOT_READY]
    assert words in plan.holds[0].message
    assert plan.holds[0].retry_after is None
    assert [step.todo() for step in plan.steps] == ["attach policy System/Sys to role oss-reader"]


def test_all_that_is_waited_for_is_named_in_one_listing_for_each_way_of_waiting() -> None:
    entries = [{"policyRef": {"name": name}} for name in ("b", "a", "going", "new", "a")]
    others = (policy_body("going", made_policy_status("going"), deleting=True), policy_body("new"))
    assert [hold.message for hold in planned(with_policies(*entries), there(), *others).holds] == [
        "waits for RamPolicy/b, RamPolicy/a, which do not exist",
        "waits for RamPolicy/going, which is being deleted",
        "waits for RamPolicy/new to be ready",
    ]


GOING = policy_body(status=made_policy_status(), deleting=True)
SUMMARIES: list[tuple[str, list[Mapping[str, Any]], tuple[Mapping[str, Any], ...], str]] = [
    ("named twice", [REFERENCE, {"custom": "OSS-Read"}, REFERENCE], (OSS_READ,), "1/1"),
    ("going and still attached", [REFERENCE], (GOING,), "1/1"),
    ("going, named twice", [REFERENCE, {"custom": "oss-read"}], (GOING,), "1/1"),
    (
        "going and detached",
        [{"policyRef": {"name": "other"}}],
        (policy_body("other", GOING["status"] | {"policyName": "other"}, deleting=True),),
        "0/1",
    ),
    ("missing", [{"policyRef": {"name": "nobody"}}, {"policyRef": {"name": "nobody"}}], (), "0/1"),
    ("not ours, though attached", [REFERENCE], (policy_body(),), "0/1"),
    ("missing and there", [REFERENCE, {"policyRef": {"name": "nobody"}}], (OSS_READ,), "1/2"),
]


@pytest.mark.parametrize(
    ("entries", "others", "words"), [row[1:] for row in SUMMARIES], ids=[row[0] for row in SUMMARIES]
)
def test_the_summary_counts_each_policy_once_and_what_is_attached(
    entries: list[Mapping[str, Any]], others: tuple[Mapping[str, Any], ...], words: str
) -> None:
    body = with_policies(*entries, status=managing(custom("oss-read")))
    assert projected(body, there(custom("oss-read")), *others)["policySummary"] == words


def test_a_policy_whose_object_is_being_deleted_stays_attached_and_is_not_attached_again() -> None:
    body = with_policies(REFERENCE, status=managing(custom("oss-read"), custom("old")))
    assert planned(body, there(custom("oss-read"), custom("old")), GOING).steps == ()
    assert planned(body, there(), GOING).steps == ()


def test_while_a_reference_is_unresolved_nothing_is_detached() -> None:
    body = with_policies(REFERENCE, status=managing(custom("old")))
    assert planned(body, there(custom("old"))).steps == ()
    assert planned(body, there(custom("old")), OSS_READ).steps != ()


def test_a_policy_whose_edit_is_refused_is_still_attached() -> None:
    refused = policy_body(status={**made_policy_status(), "conditions": []}, generation=2)
    assert planned(with_policies(REFERENCE), there(), refused).steps


def test_a_policy_is_attached_by_the_name_its_object_has_in_ram() -> None:
    other = policy_body(status=made_policy_status("OssReadOnly"), spec={"policyName": "OssReadOnly"})
    [step] = planned(with_policies(REFERENCE), there(), other).steps
    assert step == AttachPolicy(custom("OssReadOnly"), NAME)


def test_a_custom_policy_that_no_object_manages_is_attached_by_name() -> None:
    [step] = planned(with_policies({"custom": "Handmade"}), there()).steps
    assert step == AttachPolicy(custom("Handmade"), NAME)


@pytest.mark.parametrize("names", [("a-owner", "b-rival"), ("b-owner", "a-rival")])
def test_of_two_objects_that_name_a_custom_policy_the_one_that_has_it_counts(names: tuple[str, str]) -> None:
    has = policy_body(names[0], made_policy_status("Shared"), spec={"policyName": "Shared"})
    wants = policy_body(names[1], spec={"policyName": "shared"})
    plan = planned(with_policies({"custom": "Shared"}), there(), has, wants)
    assert (len(plan.steps), plan.holds) == (1, ())


# Limits


LIMITS = [
    ([{"system": f"S{n}"} for n in range(3)], "3 system policies, RAM allows 2"),
    ([{"custom": f"C{n}"} for n in range(3)], "3 custom policies, RAM allows 2"),
]


@pytest.mark.parametrize(("entries", "words"), LIMITS, ids=[words for _, words in LIMITS])
def test_more_policies_than_ram_allows_are_refused_before_any_write(entries: list[dict[str, str]], words: str) -> None:
    plan = planned(with_policies(*entries), ABSENT)
    assert held(plan) == [Reason.INVALID_SPEC]
    assert words in plan.holds[0].message


def test_as_many_policies_as_ram_allows_are_attached() -> None:
    entries = [{"system": "S0"}, {"system": "S1"}, {"custom": "C0"}, {"custom": "C1"}]
    assert len(planned(with_policies(*entries), there()).steps) == 4


# What RAM does not have


UNKNOWN: list[tuple[str, list[PolicyName], list[str]]] = [
    (
        "several custom ones",
        [custom("a"), custom("b")],
        ["policies Custom/a, Custom/b do not exist; create them, or name others in spec.policies"],
    ),
    (
        "a system policy as a custom one",
        [custom("AliyunECSReadOnlyAccess")],
        [
            "policy Custom/AliyunECSReadOnlyAccess does not exist: it is a system policy; "
            "write system: AliyunECSReadOnlyAccess"
        ],
    ),
    (
        "system policies of other names",
        [custom("AdministratorAccess"), custom("ReadOnlyAccess")],
        [
            "policies Custom/AdministratorAccess, Custom/ReadOnlyAccess do not exist: these are system policies; "
            "write system: AdministratorAccess, system: ReadOnlyAccess"
        ],
    ),
    (
        "a system policy that there is not",
        [system("AliyunNoSuchAccess")],
        ["policy System/AliyunNoSuchAccess does not exist; name another one in spec.policies"],
    ),
    (
        "custom ones as system policies, and others",
        [system("my-own"), custom("a")],
        [
            "policy Custom/a does not exist; create it, or name another one in spec.policies",
            "policy System/my-own does not exist; if it is a policy of this account, write custom: my-own",
        ],
    ),
]


@pytest.mark.parametrize(("policies", "messages"), [row[1:] for row in UNKNOWN], ids=[row[0] for row in UNKNOWN])
def test_all_policies_that_ram_does_not_have_are_named_with_what_was_meant(
    policies: list[PolicyName], messages: list[str]
) -> None:
    body = with_policies(*({policy.type.value.lower(): policy.name} for policy in policies))
    error = PolicyNotFound("AttachPolicyToRole", "EntityNotExist.Policy", "no such policy")
    outcome = Outcome(
        failures=tuple(Failure(f"{NAME}/{policy}", AttachPolicy(policy, NAME), error) for policy in policies)
    )
    desired = KIND.desire(KIND.parse(body), facts_of(KEY, cluster(body)))
    plan = KIND.plan(desired, there(), {}, context(KEY, outcome=outcome))
    assert [hold.message for hold in plan.holds] == messages
    assert held(plan) == [Reason.REJECTED] * len(messages)
