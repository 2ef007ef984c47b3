"""Two teams on one cluster, with the rights of docs/concepts.md and the example of a limit on nodes."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import yaml
from tests.cluster.actors import Actor
from tests.cluster.apiserver import ApiServer
from tests.cluster.objects import binding
from tests.conftest import RunningControlPlane
from tests.docs.pages import ROOT, blocks
from tests.security.conftest import RBAC, Grant, rule

EXAMPLE = str(ROOT / "deploy/examples/nodes-of-a-team.yaml")
OWN: dict[str, Any] = {"nodeSelector": {"matchLabels": {"node-restriction.kubernetes.io/team": "team-a"}}}
(RIGHTS,) = (
    [*yaml.safe_load_all(block.text)]
    for block in blocks("docs/concepts.md")
    if block.language == "yaml" and "team-a-bindings" in block.text
)


@pytest.fixture(scope="module")
def team(
    installed: RunningControlPlane, root: ApiServer, grant: Grant, eventually: Callable[..., Any]
) -> Iterator[Actor]:
    """Somebody of team-a who may also name instances that are no nodes, on a cluster where the example is in force."""
    actor = Actor(installed.kubeconfig, "alice", "team-a")
    grant(actor, rule("instances", "use"))
    for body in RIGHTS:
        root.request("POST", f"{RBAC}/{body['kind'].lower()}s", body)
    assert installed.kubectl("apply", "-f", EXAMPLE).returncode == 0
    eventually(lambda: "nodes-of-team-a" in actor.create(binding("team-a-web", "team-a-web", nodes=["node-1"])))
    yield actor
    assert installed.kubectl("delete", "-f", EXAMPLE).returncode == 0
    for body in reversed(RIGHTS):
        root.request("DELETE", f"{RBAC}/{body['kind'].lower()}s/{body['metadata']['name']}")


def test_a_team_binds_its_role_to_its_nodes(team: Actor) -> None:
    assert team.create(binding("team-a-web", "team-a-web", **OWN)) == ""


@pytest.mark.parametrize(
    "spec",
    [
        {"nodeSelector": {"matchLabels": {"node-restriction.kubernetes.io/team": "team-b"}}},
        {"nodeSelector": {"matchExpressions": [{"key": "pool", "operator": "Exists"}]}},
        {**OWN, "nodeNames": ["node-of-team-b"]},
        {**OWN, "instances": ["cn-hangzhou.i-bp1of0team0b"]},
    ],
    ids=["label", "expression", "name", "instance"],
)
def test_a_team_binds_no_node_of_another_one(team: Actor, spec: Mapping[str, Any]) -> None:
    refused = team.create(binding("team-a-web", "team-a-web", **spec))
    assert "nodes-of-team-a" in refused, refused


def test_a_team_binds_no_role_of_another_one(team: Actor) -> None:
    assert "use" in team.create(binding("team-a-web", "team-b-web", **OWN))


def test_a_team_changes_and_deletes_its_own_bindings_alone(team: Actor) -> None:
    def may(name: str) -> set[str]:
        verbs = ("update", "patch", "delete")
        return {verb for verb in verbs if team.may(verb, "ram.alicloud.dev", "instancerolebindings", name)}

    assert may("team-a-web") == {"update", "patch", "delete"}
    assert may("team-b-web") == set()
