"""The official SDKs for Node, Go and Java walk the documentation's pages and the error tables.

Each language has a folder with a program and a list of packages, which are fetched and built once a session into a
temporary folder. Only Node belongs to `make test`; `make conformance` runs all. A machine without a language skips it,
since nothing but these tests needs it; in CI the lack of Node is a failure.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.contract.clients.pages import rows
from tests.contract.clients.raw import VERSIONS, product_of
from tests.contract.clients.walk import Outcome, Refused, Row, World, differences
from tests.contract.conftest import RunningSimulator

SOURCES = Path(__file__).parent
_ENVIRONMENT = {"ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true"}


@dataclass(frozen=True, slots=True)
class Language:
    """How the program of a language is built and run, in a folder of its own, and which SDKs it calls with."""

    tools: Sequence[str]
    build: Sequence[str]
    run: Sequence[str]
    clients: Sequence[str]
    always: bool = False


LANGUAGES: Mapping[str, Language] = {
    "node": Language(
        ("node", "npm"),
        ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"),
        ("node", "walk.js"),
        ("pop-core GET", "pop-core POST", "openapi"),
        always=True,
    ),
    "go": Language(("go",), ("go", "build", "-o", "walk", "."), ("./walk",), ("sdk", "openapi")),
    "java": Language(
        ("java", "javac", "mvn"),
        ("mvn", "--batch-mode", "compile", "dependency:copy-dependencies"),
        ("java", "-cp", f"target/classes{os.pathsep}target/dependency/*", "Walk"),
        ("core", "openapi"),
    ),
}
CLIENTS = [
    pytest.param(name, client, marks=[] if language.always else [pytest.mark.conformance])
    for name, language in LANGUAGES.items()
    for client in language.clients
]
Built = Callable[[str], Path]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Return the folder of a language with its program, built when it is asked for first."""
    folders: dict[str, Path] = {}

    def build(name: str) -> Path:
        if name not in folders:
            folders[name] = _build(name, tmp_path_factory.mktemp(name) / name)
        return folders[name]

    return build


def _build(name: str, folder: Path) -> Path:
    language = LANGUAGES[name]
    if missing := [tool for tool in language.tools if not shutil.which(tool)]:
        give_up = pytest.fail if language.always and os.environ.get("CI") else pytest.skip
        give_up(f"{' and '.join(missing)} of {name} cannot be found")
    shutil.copytree(SOURCES / name, folder, ignore=shutil.ignore_patterns("node_modules", "target"))
    done = subprocess.run(language.build, cwd=folder, capture_output=True, text=True, timeout=480, check=False)
    if done.returncode != 0:
        pytest.fail(f"{' '.join(language.build)}: {done.stderr or done.stdout}")
    return folder


def called(row: Row) -> Mapping[str, Any]:
    product = product_of(row.action)
    return {
        "product": product,
        "version": VERSIONS[product],
        "action": row.action,
        "parameters": row.parameters,
        "key": row.caller,
    }


def outcome(found: Mapping[str, Any]) -> Outcome:
    if "answer" in found:
        answer: Mapping[str, Any] = found["answer"]
        return answer
    return Refused(found.get("status", 0), found.get("code", ""), found.get("message") or found.get("broken", ""))


@pytest.mark.parametrize(("name", "client"), CLIENTS)
def test_an_sdk_of_another_language_walks_all_rows(
    built: Built, simulator: RunningSimulator, world: World, name: str, client: str
) -> None:
    walk = rows(world)
    job = {"client": client, "endpoint": simulator.endpoint, "rows": [called(row) for row in walk]}
    done = subprocess.run(
        LANGUAGES[name].run,
        cwd=built(name),
        input=json.dumps(job),
        env={"PATH": os.environ["PATH"], **_ENVIRONMENT},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    outcomes = [outcome(found) for found in json.loads(done.stdout)]
    assert differences(walk, outcomes) == []


def test_the_example_for_testcontainers_passes_with_a_simulator_that_runs_already(
    built: Built, simulator: RunningSimulator
) -> None:
    addresses = ",".join(urlsplit(url).netloc for url in (simulator.endpoint, simulator.control))
    done = subprocess.run(
        ("node", "--test", "testcontainers.test.js"),
        cwd=built("node"),
        env={"PATH": os.environ["PATH"], "RAM_SIMULATOR": addresses, **_ENVIRONMENT},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "# pass 2" in done.stdout
