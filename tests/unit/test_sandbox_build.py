"""The build from Go modules: the throw-away module, what is said when it cannot be, and two builds at once."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ram_sandbox.controlplane.binaries import TOOL_NAMES, Versions, cached_path
from ram_sandbox.controlplane.build import ensure, ensure_tools, go_mod, recipe
from ram_sandbox.errors import SandboxError
from ram_sandbox.progress import Progress

UPSTREAM = """module k8s.io/kubernetes

go 1.26.0

require (
	github.com/blang/semver/v4 v4.0.0
	k8s.io/api v0.0.0
	k8s.io/apimachinery v0.0.0
	k8s.io/klog/v2 v2.130.1
	k8s.io/kube-openapi v0.0.0-20260317180543-43fb72c5454a
)

replace (
	k8s.io/api => ./staging/src/k8s.io/api
)
"""

# stands in for the Go command: it "downloads" a go.mod and "builds" a program that tells its version
GO = """#!/bin/sh
echo "$@" >> "$GO_LOG"
case "$1 $2" in
"env GOVERSION") echo "go${GO_IS:-1.26.8}" ;;
"mod download")
  if [ -n "$GO_FAILS" ]; then echo "{\\"Error\\": \\"$GO_FAILS\\"}"; exit 1; fi
  printf 'module m\\n\\ngo 1.26.0\\n' > "$GO_LOG.mod"
  echo "{\\"GoMod\\": \\"$GO_LOG.mod\\"}" ;;
"build -v")
  echo "k8s.io/some/package" >&2
  if [ -n "$GO_BREAKS" ]; then echo "$GO_BREAKS" >&2; exit 1; fi
  while [ "$1" != -o ]; do shift; done
  printf '#!/bin/sh\\necho 9.9.9\\n' > "$2"; chmod +x "$2" ;;
esac
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    folder = tmp_path / "path"
    folder.mkdir()
    (folder / "go").write_text(GO)
    (folder / "go").chmod(0o755)
    for program in ("sh", "chmod"):
        (folder / program).symlink_to(f"/bin/{program}")
    return {"PATH": str(folder), "XDG_CACHE_HOME": str(tmp_path / "cache"), "GO_LOG": str(tmp_path / "log")}


@pytest.fixture
def progress() -> Progress:
    return Progress(io.StringIO())


def test_staging_modules_are_pointed_at_their_published_versions() -> None:
    text = go_mod(recipe("kube-apiserver", Versions()), UPSTREAM)
    assert "go 1.26.0\n" in text
    assert "require k8s.io/kubernetes v1.36.3\n" in text
    assert [line for line in text.splitlines() if line.startswith("replace")] == [
        "replace k8s.io/api => k8s.io/api v0.36.3",
        "replace k8s.io/apimachinery => k8s.io/apimachinery v0.36.3",
    ]


@pytest.mark.parametrize(
    ("tool", "package", "stamp"),
    [
        ("kubectl", "k8s.io/kubernetes/cmd/kubectl", "version.gitVersion=v1.30.14"),
        ("etcd", "go.etcd.io/etcd/server/v3", ""),
        ("helm", "helm.sh/helm/v3/cmd/helm", "version.version=v3.21.4"),
    ],
)
def test_each_tool_has_its_package_and_its_version_stamp(tool: str, package: str, stamp: str) -> None:
    how = recipe(tool, Versions(kubernetes="1.30.14"))
    assert how.package == package
    assert stamp in how.stamp


def test_helm_is_built_knowing_a_kubernetes_that_the_chart_takes() -> None:
    stamp = recipe("helm", Versions(kubernetes="1.30.14")).stamp
    for package in ("chartutil", "lint/rules"):
        assert f"helm.sh/helm/v3/pkg/{package}.k8sVersionMajor=1" in stamp
        assert f"helm.sh/helm/v3/pkg/{package}.k8sVersionMinor=36" in stamp


def test_what_is_missing_is_built_once(environ: dict[str, str], progress: Progress, tmp_path: Path) -> None:
    first = ensure(environ, progress)
    commands = (tmp_path / "log").read_text()
    assert commands.count("build -v") == len(TOOL_NAMES)
    assert first.helm == cached_path("helm", Versions(), environ)
    assert os.access(first.helm, os.X_OK)
    assert ensure(environ, progress) == first
    assert (tmp_path / "log").read_text() == commands


def test_a_build_leaves_nothing_but_the_programs(environ: dict[str, str], progress: Progress, tmp_path: Path) -> None:
    ensure_tools(environ, progress, ("etcd",))
    files = sorted(path.name for path in (tmp_path / "cache").rglob("*") if path.is_file())
    assert files == ["build.lock", "etcd"]


def test_without_go_it_says_what_to_install_in_three_ways(environ: dict[str, str], progress: Progress) -> None:
    with pytest.raises(SandboxError) as caught:
        ensure(environ | {"PATH": "/nowhere"}, progress)
    text = str(caught.value)
    assert "missing: kube-apiserver, kubectl, etcd, helm, and no Go to build them with" in text
    for way in ("1. install Go", "2. install kube-apiserver, kubectl, etcd, helm", "3. set KUBEBUILDER_ASSETS"):
        assert way in text


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"GO_IS": "1.21.3"}, "needs Go 1.26.0 or newer, and"),
        ({"GO_FAILS": "requires go >= 1.27 (running go 1.26.8)"}, "needs Go 1.27 or newer"),
        ({"GO_FAILS": "dial tcp: lookup failed"}, "cannot be downloaded: dial tcp: lookup failed"),
        ({"GO_BREAKS": "undefined: x"}, "go build failed:\nk8s.io/some/package\nundefined: x\n"),
    ],
)
def test_a_build_that_cannot_be_says_why(
    environ: dict[str, str], progress: Progress, settings: dict[str, str], complaint: str
) -> None:
    with pytest.raises(SandboxError) as caught:
        ensure_tools(environ | settings, progress, ("helm",))
    assert complaint in str(caught.value)
    assert not cached_path("helm", Versions(), environ).exists()


def test_two_builds_at_once_do_the_work_once(environ: dict[str, str], tmp_path: Path) -> None:
    source = Path(__file__).resolve().parents[2] / "operator"
    program = "from ram_sandbox.__main__ import main; raise SystemExit(main(['setup']))"
    command = [sys.executable, "-c", program]
    started = [
        subprocess.Popen(
            command, env=environ | {"PYTHONPATH": str(source)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=60)[0].decode() for process in started]
    assert [process.returncode for process in started] == [0, 0], outputs
    assert (tmp_path / "log").read_text().count("build -v") == len(TOOL_NAMES)
