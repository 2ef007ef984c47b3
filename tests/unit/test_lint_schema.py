"""`lint` against the schemas of the CRDs: what the API server refuses is found, and no document brings it down."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cluster.admission import CASES, Case
from tests.unit.builders import KINDS as ALL_KINDS

from ram_operator.commands.lint import Finding, lint
from ram_operator.commands.manifests import parse
from ram_operator.commands.schema import refused
from ram_operator.kinds.names import INSTANCE_ROLE_BINDING

ROOT = Path(__file__).parents[2]
KINDS = {kind.resource.kind: kind for kind in ALL_KINDS}
ODD: tuple[Any, ...] = (None, "odd words", 7, ["odd words"], {"odd": "words"}, True)
WIDEST: dict[str, dict[str, Any]] = {
    "RamPolicy": {
        "policyName": "reader",
        "document": {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "oss:GetObject", "Resource": "*"}]},
        "attachTo": {"users": ["a"], "groups": ["b"], "roles": ["c"]},
        "tags": {"team": "storage"},
    },
    "RamRole": {
        "roleName": "reader",
        "trust": {"services": ["ecs.aliyuncs.com"]},
        "policies": [{"policyRef": {"name": "reader"}}, {"custom": "a"}, {"system": "AliyunECSReadOnlyAccess"}],
        "tags": {"team": "storage"},
    },
    "InstanceRoleBinding": {
        "roleRef": {"name": "reader"},
        "nodeSelector": {
            "matchLabels": {"pool": "storage"},
            "matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}],
        },
        "nodeNames": ["node-1"],
        "instances": ["cn-hangzhou.i-1"],
        "sessionPolicy": {"Statement": [{"Effect": "Allow", "Action": "oss:GetObject", "Resource": "*"}]},
        "rollout": {"maxUnavailable": "10%"},
    },
}
"""Specs with all the fields that have parts; the others are added from the schema."""


def schema_of(kind: str) -> dict[str, Any]:
    [path] = (path for path in (ROOT / "crds").glob("*.ram.alicloud.dev.yaml") if f"kind: {kind}\n" in path.read_text())
    [version] = yaml.safe_load(path.read_text())["spec"]["versions"]
    spec: dict[str, Any] = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return spec


def whole(kind: str) -> dict[str, Any]:
    """An object of a kind with every field that has one value of its own."""
    simple = {
        name: field["enum"][0] if "enum" in field else True
        for name, field in schema_of(kind)["properties"].items()
        if "enum" in field or field.get("type") == "boolean"
    }
    head = {"apiVersion": "ram.alicloud.dev/v1alpha1", "kind": kind, "metadata": {"name": "reader"}}
    return {**head, "spec": {**simple, **WIDEST[kind]}}


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every part below a value."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield (*path, key)
        yield from places(part, (*path, key))


def replaced(body: dict[str, Any], path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    made = copy.deepcopy(body)
    here: Any = made
    for key in path[:-1]:
        here = here[key]
    here[path[-1]] = value
    return made


def errors(body: Any) -> list[Finding]:
    return [one for one in lint(parse("x.yaml", json.dumps(body)), KINDS) if one.severity == "error"]


PLACES = [(kind, path) for kind in WIDEST for path in places(whole(kind))]
FREE = {"apiVersion", "document", "sessionPolicy", "maxUnavailable"}
"""Fields that have rules of their own, which take several types; an object of another group is not ours."""


@pytest.mark.parametrize("kind", WIDEST)
def test_a_value_of_another_type_is_found_wherever_it_stands(kind: str) -> None:
    body = whole(kind)
    before = errors(body)
    for path in places(body):
        here: Any = body
        for key in path:
            here = here[key]
        for odd in ODD:
            found = errors(replaced(body, path, odd))
            assert all(one.message for one in found)
            if odd is not None and type(odd) is not type(here) and not FREE & {*path}:
                new = [one for one in found if one not in before]
                assert new, (path, odd)
                assert all(one.place for one in new)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=30)
@given(st.sampled_from(PLACES), JSON)
def test_no_value_at_all_brings_it_down(place: tuple[str, tuple[str | int, ...]], value: Any) -> None:
    kind, path = place
    text = json.dumps(replaced(whole(kind), path, value))
    assert all(one.message for one in lint(parse("x.json", text), KINDS))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_it_refuses_what_the_api_server_refuses_and_nothing_else(case: Case) -> None:
    found = errors(case.body())
    assert bool(found) == (case.refusal is not None or bool(case.strict)), found


def aliases(levels: int) -> str:
    """A document whose lists repeat each other tenfold, level by level."""
    lists = [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, levels)]
    return "\n".join(("a0: &a0 [x]", *lists, f"spec: {{document: *a{levels - 1}}}"))


@pytest.mark.parametrize(("levels", "problem"), [(3, ""), (10, "cannot be read as YAML: its aliases repeat more than")])
def test_aliases_that_repeat_without_end_are_not_followed(levels: int, problem: str) -> None:
    (manifest,) = parse("-", aliases(levels))
    assert manifest.problem.startswith(problem)
    assert bool(manifest.problem) is bool(problem)


def test_an_alias_of_what_it_stands_in_is_not_followed() -> None:
    (manifest,) = parse("-", "a: &a [*a]")
    assert manifest.problem.endswith("it is nested too deeply, or refers to itself")


class Entry(str):
    """Text that counts how often an entry is compared with another one."""

    compared = 0

    def __eq__(self, other: object) -> bool:
        Entry.compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def test_long_lists_are_not_compared_entry_by_entry() -> None:
    body = whole("InstanceRoleBinding")
    body["spec"]["nodeNames"] = [Entry(f"node-{number}") for number in range(3000)] + [Entry("node-7")]
    Entry.compared = 0
    problems, _ = refused(body, INSTANCE_ROLE_BINDING)
    assert Entry.compared < 100_000
    assert "entry 3000 is there already; remove it" in [one.sentence for one in problems]


def rules(schema: Any) -> Iterator[dict[str, str]]:
    """The CEL rules of a schema, those of edits apart."""
    for key, part in schema.items() if isinstance(schema, dict) else enumerate(schema):
        if key == "x-kubernetes-validations":
            yield from (rule for rule in part if "oldSelf" not in rule["rule"])
        elif isinstance(part, dict | list):
            yield from rules(part)


@pytest.mark.parametrize("kind", WIDEST)
def test_no_rule_of_a_schema_is_without_an_object_that_breaks_it(kind: str) -> None:
    refusals = [case.refusal for case in CASES if case.kind == kind and case.refusal]
    found = list(rules(schema_of(kind)))
    assert found
    assert [rule["rule"] for rule in found if not any(words in rule["message"] for words in refusals)] == []
