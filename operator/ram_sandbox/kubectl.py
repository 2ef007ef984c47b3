"""Runs the real kubectl and Helm against one cluster, with caches of their own. Used by everything in the sandbox."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ram_sandbox.errors import SandboxError
from ram_sandbox.processes import private_environ

_TIMEOUT_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Kubectl:
    """kubectl bound to one kubeconfig.

    Attributes:
        binary: the program.
        kubeconfig: whom it talks to, and as whom.
        scratch: a folder for its caches, so that nothing is left in the home folder.
        environ: this process's environment.
        timeout_seconds: after how long it is killed.
    """

    binary: Path
    kubeconfig: Path
    scratch: Path
    environ: Mapping[str, str]
    timeout_seconds: float = _TIMEOUT_SECONDS

    def __call__(self, *arguments: str, input: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run it and return whatever happened.

        Args:
            *arguments: as on the command line.
            input: what to put on its stdin.

        Raises:
            SandboxError: it did not end in time.
        """
        return _run([str(self.binary), *arguments], self._environ(), self.timeout_seconds, input)

    def ok(self, *arguments: str, input: str | None = None) -> str:
        """Run it and return its stdout.

        Raises:
            SandboxError: it failed; the text has what it said.
        """
        return _checked(self(*arguments, input=input), "kubectl " + " ".join(arguments))

    def get(self, *arguments: str) -> Any:  # noqa: ANN401 - whatever JSON the API server has
        """Return the object or list of ``kubectl get ... -o json``.

        Raises:
            SandboxError: it failed; the text has what it said.
        """
        return json.loads(self.ok("get", *arguments, "-o", "json"))

    def _environ(self) -> dict[str, str]:
        own = {"KUBECONFIG": self.kubeconfig, "KUBECACHEDIR": self.scratch / "kubectl", "KUBECTL_KUBERC": "false"}
        return private_environ(self.environ) | {name: str(value) for name, value in own.items()}


@dataclass(frozen=True, slots=True)
class Helm:
    """Helm bound to one kubeconfig; attributes as of Kubectl."""

    binary: Path
    kubeconfig: Path
    scratch: Path
    environ: Mapping[str, str]
    timeout_seconds: float = _TIMEOUT_SECONDS

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it and return whatever happened.

        Raises:
            SandboxError: it did not end in time.
        """
        return _run([str(self.binary), *arguments], self._environ(), self.timeout_seconds)

    def ok(self, *arguments: str) -> str:
        """Run it and return its stdout.

        Raises:
            SandboxError: it failed; the text has what it said.
        """
        return _checked(self(*arguments), "helm " + " ".join(arguments))

    def _environ(self) -> dict[str, str]:
        folders = {f"HELM_{name}_HOME": str(self.scratch / "helm" / name) for name in ("CACHE", "CONFIG", "DATA")}
        own = {"KUBECONFIG": str(self.kubeconfig), "KUBECACHEDIR": str(self.scratch / "kubectl")}
        return private_environ(self.environ) | folders | own


def _run(
    command: list[str], environ: dict[str, str], seconds: float, input: str | None = None
) -> subprocess.CompletedProcess[str]:
    given = {"stdin": subprocess.DEVNULL} if input is None else {"input": input}
    try:
        return subprocess.run(
            command, capture_output=True, text=True, env=environ, timeout=seconds, check=False, **given
        )
    except subprocess.TimeoutExpired:
        raise SandboxError(
            f"{' '.join([Path(command[0]).name, *command[1:]])} did not end within {seconds:g} s"
        ) from None


def _checked(done: subprocess.CompletedProcess[str], what: str) -> str:
    if done.returncode != 0:
        raise SandboxError(f"{what} failed ({done.returncode}): {(done.stderr or done.stdout).strip()}")
    return done.stdout
