"""No field is in the schema alone: each name of a spec is a word that the operator's code reads."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CRDS = sorted((ROOT / "crds").glob("*.ram.alicloud.dev.yaml"))
# RAM's own grammar, which has tests of its own
DOCUMENTS = {"document", "sessionPolicy"}


def words_of(folder: Path) -> set[str]:
    """All strings that the code of a folder has in quotes."""
    trees = [ast.parse(path.read_text()) for path in folder.rglob("*.py")]
    nodes = (node for tree in trees for node in ast.walk(tree))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def fields(schema: dict[str, Any]) -> Iterator[str]:
    """Names of all fields below a schema."""
    for name, child in schema.get("properties", {}).items():
        yield name
        if name not in DOCUMENTS:
            yield from fields(child)
            yield from fields(child.get("items", {}))


@pytest.mark.parametrize("path", CRDS, ids=lambda path: str(path.stem))
def test_the_operator_reads_every_field_of_a_spec(path: Path) -> None:
    (version,) = yaml.safe_load(path.read_text())["spec"]["versions"]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    words = set().union(*(words_of(ROOT / "operator/ram_operator" / room) for room in ("kinds", "rules", "model")))
    assert set(fields(spec)) - words == set()
