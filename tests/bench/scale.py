"""What a large cluster costs: a start with thousands of nodes, and the heartbeats of their kubelets."""

import itertools
import statistics
import time
import urllib.request
from dataclasses import dataclass
from typing import Any

from tests.bench import workloads
from tests.bench.apiserver import GROUP, ApiServer, Watch, ready, send
from tests.bench.measurements import (
    SETTINGS,
    Figures,
    all_attached,
    allow,
    apply,
    cpu,
    edited_in_force,
    peak_megabytes,
    quiet,
    resident_megabytes,
)
from tests.bench.replicas import hand_over

from ram_sandbox.nodes import new_instance
from ram_sandbox.sandbox import Sandbox

TIMEOUT_SECONDS = 420.0
EDITS = 5


@dataclass(frozen=True, slots=True)
class ClusterSize:
    """Nodes, bindings that share them, pairs of a role and its policy, and how many heartbeats are counted."""

    nodes: int
    bindings: int
    pairs: int
    heartbeats: int


def large_cluster(sandbox: Sandbox, size: ClusterSize) -> Figures:
    """Fill a cluster, start the operator anew over it, let kubelets post their statuses, and kill the leader."""
    allow(sandbox.simulator, size.pairs)
    created = pairs_created(sandbox, size.pairs)
    instances = [new_instance(sandbox.simulator, "cn-hangzhou") for _ in range(size.nodes)]
    nodes = [workloads.kubelet_node(node) for node in workloads.nodes(instances, size.bindings)]
    bindings = Watch(ApiServer(sandbox.kubeconfig), "instancerolebindings", all_attached(size.nodes // size.bindings))
    send(sandbox.kubeconfig, (("POST", "/api/v1/nodes", node) for node in nodes))
    apply(sandbox, [workloads.binding(pool) for pool in range(size.bindings)])
    bindings.wait(size.bindings, TIMEOUT_SECONDS)
    quiet(sandbox)
    # The first start after a creation is one over which no later sweep has gone.
    found = restarted(sandbox, 2 * size.pairs) | heartbeats(sandbox, nodes, size.heartbeats)
    found |= {"drift cycle: calls an object": calls_of_a_cycle(sandbox) / (2 * size.pairs)}
    found |= edits_meanwhile(sandbox) | hand_over(sandbox, (size.pairs - 2, size.pairs - 1))
    return created | {f"{size.nodes} nodes, {name}": value for name, value in found.items()}


def pairs_created(sandbox: Sandbox, pairs: int) -> Figures:
    """Create policies and a role for each with kubectl apply."""
    watches = [Watch(ApiServer(sandbox.kubeconfig), plural, ready) for plural in ("rampolicies", "ramroles")]
    before, began = cpu(sandbox.operator.pid), time.monotonic()
    apply(sandbox, [make(number) for make in (workloads.policy, workloads.role) for number in range(pairs)])
    applied = time.monotonic()
    settled = max(watch.wait(pairs, TIMEOUT_SECONDS) for watch in watches)
    # Until the last event is written.
    quiet(sandbox)
    return {
        f"{pairs} pairs created: apply start to all Ready, s": settled - began,
        f"{pairs} pairs created: apply end to all Ready, s": settled - applied,
        f"{pairs} pairs created: CPU an object, ms": 1000 * (cpu(sandbox.operator.pid) - before) / (2 * pairs),
    }


def edits_meanwhile(sandbox: Sandbox) -> Figures:
    """Edit documents while everything is swept again and again, and each time as soon as the operator is ready."""
    apiserver = ApiServer(sandbox.kubeconfig)
    sandbox.operator.restart(SETTINGS | {"RAM_OPERATOR_SWEEP_INTERVAL_SECONDS": "0.5"})
    swept = [edited_in_force(sandbox, apiserver, number) for number in range(EDITS)]
    started: list[float] = []
    for number in range(EDITS, 2 * EDITS):
        sandbox.operator.restart(SETTINGS)
        started.append(edited_in_force(sandbox, apiserver, number))
    return {
        "edit during sweeps in force, p50, s": statistics.median(swept),
        "edit during sweeps in force, max, s": max(swept),
        "edit during a start in force, p50, s": statistics.median(started),
        "edit during a start in force, max, s": max(started),
    }


def restarted(sandbox: Sandbox, objects: int) -> Figures:
    """Start the operator anew over what is in sync."""
    apiserver = ApiServer(sandbox.kubeconfig)
    before, versions = sandbox.simulator.last_call(), resource_versions(apiserver)
    sandbox.operator.stop()
    began = time.monotonic()
    sandbox.operator.start()
    ready_after = time.monotonic() - began
    ready_cpu = cpu(sandbox.operator.pid)
    settled_after = quiet(sandbox) - began
    calls = sandbox.simulator.journal(before)
    started = {
        "ready after, s": ready_after,
        "settled after, s": settled_after,
        "CPU to ready, s": ready_cpu,
        "CPU to quiet, s": cpu(sandbox.operator.pid),
        "cloud calls": len(calls),
        "RAM calls a role or policy": sum(call["product"] == "Ram" for call in calls) / objects,
        "objects written": len(versions.items() ^ resource_versions(apiserver).items()) / 2,
        "RSS, MB": resident_megabytes(sandbox.operator.pid),
        "peak RSS, MB": peak_megabytes(sandbox.operator.pid),
        "pauses of the loop over 50 ms": pauses(sandbox),
    }
    return {f"start: {name}": value for name, value in started.items()}


def resource_versions(apiserver: ApiServer) -> dict[str, str]:
    """Return the version of each of our objects, by its kind and name."""
    return {
        f"{plural}/{item['metadata']['name']}": item["metadata"]["resourceVersion"]
        for plural in ("rampolicies", "ramroles", "instancerolebindings")
        for item in apiserver.get(f"{GROUP}/{plural}")["items"]
    }


def calls_of_a_cycle(sandbox: Sandbox) -> int:
    """Return how many calls to RAM the operator makes from one sweep to the next, once what was new is read."""
    sandbox.operator.restart(SETTINGS | {"RAM_OPERATOR_SWEEP_INTERVAL_SECONDS": "10"})
    before, end = sandbox.simulator.last_call(), time.monotonic() + TIMEOUT_SECONDS
    lists: list[int] = []
    calls: list[dict[str, Any]] = []
    while len(lists) < 4:
        if time.monotonic() > end:
            raise TimeoutError("the sweeps do not come round")
        time.sleep(0.5)
        calls = [call for call in sandbox.simulator.journal(before) if call["product"] == "Ram"]
        lists = [index for index, call in enumerate(calls) if call["action"] == "ListRoles"]
    return lists[3] - lists[2]


def heartbeats(sandbox: Sandbox, nodes: list[dict[str, Any]], count: int) -> Figures:
    """Post statuses that say nothing new but the time."""
    before, late = cpu(sandbox.operator.pid), pauses(sandbox)
    requests = (
        ("PATCH", f"/api/v1/nodes/{node['metadata']['name']}/status", {"status": {"conditions": [beat(number)]}})
        for number, node in zip(range(count), itertools.cycle(nodes), strict=False)
    )
    send(sandbox.kubeconfig, requests)
    quiet(sandbox)
    return {
        "heartbeats: CPU of one, ms": (cpu(sandbox.operator.pid) - before) / count * 1000,
        "heartbeats: RSS, MB": resident_megabytes(sandbox.operator.pid),
        "heartbeats: pauses of the loop over 50 ms": pauses(sandbox) - late,
    }


def beat(number: int) -> dict[str, str]:
    """Return the condition that a kubelet renews."""
    at = f"2026-01-01T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}Z"
    return {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "ready", "lastHeartbeatTime": at}


def pauses(sandbox: Sandbox) -> float:
    """Return how many pauses of its event loop over 50 ms the operator has counted."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{sandbox.operator.url}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if line.startswith("ram_operator_event_loop_pause_seconds"))
    name = "ram_operator_event_loop_pause_seconds"
    return float(values[f"{name}_count"]) - float(values[f'{name}_bucket{{le="0.05"}}'])
