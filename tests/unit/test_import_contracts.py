"""The never-arrows: each forbidden import, drawn in a copy of the package, breaks the contract that forbids it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

LAYERS = "data flows through the rooms in one direction"
WITNESSES = "operator, simulator and sandbox are independent witnesses"
ADAPTERS = "only the composition root knows the cloud adapters; the rest see the ports"
KOPF = "kopf stays at the edge"
KUBERNETES = "only cluster.kube speaks to the Kubernetes client"
SDK = "only cloud/ knows the SDK"
PURE = "pure rooms read no clock, no environment and make no noise"
KINDS = "kinds never import each other"
SIMULATOR = "the simulator's wire stands above its rules, and what serves tests stands apart"
HTTP = "only the simulator's wire speaks HTTP"
ROOMS = "a kind owns its room: what works on all kinds knows none of them"

ARROWS: list[tuple[str, str, str]] = [
    ("ram_operator.errors", "ram_operator.settings", LAYERS),
    ("ram_operator.model", "ram_operator.rules.names", LAYERS),
    ("ram_operator.rules.names", "ram_operator.kinds.ownership", LAYERS),
    ("ram_operator.kinds.ownership", "ram_operator.engine.filters", LAYERS),
    ("ram_operator.engine.filters", "ram_operator.cluster.caches", LAYERS),
    ("ram_operator.cluster.caches", "ram_operator.runtime", LAYERS),
    ("ram_operator.cloud", "ram_operator.model", LAYERS),
    ("ram_operator.errors", "ram_simulator.cloud.errors", WITNESSES),
    ("ram_simulator.cloud.errors", "ram_operator.errors", WITNESSES),
    ("ram_sandbox.errors", "ram_operator.errors", WITNESSES),
    ("ram_sandbox.errors", "ram_simulator.cloud.errors", WITNESSES),
    ("ram_operator.kinds.steps", "ram_operator.cloud.ram", ADAPTERS),
    ("ram_operator.engine.sweeps", "ram_operator.cloud.ecs", ADAPTERS),
    ("ram_operator.gate", "ram_operator.cloud.client", ADAPTERS),
    ("ram_operator.runtime", "ram_operator.cloud.connection", ADAPTERS),
    ("ram_operator.rules.names", "ram_operator.cloud.client.ratelimit", ADAPTERS),
    ("ram_operator.engine.controller", "kopf", KOPF),
    ("ram_operator.cluster.caches", "kopf", KOPF),
    ("ram_operator.cluster.kube", "kopf", KOPF),
    ("ram_operator.runtime", "kubernetes", KUBERNETES),
    ("ram_operator.cluster.handlers", "kubernetes", KUBERNETES),
    ("ram_operator.engine.controller", "kubernetes", KUBERNETES),
    ("ram_operator.engine.applying", "aliyunsdkcore", SDK),
    ("ram_operator.kinds.ram_role", "aliyunsdkram", SDK),
    ("ram_operator.gate", "aliyunsdkecs", SDK),
    ("ram_operator.kinds.ram_role", "time", PURE),
    ("ram_operator.rules.nodes", "os", PURE),
    ("ram_operator.engine.reporting", "logging", PURE),
    ("ram_operator.engine.reconciler", "random", PURE),
    ("ram_operator.kinds.steps", "prometheus_client", PURE),
    ("ram_operator.model", "ram_operator.metrics", PURE),
    ("ram_operator.engine.sweeps", "ram_operator.kinds.ram_policy", ROOMS),
    ("ram_operator.cluster.caches", "ram_operator.kinds.instance_role_binding.rows", ROOMS),
    ("ram_operator.gate", "ram_operator.kinds.names", ROOMS),
    ("ram_operator.runtime", "ram_operator.kinds.ram_role", ROOMS),
    ("ram_operator.kinds.ram_role", "ram_operator.kinds.ram_policy", KINDS),
    ("ram_operator.kinds.ram_policy", "ram_operator.kinds.instance_role_binding", KINDS),
    ("ram_operator.kinds.instance_role_binding.rows", "ram_operator.kinds.ram_role", KINDS),
    ("ram_simulator.policies.engine", "ram_simulator.cloud.cloud", SIMULATOR),
    ("ram_simulator.cloud.cloud", "ram_simulator.ram.checks", SIMULATOR),
    ("ram_simulator.ram.checks", "ram_simulator.ecs.checks", SIMULATOR),
    ("ram_simulator.ecs.checks", "ram_simulator.metadata.errors", SIMULATOR),
    ("ram_simulator.oss.objects", "ram_simulator.testing.faults", SIMULATOR),
    ("ram_simulator.testing.simulator", "ram_simulator.wire.server", SIMULATOR),
    ("ram_simulator.ram.roles", "ram_simulator.wire.rendering", SIMULATOR),
    ("ram_simulator.oss.operations", "aiohttp", HTTP),
    ("ram_simulator.testing.journal", "aiohttp", HTTP),
]


def copied(folder: Path) -> Path:
    """Copy the packages and their contracts."""
    shutil.copy(ROOT / "pyproject.toml", folder)
    for package in ("ram_operator", "ram_simulator", "ram_sandbox"):
        shutil.copytree(
            ROOT / "operator" / package, folder / "operator" / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    return folder


def draw(folder: Path, module: str, imported: str) -> None:
    """Add an import to a module or package."""
    place = folder / "operator" / Path(*module.split("."))
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    file.write_text(f"{file.read_text()}\nimport {imported}  # noqa\n")


def lint(folder: Path) -> tuple[int, str]:
    """Run import-linter on a copy; return its exit code and what it says."""
    run = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder / "operator"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return run.returncode, run.stdout + run.stderr


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, str]:
    """What is said of a copy as it is."""
    return lint(copied(tmp_path_factory.mktemp("untouched")))


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What is said, by contract, of a copy with every forbidden arrow drawn."""
    folder = copied(tmp_path_factory.mktemp("broken"))
    for module, imported, _ in ARROWS:
        draw(folder, module, imported)
    code, said = lint(folder)
    assert code != 0
    parts = re.split(r"^(.+)\n-{9,}$", said.partition("\nBroken contracts\n")[2], flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_copy_as_it_is_keeps_all_contracts(untouched: tuple[int, str]) -> None:
    code, said = untouched
    assert code == 0, said
    assert "0 broken" in said


@pytest.mark.parametrize(("module", "imported", "contract"), ARROWS, ids=[f"{row[0]} -> {row[1]}" for row in ARROWS])
def test_an_arrow_that_must_not_be_drawn_breaks_its_contract(
    broken: dict[str, str], module: str, imported: str, contract: str
) -> None:
    arrow = re.compile(rf"^- +{re.escape(module)} -> {re.escape(imported)} \(l\.\d+\)$", re.MULTILINE)
    assert arrow.search(broken[contract]), broken[contract]


def test_one_arrow_alone_fails_and_names_its_contract_only(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    draw(folder, "ram_operator.cluster.caches", "kopf")
    code, said = lint(folder)
    assert code != 0
    assert [line for line in said.splitlines() if line.endswith(" BROKEN")] == [f"{KOPF} BROKEN"]


def test_the_table_has_an_arrow_for_every_contract(untouched: tuple[int, str]) -> None:
    contracts = {line.removesuffix(" KEPT") for line in untouched[1].splitlines() if line.endswith(" KEPT")}
    assert contracts == {contract for _, _, contract in ARROWS}
