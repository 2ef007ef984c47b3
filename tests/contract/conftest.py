"""Starts the simulator as a process, as its users do, for the tests that talk to it over the wire."""

import importlib
import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import pytest
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import CommonRequest
from tests.contract.clients.raw import Wire

from ram_simulator.__main__ import main

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

    def switch(self, **values: object) -> None:
        """Set switches, by their names with underscores."""
        named = {name.replace("_", "-"): value for name, value in values.items()}
        assert named.items() <= self.control_call("PUT", "/switches", named).items()

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


def start_simulator(*options: str, stderr: IO[bytes] | None = None) -> RunningSimulator:
    """Start `ram_simulator serve` on free ports and wait for its ready line; stderr is this process' own by default."""
    path = os.pathsep.join((str(_ROOT / "operator"), os.environ.get("PYTHONPATH", "")))
    environment = os.environ | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "ram_simulator", "serve", "--listen", "127.0.0.1:0", *options],
        stdout=subprocess.PIPE,
        stderr=stderr,
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


def refused_start(*options: str) -> str:
    """Start a simulator that must not start, here instead of in a process, and return the one line that it says."""
    # should it start after all, it is refused the port, and ends as well
    with socket.create_server(("127.0.0.1", 0)) as taken, redirect_stderr(StringIO()) as errors:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with open(os.devnull) as nothing, pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
            patch.setattr(sys, "argv", ["ram-simulator", "serve", "--listen", listen, *options])
            patch.setattr(sys, "stdin", nothing)
            main()
    assert ended.value.code == 1
    (line,) = errors.getvalue().splitlines()
    return line


def printed(*command: str) -> str:
    """Run a command that serves nothing, here instead of in a process, and return what it prints."""
    with redirect_stdout(StringIO()) as out, pytest.MonkeyPatch.context() as patch, suppress(SystemExit):
        patch.setattr(sys, "argv", ["ram-simulator", *command])
        patch.setenv("COLUMNS", "120")
        main()
    return out.getvalue()


@pytest.fixture
def started() -> Iterator[Callable[..., RunningSimulator]]:
    """Return a function that starts simulators, each ended after the test."""
    running: list[RunningSimulator] = []

    def start(*options: str) -> RunningSimulator:
        running.append(start_simulator(*options))
        return running[-1]

    yield start
    for simulator in running:
        stop_simulator(simulator)


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


@pytest.fixture
def wire(simulator: RunningSimulator) -> Iterator[Wire]:
    """A connection to the session's simulator, for requests that are made by hand."""
    found = Wire(simulator.endpoint)
    yield found
    found.close()


_PACKAGES = {"Ram": "aliyunsdkram.request.v20150501", "Ecs": "aliyunsdkecs.request.v20140526"}
_STS_ACTIONS = ("GetCallerIdentity", "AssumeRole", "AssumeRoleWithOIDC")


class OldSdk:
    """The old SDK of Alibaba Cloud, pointed at the simulator; one method for all its request classes."""

    def __init__(self, simulator: RunningSimulator, key: tuple[str, str], region: str = "cn-hangzhou") -> None:
        address = urlsplit(simulator.ready["endpoint"])
        self._host = address.hostname
        self._region = region
        self._client = AcsClient(*key, region, port=address.port, timeout=10)
        for product in ("Ram", "Ecs"):
            self._client.add_endpoint(region, product, address.hostname)

    def call(self, action: str, **parameters: Any) -> dict[str, Any]:
        """Call an action and return its answer; an error is a ServerException."""
        return self.sent(self._sts(action) if action in _STS_ACTIONS else self._request(action), **parameters)

    def sent(self, request: Any, **parameters: Any) -> dict[str, Any]:
        """Send a request, of a class or a CommonRequest, and return its answer."""
        request.set_protocol_type("http")
        if isinstance(request, CommonRequest):
            request.set_domain(self._host)
        for name, value in parameters.items():
            if isinstance(request, CommonRequest):
                request.add_query_param(name, value)
            else:
                getattr(request, f"set_{name}")(value)
        try:
            answer: dict[str, Any] = json.loads(self._client.do_action_with_exception(request))
        finally:
            # left open, the garbage collector may come upon the socket before its owner closes it, and warn
            self._client.session.close()
        return answer

    def refusal(self, action: str, **parameters: Any) -> tuple[int, str]:
        """Call an action that must fail, and return status and code."""
        with pytest.raises(ServerException) as caught:
            self.call(action, **parameters)
        return caught.value.get_http_status(), caught.value.get_error_code()

    def refusal_message(self, action: str, **parameters: Any) -> str:
        """Call an action that must fail, and return the message."""
        with pytest.raises(ServerException) as caught:
            self.call(action, **parameters)
        return str(caught.value.get_error_msg())

    def _request(self, action: str) -> Any:
        for package in _PACKAGES.values():
            try:
                module = importlib.import_module(f"{package}.{action}Request")
            except ModuleNotFoundError:
                continue
            return getattr(module, f"{action}Request")()
        raise LookupError(action)

    def _sts(self, action: str) -> CommonRequest:
        request = CommonRequest(domain=self._host, version="2015-04-01", action_name=action, product="Sts")
        request.set_method("POST")
        return request


@pytest.fixture
def sdk(simulator: RunningSimulator) -> Callable[..., OldSdk]:
    """Return a client for a key; the account's own without one."""

    def client(*key: str, region: str = "cn-hangzhou") -> OldSdk:
        pair = (key[0], key[1]) if key else (simulator.ready["accessKeyId"], simulator.ready["accessKeySecret"])
        return OldSdk(simulator, pair, region)

    return client


@pytest.fixture
def root(sdk: Callable[..., OldSdk]) -> OldSdk:
    """The account's own key: it may do everything."""
    return sdk()


@pytest.fixture
def dev(sdk: Callable[..., OldSdk]) -> OldSdk:
    """The fixture's user, who may do nothing until somebody grants it."""
    return sdk("simulator-dev", "simulator-dev-secret")
