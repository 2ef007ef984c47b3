"""The Dockerfile and what stands around it: buildable by old builders, locked, and without root."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from tests.chart.conftest import ROOT, Render, files

DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text()
INSTRUCTIONS = [
    line for line in re.sub(r"\\\n", " ", DOCKERFILE).splitlines() if line.strip() and not line.startswith("#")
]


def named(instruction: str) -> list[str]:
    """Arguments of every instruction of this name."""
    return [line.split(None, 1)[1] for line in INSTRUCTIONS if line.startswith(instruction + " ")]


def test_any_base_image_can_be_given() -> None:
    assert named("ARG") == ["BASE_IMAGE=python:3.11-slim"]
    fetched = {line.split()[0] for line in named("FROM")} - set(re.findall(r"AS ([\w-]+)", DOCKERFILE)) - {"scratch"}
    assert fetched == {"${BASE_IMAGE}"}


def test_only_what_every_builder_knows_is_used() -> None:
    assert "<<" not in DOCKERFILE
    assert not re.search(r"--(link|mount|chmod|parents)\b", DOCKERFILE)
    assert "# syntax" not in DOCKERFILE
    stages = re.findall(r"AS ([\w-]+)", DOCKERFILE)
    assert set(re.findall(r"--from=(\S+)", DOCKERFILE)) <= set(stages)


def test_everything_fetched_is_checked_against_the_lock_and_built_by_its_authors() -> None:
    installs = [part for line in named("RUN") for part in line.split("&&") if re.search(r"\bpip\b.* install", part)]
    assert len(installs) == 5
    assert all(
        ("--require-hashes" in part and "--only-binary :all:" in part) or "--no-index" in part for part in installs
    )


@pytest.mark.parametrize("name", ["build", "simulator"])
def test_what_is_locked_for_an_image_is_locked_alike_for_development(name: str) -> None:
    lock, dev = ((ROOT / f"requirements-{each}.txt").read_text() for each in (name, "dev"))
    versions = re.findall(r"^[a-z0-9-]+==\S+", lock, re.MULTILINE)
    assert versions
    assert set(versions) <= set(re.findall(r"^[a-z0-9-]+==\S+", dev, re.MULTILINE))


def test_each_image_has_its_own_program_and_none_of_the_others() -> None:
    (line,) = (line for line in named("RUN") if "rm -rf /code" in line)
    others = {"ram-simulator", "ram-sandbox"}
    removed = line.partition("rm -rf")[2]
    assert set(re.findall(r"/code/bin/([\w-]+)", removed)) == others
    assert set(re.findall(r"site-packages/(\w+)", removed)) == {name.replace("-", "_") for name in others}
    sources = [line for line in named("COPY") if "--from" in line]
    assert {line.split()[-1] for line in sources} == {"/", "/opt/ram-operator", "/opt/ram-simulator"}


@pytest.mark.parametrize("name", ["operator", "simulator"])
def test_the_code_is_the_last_layer_of_an_image_so_that_a_change_of_it_makes_no_other_anew(name: str) -> None:
    stage = DOCKERFILE.partition(f"FROM scratch AS {name}\n")[2].partition("FROM ")[0]
    layers = re.findall(r"^COPY --from=(\S+)", stage, re.MULTILINE)
    assert layers == ["build", f"{name}-packages", f"{name}-code"]


def test_the_bill_of_materials_has_every_locked_package_with_its_hashes() -> None:
    command = [sys.executable, str(ROOT / "deploy/sbom.py")]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout)
    lock = (ROOT / "requirements.txt").read_text()
    locked = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", lock, re.MULTILINE)
    assert [(part["name"], part["version"]) for part in found["components"]] == locked
    hashes = [entry["hashes"][0]["content"] for part in found["components"] for entry in part["externalReferences"]]
    assert hashes == re.findall(r"sha256:([0-9a-f]{64})", lock)


def test_it_runs_as_a_number_that_is_not_root_and_that_the_chart_uses_too(render: Render) -> None:
    (user,) = set(named("USER"))
    pod = render()["Deployment", "ram-operator"]["spec"]["template"]["spec"]["securityContext"]
    assert user == f"{pod['runAsUser']}:{pod['runAsGroup']}"
    assert int(user.split(":")[0]) > 0


def test_the_last_stage_is_the_operator() -> None:
    assert named("ENTRYPOINT") == ['["ram-simulator"]', '["ram-operator"]']


def test_all_that_the_wheel_takes_in_is_copied_and_not_ignored() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["packages"], *wheel.get("force-include", {}), project["project"]["readme"], "LICENSE"}
    copied = [name for line in named("COPY") if "--from" not in line for name in line.split()[:-1]]
    assert all((ROOT / name).exists() for name in copied)
    assert not [path for path in needed if not any(Path(path).is_relative_to(name) for name in copied)]
    kept = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert not [name for name in copied if not any(Path(name).is_relative_to(top) for top in kept)]


def test_the_samples_are_one_folder_since_kubectl_wait_looks_below_it() -> None:
    assert list((ROOT / "deploy/samples").glob("*/**/*.yaml")) == []


@pytest.mark.parametrize("path", sorted((ROOT / "deploy/samples").glob("*.yaml")), ids=lambda path: str(path.stem))
def test_a_sample_is_one_explained_object(path: Path) -> None:
    text = path.read_text()
    assert len([document for document in yaml.safe_load_all(text) if document]) == 1
    assert text.startswith("# ")


def test_the_nodes_of_the_kind_cluster_are_instances_of_the_built_in_fixture() -> None:
    fixture = yaml.safe_load((ROOT / "operator/ram_simulator/testing/fixtures/data/default_fixture.yaml").read_text())
    instances = {f"{row['region']}.{row['id']}" for row in fixture["instances"] if row.get("networkType") != "classic"}
    nodes = files(ROOT / "deploy/kind/nodes.yaml").values()
    assert {node["spec"]["providerID"] for node in nodes} <= instances


def test_the_key_of_the_simulator_is_the_one_of_the_built_in_fixture() -> None:
    fixture = yaml.safe_load((ROOT / "operator/ram_simulator/testing/fixtures/data/default_fixture.yaml").read_text())
    secret = files(ROOT / "deploy/simulator/simulator.yaml")["Secret", "simulated-cloud"]["stringData"]
    assert secret == {key: fixture["account"][key] for key in ("accessKeyId", "accessKeySecret")}


def test_the_values_for_the_simulator_are_taken_by_the_chart(render: Render) -> None:
    rendered = render("--values", str(ROOT / "deploy/simulator/values.yaml"))
    assert ("Deployment", "ram-operator") in rendered
