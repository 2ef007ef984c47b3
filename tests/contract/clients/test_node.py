"""The official SDKs for Node walk the documentation's pages and the error tables.

Their packages are installed once a session into a temporary folder, as `package-lock.json` has them. A machine without
Node skips them, since nothing but these tests needs it; in CI that is a failure.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.contract.clients.pages import rows
from tests.contract.clients.raw import VERSIONS, product_of
from tests.contract.clients.walk import Outcome, Refused, Row, World, differences
from tests.contract.conftest import RunningSimulator

SOURCES = Path(__file__).parent / "node"


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the program and the packages it needs."""
    if not (shutil.which("node") and shutil.which("npm")):
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up("node and npm are needed (Node 18 or newer)")
    folder = tmp_path_factory.mktemp("node")
    for source in SOURCES.iterdir():
        if source.is_file():
            shutil.copy(source, folder)
    install = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(install, cwd=folder, capture_output=True, text=True, timeout=180, check=False)
    if done.returncode != 0:
        pytest.fail(f"npm ci: {done.stderr or done.stdout}")
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


@pytest.mark.parametrize("client", ["pop-core GET", "pop-core POST", "openapi"])
def test_an_sdk_for_node_walks_all_rows(node: Path, simulator: RunningSimulator, world: World, client: str) -> None:
    walk = rows(world)
    job = {"client": client, "endpoint": simulator.endpoint, "rows": [called(row) for row in walk]}
    done = subprocess.run(
        ["node", "walk.js"],
        cwd=node,
        input=json.dumps(job),
        env={"PATH": os.environ["PATH"], "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert differences(walk, [outcome(found) for found in json.loads(done.stdout)]) == []
