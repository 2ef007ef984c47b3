"""A fourth kind, defined by the tests, is worked on like the three, with no line changed in engine or cluster."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.group_kind import RAM_GROUP, definition
from tests.cluster.hand import Hand, ServerException
from tests.cluster.objects import policy
from tests.cluster.world import SETTINGS, World, log_lines
from tests.polling import until

from ram_sandbox.operator_process import OperatorProcess

ROOT = Path(__file__).parents[2]
API_GROUP = "ram.alicloud.dev"
STORERS = "RamGroup/storers"


def rights(world: World) -> list[dict[str, Any]]:
    """What the operator's account needs for the fourth kind, as the chart gives it for the three."""
    metadata = {"name": "ram-groups"}
    rules = [
        {"apiGroups": [API_GROUP], "resources": [RAM_GROUP.plural], "verbs": ["get", "list", "watch", "patch"]},
        {"apiGroups": [API_GROUP], "resources": [f"{RAM_GROUP.plural}/status"], "verbs": ["patch"]},
    ]
    accounts = {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "Group",
        "name": f"system:serviceaccounts:{world.sandbox.installation.namespace}",
    }
    api = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": metadata}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "ram-groups"}
    return [
        {**api, "kind": "ClusterRole", "rules": rules},
        {**api, "kind": "ClusterRoleBinding", "roleRef": reference, "subjects": [accounts]},
    ]


@pytest.fixture
def four_kinds(world: World, tmp_path: Path) -> Iterator[World]:
    """The world, with an operator of four kinds in place of the other."""
    made = json.dumps({"apiVersion": "v1", "kind": "List", "items": [definition(), *rights(world)]})
    world.sandbox.installation.kubectl.ok("create", "-f", "-", input=made)
    world.sandbox.installation.kubectl.ok("wait", "--for=condition=Established", f"crd/{RAM_GROUP.plural}.{API_GROUP}")
    world.operator.stop()
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    operator = OperatorProcess(world.sandbox.installation, world.cloud, tmp_path, environ, "tests.cluster.group_kind")
    usual, world.operator = world.operator, operator
    try:
        operator.start(SETTINGS)
        yield world
    finally:
        for body in world.api.objects(RAM_GROUP.kind):
            world.api.patch(f"{RAM_GROUP.kind}/{body['metadata']['name']}", {"metadata": {"finalizers": None}})
        operator.stop()
        world.sandbox.installation.kubectl.ok("delete", "-f", "-", input=made)
        world.operator = usual
        usual.start(SETTINGS)


def group(comment: str) -> dict[str, Any]:
    """The RamGroup of these tests."""
    metadata, spec = {"name": "storers"}, {"comment": comment}
    return {"apiVersion": f"{API_GROUP}/v1alpha1", "kind": RAM_GROUP.kind, "metadata": metadata, "spec": spec}


def has_comment(hand: Hand, words: str) -> None:
    """Wait until the group of the cloud has a comment that ends so."""

    def is_so() -> bool:
        try:
            found = hand.ram("GetGroup", GroupName="storers")["Group"]["Comments"]
        except ServerException as error:
            found = str(error)
        assert found.endswith(words), found
        return True

    until(is_so)


def test_a_fourth_kind_is_watched_reconciled_swept_repaired_deleted_and_reported(four_kinds: World, hand: Hand) -> None:
    world = four_kinds
    world.api.create(group("who may store"), policy("beside"))
    world.ready(STORERS, "RamPolicy/beside")
    has_comment(hand, "RamGroup/storers who may store")
    world.event(STORERS, "GroupCreated", "created group storers")

    world.api.patch(STORERS, {"spec": {"comment": "who may write"}})
    has_comment(hand, "who may write")
    world.ready(STORERS)

    world.api.patch(STORERS, {"spec": {"comment": "x" * 41}})
    world.says(STORERS, "InvalidSpec", "spec.comment: has 41 characters")
    world.api.patch(STORERS, {"spec": {"comment": "who may write"}})
    world.ready(STORERS)

    mark = world.mark()
    hand.ram("DeleteGroup", GroupName="storers")
    has_comment(hand, "who may write")
    world.event(STORERS, "DriftRepaired", "created group storers")
    world.ready(STORERS)
    assert world.actions(mark) == ["DeleteGroup", "CreateGroup"]
    assert world.metric("ram_operator_sweeps_total", kind="RamGroup", result="done") > 0
    assert world.metric("ram_operator_reconciles_total", kind="RamGroup", reason="InSync") > 0

    world.delete(STORERS, "RamPolicy/beside")
    with pytest.raises(ServerException, match=r"EntityNotExist\.Group"):
        hand.ram("GetGroup", GroupName="storers")
    assert not [line for line in log_lines(world.operator.child.log.read_text()) if "exception" in line]


def test_a_group_that_is_not_ours_is_left_alone_and_said(four_kinds: World, hand: Hand) -> None:
    hand.ram("CreateGroup", GroupName="storers", Comments="of somebody")
    four_kinds.api.create(group("who may store"))
    four_kinds.says(STORERS, "NotOwned", "group storers is not this object's")
    four_kinds.delete(STORERS)
    has_comment(hand, "of somebody")
