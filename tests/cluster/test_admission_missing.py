"""Without the admission policies the operator works, and says in readiness, metric and log that they are missing."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from tests.cluster.world import SETTINGS, World, log_lines
from tests.polling import until

from ram_operator.cluster.admission import BINDINGS, DEFINITIONS, POLICIES

MERGE = "application/merge-patch+json"
DIFFERS = "differs from that of this version of ram-operator in"
WEAKER: dict[str, tuple[str, dict[str, Any] | None, str]] = {
    "documents": (BINDINGS, {"validationActions": ["Warn"]}, "does not refuse"),
    "empty-values": (DEFINITIONS, {"failurePolicy": "Ignore"}, f"{DIFFERS} failurePolicy"),
    "operator-account": (
        BINDINGS,
        {"matchResources": {"objectSelector": {"matchLabels": {"a": "b"}}}},
        "is bound to a part of the objects only",
    ),
    "operator-nodes": (DEFINITIONS, {"validations": [{"expression": "true"}]}, f"{DIFFERS} validations"),
    "status": (BINDINGS, None, "has no binding"),
    "use-of-roles": (DEFINITIONS, None, "is not installed"),
}
"""Of a policy what is changed, its definition or its binding, how (None: deleted), and how that is told."""


@pytest.fixture
def weakened(world: World) -> Iterator[World]:
    """The sandbox with policies that protect less, each in another way, and an operator started there."""
    with ExitStack() as restoring:
        restoring.callback(world.operator.restart, SETTINGS)
        for name, (path, spec, _) in WEAKER.items():
            address = f"{path}/{name}.ram.alicloud.dev"
            body = world.api.request("GET", address)
            if spec:
                back = {"spec": dict.fromkeys(spec) | body["spec"]}
                restoring.callback(world.api.request, "PATCH", address, back, MERGE)
                world.api.request("PATCH", address, {"spec": spec}, MERGE)
            else:
                metadata = {key: body["metadata"][key] for key in ("name", "labels", "annotations")}
                world.api.request("DELETE", address)
                restoring.callback(world.api.request, "POST", path, {**body, "metadata": metadata})
        world.operator.restart(SETTINGS)
        yield world


def test_missing_admission_policies_are_said_in_readiness_metric_and_log(weakened: World) -> None:
    found = [f"{name}.ram.alicloud.dev {told}" for name, (_, _, told) in WEAKER.items()]
    # The policies are read beside the start, so that a ready operator may not have looked at them yet.
    until(lambda: weakened.metric("ram_operator_admission_policies_missing") == len(found), what="all are counted")
    assert weakened.probe("/readyz") == (200, f"ok, but admission policies do not protect: {', '.join(found)}\n")
    lines = log_lines(weakened.operator.child.log.read_text())
    (line,) = (line for line in lines if line["message"] == "admission policies do not protect this cluster")
    assert (line["level"], line["found"]) == ("WARNING", found)


def test_nothing_is_said_where_all_of_them_refuse(world: World) -> None:
    world.operator.restart(SETTINGS)
    assert world.probe("/readyz") == (200, "ok\n")
    assert world.metric("ram_operator_admission_policies_missing") == 0


def test_every_policy_that_refuses_is_looked_for(world: World) -> None:
    installed = world.api.request("GET", BINDINGS)["items"]
    refusing = {body["metadata"]["name"] for body in installed if body["spec"]["validationActions"] == ["Deny"]}
    assert refusing == set(POLICIES)
