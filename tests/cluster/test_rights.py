"""The rights that the chart gives the operator: with each verb less it does not start, and names what it lacks."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.chart.conftest import Render, render, run_helm, template
from tests.cluster.test_startup import account, another, ends_with
from tests.cluster.world import World
from tests.polling import until

from ram_sandbox.operator_process import OperatorProcess

__all__ = ["another", "render", "run_helm", "template"]
RBAC = "/apis/rbac.authorization.k8s.io/v1"
# rule and verb as the chart has them, and the words in which the operator misses it
RIGHTS = {
    **{("ramroles", verb): f"{verb} ramroles.ram.alicloud.dev" for verb in ("get", "list", "watch", "patch")},
    ("ramroles/status", "patch"): "patch instancerolebindings/status.ram.alicloud.dev",
    **{("nodes", verb): f"{verb} nodes" for verb in ("get", "list", "watch")},
    ("namespaces", "get"): "get namespaces kube-system",
    ("events", "create"): "create events.events.k8s.io in namespace default",
    ("events", "patch"): "patch events.events.k8s.io in namespace default",
}

# it works without this one, and says so: test_admission_missing.py
OPTIONAL = {("validatingadmissionpolicybindings", "get")}


def rules_of(world: World) -> list[dict[str, Any]]:
    """The rules of the operator's ClusterRole and of its Role for events, the latter for the whole cluster here."""
    cluster = world.api.request("GET", f"{RBAC}/clusterroles/ram-operator")["rules"]
    events = world.api.request("GET", f"{RBAC}/namespaces/default/roles/ram-operator-events")["rules"]
    return [*cluster, *events]


@pytest.fixture
def limited(world: World, tmp_path: Path) -> Iterator[Any]:
    """Return a function that makes an account with these rules and returns its kubeconfig."""
    path = account(world, tmp_path, "limited")

    def grant(rules: list[dict[str, Any]]) -> str:
        subject = {"kind": "ServiceAccount", "name": "limited", "namespace": "default"}
        role = {"kind": "ClusterRole", "metadata": {"name": "limited"}, "rules": rules}
        binding = {
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "limited"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "limited"},
            "subjects": [subject],
        }
        items = [{"apiVersion": "rbac.authorization.k8s.io/v1", **body} for body in (role, binding)]
        done = world.kubectl(
            "create", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        )
        assert done.returncode == 0, done.stderr
        return str(path)

    yield grant
    world.kubectl("delete", "clusterrole/limited", "clusterrolebinding/limited")
    world.kubectl("delete", "serviceaccount/limited", "-n", "default")


def without(rules: list[dict[str, Any]], resource: str, verb: str) -> list[dict[str, Any]]:
    """The rules without one verb of the rule about a resource."""
    (rule,) = (rule for rule in rules if resource in rule["resources"])
    less = {**rule, "verbs": [each for each in rule["verbs"] if each != verb]}
    return [less if each is rule else each for each in rules if each is not rule or less["verbs"]]


def test_every_right_of_the_chart_is_in_the_table(world: World) -> None:
    granted = {(rule["resources"][0], verb) for rule in rules_of(world) for verb in rule["verbs"]}
    assert granted == set(RIGHTS) | OPTIONAL


@pytest.mark.parametrize(("resource", "verb"), RIGHTS)
def test_without_one_right_it_does_not_start_and_names_it(
    resource: str, verb: str, world: World, another: OperatorProcess, limited: Any
) -> None:
    kubeconfig = limited(without(rules_of(world), resource, verb))
    ends_with(another, RIGHTS[resource, verb], KUBECONFIG=kubeconfig)


def test_with_an_id_of_the_cluster_it_starts_under_the_rights_that_the_chart_gives_then(
    world: World, another: OperatorProcess, limited: Any, render: Render
) -> None:
    chart = render("--set", "settings.clusterId=c1")
    rules = [*chart["ClusterRole", "ram-operator"]["rules"], *chart["Role", "ram-operator-events"]["rules"]]
    child = another.launch({"KUBECONFIG": limited(rules), "RAM_OPERATOR_CLUSTER_ID": "c1"})
    until(lambda: "initial sync complete" in child.log.read_text())
