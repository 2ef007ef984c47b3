"""The label and the startup taint of Nodes: what pods may wait for, among other writers of the same Nodes."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest
from tests.unit.builders import binding_body, binding_key, node
from tests.unit.pool import BINDING, ONE, TWO, scene
from tests.unit.scene import Instances
from tests.unit.tables import answered

from ram_operator.cluster.kube import NODES, Kube
from ram_operator.cluster.node_marks import NodeMarks
from ram_operator.errors import CloudError, Unavailable
from ram_operator.model import InstanceId, ObjectKey
from ram_operator.rules.nodes import label_value

LABEL, TAINT = "ram.alicloud.dev/instance-role", "ram.alicloud.dev/role-not-ready"
OURS = {"key": TAINT, "effect": "NoSchedule"}
THEIRS = {"key": "theirs", "effect": "NoExecute", "value": "x"}


class ApiServer:
    """Stands for the client library; keeps Nodes and applies JSON patches to them, all steps of one or none.

    Attributes:
        nodes: by name.
        patches: the patches that were asked for, by the node's name.
        refusing: the HTTP status that each patch is answered with, 0 for none.
    """

    def __init__(self) -> None:
        self.nodes: dict[str, dict[str, Any]] = {}
        self.patches: list[tuple[str, list[dict[str, Any]]]] = []
        self.refusing = 0

    async def param_serialize(self, method: str, url: str, **more: Any) -> tuple[Any, ...]:
        return method, url.partition("?")[0], more.get("header_params"), more.get("body"), None

    async def call_api(self, method: str, url: str, headers: Mapping[str, str], body: Any, **_: Any) -> Any:
        assert (method, headers["Content-Type"]) == ("PATCH", "application/json-patch+json")
        name = url.removeprefix(f"{NODES}/")
        self.patches.append((name, body))
        if self.refusing:
            return answered(self.refusing, {"message": "no"})
        patched = copy.deepcopy(self.nodes[name])
        try:
            for step in body:
                apply_step(patched, step)
        except (KeyError, IndexError, AssertionError):
            return answered(422, {"message": "the server rejected our request"})
        self.nodes[name] = patched
        return answered(200, patched)


def apply_step(body: Any, step: Mapping[str, Any]) -> None:
    """Apply one operation of RFC 6902."""
    *parents, last = [part.replace("~1", "/") for part in step["path"].split("/")[1:]]
    for part in parents:
        body = body[int(part)] if isinstance(body, list) else body[part]
    place = int(last) if isinstance(body, list) else last
    if step["op"] == "test":
        assert (body.get(place) if isinstance(body, dict) else body[place]) == step["value"]
    elif step["op"] == "remove":
        del body[place]
    else:
        body[place] = step["value"]


class Ecs(Instances):
    """Does not show the roles of the instances in `unshown`."""

    unshown: frozenset[InstanceId] = frozenset()

    async def describe_instance_roles(self, region: str, ids: Sequence[str]) -> Mapping[str, str | CloudError]:
        seen = await super().describe_instance_roles(region, ids)
        return {id_: "" if InstanceId(region, id_) in self.unshown else role for id_, role in seen.items()}


class Marked:
    """A pool with a binding, its Nodes in the API server and in the caches, and the operator that marks them."""

    def __init__(self, *roles: str) -> None:
        instances = dict(zip((ONE, TWO), roles, strict=False))
        self.ecs = Ecs(instances)
        self.scene, _ = scene(instances, nodes=0, ecs=self.ecs)
        self.api = ApiServer()
        for number in range(1, len(roles) + 1):
            self.put(node(f"node-{number}", number, pool="storage"), [THEIRS, OURS])
        self.restart()

    def restart(self) -> None:
        """Begin again with a process that has read nothing."""
        self.scene.restart()
        kube = Kube(cast(Any, self.api), (), marks_nodes=True)
        self.marks = NodeMarks(kube, self.scene.caches, asyncio.Event(), self.scene.put_node)

    def put(self, body: Mapping[str, Any], taints: list[Any] | None = None) -> None:
        """Register a Node, or let another writer change it; the watch tells of it."""
        made = copy.deepcopy(dict(body))
        if taints is not None:
            made["spec"]["taints"] = copy.deepcopy(taints)
        self.api.nodes[made["metadata"]["name"]] = made
        self.scene.put_node(made)

    async def reconcile(self, key: ObjectKey = BINDING) -> None:
        """Reconcile a binding as often as it asks for, and mark nodes."""
        for _ in range(10):
            said = await self.scene.reconcile(key)
            self.marks.read(said.read)
            await self.marks.mark()
            if key not in self.scene.asked:
                return

    def seen(self, name: str = "node-1") -> tuple[str | None, list[str]]:
        """The label of a Node, and the keys of its taints."""
        body = self.api.nodes[name]
        return body["metadata"]["labels"].get(LABEL), [taint["key"] for taint in body["spec"].get("taints", [])]


WAITING, READY = (None, ["theirs", TAINT]), ("oss-reader", ["theirs"])


async def test_a_node_is_marked_once_its_instance_was_seen_with_its_role() -> None:
    made = Marked("", "Foreign")
    await made.marks.mark()
    assert made.seen() == WAITING
    await made.reconcile()
    assert made.seen("node-1") == READY
    assert made.seen("node-2") == WAITING, "a conflict keeps pods waiting"


async def test_what_is_sent_and_not_seen_is_not_marked() -> None:
    made = Marked("")
    made.ecs.unshown = frozenset({ONE})
    await made.scene.reconcile(BINDING)
    await made.marks.mark()
    assert (made.ecs.roles[ONE], made.seen()) == ("oss-reader", WAITING)
    made.ecs.unshown = frozenset()
    await made.reconcile()
    assert made.seen() == READY


async def test_a_node_that_is_no_instance_keeps_its_taint() -> None:
    made = Marked("")
    made.put(node("virtual", None, pool="storage", type="virtual-kubelet"), [OURS])
    await made.reconcile()
    assert made.seen("virtual") == (None, [TAINT])


async def test_the_label_goes_with_the_role_and_the_taint_does_not_come_back() -> None:
    made = Marked("")
    await made.reconcile()
    made.ecs.roles[ONE] = "Foreign"
    await made.reconcile()
    assert made.seen() == (None, ["theirs"])
    made.ecs.roles[ONE] = ""
    await made.reconcile()
    assert made.seen() == READY


async def test_the_label_goes_before_the_role_of_a_binding_that_is_deleted() -> None:
    made = Marked("")
    await made.reconcile()
    made.scene.delete(BINDING)
    await made.marks.mark()
    assert (made.ecs.roles[ONE], made.seen()) == ("oss-reader", (None, ["theirs"]))


async def test_the_label_is_that_of_the_binding_that_has_the_instance() -> None:
    made = Marked("")
    await made.reconcile()
    spec = {"roleRef": {"name": "log-writer"}, "nodeSelector": {"matchLabels": {"pool": "storage"}}}
    made.scene.put(binding_body("older", spec=spec, created="2020-01-01T00:00:00Z"))
    await made.marks.mark()
    assert made.seen() == (None, ["theirs"]), "the role that it is to have is not there yet"
    for key in (BINDING, binding_key("older"), BINDING):
        await made.reconcile(key)
    assert (made.ecs.roles[ONE], made.seen()) == ("log-writer", ("log-writer", ["theirs"]))


async def test_a_restart_takes_no_label_away_and_believes_no_status_about_a_new_node() -> None:
    made = Marked("", "")
    await made.reconcile()
    again = {"metadata": {"name": "node-2", "uid": "another", "labels": {"pool": "storage"}}}
    made.put(node("node-2", 2) | again, [OURS])
    made.restart()
    made.api.patches.clear()
    await made.marks.mark()
    assert (made.seen("node-1"), made.seen("node-2"), made.api.patches) == (READY, (None, [TAINT]), [])
    made.ecs.roles[TWO] = ""
    made.ecs.failing["attach"] = Unavailable("AttachInstanceRamRole", "ServiceUnavailable")
    await made.reconcile()
    assert (made.seen("node-1"), made.seen("node-2")) == (READY, (None, [TAINT]))


async def test_a_label_that_somebody_else_wrote_is_put_right() -> None:
    made = Marked("", "Foreign")
    await made.reconcile()
    for name in ("node-1", "node-2"):
        body = copy.deepcopy(made.api.nodes[name])
        body["metadata"]["labels"][LABEL] = "forged"
        made.put(body)
    await made.marks.mark()
    assert (made.seen("node-1"), made.seen("node-2")) == (READY, WAITING)


async def test_a_second_node_with_the_same_provider_id_changes_no_mark() -> None:
    made = Marked("")
    await made.reconcile()
    made.put(node("forged", 1, pool="storage"), [OURS])
    await made.reconcile()
    assert (made.seen(), made.seen("forged")) == (READY, (None, [TAINT]))


async def test_the_taint_of_a_node_stays_while_another_node_has_its_provider_id() -> None:
    made = Marked("")
    await made.reconcile()
    made.put(node("forged", 1, pool="storage"), [OURS])
    made.put(made.api.nodes["node-1"], [THEIRS, OURS])
    await made.marks.mark()
    assert (made.seen(), made.seen("forged")) == (("oss-reader", ["theirs", TAINT]), (None, [TAINT]))


async def test_other_tasks_run_while_thousands_of_nodes_are_compared() -> None:
    made, count, ticks = Marked(""), 5000, 0
    for number in range(count):
        made.scene.put_node(node(f"other-{number}", None))

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    await made.marks.mark()
    ticking.cancel()
    assert count / ticks < 300, "at most a few hundred nodes in one go"


@pytest.mark.parametrize("taints", [[OURS, THEIRS], [THEIRS], [OURS, THEIRS, {**OURS, "effect": "NoExecute"}], []])
async def test_no_taint_of_another_writer_is_lost_where_the_watch_is_behind(taints: list[dict[str, str]]) -> None:
    made = Marked("")
    made.api.nodes["node-1"]["spec"]["taints"] = copy.deepcopy(taints)
    await made.reconcile()
    others = [taint for taint in taints if taint["key"] != TAINT]
    kept = [taint for taint in made.api.nodes["node-1"]["spec"]["taints"] if taint["key"] != TAINT]
    assert kept == others
    made.put(made.api.nodes["node-1"])
    await made.marks.mark()
    assert made.seen() == ("oss-reader", [taint["key"] for taint in others])


async def test_a_node_that_was_registered_anew_meanwhile_is_not_patched() -> None:
    made = Marked("")
    made.api.nodes["node-1"]["metadata"]["uid"] = "another"
    await made.reconcile()
    assert made.seen() == WAITING


async def test_marks_alone_wake_no_binding_and_are_never_selected_by() -> None:
    made = Marked("")
    await made.reconcile()
    assert made.scene.asked == {}
    spec = {"roleRef": {"name": "log-writer"}, "nodeSelector": {"matchLabels": {LABEL: "oss-reader"}}}
    other = made.scene.put(binding_body("other", spec=spec))
    await made.reconcile(other)
    assert made.scene.condition(other) == ("True", "NoInstances")


async def test_a_refused_patch_is_tried_again_and_holds_up_no_other_node(caplog: pytest.LogCaptureFixture) -> None:
    made = Marked("", "")
    made.api.refusing = 403
    await made.reconcile()
    assert {name for name, _ in made.api.patches} == {"node-1", "node-2"}
    assert "node not marked" in caplog.text
    made.api.refusing = 0
    await made.marks.mark()
    assert (made.seen("node-1"), made.seen("node-2")) == (READY, READY)


async def test_without_the_setting_no_node_is_patched() -> None:
    made = Marked("")
    made.marks.kube.marks_nodes = False
    leads = asyncio.Event()
    leads.set()
    said = await made.scene.reconcile(BINDING)
    made.marks.read(said.read)
    await made.marks.run(leads)
    assert made.api.patches == []


@pytest.mark.parametrize(
    ("role", "value"),
    [("a", "a"), ("EcsRole.x-1", "EcsRole.x-1"), ("r" * 63, "r" * 63), ("r" * 64, ""), (".role", ""), ("role-", "")],
)
def test_a_role_whose_name_is_no_value_of_a_label_has_an_empty_one(role: str, value: str) -> None:
    assert label_value(role) == value
