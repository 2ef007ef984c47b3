"""Who may do what: the operator no more than it needs, people what their job is."""

import json
import re
from typing import Any

from tests.chart.conftest import Render

from ram_operator.cluster.admission import POLICIES

KINDS = ["ramroles", "rampolicies", "instancerolebindings"]
OPERATOR_RULES = [
    {"apiGroups": ["ram.alicloud.dev"], "resources": KINDS, "verbs": ["get", "list", "watch", "patch"]},
    {
        "apiGroups": ["ram.alicloud.dev"],
        "resources": [f"{kind}/status" for kind in KINDS],
        "verbs": ["patch"],
    },
    {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch"]},
    {
        "apiGroups": ["admissionregistration.k8s.io"],
        "resources": ["validatingadmissionpolicybindings", "validatingadmissionpolicies"],
        "resourceNames": list(POLICIES),
        "verbs": ["get"],
    },
    {"apiGroups": [""], "resources": ["namespaces"], "resourceNames": ["kube-system"], "verbs": ["get"]},
]
LEASE_RULES = [
    {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
    {
        "apiGroups": ["coordination.k8s.io"],
        "resources": ["leases"],
        "resourceNames": ["ram-operator"],
        "verbs": ["get", "update"],
    },
]
EVENT_RULES = [{"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"]}]


def test_the_operator_gets_exactly_the_rights_it_uses(render: Render) -> None:
    rendered = render()
    assert rendered["ClusterRole", "ram-operator"]["rules"] == OPERATOR_RULES
    events = rendered["Role", "ram-operator-events"]
    assert events["metadata"]["namespace"] == "default"
    assert events["rules"] == EVENT_RULES
    leader = rendered["Role", "ram-operator-leader"]
    assert leader["metadata"]["namespace"] == "ram-operator"
    assert leader["rules"] == [*LEASE_RULES, *EVENT_RULES]
    without = render("--set", "leaderElection.enabled=false", "--set", "replicas=1")
    assert ("Role", "ram-operator-leader") not in without


def test_nodes_are_patched_only_where_the_settings_ask_for_it(render: Render) -> None:
    rules = render("--set", "settings.markNodes=true")["ClusterRole", "ram-operator"]["rules"]
    [rule] = [rule for rule in rules if rule["resources"] == ["nodes"]]
    assert rule["verbs"] == ["get", "list", "watch", "patch"]
    assert [rule for rule in rules if rule["resources"] != ["nodes"]] == [
        rule for rule in OPERATOR_RULES if rule["resources"] != ["nodes"]
    ]


def test_the_namespace_is_read_with_an_id_of_the_cluster_too(render: Render) -> None:
    assert render("--set", "settings.clusterId=c1")["ClusterRole", "ram-operator"]["rules"] == OPERATOR_RULES


def test_the_verb_use_is_a_role_of_its_own_that_nobody_has(render: Render) -> None:
    rendered = render()
    role = rendered["ClusterRole", "ram-operator-use"]
    assert granted(role) == {("ramroles", "use")}
    assert aggregated_to(role) == set()
    bound = {value["roleRef"]["name"] for (kind, _), value in rendered.items() if kind.endswith("RoleBinding")}
    assert "ram-operator-use" not in bound


def test_the_rights_are_bound_to_the_account_of_the_pod_and_to_nobody_else(render: Render) -> None:
    rendered = render("--set", "serviceAccount.name=elsewhere")
    pod = rendered["Deployment", "ram-operator"]["spec"]["template"]["spec"]
    account = {"kind": "ServiceAccount", "name": pod["serviceAccountName"], "namespace": "ram-operator"}
    bindings = [value for (kind, _), value in rendered.items() if kind in ("ClusterRoleBinding", "RoleBinding")]
    assert [binding["subjects"] for binding in bindings] == [[account]] * 3
    names = {binding["roleRef"]["name"] for binding in bindings}
    assert names == {"ram-operator", "ram-operator-events", "ram-operator-leader"}
    assert ("ServiceAccount", "elsewhere") in rendered


def test_the_admission_policies_name_the_account_of_the_pod_and_no_other(render: Render) -> None:
    rendered = render("--set", "serviceAccount.name=elsewhere", "--namespace", "there")
    text = json.dumps([value for (kind, _), value in rendered.items() if kind.startswith("ValidatingAdmission")])
    assert set(re.findall("system:serviceaccount:[a-z:-]+", text)) == {"system:serviceaccount:there:elsewhere"}


def test_nothing_but_the_operators_own_pod_gets_its_token(render: Render) -> None:
    rendered = render()
    assert rendered["ServiceAccount", "ram-operator"]["automountServiceAccountToken"] is False
    pod = rendered["Deployment", "ram-operator"]["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is True


def test_view_reads_and_edit_writes_bindings_but_no_roles_and_no_status(render: Render) -> None:
    rendered = render()
    assert granted(rendered["ClusterRole", "ram-operator-view"]) == {
        (kind, verb) for kind in KINDS for verb in ("get", "list", "watch")
    }
    assert granted(rendered["ClusterRole", "ram-operator-edit"]) == {
        ("instancerolebindings", verb) for verb in ("create", "update", "patch", "delete", "deletecollection")
    }


def test_view_and_edit_add_to_the_cluster_roles_that_every_cluster_has(render: Render) -> None:
    rendered = render()
    assert aggregated_to(rendered["ClusterRole", "ram-operator-view"]) == {"view", "edit", "admin"}
    assert aggregated_to(rendered["ClusterRole", "ram-operator-edit"]) == {"edit", "admin"}
    assert aggregated_to(rendered["ClusterRole", "ram-operator"]) == set()
    without = render("--set", "rbac.aggregate=false")
    assert {name for kind, name in without if kind == "ClusterRole"} == {"ram-operator", "ram-operator-use"}


def granted(role: dict[str, Any]) -> set[tuple[str, str]]:
    """Pairs of resource and verb."""
    return {(resource, verb) for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]}


def aggregated_to(role: dict[str, Any]) -> set[str]:
    """Names of the ClusterRoles that a role's rules are added to."""
    prefix = "rbac.authorization.k8s.io/aggregate-to-"
    return {label.removeprefix(prefix) for label in role["metadata"]["labels"] if label.startswith(prefix)}
