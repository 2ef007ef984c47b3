"""The RAM policy for the operator's key: all that it needs, and nothing that it does not."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from tests.chart.conftest import ROOT
from tests.cluster.hand import Hand
from tests.cluster.objects import node
from tests.cluster.world import World
from tests.polling import until

from ram_sandbox.sources import source

POLICY, ROLE, BINDING = "RamPolicy/oss-read", "RamRole/oss-reader", "InstanceRoleBinding/storage-pool"
PREFIX = "k8s-"
# the walk goes to RAM without these: passing a role is no call, and the identity takes no permission
NO_CALLS = {"ram:PassRole"}


def printed(account: str) -> dict[str, Any]:
    """The policy for this account."""
    text = (ROOT / "deploy/ram-policies/full.json").read_text()
    found: dict[str, Any] = json.loads(text.replace("UID", account))
    return found


def samples() -> list[dict[str, Any]]:
    """The samples with names in RAM that begin with the prefix."""
    bodies = [yaml.safe_load(path.read_text()) for path in sorted(source("samples").glob("*.yaml"))]
    for body in bodies:
        for field in ("policyName", "roleName"):
            if field in body["spec"]:
                body["spec"][field] = PREFIX + body["spec"][field]
    return bodies


@pytest.fixture
def restricted(world: World, hand: Hand) -> Iterator[World]:
    """The operator with the key of the fixture's user ``dev``, who has this policy and no other."""
    policy = printed(world.cloud.facts["account"])
    hand.create_policy("operator", policy)
    hand.ram("AttachPolicyToUser", PolicyType="Custom", PolicyName="operator", UserName="dev")
    key = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "simulator-dev", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "simulator-dev-secret"}
    with world.environment(RAM_OPERATOR_CREDENTIALS_DIR="", **key):
        yield world


def test_the_samples_walk_needs_exactly_this_policy(restricted: World) -> None:
    world, mark = restricted, restricted.mark()
    before = world.state()
    world.api.create(node("gone", "cn-hangzhou.i-bp1nosuchinstance0001", "storage"))
    nodes = world.add_nodes("storage", "node-1", "node-2")
    bodies = samples()
    world.sandbox.apply(*bodies)
    world.ready(POLICY, ROLE)
    world.attached("storage-pool", *nodes)
    changed = copy.deepcopy(bodies)
    for body in changed:
        if body["kind"] != "InstanceRoleBinding":
            body["spec"] |= {"description": "changed", "tags": {"team": "storage"}}
        if body["kind"] == "RamPolicy":
            body["spec"]["document"]["Statement"][0]["Action"] = "oss:GetObject"
    world.sandbox.apply(*changed)
    world.kubectl("delete", "node", "gone")
    world.ready(POLICY, ROLE)
    world.sweeps_pass()
    assert world.kubectl("delete", "-f", str(source("samples")), "--timeout=60s").returncode == 0
    until(lambda: world.state()["policies"] == before["policies"] and world.state()["roles"] == before["roles"])
    calls = [call for call in world.calls(mark) if "dev" in str(call["principal"])]
    assert [call for call in calls if call["status"] == 403] == []
    used = {f"{call['product'].lower()}:{call['action']}" for call in calls}
    granted = {
        action
        for statement in printed("1")["Statement"]
        for action in (statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]])
    }
    assert granted - used == NO_CALLS
    assert used - granted <= {"sts:GetCallerIdentity"}
