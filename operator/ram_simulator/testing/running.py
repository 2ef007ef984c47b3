"""A simulator as a process of its own, seen from Python: what the pytest plugin hands to tests.

It needs nothing but the standard library, so that it disturbs no test that uses it.
"""

import json
import os
import re
import select
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Self

_SECONDS_TO_START = 60
_SECONDS_TO_STOP = 10


class NotStarted(RuntimeError):
    """The process ended before it was ready; the text holds its stderr."""


class Ended(RuntimeError):
    """The process has ended while it was needed; the text holds its stderr."""


class Refused(ValueError):
    """What the control service does not take; the text says why."""


@dataclass(slots=True)
class RunningSimulator:
    """A simulator process, its addresses (URLs without a trailing slash) and the account's own key.

    It ends with `stop`, or at the end of a `with` block.
    """

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
    _stderr: IO[str] = field(repr=False)
    _first: int = field(default=0, repr=False)

    @property
    def host(self) -> str:
        """The API's host and port, as the SDKs want their endpoint."""
        return self.endpoint.partition("//")[2]

    def metadata_of(self, instance_id: str) -> str:
        """Return the address that answers for an instance as `http://100.100.100.200` does inside it."""
        return f"{self.metadata}/instances/{instance_id}"

    def state(self) -> dict[str, Any]:
        """Return what there is: roles, policies, attachments, users, instances, buckets; two states compare."""
        return self._ask("GET", "/state")

    def calls(self, since: int | None = None) -> list[dict[str, Any]]:
        """Return the calls since the last reset, or those with a number above `since`; the oldest first."""
        number = self._first if since is None else since
        calls: list[dict[str, Any]] = self._ask("GET", f"/journal?since={number}")["calls"]
        return calls

    def suggest(self, principal: str) -> dict[str, Any]:
        """Return the least policy that would have allowed the calls of a principal since the last reset.

        `principal` is an ARN, or its end such as `user/dev` or `role/Web`. Raises Refused if it has called nothing.
        """
        return self._ask("GET", f"/suggest?principal={urllib.parse.quote(principal)}&since={self._first}")

    def add_fault(self, action: str, count: int = 1, **how: object) -> None:
        """Let the next calls of an action, or of any if it is `*`, fail.

        How is one of `code` with `status`, `message` and `retry_after_ms`, `delay_seconds`, `lost_reply` and
        `empty_body`; with `params`, a mapping, only calls that have these fail. Raises Refused if no product has the
        action, the action no such parameter, or if it cannot fail like that.
        """
        self._ask("POST", "/faults", {"action": action, "count": count, **_camel(how)})

    def faults(self) -> list[dict[str, Any]]:
        """Return the faults that are still set: `action`, `count` (how many calls are left) and how they fail.

        A call counts as soon as it has arrived and its signature is found right, before the fault's delay: a test may
        set a fault with a long `delay_seconds`, poll this until it is gone, and then knows that the call has arrived
        and waits, until `clear_faults` lets it go on.
        """
        faults: list[dict[str, Any]] = self._ask("GET", "/faults")["faults"]
        return faults

    def clear_faults(self) -> None:
        """Forget all faults; calls that still wait for a delay go on at once."""
        self._ask("DELETE", "/faults")

    def add_instance(self, region: str = "cn-hangzhou", network_type: str = "vpc", ram_role_name: str = "") -> str:
        """Make an instance and return its id; raise Refused if there is no such region, network type or role."""
        asked = {"region": region, "networkType": network_type}
        made = self._ask("POST", "/instances", asked | ({"ramRoleName": ram_role_name} if ram_role_name else {}))
        return str(made["instanceId"])

    def remove_instance(self, instance_id: str) -> None:
        """Remove an instance; raise Refused if there is none."""
        self._ask("DELETE", f"/instances/{instance_id}")

    def now(self) -> datetime:
        """Return the simulated time."""
        return datetime.fromisoformat(self._ask("GET", "/clock")["now"])

    def advance(self, seconds: float) -> None:
        """Move the simulated time forward."""
        self._ask("POST", "/clock", {"advanceSeconds": seconds})

    def switches(self) -> dict[str, Any]:
        """Return all switches with their values."""
        return self._ask("GET", "/switches")

    def switch(self, **values: object) -> None:
        """Set switches by their names, `_` for `-`: `switch(second_role="error")`; raise Refused if there is none."""
        self._ask("PUT", "/switches", {name.replace("_", "-"): value for name, value in values.items()})

    def reset(self) -> None:
        """Return to the beginning: the fixture, no faults, real time, the switches of the start, no calls."""
        self._first = self._ask("POST", "/reset")["seq"]

    def log(self) -> str:
        """Return what the process has written to stderr; nothing as long as all is well."""
        self._stderr.seek(0)
        return self._stderr.read()

    def stop(self) -> None:
        """End the process."""
        self.process.terminate()
        try:
            self.process.wait(_SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self._stderr):
            if stream is not None:
                stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.control}{path}", content, method=method)
        # proxies of the environment do not know this machine
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=30) as reply:
                answer: dict[str, Any] = json.load(reply)
        except urllib.error.HTTPError as error:
            with error:
                raise Refused(json.load(error)["error"]) from None
        except OSError as error:
            if self.process.poll() is None:
                raise
            raise Ended(f"ram-simulator has ended with {self.process.returncode}:\n{self.log()}") from error
        return answer


def start(*options: str, folder: Path | None = None) -> RunningSimulator:
    """Start `ram-simulator serve` on free ports with `options`, and return when it is ready.

    Files that the options name are looked for in `folder`, without one in the working directory. Raises NotStarted
    with its stderr if it ends instead.
    """
    # where this package was found, as the process may not have the same path
    path = os.pathsep.join([str(Path(__file__).resolve().parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])])
    stderr = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - it lives as long as the process
    process = subprocess.Popen(
        # it ends with this process, also if that is killed
        [sys.executable, "-m", "ram_simulator", "serve", "--listen", "127.0.0.1:0", "--until-eof", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"},
    )
    ready = _ready_line(process, stderr)
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
        _stderr=stderr,
    )


def _ready_line(process: subprocess.Popen[str], stderr: IO[str]) -> Mapping[str, Any]:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], _SECONDS_TO_START)
    line = process.stdout.readline() if ready else ""
    if line:
        loaded: Mapping[str, Any] = json.loads(line)
        return loaded
    process.stdout.close()
    if process.stdin is not None:
        process.stdin.close()
    if not ready:
        process.kill()
    ended = process.wait()
    with stderr:
        stderr.seek(0)
        reason = stderr.read().strip() or f"it was not ready within {_SECONDS_TO_START} seconds"
    raise NotStarted(f"ram-simulator ended with {ended} before it was ready:\n{reason}")


def _camel(how: Mapping[str, object]) -> dict[str, object]:
    return {re.sub(r"_([a-z])", lambda found: found[1].upper(), name): value for name, value in how.items()}
