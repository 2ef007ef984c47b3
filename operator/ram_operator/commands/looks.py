"""What `doctor` finds out of the nodes and of the operator itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from ram_operator.cloud import EcsApi
from ram_operator.cluster.kube import Kube
from ram_operator.commands.remarks import Level, Remark
from ram_operator.errors import CloudError, KubeError, RegionNotFound
from ram_operator.kinds.instance_role_binding.observing import ObservedBinding, look
from ram_operator.model import InstanceId, Json, NodeFacts, Reason, explain, is_by_design, listing, number_of

LEASES = "/apis/coordination.k8s.io/v1"
STALE_AFTER = timedelta(seconds=60)
"""How old the last renewal of a Lease may be, which is renewed every two seconds: clocks differ."""


async def of_nodes(nodes: Iterable[NodeFacts], ecs: EcsApi) -> tuple[list[Remark], list[CloudError]]:
    """Say which roles the nodes have, and which nodes can have none and why.

    Args:
        nodes: all of the cluster.
        ecs: tells the roles.

    Returns:
        The remarks, and the errors of calls that are no node's fault.
    """
    nodes = sorted(nodes, key=lambda node: node.name)
    names: dict[InstanceId, list[str]] = {}
    for node in nodes:
        if node.instance:
            names.setdefault(node.instance, []).append(node.name)
    seen = await look(names, ecs)
    roles = Counter(role or "no role" for role in seen.roles.values())
    told = ", ".join(f"{role} {count}" for role, count in roles.most_common())
    without: dict[Reason, list[str]] = {}
    for node in nodes:
        if reason := _reason(node, names, seen):
            without.setdefault(reason, []).append(node.name)
    remarks = [
        Remark(Level.OK, number_of(len(nodes), "node") + (f"; by the role that they have: {told}" if told else "")),
        *(_without_role(reason, names_of) for reason, names_of in sorted(without.items())),
    ]
    errors = (part.error for part in seen.unreadable.values())
    return remarks, [error for error in errors if not isinstance(error, RegionNotFound)]


def _reason(node: NodeFacts, names: dict[InstanceId, list[str]], seen: ObservedBinding) -> Reason | None:
    """Why a node can have no role; None where it can."""
    if node.instance is None or node.skip:
        return node.skip
    if len(names[node.instance]) > 1:
        return Reason.DUPLICATE_PROVIDER_ID
    if isinstance(seen.error_of(node.instance), RegionNotFound):
        return Reason.REGION_NOT_FOUND
    return Reason.INSTANCE_GONE if node.instance in seen.missing else None


def _without_role(reason: Reason, names: list[str]) -> Remark:
    level = Level.OK if is_by_design(reason) else Level.WARNING
    return Remark(level, f"{number_of(len(names), 'node')} without a role: {reason}: {listing(names)}", explain(reason))


async def of_the_operator(kube: Kube, lease: tuple[str, str] | None, now: datetime) -> Remark:
    """Say whether an operator runs, by its Lease.

    Args:
        kube: the cluster.
        lease: namespace and name of the Lease, the namespace empty where it is not known; None for an operator that
            has none.
        now: the time of day.
    """
    if lease is None:
        return Remark(
            Level.OK, "the operator has no Lease, since leader election is off; the objects tell whether it runs"
        )
    namespace, name = lease
    try:
        leases = await _leases(kube, namespace, name)
    except KubeError as error:
        words = f"the operator's Lease cannot be read, so that it is not known whether it runs: {error}"
        return Remark(Level.WARNING, words, "have somebody look who may get Leases in its namespace")
    for one in leases:
        if words := _held(one, now):
            return Remark(Level.OK, words)
    if leases:
        ended = ", ".join(_ended(one) for one in leases)
        return Remark(Level.ERROR, f"no operator runs: {ended}", _pods(leases[0]["metadata"]["namespace"]))
    if namespace:
        return Remark(Level.ERROR, f"no operator runs: there is no Lease {namespace}/{name}", _pods(namespace))
    return Remark(
        Level.OK, f"no Lease {name}: an operator without leader election has none, the objects tell whether it runs"
    )


async def _leases(kube: Kube, namespace: str, name: str) -> list[Json]:
    """The Leases of a name: of one namespace, or of all. Raises KubeError."""
    if not namespace:
        query = {"fieldSelector": f"metadata.name={name}"}
        return list((await kube.request("GET", f"{LEASES}/leases", query=query)).get("items") or ())
    try:
        return [await kube.request("GET", f"{LEASES}/namespaces/{namespace}/leases/{name}")]
    except KubeError as error:
        if error.status == 404:
            return []
        raise


def _pods(namespace: str) -> str:
    return f"kubectl -n {namespace} get pods; docs/install.md says how to install it"


def _held(lease: Json, now: datetime) -> str:
    """Who holds a Lease and has renewed it lately, in words; empty where nobody has."""
    spec, renewed = lease["spec"], _renewed(lease)
    if not spec.get("holderIdentity") or renewed is None or now - renewed > STALE_AFTER:
        return ""
    return f"the operator {spec['holderIdentity']} runs, and holds the Lease {_place(lease)}"


def _ended(lease: Json) -> str:
    renewed = _renewed(lease)
    return f"the Lease {_place(lease)} " + (f"was renewed last at {renewed}" if renewed else "was never renewed")


def _place(lease: Json) -> str:
    return f"{lease['metadata']['namespace']}/{lease['metadata']['name']}"


def _renewed(lease: Json) -> datetime | None:
    try:
        return datetime.fromisoformat(str(lease["spec"].get("renewTime")))
    except ValueError:
        return None
