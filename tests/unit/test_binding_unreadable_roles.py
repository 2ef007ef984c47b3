"""A role that cannot be read keeps only the instances that it decides about from their turn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from tests.unit.builders import binding_body, instance, node
from tests.unit.pool import BINDING, ONE, TWO, scene, state
from tests.unit.scene import Roles, Scene
from tests.unit.test_binding_replacing import ALLOWED, WORKER, Refusing
from tests.unit.test_binding_unmanaged import NAMED, OPEN, bound

from ram_operator.cloud import Role
from ram_operator.errors import CloudError, Denied, Rejected, Throttled, Unavailable
from ram_operator.model import EVERYTHING, InstanceId


class Closed(Roles):
    """RAM that does not tell everything of each role.

    Attributes:
        unread: what reading a role raises, by role.
        untagged: what reading its tags raises, by role.
    """

    def __init__(self) -> None:
        super().__init__()
        self.unread: dict[str, CloudError] = {}
        self.untagged: dict[str, CloudError] = {}

    async def get_role(self, name: str) -> Role:
        if name in self.unread:
            raise self.unread[name]
        return await super().get_role(name)

    async def list_tags(self, resource: object, name: str) -> Mapping[str, str]:
        if name in self.untagged:
            raise self.untagged[name]
        return await super().list_tags(resource, name)


def closed(roles: Mapping[InstanceId, str], **how: Any) -> tuple[Refusing, Closed]:
    """Instances, and RAM that can be told to be silent about a role."""
    ecs = Refusing(roles, **how)
    ecs.ram = ram = Closed()
    return ecs, ram


async def edited(nodes: int) -> tuple[Scene, Refusing, Closed]:
    """A binding that has attached one role, and is to attach another one from now on."""
    ecs, ram = closed({instance(number): "" for number in range(1, nodes + 1)})
    made, _ = scene({}, nodes=nodes, ecs=ecs)
    await made.settle()
    assert set(ecs.roles.values()) == {"oss-reader"}
    made.edit(BINDING, roleRef={"name": "log-writer"})
    return made, ecs, ram


def words(made: Scene) -> str:
    return " ".join(row["message"] for row in made.status(BINDING)["conditions"])


ERRORS: list[tuple[CloudError, str, str]] = [
    (Denied("ListTagResources", "NoPermission"), "Stalled", "AccessDenied"),
    (Throttled("ListTagResources", "Throttling.User", retry_after=3), "Reconciling", "Throttled"),
    (Unavailable("ListTagResources", "ServiceUnavailable"), "Reconciling", "Retrying"),
    (Rejected("ListTagResources", "InvalidParameter"), "Stalled", "Rejected"),
]


@pytest.mark.parametrize(("error", "type_", "reason"), ERRORS, ids=[error.code for error, _, _ in ERRORS])
async def test_a_role_whose_tags_cannot_be_read_delays_no_instance_that_has_nothing_to_do_with_it(
    error: CloudError, type_: str, reason: str
) -> None:
    made, ecs, ram = await edited(1)
    ram.untagged["oss-reader"] = error
    made.put_node(node("node-2", 2, pool="storage"))
    ecs.roles[TWO] = ""
    await made.reconcile(BINDING)
    assert ecs.roles == {ONE: "oss-reader", TWO: "log-writer"}
    assert state(made) == ("Attached", "oss-reader", "Attached"), "the claim is as it was"
    assert state(made, TWO) == ("Attached", "log-writer", "Attached")
    assert made.condition(BINDING, type_) == ("True", reason)
    assert f"role oss-reader: {error}" in words(made)
    ram.untagged.clear()
    made.asked = {BINDING: EVERYTHING}
    await made.settle()
    assert set(ecs.roles.values()) == {"log-writer"}
    assert made.condition(BINDING) == ("True", "AllAttached")


async def test_instances_are_released_while_the_role_that_others_are_to_get_cannot_be_read() -> None:
    made, ecs, ram = await edited(2)
    ram.untagged["log-writer"] = Denied("ListTagResources", "NoPermission")
    made.put_node(node("node-2", 2, pool="other"))
    await made.reconcile(BINDING)
    await made.settle()
    assert ecs.roles == {ONE: "oss-reader", TWO: ""}


async def test_where_the_new_role_cannot_be_read_nothing_is_replaced_and_what_has_no_role_gets_it() -> None:
    ecs, ram = closed({ONE: WORKER, TWO: ""})
    ram.unread["oss-reader"] = Denied("GetRole", "NoPermission")
    made, _ = scene({}, binding_body(spec=ALLOWED), nodes=2, ecs=ecs)
    await made.reconcile(BINDING)
    assert ecs.roles == {ONE: WORKER, TWO: "oss-reader"}
    assert made.rows(BINDING)[str(ONE)]["reason"] == "AccessDenied"
    assert made.condition(BINDING, "Stalled") == ("True", "AccessDenied")
    assert "role oss-reader: GetRole" in words(made)
    ram.unread.clear()
    made.asked = {BINDING: EVERYTHING}
    await made.settle()
    assert set(ecs.roles.values()) == {"oss-reader"}


async def test_a_role_without_a_ram_role_that_cannot_be_read_is_not_given_and_others_are_released() -> None:
    ecs, ram = closed({ONE: "", TWO: ""})
    made = await bound(ecs, OPEN, **NAMED)
    ram.unread["Existing-1"] = Denied("GetRole", "NoPermission")
    made.put_node(node("node-2", 2, pool="storage"))
    made.put_node(node("node-1", 1, pool="other"))
    await made.reconcile(BINDING)
    assert (ecs.roles, state(made)) == ({ONE: "", TWO: ""}, ())
    assert made.rows(BINDING)[str(TWO)]["reason"] == "AccessDenied"


async def test_an_instance_that_may_be_without_a_role_counts_as_one_while_it_cannot_be_read() -> None:
    ids = [instance(number) for number in range(1, 5)]
    ecs = Refusing(dict.fromkeys(ids, WORKER), refuses={"oss-reader": Unavailable("AttachInstanceRamRole", "Timeout")})
    made, _ = scene({}, binding_body(spec=ALLOWED | {"rollout": {"maxUnavailable": 1}}), nodes=4, ecs=ecs)
    await made.reconcile(BINDING)
    assert list(ecs.roles.values()).count("") == 1
    ecs.refuses.clear()
    ecs.unreadable[ONE] = Unavailable("DescribeInstanceRamRole", "ServiceUnavailable")
    await made.reconcile(BINDING)
    assert ecs.most_without == 1
    ecs.unreadable.clear()
    made.asked = {BINDING: EVERYTHING}
    await made.settle()
    assert (set(ecs.roles.values()), ecs.most_without) == ({"oss-reader"}, 1)
