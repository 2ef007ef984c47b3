"""The whole: cluster, simulated cloud, chart, nodes, operator. Called by ``__main__``, the demo, tests and bench."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ram_sandbox.clusters import Cluster, CurrentCluster, LocalCluster
from ram_sandbox.controlplane.binaries import Binaries
from ram_sandbox.controlplane.server import ControlPlane, write_private
from ram_sandbox.errors import SandboxError
from ram_sandbox.installation import RUN_LABEL, Installation
from ram_sandbox.kubectl import Kubectl
from ram_sandbox.nodes import POOL_LABELS, create_nodes, node_object, vpc_instances
from ram_sandbox.operator_process import OperatorProcess
from ram_sandbox.progress import Progress
from ram_sandbox.shell import exports
from ram_sandbox.simulator import CloudOptions, Simulator, connect_simulator, launch_simulator

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Options:
    """What to start.

    Attributes:
        nodes: how many Node objects with simulated instances, labelled ``pool: storage``.
        operator: whether the operator's process is started.
        current: use the cluster of the person's kubeconfig, not one of our own.
        forced: use it although it looks like one in use.
        cloud: how the simulated cloud behaves.
        settings: environment variables for the operator, over those of its Deployment.
    """

    nodes: int = 0
    operator: bool = True
    current: bool = False
    forced: bool = False
    cloud: CloudOptions = field(default_factory=CloudOptions)
    settings: Mapping[str, str] = field(default_factory=dict)


class Sandbox:
    """Starts everything, and leaves nothing behind.

    Args:
        binaries: the control plane's programs, kubectl and Helm.
        options: what to start.
        environ: this process's environment.
        progress: where to say what is being done.
    """

    def __init__(self, binaries: Binaries, options: Options, environ: Mapping[str, str], progress: Progress) -> None:
        self.binaries = binaries
        self.folder = Path(tempfile.mkdtemp(prefix="ram-sandbox-"))
        self._options = options
        self._environ = environ
        self._progress = progress
        self._closing = ExitStack()
        self._simulator: Simulator | None = None
        self._operator: OperatorProcess | None = None
        self._cluster: Cluster | None = None

    @property
    def kubectl(self) -> Kubectl:
        """Return kubectl as an administrator of the cluster."""
        return _started(self._cluster).kubectl

    @property
    def kubeconfig(self) -> Path:
        """Return the administrator's kubeconfig."""
        return self.kubectl.kubeconfig

    @property
    def control_plane(self) -> ControlPlane:
        """Return etcd and the API server, where they are our own.

        Raises:
            SandboxError: the cluster is that of the person's kubeconfig.
        """
        cluster = _started(self._cluster)
        if not isinstance(cluster, LocalCluster):
            raise SandboxError("the cluster is not one of our own")
        return cluster.server

    @property
    def installation(self) -> Installation:
        """Return the chart's release."""
        return _started(self._cluster).installation

    @property
    def simulator(self) -> Simulator:
        """Return the simulated cloud."""
        return _started(self._simulator)

    @property
    def operator(self) -> OperatorProcess:
        """Return the operator's process."""
        return _started(self._operator)

    def start(self) -> None:
        """Start everything, or stop what was started and raise.

        Raises:
            SandboxError: something does not start; the text says what and shows the end of its log.
        """
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop everything in reverse order and remove the folder, also when one part refuses to go.

        Raises:
            SandboxError: something of ours could not be removed from the person's cluster.
        """
        with ExitStack() as last:
            last.callback(shutil.rmtree, self.folder, ignore_errors=True)
            self._closing.close()

    def ready_line(self, kubeconfig: Path | None = None) -> dict[str, Any]:
        """Return what ``ram-sandbox up`` prints once it is ready; ``kubeconfig`` is a copy to name in its place."""
        operator = self._operator.facts() if self._operator else None
        named = str(kubeconfig or self.kubeconfig)
        return {"kubeconfig": named, "simulator": dict(self.simulator.facts), "operator": operator}

    def write_env(self, kubeconfig: Path | None = None) -> Path:
        """Write what a shell reads so that kubectl, helm and ``ram-operator`` talk to this sandbox in it.

        Args:
            kubeconfig: a copy to use; the file that is written stands next to it.

        Returns:
            The file, which only its owner may read, and which goes with the sandbox.
        """
        file = kubeconfig.with_name(f"{kubeconfig.name}.env") if kubeconfig else self.folder / "env"
        variables = {**self.shell_variables(), "KUBECONFIG": str(kubeconfig or self.kubeconfig)}
        write_private(file, "".join(f"{line}\n" for line in exports(variables)).encode())
        self._closing.callback(file.unlink, missing_ok=True)
        return file

    def shell_variables(self) -> dict[str, str]:
        """Return what a shell needs for kubectl, helm and ``ram-operator`` to talk to this sandbox."""
        programs = (Path(sys.executable), self.binaries.kubectl, self.binaries.helm)
        folders = dict.fromkeys(str(program.parent) for program in programs)
        return {
            "KUBECONFIG": str(self.kubeconfig),
            "PATH": os.pathsep.join([*folders, self._environ.get("PATH", "")]),
            "ALIBABA_CLOUD_ACCESS_KEY_ID": str(self.simulator.facts["accessKeyId"]),
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": str(self.simulator.facts["accessKeySecret"]),
            "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true",
            **{f"RAM_OPERATOR_ENDPOINT_{api}": self.simulator.endpoint for api in ("RAM", "ECS", "STS")},
            **self.installation.boundary(),
        }

    def address_lines(self) -> list[str]:
        """Return where the simulated cloud and the operator's log are, and with which key the cloud is called."""
        facts = self.simulator.facts
        instance = next(
            (entry["instanceId"] for entry in facts["instances"] if entry["networkType"] == "vpc"), "INSTANCE"
        )
        lines = [
            f"what is in the simulated cloud, in a browser: {self.simulator.control}/",
            f"simulated RAM, ECS and STS: {self.simulator.endpoint}",
            f"its key (good for nothing else): {facts['accessKeyId']} / {facts['accessKeySecret']}",
            f"metadata service of {instance}: {self.simulator.metadata}/instances/{instance}/latest/meta-data/",
        ]
        return [*lines, f"operator's log: {self._operator.child.log}"] if self._operator else lines

    def _start(self) -> None:
        # the simulator starts while the API server does
        child = launch_simulator(self.folder, self._options.cloud, self._environ)
        self._closing.callback(child.stop)
        self._start_cluster()
        with self._progress.step("simulated cloud") as step:
            self._simulator = connect_simulator(child)
            step.result = self.simulator.endpoint
        with self._progress.step("operator's chart, installed by Helm"):
            _started(self._cluster).install(self.simulator.endpoint)
        if self._options.nodes:
            with self._progress.step(f"{self._options.nodes} nodes"):
                self.add_nodes(self._options.nodes)
        if self._options.operator:
            with self._progress.step("operator, under its ServiceAccount's token") as step:
                self._operator = self._start_operator()
                step.result = f"pid {self._operator.pid}"

    def add_nodes(self, count: int) -> None:
        """Create nodes ``node-1`` ... of the pool, in front of the fixture's VPC instances first, then of new ones."""
        labels = POOL_LABELS | {RUN_LABEL: self.installation.run}
        pairs = vpc_instances(self.simulator, count)
        nodes = [node_object(f"node-{number}", *pair, labels) for number, pair in enumerate(pairs, start=1)]
        create_nodes(self.kubectl, nodes)

    def _start_cluster(self) -> None:
        if self._options.current:
            title = "the cluster of your kubeconfig"
            make: Callable[[], Cluster] = self._current_cluster
        else:
            title = "control plane (kube-apiserver, etcd)"
            make = self._local_cluster
        with self._progress.step(title) as step:
            self._cluster = make()
            self._closing.callback(self._cluster.stop)
            self._cluster.start()
            step.result = f"KUBECONFIG={self.kubeconfig}"

    def _local_cluster(self) -> Cluster:
        return LocalCluster(self.binaries, self.folder, self._environ)

    def _current_cluster(self) -> Cluster:
        return CurrentCluster(self.binaries, self.folder, self._environ, forced=self._options.forced)

    def _start_operator(self) -> OperatorProcess:
        folder = self.folder / "operator"
        folder.mkdir(mode=0o700)
        operator = OperatorProcess(self.installation, self.simulator, folder, self._environ)
        self._closing.callback(operator.stop)
        operator.start(self._options.settings)
        return operator


def keep_logs(sandbox: Sandbox, target: Path) -> None:
    """Copy the logs of a sandbox to a folder that outlives it, for whoever looks into a failure."""
    target.mkdir(parents=True, exist_ok=True)
    for log in (*sandbox.folder.glob("**/*.log"), *sandbox.folder.glob("**/operator-*.out")):
        shutil.copy(log, target / os.fspath(log.relative_to(sandbox.folder)).replace("/", "-"))


def _started(part: T | None) -> T:
    if part is None:
        raise SandboxError("the sandbox was not started, or not with this part")
    return part
