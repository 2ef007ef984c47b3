"""`deploy/render` writes the copies, or says why it cannot; it never leaves an empty file behind."""

import shutil
import subprocess
from pathlib import Path

import pytest
from tests.chart.conftest import ROOT

from ram_sandbox.controlplane.binaries import Binaries

NEEDED = ("sh", "dirname", "mktemp", "rm", "cp", "cmp", "mv", "sed", "ls")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what is rendered and what it is rendered from."""
    folder = tmp_path / "checkout"
    rendered = ("tests/chart/rendered", "operator/ram_operator/data/admission")
    for name in ("crds", "charts", "deploy", "tests/chart/values", *rendered):
        shutil.copytree(ROOT / name, folder / name)
    (tmp_path / "programs").mkdir()
    for name in NEEDED:
        (tmp_path / "programs" / name).symlink_to(str(shutil.which(name)))
    return folder


def render(checkout: Path, *arguments: str, helm: str = "") -> subprocess.CompletedProcess[str]:
    """Run it without any program on PATH that it does not need."""
    environ = {"PATH": str(checkout.parent / "programs"), "TMPDIR": str(checkout.parent), "HELM": helm}
    command = [str(checkout / "deploy/render"), *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)


def contents(checkout: Path) -> dict[Path, bytes]:
    """All files with what is in them."""
    return {path: path.read_bytes() for path in checkout.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("helm", "said"), [("", "deploy/render needs helm"), ("/nowhere/helm", "/nowhere/helm")])
def test_without_helm_it_says_so_and_changes_nothing(checkout: Path, helm: str, said: str) -> None:
    before = contents(checkout)
    done = render(checkout, helm=helm)
    assert done.returncode != 0
    assert said in done.stderr
    assert contents(checkout) == before


def test_a_check_names_each_copy_that_is_out_of_date_and_what_to_run(checkout: Path, binaries: Binaries) -> None:
    assert render(checkout, "--check", helm=str(binaries.helm)).returncode == 0
    source = checkout / "crds/ramroles.ram.alicloud.dev.yaml"
    source.write_text(source.read_text().replace("kind: RamRole\n", "kind: OtherRole\n"))
    (checkout / "charts/ram-operator/files/crds/extra.yaml").write_text("")
    before = contents(checkout)
    done = render(checkout, "--check", helm=str(binaries.helm))
    assert done.returncode == 1
    for name in ("files/crds/ramroles.ram.alicloud.dev.yaml", "deploy/base/crds.yaml"):
        assert f"{name} is not what its source says: run `make generate`" in done.stderr
    assert "extra.yaml has no source in crds/" in done.stderr
    assert contents(checkout) == before


def test_what_it_writes_is_up_to_date(checkout: Path, binaries: Binaries) -> None:
    source = checkout / "crds/ramroles.ram.alicloud.dev.yaml"
    source.write_text(source.read_text().replace("kind: RamRole\n", "kind: OtherRole\n"))
    (checkout / "charts/ram-operator/files/crds/extra.yaml").write_text("")
    assert render(checkout, helm=str(binaries.helm)).returncode == 0
    assert "kind: OtherRole" in (checkout / "deploy/base/crds.yaml").read_text()
    assert render(checkout, "--check", helm=str(binaries.helm)).returncode == 0
