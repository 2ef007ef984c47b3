"""Renders the chart with the real Helm, for the tests of what is installed."""

import functools
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ram_sandbox.controlplane.binaries import Binaries

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts/ram-operator"
CREDENTIALS = ("--set", "cloud.credentials.secretName=ram-operator-credentials")

Objects = dict[tuple[str, str], dict[str, Any]]
RunHelm = Callable[..., subprocess.CompletedProcess[str]]
Render = Callable[..., Objects]


def objects(text: str) -> Objects:
    """Kubernetes objects of a YAML stream by kind and name."""
    found = [document for document in yaml.safe_load_all(text) if document]
    return {(document["kind"], document["metadata"]["name"]): document for document in found}


def files(*paths: Path) -> Objects:
    """Kubernetes objects of YAML files by kind and name."""
    return {key: value for path in paths for key, value in objects(path.read_text()).items()}


def bare(given: Mapping[str, Any]) -> dict[str, Any]:
    """An object without the labels and annotations that an installer puts on everything."""
    metadata = {key: value for key, value in given["metadata"].items() if key not in ("labels", "annotations")}
    return {**given, "metadata": metadata}


def with_values(render: Render, *settings: str) -> dict[tuple[str, str], dict[str, Any]]:
    """The chart rendered with some values set."""
    return render(*(part for setting in settings for part in ("--set", setting)))


@pytest.fixture(scope="session")
def run_helm(binaries: Binaries, tmp_path_factory: pytest.TempPathFactory) -> RunHelm:
    """Return a function that runs Helm with caches of its own and returns whatever happened."""
    home = tmp_path_factory.mktemp("helm")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environ = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
        return subprocess.run(
            [str(binaries.helm), *arguments], env=environ, capture_output=True, text=True, timeout=60, check=False
        )

    return run


@pytest.fixture(scope="session")
def template(run_helm: RunHelm) -> RunHelm:
    """Return a function that renders release ``ram-operator`` and returns whatever happened."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        fixed = ("ram-operator", str(CHART), "--namespace", "ram-operator", "--kube-version", "1.30.0")
        return run_helm("template", *fixed, *arguments)

    return run


@pytest.fixture(scope="session")
def render(template: RunHelm) -> Render:
    """Return a function that renders the chart with credentials and more options, and returns what is installed."""

    @functools.cache
    def run(*arguments: str) -> Objects:
        done = template(*CREDENTIALS, "--skip-tests", *arguments)
        assert done.returncode == 0, done.stderr
        return objects(done.stdout)

    return run
