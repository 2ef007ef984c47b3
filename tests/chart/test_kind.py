"""`make image` and `make kind` where something is missing: they say so at once, name it, and tell the way out."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.chart.conftest import ROOT
from tests.polling import until

NEEDED = ("sh", "cat", "dirname", "grep", "make", "mktemp", "rm", "sleep")
WORKS = "#!/bin/sh\nexit 0\n"
FAILS = "#!/bin/sh\nexit 1\n"
ALL = {"docker": WORKS, "kind": WORKS, "kubectl": WORKS, "helm": WORKS}
LACKING: dict[str, tuple[dict[str, str], str, tuple[str, ...]]] = {
    "no docker": (ALL | {"docker": ""}, "ram-operator:dev", ("docker is not on PATH", "make demo")),
    "no daemon": (ALL | {"docker": FAILS}, "ram-operator:dev", ("daemon does not answer",)),
    "no kind": (ALL | {"kind": ""}, "ram-operator:dev", ("needs kind", "https://kind.sigs.k8s.io")),
    "no tag": (ALL, "localhost:5000/ram-operator", ("has no tag", "IMAGE=localhost:5000/ram-operator:dev")),
}


def path_with(folder: Path, programs: dict[str, str]) -> dict[str, str]:
    """An environment whose PATH has what a shell script needs and these programs, those without a text apart."""
    for name in NEEDED:
        (folder / name).symlink_to(str(shutil.which(name)))
    for name, text in programs.items():
        if text:
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
    return {"PATH": str(folder), "HOME": str(folder)}


def run(command: list[str], environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run it in the checkout and return whatever happened."""
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("case", LACKING)
def test_make_kind_says_what_is_missing_before_it_builds_anything(case: str, tmp_path: Path) -> None:
    programs, image, words = LACKING[case]
    done = run(["make", "kind", f"IMAGE={image}"], path_with(tmp_path, programs))
    assert done.returncode != 0
    assert [word for word in words if word not in done.stderr] == []
    assert done.stdout == ""


def test_make_kind_goes_on_where_nothing_is_missing(tmp_path: Path) -> None:
    done = run([str(ROOT / "deploy/kind/up"), "--check"], path_with(tmp_path, ALL))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_make_kind_says_why_the_cluster_could_not_be_created(tmp_path: Path) -> None:
    creates_none = "#!/bin/sh\n[ $1 != create ] || { echo 'no such image' >&2; exit 1; }\n"
    done = run(["make", "kind"], path_with(tmp_path, ALL | {"kind": creates_none}))
    assert done.returncode != 0
    assert "no such image\nThe cluster could not be created." in done.stderr
    assert "make kind KIND_NODE_IMAGE=" in done.stderr


def test_make_kind_stops_where_an_image_could_not_be_built(tmp_path: Path) -> None:
    builds_none = "#!/bin/sh\n[ $1 != build ] || { echo 'no space left' >&2; exit 1; }\n"
    calls = '#!/bin/sh\n[ $1 = get ] || echo "kind $1"\n'
    done = run(["make", "kind"], path_with(tmp_path, ALL | {"docker": builds_none, "kind": calls}))
    assert done.returncode != 0
    assert "no space left" in done.stderr
    assert "kind create" in done.stdout
    assert "kind load" not in done.stdout


def test_make_kind_that_is_ended_leaves_no_half_of_a_cluster_and_no_file(tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    calls, pid, builds = tmp_path / "calls", tmp_path / "pid", tmp_path / "builds"
    docker = f"#!/bin/sh\n[ $1 != build ] || echo > {builds}\n"
    kind = f"#!/bin/sh\necho $1 >> {calls}\n[ $1 != create ] || {{ echo $$ > {pid}; exec sleep 600; }}\n"
    environ = path_with(tmp_path, ALL | {"docker": docker, "kind": kind}) | {"TMPDIR": str(files)}
    with subprocess.Popen([str(ROOT / "deploy/kind/up")], env=environ, stdout=subprocess.DEVNULL) as process:
        try:
            until(lambda: pid.exists() and pid.read_text() and builds.exists(), what="kind and docker are at work")
            assert list(files.iterdir()) != []
        finally:
            process.terminate()
    assert process.returncode == 130
    assert calls.read_text().split() == ["get", "create", "delete"]
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
    assert list(files.iterdir()) == []


def test_make_image_names_the_engine_that_is_missing(tmp_path: Path) -> None:
    done = run(["make", "image", "ENGINE=podman"], path_with(tmp_path, {}))
    assert done.returncode != 0
    assert "make image needs podman" in done.stderr


def test_make_kind_refuses_another_engine_than_docker(tmp_path: Path) -> None:
    done = run(["make", "kind", "ENGINE=podman"], path_with(tmp_path, ALL))
    assert done.returncode != 0
    assert "make kind works with docker only: leave out ENGINE=podman" in done.stderr
    assert done.stdout == ""


def test_make_kind_down_says_that_kind_is_missing(tmp_path: Path) -> None:
    assert "make kind-down needs kind" in run(["make", "kind-down"], path_with(tmp_path, {})).stderr
