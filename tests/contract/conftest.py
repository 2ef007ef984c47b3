"""Starts the simulator as a process, as its users do, for the tests that talk to it over the wire."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class RunningSimulator:
    """A simulator process and what its ready line says."""

    process: subprocess.Popen[str]
    ready: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        """Return an entry of the ready line: endpoint, metadata, oss, control, account."""
        try:
            return self.ready[name]
        except KeyError:
            raise AttributeError(name) from None

    def control_call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask the control service; an answer other than 200 is an HTTPError."""
        request = urllib.request.Request(
            f"{self.ready['control']}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
        )
        with urllib.request.urlopen(request, timeout=10) as reply:
            answer: dict[str, Any] = json.load(reply)
        return answer

    def reset(self) -> None:
        """Return to the fixture."""
        self.control_call("POST", "/reset")

    def state(self) -> dict[str, Any]:
        """Return what there is."""
        return self.control_call("GET", "/state")

    def newest_call(self) -> int:
        """Return the number of the newest call in the journal, to ask for what follows it."""
        calls = self.control_call("GET", "/journal?since=0")["calls"]
        return calls[-1]["seq"] if calls else 0

    def calls_since(self, seq: int) -> list[dict[str, Any]]:
        """Return the journal's calls after number `seq`."""
        calls: list[dict[str, Any]] = self.control_call("GET", f"/journal?since={seq}")["calls"]
        return calls

    def instance_ids(self, network_type: str = "vpc", region: str = "cn-hangzhou") -> list[str]:
        """Return the fixture's instances of a kind."""
        return [
            instance["instanceId"]
            for instance in self.ready["instances"]
            if (instance["networkType"], instance["region"]) == (network_type, region)
        ]


def start_simulator(*options: str) -> RunningSimulator:
    """Start `ram_simulator serve` on free ports and wait for its ready line."""
    environment = os.environ | {"PYTHONPATH": str(_ROOT / "operator"), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "ram_simulator", "serve", "--listen", "127.0.0.1:0", *options],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"the simulator ended with {process.wait(10)} before it was ready")
    return RunningSimulator(process, json.loads(line))


def stop_simulator(running: RunningSimulator) -> int:
    """End the process as its users do, and return its exit status."""
    running.process.terminate()
    try:
        status = running.process.wait(10)
    except subprocess.TimeoutExpired:
        running.process.kill()
        status = running.process.wait(10)
    assert running.process.stdout is not None
    running.process.stdout.close()
    return status


@pytest.fixture(scope="session")
def simulator_process() -> Iterator[RunningSimulator]:
    """One simulator for all tests of the session."""
    running = start_simulator()
    yield running
    assert stop_simulator(running) == 0


@pytest.fixture
def simulator(simulator_process: RunningSimulator) -> RunningSimulator:
    """The session's simulator, as its fixture describes it."""
    simulator_process.reset()
    return simulator_process
