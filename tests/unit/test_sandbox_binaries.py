"""Where kube-apiserver, etcd, kubectl and helm are found, what is passed over, and how it is said."""

from pathlib import Path

import pytest

from ram_sandbox.controlplane.binaries import TOOL_NAMES, Versions, cached_path, find, parse_version
from ram_sandbox.errors import SandboxError

ANSWERS = {
    "kube-apiserver": "Kubernetes v1.36.3",
    "kubectl": "Client Version: v1.36.3\nKustomize Version: v5.8.1",
    "etcd": "etcd Version: 3.6.8\nGit SHA: none",
    "helm": "v3.21.4+gb0b8a6c",
}


def install(folder: Path, **answers: str) -> Path:
    """Put programs that only tell their version into a folder."""
    folder.mkdir(exist_ok=True)
    for name, answer in answers.items():
        program = folder / name.replace("_", "-")
        program.write_text(f"#!/bin/sh\ncat <<'END'\n{answer}\nEND\n")
        program.chmod(0o755)
    return folder


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    install(tmp_path / "path")
    (tmp_path / "path" / "cat").symlink_to("/bin/cat")
    return {"PATH": str(tmp_path / "path"), "XDG_CACHE_HOME": str(tmp_path / "cache")}


def test_assets_are_preferred_to_path_and_path_to_the_cache(tmp_path: Path, environ: dict[str, str]) -> None:
    install(tmp_path / "assets", **{"kube-apiserver": ANSWERS["kube-apiserver"]})
    install(tmp_path / "path", **{name: ANSWERS[name] for name in ("kube-apiserver", "kubectl")})
    for name in TOOL_NAMES:
        cached = cached_path(name, Versions(), environ)
        install_parent = cached.parent
        install_parent.mkdir(parents=True, exist_ok=True)
        install(install_parent, **{name: ANSWERS[name]})
    search = find(environ | {"KUBEBUILDER_ASSETS": str(tmp_path / "assets")})
    assert {name: hit.origin for name, hit in search.found.items()} == {
        "kube-apiserver": "KUBEBUILDER_ASSETS",
        "kubectl": "PATH",
        "etcd": "cache",
        "helm": "cache",
    }
    assert search.missing == ()
    assert search.notices == ()


def test_what_is_nowhere_is_missing(environ: dict[str, str]) -> None:
    assert find(environ).missing == TOOL_NAMES


@pytest.mark.parametrize(
    ("tool", "answer", "why"),
    [
        ("kube-apiserver", "Kubernetes v1.29.9", "1.29.9 is too old, at least 1.30 is needed"),
        ("helm", "v3.7.2+g663a896", "3.7.2 is too old, at least 3.8 is needed"),
        ("etcd", "etcd Version: 3.4.30", "3.4.30 is too old, at least 3.5 is needed"),
        ("kubectl", "Client Version: v1.19.0", "1.19.0 is too old, at least 1.27 is needed"),
        ("helm", "no idea", "it does not tell its version"),
    ],
)
def test_a_program_that_will_not_do_is_passed_over_with_a_reason(
    tmp_path: Path, environ: dict[str, str], tool: str, answer: str, why: str
) -> None:
    install(tmp_path / "path", **(ANSWERS | {tool: answer}))
    search = find(environ)
    assert search.missing == (tool,)
    assert len(search.notices) == 1
    assert f"{tool} in {tmp_path / 'path'} (PATH) is passed over" in search.notices[0]
    assert why in search.notices[0]


def test_a_program_that_does_not_run_is_passed_over(tmp_path: Path, environ: dict[str, str]) -> None:
    install(tmp_path / "path", **ANSWERS)
    (tmp_path / "path" / "etcd").write_text("no program")
    search = find(environ)
    assert search.missing == ("etcd",)
    assert "it does not run" in search.notices[0]


def test_a_kubernetes_version_that_was_asked_for_is_the_only_one_that_will_do(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    install(tmp_path / "path", **ANSWERS)
    search = find(environ | {"KUBERNETES_VERSION": "1.30.14"})
    assert search.missing == ("kube-apiserver",)
    assert "1.36.3 is not the version asked for, 1.30.14" in search.notices[0]


@pytest.mark.parametrize("name", ["helm", "etcd"])
def test_one_tool_can_be_looked_for_alone(tmp_path: Path, environ: dict[str, str], name: str) -> None:
    install(tmp_path / "path", **ANSWERS)
    search = find(environ, (name,))
    assert list(search.found) == [name]
    assert search.missing == ()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("1.36", 'KUBERNETES_VERSION=1.36 is not a full version; write one like "1.36.3"'),
        ("latest", "is not a full version"),
        ("1.29.4", "is too old; the oldest supported is 1.30"),
    ],
)
def test_a_version_that_makes_no_sense_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(SandboxError) as caught:
        Versions.chosen({"KUBERNETES_VERSION": text})
    assert complaint in str(caught.value)


def test_a_version_may_be_written_with_its_v() -> None:
    assert Versions.chosen({"KUBERNETES_VERSION": "v1.30.14"}).kubernetes == "1.30.14"
    assert not Versions.chosen({}).exact


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("Kubernetes v1.36.3", (1, 36, 3)),
        ("Client Version: v1.32.4-dispatcher\nKustomize Version: v5.5.0", (1, 32, 4)),
        ("go1.26", (1, 26, 0)),
        ("etcd Version: 3.6.8\nGo Version: go1.26.8", (3, 6, 8)),
        ("none", ()),
    ],
)
def test_versions_are_read_from_what_programs_say(text: str, version: tuple[int, ...]) -> None:
    assert parse_version(text) == version
