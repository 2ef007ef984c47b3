"""The Dockerfile and what stands around it: buildable by old builders, locked, and without root."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
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
    assert {line.split()[0] for line in named("FROM")} == {"${BASE_IMAGE}"}


def test_only_what_every_builder_knows_is_used() -> None:
    assert "<<" not in DOCKERFILE
    assert not re.search(r"--(link|mount|chmod|parents)\b", DOCKERFILE)
    assert "# syntax" not in DOCKERFILE
    stages = re.findall(r"AS (\w+)", DOCKERFILE)
    assert set(re.findall(r"--from=(\S+)", DOCKERFILE)) <= set(stages)


def test_everything_fetched_is_checked_against_the_lock() -> None:
    installs = [part for line in named("RUN") for part in line.split("&&") if "pip install" in part]
    assert installs
    assert all("--require-hashes" in part or "--no-index" in part for part in installs)


def test_the_backend_that_is_picked_out_of_the_lock_is_there_with_all_it_needs() -> None:
    lock = (ROOT / "requirements-dev.txt").read_text()
    names = re.search(r"\(([a-z-]+(?:\|[a-z-]+)+)\)==", DOCKERFILE)
    assert names
    picked = set(names[1].split("|"))
    assert all(re.search(rf"^{name}==", lock, re.MULTILINE) for name in picked)
    assert needed_by("hatchling") | {"hatchling"} == picked


def needed_by(distribution: str) -> set[str]:
    """Names of all that a distribution needs here, itself apart."""
    wanted = [Requirement(text) for text in metadata.requires(distribution) or []]
    direct = {need.name for need in wanted if need.marker is None or need.marker.evaluate({"extra": ""})}
    return direct.union(*(needed_by(name) for name in direct))


def test_it_runs_as_a_number_that_is_not_root_and_that_the_chart_uses_too(render: Render) -> None:
    (user,) = named("USER")
    pod = render()["Deployment", "ram-operator"]["spec"]["template"]["spec"]["securityContext"]
    assert user == f"{pod['runAsUser']}:{pod['runAsGroup']}"
    assert int(user.split(":")[0]) > 0


def test_it_starts_the_operator() -> None:
    assert named("ENTRYPOINT") == ['["ram-operator"]']


def test_all_that_the_wheel_takes_in_is_copied_and_not_ignored() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["packages"], *wheel.get("force-include", {}), project["project"]["readme"], "LICENSE"}
    copied = [name for line in named("COPY") if "--from" not in line for name in line.split()[:-1]]
    assert all((ROOT / name).exists() for name in copied)
    assert not [path for path in needed if not any(Path(path).is_relative_to(name) for name in copied)]
    kept = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert not [name for name in copied if not any(Path(name).is_relative_to(top) for top in kept)]


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


def test_the_key_of_the_kind_cluster_is_the_one_of_the_built_in_fixture() -> None:
    fixture = yaml.safe_load((ROOT / "operator/ram_simulator/testing/fixtures/data/default_fixture.yaml").read_text())
    secret = files(ROOT / "deploy/kind/simulator.yaml")["Secret", "simulated-cloud"]["stringData"]
    assert secret == {key: fixture["account"][key] for key in ("accessKeyId", "accessKeySecret")}


def test_the_values_of_the_kind_cluster_are_taken_by_the_chart(render: Render) -> None:
    rendered = render("--values", str(ROOT / "deploy/kind/values.yaml"))
    assert ("Deployment", "ram-operator") in rendered
