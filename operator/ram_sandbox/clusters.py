"""The two clusters a sandbox may use: one started here, or the one that the kubeconfig points to. Called by sandbox."""

import re
import secrets
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

from ram_sandbox.controlplane.binaries import Binaries
from ram_sandbox.controlplane.server import ControlPlane, write_private
from ram_sandbox.errors import SandboxError
from ram_sandbox.installation import CRDS, RUN_LABEL, Installation
from ram_sandbox.kubectl import Helm, Kubectl

# REGION.i-..., with or without the scheme that some tools write in front of it
_ALIBABA_PROVIDER_ID: Final = re.compile(r"^(alicloud://)?[a-z]{2,4}(-[a-z0-9]+)+\.i-[a-z0-9]+$")


class Cluster(Protocol):
    """Where the sandbox installs the operator."""

    kubectl: Kubectl
    helm: Helm
    installation: Installation

    def start(self) -> None:
        """Make it usable, or refuse to use it."""

    def install(self, endpoint: str) -> None:
        """Install the chart, with the simulated cloud at that address."""

    def stop(self) -> None:
        """Leave it as it was before."""


class LocalCluster:
    """A control plane of our own, which ends with the sandbox."""

    def __init__(self, binaries: Binaries, folder: Path, environ: Mapping[str, str]) -> None:
        self.server = ControlPlane(binaries, folder / "controlplane", environ)
        self.kubectl = Kubectl(binaries.kubectl, self.server.kubeconfig, folder, environ)
        self.helm = Helm(binaries.helm, self.server.kubeconfig, folder, environ)
        self.installation = Installation(self.kubectl, self.helm, "ram-operator", "ram-operator", "local")

    def start(self) -> None:
        """Start the control plane."""
        self.server.start()

    def install(self, endpoint: str) -> None:
        """Install the chart, CRDs included."""
        self.installation.install(endpoint)

    def stop(self) -> None:
        """Stop the control plane, and everything on it is gone."""
        self.server.stop()


class CurrentCluster:
    """The cluster of the person's own kubeconfig: entered with care, and left as it was.

    Args:
        binaries: kubectl and Helm.
        folder: for caches.
        environ: KUBECONFIG counts, else ``~/.kube/config``.
        forced: whether the person said that it may be used although it looks like one in use.
    """

    def __init__(self, binaries: Binaries, folder: Path, environ: Mapping[str, str], *, forced: bool) -> None:
        run = secrets.token_hex(4)
        kubeconfig = _pinned_kubeconfig(binaries.kubectl, environ, folder)
        self.kubectl = Kubectl(binaries.kubectl, kubeconfig, folder, environ)
        self.helm = Helm(binaries.helm, kubeconfig, folder, environ)
        self.installation = Installation(self.kubectl, self.helm, f"ram-sandbox-{run}", f"ram-sandbox-{run}", run)
        self._forced = forced
        self._crds_before: tuple[str, ...] = ()
        self._entered = False

    def start(self) -> None:
        """Look before anything is made.

        Raises:
            SandboxError: the operator's kinds are there already, or its nodes are real Alibaba Cloud instances.
        """
        self._crds_before = self._our_crds()
        doubts = [f"it has {name}" for name in self._crds_before] + self._alibaba_nodes()
        if doubts and not self._forced:
            raise SandboxError(
                f"this cluster looks like one in use: {'; '.join(doubts[:5])}. "
                "Nothing was changed. If it may be used all the same, add --yes-this-cluster"
            )

    def install(self, endpoint: str) -> None:
        """Install the chart, with the CRDs only if there are none."""
        self._entered = True
        self.installation.install(endpoint, with_crds=not self._crds_before)

    def stop(self) -> None:
        """Delete what carries this run's label, CRDs only if no object of theirs is left.

        Raises:
            SandboxError: something could not be removed; the text says what.
        """
        if not self._entered:
            return
        ours = f"{RUN_LABEL}={self.installation.run}"
        self.kubectl.ok("delete", "nodes", "-l", ours, "--ignore-not-found")
        self.installation.uninstall()
        crds = self.kubectl.get("crd", "-l", ours)["items"]
        if any(self.kubectl.get(crd["metadata"]["name"])["items"] for crd in crds):
            raise SandboxError("the CRDs stay, since objects are left: delete those, then the CRDs labelled " + ours)
        kinds = "validatingadmissionpolicybindings,validatingadmissionpolicies,crd"
        self.kubectl.ok("delete", kinds, "-l", ours, "--ignore-not-found")

    def _our_crds(self) -> tuple[str, ...]:
        lines = self.kubectl.ok("get", "crd", "--ignore-not-found", "-o", "name", *CRDS).split()
        return tuple(line.partition("/")[2] for line in lines)

    def _alibaba_nodes(self) -> list[str]:
        provider_ids = {
            node["metadata"]["name"]: str(node["spec"].get("providerID", ""))
            for node in self.kubectl.get("nodes")["items"]
        }
        real = [name for name, provider_id in provider_ids.items() if _ALIBABA_PROVIDER_ID.match(provider_id)]
        return [f"its node {name} is {provider_ids[name]}" for name in real]


def _pinned_kubeconfig(binary: Path, environ: Mapping[str, str], folder: Path) -> Path:
    """Copy the person's current context, so that switching contexts meanwhile does not move us to another cluster."""
    command = [str(binary), "config", "view", "--raw", "--minify", "--flatten", "-o", "json"]
    answer = subprocess.run(command, capture_output=True, text=True, env=dict(environ), check=False)
    if answer.returncode != 0:
        raise SandboxError(f"--cluster current needs a kubeconfig with a current context: {answer.stderr.strip()}")
    path = folder / "current.kubeconfig"
    write_private(path, answer.stdout.encode())
    return path
