"""Runs ``ram-simulator`` as a process and talks to its control service. Used by the sandbox, its demo and the tests."""

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ram_sandbox.errors import SandboxError
from ram_sandbox.processes import Child, await_ready, private_environ, start

_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class CloudOptions:
    """How the simulated cloud behaves.

    Attributes:
        fixture: a file that describes account, instances and buckets; None for the simulator's own.
        latency_ms: how long each call takes, in milliseconds.
        quotas: ``off`` or ``documented``.
    """

    fixture: Path | None = None
    latency_ms: int = 0
    quotas: str = "off"


class Simulator:
    """A running simulator.

    Attributes:
        facts: its ready line.
    """

    def __init__(self, child: Child, facts: Mapping[str, Any]) -> None:
        self.child = child
        self.facts = facts
        self._seen = 0

    @property
    def endpoint(self) -> str:
        """Return where RAM, ECS and STS answer."""
        return str(self.facts["endpoint"])

    @property
    def metadata(self) -> str:
        """Return where the metadata service of each instance answers, below ``/instances/ID``."""
        return str(self.facts["metadata"])

    @property
    def oss(self) -> str:
        """Return where OSS answers."""
        return str(self.facts["oss"])

    @property
    def control(self) -> str:
        """Return where the control service answers."""
        return str(self.facts["control"])

    def stop(self) -> None:
        """Stop the process."""
        self.child.stop()

    def get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """GET a path of the control service, such as ``/state``, and return the JSON it answers."""
        return _call("GET", self.control + path, None)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - JSON
        """POST a body to a path of the control service, such as ``/faults``, and return the JSON it answers."""
        return _call("POST", self.control + path, dict(body or {}))

    def delete(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """DELETE a path of the control service, such as ``/instances/ID``, and return the JSON it answers."""
        return _call("DELETE", self.control + path, None)

    def journal(self, since: int = 0) -> list[dict[str, Any]]:
        """Return the cloud calls with a number greater than ``since``, oldest first."""
        calls: list[dict[str, Any]] = self.get(f"/journal?since={since}")["calls"]
        return calls

    def last_call(self) -> int:
        """Return the number of the last call, to be passed to ``journal`` later."""
        self._seen = max((int(call["seq"]) for call in self.journal(self._seen)), default=self._seen)
        return self._seen


def start_simulator(folder: Path, options: CloudOptions, environ: Mapping[str, str]) -> Simulator:
    """Start a simulator on free ports of loopback and wait for its ready line.

    Raises:
        SandboxError: it does not start; the text has the end of its log.
    """
    return connect_simulator(launch_simulator(folder, options, environ))


def launch_simulator(folder: Path, options: CloudOptions, environ: Mapping[str, str]) -> Child:
    """Start the process without waiting for it."""
    command = [sys.executable, "-m", "ram_simulator", "serve", "--listen", "127.0.0.1:0"]
    command += ["--latency-ms", str(options.latency_ms)]
    if options.quotas != "off":
        command += ["--quotas", options.quotas]
    if options.fixture:
        command += ["--fixture", str(options.fixture.absolute())]
    return start("simulator", command, folder, module_environ(environ))


def connect_simulator(child: Child) -> Simulator:
    """Wait for the ready line of a started simulator.

    Raises:
        SandboxError: it ended, or is not ready in time; the text has the end of its log.
    """
    return Simulator(child, await_ready(child, lambda: _first_line(child.out), timeout_seconds=30))


def module_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which ``python -m`` finds this project's packages from any folder."""
    root = str(Path(__file__).resolve().parents[1])
    paths = [root, *filter(None, environ.get("PYTHONPATH", "").split(":"))]
    return private_environ(environ) | {"PYTHONPATH": ":".join(str(Path(path).absolute()) for path in paths)}


def _first_line(path: Path) -> dict[str, Any] | None:
    line, newline, _ = path.read_text().partition("\n")
    if not newline:
        return None
    facts: dict[str, Any] = json.loads(line)
    return facts


def _call(method: str, url: str, body: Mapping[str, Any] | None) -> Any:  # noqa: ANN401 - JSON
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_TIMEOUT_SECONDS) as response:
            text = response.read()
    except urllib.error.HTTPError as error:
        raise SandboxError(f"{method} {url}: {error.code} {error.read().decode(errors='replace')[:500]}") from error
    except OSError as error:
        raise SandboxError(f"{method} {url}: {error}") from error
    return json.loads(text) if text.strip() else None
