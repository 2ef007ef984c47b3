"""``ram-sandbox`` as people start it: what it prints, how it ends, and what it leaves behind."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.objects import role
from tests.conftest import RunningControlPlane

from ram_sandbox.controlplane.binaries import Binaries
from ram_sandbox.controlplane.server import ControlPlane
from ram_sandbox.demo.steps import STEPS
from ram_sandbox.installation import RUN_LABEL
from ram_sandbox.kubectl import Helm, Kubectl
from ram_sandbox.nodes import create_nodes, node_object
from ram_sandbox.sources import source

OPERATOR = Path(__file__).resolve().parents[2] / "operator"


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "ram_sandbox", *arguments]


def environ(tmp_path: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment whose temporary files all end up in one folder."""
    return dict(os.environ) | {"PYTHONPATH": str(OPERATOR), "TMPDIR": str(tmp_path)} | dict(more or {})


@contextmanager
def up(tmp_path: Path, *arguments: str, more: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """Run ``ram-sandbox up`` for the block."""
    with subprocess.Popen(
        command("up", *arguments),
        env=environ(tmp_path, more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.communicate()


def ready_line(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return the first line of stdout, or fail with what was said instead."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate()[1]
    facts: dict[str, Any] = json.loads(line)
    return facts


def children(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in listed.stdout.split()]


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.soak)])
def test_up_prints_one_ready_line_and_leaves_nothing_behind(
    binaries: Binaries, tmp_path: Path, number: signal.Signals
) -> None:
    copy = tmp_path / "sandbox.kubeconfig"
    with up(tmp_path, "--nodes", "9", "--no-operator", "--kubeconfig", str(copy)) as process:
        facts = ready_line(process)
        assert facts["kubeconfig"] == str(copy)
        assert set(facts) == {"kubeconfig", "simulator", "operator"}
        assert facts["operator"] is None
        assert facts["simulator"]["accessKeyId"]
        kubeconfig = Path(facts["kubeconfig"])
        assert stat.S_IMODE(kubeconfig.stat().st_mode) == 0o600
        nodes = Kubectl(binaries.kubectl, kubeconfig, tmp_path, os.environ).get("nodes", "-l", "pool=storage")["items"]
        assert len({node["spec"]["providerID"] for node in nodes}) == 9
        variables = copy.with_name("sandbox.kubeconfig.env")
        assert stat.S_IMODE(variables.stat().st_mode) == 0o600
        typed = f". {variables}; ram-operator why node-1; kubectl get nodes; helm version; echo $KUBECONFIG"
        shell = subprocess.run(["sh", "-e", "-c", typed], capture_output=True, text=True, check=True, timeout=180)
        assert "It has no role." in shell.stdout
        assert shell.stdout.splitlines()[-1] == str(copy)
        started = children(process.pid)
        assert len(started) == 3
        process.send_signal(number)
        rest, log = process.communicate(timeout=60)
    assert process.returncode == 0, log
    assert rest == ""
    assert not copy.exists()
    assert not variables.exists()
    assert alive(started) == []
    assert list(tmp_path.glob("ram-sandbox-*")) == []


def test_up_overwrites_no_kubeconfig(tmp_path: Path) -> None:
    mine = tmp_path / "config"
    mine.write_text("mine")
    (tmp_path / "other.env").write_text("mine")
    paths = (mine, tmp_path / "nowhere/config", tmp_path / "other")
    refused = [command("up", "--kubeconfig", str(path)) for path in paths]
    said = [subprocess.run(each, capture_output=True, text=True, check=False).stderr for each in refused]
    assert "exists already: name a file that does not" in said[0]
    assert "there is no folder" in said[1]
    assert "other.env exists already" in said[2]
    assert mine.read_text() == "mine"


def test_a_shell_talks_to_the_sandbox_and_its_end_is_the_end_of_everything(binaries: Binaries, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".bashrc").write_text("export KUBECONFIG=/nowhere\n")
    cache = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    more = {"HOME": str(home), "XDG_CACHE_HOME": cache, "SHELL": "/bin/bash", "ALIBABA_CLOUD_ACCESS_KEY_ID": "real"}
    typed = "k get nodes -o name\nram-operator why node-1\nhelm version --short\nexit\n"
    done = subprocess.run(
        command("shell", "--nodes", "1"),
        env=environ(tmp_path, more),
        input=typed,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "node/node-1\n" in done.stdout
    assert "Node node-1 is the instance cn-hangzhou.i-bp1simulator" in done.stdout, done.stderr
    assert re.search(r"^v\d+\.", done.stdout, re.MULTILINE), "helm is there, too"
    assert list(tmp_path.glob("ram-sandbox-*")) == []


def test_up_that_is_interrupted_while_it_starts_leaves_nothing_behind(binaries: Binaries, tmp_path: Path) -> None:
    with up(tmp_path, "--no-operator") as process:
        assert process.stderr is not None
        while "operator's chart, installed by Helm ..." not in process.stderr.readline():
            assert process.poll() is None
        started = children(process.pid)
        process.terminate()
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert output == ""
    assert alive(started) == []
    assert list(tmp_path.glob("ram-sandbox-*")) == []


def test_up_starts_an_operator_that_was_killed_again(tmp_path: Path, eventually: Callable[..., Any]) -> None:
    with up(tmp_path, "--nodes", "1") as process:
        operator = ready_line(process)["operator"]
        assert set(operator) == {"metrics", "health", "pid"}
        for address in (operator["metrics"], operator["health"]):
            with urllib.request.urlopen(address) as answer:
                assert answer.status == 200
        os.kill(operator["pid"], signal.SIGKILL)
        eventually(lambda: alive([operator["pid"]]) == [], what="the operator is gone")
        eventually(lambda: answers(operator["health"]), what="the operator is back at the same address")


def test_up_runs_the_operator_with_what_a_helm_upgrade_makes_of_the_deployment(
    binaries: Binaries, tmp_path: Path, eventually: Callable[..., Any]
) -> None:
    with up(tmp_path) as process:
        facts = ready_line(process)
        helm = Helm(binaries.helm, Path(facts["kubeconfig"]), tmp_path, os.environ)
        kubectl = Kubectl(binaries.kubectl, Path(facts["kubeconfig"]), tmp_path, os.environ)
        release = ("ram-operator", "--namespace", "ram-operator")
        shown = json.loads(helm.ok("get", "values", *release, "--output", "json"))
        assert shown["settings"]["allowedSystemPolicies"] == ["*"]
        kubectl.ok("create", "-f", "-", input=json.dumps(role("app", policies=[{"system": "AdministratorAccess"}])))
        kubectl.ok("wait", "--for=condition=Ready", "--timeout=60s", "ramrole/app")
        upgraded = ("--reuse-values", "--set", "settings.readOnly=true")
        helm.ok("upgrade", "ram-operator", str(source("chart")), *release[1:], *upgraded)
        eventually(lambda: alive([facts["operator"]["pid"]]) == [], what="the operator as it was before is gone")
        eventually(lambda: answers(facts["operator"]["health"]), what="the operator is back at the same address")
        kubectl.ok("create", "-f", "-", input=json.dumps(role("planned")))
        eventually(lambda: "PlanPending" in reasons(kubectl, "planned"), what="nothing is written any more")


def reasons(kubectl: Kubectl, name: str) -> set[str]:
    """The reasons of a RamRole's conditions."""
    conditions = kubectl.get("ramrole", name).get("status", {}).get("conditions", [])
    return {row["reason"] for row in conditions}


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_the_demo_checks_every_step(tmp_path: Path) -> None:
    done = subprocess.run(command("demo"), env=environ(tmp_path), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    last = len(STEPS)
    assert f"{last}/{last} everything deleted, the cloud as it was ..." in done.stdout
    wide = [line for line in done.stdout.splitlines() if len(line) > 100 and str(tmp_path) not in line]
    assert [line for line in wide if "METADATA=" not in line] == []
    assert "make demo ARGS=--keep" in done.stdout
    assert "every step did what it should" in done.stdout
    assert list(tmp_path.glob("ram-sandbox-*")) == []


def test_missing_tools_are_named_with_what_to_install(tmp_path: Path) -> None:
    nothing = {"PATH": "/nowhere", "KUBEBUILDER_ASSETS": "", "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run(command("up"), env=environ(tmp_path, nothing), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "missing: kube-apiserver, kubectl, etcd, helm, and no Go to build them with" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_an_envtest_archive_brings_is_used_and_nothing_is_built(binaries: Binaries, tmp_path: Path) -> None:
    archive, path = tmp_path / "envtest", tmp_path / "path"
    for folder, program in [
        *((archive, program) for program in (binaries.kube_apiserver, binaries.etcd, binaries.kubectl)),
        (path, binaries.helm),
    ]:
        folder.mkdir(exist_ok=True)
        (folder / program.name).symlink_to(program)
    found = {"PATH": str(path), "KUBEBUILDER_ASSETS": str(archive), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run(command("setup"), env=environ(tmp_path, found), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("(KUBEBUILDER_ASSETS)") == 3
    assert done.stdout.count("(PATH)") == 1
    assert not (tmp_path / "cache").exists()


def test_a_fixture_that_is_not_there_ends_it_with_the_reason(binaries: Binaries, tmp_path: Path) -> None:
    done = subprocess.run(
        command("up", "--fixture", "nowhere.yaml"), env=environ(tmp_path), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "nowhere.yaml" in done.stderr
    assert list(tmp_path.glob("ram-sandbox-*")) == []


def test_a_current_cluster_that_has_our_kinds_is_refused(installed: RunningControlPlane, tmp_path: Path) -> None:
    before = installed.kubectl("get", "namespaces,nodes", "-o", "name").stdout
    done = subprocess.run(
        command("up", "--cluster", "current"),
        env=environ(tmp_path, {"KUBECONFIG": str(installed.kubeconfig)}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "it has ramroles.ram.alicloud.dev" in done.stderr
    assert "--yes-this-cluster" in done.stderr
    assert installed.kubectl("get", "namespaces,nodes", "-o", "name").stdout == before


@pytest.fixture
def other_cluster(binaries: Binaries, tmp_path: Path) -> Iterator[Kubectl]:
    """A cluster that somebody else runs."""
    server = ControlPlane(binaries, tmp_path / "other", os.environ)
    server.start()
    try:
        yield Kubectl(binaries.kubectl, server.kubeconfig, tmp_path, os.environ)
    finally:
        server.stop()


def test_a_current_cluster_is_refused_for_real_instances_and_else_left_as_it_was(
    other_cluster: Kubectl, tmp_path: Path
) -> None:
    here = {"KUBECONFIG": str(other_cluster.kubeconfig)}
    create_nodes(other_cluster, [node_object("real", "cn-hangzhou", "i-bp1realinstance0000001", {})])
    refused = subprocess.run(
        command("up", "--cluster", "current"), env=environ(tmp_path, here), capture_output=True, text=True, check=False
    )
    assert refused.returncode == 1
    assert "its node real is cn-hangzhou.i-bp1realinstance0000001" in refused.stderr
    before = _names(other_cluster)
    with up(tmp_path, "--cluster", "current", "--yes-this-cluster", "--nodes", "2", more=here) as process:
        ready_line(process)
        assert len(other_cluster.get("nodes", "-l", RUN_LABEL)["items"]) == 2
        samples = str(source("samples"))
        other_cluster.ok("apply", "-f", samples)
        other_cluster.ok("wait", "--for=condition=Ready", "--timeout=60s", "instancerolebinding/storage-pool")
        other_cluster.ok("delete", "-f", samples, "--timeout=60s")
        process.terminate()
        _, log = process.communicate(timeout=60)
    assert process.returncode == 0, log
    assert _names(other_cluster) == before


def _names(kubectl: Kubectl) -> str:
    """Return the names of everything cluster-wide that the sandbox could have made, and of what is in ``default``."""
    kinds = "nodes,crd,clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings"
    return kubectl.ok("get", kinds, "-o", "name") + kubectl.ok(
        "get", "roles,rolebindings", "-n", "default", "-o", "name"
    )
