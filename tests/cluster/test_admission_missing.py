"""Without the admission policies the operator works, and says in readiness, metric and log that they are missing."""

from collections.abc import Iterator

import pytest
from tests.cluster.world import SETTINGS, World, log_lines
from tests.polling import until

from ram_operator.cluster.admission import PATH, POLICIES

MERGE = "application/merge-patch+json"


@pytest.fixture
def weakened(world: World) -> Iterator[World]:
    """The sandbox with one policy that is not installed and one that only warns, and an operator started there."""
    removed, warning = "status.ram.alicloud.dev", "documents.ram.alicloud.dev"
    body = world.api.request("GET", f"{PATH}/{removed}")
    world.api.request("DELETE", f"{PATH}/{removed}")
    world.api.request("PATCH", f"{PATH}/{warning}", {"spec": {"validationActions": ["Warn"]}}, MERGE)
    world.operator.restart(SETTINGS)
    yield world
    metadata = {key: body["metadata"][key] for key in ("name", "labels", "annotations")}
    world.api.request("POST", PATH, {**body, "metadata": metadata})
    world.api.request("PATCH", f"{PATH}/{warning}", {"spec": {"validationActions": ["Deny"]}}, MERGE)
    world.operator.restart(SETTINGS)


def test_missing_admission_policies_are_said_in_readiness_metric_and_log(weakened: World) -> None:
    found = ["documents.ram.alicloud.dev does not refuse", "status.ram.alicloud.dev is not installed"]
    # The policies are read beside the start, so that a ready operator may not have looked at them yet.
    until(lambda: weakened.metric("ram_operator_admission_policies_missing") == 2, what="both faults are counted")
    assert weakened.probe("/readyz") == (200, f"ok, but admission policies are missing: {', '.join(found)}\n")
    lines = log_lines(weakened.operator.child.log.read_text())
    (line,) = (line for line in lines if line["message"] == "admission policies do not protect this cluster")
    assert (line["level"], line["found"]) == ("WARNING", found)


def test_nothing_is_said_where_all_of_them_refuse(world: World) -> None:
    world.operator.restart(SETTINGS)
    assert world.probe("/readyz") == (200, "ok\n")
    assert world.metric("ram_operator_admission_policies_missing") == 0


def test_every_policy_that_refuses_is_looked_for(world: World) -> None:
    installed = world.api.request("GET", PATH)["items"]
    refusing = {body["metadata"]["name"] for body in installed if body["spec"]["validationActions"] == ["Deny"]}
    assert refusing == set(POLICIES)
