"""Builds what is not found, once, from Go modules into the cache. Called by ``ram-sandbox setup`` and whoever starts.

``go install module@version`` refuses modules that replace others, as Kubernetes does, so each program is built inside
a throw-away module that requires it. Kubernetes' go.mod points its staging modules (``k8s.io/api`` ...) at folders of
its own tree; the throw-away module points them at their published versions instead (v1.36.3 -> v0.36.3).
"""

import fcntl
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ram_sandbox.controlplane.binaries import (
    TOOL_NAMES,
    Binaries,
    Found,
    Search,
    Versions,
    cache_folder,
    cached_path,
    find,
    parse_version,
)
from ram_sandbox.errors import SandboxError
from ram_sandbox.progress import Progress, Step

_TAIL_LINES: Final = 25
_LOCK_POLL_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to build one program.

    Attributes:
        module: the module that has it.
        version: the module's version, with its ``v``.
        package: the main package.
        stamp: linker flags that tell the program its version.
    """

    module: str
    version: str
    package: str
    stamp: str = ""


@dataclass(frozen=True, slots=True)
class Go:
    """The Go command, its version, and the environment it is run with."""

    path: str
    version: str
    environ: Mapping[str, str]


def recipe(tool: str, versions: Versions) -> Recipe:
    """Return how a tool is built."""
    version = "v" + versions.of(tool)
    match tool:
        case "etcd":
            return Recipe("go.etcd.io/etcd/server/v3", version, "go.etcd.io/etcd/server/v3")
        case "helm":
            return Recipe("helm.sh/helm/v3", version, "helm.sh/helm/v3/cmd/helm", _helm_stamp(version))
        case _:
            variables = {"gitVersion": version, "gitMajor": "1", "gitMinor": version.split(".")[1]}
            stamp = " ".join(f"-X k8s.io/component-base/version.{key}={value}" for key, value in variables.items())
            return Recipe("k8s.io/kubernetes", version, f"k8s.io/kubernetes/cmd/{tool}", stamp)


def _helm_stamp(version: str) -> str:
    """Tell Helm which Kubernetes `helm template` and `helm lint` assume; unstamped, one too old for the chart."""
    minor = Versions().kubernetes.split(".")[1]
    variables = {"internal/version.version": version}
    for package in ("pkg/chartutil", "pkg/lint/rules"):
        variables |= {f"{package}.k8sVersionMajor": "1", f"{package}.k8sVersionMinor": minor}
    return " ".join(f"-X helm.sh/helm/v3/{name}={value}" for name, value in variables.items())


def go_mod(recipe: Recipe, upstream: str) -> str:
    """Return the go.mod of the throw-away module.

    Args:
        recipe: what it is for.
        upstream: the text of the required module's own go.mod: tells the language version and the staging modules.
    """
    language = _language(upstream)
    staging = sorted(set(re.findall(r"^\s*(?:require\s+)?(k8s\.io/[a-z0-9-]+) v0\.0\.0$", upstream, re.MULTILINE)))
    published = re.sub(r"^v1\.", "v0.", recipe.version)
    lines = ["module sandbox.invalid/build", "", f"go {language}", "", f"require {recipe.module} {recipe.version}", ""]
    return "\n".join(lines + [f"replace {name} => {name} {published}" for name in staging]) + "\n"


def ensure(environ: Mapping[str, str], progress: Progress) -> Binaries:
    """Return the four programs, building into the cache what is not found.

    Raises:
        SandboxError: something is missing and cannot be built; the text says what to install.
    """
    return Binaries.of(ensure_tools(environ, progress, TOOL_NAMES))


def ensure_tools(environ: Mapping[str, str], progress: Progress, names: tuple[str, ...]) -> Mapping[str, Found]:
    """Do the same for some of them, and tell where each was found.

    Raises:
        SandboxError: as ``ensure``.
    """
    search = find(environ, names)
    for notice in search.notices:
        progress.say(notice)
    if search.missing:
        go = _find_go(search, environ)
        with _lock(cache_folder(environ), progress):
            for name in find(environ, names).missing:
                _build(name, go, environ, progress)
        search = find(environ, names)
    return search.found


def _find_go(search: Search, environ: Mapping[str, str]) -> Go:
    path = shutil.which("go", path=environ.get("PATH", ""))
    if path is None:
        raise SandboxError(_what_to_install(search.missing))
    # the person's own cross-compiling or vendoring settings must not leak into programs that are to run here
    own = {key: value for key, value in environ.items() if key not in ("GOOS", "GOARCH", "GOEXPERIMENT")}
    own |= {"GOFLAGS": "-mod=mod", "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    answer = subprocess.run([path, "env", "GOVERSION"], capture_output=True, text=True, env=own, check=False)
    return Go(path, answer.stdout.strip().removeprefix("go"), own)


def _what_to_install(missing: tuple[str, ...]) -> str:
    return (
        f"missing: {', '.join(missing)}, and no Go to build them with. Any one of these will do:\n"
        f"  1. install Go (1.26 or newer) and run this again: they are built once,"
        " in about ten minutes, and cached\n"
        f"  2. install {', '.join(missing)} so that they are on PATH"
        " (kube-apiserver 1.30+, etcd 3.5+, kubectl 1.27+, helm 3.8+)\n"
        '  3. set KUBEBUILDER_ASSETS to a folder that has them, such as the one "setup-envtest use -p path" prints'
        " (kube-apiserver, etcd, kubectl), with helm on PATH"
    )


@contextmanager
def _lock(folder: Path, progress: Progress) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "build.lock").open("w") as lock:
        if not _try_lock(lock.fileno()):
            with progress.step("waiting for another build into the same cache"):
                while not _try_lock(lock.fileno()):
                    time.sleep(_LOCK_POLL_SECONDS)
        yield


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _build(tool: str, go: Go, environ: Mapping[str, str], progress: Progress) -> None:
    versions = Versions.chosen(environ)
    how, target = recipe(tool, versions), cached_path(tool, versions, environ)
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        progress.step(f"building {tool} {versions.of(tool)} (once)") as step,
        tempfile.TemporaryDirectory(prefix=".build-", dir=target.parent) as scratch,
    ):
        folder = Path(scratch)
        upstream = _download(how, go, step)
        (folder / "go.mod").write_text(go_mod(how, upstream))
        command = ["build", "-v", "-trimpath", "-ldflags", f"-s -w {how.stamp}".rstrip()]
        _run_go(go, [*command, "-o", tool, how.package], folder, step)
        os.replace(folder / tool, target)
        step.result = str(target)


def _download(how: Recipe, go: Go, step: Step) -> str:
    """Download the module, check that Go is new enough for it, and return the text of its own go.mod."""
    step.detail = f"downloading {how.module}"
    command = [go.path, "mod", "download", "-json", f"{how.module}@{how.version}"]
    # -mod=mod belongs to builds inside a module; here there is none
    answer = subprocess.run(
        command, capture_output=True, text=True, env={**go.environ, "GOFLAGS": ""}, cwd="/", check=False
    )
    facts = json.loads(answer.stdout) if answer.stdout.strip() else {}
    error = facts.get("Error") or (answer.stderr.strip() if answer.returncode else "")
    if error:
        raise _explained(error, go, how)
    upstream = Path(facts["GoMod"]).read_text()
    if parse_version(_language(upstream)) > parse_version(go.version):
        raise _too_old(_language(upstream), go, how)
    return upstream


def _run_go(go: Go, arguments: list[str], folder: Path, step: Step) -> None:
    tail: deque[str] = deque(maxlen=_TAIL_LINES)
    packages = 0
    with subprocess.Popen(
        [go.path, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env=dict(go.environ),
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            tail.append(line.rstrip())
            downloading = line.startswith("go: ")
            packages += not downloading
            step.detail = line.strip() if downloading else f"{packages} packages compiled, now {line.strip()}"
    if process.returncode != 0:
        text = "\n".join(tail)
        raise SandboxError(f"go {arguments[0]} failed:\n{text}\nWhat was built so far is kept: run it again to go on.")


def _language(go_mod_text: str) -> str:
    match = re.search(r"^go (\S+)$", go_mod_text, re.MULTILINE)
    return match.group(1) if match else "1.21"


def _explained(error: str, go: Go, how: Recipe) -> SandboxError:
    if needs := re.search(r"requires go >= (\S+)", error):
        return _too_old(needs.group(1), go, how)
    return SandboxError(
        f"{how.module} {how.version} cannot be downloaded: {error}\n"
        "Go fetches modules from where GOPROXY says; check the network, or use ready-made binaries on PATH."
    )


def _too_old(needed: str, go: Go, how: Recipe) -> SandboxError:
    return SandboxError(
        f"{how.module} {how.version} needs Go {needed} or newer, and {go.path} is {go.version}: install a newer Go, "
        "or an older Kubernetes with KUBERNETES_VERSION (1.30 is the oldest supported), or put the binaries on PATH"
    )
