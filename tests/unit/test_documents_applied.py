"""Keys with nothing after them, which kubectl drops: only its annotation still shows them."""

import json
from typing import Any

import pytest

from ram_operator.rules.documents import LAST_APPLIED, NOTHING, dropped_values

STATEMENT = {"Effect": "Allow", "Action": "oss:*", "Resource": "*"}
IP = {"acs:SourceIp": "192.0.2.0/24"}


def policy(*statements: Any, **beside: Any) -> dict[str, Any]:
    return {"document": {"Statement": list(statements)}, **beside}


def trust(statement: Any) -> dict[str, Any]:
    return {"trust": {"document": {"Statement": [statement]}}}


def selecting(selector: Any, **beside: Any) -> dict[str, Any]:
    return {"nodeSelector": selector, **beside}


FIRST = "spec.document.Statement[0]"
DROPPED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a condition": (policy({**STATEMENT, "Condition": None}), [f"{FIRST}.Condition"]),
    "an operator": (policy({**STATEMENT, "Condition": {"IpAddress": IP, "Bool": None}}), [f"{FIRST}.Condition.Bool"]),
    "a key": (
        policy({**STATEMENT, "Condition": {"IpAddress": {**IP, "acs:VpcId": None}}}),
        [f'{FIRST}.Condition.IpAddress["acs:VpcId"]'],
    ),
    "two conditions": (
        policy({**STATEMENT, "Condition": None}, STATEMENT, {**STATEMENT, "Condition": None}),
        [f"{FIRST}.Condition", "spec.document.Statement[2].Condition"],
    ),
    "a condition under a version": (
        {"document": {"Version": "1", "Statement": [{**STATEMENT, "Condition": None}]}},
        [f"{FIRST}.Condition"],
    ),
    "a trust's condition": (
        trust({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": "*"}, "Condition": None}),
        ["spec.trust.document.Statement[0].Condition"],
    ),
    "a principal": (
        trust({"Effect": "Deny", "Action": "*", "Principal": {"Service": "a.b", "RAM": None}}),
        ["spec.trust.document.Statement[0].Principal.RAM"],
    ),
    "a session's condition": (
        {"sessionPolicy": {"Statement": [{**STATEMENT, "Condition": None}]}},
        ["spec.sessionPolicy.Statement[0].Condition"],
    ),
    "a label": (
        selecting({"matchLabels": {"pool": "a", "zone": None}}),
        ["spec.nodeSelector.matchLabels.zone"],
    ),
    "all labels": (
        selecting({"matchLabels": None, "matchExpressions": [{"key": "a", "operator": "Exists"}]}),
        ["spec.nodeSelector.matchLabels"],
    ),
}
KEPT: dict[str, dict[str, Any]] = {
    "nothing": policy(STATEMENT),
    "a condition": policy({**STATEMENT, "Condition": {"IpAddress": IP}}),
    "an empty condition": policy({**STATEMENT, "Condition": {}}),
    "a description": policy(STATEMENT, description=None, tags={"team": None}),
    "the services beside a trust document": {"trust": {"services": None, "document": {"Statement": [STATEMENT]}}},
    "a whole selector": selecting(None, nodeNames=["n"]),
}


def stored(value: Any) -> Any:
    """What kubectl sends and the API server stores of a value."""
    if isinstance(value, dict):
        kept = {key: stored(item) for key, item in value.items() if item is not None}
        return {"Version": "1", **kept} if "Statement" in kept else kept
    return [stored(item) for item in value] if isinstance(value, list) else value


def annotation(spec: Any) -> str:
    return json.dumps({"apiVersion": "ram.alicloud.dev/v1alpha1", "spec": spec}, sort_keys=True, separators=(",", ":"))


def applied(spec: Any, text: str | None) -> dict[str, Any]:
    """The stored object."""
    return {"metadata": {"name": "x", "annotations": None if text is None else {LAST_APPLIED: text}}, "spec": spec}


@pytest.mark.parametrize(("written", "places"), DROPPED.values(), ids=DROPPED)
def test_a_value_that_kubectl_dropped_is_named_with_its_place(written: dict[str, Any], places: list[str]) -> None:
    found = dropped_values(applied(stored(written), annotation(written)))
    assert [problem.partition(": ")[0] for problem in found] == places
    assert NOTHING in annotation(written)
    assert all("kubectl dropped it; write a value or leave it out" in problem for problem in found)


@pytest.mark.parametrize("written", KEPT.values(), ids=KEPT)
def test_what_may_be_written_as_nothing_is_no_problem(written: dict[str, Any]) -> None:
    assert dropped_values(applied(stored(written), annotation(written))) == ()


@pytest.mark.parametrize("written", [case[0] for case in DROPPED.values()], ids=DROPPED)
def test_an_annotation_says_nothing_of_a_spec_that_was_edited_otherwise_since(written: dict[str, Any]) -> None:
    edited = {"document": {"Version": "1", "Statement": [{**STATEMENT, "Action": "oss:Get*"}]}}
    assert dropped_values(applied(edited, annotation(written))) == ()


@pytest.mark.parametrize(
    "text", [None, "", "{", "[]", "null", '{"spec": 1}', '{"spec": {"document": []}}', "[" * 100_000]
)
def test_an_annotation_that_is_no_object_is_no_problem(text: str | None) -> None:
    assert dropped_values(applied(stored(policy(STATEMENT)), text)) == ()
