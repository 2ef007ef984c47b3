"""What a chart brings beside the operator: the network policy, and a place in other charts."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.chart.conftest import CHART, CREDENTIALS, ROOT, Render, RunHelm, files, objects, with_values
from tests.conftest import RunningControlPlane


def egress_ports(render: Render, *settings: str) -> set[int]:
    """The TCP ports that the operator may call, those of DNS apart."""
    rules = with_values(render, *settings)["NetworkPolicy", "ram-operator"]["spec"]["egress"]
    return {entry["port"] for entry in rules[1]["ports"]}


def test_the_pod_may_call_dns_the_api_server_and_https_and_nothing_else(render: Render) -> None:
    spec = render()["NetworkPolicy", "ram-operator"]["spec"]
    assert (
        spec["podSelector"]["matchLabels"] == render()["Deployment", "ram-operator"]["spec"]["selector"]["matchLabels"]
    )
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert [entry["port"] for entry in spec["egress"][0]["ports"]] == [53, 53]
    assert egress_ports(render) == {443, 6443}
    assert len(spec["egress"]) == 2
    assert spec["ingress"] == [{"ports": [{"port": "http"}]}]


def test_the_ports_of_other_endpoints_and_of_a_proxy_are_open(render: Render) -> None:
    assert egress_ports(render, "cloud.endpoints.ram=http://ram-simulator:7780") == {443, 6443, 7780}
    assert egress_ports(render, "cloud.endpoints.ecs=ecs-vpc.cn-hangzhou.aliyuncs.com") == {443, 6443}
    assert egress_ports(render, "cloud.endpoints.sts=http://gateway") == {443, 6443, 80}
    assert egress_ports(render, "cloud.httpsProxy=http://[::1]:3128/") == {443, 6443, 3128}
    assert egress_ports(render, "networkPolicy.apiServerPorts={8443}") == {443, 8443}


def test_metrics_may_be_kept_to_a_namespace_and_further_rules_be_added(render: Render) -> None:
    label = "kubernetes\\.io/metadata\\.name"
    rendered = with_values(
        render,
        f"networkPolicy.metricsFrom[0].namespaceSelector.matchLabels.{label}=monitoring",
        "networkPolicy.extraEgress[0].ports[0].port=8443",
    )
    spec = rendered["NetworkPolicy", "ram-operator"]["spec"]
    source = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    assert spec["ingress"][0]["from"] == [source]
    assert spec["egress"][2] == {"ports": [{"port": 8443}]}
    assert ("NetworkPolicy", "ram-operator") not in with_values(render, "networkPolicy.enabled=false")


def test_every_object_is_taken_by_the_api_server(render: Render, controlplane: RunningControlPlane) -> None:
    wanted = render()
    for key in (("NetworkPolicy", "ram-operator"), ("Deployment", "ram-operator"), ("Service", "ram-operator-metrics")):
        body = {**wanted[key], "metadata": {**wanted[key]["metadata"], "namespace": "default"}}
        done = controlplane.kubectl("create", "--dry-run=server", "-f", "-", input=json.dumps(body))
        assert done.returncode == 0, done.stderr


PARENT = {"apiVersion": "v2", "name": "platform", "version": "0.1.0"}
SECRET = {"cloud": {"credentials": {"secretName": "s"}}}
PARENTS: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    "on by a condition": ({"condition": "ram-operator.enabled"}, {"ram-operator": {"enabled": True, **SECRET}}, True),
    "off by a condition": ({"condition": "ram-operator.enabled"}, {"ram-operator": {"enabled": False}}, False),
    "on by a tag": ({"tags": ["cloud"]}, {"tags": {"cloud": True}, "ram-operator": SECRET}, True),
    "under an alias": ({"alias": "roles"}, {"roles": {"fullnameOverride": "ram-operator", **SECRET}}, True),
    "with globals": ({}, {"global": {"team": "storage"}, "ram-operator": SECRET}, True),
    "with exports": ({"import-values": ["data"]}, {"ram-operator": {"exports": {"data": {"a": 1}}, **SECRET}}, True),
    "with nulls": ({}, {"ram-operator": {"service": None, "settings": {"workers": None}, **SECRET}}, True),
}


@pytest.mark.parametrize("case", PARENTS)
def test_it_is_a_dependency_of_another_chart(case: str, tmp_path: Path, run_helm: RunHelm) -> None:
    dependency, values, installed = PARENTS[case]
    shutil.copytree(CHART, tmp_path / "charts/ram-operator")
    named = {"name": "ram-operator", "version": "*", **dependency}
    (tmp_path / "Chart.yaml").write_text(yaml.safe_dump({**PARENT, "dependencies": [named]}))
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(values))
    done = run_helm("template", "ram-operator", str(tmp_path), "--namespace", "team")
    assert done.returncode == 0, done.stderr
    assert (("Deployment", "ram-operator") in objects(done.stdout)) is installed


VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())


def leaves(values: dict[str, Any], place: str = "") -> list[str]:
    """Dotted names of all values that are no group of values."""
    named = ((f"{place}{name}", child) for name, child in values.items())
    return [
        leaf
        for path, child in named
        for leaf in (leaves(child, f"{path}.") if isinstance(child, dict) and child else [path])
    ]


@pytest.mark.parametrize("path", VALUES)
def test_a_group_of_values_that_is_null_means_the_defaults(path: str, template: RunHelm) -> None:
    credentials = CREDENTIALS if path != "cloud" else ("--set", "extraEnv[0].name=ALIBABA_CLOUD_ACCESS_KEY_ID")
    done = template(*credentials, "--set", f"{path}=null")
    assert done.returncode == 0, done.stderr


def test_values_that_are_null_mean_the_defaults(template: RunHelm) -> None:
    paths = [path for path in leaves(VALUES) if path not in ("extraEnv", "cloud.credentials.secretName")]
    done = template(*CREDENTIALS, *(part for path in paths for part in ("--set", f"{path}=null")))
    assert done.returncode == 0, done.stderr


def test_artifact_hub_is_told_of_the_kinds_and_the_samples() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    told = chart["annotations"]
    crds = files(*(ROOT / "crds").glob("*.alicloud.dev.yaml"))
    assert {entry["name"] for entry in yaml.safe_load(told["artifacthub.io/crds"])} == {name for _, name in crds}
    samples = [yaml.safe_load(path.read_text()) for path in sorted((ROOT / "deploy/samples").glob("*.yaml"))]
    assert yaml.safe_load(told["artifacthub.io/crdsExamples"]) == [
        body for body in samples if body["kind"] != "Kustomization"
    ]
    assert chart["icon"].startswith("data:image/svg+xml;base64,")
