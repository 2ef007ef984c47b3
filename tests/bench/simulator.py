"""What is measured of the simulator, each on a process of its own. Called by ``__main__``.

The client is this process, so that the simulator's processor time is the simulator's alone.
"""

import base64
import hmac
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

from tests.bench.keepalive import calls_per_second, rendered
from tests.bench.measurements import Figures, allow, resident_megabytes
from tests.contract.clients.raw import Key, Message, RawClient, Wire, common, signed_v1, text_of

from ram_sandbox.simulator import CloudOptions, Simulator, start_simulator

CONNECTIONS = 8
WARM_UP = 200
PAGE = 100
LARGE_PAGE = 1000
ROLE = "bench"
TRUST = (
    '{"Statement":[{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"Service":["ecs.aliyuncs.com"]}}],'
    '"Version":"1"}'
)
READ_RAM = '{"Statement":[{"Action":["ram:Get*","ram:List*"],"Effect":"Allow","Resource":"*"}],"Version":"1"}'


@dataclass(frozen=True, slots=True)
class SimulatorSize:
    """How much of everything: calls a measurement, roles in memory, how often each page is listed."""

    calls: int
    roles: int
    listings: int


class Caller:
    """Makes and sends requests to a simulator, with its account's own key unless another is given."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.key = Key(simulator.facts["accessKeyId"], simulator.facts["accessKeySecret"])
        self.wire = Wire(simulator.endpoint)
        self.client = RawClient(self.wire, self.key)

    def signed(self, action: str, key: Key | None = None, /, **parameters: object) -> Message:
        """Return an API call with a V1 signature and a nonce of its own, everything in the query."""
        given = [(name, text_of(value)) for name, value in parameters.items()]
        return Message(query=signed_v1("POST", common(action) + given, key or self.key))

    def call(self, action: str, **parameters: object) -> dict[str, object]:
        """Call an action, and return its answer.

        Raises:
            RuntimeError: it was refused.
        """
        reply = self.client.call(action, **parameters)
        if reply.status != 200:
            raise RuntimeError(f"{action}: {reply.body.decode()}")
        return reply.answer

    def rates(self, url: str, count: int, make: Callable[[], Message]) -> tuple[float, float]:
        """Send as many requests over several connections; return calls per CPU second and per second."""
        pid = self.simulator.child.pid
        requests = [rendered(url, make()) for _ in range(count + WARM_UP)]
        calls_per_second(url, pid, requests[:WARM_UP], CONNECTIONS)
        return calls_per_second(url, pid, requests[WARM_UP:], CONNECTIONS)


def calls(caller: Caller, size: SimulatorSize) -> Figures:
    """Read a role, an instance's credentials and a bucket's list, over and over."""
    caller.call("CreateRole", RoleName=ROLE, AssumeRolePolicyDocument=TRUST)
    user = key_of_a_reader(caller)
    simulator = caller.simulator
    instance = simulator.post("/instances", {"region": "cn-hangzhou", "networkType": "vpc", "ramRoleName": ROLE})
    credentials = f"/instances/{instance['instanceId']}/latest/meta-data/ram/security-credentials/{ROLE}"
    kinds = {
        "GetRole": (simulator.endpoint, lambda: caller.signed("GetRole", RoleName=ROLE)),
        "GetRole of a RAM user": (simulator.endpoint, lambda: caller.signed("GetRole", user, RoleName=ROLE)),
        "OSS ListObjects": (simulator.oss, lambda: list_objects(caller.key)),
        "metadata credentials": (simulator.metadata, lambda: Message("GET", credentials)),
    }
    figures: Figures = {}
    for name, (url, make) in kinds.items():
        per_cpu_second, per_second = caller.rates(url, size.calls, make)
        figures |= {f"{name}, calls per CPU second": per_cpu_second, f"{name}, calls per second": per_second}
    return figures


def many_roles(caller: Caller, size: SimulatorSize) -> Figures:
    """Fill a simulator with roles, and list them by pages."""
    pid = caller.simulator.child.pid
    allow(caller.simulator, size.roles)
    empty = resident_megabytes(pid)
    numbers = iter(range(size.roles))
    count = size.roles - WARM_UP
    per_cpu_second, _ = caller.rates(caller.simulator.endpoint, count, lambda: new_role(caller, next(numbers)))
    return {
        "CreateRole, calls per CPU second": per_cpu_second,
        "RSS with the fixture alone, MB": empty,
        f"RSS with {size.roles} roles, MB": resident_megabytes(pid),
        **page_times(caller, size.listings),
    }


def page_times(caller: Caller, listings: int) -> Figures:
    """List some pages of all roles in turn, and return the median time of each, and how they compare."""
    markers = page_markers(caller)
    pages = {
        "first": (markers[0], PAGE),
        "middle": (markers[len(markers) // 2], PAGE),
        "last": (markers[-1], PAGE),
        "large": (markers[0], LARGE_PAGE),
    }
    times: dict[str, list[float]] = {name: [] for name in pages}
    for _ in range(listings):
        for name, (marker, size) in pages.items():
            times[name].append(listing_milliseconds(caller, marker, size))
    median = {name: statistics.median(found) for name, found in times.items()}
    return {
        "ListRoles, first page of 100, ms": median["first"],
        "ListRoles, middle page of 100, ms": median["middle"],
        "ListRoles, last page of 100, ms": median["last"],
        "ListRoles, middle : first page": median["middle"] / median["first"],
        "ListRoles, last : first page": median["last"] / median["first"],
        f"ListRoles, page of {LARGE_PAGE} : page of {PAGE}": median["large"] / median["first"],
    }


def page_markers(caller: Caller) -> list[str]:
    """Walk through all roles, and return with which marker each page begins."""
    markers = [""]
    while (answer := listing(caller, markers[-1]))["IsTruncated"]:
        markers.append(str(answer["Marker"]))
    return markers


def listing(caller: Caller, marker: str) -> dict[str, object]:
    """Return a page of roles."""
    return caller.call("ListRoles", MaxItems=PAGE, **({"Marker": marker} if marker else {}))


def listing_milliseconds(caller: Caller, marker: str, size: int) -> float:
    """Return how long a page of roles takes, from the request sent to the answer read."""
    message = caller.signed("ListRoles", MaxItems=size, **({"Marker": marker} if marker else {}))
    began = time.perf_counter()
    reply = caller.wire.send(message)
    taken = time.perf_counter() - began
    if reply.status != 200:
        raise RuntimeError(f"ListRoles: {reply.body.decode()}")
    return taken * 1000


def new_role(caller: Caller, number: int) -> Message:
    """Return the request for a role with a small trust policy and three tags."""
    tags = {"team": f"team-{number % 50}", "stage": "production", "number": str(number)}
    return caller.signed(
        "CreateRole",
        RoleName=f"bench-{number:05}",
        AssumeRolePolicyDocument=TRUST,
        Tag=[{"Key": key, "Value": value} for key, value in tags.items()],
    )


def key_of_a_reader(caller: Caller) -> Key:
    """Create a RAM user who may read RAM, and return a key: what it asks goes through the policies."""
    caller.call("CreateUser", UserName=ROLE)
    caller.call("CreatePolicy", PolicyName=ROLE, PolicyDocument=READ_RAM)
    caller.call("AttachPolicyToUser", PolicyType="Custom", PolicyName=ROLE, UserName=ROLE)
    made = caller.call("CreateAccessKey", UserName=ROLE)["AccessKey"]
    if not isinstance(made, dict):
        raise RuntimeError("CreateAccessKey answers no key")
    return Key(made["AccessKeyId"], made["AccessKeySecret"])


def list_objects(key: Key) -> Message:
    """Return the request for a bucket's list, with OSS's signature V1."""
    date = formatdate(usegmt=True)
    digest = hmac.digest(key.secret.encode(), f"GET\n\n\n{date}\n/ramroletest/".encode(), "sha1")
    headers = [("Date", date), ("Authorization", f"OSS {key.access_key_id}:{base64.b64encode(digest).decode()}")]
    return Message("GET", "/ramroletest/", [("max-keys", "10")], headers)


def cold_start(starts: int = 5) -> Figures:
    """Start the command as a shell does, and wait for its ready line; the fastest of some starts."""
    seconds: list[float] = []
    for _ in range(starts):
        began = time.monotonic()
        command = [sys.executable, "-m", "ram_simulator", "serve", "--listen", "127.0.0.1:0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            assert process.stdout is not None
            json.loads(process.stdout.readline())
            seconds.append(time.monotonic() - began)
            process.terminate()
    return {"cold start, s (fastest)": min(seconds)}


def measured(measure: Callable[[Caller, SimulatorSize], Figures], size: SimulatorSize) -> Figures:
    """Measure on a fresh simulator, which has ended afterwards."""
    with tempfile.TemporaryDirectory(prefix="ram-bench-") as folder:
        simulator = start_simulator(Path(folder), CloudOptions(), os.environ)
        caller = Caller(simulator)
        try:
            return measure(caller, size)
        finally:
            caller.wire.close()
            simulator.stop()
