"""What is kept of an object as the API server shows it, and that nothing is missing."""

import json
from pathlib import Path
from typing import Any

import kopf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.api_server import ApiServer
from tests.unit.builders import node, policy_body

from ram_operator.cluster.pruning import pruned
from ram_operator.cluster.sessions import session
from ram_operator.kinds.names import RAM_POLICY
from ram_operator.model import STARTUP_TAINT
from ram_operator.rules.documents import LAST_APPLIED
from ram_operator.rules.nodes import node_facts

TEXTS = st.text(max_size=5)
MAPS = st.dictionaries(TEXTS, TEXTS, max_size=3)
TAINTS = st.lists(st.fixed_dictionaries({"key": st.sampled_from(["theirs", STARTUP_TAINT])}), max_size=3)
NODES = st.fixed_dictionaries(
    {"metadata": st.fixed_dictionaries({"name": TEXTS, "uid": TEXTS}, optional={"labels": MAPS, "annotations": MAPS})},
    optional={
        "spec": st.none()
        | st.fixed_dictionaries({}, optional={"providerID": TEXTS, "podCIDR": TEXTS, "taints": TAINTS}),
        "status": MAPS,
    },
)


@given(NODES)
def test_a_pruned_node_tells_the_same(body: dict[str, Any]) -> None:
    told, whole = node_facts(pruned(body, "Node")), node_facts(body)
    assert (told, told.marks) == (whole, whole.marks)


def test_of_a_kubelets_node_only_what_is_read_is_kept() -> None:
    body = node("n-1")
    body["metadata"] |= {"managedFields": [{"manager": "kubelet"}], "annotations": {"x": "y"}}
    body["status"] = {"images": [{"names": ["x"] * 50}]}
    assert pruned({"kind": "Node", **body}, "Node") == {"kind": "Node", **node("n-1")}


def test_of_other_objects_only_the_bookkeeping_is_left_out() -> None:
    body = policy_body(status={"policyName": "x"})
    whole = {**body, "metadata": {**body["metadata"], "managedFields": [{}], "annotations": {LAST_APPLIED: "{}"}}}
    assert pruned(whole, "RamPolicy") == {**body, "metadata": {**body["metadata"], "annotations": {}}}


@pytest.mark.parametrize("body", [{}, {"metadata": None}, {"kind": "Status", "code": 410}])
def test_what_is_no_object_is_left_as_it_is(body: dict[str, Any]) -> None:
    assert pruned(body, "Node") == body


async def test_lists_and_watches_hand_on_only_what_is_kept(tmp_path: Path) -> None:
    server = ApiServer(RAM_POLICY)
    config = json.loads((await server.start(tmp_path)).read_text())
    nodes = f"{config['clusters'][0]['cluster']['server']}/api/v1/nodes"
    whole = {"kind": "Node", **node("n-1", pool="a"), "status": {"images": [{"names": ["x" * 200]}] * 50}}
    server.put("nodes", whole)
    async with session(kopf.ConnectionInfo(server=nodes)) as http:
        [listed] = (await (await http.get(nodes)).json())["items"]
        watch = await http.get(nodes, params={"watch": "true"})
        server.put("nodes", whole)
        server.put("nodes", whole)
        server.cut("nodes")
        # A line comes in many pieces, and two may end in one.
        lines = b"".join([chunk async for chunk in watch.content.iter_chunked(100)]).splitlines()
    await server.stop()
    shown = [listed, *(json.loads(line)["object"] for line in lines)]
    assert [sorted(one) for one in shown] == [["kind", "metadata", "spec"]] * 3
    assert {node_facts(one) for one in shown} == {node_facts(whole)}
