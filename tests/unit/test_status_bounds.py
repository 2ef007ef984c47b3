"""Every status has bounds, and what the operator stores from elsewhere fits into them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit.builders import binding_body, cloud_policy, cloud_role, facts_of, made_role_status, role_body
from tests.unit.roles import planned, there
from tests.unit.scene import Instances, Scene

from ram_operator.kinds import ownership
from ram_operator.kinds.ram_role.observing import version_of
from ram_operator.rules.trust import beyond_ecs

CRDS = sorted((Path(__file__).parents[2] / "crds").glob("*.ram.alicloud.dev.yaml"))
LONG = "x" * 5000


def status_of(path: Path) -> dict[str, Any]:
    """The schema of a status."""
    (version,) = yaml.safe_load(path.read_text())["spec"]["versions"]
    schema: dict[str, Any] = version["schema"]["openAPIV3Schema"]["properties"]["status"]
    return schema


def parts(schema: dict[str, Any], where: str = "status") -> Iterator[tuple[str, dict[str, Any]]]:
    """All schemas below a schema, with their places."""
    yield where, schema
    for name, child in schema.get("properties", {}).items():
        yield from parts(child, f"{where}.{name}")
    for name, suffix in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(child := schema.get(name), dict):
            yield from parts(child, f"{where}{suffix}")


def is_bounded(schema: dict[str, Any]) -> bool:
    """Whether a value has a largest size, apart from what is in it."""
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return False
    bounds = {
        "string": ("maxLength", "enum", "format"),
        "array": ("maxItems",),
        "object": ("properties", "maxProperties"),
    }
    return schema["type"] in ("integer", "boolean") or any(bound in schema for bound in bounds[schema["type"]])


@pytest.mark.parametrize("path", CRDS, ids=lambda path: str(path.stem))
def test_every_text_list_and_map_of_a_status_has_a_bound(path: Path) -> None:
    found = dict(parts(status_of(path)))
    assert [where for where, schema in found.items() if not is_bounded(schema)] == []
    assert len(found) > 20


def most(kind: str, *fields: str) -> int:
    """The bound of a text in the status of a kind."""
    schema = next(status_of(path) for path in CRDS if path.stem.startswith(kind))
    for field in fields:
        schema = schema["properties"][field] if field != "[]" else schema["items"]
    return int(schema["maxLength"])


def test_the_version_of_a_policy_fits_whatever_ram_calls_it() -> None:
    policy = replace(cloud_policy("p" * 256), update_date="d" * 256)
    assert len(version_of(policy)) == most("ramroles", "verified", "policies", "[]")


async def test_a_request_of_any_length_is_answered_once_and_the_answer_fits() -> None:
    made = Scene(Instances({}).cloud)
    made.put(role_body(status=made_role_status()))
    key = made.put(binding_body())
    for number in range(2):
        made.ask(key, f"{number}{LONG}")
        assert facts_of(key, made.caches).requested
        await made.reconcile(key)
        assert not facts_of(key, made.caches).requested
        assert len(made.status(key)["lastHandledReconcileAt"]) == most("instance", "lastHandledReconcileAt")


def test_an_answered_request_of_any_length_asks_for_nothing_after_a_start() -> None:
    handled: dict[str, Any] = {
        "observedGeneration": 1,
        "lastHandledReconcileAt": LONG[: most("ramroles", "lastHandledReconcileAt")],
    }
    assert ownership.reconciled(role_body(status=made_role_status(**handled), reconcile_at=LONG))
    assert not ownership.reconciled(role_body(status=made_role_status(), reconcile_at=LONG))


def test_a_principal_of_any_length_fits() -> None:
    trust = {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Federated": f"acs:{LONG}"}}]}
    assert [len(one) for one in beyond_ecs(json.dumps(trust))] == [most("ramroles", "trustedPrincipals", "[]")]


def test_the_longest_steps_fit_into_the_plan() -> None:
    tags = {f"{number:0>128}": "" for number in range(17)}
    spec = {"tags": tags, "description": LONG[:1024], "trust": {"services": [f"s{n}.aliyuncs.com" for n in range(20)]}}
    steps = planned(role_body(status=made_role_status(), spec=spec), there(role=cloud_role(trust="y" * 5000))).steps
    assert [step.api for step in steps] == ["UpdateRole", "TagResources"]
    longest = max(len(step.todo()) for step in steps)
    assert 500 < longest <= most("ramroles", "plan", "steps", "[]")
