"""Which binding has an instance: the oldest that wants it, whatever the order in which anybody asks."""

from __future__ import annotations

import time
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ram_operator.kinds.names import INSTANCE_ROLE_BINDING
from ram_operator.model import InstanceId, NodeFacts, ObjectKey
from ram_operator.rules.assignment import Claimant, assign
from ram_operator.rules.nodes import selects
from ram_operator.rules.selectors import Selector

relaxed = settings(deadline=None, max_examples=100)


def key(name: str) -> ObjectKey:
    return ObjectKey(INSTANCE_ROLE_BINDING.kind, name)


def instance(number: int) -> InstanceId:
    return InstanceId("cn-hangzhou", f"i-bp1example{number:04d}")


def node(number: int, **labels: str) -> NodeFacts:
    return NodeFacts(f"node-{number}", f"u{number}", tuple(sorted(labels.items())), instance(number))


def pool(name: str) -> dict[str, Any]:
    return {"matchLabels": {"pool": name}}


STORAGE = node(1, pool="storage")


def test_an_instance_goes_to_the_binding_that_selects_its_node() -> None:
    claimants = [Claimant(key("a"), "2026-01-01T00:00:00Z", pool("storage"))]
    assert assign(claimants, [STORAGE, node(2, pool="compute")]) == {instance(1): key("a")}


def test_the_older_binding_wins() -> None:
    older = Claimant(key("z"), "2026-01-01T00:00:00Z", pool("storage"))
    newer = Claimant(key("a"), "2026-01-01T00:00:01Z", None, frozenset({"node-1"}))
    assert assign([newer, older], [STORAGE]) == {instance(1): key("z")}


def test_of_bindings_made_in_the_same_second_the_first_by_name_wins() -> None:
    same = [Claimant(key(name), "2026-01-01T00:00:00Z", pool("storage")) for name in ("b", "a", "c")]
    assert assign(same, [STORAGE]) == {instance(1): key("a")}


def test_an_instance_named_by_itself_is_assigned_without_a_node_and_against_nodes() -> None:
    older = Claimant(key("b"), "2026-01-01T00:00:00Z", instances=frozenset({instance(1), instance(7)}))
    newer = Claimant(key("a"), "2026-01-02T00:00:00Z", pool("storage"))
    assert assign([newer, older], [STORAGE]) == {instance(1): key("b"), instance(7): key("b")}
    assert assign([newer], [STORAGE]) == {instance(1): key("a")}


def test_two_nodes_of_one_instance_are_one_and_the_oldest_claim_on_either_wins() -> None:
    stale = NodeFacts("old-name", "u9", (("pool", "compute"),), instance(1))
    older = Claimant(key("b"), "2026-01-01T00:00:00Z", pool("compute"))
    newer = Claimant(key("a"), "2026-01-02T00:00:00Z", pool("storage"))
    assert assign([older, newer], [STORAGE, stale]) == {instance(1): key("b")}
    assert assign([older, newer], [stale, STORAGE]) == {instance(1): key("b")}


def test_a_skipped_node_is_assigned_to_nobody() -> None:
    virtual = NodeFacts("virtual-1", "u", (("pool", "storage"),), None)
    assert assign([Claimant(key("a"), "2026-01-01T00:00:00Z", pool("storage"))], [virtual]) == {}


def test_nothing_is_assigned_where_nobody_asks() -> None:
    assert assign([], [STORAGE]) == {}
    assert assign([Claimant(key("a"), "2026-01-01T00:00:00Z", {})], [STORAGE]) == {}


NUMBERS = st.integers(0, 9)
SELECTORS = (
    st.none() | st.builds(pool, st.sampled_from(["a", "b"])) | st.builds(Selector.of, st.builds(pool, st.just("a")))
)
CLAIMANTS = st.lists(
    st.builds(
        Claimant,
        st.builds(key, st.sampled_from("uvwxyz")),
        st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", "2026-02-01T00:00:00Z"]),
        SELECTORS,
        st.frozensets(st.builds("node-{}".format, NUMBERS), max_size=3),
        st.frozensets(st.builds(instance, NUMBERS), max_size=2),
    ),
    max_size=5,
    unique_by=lambda claimant: claimant.key,
)
NODES = st.lists(
    st.builds(lambda number, name: node(number, pool=name), NUMBERS, st.sampled_from(["a", "b", "c"])),
    max_size=8,
    unique_by=lambda facts: facts.name,
)


def wants(claimant: Claimant, facts: NodeFacts) -> bool:
    return selects(claimant.selector, claimant.node_names, facts)


@relaxed
@given(CLAIMANTS, NODES, st.data())
def test_the_order_of_arguments_does_not_matter(
    claimants: list[Claimant], nodes: list[NodeFacts], data: st.DataObject
) -> None:
    shuffled = assign(data.draw(st.permutations(claimants)), data.draw(st.permutations(nodes)))
    assert shuffled == assign(claimants, nodes)


@relaxed
@given(CLAIMANTS, NODES)
def test_every_wanted_instance_has_exactly_one_binding_and_it_is_one_that_wants_it(
    claimants: list[Claimant], nodes: list[NodeFacts]
) -> None:
    wanted: dict[InstanceId, set[ObjectKey]] = {}
    for claimant in claimants:
        found = {facts.instance for facts in nodes if wants(claimant, facts) and facts.instance}
        for target in found | claimant.instances:
            wanted.setdefault(target, set()).add(claimant.key)
    assigned = assign(claimants, nodes)
    assert assigned.keys() == wanted.keys()
    assert all(assigned[target] in wanted[target] for target in assigned)


@relaxed
@given(CLAIMANTS, NODES)
def test_removing_a_loser_changes_nothing(claimants: list[Claimant], nodes: list[NodeFacts]) -> None:
    assigned = assign(claimants, nodes)
    for loser in claimants:
        if loser.key not in assigned.values():
            rest = [claimant for claimant in claimants if claimant is not loser]
            assert assign(rest, nodes) == assigned


@relaxed
@given(CLAIMANTS, NODES)
def test_asking_for_one_node_gives_the_answer_of_asking_for_all(
    claimants: list[Claimant], nodes: list[NodeFacts]
) -> None:
    assigned = assign(claimants, nodes)
    for facts in nodes:
        assert facts.instance is not None
        assert assign(claimants, [facts]).get(facts.instance) == assigned.get(facts.instance)


def test_five_thousand_nodes_and_fifty_bindings_take_well_under_a_second() -> None:
    labels = {f"label-{number}": "x" for number in range(20)}
    nodes = [node(number, pool=f"p{number % 60}", **labels) for number in range(5000)]
    claimants = [Claimant(key(f"b{number}"), "2026-01-01T00:00:00Z", pool(f"p{number}")) for number in range(50)]
    started = time.process_time()
    assigned = assign(claimants, nodes)
    assert time.process_time() - started < 1
    assert len(assigned) == sum(number % 60 < 50 for number in range(5000))
