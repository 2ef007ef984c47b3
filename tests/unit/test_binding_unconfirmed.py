"""An attach that ECS does not show yet is ours all the same: nothing that lets go of it leaves it behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from tests.unit.builders import binding_body, node, role_key
from tests.unit.pool import BINDING, ONE, scene, state
from tests.unit.scene import Instances, Scene

from ram_operator.errors import CloudError, Denied, Unavailable
from ram_operator.model import ObjectKey


class Slow(Instances):
    """Shows no role until it is told to, and may lose the reply of an attach."""

    def __init__(self, *, error: CloudError | None = None, executed: bool = True) -> None:
        super().__init__({ONE: ""})
        self.shows = False
        self.error = error
        self.executed = executed

    async def describe_instance_roles(self, region: str, ids: Sequence[str]) -> Mapping[str, str | CloudError]:
        seen = await super().describe_instance_roles(region, ids)
        return seen if self.shows else dict.fromkeys(seen, "")

    async def attach_role(
        self, region: str, role: str, ids: Sequence[str], policy: str | None = None
    ) -> Mapping[str, CloudError]:
        if self.executed:
            await super().attach_role(region, role, ids, policy)
        return dict.fromkeys(ids, self.error) if self.error else {}


ROLE = role_key("oss-reader")
LOST = Unavailable("AttachInstanceRamRole", "SDK.ReadTimeout")


async def unconfirmed(ecs: Slow) -> Scene:
    made, _ = scene({}, ecs=ecs)
    await made.reconcile(BINDING)
    assert state(made) == ("Pending", "oss-reader", "Attached")
    assert ecs.roles == {ONE: "oss-reader" if ecs.executed else ""}
    return made


async def after_the_call(made: Scene) -> None:
    """Until no call without an answer can still be carried out."""
    await made.settle()
    for _ in range(2):
        if made.exists(BINDING):
            made.later(60)
            await made.reconcile(BINDING)
            await made.settle()


@pytest.mark.parametrize("goes", ["deleted", "not selected"])
async def test_an_attach_that_is_carried_out_after_its_time_out_is_taken_off_all_the_same(goes: str) -> None:
    """The cloud holds the call; meanwhile nobody wants the role any more."""
    made = await unconfirmed(ecs := Slow(error=LOST, executed=False))
    if goes == "deleted":
        made.delete(BINDING)
    else:
        made.put_node(node("node-1", 1, pool="other"))
    await made.settle()
    said = await made.reconcile(BINDING)
    assert (state(made), said.requeue_after) == (("Releasing", "oss-reader", "Attached"), 60)
    ecs.shows = True
    ecs.roles[ONE] = "oss-reader"
    await after_the_call(made)
    assert (ecs.roles, made.exists(BINDING)) == ({ONE: ""}, goes != "deleted")


@pytest.mark.parametrize("error", [None, LOST], ids=["attached", "reply lost"])
async def test_a_node_that_leaves_takes_off_what_does_not_show(error: CloudError | None) -> None:
    made = await unconfirmed(ecs := Slow(error=error))
    assert made.rows(BINDING)[str(ONE)]["reason"] == ("Retrying" if error else "Verifying")
    made.put_node(node("node-1", 1, pool="other"))
    await after_the_call(made)
    assert ecs.roles == {ONE: ""}
    assert made.rows(BINDING) == {}


async def test_a_binding_that_is_deleted_takes_off_what_does_not_show() -> None:
    made = await unconfirmed(ecs := Slow())
    made.delete(BINDING)
    await made.settle()
    assert (ecs.roles, made.exists(BINDING)) == ({ONE: ""}, False)


async def test_a_detach_that_fails_is_tried_again_before_the_claim_goes() -> None:
    made = await unconfirmed(ecs := Slow())
    ecs.failing["detach"] = Unavailable("DetachInstanceRamRole", "ServiceUnavailable")
    made.delete(BINDING)
    await made.reconcile(BINDING)
    assert state(made) == ("Releasing", "oss-reader", "Attached")
    ecs.failing.clear()
    await made.reconcile(BINDING)
    assert (ecs.roles, made.exists(BINDING)) == ({ONE: ""}, False)


async def test_what_was_refused_needs_no_detach() -> None:
    ecs = Slow(error=Denied("AttachInstanceRamRole", "Forbidden.RAM"), executed=False)
    made = await unconfirmed(ecs)
    ecs.calls.clear()
    made.delete(BINDING)
    await made.settle()
    assert (ecs.writes, made.exists(BINDING)) == ([], False)


async def test_what_never_shows_is_detached_once() -> None:
    made = await unconfirmed(ecs := Slow(error=LOST, executed=False))
    ecs.calls.clear()
    made.delete(BINDING)
    await after_the_call(made)
    assert [call[0] for call in ecs.writes] == ["detach"]
    assert not made.exists(BINDING)


async def test_another_role_takes_the_place_of_one_that_does_not_show() -> None:
    made = await unconfirmed(ecs := Slow())
    made.edit(BINDING, roleRef={"name": "log-writer"})
    await made.settle()
    assert ecs.roles == {ONE: "log-writer"}
    ecs.shows = True
    made.later(5)
    await made.reconcile(BINDING)
    assert state(made) == ("Attached", "log-writer", "Attached")


async def test_a_node_that_leaves_while_the_role_is_not_ready_takes_off_what_does_not_show() -> None:
    made = await unconfirmed(ecs := Slow())
    unready = [{"type": "Ready", "status": "False"}]
    made.put_status(ROLE, made.status(ROLE) | {"conditions": unready, "policySummary": "0/1"})
    for _ in range(2):
        made.later(1)
        await made.reconcile(BINDING)
        assert state(made) == ("Pending", "oss-reader", "Attached")
    made.put_node(node("node-1", 1, pool="other"))
    await made.settle()
    assert (ecs.roles, made.rows(BINDING)) == ({ONE: ""}, {})


class Refusing(Slow):
    """Refuses a role where it has another one, as ECS does, also while it shows none."""

    async def attach_role(
        self, region: str, role: str, ids: Sequence[str], policy: str | None = None
    ) -> Mapping[str, CloudError]:
        return await Instances.attach_role(self, region, role, ids, policy)


OLDER = binding_body("older", created="2025-01-01T00:00:00Z", spec={"roleRef": {"name": "log-writer"}})
YOUNGER = binding_body("younger", created="2027-01-01T00:00:00Z", spec={"roleRef": {"name": "log-writer"}})


async def both(made: Scene, *keys: ObjectKey) -> None:
    """Some reconciles of the bindings, one after the other."""
    for _ in range(3):
        for key in keys:
            if made.exists(key):
                await made.reconcile(key)
        made.later(2)


async def test_another_binding_that_takes_the_instance_over_knows_of_it() -> None:
    made = await unconfirmed(ecs := Refusing())
    key = made.put(OLDER)
    await both(made, BINDING, key)
    assert state(made) == ("Overridden", "oss-reader", "Attached")
    ecs.shows = True
    await both(made, BINDING, key)
    assert ecs.roles == {ONE: "log-writer"}
    assert state(made, ONE, key) == ("Attached", "log-writer", "Attached")
    assert state(made) == ("Overridden", None, None)


@pytest.mark.parametrize("shows", [True, False], ids=["shown in time", "never shown"])
async def test_the_binding_after_one_that_goes_knows_of_it(shows: bool) -> None:
    made = await unconfirmed(ecs := Refusing())
    key = made.put(YOUNGER)
    made.delete(BINDING)
    await both(made, BINDING, key)
    assert state(made) == ("Releasing", "oss-reader", "Attached")
    ecs.shows = shows
    made.later(10)
    await both(made, BINDING, key)
    ecs.shows = True
    await both(made, key)
    assert (ecs.roles, made.exists(BINDING)) == ({ONE: "log-writer"}, False)
    assert state(made, ONE, key) == ("Attached", "log-writer", "Attached")


@pytest.mark.parametrize("error", [None, LOST], ids=["attached", "reply lost"])
async def test_a_repair_that_does_not_show_is_taken_off_with_its_region_out_meanwhile(error: CloudError | None) -> None:
    made = await unconfirmed(ecs := Slow(error=error))
    ecs.shows = True
    await made.reconcile(BINDING)
    assert made.rows(BINDING)[str(ONE)]["confirmed"]
    ecs.roles[ONE] = ""
    ecs.out_after_writes["cn-hangzhou"] = LOST
    await made.reconcile(BINDING)
    ecs.out.clear()
    ecs.shows = False
    made.delete(BINDING)
    await after_the_call(made)
    assert (ecs.roles, made.exists(BINDING)) == ({ONE: ""}, False)


async def test_a_row_says_verifying_only_where_something_was_sent() -> None:
    made = await unconfirmed(ecs := Slow())
    ecs.shows = True
    for _ in range(5):
        await made.reconcile(BINDING)
        made.later(61)
        ecs.roles[ONE] = ""
    await made.reconcile(BINDING)
    assert made.condition(BINDING, "Stalled") == ("True", "Contended")
    assert made.rows(BINDING)[str(ONE)]["reason"] == "Contended"
