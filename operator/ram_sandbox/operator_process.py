"""Runs ``ram-operator`` as a process, with what its Deployment has. Called by the sandbox; tests restart it."""

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ram_sandbox.controlplane.server import write_private
from ram_sandbox.errors import SandboxError
from ram_sandbox.installation import Installation, environ
from ram_sandbox.processes import Child, await_ready, start
from ram_sandbox.simulator import Simulator, module_environ

SWEEP_SECONDS: Final = 5
_READY_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 30.0
_LOOK_TIMEOUT: Final = "--request-timeout=5s"


class OperatorProcess:
    """The operator outside a pod, under its own ServiceAccount.

    Args:
        installation: whose ServiceAccount and settings it has.
        simulator: whose account's key it signs with.
        folder: for its kubeconfig, credentials and logs.
        environ: this process's environment.
        module: what is run, for those who run the operator with more than it has.
    """

    def __init__(
        self,
        installation: Installation,
        simulator: Simulator,
        folder: Path,
        environ: Mapping[str, str],
        module: str = "ram_operator",
    ) -> None:
        self.url = ""
        self.folder = folder
        self._installation = installation
        self._simulator = simulator
        self.environ: Mapping[str, str] = {}
        """What it was started with last: commands of its program run with the same."""
        self._environ = environ
        self._module = module
        self._child: Child | None = None
        self._settings: Mapping[str, str] = {}
        self._template: Mapping[str, Any] = {}
        self._starts = 0

    @property
    def pid(self) -> int:
        """Return the id of the running process."""
        return self.child.pid

    @property
    def child(self) -> Child:
        """Return the running process.

        Raises:
            SandboxError: it was not started.
        """
        if self._child is None:
            raise SandboxError("the operator was not started")
        return self._child

    def facts(self) -> dict[str, Any]:
        """Return where its metrics and its health are, and its pid."""
        return {"metrics": f"{self.url}/metrics", "health": f"{self.url}/readyz", "pid": self.pid}

    def start(self, settings: Mapping[str, str] | None = None) -> None:
        """Start it and wait until it is ready.

        Args:
            settings: environment variables over those of the Deployment; None for those of the last start.

        Raises:
            SandboxError: it ended, or is not ready in time; the text has the end of its log.
        """
        self.launch(settings)
        self.url = await_ready(self.child, self._listening, _READY_SECONDS)
        await_ready(self.child, self._ready, _READY_SECONDS)

    def launch(self, settings: Mapping[str, str] | None = None) -> Child:
        """Start it without waiting, for those who want to see it fail."""
        self._settings = self._settings if settings is None else settings
        self._write_credentials()
        kubeconfig = self.folder / "operator.kubeconfig"
        self._installation.write_kubeconfig(kubeconfig)
        own = {
            "KUBECONFIG": str(kubeconfig),
            "RAM_OPERATOR_CREDENTIALS_DIR": str(self.folder / "credentials"),
            "RAM_OPERATOR_LISTEN": self.url.removeprefix("http://") or "127.0.0.1:0",
            "RAM_OPERATOR_SWEEP_INTERVAL_SECONDS": str(SWEEP_SECONDS),
        }
        self._template = self._installation.pod_template()
        self.environ = module_environ(self._environ) | environ(self._template) | own | dict(self._settings)
        self._starts += 1
        command = [sys.executable, "-m", self._module]
        self._child = start(f"operator-{self._starts}", command, self.folder, self.environ)
        return self._child

    def outdated(self) -> bool:
        """Return whether the Deployment's pod template is another one than that of the last start.

        Raises:
            SandboxError: the API server does not show the Deployment.
        """
        return self._installation.pod_template(_LOOK_TIMEOUT) != self._template

    def stop(self) -> int:
        """Ask it to end and return its exit code; one that was never started is no error."""
        return self._child.stop(_STOP_SECONDS) if self._child else 0

    def kill(self) -> None:
        """End it with SIGKILL, in the middle of whatever it does."""
        self.child.kill()

    def restart(self, settings: Mapping[str, str] | None = None) -> None:
        """Stop it, if it still runs, and start it again at the same address."""
        self.stop()
        self.start(settings)

    def _write_credentials(self) -> None:
        folder = self.folder / "credentials"
        folder.mkdir(mode=0o700, exist_ok=True)
        for name in ("accessKeyId", "accessKeySecret"):
            write_private(folder / name, str(self._simulator.facts[name]).encode())

    def _listening(self) -> str | None:
        for stream in (self.child.out, self.child.log):
            for line in stream.read_text(errors="replace").splitlines():
                if '"listening"' in line and line.startswith("{"):
                    return str(json.loads(line)["listening"])
        return None

    def _ready(self) -> bool | None:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(self.url + "/readyz", timeout=5) as response:
                return True if response.status == 200 else None
        except (urllib.error.URLError, OSError):
            return None
