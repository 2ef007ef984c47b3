"""What a large cluster costs: a start with thousands of nodes, and the heartbeats of their kubelets."""

import base64
import itertools
import json
import ssl
import threading
import time
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.bench import workloads
from tests.bench.apiserver import ApiServer, Watch, ready
from tests.bench.measurements import Figures, all_attached, apply, cpu, peak_megabytes, quiet, resident_megabytes

from ram_sandbox.nodes import new_instance
from ram_sandbox.sandbox import Sandbox

TIMEOUT_SECONDS = 420.0
CLIENTS = 4


@dataclass(frozen=True, slots=True)
class ClusterSize:
    """Nodes, bindings that share them, and how many heartbeats are counted."""

    nodes: int
    bindings: int
    heartbeats: int


def large_cluster(sandbox: Sandbox, size: ClusterSize) -> Figures:
    """Bind all nodes, start the operator anew over them, and let their kubelets post their statuses."""
    apiserver = ApiServer(sandbox.kubeconfig)
    roles = Watch(apiserver, "ramroles", ready)
    apply(sandbox, [workloads.policy(0), workloads.role(0)])
    instances = [new_instance(sandbox.simulator, "cn-hangzhou") for _ in range(size.nodes)]
    nodes = [workloads.kubelet_node(node) for node in workloads.nodes(instances, size.bindings)]
    send(sandbox.kubeconfig, (("POST", "/api/v1/nodes", node) for node in nodes))
    roles.wait(1, TIMEOUT_SECONDS)
    bindings = Watch(apiserver, "instancerolebindings", all_attached(size.nodes // size.bindings))
    apply(sandbox, [workloads.binding(pool) for pool in range(size.bindings)])
    bindings.wait(size.bindings, TIMEOUT_SECONDS)
    quiet(sandbox)
    before = sandbox.simulator.last_call()
    sandbox.operator.stop()
    began = time.monotonic()
    sandbox.operator.start()
    ready_after = time.monotonic() - began
    ready_cpu = cpu(sandbox.operator.pid)
    quiet(sandbox)
    started = {
        "ready after, s": ready_after,
        "CPU to ready, s": ready_cpu,
        "CPU to quiet, s": cpu(sandbox.operator.pid),
        "cloud calls": len(sandbox.simulator.journal(before)),
        "RSS, MB": resident_megabytes(sandbox.operator.pid),
        "peak RSS, MB": peak_megabytes(sandbox.operator.pid),
        "pauses of the loop over 50 ms": pauses(sandbox),
    }
    return {f"{size.nodes} nodes, start: {name}": value for name, value in started.items()} | {
        f"{size.nodes} nodes, {name}": value for name, value in heartbeats(sandbox, nodes, size.heartbeats).items()
    }


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


def send(kubeconfig: Path, requests: Iterable[tuple[str, str, dict[str, Any]]]) -> None:
    """Make requests of the API server over a few connections that stay open.

    Raises:
        RuntimeError: it refused one.
    """
    left, refused = iter(requests), list[str]()
    lock = threading.Lock()

    def work() -> None:
        connection, headers = connect(kubeconfig)
        while True:
            with lock:
                request = next(left, None)
            if request is None or refused:
                connection.close()
                return
            method, path, body = request
            kind = "application/json" if method == "POST" else "application/strategic-merge-patch+json"
            connection.request(method, path, json.dumps(body), headers | {"Content-Type": kind})
            answer = connection.getresponse()
            text = answer.read()
            if answer.status >= 300:
                refused.append(f"{method} {path}: {answer.status} {text[:200]!r}")

    threads = [threading.Thread(target=work) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if refused:
        raise RuntimeError(refused[0])


def connect(kubeconfig: Path) -> tuple[HTTPSConnection, dict[str, str]]:
    """Return a connection to the API server of a kubeconfig, and the headers of its user."""
    config = json.loads(kubeconfig.read_text())
    cluster = config["clusters"][0]["cluster"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    context = ssl.create_default_context(cadata=authority)
    connection = HTTPSConnection(urlsplit(cluster["server"]).netloc, timeout=60, context=context)
    return connection, {"Authorization": f"Bearer {config['users'][0]['user']['token']}"}
