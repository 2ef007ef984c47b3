"""Node objects that stand for simulated instances. Called by the sandbox, its demo and the tests.

There is no kubelet behind them: they only carry what the operator looks at, a provider ID and labels.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ram_sandbox.kubectl import Kubectl
from ram_sandbox.simulator import Simulator

POOL_LABELS: Final = {"pool": "storage"}


def node_object(name: str, region: str, instance: str, labels: Mapping[str, str]) -> dict[str, Any]:
    """Return a Node of an ECS instance as ACK's kubelet registers it: the provider ID is REGION.INSTANCE."""
    own = {"kubernetes.io/hostname": name, "topology.kubernetes.io/region": region}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": own | dict(labels)},
        "spec": {"providerID": f"{region}.{instance}"},
    }


def create_nodes(kubectl: Kubectl, nodes: Sequence[Mapping[str, Any]]) -> None:
    """Create all of them with one kubectl.

    Raises:
        SandboxError: the API server refused one.
    """
    kubectl.ok("create", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(nodes)}))


def vpc_instances(simulator: Simulator, count: int) -> list[tuple[str, str]]:
    """Return (region, instance) of as many VPC instances, made where the fixture has too few."""
    there = [entry for entry in simulator.facts["instances"] if entry["networkType"] == "vpc"][:count]
    pairs = [(str(entry["region"]), str(entry["instanceId"])) for entry in there]
    region = pairs[0][0] if pairs else str(simulator.facts["regions"][0])
    return pairs + [(region, new_instance(simulator, region)) for _ in range(count - len(pairs))]


def new_instance(simulator: Simulator, region: str) -> str:
    """Make one more VPC instance in the simulated cloud and return its id."""
    return str(simulator.post("/instances", {"region": region, "networkType": "vpc"})["instanceId"])
