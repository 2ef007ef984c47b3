"""A simulator as a process of its own, seen from Python: what the pytest plugin hands to tests.

It needs nothing but the standard library, so that it disturbs no test that uses it.
"""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SECONDS_TO_STOP = 10


class NotStarted(RuntimeError):
    """The process ended before it was ready; the text holds what it said."""


@dataclass(frozen=True, slots=True)
class RunningSimulator:
    """A simulator process, its addresses (URLs without a trailing slash) and the account's own key."""

    process: subprocess.Popen[str]
    endpoint: str
    metadata: str
    oss: str
    control: str
    account: str
    access_key_id: str
    access_key_secret: str
    instance_ids: tuple[str, ...]
    buckets: tuple[str, ...]

    @property
    def host(self) -> str:
        """The API's host and port, as the SDKs want their endpoint."""
        return self.endpoint.partition("//")[2]

    def state(self) -> dict[str, Any]:
        """Return what there is: roles, policies, attachments, users, instances, buckets; two states compare."""
        return self._ask("GET", "/state")

    def calls(self, since: int = 0) -> list[dict[str, Any]]:
        """Return the calls with a number above `since`, the oldest first."""
        calls: list[dict[str, Any]] = self._ask("GET", f"/journal?since={since}")["calls"]
        return calls

    def add_fault(self, action: str, count: int = 1, **how: object) -> None:
        """Let the next calls of an action fail: `code` and `status`, `delaySeconds`, `lostReply` or `emptyBody`."""
        self._ask("POST", "/faults", {"action": action, "count": count, **how})

    def faults(self) -> list[dict[str, Any]]:
        """Return the faults that are still set: `action`, `count` (how many calls are left) and how they fail.

        A call counts as soon as it has arrived and its signature is found right, before the fault's delay: a test may
        set a fault with a long `delaySeconds`, poll this until it is gone, and then knows that the call has arrived
        and waits, until `clear_faults` lets it go on.
        """
        faults: list[dict[str, Any]] = self._ask("GET", "/faults")["faults"]
        return faults

    def clear_faults(self) -> None:
        """Forget all faults; calls that still wait for a delay go on at once."""
        self._ask("DELETE", "/faults")

    def add_instance(self, region: str = "cn-hangzhou", network_type: str = "vpc", ram_role_name: str = "") -> str:
        """Make an instance and return its id."""
        asked = {"region": region, "networkType": network_type}
        made = self._ask("POST", "/instances", asked | ({"ramRoleName": ram_role_name} if ram_role_name else {}))
        return str(made["instanceId"])

    def advance(self, seconds: float) -> None:
        """Move the simulated time forward."""
        self._ask("POST", "/clock", {"advanceSeconds": seconds})

    def switch(self, **values: object) -> None:
        """Set switches by their names, `_` for `-`: `switch(second_role="error")`."""
        self._ask("PUT", "/switches", {name.replace("_", "-"): value for name, value in values.items()})

    def reset(self) -> None:
        """Return to the beginning: the fixture, no faults, real time, the switches of the start."""
        self._ask("POST", "/reset")

    def stop(self) -> None:
        """End the process."""
        self.process.terminate()
        try:
            self.process.wait(_SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def _ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.control}{path}", content, method=method)
        # proxies of the environment do not know this machine
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=30) as reply:
            answer: dict[str, Any] = json.load(reply)
        return answer


def start(*options: str) -> RunningSimulator:
    """Start `ram-simulator serve` on free ports with `options`, and return when it is ready.

    Raises NotStarted if it ends instead; what it says is on stderr.
    """
    # where this package was found, as the process may not have the same path
    path = os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = subprocess.Popen(
        [sys.executable, "-m", "ram_simulator", "serve", "--listen", "127.0.0.1:0", *options],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    line = process.stdout.readline() if process.stdout is not None else ""
    if not line:
        if process.stdout is not None:
            process.stdout.close()
        raise NotStarted(f"ram-simulator ended with {process.wait()} before it was ready; stderr has the reason")
    ready = json.loads(line)
    return RunningSimulator(
        process=process,
        endpoint=ready["endpoint"],
        metadata=ready["metadata"],
        oss=ready["oss"],
        control=ready["control"],
        account=ready["account"],
        access_key_id=ready["accessKeyId"],
        access_key_secret=ready["accessKeySecret"],
        instance_ids=tuple(instance["instanceId"] for instance in ready["instances"]),
        buckets=tuple(ready["buckets"]),
    )
