"""The simulator as a distribution of its own: four libraries, and nothing of the operator."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "operator/ram_simulator"
THEIRS = {"aiohttp": "aiohttp", "cryptography": "cryptography", "shtab": "shtab", "yaml": "PyYAML"}
"""The libraries that the simulator imports, and the distributions that they come from."""
EXTRA = {"lxml", "signxml"}
"""Those of the extra `saml`, which are imported where an assertion is verified."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps"]
    subprocess.run([*pip, "--no-build-isolation", "--wheel-dir", folder, PACKAGE], check=True, timeout=300)
    [made] = folder.glob("ram_simulator-*.whl")
    return zipfile.ZipFile(made)


def test_it_has_all_of_the_simulator_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    kinds = (".py", ".yaml", ".typed")
    files = {path.relative_to(PACKAGE.parent).as_posix() for path in PACKAGE.rglob("*") if path.suffix in kinds}
    assert {name for name in wheel.namelist() if ".dist-info/" not in name} == files


def test_it_needs_the_four_libraries_that_it_imports(wheel: zipfile.ZipFile) -> None:
    [name] = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    needed = message_from_string(wheel.read(name).decode()).get_all("Requires-Dist") or []
    always, extra = ([one for one in needed if ("extra ==" in one) is wanted] for wanted in (False, True))
    assert names_of(always) == {name.lower() for name in THEIRS.values()}
    assert names_of(extra) == EXTRA
    imported = {
        module.split(".")[0]
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for module in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    # pytest is there where its plugin is loaded
    assert imported - set(sys.stdlib_module_names) - {"ram_simulator", "pytest"} == set(THEIRS) | EXTRA


def test_it_tells_its_own_version(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path)
    [metadata] = tmp_path.glob("*.dist-info/METADATA")
    metadata.write_text(re.sub("(?m)^Version: .*$", "Version: 99.0", metadata.read_text()))
    command = [sys.executable, "-m", "ram_simulator", "--version"]
    found = subprocess.run(command, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, timeout=60)
    assert found.stdout == "ram-simulator 99.0\n", found.stderr


def names_of(requirements: list[str]) -> set[str]:
    return {one.split("<")[0].split(">")[0].lower() for one in requirements}


def test_both_distributions_have_one_version() -> None:
    versions = {tomllib.loads((each / "pyproject.toml").read_text())["project"]["version"] for each in (ROOT, PACKAGE)}
    assert len(versions) == 1
