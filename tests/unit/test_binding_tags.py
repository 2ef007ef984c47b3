"""The tag that an instance must carry before it is given a role, where the settings ask for one."""

from __future__ import annotations

import pytest
from tests.unit.builders import KINDS, binding_body, instance, made_role_status, node, role_body
from tests.unit.pool import BINDING, ONE, TWO, state
from tests.unit.scene import Instances, Scene

from ram_operator.errors import Denied, Throttled
from ram_operator.kinds.instance_role_binding import InstanceRoleBindingKind
from ram_operator.kinds.instance_role_binding.terms import RequiredTag, RoleRules
from ram_operator.model import Scope

TAGGED, UNTAGGED = {"ack.aliyun.com": "c1"}, {"ack.aliyun.com": "c2"}


def bound(ecs: Instances, tag: str = "ack.aliyun.com=c1", nodes: int = 2) -> Scene:
    """A pool of nodes and its binding, under this setting."""
    rules = RoleRules(required_tag=RequiredTag.of(tag))
    made = Scene(ecs.cloud, all_kinds=(*KINDS[:2], InstanceRoleBindingKind(rules=rules)))
    made.put(role_body(status=made_role_status()))
    for number in range(1, nodes + 1):
        made.put_node(node(f"node-{number}", number, pool="storage"))
    made.put(binding_body())
    made.asked = {BINDING: made.asked[BINDING]}
    return made


async def test_an_instance_without_the_tag_is_skipped_and_another_gets_its_role() -> None:
    ecs = Instances({ONE: "", TWO: ""})
    ecs.tags = {ONE: TAGGED, TWO: UNTAGGED}
    made = bound(ecs)
    await made.settle()
    assert ecs.roles == {ONE: "oss-reader", TWO: ""}
    row = made.rows(BINDING)[str(TWO)]
    assert (row["state"], row["reason"]) == ("Skipped", "UntaggedInstance")
    assert "ack.aliyun.com=c1" in row["message"]
    assert made.condition(BINDING) == ("True", "AllAttached")


async def test_the_role_of_an_instance_without_the_tag_is_not_even_read() -> None:
    ecs = Instances({ONE: "Foreign"})
    made = bound(ecs, nodes=1)
    made.edit(BINDING, conflictPolicy="Replace")
    await made.settle()
    assert [call[0] for call in ecs.calls] == ["describe tags"]
    assert state(made) == ("Skipped", None, None)


@pytest.mark.parametrize(("tag", "given"), [("", True), ("ack.aliyun.com", True), ("other", False)])
async def test_a_key_alone_asks_for_any_value_and_no_setting_for_nothing(tag: str, given: bool) -> None:
    ecs = Instances({ONE: ""})
    ecs.tags = {ONE: UNTAGGED}
    made = bound(ecs, tag, nodes=1)
    await made.settle()
    assert ecs.roles == {ONE: "oss-reader" if given else ""}
    assert ("describe tags" in [call[0] for call in ecs.calls]) is bool(tag)


async def test_what_a_binding_gave_a_role_to_is_not_asked_for_its_tag_again() -> None:
    ecs = Instances({ONE: "", TWO: ""})
    ecs.tags = {ONE: TAGGED, TWO: TAGGED}
    made = bound(ecs)
    await made.settle()
    ecs.tags.clear()
    ecs.calls.clear()
    made.restart()
    await made.reconcile(BINDING)
    assert [call[0] for call in ecs.calls] == ["describe"]
    assert set(ecs.roles.values()) == {"oss-reader"}
    older = made.put(binding_body("older", created="2020-01-01T00:00:00Z"))
    await made.settle()
    assert state(made, key=older) == ("Attached", "oss-reader", "Attached")
    made.delete(older)
    made.delete(BINDING)
    await made.settle()
    assert set(ecs.roles.values()) == {""}


async def test_an_instance_that_gets_the_tag_gets_its_role() -> None:
    ecs = Instances({ONE: ""})
    made = bound(ecs, nodes=1)
    await made.settle()
    ecs.tags = {ONE: TAGGED}
    await made.reconcile(BINDING, Scope(frozenset([str(ONE)]), swept=True))
    await made.settle()
    assert ecs.roles == {ONE: "oss-reader"}


@pytest.mark.parametrize(
    ("error", "reason"),
    [(Denied("DescribeInstances", "NoPermission"), "AccessDenied"), (Throttled("DescribeInstances", "T"), "Throttled")],
)
async def test_where_the_tags_cannot_be_read_nothing_is_given_and_nothing_is_lost(
    error: Denied | Throttled, reason: str
) -> None:
    ecs = Instances({ONE: "", TWO: ""})
    ecs.tags = {ONE: TAGGED, TWO: TAGGED}
    made = bound(ecs, nodes=1)
    await made.settle()
    ecs.failing["describe tags"] = error
    made.put_node(node("node-2", 2, pool="storage"))
    await made.reconcile(BINDING)
    assert ecs.roles == {ONE: "oss-reader", TWO: ""}
    assert state(made) == ("Attached", "oss-reader", "Attached")
    assert made.rows(BINDING)[str(TWO)]["reason"] == reason
    ecs.failing.clear()
    await made.reconcile(BINDING)
    await made.settle()
    assert ecs.roles == {ONE: "oss-reader", TWO: "oss-reader"}


async def test_tags_cost_one_call_for_all_new_instances_of_a_region() -> None:
    ids = [instance(number) for number in range(1, 101)]
    ecs = Instances(dict.fromkeys(ids, ""))
    ecs.tags = dict.fromkeys(ids, TAGGED)
    made = bound(ecs, nodes=100)
    await made.settle()
    assert [call[0] for call in ecs.calls].count("describe tags") == 1
    assert set(ecs.roles.values()) == {"oss-reader"}
