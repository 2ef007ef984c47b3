"""The index of nodes and bindings against what it stands for: all nodes and all bindings, asked anew."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.builders import (
    binding_body,
    binding_key,
    cluster,
    facts_of,
    instance,
    node,
)

from ram_operator.cluster.caches import Caches
from ram_operator.kinds.instance_role_binding.index import selection
from ram_operator.kinds.instance_role_binding.rows import State, rows_of
from ram_operator.model import InstanceId, Scope
from ram_operator.rules.assignment import Claimant, assign
from ram_operator.rules.nodes import node_facts, selects

BINDING = binding_key("storage-pool")
OLDER = binding_body("older", created="2025-01-01T00:00:00Z")


def claim(one: Any, role: str = "oss-reader", state: str = "Attached") -> dict[str, Any]:
    return {"instance": str(one), "state": state, "roleName": role, "origin": "Attached", "confirmed": True}


names = st.sampled_from(["a", "b", "c"])
labels = st.fixed_dictionaries({"pool": st.sampled_from(["storage", "compute"])}, optional={"zone": st.just("z")})
selectors: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"matchLabels": {"pool": "storage"}},
        {"matchLabels": {"pool": "storage", "zone": "z"}},
        {"matchExpressions": [{"key": "pool", "operator": "In", "values": ["storage", "compute"]}]},
        {"matchExpressions": [{"key": "pool", "operator": "NotIn", "values": ["storage"]}]},
        {"matchExpressions": [{"key": "zone", "operator": "Exists"}]},
        {"matchExpressions": [{"key": "zone", "operator": "DoesNotExist"}]},
        {"matchLabels": {"pool": "storage"}, "matchExpressions": [{"key": "zone", "operator": "DoesNotExist"}]},
        {},
    ]
)
numbers = st.lists(st.integers(1, 3), unique=True)
happenings = st.one_of(
    st.tuples(st.just("node"), names, st.one_of(st.none(), st.integers(1, 3)), labels),
    st.tuples(st.just("no node"), names),
    st.tuples(
        st.just("binding"),
        names,
        st.fixed_dictionaries({"nodeSelector": selectors}, optional={"nodeNames": st.lists(names, max_size=2)}),
        st.integers(1, 3),
        st.booleans(),
        st.lists(st.integers(1, 3), unique=True),
    ),
    st.tuples(st.just("no binding"), names),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(happenings, max_size=12))
def test_the_index_always_says_what_all_nodes_and_bindings_say(script: list[tuple[Any, ...]]) -> None:
    caches = cluster()
    bodies: dict[str, dict[str, Any]] = {}
    nodes: dict[str, Any] = {}
    for number, (what, name, *rest) in enumerate(script):
        match what:
            case "node":
                nodes[name] = node_facts(node(name, rest[0], **rest[1]))
                caches.put_node(nodes[name])
            case "no node":
                nodes.pop(name, None)
                caches.remove_node(name)
            case "binding":
                spec, year, deleting, claimed = rest
                bodies[name] = binding_body(
                    name,
                    {"instances": [claim(instance(one)) for one in claimed]},
                    spec=spec,
                    created=f"202{year}-01-01T00:00:00Z",
                    uid=f"{name}-{year}",
                    deleting=deleting,
                    version=number + 1,
                )
                caches.put(binding_key(name), bodies[name])
            case "no binding":
                bodies.pop(name, None)
                caches.remove(binding_key(name))
        assert_equal(caches, bodies, nodes)


def claimant(name: str, body: dict[str, Any]) -> Claimant:
    """What a binding wants: one whose selector cannot be read, the instances that it has a claim on."""
    key, created, spec = binding_key(name), body["metadata"]["creationTimestamp"], body["spec"]
    if spec["nodeSelector"]:
        return Claimant(key, created, spec["nodeSelector"], frozenset(spec.get("nodeNames", ())))
    claimed = frozenset(InstanceId.of(row["instance"]) for row in body["status"]["instances"])
    return Claimant(key, created, instances=claimed)


def assert_equal(caches: Caches, bodies: dict[str, dict[str, Any]], nodes: dict[str, Any]) -> None:
    claimants = [claimant(name, body) for name, body in bodies.items() if "deletionTimestamp" not in body["metadata"]]
    expected = assign(claimants, nodes.values())
    for name, body in bodies.items():
        facts = facts_of(binding_key(name), caches)
        mine = next((each for each in claimants if each.key.name == name), None)
        chosen = [one for one in nodes.values() if mine and selects(mine.selector, mine.node_names, one)]
        assert set(selection(facts).nodes) == set(chosen)
        rows = {InstanceId.of(row["instance"]) for row in body["status"]["instances"]}
        concerned = rows | {one.instance for one in chosen if one.instance}
        assert selection(facts).assigned == {one: expected[one] for one in concerned if one in expected}
        assert selection(facts).known.keys() == {one.instance for one in nodes.values()} & concerned
        others = {
            InstanceId.of(row["instance"])
            for other, its in bodies.items()
            if other != name
            for row in its["status"]["instances"]
        }
        assert selection(facts).other_rows.keys() == others & concerned


def test_scopes_of_wakes_are_never_everything_for_a_node() -> None:
    caches = cluster(binding_body(), OLDER, nodes=(node("a", 1, pool="storage"),))
    for wakes in (caches.put_node(node_facts(node("a", 2, pool="storage"))), caches.remove_node("a")):
        assert all(wake.scope != Scope() for wake in wakes)


def test_a_row_with_words_of_another_version_is_pending_and_no_claim() -> None:
    row = {
        "instance": str(instance(1)),
        "state": "Rolling",
        "origin": "Lent",
        "reason": "Odd",
        "roleName": "oss-reader",
    }
    [read] = rows_of({"instances": [row]}).values()
    assert (read.state, read.origin, read.reason, read.claimed) == (State.PENDING, None, None, False)
