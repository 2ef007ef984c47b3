"""What is measured, each on a sandbox of its own. Called by ``__main__``."""

import json
import os
import statistics
import time
import urllib.request
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench import workloads
from tests.bench.apiserver import GROUP, ApiServer, Watch, ready, send

from ram_sandbox.nodes import create_nodes, new_instance
from ram_sandbox.sandbox import Sandbox
from ram_sandbox.simulator import Simulator

TIMEOUT_SECONDS = 120.0
QUIET_SECONDS = 3.0
POLL_SECONDS = 0.005
APPLIED = 400
# No sweep falls into a measurement, since the sandbox's short interval is not what people run, and no quota of a cloud
# that has none.
WITH_QUOTAS = {"RAM_OPERATOR_SWEEP_INTERVAL_SECONDS": "600"}
SETTINGS = WITH_QUOTAS | {"RAM_OPERATOR_QUOTA_FACTOR": "1000"}

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything: pairs of policy and role, edits of documents, nodes, bindings."""

    pairs: int
    edits: int
    nodes: int
    pools: int


def roles_and_policies(sandbox: Sandbox, size: Size) -> Figures:
    """Create pairs of policy and role with one kubectl apply, edit documents, and restart the operator."""
    apiserver = ApiServer(sandbox.kubeconfig)
    watches = [Watch(apiserver, plural, ready) for plural in ("rampolicies", "ramroles")]
    policies = [workloads.policy(number) for number in range(size.pairs)]
    items = policies + [workloads.role(number) for number in range(size.pairs)]
    before = sandbox.simulator.last_call()
    began = time.monotonic()
    apply(sandbox, items)
    applied = time.monotonic()
    settled = max(watch.wait(size.pairs, TIMEOUT_SECONDS) for watch in watches)
    cpu_seconds = cpu(sandbox.operator.pid)
    calls = sandbox.simulator.journal(before)
    delays = [edited_in_force(sandbox, apiserver, number) for number in range(size.edits)]
    peak = peak_megabytes(sandbox.operator.pid)
    quiet(sandbox)
    return {
        "apply start to all Ready, s": settled - began,
        "apply end to all Ready, s": settled - applied,
        "cloud calls an object": len(calls) / len(items),
        "edited document in force, p50, s": statistics.median(delays),
        "edited document in force, max, s": max(delays),
        "calls an object at a restart": calls_at_restart(sandbox) / len(items),
        "operator CPU to all Ready, s": cpu_seconds,
        "operator peak RSS, MB": peak,
    }


def nodes_and_bindings(sandbox: Sandbox, size: Size) -> Figures:
    """Bind nodes that are there already, with all bindings in one kubectl apply."""
    apiserver = ApiServer(sandbox.kubeconfig)
    roles = Watch(apiserver, "ramroles", ready)
    apply(sandbox, [workloads.policy(0), workloads.role(0)])
    instances = [new_instance(sandbox.simulator, "cn-hangzhou") for _ in range(size.nodes)]
    create_nodes(sandbox.kubectl, workloads.nodes(instances, size.pools))
    roles.wait(1, TIMEOUT_SECONDS)
    quiet(sandbox)
    bindings = Watch(apiserver, "instancerolebindings", all_attached(size.nodes // size.pools))
    before = sandbox.simulator.last_call()
    began = time.monotonic()
    apply(sandbox, [workloads.binding(pool) for pool in range(size.pools)])
    applied = time.monotonic()
    settled = bindings.wait(size.pools, TIMEOUT_SECONDS)
    calls = sandbox.simulator.journal(before)
    return {
        f"{size.nodes} nodes: apply start to all attached, s": settled - began,
        f"{size.nodes} nodes: apply end to all attached, s": settled - applied,
        f"{size.nodes} nodes: write calls": sum(bool(call["write"]) for call in calls),
        f"{size.nodes} nodes: cloud calls in all": len(calls),
    }


def all_attached(count: int) -> Any:
    """Return a check that a binding has as many rows, and that all are attached."""

    def check(item: dict[str, Any]) -> bool:
        rows = item.get("status", {}).get("instances", [])
        return len(rows) == count and all(row["state"] == "Attached" for row in rows) and ready(item)

    return check


def edited_in_force(sandbox: Sandbox, apiserver: ApiServer, number: int) -> float:
    """Edit a document and return how many seconds after the API server took it the cloud has it as default version."""
    before = sandbox.simulator.last_call()
    document = workloads.policy(number, "oss:List*")["spec"]["document"]
    apiserver.patch(f"{GROUP}/rampolicies/bench-{number}", {"spec": {"document": document}})
    accepted = time.monotonic()
    while not in_force(sandbox.simulator.journal(before)):
        if time.monotonic() - accepted > TIMEOUT_SECONDS:
            raise TimeoutError(f"the edit of bench-{number} never came into force")
        time.sleep(POLL_SECONDS)
    return time.monotonic() - accepted


def in_force(calls: Sequence[dict[str, Any]]) -> bool:
    """Tell whether a call made a new default version."""
    return any(
        call["action"] in ("CreatePolicyVersion", "SetDefaultPolicyVersion") and call["status"] == 200 for call in calls
    )


def calls_at_restart(sandbox: Sandbox) -> int:
    """Restart the operator over a settled world, and return how many cloud calls it makes until it is quiet."""
    before = sandbox.simulator.last_call()
    sandbox.operator.restart()
    quiet(sandbox)
    return len(sandbox.simulator.journal(before))


def quiet(sandbox: Sandbox) -> float:
    """Wait until no cloud call was made for some seconds, and return since when (monotonic seconds)."""
    last, since = sandbox.simulator.last_call(), time.monotonic()
    while time.monotonic() - since < QUIET_SECONDS:
        time.sleep(0.2)
        if (now := sandbox.simulator.last_call()) != last:
            last, since = now, time.monotonic()
    return since


def post(sandbox: Sandbox, bodies: Iterable[dict[str, Any]]) -> None:
    """Create roles and policies as fast as the API server takes them."""
    paths = {"RamPolicy": f"{GROUP}/rampolicies", "RamRole": f"{GROUP}/ramroles"}
    send(sandbox.kubeconfig, (("POST", paths[body["kind"]], body) for body in bodies))


def allow(simulator: Simulator, pairs: int) -> None:
    """Let the account have more roles and policies than an account of the cloud has at first."""
    body = json.dumps({"roles": pairs + 10, "policies": pairs + 10}).encode()
    request = urllib.request.Request(f"{simulator.control}/switches", body, method="PUT")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30):
        return


def apply(sandbox: Sandbox, items: list[dict[str, Any]]) -> None:
    """Apply all objects with kubectl, one run for some hundreds: the sandbox ends those that take minutes."""
    for first in range(0, len(items), APPLIED):
        part = {"apiVersion": "v1", "kind": "List", "items": items[first : first + APPLIED]}
        sandbox.kubectl.ok("apply", "-f", "-", input=json.dumps(part))


def cpu(pid: int) -> float:
    """Return the processor time that a process has used since its start, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_megabytes(pid: int) -> float:
    """Return the most memory that a process ever had resident, in MB."""
    return megabytes(pid, "VmHWM")


def resident_megabytes(pid: int) -> float:
    """Return the memory that a process has resident now, in MB."""
    return megabytes(pid, "VmRSS")


def megabytes(pid: int, field: str) -> float:
    """Return a size of a process that the kernel states in kB, in MB."""
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(f"{field}:"))
    return int(line.split()[1]) / 1024
