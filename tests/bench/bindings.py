"""What bindings over many nodes cost, and how long an instance is without a role while it is replaced."""

import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.bench import workloads
from tests.bench.apiserver import ApiServer, Watch, ready, send
from tests.bench.measurements import POLL_SECONDS, TIMEOUT_SECONDS, Figures, all_attached, apply, quiet

from ram_sandbox.demo.applications import account_owner
from ram_sandbox.nodes import new_instance, node_object
from ram_sandbox.sandbox import Sandbox

REGION = "cn-hangzhou"
WORKER = "KubernetesWorkerRole-bench"
ATTACH, DETACH = "AttachInstanceRamRole", "DetachInstanceRamRole"
Calls = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class NodesSize:
    """Nodes, bindings that share them, and nodes whose role is replaced."""

    nodes: int
    bindings: int
    replaced: int


def many_nodes(sandbox: Sandbox, size: NodesSize) -> Figures:
    """Bind nodes that are there, let one more join, then as many again, and start the operator anew."""
    apiserver = ApiServer(sandbox.kubeconfig)
    roles = Watch(apiserver, "ramroles", ready)
    apply(sandbox, [workloads.policy(0), workloads.role(0)])
    roles.wait(1, TIMEOUT_SECONDS)
    _join(sandbox, 0, size.nodes, size.bindings)
    quiet(sandbox)
    each, versions = size.nodes // size.bindings, set[tuple[str, str]]()
    attached = Watch(apiserver, "instancerolebindings", all_attached(each))
    before = sandbox.simulator.last_call()
    apply(sandbox, [workloads.binding(pool) for pool in range(size.bindings)])
    applied = time.monotonic()
    settled = attached.wait(size.bindings, TIMEOUT_SECONDS)
    quiet(sandbox)
    figures = {"bound: apply end to all attached, s": settled - applied}
    figures |= {f"bound: {name}": value for name, value in _calls(sandbox.simulator.journal(before)).items()}
    figures |= {f"one more: {name}": value for name, value in _one_more(sandbox, size).items()}
    doubled = all_attached(2 * each)
    others = Watch(apiserver, "instancerolebindings", lambda item: _noted(versions, item, doubled))
    versions.clear()
    before = sandbox.simulator.last_call()
    _join(sandbox, 2 * size.nodes, size.nodes, size.bindings)
    # One binding has a node more than the others.
    others.wait(size.bindings - 1, TIMEOUT_SECONDS)
    quiet(sandbox)
    figures |= {"as many again: status writes": len(versions)}
    figures |= {f"as many again: {name}": value for name, value in _calls(sandbox.simulator.journal(before)).items()}
    return figures | {f"restart: {name}": value for name, value in _restart(sandbox).items()}


def replacing(sandbox: Sandbox, size: NodesSize) -> Figures:
    """Replace the worker role of a node pool by tenths of it."""
    apiserver = ApiServer(sandbox.kubeconfig)
    roles = Watch(apiserver, "ramroles", ready)
    apply(sandbox, [workloads.policy(0), workloads.role(0)])
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": ["ecs.aliyuncs.com"]}}
    document = json.dumps({"Version": "1", "Statement": [trust]})
    account_owner(sandbox.simulator).call(
        "Ram", "CreateRole", {"RoleName": WORKER, "AssumeRolePolicyDocument": document}
    )
    made = {"region": REGION, "networkType": "vpc", "ramRoleName": WORKER}
    instances = [str(sandbox.simulator.post("/instances", made)["instanceId"]) for _ in range(size.replaced)]
    send(sandbox.kubeconfig, (("POST", "/api/v1/nodes", node) for node in workloads.nodes(instances, 1)))
    roles.wait(1, TIMEOUT_SECONDS)
    quiet(sandbox)
    attached = Watch(apiserver, "instancerolebindings", all_attached(size.replaced))
    before, began = sandbox.simulator.last_call(), time.monotonic()
    binding = workloads.binding(0)
    binding["spec"] |= {"conflictPolicy": "Replace", "allowProtectedRoles": True, "rollout": {"maxUnavailable": "10%"}}
    apply(sandbox, [binding])
    settled = attached.wait(1, TIMEOUT_SECONDS)
    quiet(sandbox)
    calls = sandbox.simulator.journal(before)
    gaps = sorted(_gaps(calls))
    figures = {
        "all replaced after, s": settled - began,
        "longest time without a role, s": gaps[-1],
        "time without a role, p99, s": statistics.quantiles(gaps, n=100)[98],
        "time without a role, p50, s": statistics.median(gaps),
        "detach calls": sum(call["action"] == DETACH for call in calls),
        **_calls(calls),
    }
    return {f"replaced: {name}": value for name, value in figures.items()}


def _join(sandbox: Sandbox, first: int, count: int, pools: int) -> None:
    """Let nodes join."""
    instances = [new_instance(sandbox.simulator, REGION) for _ in range(count)]
    nodes = (
        node_object(f"bench-{number}", REGION, instance, {"pool": str(number % pools)})
        for number, instance in enumerate(instances, start=first)
    )
    send(sandbox.kubeconfig, (("POST", "/api/v1/nodes", node) for node in nodes))


def _calls(calls: Calls) -> Figures:
    """Return how many calls there were."""
    return {
        "attach calls": sum(call["action"] == ATTACH for call in calls),
        "describe calls": sum(str(call["action"]).startswith("DescribeInstance") for call in calls),
        "cloud calls": len(calls),
    }


def _one_more(sandbox: Sandbox, size: NodesSize) -> Figures:
    """Let one node join pool 0."""
    before = sandbox.simulator.last_call()
    _join(sandbox, size.nodes, 1, size.bindings)
    joined = time.monotonic()
    while not any(call["action"] == ATTACH for call in sandbox.simulator.journal(before)):
        if time.monotonic() - joined > TIMEOUT_SECONDS:
            raise TimeoutError("the node that joined got no role")
        time.sleep(POLL_SECONDS)
    after = time.monotonic() - joined
    quiet(sandbox)
    return {"attached after, s": after, "cloud calls": len(sandbox.simulator.journal(before))}


def _noted(versions: set[tuple[str, str]], item: Mapping[str, Any], check: Callable[[Mapping[str, Any]], bool]) -> bool:
    """Note a version of an object, and say whether it is as wanted."""
    versions.add((item["metadata"]["name"], item["metadata"]["resourceVersion"]))
    return check(item)


def _restart(sandbox: Sandbox) -> Figures:
    """Start the operator anew over what is in sync."""
    before = sandbox.simulator.last_call()
    sandbox.operator.stop()
    began = time.monotonic()
    sandbox.operator.start()
    settled = quiet(sandbox) - began
    calls = sandbox.simulator.journal(before)
    return {"settled after, s": settled, "cloud writes": sum(bool(call["write"]) for call in calls), **_calls(calls)}


def _gaps(calls: Calls) -> list[float]:
    """Return for how many seconds each instance had no role, from the answer to a detach to that of the attach."""
    without, gaps = dict[str, datetime](), list[float]()
    for call in calls:
        if call["status"] != 200 or call["action"] not in (ATTACH, DETACH):
            continue
        at = datetime.fromisoformat(str(call["time"]).replace("Z", "+00:00"))
        for instance in json.loads(call["params"]["InstanceIds"]):
            if call["action"] == DETACH:
                without[instance] = at
            elif instance in without:
                gaps.append((at - without.pop(instance)).total_seconds())
    return gaps
