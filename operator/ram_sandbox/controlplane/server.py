"""Runs etcd and kube-apiserver in a folder of their own. Called by ``ram_sandbox.sandbox`` and the tests' fixtures.

etcd listens on Unix sockets in that folder, so that only the API server needs a port. Nothing is synced to disk: the
cluster lives as long as this process.
"""

import base64
import json
import secrets
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ram_sandbox.controlplane import certificates
from ram_sandbox.controlplane.binaries import Binaries
from ram_sandbox.errors import SandboxError
from ram_sandbox.processes import Child, await_ready, private_environ, start

_START_ATTEMPTS: Final = 3
_STOP_SECONDS: Final = 2.0
_FIRST_NAMESPACES: Final = ("default", "kube-system")
_ISSUER: Final = "https://kubernetes.default.svc"


class ControlPlane:
    """A kube-apiserver with RBAC and what holds kubelets back (Node, NodeRestriction), and its etcd.

    Args:
        binaries: the programs.
        folder: an empty folder for keys, data and logs; whoever passes it removes it.
        environ: this process's environment.
    """

    def __init__(self, binaries: Binaries, folder: Path, environ: Mapping[str, str]) -> None:
        self.binaries = binaries
        self.folder = folder
        self.url = ""
        self.kubeconfig = folder / "admin.kubeconfig"
        self.authority = b""
        self._environ = private_environ(environ)
        self._token = secrets.token_hex(32)
        self._children: list[Child] = []

    @property
    def etcd(self) -> Child:
        """Return the running etcd."""
        return self._children[0]

    def start(self) -> None:
        """Start both and wait until the API server is ready and has the namespaces default and kube-system.

        Raises:
            SandboxError: one of them does not start; the text has the end of its log.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        self._write_keys()
        try:
            self._children.append(start("etcd", self._etcd_command(), self.folder, self._environ))
            self._start_apiserver()
        except BaseException:
            self.stop()
            raise

    def restart_apiserver(self) -> None:
        """End the API server at once and start it again at its address. What etcd has stays.

        Raises:
            SandboxError: it does not start; the text has the end of its log.
        """
        self._children.pop().kill()
        self._launch_apiserver()

    def stop(self) -> None:
        """Stop the API server, then etcd."""
        while self._children:
            # an API server waits for the watches of others, and there is nothing to be saved
            self._children.pop().stop(_STOP_SECONDS)

    def _start_apiserver(self) -> None:
        for attempt in range(1, _START_ATTEMPTS + 1):
            self.url = f"https://127.0.0.1:{_free_port()}"
            write_kubeconfig(self.kubeconfig, self.url, self.authority, self._token)
            try:
                self._launch_apiserver()
                return
            except SandboxError:
                # between finding a free port and using it somebody else may have taken it
                if attempt == _START_ATTEMPTS or "address already in use" not in self._children[-1].tail(100):
                    raise
                self._children.pop().stop()

    def _launch_apiserver(self) -> None:
        child = start("kube-apiserver", self._apiserver_command(), self.folder, self._environ)
        self._children.append(child)
        await_ready(child, _ReadyProbe(self.url, self._token, self.authority))

    def _write_keys(self) -> None:
        serving = certificates.serving(datetime.now(UTC))
        self.authority = serving.authority
        private, public = certificates.service_account_keys()
        write_private(self.folder / "tls.crt", serving.certificate)
        write_private(self.folder / "tls.key", serving.key)
        write_private(self.folder / "sa.key", private)
        write_private(self.folder / "sa.pub", public)
        write_private(self.folder / "tokens.csv", f'{self._token},admin,admin,"system:masters"\n'.encode())

    def _etcd_command(self) -> list[str]:
        client, peer = "unix://etcd-client:0", "unix://etcd-peer:0"
        return [
            str(self.binaries.etcd),
            "--name=sandbox",
            "--data-dir=etcd",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=sandbox={peer}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]

    def _apiserver_command(self) -> list[str]:
        return [
            str(self.binaries.kube_apiserver),
            "--etcd-servers=unix://etcd-client:0",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.url.rpartition(':')[2]}",
            "--tls-cert-file=tls.crt",
            "--tls-private-key-file=tls.key",
            "--token-auth-file=tokens.csv",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--anonymous-auth=false",
            f"--service-account-issuer={_ISSUER}",
            "--service-account-signing-key-file=sa.key",
            "--service-account-key-file=sa.pub",
            "--service-cluster-ip-range=10.96.0.0/24",
            "--endpoint-reconciler-type=none",
        ]


class _ReadyProbe:
    """Asks the API server whether it is ready; called until it answers True."""

    def __init__(self, url: str, token: str, authority: bytes) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}
        context = ssl.create_default_context(cadata=authority.decode())
        handlers = (urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
        self._opener = urllib.request.build_opener(*handlers)

    def __call__(self) -> bool | None:
        paths = ["/readyz", *(f"/api/v1/namespaces/{name}" for name in _FIRST_NAMESPACES)]
        return True if all(self._answers(path) for path in paths) else None

    def _answers(self, path: str) -> bool:
        request = urllib.request.Request(self._url + path, headers=self._headers)
        try:
            with self._opener.open(request, timeout=5) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, from its first byte on."""
    path.touch(mode=0o600, exist_ok=True)
    path.chmod(0o600)
    path.write_bytes(content)


def write_kubeconfig(path: Path, url: str, authority: bytes, token: str) -> None:
    """Write a kubeconfig with a bearer token (JSON is YAML), readable by its owner only."""
    cluster = {"server": url, "certificate-authority-data": base64.b64encode(authority).decode()}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "sandbox", "cluster": cluster}],
        "users": [{"name": "sandbox", "user": {"token": token}}],
        "contexts": [{"name": "sandbox", "context": {"cluster": "sandbox", "user": "sandbox"}}],
        "current-context": "sandbox",
    }
    write_private(path, json.dumps(config, indent=2).encode())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
