"""crds/ is the one source: what the chart and the plain manifests have is a copy of it, and says so when it is not."""

import subprocess
from pathlib import Path

import pytest
from tests.chart.conftest import CHART, ROOT, Render, bare, files, objects

from ram_sandbox.controlplane.binaries import Binaries

KEPT = ("CustomResourceDefinition", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
ADVICE = "run deploy/render"


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "crds").iterdir()))
def test_the_chart_has_each_file_of_crds_byte_for_byte(name: str) -> None:
    assert (CHART / "files/crds" / name).read_bytes() == (ROOT / "crds" / name).read_bytes(), ADVICE


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


def test_kustomize_builds_the_plain_manifests(binaries: Binaries) -> None:
    command = [str(binaries.kubectl), "kustomize", str(ROOT / "deploy")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    built = objects(done.stdout)
    base = ROOT / "deploy/base"
    assert built == files(base / "namespace.yaml", base / "crds.yaml", base / "operator.yaml")


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
