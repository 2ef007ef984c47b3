"""Starts that cannot succeed: one clear line and a non-zero exit, or a retry that says so; never a healthy idler."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster.apiserver import ApiServer
from tests.cluster.forwarder import forwarded, redirected
from tests.cluster.world import GRACE_SECONDS, World, log_lines
from tests.polling import until

from ram_sandbox.controlplane.binaries import Binaries
from ram_sandbox.controlplane.server import ControlPlane
from ram_sandbox.operator_process import OperatorProcess
from ram_sandbox.sources import source


@pytest.fixture
def another(world: World, tmp_path: Path) -> Iterator[OperatorProcess]:
    """A second operator that is never expected to get ready."""
    operator = OperatorProcess(world.sandbox.installation, world.cloud, tmp_path, os.environ)
    yield operator
    operator.stop()


def ends_with(operator: OperatorProcess, *words: str, **variables: str) -> str:
    """Start it; it ends by itself with exit code 1 and these words in its one line of error, which is returned."""
    child = operator.launch(variables)
    try:
        code = child.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        pytest.fail(f"it still runs:\n{child.tail()}")
    lines = log_lines(child.log.read_text())
    assert code == 1, child.tail()
    (message,) = (line["message"] for line in lines if line["level"] == "CRITICAL")
    assert message.startswith("cannot run: ")
    assert all(word in message for word in words), lines
    return str(message)


@pytest.fixture
def bare_cluster(binaries: Binaries, tmp_path: Path) -> Iterator[ControlPlane]:
    """A cluster on which nothing was installed."""
    server = ControlPlane(binaries, tmp_path / "bare", os.environ)
    server.start()
    yield server
    server.stop()


def test_without_the_crds_it_says_how_to_install_them(another: OperatorProcess, bare_cluster: ControlPlane) -> None:
    words = ("ramroles.ram.alicloud.dev", "rampolicies", "instancerolebindings", "Helm chart")
    ends_with(another, *words, KUBECONFIG=str(bare_cluster.kubeconfig))


@pytest.mark.soak
def test_a_crd_that_is_deleted_ends_it_with_the_same_words(
    another: OperatorProcess, bare_cluster: ControlPlane, binaries: Binaries
) -> None:
    def kubectl(*arguments: str) -> None:
        subprocess.run(
            [str(binaries.kubectl), "--kubeconfig", str(bare_cluster.kubeconfig), *arguments], check=True, timeout=60
        )

    kubectl("create", "-f", str(source("crds")))
    kubectl("wait", "--for=condition=Established", "crd", "--all")
    child = another.launch({"KUBECONFIG": str(bare_cluster.kubeconfig)})
    until(lambda: "initial sync complete" in child.log.read_text())
    kubectl("delete", "crd", "ramroles.ram.alicloud.dev")
    assert child.wait(GRACE_SECONDS) == 1, child.tail()
    text = child.log.read_text()
    assert "cannot run: the cluster does not have ramroles.ram.alicloud.dev: install the CRDs" in text
    assert "Traceback" not in text


def account(world: World, tmp_path: Path, name: str) -> Path:
    """The kubeconfig of a ServiceAccount without any right."""
    world.kubectl("create", "serviceaccount", name, "-n", "default")
    token = world.kubectl("create", "token", name, "-n", "default").stdout.strip()
    config = json.loads(world.sandbox.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token}
    path = tmp_path / f"{name}.kubeconfig"
    path.touch(mode=0o600)
    path.write_text(json.dumps(config))
    return path


def test_without_rights_it_names_them(world: World, another: OperatorProcess, tmp_path: Path) -> None:
    words = ("not allowed to", "watch nodes", "patch ramroles/status.ram.alicloud.dev", "bind the roles")
    ends_with(another, *words, KUBECONFIG=str(account(world, tmp_path, "nobody")))


def test_with_one_right_missing_it_names_just_that(world: World, another: OperatorProcess) -> None:
    kept = world.kubectl("get", "rolebinding", "-n", "default", "-o", "json").stdout
    names = [item["metadata"]["name"] for item in json.loads(kept)["items"]]
    assert names == ["ram-operator-events"]
    world.kubectl("delete", "rolebinding", "-n", "default", *names)
    try:
        line = ends_with(another, "create events.events.k8s.io in namespace default")
        assert "nodes" not in line
    finally:
        restored = world.kubectl("create", "-f", "-", input=kept)
    assert restored.returncode == 0, restored.stderr


def test_a_token_that_nobody_knows_is_said(world: World, another: OperatorProcess, tmp_path: Path) -> None:
    config = json.loads(world.sandbox.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": "nonsense"}
    path = tmp_path / "nonsense.kubeconfig"
    path.write_text(json.dumps(config))
    ends_with(another, "refuses our credentials", "401", KUBECONFIG=str(path))


def test_without_any_cluster_it_says_what_to_set(another: OperatorProcess, tmp_path: Path) -> None:
    ends_with(another, "KUBECONFIG", KUBECONFIG=str(tmp_path / "nowhere"))


def test_an_api_server_that_does_not_answer_is_tried_again_aloud(
    world: World, another: OperatorProcess, tmp_path: Path
) -> None:
    port = int(world.api.address.rpartition(":")[2])
    with forwarded(port) as line:
        line.cut()
        kubeconfig = redirected(world.operator.folder / "operator.kubeconfig", line.port, tmp_path / "cut.kubeconfig")
        child = another.launch({"KUBECONFIG": str(kubeconfig)})
        until(lambda: "does not answer, trying again" in child.log.read_text())
        assert child.running
        line.open()
        until(lambda: "initial sync complete" in child.log.read_text())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end_before_the_api_server_answered_it_ends_at_once(
    world: World, another: OperatorProcess, tmp_path: Path, number: signal.Signals
) -> None:
    kubeconfig = redirected(world.operator.folder / "operator.kubeconfig", 1, tmp_path / "nowhere.kubeconfig")
    child = another.launch({"KUBECONFIG": str(kubeconfig)})
    until(lambda: "does not answer, trying again" in child.log.read_text())
    child.signal(number)
    assert child.wait(GRACE_SECONDS) == 0, child.tail()
    assert "Traceback" not in child.log.read_text()


def at_connection(number: int, statement: str, folder: Path) -> dict[str, str]:
    """The environment of an operator that executes a statement before its first, second ... connection."""
    site = f"""
import asyncio, os, signal, sys

seen = []

def interrupt(event: str, _: object) -> None:
    if event == "socket.connect":
        seen.append(event)
        if len(seen) == {number}:
            {statement}

sys.addaudithook(interrupt)
"""
    (folder / "sitecustomize.py").write_text(site)
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))}


@pytest.mark.parametrize("connections", [1, 2, 3])
def test_told_to_end_in_the_middle_of_a_step_of_the_start_it_ends_without_an_error(
    another: OperatorProcess, tmp_path: Path, connections: int
) -> None:
    """The signal comes while the main thread runs the start's own code, not while it waits for an answer."""
    child = another.launch(at_connection(connections, "os.kill(os.getpid(), signal.SIGTERM)", tmp_path))
    assert child.wait(GRACE_SECONDS) == 0, child.tail()
    assert {line["level"] for line in log_lines(child.log.read_text())} == {"INFO"}, child.tail()


def test_a_part_that_is_cancelled_without_a_signal_ends_it_with_an_error(
    another: OperatorProcess, tmp_path: Path
) -> None:
    child = another.launch(at_connection(1, "raise asyncio.CancelledError", tmp_path))
    assert child.wait(GRACE_SECONDS) == 1, child.tail()
    assert "CancelledError" in child.log.read_text()
    assert "stopped before the start was complete" not in child.log.read_text()


def test_it_runs_as_a_user_whose_number_has_no_name(another: OperatorProcess, tmp_path: Path) -> None:
    site = "import pwd\ndef nobody(uid: int) -> None:\n    raise KeyError(uid)\npwd.getpwuid = nobody\n"
    (tmp_path / "sitecustomize.py").write_text(site)
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    nameless = dict.fromkeys(("LOGNAME", "USER", "LNAME", "USERNAME"), "")
    child = another.launch({"PYTHONPATH": path, **nameless})
    until(lambda: "initial sync complete" in child.log.read_text())
    child.signal(signal.SIGTERM)
    assert child.wait(GRACE_SECONDS) == 0, child.tail()


SETTINGS = {
    "RAM_OPERATOR_WORKERS": ("many", "RAM_OPERATOR_WORKERS"),
    "RAM_OPERATOR_SWEEP_INTERVAL_SECONDS": ("-1", "RAM_OPERATOR_SWEEP_INTERVAL_SECONDS"),
    "RAM_OPERATOR_LISTEN": ("8080", "RAM_OPERATOR_LISTEN"),
    "RAM_OPERATOR_LOG_LEVEL": ("LOUD", "RAM_OPERATOR_LOG_LEVEL"),
    "RAM_OPERATOR_ENDPOINT_RAM": ("http://", "RAM_OPERATOR_ENDPOINT_RAM"),
    "RAM_OPERATOR_CREDENTIALS_DIR": ("/nowhere", "/nowhere"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_that_cannot_be_obeyed_is_named(another: OperatorProcess, name: str) -> None:
    value, word = SETTINGS[name]
    ends_with(another, word, **{name: value})


def test_without_credentials_it_says_which_to_give(another: OperatorProcess) -> None:
    ends_with(another, "ALIBABA_CLOUD_ACCESS_KEY_ID", RAM_OPERATOR_CREDENTIALS_DIR="")


def test_a_port_that_is_taken_is_said(world: World, another: OperatorProcess) -> None:
    ends_with(another, "127.0.0.1", RAM_OPERATOR_LISTEN=world.operator.url.removeprefix("http://"))


def test_credentials_that_the_cloud_refuses_keep_it_unready_and_are_said_without_showing_them(
    world: World, another: OperatorProcess, tmp_path: Path
) -> None:
    folder = tmp_path / "wrong"
    folder.mkdir()
    (folder / "accessKeyId").write_text(world.cloud.facts["accessKeyId"])
    (folder / "accessKeySecret").write_text("a-wrong-secret-0123456789")
    child = another.launch({"RAM_OPERATOR_CREDENTIALS_DIR": str(folder)})

    def said() -> bool:
        lines = log_lines(child.log.read_text())
        return any("SignatureDoesNotMatch" in str(line.get("error")) for line in lines)

    until(said)
    assert child.running
    address = next(str(line["listening"]) for line in log_lines(child.log.read_text()) if "listening" in line)
    another.url = address
    assert world.sandbox.operator.url != address
    text = child.log.read_text()
    assert "a-wrong-secret" not in text
    assert world.cloud.facts["accessKeyId"] not in text
    (folder / "accessKeySecret").write_text(world.cloud.facts["accessKeySecret"])
    until(lambda: "initial sync complete" in child.log.read_text())


def test_told_to_end_before_it_is_ready_it_ends_at_once(world: World, another: OperatorProcess) -> None:
    nowhere = {f"RAM_OPERATOR_ENDPOINT_{api}": "http://127.0.0.1:1" for api in ("RAM", "ECS", "STS")}
    child = another.launch(nowhere)
    until(lambda: "cannot be used yet" in child.log.read_text())
    child.signal(signal.SIGTERM)
    assert child.wait(GRACE_SECONDS) == 0, child.tail()


def test_under_its_own_account_it_reads_what_the_chart_allows(world: World) -> None:
    api = ApiServer(world.operator.folder / "operator.kubeconfig")
    assert api.objects("Node") == []
    api.close()
