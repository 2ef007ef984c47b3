"""Installs the chart with the real Helm, and hands out what its Deployment would run with. Called by the sandbox.

No pod runs: the Deployment has no replicas. Its environment and its ServiceAccount are taken from the API server, so
that the operator's process next door has what the chart gives it, and no right beyond it.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ram_sandbox.controlplane.server import write_private
from ram_sandbox.errors import SandboxError
from ram_sandbox.kubectl import Helm, Kubectl
from ram_sandbox.sources import source

CRDS: Final = tuple(f"{name}.ram.alicloud.dev" for name in ("ramroles", "rampolicies", "instancerolebindings"))
RUN_LABEL: Final = "ram.alicloud.dev/sandbox-run"
OPEN: Final = {
    "allowedActions": ["ram:PassRole", "ecs:AttachInstanceRamRole", "ecs:CreateInstance"],
    "allowedSystemPolicies": ["*"],
    "deniedSystemPolicies": [],
    "allowedTrustPrincipals": ["ecs.aliyuncs.com", "fc.aliyuncs.com", "oss.aliyuncs.com"],
    "allowedGrantees": ["user/dev"],
}
"""The chart's settings for what people try out on a cloud where nothing is to be protected, and for the samples."""
_TOKEN_DURATION: Final = "24h"
_ADMISSION_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.1
# nobody may store this: the admission policy has to be at work before the first object is
_REFUSED: Final[Mapping[str, Any]] = {
    "apiVersion": "ram.alicloud.dev/v1alpha1",
    "kind": "RamPolicy",
    "metadata": {"name": "is-the-admission-policy-at-work"},
    "spec": {"document": {"Statement": [{"Effect": "Allow", "Action": 1, "Resource": "*"}]}},
}


@dataclass(frozen=True, slots=True)
class Installation:
    """One release of the chart.

    Attributes:
        kubectl: as an administrator.
        helm: the same.
        namespace: where it is installed.
        release: its name.
        run: value of the label that everything made here carries.
    """

    kubectl: Kubectl
    helm: Helm
    namespace: str
    release: str
    run: str

    def install(self, endpoint: str, *, with_crds: bool = True) -> None:
        """Make the namespace, install the chart, and wait until its kinds and its admission policy are served.

        Args:
            endpoint: the one address of the simulated RAM, ECS and STS.
            with_crds: False where the CRDs are there already.

        Raises:
            SandboxError: Helm or the API server refused something.
        """
        labels = {RUN_LABEL: self.run, "pod-security.kubernetes.io/enforce": "restricted"}
        metadata = {"name": self.namespace, "labels": labels}
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
        self.kubectl.ok("create", "-f", "-", input=json.dumps(namespace))
        file = self.helm.scratch / f"{self.release}-values.json"
        write_private(file, json.dumps(self._values(endpoint, with_crds=with_crds)).encode())
        placed = ("--namespace", self.namespace, "--values", str(file))
        self.helm.ok("install", self.release, str(source("chart")), *placed)
        self.kubectl.ok("wait", "--for=condition=Established", "--timeout=60s", *(f"crd/{name}" for name in CRDS))
        self._await_admission()

    def uninstall(self) -> None:
        """Remove the release and the namespace; the CRDs stay, by the chart's own policy.

        Raises:
            SandboxError: Helm or the API server refused something.
        """
        self.helm.ok("uninstall", self.release, "--ignore-not-found", "--namespace", self.namespace)
        self.kubectl.ok("delete", "namespace", self.namespace, "--ignore-not-found", "--wait=false")

    def pod_template(self, *options: str) -> Mapping[str, Any]:
        """Return the Deployment's pod template, as it is now.

        Args:
            *options: of kubectl, such as `--request-timeout=5s`.

        Raises:
            SandboxError: there is no Deployment, or not exactly one, or no answer.
        """
        items = self.kubectl.get("deployments", "-n", self.namespace, *options)["items"]
        if len(items) != 1:
            raise SandboxError(f"the chart should make one Deployment in {self.namespace}, and made {len(items)}")
        template: Mapping[str, Any] = items[0]["spec"]["template"]
        return template

    def boundary(self) -> dict[str, str]:
        """Return the variables with what the operator may grant, for commands that judge objects as it does.

        Raises:
            SandboxError: there is no Deployment, or not exactly one.
        """
        named = ("RAM_OPERATOR_ALLOWED_", "RAM_OPERATOR_DENIED_")
        return {name: value for name, value in environ(self.pod_template()).items() if name.startswith(named)}

    def write_kubeconfig(self, path: Path) -> None:
        """Write a kubeconfig of the chart's ServiceAccount: a token from TokenRequest, and nothing else.

        Raises:
            SandboxError: the API server gave no token.
        """
        account = self.pod_template()["spec"]["serviceAccountName"]
        token = self.kubectl.ok("create", "token", account, "-n", self.namespace, "--duration", _TOKEN_DURATION)
        view = json.loads(self.kubectl.ok("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
        write_private(path, json.dumps(_token_config(view["clusters"][0]["cluster"], token.strip())).encode())

    def _values(self, endpoint: str, *, with_crds: bool) -> dict[str, Any]:
        return {
            "replicas": 0,
            "leaderElection": {"enabled": False},
            "commonLabels": {RUN_LABEL: self.run},
            "crds": {"install": with_crds},
            "admissionPolicies": {"install": with_crds},
            "cloud": {
                "endpoints": dict.fromkeys(("ram", "ecs", "sts"), endpoint),
                "credentials": {"secretName": "simulated-cloud"},
            },
            "settings": OPEN,
        }

    def _await_admission(self) -> None:
        deadline = time.monotonic() + _ADMISSION_SECONDS
        command = ("create", "--dry-run=server", "--validate=false", "-f", "-")
        while self.kubectl(*command, input=json.dumps(_REFUSED)).returncode == 0:
            if time.monotonic() > deadline:
                raise SandboxError(f"the chart's admission policy was not at work after {_ADMISSION_SECONDS:.0f} s")
            time.sleep(_POLL_SECONDS)


def environ(template: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment of a pod template's container, as far as it is in plain words."""
    entries = template["spec"]["containers"][0].get("env", [])
    return {entry["name"]: str(entry["value"]) for entry in entries if "value" in entry}


def _token_config(cluster: Mapping[str, Any], token: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "cluster", "cluster": dict(cluster)}],
        "users": [{"name": "operator", "user": {"token": token}}],
        "contexts": [{"name": "operator", "context": {"cluster": "cluster", "user": "operator"}}],
        "current-context": "operator",
    }
