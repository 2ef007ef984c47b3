"""Which instance a Node is, why it is skipped, and which selectors mean it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ram_operator.model import InstanceId, NodeFacts, Reason
from ram_operator.rules.nodes import MOST_LABELS, node_facts, selects
from ram_operator.rules.selectors import Selector, check_selector

relaxed = settings(deadline=None, max_examples=100)


def node(provider_id: Any = "cn-hangzhou.i-bp1example0001", **labels: str) -> dict[str, Any]:
    return {
        "metadata": {"name": "node-a", "uid": "u1", "labels": labels},
        "spec": {"providerID": provider_id} if provider_id is not None else {},
    }


INSTANCES = {
    "cn-zhangjiakou.i-8vb2y0cdlriptkfer0ir": InstanceId("cn-zhangjiakou", "i-8vb2y0cdlriptkfer0ir"),
    "alicloud://cn-hangzhou.i-uf69zddmom11ci7est12": InstanceId("cn-hangzhou", "i-uf69zddmom11ci7est12"),
    "cn-hangzhou-finance.i-bp1example0001": InstanceId("cn-hangzhou-finance", "i-bp1example0001"),
    "cn-north-2-gov-1.i-bp1example0001": InstanceId("cn-north-2-gov-1", "i-bp1example0001"),
    "rus-west-1-pop.i-bp1example0001": InstanceId("rus-west-1-pop", "i-bp1example0001"),
    "ap-southeast-1.i-23abcdefg": InstanceId("ap-southeast-1", "i-23abcdefg"),
}

SKIPPED: list[tuple[dict[str, Any], Reason]] = [
    (node(None), Reason.NO_PROVIDER_ID),
    (node(""), Reason.NO_PROVIDER_ID),
    (node(None, type="virtual-kubelet"), Reason.VIRTUAL_NODE),
    (node(type="virtual-kubelet"), Reason.VIRTUAL_NODE),
    (node("e01-cn-abc", **{"alibabacloud.com/lingjun-worker": "true"}), Reason.LINGJUN_NODE),
    (node("cn-test.lingjun-01", **{"alibabacloud.com/lingjun-worker": "true"}), Reason.LINGJUN_NODE),
    (node("e01-cn-abc"), Reason.LINGJUN_NODE),
    (node("ens-cn-hangzhou.i-bp1example0001"), Reason.FOREIGN_PROVIDER_ID),
    (node("ack-hybrid://123456"), Reason.HYBRID_NODE),
    (node("ack-hybrid://cn-hangzhou/test"), Reason.HYBRID_NODE),
    (node(**{"service.alibabacloud.com/exclude-node": ""}), Reason.EXCLUDED_NODE),
    (node(**{"service.beta.kubernetes.io/exclude-node": "true"}), Reason.EXCLUDED_NODE),
    (node("aws:///us-east-1a/i-0abc.x"), Reason.FOREIGN_PROVIDER_ID),
    (node("cn-hangzhou.192.168.0.1"), Reason.INVALID_PROVIDER_ID),
    (node("alicloud:///cn-hangzhou/i-bp1example0001"), Reason.INVALID_PROVIDER_ID),
    (node("alibabacloud://cn-beijing.i-bp1example0001"), Reason.INVALID_PROVIDER_ID),
    (node("cn-hangzhou.i-xyz"), Reason.INVALID_PROVIDER_ID),
    (node("cn-hangzhou.i-bp1example0001.more"), Reason.INVALID_PROVIDER_ID),
    (node("cn-hangzhou.i-bp1example0001\n"), Reason.INVALID_PROVIDER_ID),
    (node("i-bp1example0001"), Reason.INVALID_PROVIDER_ID),
    (node("kind://docker/kind/kind-worker"), Reason.FOREIGN_PROVIDER_ID),
]


@pytest.mark.parametrize(("provider_id", "instance"), INSTANCES.items())
def test_a_provider_id_of_ecs_names_region_and_instance(provider_id: str, instance: InstanceId) -> None:
    facts = node_facts(node(provider_id))
    assert facts.instance == instance
    assert (facts.skip, facts.skip_message) == (None, "")


def test_the_labels_of_a_node_take_a_bounded_memory() -> None:
    labels = {f"l{number}": "x" for number in range(MOST_LABELS)}
    assert dict(node_facts(node(**labels)).labels) == labels
    facts = node_facts(node(**labels, more="x"))
    assert dict(facts.labels) == labels
    assert (facts.instance is not None, facts.skip) == (True, Reason.TOO_MANY_LABELS)
    assert facts.skip_message.startswith("has 501 labels, at most 500 are looked at")


@pytest.mark.parametrize(("body", "reason"), SKIPPED)
def test_a_node_that_is_no_instance_for_a_role_is_skipped_with_a_reason(body: dict[str, Any], reason: Reason) -> None:
    facts = node_facts(body)
    assert facts.instance is None
    assert facts.skip is reason
    assert 20 < len(facts.skip_message) <= 256


FORMS = {
    "aws:///us-east-1a/i-0abc.x": "is of another cloud (aws)",
    "alicloud:///cn-hangzhou-h/i-bp1example0001": "is a form that no controller of Alibaba Cloud writes",
    "ens-cn-hangzhou.i-bp1example0001": "is of the edge node service (ENS), whose instances have no RAM role",
    "cn-hangzhou.ecs-id": "is no ECS instance",
}


@pytest.mark.parametrize(("provider_id", "words"), FORMS.items())
def test_the_message_names_what_was_found_and_what_was_expected(provider_id: str, words: str) -> None:
    assert node_facts(node(provider_id)).skip_message == (
        f'spec.providerID {words} ("{provider_id}"); expected one like "cn-hangzhou.i-bp1example0001"'
    )


def test_the_message_fits_into_a_row_however_long_the_provider_id_is() -> None:
    assert len(node_facts(node("x" * 5000)).skip_message) <= 256


def test_all_labels_are_kept_in_order_so_that_equal_nodes_compare_equal() -> None:
    one, other = node(pool="storage", zone="a"), node(zone="a", pool="storage")
    other["status"] = {"conditions": []}
    assert node_facts(one) == node_facts(other)
    assert node_facts(one).labels == (("pool", "storage"), ("zone", "a"))
    assert node_facts(one).name == "node-a"
    assert node_facts(one).uid == "u1"


@pytest.mark.parametrize("body", [{}, {"metadata": None, "spec": None}, {"metadata": {"labels": None}}])
def test_a_body_without_parts_is_a_node_without_provider_id(body: dict[str, Any]) -> None:
    assert node_facts(body).skip is Reason.NO_PROVIDER_ID


STORAGE = node_facts(node(pool="storage", zone="a"))


def terms(*expressions: dict[str, Any], **exact: str) -> dict[str, Any]:
    return {"matchLabels": exact, "matchExpressions": list(expressions)}


def term(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"key": key, "operator": operator, **({"values": list(values)} if values else {})}


SELECTORS: list[tuple[Any, bool]] = [
    (terms(pool="storage"), True),
    ({"matchLabels": {"pool": "storage"}}, True),
    (terms(pool="storage", zone="b"), False),
    (terms(pool="compute"), False),
    (terms(absent=""), False),
    (terms(term("pool", "In", "compute", "storage")), True),
    (terms(term("pool", "In", "compute")), False),
    (terms(term("absent", "In", "")), False),
    (terms(term("pool", "NotIn", "compute")), True),
    (terms(term("pool", "NotIn", "storage")), False),
    (terms(term("absent", "NotIn", "storage")), True),
    (terms(term("pool", "Exists")), True),
    (terms(term("absent", "Exists")), False),
    (terms(term("absent", "DoesNotExist")), True),
    (terms(term("pool", "DoesNotExist")), False),
    (terms(term("zone", "In", "a"), pool="storage"), True),
    (terms(term("zone", "In", "b"), pool="storage"), False),
    (terms(term("zone", "In", "a"), term("pool", "DoesNotExist")), False),
    ({"matchLabels": None, "matchExpressions": [term("pool", "Exists")]}, True),
    (None, False),
    ({}, False),
    (terms(), False),
    ("pool=storage", False),
    (terms(term("absent", "notin", "storage")), False),
    ({"matchlabels": {"pool": "storage"}}, False),
]


@pytest.mark.parametrize(("selector", "selected"), SELECTORS)
def test_a_selector_matches_as_in_kubernetes_and_never_everything_by_mistake(selector: Any, selected: bool) -> None:
    assert selects(selector, frozenset(), STORAGE) is selected
    assert Selector.of(selector).matches(dict(STORAGE.labels)) is selected
    assert selects(Selector.of(selector), frozenset(), STORAGE) is selected


def test_a_name_selects_beside_the_selector() -> None:
    assert selects(terms(pool="compute"), frozenset({"node-a"}), STORAGE)
    assert selects(None, frozenset({"node-a"}), STORAGE)
    assert not selects(None, frozenset({"node-b"}), STORAGE)


WHERE = "spec.nodeSelector"
BAD_SELECTORS: list[tuple[Any, str]] = [
    ({}, f"{WHERE}: is empty and would select every node; write matchLabels or matchExpressions"),
    (terms(), f"{WHERE}: is empty and would select every node; write matchLabels or matchExpressions"),
    ("pool=storage", f"{WHERE}: is text; write a label selector, such as matchLabels: {{pool: storage}}"),
    ({"matchlabels": {"pool": "a"}}, f'{WHERE}: unknown key "matchlabels"; write "matchLabels"'),
    ({"pool": "storage"}, f'{WHERE}: unknown key "pool"; the keys are matchLabels, matchExpressions'),
    ({"matchLabels": ["pool"]}, f"{WHERE}.matchLabels: is a list; write labels and their values"),
    ({"matchLabels": {"gpu": True}}, f'{WHERE}.matchLabels.gpu: is a boolean; write "true"'),
    ({"matchLabels": {"size": 1}}, f'{WHERE}.matchLabels.size: is a number; write "1"'),
    ({"matchLabels": {"pool": "a b"}}, f'{WHERE}.matchLabels.pool: "a b" is no label value; write letters'),
    ({"matchLabels": {"po ol": "a"}}, f'{WHERE}.matchLabels: "po ol" is no label name; write one such as'),
    ({"matchLabels": {"A/b/c": "a"}}, f'{WHERE}.matchLabels: "A/b/c" is no label name; write one such as'),
    ({"matchLabels": {"/b": "a"}}, f'{WHERE}.matchLabels: "/b" is no label name; write one such as'),
    ({"matchExpressions": {"key": "a"}}, f"{WHERE}.matchExpressions: is a mapping; write a list of"),
    ({"matchExpressions": ["x"]}, f"{WHERE}.matchExpressions[0]: is text; write {{key, operator, values}}"),
    (
        {"matchExpressions": [{"operator": "Exists"}]},
        f"{WHERE}.matchExpressions[0].key: is missing; write a label's name",
    ),
    (
        {"matchExpressions": [{"key": "a"}]},
        f"{WHERE}.matchExpressions[0].operator: is missing; write one of In, NotIn, Exists, DoesNotExist",
    ),
    (
        {"matchExpressions": [term("a", "in", "b")]},
        f'{WHERE}.matchExpressions[0].operator: unknown operator "in"; write "In"',
    ),
    (
        {"matchExpressions": [term("a", "In")]},
        f"{WHERE}.matchExpressions[0].values: In needs values; write at least one",
    ),
    (
        {"matchExpressions": [term("a", "Exists", "b")]},
        f"{WHERE}.matchExpressions[0].values: Exists takes no values; remove them",
    ),
    (
        {"matchExpressions": [{"key": "a", "operator": "In", "values": "b"}]},
        f"{WHERE}.matchExpressions[0].values: is text; write a list of values",
    ),
    (
        {"matchExpressions": [{"key": "a", "operator": "In", "value": ["b"]}]},
        f'{WHERE}.matchExpressions[0]: unknown key "value"; write "values"',
    ),
]


@pytest.mark.parametrize(("selector", "problem"), BAD_SELECTORS)
def test_a_malformed_selector_is_named_with_place_and_fix(selector: Any, problem: str) -> None:
    found = check_selector(selector)
    assert len(found) == 1
    assert found[0].startswith(problem)


@pytest.mark.parametrize(
    "selector",
    [terms(pool="storage"), terms(pool=""), terms(term("alibabacloud.com/nodepool-id", "In", "np1", "np2"))],
)
def test_a_well_formed_selector_has_no_problem(selector: Any) -> None:
    assert check_selector(selector) == ()


WORDS = st.sampled_from(["matchLabels", "matchExpressions", "key", "operator", "values", "In", "Exists"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@relaxed
@given(JSON)
def test_any_json_is_a_selector_with_or_without_problems_and_selects_safely(selector: Any) -> None:
    found = check_selector(selector)
    assert all(isinstance(sentence, str) and "; " in sentence for sentence in found)
    if found:
        assert not selects(selector, frozenset(), STORAGE)


@relaxed
@given(st.dictionaries(st.sampled_from("abc"), st.sampled_from("xyz")), st.data())
def test_not_in_is_the_opposite_of_in_for_every_node(labels: dict[str, str], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from("abcd"))
    values = data.draw(st.lists(st.sampled_from("xyz"), min_size=1))
    facts = NodeFacts("n", "u", tuple(sorted(labels.items())), None)
    inside = selects(terms(term(key, "In", *values)), frozenset(), facts)
    outside = selects(terms(term(key, "NotIn", *values)), frozenset(), facts)
    assert inside is not outside
