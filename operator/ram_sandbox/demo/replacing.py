"""ACK's nodes have a worker role already: it is replaced step by step, and given back. Called by steps."""

import json
from typing import Any, Final

from ram_sandbox.demo.applications import account_owner
from ram_sandbox.demo.story import StepFailed, Story
from ram_sandbox.installation import RUN_LABEL
from ram_sandbox.nodes import create_nodes, node_object

_WORKER: Final = "KubernetesWorkerRole-demo"
_OURS: Final = "EcsRamRoleDocumentTesting"
_BINDING: Final = "instancerolebinding/worker-pool"
_REGION: Final = "cn-hangzhou"
_NODES: Final = 3
_TRUST: Final = {
    "Version": "1",
    "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": ["ecs.aliyuncs.com"]}},
    ],
}
_POLICY: Final = "k8sWorkerRolePolicy-demo"
_DOCUMENT: Final = {
    "Version": "1",
    "Statement": [{"Effect": "Allow", "Action": ["log:Get*", "cr:PullRepository"], "Resource": "*"}],
}
_ATTACHED: Final = {"PolicyType": "Custom", "PolicyName": _POLICY, "RoleName": _WORKER}
_OBJECT: Final = {
    "apiVersion": "ram.alicloud.dev/v1alpha1",
    "kind": "InstanceRoleBinding",
    "metadata": {"name": "worker-pool"},
    "spec": {"roleRef": {"name": "oss-reader"}, "nodeSelector": {"matchLabels": {"pool": "workers"}}},
}


def replace_worker_role(story: Story) -> None:
    """Refused, planned, allowed, rolled out, and given back when the binding is deleted."""
    instances = _workers_join(story)
    try:
        _told(story, {}, "Conflict")
        _told(story, {"conflictPolicy": "Replace"}, "Conflict")
        _told(story, {"allowProtectedRoles": True, "managementPolicy": "Plan"}, "PlanPending")
        for step in story.sandbox.kubectl.get(*_BINDING.split("/"))["status"]["plan"]["steps"]:
            story.show(f"planned: {step}")
        _have(story, instances, _WORKER)
        before = story.sandbox.simulator.last_call()
        _told(story, {"managementPolicy": "Enforce"}, "AllAttached")
        _have(story, instances, _OURS)
        _show_writes(story, before)
        story.kubectl("get", _BINDING)
        story.kubectl("delete", _BINDING, "--timeout=60s")
        _have(story, instances, _WORKER)
        story.show(f"each instance has {_WORKER} again")
    finally:
        _workers_go(story, instances)


def _workers_join(story: Story) -> list[str]:
    simulator, owner = story.sandbox.simulator, account_owner(story.sandbox.simulator)
    for action, parameters in (
        ("CreateRole", {"RoleName": _WORKER, "AssumeRolePolicyDocument": json.dumps(_TRUST)}),
        ("CreatePolicy", {"PolicyName": _POLICY, "PolicyDocument": json.dumps(_DOCUMENT)}),
        ("AttachPolicyToRole", _ATTACHED),
    ):
        if "Code" in (answer := owner.call("Ram", action, parameters)):
            raise StepFailed(f"{action} for {_WORKER}", answer)
    made: dict[str, Any] = {"region": _REGION, "networkType": "vpc", "ramRoleName": _WORKER}
    instances = [str(simulator.post("/instances", made)["instanceId"]) for _ in range(_NODES)]
    labels = {"pool": "workers", RUN_LABEL: story.sandbox.installation.run}
    nodes = [node_object(f"worker-{number}", _REGION, one, labels) for number, one in enumerate(instances, start=1)]
    create_nodes(story.sandbox.kubectl, nodes)
    story.show(f"{_NODES} nodes of a pool that ACK made join; their instances have {_WORKER}")
    story.kubectl("apply", "-f", "-", input=json.dumps(_OBJECT))
    return instances


def _told(story: Story, change: dict[str, Any], reason: str) -> None:
    """Edit the binding, and wait for what it says of that."""
    if change:
        story.kubectl("patch", _BINDING, "--type=merge", "-p", json.dumps({"spec": change}))
    story.expect((True, reason), lambda: _ready(story)[:2])
    story.show(f"{reason}: {_ready(story)[2]}")


def _ready(story: Story) -> tuple[bool, str, str]:
    """Whether the condition Ready is of the last edit, its reason and its message."""
    binding = story.sandbox.kubectl.get(*_BINDING.split("/"))
    rows = binding.get("status", {}).get("conditions", [])
    row: dict[str, Any] = next((row for row in rows if row["type"] == "Ready"), {})
    latest = row.get("observedGeneration") == binding["metadata"]["generation"]
    return latest, str(row.get("reason")), str(row.get("message"))


def _show_writes(story: Story, since: int) -> None:
    """Show that one instance went first, and that none waited for the others while it had no role."""
    for call in story.sandbox.simulator.journal(since):
        if call["write"]:
            parameters = call["params"]
            story.show(f"{call['action']} {parameters['RamRoleName']} {parameters['InstanceIds']}")


def _have(story: Story, instances: list[str], role: str) -> None:
    def roles() -> list[str]:
        state = story.sandbox.simulator.get("/state")["instances"]
        return [str(entry.get("ramRoleName")) for entry in state if entry["instanceId"] in instances]

    story.expect([role] * len(instances), roles)


def _workers_go(story: Story, instances: list[str]) -> None:
    story.sandbox.kubectl.ok("delete", "nodes", "-l", f"pool=workers,{RUN_LABEL}={story.sandbox.installation.run}")
    for one in instances:
        story.sandbox.simulator.delete(f"/instances/{one}")
    owner = account_owner(story.sandbox.simulator)
    owner.call("Ram", "DetachPolicyFromRole", _ATTACHED)
    owner.call("Ram", "DeletePolicy", {"PolicyName": _POLICY})
    owner.call("Ram", "DeleteRole", {"RoleName": _WORKER})
