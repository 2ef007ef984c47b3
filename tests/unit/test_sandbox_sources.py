"""The chart and the samples are found in the checkout and inside the wheel, which has the CRDs for `lint`, too."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ram_sandbox.sources import source

ROOT = Path(__file__).resolve().parents[2]


def test_the_checkout_is_preferred() -> None:
    assert source("chart") == ROOT / "charts" / "ram-operator"
    assert source("samples") == ROOT / "deploy" / "samples"


@pytest.fixture(scope="module")
def unpacked_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


@pytest.mark.parametrize(("name", "file"), [("chart", "Chart.yaml"), ("samples", "*.yaml")])
def test_an_installed_wheel_has_its_own_copies(unpacked_wheel: Path, name: str, file: str) -> None:
    program = f"from ram_sandbox.sources import source; print(source({name!r}))"
    found = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(unpacked_wheel)},
        capture_output=True,
        text=True,
        check=True,
        cwd=unpacked_wheel,
    ).stdout.strip()
    assert Path(found) == unpacked_wheel / "ram_sandbox" / "data" / name
    assert list(Path(found).glob(file))


def test_an_installed_wheel_lints_by_its_own_copies_of_the_crds(unpacked_wheel: Path, tmp_path: Path) -> None:
    text = (ROOT / "deploy/samples/ramrole.yaml").read_text()
    (tmp_path / "role.yaml").write_text(text.replace("  description:", "  descripton:"))
    done = subprocess.run(
        [sys.executable, "-m", "ram_operator", "lint", str(tmp_path)],
        env={"PYTHONPATH": str(unpacked_wheel)},
        capture_output=True,
        text=True,
        check=False,
        cwd=unpacked_wheel,
    )
    assert (unpacked_wheel / "ram_operator/data/crds").is_dir()
    assert (done.returncode, "descripton" in done.stdout) == (1, True), done.stdout + done.stderr
