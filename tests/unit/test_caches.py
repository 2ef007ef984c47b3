"""What the watches saw: whom a change wakes, which facts an object gets, and whether the index says what is true."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from tests.unit.builders import (
    binding_body,
    binding_key,
    cluster,
    condition,
    facts_of,
    instance,
    made_policy_status,
    made_role_status,
    node,
    policy_body,
    policy_key,
    ready,
    role_body,
    role_key,
)

from ram_operator.cluster.caches import Caches, Wake
from ram_operator.kinds.instance_role_binding.index import selection
from ram_operator.model import Body, ObjectKey
from ram_operator.rules.nodes import node_facts

POLICY, ROLE, BINDING = policy_key("oss-read"), role_key("oss-reader"), binding_key("storage-pool")
USING = {"policies": [{"policyRef": {"name": "oss-read"}}]}
ONE, TWO = instance(1), instance(2)


def put(caches: Caches, body: Body) -> set[ObjectKey]:
    return woken(caches.put(key_of(body), body))


def key_of(body: Body) -> ObjectKey:
    return ObjectKey(body["kind"], body["metadata"]["name"])


def woken(wakes: list[Wake]) -> set[ObjectKey]:
    return {wake.key for wake in wakes}


def scopes(wakes: list[Wake]) -> dict[ObjectKey, frozenset[str] | None]:
    return {wake.key: wake.scope.subjects for wake in wakes}


def only(*instances: Any) -> frozenset[str]:
    return frozenset(map(str, instances))


def claim(one: Any, role: str = "oss-reader", state: str = "Attached") -> dict[str, Any]:
    return {"instance": str(one), "state": state, "roleName": role, "origin": "Attached", "confirmed": True}


# The object itself


def test_a_new_object_is_looked_at() -> None:
    assert put(cluster(), policy_body()) == {POLICY}


SETTLED = {**made_policy_status(), "conditions": ready()}
ANSWERED = {**SETTLED, "lastHandledReconcileAt": "now"}
FIRST_SIGHT: list[tuple[str, dict[str, Any], bool]] = [
    ("settled", policy_body(status=SETTLED), False),
    ("a newer generation", policy_body(status=SETTLED, generation=2), True),
    ("not ready", policy_body(status={"conditions": [condition("Ready", "False", "X")]}), True),
    ("still reconciling", policy_body(status={"conditions": [*ready(), condition("Reconciling", "True", "X")]}), True),
    ("being deleted", policy_body(status=SETTLED, deleting=True), True),
    ("without our finalizer", policy_body(status=SETTLED, finalizers=()), True),
    ("asked for", policy_body(status=SETTLED, reconcile_at="now"), True),
    (
        "asked for and answered",
        policy_body(status={**SETTLED, "lastHandledReconcileAt": "now"}, reconcile_at="now"),
        False,
    ),
]


@pytest.mark.parametrize(("body", "looked_at"), [row[1:] for row in FIRST_SIGHT], ids=[row[0] for row in FIRST_SIGHT])
def test_at_first_sight_only_what_is_settled_is_left_to_the_sweep(body: dict[str, Any], looked_at: bool) -> None:
    assert (POLICY in put(cluster(), body)) == looked_at


def test_a_binding_is_always_looked_at_at_first_sight() -> None:
    assert BINDING in put(cluster(), binding_body(status={"conditions": ready("AllAttached")}))


EDITS: list[tuple[str, dict[str, Any], bool]] = [
    ("its own status written", policy_body(status=SETTLED, version=2), False),
    ("the same again", policy_body(version=2), False),
    ("a new generation", policy_body(generation=2, version=2), True),
    ("a deletion", policy_body(deleting=True, version=2), True),
    ("an annotation of ours", policy_body(reconcile_at="now", version=2), True),
    ("another object of the same name", policy_body(uid="another", version=2), True),
]


@pytest.mark.parametrize(("body", "looked_at"), [row[1:] for row in EDITS], ids=[row[0] for row in EDITS])
def test_a_change_is_looked_at_unless_it_is_the_echo_of_our_own_write(body: dict[str, Any], looked_at: bool) -> None:
    caches = cluster(policy_body())
    wakes = caches.put(POLICY, body)
    assert (POLICY in woken(wakes)) == looked_at
    assert all(wake.edited for wake in wakes if wake.key == POLICY)


def test_what_nobody_reads_is_not_kept() -> None:
    caches, read = cluster(), role_body("oss-reader", reconcile_at="now")
    stored = copy.deepcopy(read)
    stored["metadata"]["managedFields"] = [{"manager": "kubectl", "fieldsV1": {"f:spec": {}}}]
    stored["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] = "{}"
    put(caches, stored)
    assert caches.body(ROLE) == read


def test_an_older_version_than_the_known_changes_nothing() -> None:
    caches = cluster(policy_body(generation=2, version=20))
    assert put(caches, policy_body(generation=1, version=9)) == set()
    assert facts_of(POLICY, caches).generation == 2


def test_an_object_that_is_gone_is_known_no_more() -> None:
    caches = cluster(policy_body())
    assert POLICY in woken(caches.remove(POLICY))
    assert (caches.body(POLICY), caches.facts(POLICY), list(caches.keys(POLICY.kind))) == (None, None, [])
    assert caches.remove(POLICY) == []


def test_the_end_of_an_object_does_not_end_a_newer_one_of_its_name() -> None:
    caches = cluster(policy_body(uid="new"))
    assert caches.remove(POLICY, "old") == []
    assert caches.body(POLICY)
    assert caches.remove(POLICY, "new")


def test_the_end_of_a_node_does_not_end_a_newer_one_of_its_name() -> None:
    caches = cluster(nodes=(node("a", 1),))
    caches.remove_node("a", "old")
    assert caches.node_names() == {"a"}
    caches.remove_node("a", "uid-a")
    assert caches.node_names() == set()


# Who waits for whom


def test_a_policy_that_is_made_wakes_its_roles_and_its_next_version_does_not() -> None:
    caches = cluster(policy_body(), role_body(spec=USING), role_body("other"))
    assert put(caches, policy_body(status=made_policy_status(), version=2)) == {ROLE}
    next_version = {**made_policy_status(), "defaultVersion": "v2", "attachmentCount": 1}
    assert put(caches, policy_body(status=next_version, version=3)) == set()


def test_after_a_start_what_a_past_run_settled_wakes_nobody_in_whatever_order_it_comes() -> None:
    settled_role = role_body(spec=USING, status={**made_role_status(), "conditions": ready()})
    settled_policy = policy_body(status=SETTLED)
    for first, second in ((settled_role, settled_policy), (settled_policy, settled_role)):
        assert put(cluster(first), second) == set()


def test_a_policy_wakes_roles_that_name_it_as_ram_does() -> None:
    caches = cluster(policy_body(), role_body(spec={"policies": [{"custom": "OSS-Read"}]}))
    assert ROLE in put(caches, policy_body(status=made_policy_status(), version=2))
    assert POLICY in facts_of(ROLE, caches).references
    assert [one.key for one in facts_of(POLICY, caches).referrers] == [ROLE]


def test_a_policy_that_goes_wakes_its_roles() -> None:
    caches = cluster(policy_body(status=made_policy_status()), role_body(spec=USING))
    assert ROLE in put(caches, policy_body(status=made_policy_status(), deleting=True, version=2))
    assert ROLE in woken(caches.remove(POLICY))


def test_a_role_that_becomes_usable_wakes_its_bindings() -> None:
    caches = cluster(role_body(), binding_body())
    assert put(caches, role_body(status=made_role_status(), version=2)) == {BINDING}
    touched = {**made_role_status(), "verified": {"at": "x"}}
    assert put(caches, role_body(status=touched, version=3)) == set()


def test_a_role_whose_trust_changes_wakes_its_bindings() -> None:
    caches = cluster(role_body(status=made_role_status()), binding_body())
    edit = role_body(
        status=made_role_status(), spec={"trust": {"services": ["fc.aliyuncs.com"]}}, generation=2, version=2
    )
    assert put(caches, edit) == {ROLE, BINDING}


def test_a_policy_that_is_to_go_is_woken_when_its_role_lets_go_of_it_in_the_cloud() -> None:
    managing = {**made_role_status(), "managedPolicies": [{"type": "Custom", "name": "oss-read"}]}
    caches = cluster(
        policy_body(status=made_policy_status(), deleting=True),
        role_body(status=managing, generation=2),
    )
    assert POLICY in put(caches, role_body(status=made_role_status(), generation=2, version=2))


def test_a_role_that_is_to_go_is_woken_when_its_binding_lets_go_of_it_in_the_cloud() -> None:
    other = {"roleRef": {"name": "log-writer"}}
    caches = cluster(
        role_body(status=made_role_status(), deleting=True),
        binding_body(status={"instances": [claim(ONE)]}, spec=other, generation=2),
    )
    released = binding_body(status={"instances": [claim(ONE, "log-writer")]}, spec=other, generation=2, version=2)
    assert ROLE in put(caches, released)


@pytest.mark.parametrize(
    ("body", "waiting"),
    [(role_body(spec=USING), policy_body(deleting=True)), (binding_body(), role_body(deleting=True))],
    ids=["role", "binding"],
)
def test_what_waits_to_go_is_woken_when_its_user_is_gone(body: dict[str, Any], waiting: dict[str, Any]) -> None:
    caches = cluster(waiting, body)
    assert key_of(waiting) in woken(caches.remove(key_of(body)))


def test_objects_that_name_the_same_cloud_object_are_rivals_and_wake_each_other() -> None:
    caches = cluster(policy_body())
    rival = policy_body("rival", spec={"policyName": "OSS-Read"})
    assert POLICY in put(caches, rival)
    assert [one.key.name for one in facts_of(POLICY, caches).rivals] == ["rival"]
    assert POLICY in woken(caches.remove(policy_key("rival")))
    assert facts_of(POLICY, caches).rivals == ()


def test_a_role_and_a_policy_of_one_name_are_no_rivals() -> None:
    caches = cluster(policy_body("same"), role_body("same"))
    assert facts_of(policy_key("same"), caches).rivals == ()


def test_a_request_is_open_until_it_is_answered() -> None:
    assert not facts_of(POLICY, cluster(policy_body())).requested
    assert not facts_of(POLICY, cluster(policy_body(reconcile_at=""))).requested
    assert facts_of(POLICY, cluster(policy_body(reconcile_at="a"))).requested
    answered = policy_body(reconcile_at="a", status={"lastHandledReconcileAt": "a"})
    assert not facts_of(POLICY, cluster(answered)).requested


# Nodes and bindings


def test_a_node_that_appears_wakes_its_binding_for_its_instance_only() -> None:
    caches = cluster(binding_body())
    wakes = caches.put_node(node_facts(node("a", 1, pool="storage")))
    assert scopes(wakes) == {BINDING: only(ONE)}
    assert all(wake.burst for wake in wakes)
    assert selection(facts_of(BINDING, caches)).assigned == {ONE: BINDING}
    assert selection(facts_of(BINDING, caches)).known == {ONE: "a"}


def test_a_node_that_nobody_selects_wakes_nobody() -> None:
    assert cluster(binding_body()).put_node(node_facts(node("a", 1, pool="compute"))) == []


def test_a_node_that_did_not_change_wakes_nobody() -> None:
    caches = cluster(binding_body(), nodes=(node("a", 1, pool="storage"),))
    assert caches.put_node(node_facts(node("a", 1, pool="storage"))) == []


@pytest.mark.parametrize(
    ("changed", "scope"),
    [
        (node("a", 1, pool="compute"), only(ONE)),
        (node("a", 2, pool="storage"), only(ONE, TWO)),
        (node("a", None, pool="storage"), only(ONE)),
        (node("a", 1, pool="storage", zone="b"), only(ONE)),
    ],
    ids=["leaves the pool", "has another instance", "loses its providerID", "has another label"],
)
def test_a_node_that_changes_wakes_for_what_it_was_and_is(changed: dict[str, Any], scope: frozenset[str]) -> None:
    caches = cluster(binding_body(), nodes=(node("a", 1, pool="storage"),))
    assert scopes(caches.put_node(node_facts(changed))) == {BINDING: scope}


def test_a_node_that_goes_wakes_its_binding_and_whoever_holds_a_row_for_its_instance() -> None:
    holder = binding_body(
        "holder", status={"instances": [claim(ONE)]}, spec={"nodeSelector": {"matchLabels": {"x": "y"}}}
    )
    caches = cluster(binding_body(), holder, nodes=(node("a", 1, pool="storage"),))
    assert scopes(caches.remove_node("a")) == {BINDING: only(ONE), binding_key("holder"): only(ONE)}
    assert selection(facts_of(BINDING, caches)).known == {}


OLDER = binding_body("older", created="2025-01-01T00:00:00Z")


def test_an_older_binding_takes_instances_and_the_loser_is_told_which() -> None:
    status = {"instances": [claim(ONE)]}
    caches = cluster(binding_body(status=status), nodes=(node("a", 1, pool="storage"), node("b", 2, pool="storage")))
    wakes = caches.put(binding_key("older"), OLDER)
    assert scopes(wakes)[BINDING] == only(ONE)
    assert selection(facts_of(BINDING, caches)).assigned == dict.fromkeys((ONE, TWO), binding_key("older"))


def test_the_loser_is_woken_when_the_winners_claim_is_stored() -> None:
    caches = cluster(binding_body(status={"instances": [claim(ONE)]}), OLDER, nodes=(node("a", 1, pool="storage"),))
    assert selection(facts_of(BINDING, caches)).other_rows == {}
    claimed = {
        **OLDER,
        "status": {"instances": [claim(ONE)]},
        "metadata": {**OLDER["metadata"], "resourceVersion": "2"},
    }
    assert scopes(caches.put(binding_key("older"), claimed)) == {BINDING: only(ONE)}
    assert selection(facts_of(BINDING, caches)).other_rows[ONE].role == "oss-reader"


def test_of_several_claims_on_an_instance_that_of_the_binding_that_has_it_counts() -> None:
    first = binding_body("a", {"instances": [claim(ONE, "winner")]}, created="2020-01-01T00:00:00Z")
    third = binding_body("z", {"instances": [claim(ONE, "loser")]}, created="2027-01-01T00:00:00Z")
    caches = cluster(first, binding_body(), third, nodes=(node("a", 1, pool="storage"),))
    assert selection(facts_of(BINDING, caches)).other_rows[ONE].role == "winner"


@pytest.mark.parametrize("goes", ["is deleted", "is gone", "selects others"])
def test_the_next_binding_is_woken_when_the_first_lets_go(goes: str) -> None:
    caches = cluster(binding_body(), OLDER, nodes=(node("a", 1, pool="storage"),))
    key = binding_key("older")
    how: dict[str, Any] = {"created": "2025-01-01T00:00:00Z", "version": 2}
    if goes == "is gone":
        wakes = caches.remove(key)
    elif goes == "is deleted":
        wakes = caches.put(key, binding_body("older", deleting=True, **how))
    else:
        spec = {"nodeSelector": {"matchLabels": {"pool": "compute"}}}
        wakes = caches.put(
            key, binding_body("older", created="2025-01-01T00:00:00Z", spec=spec, generation=2, version=2)
        )
    assert scopes(wakes)[BINDING] == only(ONE)
    assert selection(facts_of(BINDING, caches)).assigned == {ONE: BINDING}


def test_a_binding_made_anew_under_its_old_name_is_as_young_as_it_is() -> None:
    caches = cluster(binding_body(), OLDER, nodes=(node("a", 1, pool="storage"),))
    caches.put(binding_key("older"), binding_body("older", created="2026-03-01T00:00:00Z", uid="new", version=2))
    assert selection(facts_of(BINDING, caches)).assigned == {ONE: BINDING}


@pytest.mark.parametrize(
    "selector",
    [{}, {"matchLabels": {"pool": 1}}, {"matchExpressions": [{"key": "pool", "operator": "Is"}]}, ["pool"]],
    ids=["empty", "a number", "an unknown operator", "a list"],
)
def test_an_older_binding_whose_selector_cannot_be_read_keeps_the_instances_that_it_has(selector: Any) -> None:
    older: dict[str, Any] = {"created": "2025-01-01T00:00:00Z", "status": {"instances": [claim(ONE)]}}
    caches = cluster(
        binding_body("older", **older),
        binding_body(),
        nodes=(node("a", 1, pool="storage"), node("b", 2, pool="storage")),
    )
    wakes = caches.put(
        binding_key("older"), binding_body("older", spec={"nodeSelector": selector}, generation=2, version=2, **older)
    )
    assert selection(facts_of(BINDING, caches)).assigned == {ONE: binding_key("older"), TWO: BINDING}
    assert scopes(wakes)[BINDING] == only(TWO)


def test_after_a_start_a_binding_whose_selector_cannot_be_read_has_the_instances_of_its_rows() -> None:
    older = binding_body(
        "older",
        {"instances": [claim(ONE), claim(TWO, state="Overridden") | {"origin": "Found"}]},
        spec={"nodeSelector": {}},
        created="2025-01-01T00:00:00Z",
    )
    caches = cluster(older, binding_body(), nodes=(node("a", 1, pool="storage"), node("b", 2, pool="storage")))
    assert selection(facts_of(BINDING, caches)).assigned == {ONE: binding_key("older"), TWO: BINDING}
    caches.remove(binding_key("older"))
    assert selection(facts_of(BINDING, caches)).assigned == dict.fromkeys((ONE, TWO), BINDING)
