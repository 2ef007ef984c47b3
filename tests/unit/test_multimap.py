"""Tables of sets, and the caches made of them: what came and went leaves nothing behind."""

from __future__ import annotations

import gc
from types import FunctionType, ModuleType

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.builders import (
    binding_body,
    binding_key,
    cluster,
    instance,
    node,
    policy_body,
    policy_key,
    role_body,
    role_key,
)

from ram_operator.cluster.caches import Caches
from ram_operator.model.multimap import Multimap
from ram_operator.rules.nodes import node_facts

pairs = st.lists(st.tuples(st.booleans(), st.integers(0, 2), st.integers(0, 2)))


@given(pairs)
def test_a_multimap_has_what_was_added_and_not_discarded(
    script: list[tuple[bool, int, int]],
) -> None:
    table: Multimap[int, int] = Multimap()
    expected: set[tuple[int, int]] = set()
    for add, key, value in script:
        (table.add if add else table.discard)(key, value)
        (expected.add if add else expected.discard)((key, value))
        assert {(one, each) for one in range(3) for each in table[one]} == expected


def entries(caches: Caches) -> int:
    """How many entries all dicts and sets have that the caches hold."""
    seen: set[int] = set()
    found: list[object] = [vars(caches)]
    total = 0
    while found:
        one = found.pop()
        if id(one) in seen or isinstance(one, type | FunctionType | ModuleType):
            continue
        seen.add(id(one))
        if isinstance(one, dict | set):
            total += len(one)
        found += gc.get_referents(one)
    return total


def come_and_go(caches: Caches, number: int) -> None:
    """Create an object of each kind and a node, and delete them."""
    policy, role, binding = policy_key(f"p{number}"), role_key(f"r{number}"), binding_key(f"b{number}")
    using = {"policies": [{"policyRef": {"name": policy.name}}, {"custom": policy.name}]}
    row = {"instance": str(instance(number)), "state": "Attached", "roleName": role.name, "origin": "Attached"}
    caches.put(policy, policy_body(policy.name))
    caches.put(role, role_body(role.name, {"managedPolicies": [{"type": "Custom", "name": "p"}]}, spec=using))
    caches.put(binding, binding_body(binding.name, {"instances": [row]}, spec={"roleRef": {"name": role.name}}))
    caches.put_node(node_facts(node(f"n{number}", number, pool="storage")))
    for key in (policy, role, binding):
        caches.remove(key)
    caches.remove_node(f"n{number}")


def test_objects_and_nodes_that_came_and_went_leave_no_entry_in_the_caches() -> None:
    caches = cluster()
    come_and_go(caches, 0)
    before = entries(caches)
    for number in range(1, 50):
        come_and_go(caches, number)
    assert entries(caches) == before
