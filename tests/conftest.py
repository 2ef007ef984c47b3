"""The real parts that tests run against: control plane, chart and sandbox, each started once a session."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from tests.polling import until

from ram_sandbox.controlplane.binaries import Binaries, find
from ram_sandbox.controlplane.server import ControlPlane
from ram_sandbox.installation import Installation
from ram_sandbox.kubectl import Helm, Kubectl
from ram_sandbox.nodes import POOL_LABELS, create_nodes, new_instance, node_object
from ram_sandbox.operator_process import OperatorProcess
from ram_sandbox.progress import Progress
from ram_sandbox.sandbox import Options, Sandbox
from ram_sandbox.simulator import Simulator

# A run of `make test` draws the same examples each time: what it passed it passes again. `make soak` draws new ones.
# Neither has a deadline for an example or minds slow ones: on a busy machine it would fail tests that pass.
settings.register_profile("repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("random", settings.get_profile("repeatable"), derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


@pytest.fixture(scope="session", autouse=True)
def no_metadata_service() -> None:
    """Keep every SDK away from 100.100.100.200, also in the processes that tests start."""
    os.environ["ALIBABA_CLOUD_ECS_METADATA_DISABLED"] = "true"


@pytest.fixture(scope="session", autouse=True)
def no_stray_event_loop() -> None:
    """Keep looptime, which asks for the event loop in synchronous tests too, from making one that nobody closes."""
    asyncio.set_event_loop(None)


@pytest.fixture(scope="session")
def binaries() -> Binaries:
    """Return kube-apiserver, etcd, kubectl and helm, which ``make setup`` has found or built."""
    search = find(os.environ)
    if search.missing:
        pytest.fail(f"missing {', '.join(search.missing)}: run `make setup`")
    return Binaries.of(search.found)


class RunningControlPlane:
    """A real API server with nothing on it.

    Attributes:
        url: its address.
        kubeconfig: of an administrator.
        binaries: the programs; ``binaries.helm`` and ``binaries.kubectl`` are paths.
        folder: temporary, for whatever a test needs.
        helm: runs Helm against it.
    """

    def __init__(self, server: ControlPlane, folder: Path) -> None:
        self.url = server.url
        self.kubeconfig = server.kubeconfig
        self.binaries = server.binaries
        self.folder = folder
        self.helm = Helm(server.binaries.helm, server.kubeconfig, folder, os.environ)
        self.run_kubectl = Kubectl(server.binaries.kubectl, server.kubeconfig, folder, os.environ)

    def kubectl(self, *arguments: str, input: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run kubectl as an administrator and return whatever happened."""
        return self.run_kubectl(*arguments, input=input)


@pytest.fixture(scope="session")
def controlplane(binaries: Binaries, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningControlPlane]:
    """Start a kube-apiserver and etcd for the session."""
    folder = tmp_path_factory.mktemp("controlplane")
    server = ControlPlane(binaries, folder / "server", os.environ)
    server.start()
    try:
        yield RunningControlPlane(server, folder)
    finally:
        server.stop()


@pytest.fixture(scope="session")
def installed(controlplane: RunningControlPlane) -> RunningControlPlane:
    """Install the chart, without a pod and without an operator, on the session's control plane."""
    Installation(controlplane.run_kubectl, controlplane.helm, "ram-operator", "ram-operator", "tests").install(
        "http://127.0.0.1:1"
    )
    return controlplane


class RunningSandbox:
    """Control plane, simulated cloud, chart and operator process, as ``ram-sandbox up`` has them.

    Attributes:
        simulator: the simulated cloud; ``get``, ``post``, ``delete`` and ``journal`` talk to its control service.
        operator: the process; ``kill``, ``start``, ``stop`` and ``restart`` it, ``pid`` and ``url`` say where it is.
        kubeconfig: of an administrator.
        control_plane: etcd and the API server.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self.simulator: Simulator = sandbox.simulator
        self.operator: OperatorProcess = sandbox.operator
        self.kubeconfig = sandbox.kubeconfig
        self.installation = sandbox.installation
        self.control_plane: ControlPlane = sandbox.control_plane
        self._kubectl = sandbox.kubectl

    def kubectl(self, *arguments: str, input: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run kubectl as an administrator and return whatever happened."""
        return self._kubectl(*arguments, input=input)

    def apply(self, *objects: Mapping[str, Any]) -> None:
        """Apply objects with one kubectl; fail if one is refused."""
        self._kubectl.ok("apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))

    def get(self, *arguments: str) -> Any:
        """Return what ``kubectl get ... -o json`` prints; fail if there is nothing."""
        return self._kubectl.get(*arguments)

    def add_node(
        self, name: str, labels: Mapping[str, str] = POOL_LABELS, region: str = "cn-hangzhou", instance: str = ""
    ) -> str:
        """Create a Node with a simulated VPC instance, made now unless one is named, and return the instance's id."""
        instance = instance or new_instance(self.simulator, region)
        create_nodes(self._kubectl, [node_object(name, region, instance, labels)])
        return instance

    def reset(self) -> None:
        """Bring cluster and cloud back to what they were at the start."""
        self.simulator.delete("/faults")
        if not self.operator.child.running:
            self.operator.start()
        kinds = "instancerolebindings,ramroles,rampolicies"
        if self.kubectl("delete", kinds, "--all", "--timeout=30s").returncode != 0:
            self._release(kinds)
        self._kubectl.ok("delete", "nodes", "--all")
        self.simulator.post("/reset")

    def _release(self, kinds: str) -> None:
        """Take the finalizers off what a failed test has left, so that the next one starts from nothing."""
        for item in self.get(kinds)["items"]:
            target = f"{item['kind']}/{item['metadata']['name']}"
            self.kubectl("patch", target, "--type=merge", "-p", '{"metadata": {"finalizers": null}}')
        self.operator.restart()


@pytest.fixture(scope="session")
def running_sandbox(binaries: Binaries) -> Iterator[RunningSandbox]:
    """Start the whole sandbox for the session, on a control plane of its own."""
    sandbox = Sandbox(binaries, Options(), os.environ, Progress(sys.stderr))
    sandbox.start()
    try:
        yield RunningSandbox(sandbox)
    finally:
        sandbox.stop()


@pytest.fixture
def sandbox(running_sandbox: RunningSandbox) -> RunningSandbox:
    """Return the sandbox, empty: no objects, no nodes, the cloud as its fixture says, the operator running."""
    running_sandbox.reset()
    return running_sandbox


@pytest.fixture(scope="session")
def eventually() -> Callable[..., Any]:
    """Return the function that polls until a check holds: ``eventually(check, timeout=30, what="...")``."""
    return until
