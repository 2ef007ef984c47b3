"""Finds kube-apiserver, etcd, kubectl and helm. Called by ``build.ensure`` and by the tests.

Each is looked for in the folder ``KUBEBUILDER_ASSETS``, on ``PATH``, then in the cache of builds. One that is there but
does not run, is too old, or is not the version asked for is passed over, with a notice that says so.
"""

import platform
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ram_sandbox.errors import SandboxError

Version = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that the sandbox needs, how to ask its version, and the oldest that will do."""

    name: str
    version_arguments: tuple[str, ...]
    oldest: Version


TOOLS: Final = (
    Tool("kube-apiserver", ("--version",), (1, 30)),
    Tool("kubectl", ("version", "--client"), (1, 27)),
    Tool("etcd", ("--version",), (3, 5)),
    Tool("helm", ("version", "--short"), (3, 8)),
)
TOOL_NAMES: Final = tuple(tool.name for tool in TOOLS)
_HELM_BUILD: Final = 2
"""Counts changes of how Helm is built, so that a cached build of the old way is not used."""


@dataclass(frozen=True, slots=True)
class Versions:
    """What is built when nothing is found.

    Attributes:
        kubernetes: version of kube-apiserver and kubectl, setting ``KUBERNETES_VERSION``.
        etcd: version of etcd's server module.
        helm: version of Helm's module.
        exact: whether the person named the Kubernetes version, so that no other kube-apiserver will do.
    """

    kubernetes: str = "1.36.3"
    etcd: str = "3.6.8"
    helm: str = "3.21.4"
    exact: bool = False

    @classmethod
    def chosen(cls, environ: Mapping[str, str]) -> "Versions":
        """Read the setting.

        Raises:
            SandboxError: it is no full version, or older than what is supported.
        """
        text = environ.get("KUBERNETES_VERSION", "").removeprefix("v")
        if not text:
            return cls()
        if not re.fullmatch(r"1\.\d+\.\d+", text):
            raise SandboxError(f'KUBERNETES_VERSION={text} is not a full version; write one like "{cls().kubernetes}"')
        if parse_version(text) < TOOLS[0].oldest:
            raise SandboxError(f"KUBERNETES_VERSION={text} is too old; the oldest supported is 1.30")
        return cls(kubernetes=text, exact=True)

    def of(self, tool: str) -> str:
        """Return the version to build of a tool."""
        return {"etcd": self.etcd, "helm": self.helm}.get(tool, self.kubernetes)


@dataclass(frozen=True, slots=True)
class Found:
    """A usable program, its version, and where it was found."""

    path: Path
    version: str
    origin: str


@dataclass(frozen=True, slots=True)
class Search:
    """What was found, what is missing, and what was passed over and why."""

    found: Mapping[str, Found]
    missing: tuple[str, ...]
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Binaries:
    """The four programs, ready to run."""

    kube_apiserver: Path
    etcd: Path
    kubectl: Path
    helm: Path

    @classmethod
    def of(cls, found: Mapping[str, Found]) -> "Binaries":
        """Take them from what a search that misses nothing found."""
        return cls(**{name.replace("-", "_"): hit.path for name, hit in found.items()})


@dataclass(slots=True)
class _Notes:
    lines: list[str] = field(default_factory=list)

    def passed_over(self, tool: Tool, path: Path, origin: str, why: str) -> None:
        self.lines.append(f"{tool.name} in {path.parent} ({origin}) is passed over: {why}")


def parse_version(text: str) -> Version:
    """Return the first dotted number of a text as a tuple; empty when there is none."""
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part) for part in match.groups(default="0")) if match else ()


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Return where builds are kept: outside the source tree, per user and kind of machine."""
    root = environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME") or Path.home()) / ".cache"
    return Path(root) / "ram-operator" / f"{platform.system()}-{platform.machine()}".lower()


def cached_path(tool: str, versions: Versions, environ: Mapping[str, str]) -> Path:
    """Return where the build of a tool is, or would be, in the cache."""
    family = tool if tool in ("etcd", "helm") else "kubernetes"
    revision = f"-build{_HELM_BUILD}" if tool == "helm" else ""
    return cache_folder(environ) / f"{family}-{versions.of(tool)}{revision}" / tool


def find(environ: Mapping[str, str], names: tuple[str, ...] = TOOL_NAMES) -> Search:
    """Look for the tools.

    Args:
        environ: KUBEBUILDER_ASSETS, PATH, XDG_CACHE_HOME and KUBERNETES_VERSION count.
        names: which of them.

    Raises:
        SandboxError: KUBERNETES_VERSION makes no sense.
    """
    versions, notes = Versions.chosen(environ), _Notes()
    wanted = [tool for tool in TOOLS if tool.name in names]
    found = {tool.name: hit for tool in wanted if (hit := _find_one(tool, versions, environ, notes))}
    missing = tuple(tool.name for tool in wanted if tool.name not in found)
    return Search(found, missing, tuple(notes.lines))


def _find_one(tool: Tool, versions: Versions, environ: Mapping[str, str], notes: _Notes) -> Found | None:
    for path, origin in _candidates(tool.name, environ):
        version, fault = _ask_version(tool, path, environ)
        fault = fault or _unfit(tool, version, versions)
        if not fault:
            return Found(path, version, origin)
        notes.passed_over(tool, path, origin, fault)
    cached = cached_path(tool.name, versions, environ)
    return Found(cached, versions.of(tool.name), "cache") if cached.exists() else None


def _candidates(name: str, environ: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    if assets := environ.get("KUBEBUILDER_ASSETS"):
        path = Path(assets) / name
        if path.exists():
            yield path.absolute(), "KUBEBUILDER_ASSETS"
    if on_path := shutil.which(name, path=environ.get("PATH", "")):
        yield Path(on_path).absolute(), "PATH"


def _ask_version(tool: Tool, path: Path, environ: Mapping[str, str]) -> tuple[str, str]:
    """Return (version, what is wrong): one of the two is empty."""
    command = [str(path), *tool.version_arguments]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=30, env=dict(environ), check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return "", f"it does not run: {error}"
    version = parse_version(answer.stdout)
    if answer.returncode != 0 or not version:
        return "", f"it does not tell its version: {answer.stderr.strip()[:200] or 'no output'}"
    return ".".join(map(str, version)), ""


def _unfit(tool: Tool, version: str, versions: Versions) -> str:
    if parse_version(version) < tool.oldest:
        return f"{version} is too old, at least {'.'.join(map(str, tool.oldest))} is needed"
    if versions.exact and tool.name == "kube-apiserver" and version != versions.kubernetes:
        return f"{version} is not the version asked for, {versions.kubernetes}"
    return ""
