"""An operator that cannot do its work any more does not look healthy, and says what it lacks."""

import json
from collections.abc import Iterator

import pytest
from tests.cluster.objects import policy
from tests.cluster.world import World
from tests.polling import until

RULES = "/apis/rbac.authorization.k8s.io/v1/clusterroles/ram-operator"


@pytest.fixture
def mute(world: World) -> Iterator[World]:
    """The operator without the right to write the status of policies; it gets the right back at the end."""
    rules = world.api.request("GET", RULES)["rules"]
    kept = [{**rule, "resources": [one for one in rule["resources"] if one != "rampolicies/status"]} for rule in rules]
    world.api.request("PATCH", RULES, {"rules": kept}, "application/merge-patch+json")
    yield world
    world.api.request("PATCH", RULES, {"rules": rules}, "application/merge-patch+json")
    until(lambda: world.probe("/readyz")[0] == 200)


def test_an_operator_that_may_not_report_is_not_ready_until_it_may(mute: World) -> None:
    mute.api.create(policy("silent"))
    until(lambda: mute.probe("/readyz")[0] == 503)
    assert "not allowed to patch rampolicies/status.ram.alicloud.dev" in mute.probe("/readyz")[1]
    assert mute.probe("/livez") == (200, "ok\n")
    said = [json.loads(line) for line in mute.operator.child.log.read_text().splitlines() if "not ready" in line]
    assert {line["level"] for line in said} == {"ERROR"}
