"""Every YAML of the documentation that has a kind is taken by a real API server with the chart on it."""

import json
from typing import Any

import pytest
import yaml
from tests.conftest import RunningControlPlane
from tests.docs.pages import PAGES, blocks

TEXTS = [(page, block.text) for page in PAGES for block in blocks(page) if block.language == "yaml"]
OBJECTS = [
    (page, document)
    for page, text in TEXTS
    for document in yaml.safe_load_all(text)
    if isinstance(document, dict) and "kind" in document
]


@pytest.mark.parametrize(("page", "document"), OBJECTS, ids=[f"{page}-{body['kind']}" for page, body in OBJECTS])
def test_an_example_can_be_applied(page: str, document: dict[str, Any], installed: RunningControlPlane) -> None:
    namespace = document["metadata"].get("namespace")
    if namespace:
        installed.kubectl("create", "namespace", namespace.lower())
    text = json.dumps(document).replace("TEAM", "team")
    done = installed.kubectl("create", "--dry-run=server", "-f", "-", input=text)
    assert done.returncode == 0, f"{page}: {done.stderr}"
