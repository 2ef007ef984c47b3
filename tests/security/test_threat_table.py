"""The threat table and this folder name each other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs/security.md"


def rows() -> Iterator[list[str]]:
    """The cells of each row of the threat table."""
    section = PAGE.read_text().partition("\n## Threats\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    for line in lines[2:]:
        yield [cell.strip() for cell in line.strip("|").split(" | ")]


def test_each_row_is_full_and_names_tests_that_try_it() -> None:
    table = list(rows())
    assert table
    for cells in table:
        assert len(cells) == 5
        assert all(cells), cells[0]
        named = re.findall(r"`(test_\w+\.py)`", cells[-1])
        assert named, cells[0]
        for name in named:
            tree = ast.parse((HERE / name).read_text())
            tests = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
            assert any(test.name.startswith("test_") for test in tests), name


def test_each_file_of_this_folder_is_named() -> None:
    named = set(re.findall(r"`(test_\w+\.py)`", PAGE.read_text()))
    assert named == {path.name for path in HERE.glob("test_*.py")} - {Path(__file__).name}


def test_each_admission_policy_is_described() -> None:
    crds = "".join(path.read_text() for path in (HERE.parents[1] / "crds").glob("admission-*.yaml"))
    installed = set(re.findall(r"kind: ValidatingAdmissionPolicy\nmetadata:\n  name: (\S+)", crds))
    assert set(re.findall(r"`([a-z-]+\.ram\.alicloud\.dev)`", PAGE.read_text())) == installed
