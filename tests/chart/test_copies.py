"""crds/ is the one source: what the chart and the plain manifests have is a copy of it, and says so when it is not."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.chart.conftest import CHART, ROOT, Objects, Render, bare, files, objects

from ram_sandbox.controlplane.binaries import Binaries

KEPT = ("CustomResourceDefinition", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
ADVICE = "run deploy/render"


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "crds").iterdir()))
def test_the_chart_has_each_file_of_crds_byte_for_byte(name: str) -> None:
    assert (CHART / "files/crds" / name).read_bytes() == (ROOT / "crds" / name).read_bytes(), ADVICE


def test_the_operator_has_the_policies_that_refuse_byte_for_byte() -> None:
    folder = ROOT / "operator/ram_operator/data/admission"
    refusing = {path.name for path in (ROOT / "crds").iterdir() if b"validationActions: [Deny]" in path.read_bytes()}
    assert {path.name for path in folder.iterdir()} == refusing
    assert all((folder / name).read_bytes() == (ROOT / "crds" / name).read_bytes() for name in refusing), ADVICE


def test_the_chart_has_nothing_that_crds_has_not() -> None:
    assert {path.name for path in (CHART / "files/crds").iterdir()} == {path.name for path in (ROOT / "crds").iterdir()}


def test_the_chart_installs_every_object_of_crds_unchanged(render: Render) -> None:
    source = files(*(ROOT / "crds").glob("*.yaml"))
    installed = {key: value for key, value in render().items() if key[0] in KEPT}
    assert {key: bare(value) for key, value in installed.items()} == source


def test_what_is_in_crds_survives_an_uninstall(render: Render) -> None:
    kept = {
        key
        for key, value in render().items()
        if value["metadata"].get("annotations", {}).get("helm.sh/resource-policy") == "keep"
    }
    assert kept == set(files(*(ROOT / "crds").glob("*.yaml")))


def test_crds_install_false_leaves_them_and_nothing_else_to_somebody_else(render: Render) -> None:
    assert {key for key in render() if key not in render("--set", "crds.install=false")} == {
        key for key in render() if key[0] == "CustomResourceDefinition"
    }


def test_admission_policies_install_false_leaves_those_to_somebody_else(render: Render) -> None:
    assert {key for key in render() if key not in render("--set", "admissionPolicies.install=false")} == {
        key for key in render() if key[0].startswith("ValidatingAdmissionPolicy")
    }


def test_the_plain_manifests_are_what_the_chart_renders(render: Render) -> None:
    plain = files(ROOT / "deploy/base/crds.yaml", ROOT / "deploy/base/operator.yaml")
    rendered = render()
    assert set(plain) == set(rendered), ADVICE
    for key, value in plain.items():
        if key[0] != "Deployment":
            assert bare(value) == bare(rendered[key]), ADVICE
    key = ("Deployment", "ram-operator")
    pod = bare(plain[key]["spec"]["template"])["spec"]
    assert pod == rendered[key]["spec"]["template"]["spec"], ADVICE


Kustomize = Callable[[Path], Objects]


@pytest.fixture
def kustomize(binaries: Binaries) -> Kustomize:
    """Return a function that builds a kustomization and returns its objects."""

    def run(folder: Path) -> Objects:
        command = [str(binaries.kubectl), "kustomize", str(folder)]
        return objects(subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout)

    return run


def test_kustomize_builds_the_plain_manifests(kustomize: Kustomize) -> None:
    base = ROOT / "deploy/base"
    plain = files(base / "namespace.yaml", base / "crds.yaml", base / "operator.yaml")
    assert kustomize(ROOT / "deploy") == kustomize(ROOT / "deploy/overlays/default") == plain


def test_the_overlay_with_the_simulator_leads_the_operator_to_it(kustomize: Kustomize, render: Render) -> None:
    built = kustomize(ROOT / "deploy/overlays/simulator")
    secret = ("--set", "cloud.credentials.secretName=simulated-cloud")
    given = render("--values", str(ROOT / "deploy/simulator/values.yaml"), *secret)
    key = ("Deployment", "ram-operator")
    pods = [each[key]["spec"]["template"]["spec"] for each in (built, given)]
    variables = [{entry["name"]: entry["value"] for entry in pod["containers"][0]["env"]} for pod in pods]
    assert variables[0] == variables[1]
    volumes = [sorted(pod["volumes"], key=lambda volume: str(volume["name"])) for pod in pods]
    assert volumes[0] == volumes[1]
    assert built["NetworkPolicy", "ram-operator"]["spec"] == given["NetworkPolicy", "ram-operator"]["spec"]
    simulator = {name: value for (_, name), value in built.items() if "simulat" in name}
    assert set(simulator) == {"ram-simulator", "simulated-cloud"}
    assert {value["metadata"]["namespace"] for value in simulator.values()} == {"ram-operator"}


def test_a_prefix_reaches_the_references_between_our_objects(kustomize: Kustomize, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "deploy/kustomize", tmp_path / "references")
    samples = sorted((ROOT / "deploy/samples").glob("*.yaml"))
    for path in samples:
        shutil.copy(path, tmp_path)
    head = {"namePrefix": "team-a-", "nameSuffix": "-1", "components": ["references"]}
    (tmp_path / "kustomization.yaml").write_text(json.dumps({**head, "resources": [path.name for path in samples]}))
    built = kustomize(tmp_path)
    role = built["RamRole", "team-a-oss-reader-1"]
    assert role["spec"]["policies"] == [{"policyRef": {"name": "team-a-oss-read-1"}}]
    assert built["InstanceRoleBinding", "team-a-storage-pool-1"]["spec"]["roleRef"] == {"name": "team-a-oss-reader-1"}


def test_the_plain_manifests_name_no_helm() -> None:
    assert "helm.sh" not in "".join(path.read_text() for path in (ROOT / "deploy/base").glob("*.yaml"))


@pytest.mark.parametrize("path", sorted((ROOT / "crds").glob("*.alicloud.dev.yaml")), ids=lambda path: str(path.stem))
def test_every_field_of_a_resource_is_described(path: Path) -> None:
    crd = files(path)[("CustomResourceDefinition", path.stem)]
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert not list(undescribed(schema, ""))


def undescribed(schema: dict[str, object], place: str) -> list[str]:
    """Places of the schema that `kubectl explain` would have no words for; the API server describes metadata itself."""
    found = [] if schema.get("description") or place == ".metadata" else [place]
    for keyword in ("items", "additionalProperties"):
        if isinstance(child := schema.get(keyword), dict):
            found += undescribed(child, f"{place}[]")
    properties = schema.get("properties")
    for name, child in properties.items() if isinstance(properties, dict) else ():
        found += undescribed(child, f"{place}.{name}")
    return found
