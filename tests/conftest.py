"""The real parts that tests run against: control plane, chart and sandbox, each started once a session."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from ram_sandbox.controlplane.binaries import Binaries, find
from ram_sandbox.controlplane.server import ControlPlane
from ram_sandbox.kubectl import Helm, Kubectl

T = TypeVar("T")

_POLL_SECONDS = 0.05


@pytest.fixture(scope="session", autouse=True)
def no_metadata_service() -> None:
    """Keep every SDK away from 100.100.100.200, also in the processes that tests start."""
    os.environ["ALIBABA_CLOUD_ECS_METADATA_DISABLED"] = "true"


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
        self._kubectl = Kubectl(server.binaries.kubectl, server.kubeconfig, folder, os.environ)

    def kubectl(self, *arguments: str, input: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run kubectl as an administrator and return whatever happened."""
        return self._kubectl(*arguments, input=input)


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


Eventually = Callable[..., T]


@pytest.fixture(scope="session")
def eventually() -> Callable[..., T]:
    """Return a function that polls until a check holds: ``eventually(check, timeout=30, what="...")``.

    The check holds when it returns something true; that is returned. An AssertionError counts as "not yet", and is
    what is shown when the time is over.
    """

    def wait(check: Callable[[], T], timeout: float = 30.0, what: str = "") -> T:
        deadline = time.monotonic() + timeout
        while True:
            complaint: AssertionError | None = None
            try:
                if answer := check():
                    return answer
            except AssertionError as error:
                complaint = error
            if time.monotonic() > deadline:
                raise complaint or AssertionError(f"not within {timeout} s: {what or check}")
            time.sleep(_POLL_SECONDS)

    return wait
