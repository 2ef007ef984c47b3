"""Nothing is decided by a text: error codes stay in cloud/, and no reason is read out of a message."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import ram_operator
from ram_operator.cloud.client import failures

PACKAGE = Path(ram_operator.__file__).parent
CODES = {code for codes in failures._CODES.values() for code in codes}
MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if path.relative_to(PACKAGE).parts[0] != "cloud"]
# the one looks for the brackets of JSON before anything is known of what stands in it, the other for accounts in CEL
PARSING = (PACKAGE / "cluster" / "nesting.py", PACKAGE / "cluster" / "admission.py")
DECIDING = [
    path
    for path in MODULES
    if path.relative_to(PACKAGE).parts[0] in ("engine", "kinds", "cluster") and path not in PARSING
]


def name(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def texts(tree: ast.AST) -> Iterator[str]:
    return (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))


def attributes(tree: ast.AST) -> set[str]:
    return {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_no_module_outside_cloud_holds_an_error_code_of_the_api(path: Path) -> None:
    # a reason of ours may be spelt as a code is, such as Forbidden
    own = {"model/reasons.py"}
    assert name(path) in own or not CODES.intersection(texts(ast.parse(path.read_text())))


@pytest.mark.parametrize("path", DECIDING, ids=name)
def test_no_reason_is_read_out_of_a_code_or_a_text(path: Path) -> None:
    tree = ast.parse(path.read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert "re" not in imported
    assert "code" not in attributes(tree)


def test_a_code_that_is_held_is_found() -> None:
    assert CODES.intersection(texts(ast.parse('error.code == "EntityNotExist"')))
