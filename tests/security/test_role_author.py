"""The author of roles and policies, who decides what a role may do and still not whose it is or who gets it."""

from typing import Any

import pytest
from tests.cluster.actors import Actor
from tests.cluster.hand import Hand, marks
from tests.cluster.objects import binding, document, policy, role
from tests.cluster.world import World
from tests.conftest import RunningControlPlane
from tests.security.conftest import Grant, Store, rule


@pytest.fixture(scope="module")
def author(installed: RunningControlPlane, grant: Grant) -> Actor:
    """Somebody who may write roles and policies."""
    actor = Actor(installed.kubeconfig, "role-author")
    grant(actor, rule("rampolicies", "create", "get", "patch"), rule("ramroles", "create", "get", "patch"))
    return actor


def test_a_role_is_not_given_to_nodes_by_its_author(author: Actor) -> None:
    assert author.create(role("r")) == ""
    assert "cannot create resource" in author.create(binding("b", "r", "pool"))


TAGS = ({"ram-operator:cluster": "x"}, {"RAM-Operator:name": "x"}, {"acs:x": "y"}, {"aliyun.x": "y"})


@pytest.mark.parametrize("tags", TAGS)
def test_the_tags_that_tell_the_owner_cannot_be_written(tags: dict[str, str], author: Actor) -> None:
    for body in (role("r", tags=tags), policy("p", tags=tags)):
        assert "a tag's key must not start with" in author.create(body)


def test_another_name_in_ram_cannot_be_taken_by_an_edit(author: Actor, store: Store) -> None:
    stored = store(role("mine", roleName="one"))
    assert "roleName is immutable" in author.patch(stored, {"spec": {"roleName": "two"}})
    stored = store(policy("mine"))
    assert "policyName is immutable" in author.patch(stored, {"spec": {"policyName": "two"}})


FOREIGN: dict[str, dict[str, str]] = {"nobody's": {}, "another cluster's": marks("another", "RamRole", "mine")}


@pytest.mark.parametrize("tags", FOREIGN.values(), ids=FOREIGN)
def test_a_role_of_others_is_neither_changed_nor_given_policies(tags: dict[str, str], world: World, hand: Hand) -> None:
    hand.create_role("theirs", tags)
    mark = world.mark()
    change: dict[str, Any] = {"description": "mine now", "trust": {"services": ["fc.aliyuncs.com"]}}
    body = role("mine", roleName="theirs", **change)
    body["spec"]["policies"] = [{"system": "AdministratorAccess"}]
    world.api.create(body)
    world.says("RamRole/mine", "OwnedByOther" if tags else "NotOwned", "theirs")
    world.sweeps_pass()
    world.delete("RamRole/mine")
    assert world.actions(mark) == []


def test_a_policy_of_others_is_not_changed(world: World, hand: Hand) -> None:
    hand.create_policy("theirs", document("oss:Get*"))
    mark = world.mark()
    world.api.create(policy("mine", "*", policyName="theirs"))
    world.says("RamPolicy/mine", "NotOwned", "theirs")
    world.delete("RamPolicy/mine")
    assert world.actions(mark) == []
