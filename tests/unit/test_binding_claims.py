"""A claim is lost by nothing that passes: tags that cannot be read, or that somebody took off a role for a while."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.builders import KINDS, binding_body, node
from tests.unit.pool import BINDING, ONE, attached, remarks, scene, state
from tests.unit.scene import Instances, Scene

from ram_operator.errors import Denied, Unauthenticated, WrongAccount
from ram_operator.kinds.instance_role_binding import InstanceRoleBindingKind
from ram_operator.kinds.instance_role_binding.terms import RoleRules
from ram_operator.model import ALLOW_RELEASE, EVERYTHING

WORKER = "KubernetesWorkerRole-x"
CLAIM = ("roleName", "origin", "previousRole", "confirmed")


async def replaced() -> tuple[Scene, Instances]:
    """A binding whose role has taken the place of ACK's worker role."""
    made, ecs = scene({ONE: WORKER})
    made.edit(BINDING, conflictPolicy="Replace", allowProtectedRoles=True)
    await made.settle()
    assert ecs.roles == {ONE: "oss-reader"}
    ecs.calls.clear()
    return made, ecs


def claim(made: Scene) -> dict[str, Any]:
    row = made.rows(BINDING)[str(ONE)]
    return {name: row.get(name) for name in CLAIM}


def leave(made: Scene) -> None:
    made.put_node(node("node-1", 1, pool="other"))


def strip(ecs: Instances) -> None:
    """Take the tags off our role."""
    del ecs.ram.owned["oss-reader"]


def tag(ecs: Instances) -> None:
    ecs.ram.owned["oss-reader"] = "oss-reader"


DENIED = Denied("ListTagResources", "NoPermission")
DENIED.missing_action = "ram:ListTagResources"
REFUSALS = [
    DENIED,
    Unauthenticated("ListTagResources", "InvalidAccessKeyId.NotFound"),
    WrongAccount("ListTagResources", "WrongAccount"),
]


@pytest.mark.parametrize("error", REFUSALS, ids=lambda error: type(error).__name__)
async def test_a_claim_outlives_tags_that_may_not_be_read(error: Denied) -> None:
    made, ecs = await replaced()
    before = claim(made)
    ecs.ram.untold = error
    await made.reconcile(BINDING)
    assert claim(made) == before
    leave(made)
    await made.settle()
    assert (claim(made), ecs.writes) == (before, [])
    ecs.ram.untold = None
    made.asked = {BINDING: EVERYTHING}
    await made.settle()
    assert ecs.roles == {ONE: WORKER}


@pytest.mark.parametrize("error", REFUSALS, ids=lambda error: type(error).__name__)
async def test_a_deletion_waits_for_tags_that_may_not_be_read(error: Denied) -> None:
    made, ecs = await replaced()
    ecs.ram.untold = error
    made.delete(BINDING)
    await made.reconcile(BINDING)
    assert made.exists(BINDING)
    assert made.condition(BINDING)[1] in ("AccessDenied", "WrongAccount")
    assert "ListTagResources" in made.status(BINDING)["conditions"][0]["message"]
    ecs.ram.untold = None
    made.asked = {BINDING: EVERYTHING}
    await made.settle()
    assert (ecs.roles, made.exists(BINDING)) == ({ONE: WORKER}, False)


async def test_a_missing_permission_to_read_tags_is_named() -> None:
    made, ecs = await replaced()
    ecs.ram.untold = DENIED
    made.later(3600)
    await made.reconcile(BINDING)
    assert "ram:ListTagResources" in made.status(BINDING)["conditions"][0]["message"]


async def test_a_claim_on_a_role_without_its_tags_is_kept_and_nothing_is_done_on_its_strength() -> None:
    made, ecs = await replaced()
    before = claim(made)
    strip(ecs)
    leave(made)
    for _ in range(3):
        await made.reconcile(BINDING)
        made.later(700)
    row = made.rows(BINDING)[str(ONE)]
    assert (claim(made), ecs.writes) == (before, [])
    assert (row["state"], row["reason"]) == ("Releasing", "NotOwned")
    assert "oss-reader lacks this cluster's tags" in row["message"]
    assert made.condition(BINDING) == ("False", "NotOwned")


@pytest.mark.parametrize("leaves", [False, True], ids=["selected", "not selected"])
async def test_a_claim_counts_again_with_the_tags(leaves: bool) -> None:
    made, ecs = await replaced()
    strip(ecs)
    if leaves:
        leave(made)
    await made.reconcile(BINDING)
    assert claim(made)["roleName"] == "oss-reader"
    tag(ecs)
    made.asked = {BINDING: EVERYTHING}
    await made.settle()
    assert state(made) == (() if leaves else ("Attached", "oss-reader", "Attached"))
    leave(made)
    await made.settle()
    assert ecs.roles == {ONE: WORKER}


async def test_a_claim_that_counts_again_is_held_by_the_limit_on_mass_releases_as_before() -> None:
    made, ecs = await attached(nodes=10)
    strip(ecs)
    for number in range(1, 8):
        made.put_node(node(f"node-{number}", number, pool="other"))
    await made.settle()
    tag(ecs)
    made.asked = {BINDING: EVERYTHING}
    await made.settle()
    assert (ecs.writes, made.condition(BINDING)) == ([], ("False", "MassRelease"))
    made.annotate(BINDING, ALLOW_RELEASE, "1")
    await made.settle()
    assert list(ecs.roles.values()).count("oss-reader") == 3


async def test_the_claim_of_a_deleted_binding_on_a_role_without_its_tags_is_given_up() -> None:
    made, ecs = await replaced()
    strip(ecs)
    made.delete(BINDING)
    said = await made.reconcile(BINDING)
    assert [reason for reason, _ in remarks(said)] == ["LeftAlone"]
    assert (ecs.writes, made.exists(BINDING)) == ([], False)


async def test_what_was_there_before_outlives_lost_tags_of_the_role_that_ours_replaced() -> None:
    made, ecs = scene({ONE: "oss-reader"})
    row = {"instance": str(ONE), "node": "node-1", "state": "Pending", "origin": "Attached", "roleName": "oss-reader"}
    made.put_status(BINDING, {"instances": [row | {"replacedRole": "log-writer", "previousRole": WORKER}]})
    del ecs.ram.owned["log-writer"]
    await made.reconcile(BINDING)
    assert claim(made)["previousRole"] == WORKER
    made.delete(BINDING)
    await made.settle()
    assert ecs.roles == {ONE: WORKER}


async def test_the_tags_of_a_role_that_the_settings_let_be_given_back_are_not_read() -> None:
    made, ecs = await replaced()
    await made.reconcile(BINDING)
    leave(made)
    await made.settle()
    assert ecs.roles == {ONE: WORKER}
    assert set(ecs.ram.told) == {"oss-reader"}


async def test_a_role_that_the_settings_no_longer_let_bindings_name_has_its_tags_read() -> None:
    made, ecs = scene({ONE: "existing-1"}, binding_body(spec={"roleRef": None, "roleName": "existing-2"}), nodes=0)
    row = {"instance": str(ONE), "state": "Attached", "origin": "Attached", "roleName": "existing-1", "confirmed": True}
    made.put_status(BINDING, {"instances": [row]})
    await made.reconcile(BINDING)
    assert (ecs.ram.told, ecs.writes) == (["existing-1"], [])
    assert claim(made)["roleName"] == "existing-1"


async def test_a_role_that_the_settings_let_bindings_name_needs_no_tags() -> None:
    ecs = Instances({ONE: ""})
    rules = RoleRules(allowed=("existing-*",))
    made = Scene(ecs.cloud, all_kinds=(*KINDS[:2], InstanceRoleBindingKind(rules=rules)))
    made.put_node(node("node-1", 1, pool="storage"))
    made.put(binding_body())
    made.edit(BINDING, roleRef=None, roleName="existing-1")
    await made.settle()
    made.delete(BINDING)
    await made.settle()
    assert ([call[0] for call in ecs.writes], ecs.ram.told) == (["attach", "detach"], [])
