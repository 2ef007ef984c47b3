"""A kind owns its room: what works on all kinds names none of them, and none of the fields that are a kind's own."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
OPERATOR = ROOT / "operator/ram_operator"
ROOMS = [path for room in ("engine", "cluster") for path in (OPERATOR / room).rglob("*.py")]
PLACES = [*ROOMS, OPERATOR / "gate.py", OPERATOR / "probes.py", OPERATOR / "runtime.py"]
FILES = [pytest.param(path, id=str(path.relative_to(OPERATOR))) for path in sorted(PLACES)]


def resources() -> Iterator[dict[str, Any]]:
    """The definitions of the custom resources."""
    for path in (ROOT / "crds").glob("*.yaml"):
        for document in yaml.safe_load_all(path.read_text()):
            if document["kind"] == "CustomResourceDefinition":
                yield document["spec"]


def fields(resource: dict[str, Any]) -> set[str]:
    """The fields of a kind's spec and status."""
    [version] = resource["versions"]
    parts = version["schema"]["openAPIV3Schema"]["properties"]
    return {field for part in ("spec", "status") for field in parts[part]["properties"]}


def read_fields(path: Path) -> Iterator[object]:
    """The constants by which a module reads a mapping: `x["field"]` and `x.get("field")`."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Subscript(slice=ast.Constant(value=field)):
                yield field
            case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=field), *_]):
                yield field


NAMES = {each["names"][form] for each in resources() for form in ("kind", "plural", "singular")}
ALL_FIELDS = [fields(each) for each in resources()]
OWN_FIELDS = set().union(*ALL_FIELDS) - ALL_FIELDS[0].intersection(*ALL_FIELDS)


@pytest.mark.parametrize("path", FILES)
def test_what_works_on_all_kinds_names_none_of_them(path: Path) -> None:
    assert re.findall(rf"\b(?:{'|'.join(NAMES)})\b", path.read_text(), re.IGNORECASE) == []


@pytest.mark.parametrize("path", FILES)
def test_what_works_on_all_kinds_reads_no_field_that_only_some_have(path: Path) -> None:
    of_kubernetes = {"policyName"} if path == OPERATOR / "cluster/admission.py" else set[str]()
    assert OWN_FIELDS.intersection(read_fields(path)) == of_kubernetes


def test_the_names_and_fields_that_are_looked_for_are_those_of_the_kinds() -> None:
    assert {"RamPolicy", "ramroles", "instancerolebinding"} <= NAMES
    assert {"roleName", "managedPolicies", "instances", "document"} <= OWN_FIELDS
    assert OWN_FIELDS.isdisjoint({"conditions", "managementPolicy"})
    assert "defaultVersion" in read_fields(OPERATOR / "kinds/ram_policy/drift.py")


@pytest.mark.parametrize(
    "kind", sorted(path.name for path in OPERATOR.glob("kinds/*/") if (path / "__init__.py").exists())
)
def test_each_kind_has_its_parts_in_files_of_the_same_names(kind: str) -> None:
    files = {path.name for path in (OPERATOR / "kinds" / kind).glob("*.py")}
    assert {"__init__.py", "links.py", "drift.py", "steps.py"} <= files
