"""Every command of the documentation: what can be run here is run, section by section, in the world that it needs."""

import itertools
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import RunningSandbox
from tests.docs.pages import PAGES, ROOT, Block, blocks

from ram_sandbox.controlplane.binaries import Binaries
from ram_sandbox.controlplane.server import ControlPlane

# where the commands of a page, or of one of its sections, are run
WORLDS = {
    "CONTRIBUTING.md": "checkout",
    "README.md": "checkout",
    "README.md#install-it-on-ack": "cluster",
    "charts/ram-operator/README.md": "cluster",
    "docs/ack.md": "sandbox",
    "docs/command-line.md": "checkout",
    "docs/concepts.md": "sandbox",
    "docs/gitops.md": "sandbox",
    "docs/install.md": "cluster",
    "docs/migrate.md": "sandbox",
    "docs/operations.md": "sandbox",
    "docs/ram-policies.md": "checkout",
    "docs/sandbox.md": "checkout",
    "docs/status.md": "sandbox",
    "docs/troubleshooting.md": "sandbox",
}
# what cannot be run here, and what stands in for it
STAND_INS = {
    "make setup": '[ -e .venv ] || ln -s "$REPOSITORY/.venv" .venv',  # each run of these tests begins with it
    "make demo": "",  # tests/cluster/test_sandbox.py
    "make check": "",  # .ci/run
    "make test TESTS=tests/unit ARGS='-k workqueue'": "",  # .ci/run
    "kubectl -n ram-operator rollout status deployment/ram-operator --timeout=120s": "",  # needs a kubelet
    "kubectl -n ram-operator exec deployment/ram-operator -- ram-operator plan --delete-all": "kubectl get ram",
    "kubectl -n ram-operator logs deployment/ram-operator --tail=20": "",  # needs a kubelet
}
SERVERS = (".venv/bin/ram-sandbox up",)
PRELUDE = """
set -euo pipefail
trap 'trap - EXIT; kill $(jobs -p) 2>/dev/null || true; wait' EXIT
"""


def sections() -> Iterator[tuple[str, list[Block]]]:
    """The blocks of shell commands, by page or, where a section has a world of its own, by section."""
    for page in PAGES:
        if page.startswith("docs/simulator/"):
            continue
        found = (block for block in blocks(page) if block.language == "sh")
        for place, group in itertools.groupby(found, place_of):
            yield place, list(group)


def place_of(block: Block) -> str:
    """The key of a block in WORLDS."""
    narrow = f"{block.page}#{block.section}"
    return narrow if narrow in WORLDS else block.page


def script(parts: list[Block]) -> str:
    """One script of all blocks of a section; what runs until it is ended goes into the background."""
    return PRELUDE + "\n".join(started(runnable(part.text)) for part in parts)


def runnable(text: str) -> str:
    """A block with a stand-in for each command that cannot be run here."""
    return "".join(f"{STAND_INS.get(bare(line), line)}\n" for line in text.splitlines())


def bare(line: str) -> str:
    """A line without the remark at its end."""
    return line.partition("   #")[0].strip()


def started(text: str) -> str:
    """A block, in the background until it is ready if it starts a server."""
    if not text.startswith(SERVERS):
        return text
    return f"{text.strip()} &\nuntil [ -s sandbox.kubeconfig ]; do kill -0 $!; sleep 0.2; done\n"


@pytest.fixture
def checkout(tmp_path: Path, binaries: Binaries) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs a script in a copy of the repository, with a container engine that does nothing."""
    programs, folder = tmp_path / "programs", tmp_path / "ram-operator"
    programs.mkdir()
    folder.mkdir()
    for path in ROOT.iterdir():
        (folder / path.name).symlink_to(path)
    for name in ("access-key-id", "access-key-secret"):
        (folder / name).write_text("simulator-root")
    for tool in (binaries.kubectl, binaries.helm):
        (programs / tool.name).symlink_to(tool)
    (programs / "docker").write_text("#!/bin/sh\nexit 0\n")
    (programs / "docker").chmod(0o755)

    def run(text: str, kubeconfig: Path | None = None) -> subprocess.CompletedProcess[str]:
        environ = {
            "PATH": f"{programs}:{ROOT / '.venv/bin'}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "REPOSITORY": str(ROOT),
            "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")),
            **({"KUBECONFIG": str(kubeconfig)} if kubeconfig else {}),
        }
        return subprocess.run(
            ["bash", "-xc", text], cwd=folder, env=environ, capture_output=True, text=True, timeout=300, check=False
        )

    return run


@pytest.fixture
def empty_cluster(binaries: Binaries, tmp_path: Path) -> Iterator[Path]:
    """Start a control plane with nothing on it and return an administrator's kubeconfig."""
    server = ControlPlane(binaries, tmp_path / "server", os.environ)
    server.start()
    try:
        yield server.kubeconfig
    finally:
        server.stop()


@pytest.fixture
def with_samples(sandbox: RunningSandbox) -> Path:
    """Apply the samples to the sandbox with one node, and return an administrator's kubeconfig."""
    sandbox.add_node("node-1")
    for command in (("apply",), ("wait", "--for=condition=Ready", "--timeout=60s")):
        done = sandbox.kubectl(*command, "-f", str(ROOT / "deploy/samples"))
        assert done.returncode == 0, done.stderr
    return sandbox.kubeconfig


SECTIONS = dict(sections())
Run = Callable[..., subprocess.CompletedProcess[str]]


def places(world: str) -> list[str]:
    """The pages and sections that are run in a world."""
    return [place for place, where in WORLDS.items() if where == world]


def test_each_page_with_commands_has_a_world_and_no_other() -> None:
    assert set(SECTIONS) == set(WORLDS)


def test_each_command_with_a_stand_in_is_still_in_the_documentation() -> None:
    texts = [part.text for parts in SECTIONS.values() for part in parts]
    assert set(STAND_INS) <= {bare(line) for text in texts for line in text.splitlines()}


@pytest.mark.parametrize("place", places("checkout"))
def test_the_commands_work_in_a_checkout(place: str, checkout: Run) -> None:
    done = checkout(script(SECTIONS[place]))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("place", places("cluster"))
def test_the_commands_work_on_an_empty_cluster(place: str, checkout: Run, empty_cluster: Path) -> None:
    done = checkout(script(SECTIONS[place]), empty_cluster)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("place", places("sandbox"))
def test_the_commands_work_where_the_operator_runs(place: str, checkout: Run, with_samples: Path) -> None:
    done = checkout(script(SECTIONS[place]), with_samples)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES)
def test_what_is_only_shown_is_a_command_all_the_same(page: str) -> None:
    for block in blocks(page):
        if block.language == "console":
            commands = [line.removeprefix("$ ") for line in block.text.splitlines() if line.startswith("$ ")]
            assert commands
            done = subprocess.run([str(shutil.which("bash")), "-n"], input="\n".join(commands), text=True, check=False)
            assert done.returncode == 0
