"""What the operator would know now: the cluster's objects and nodes, read once, with manifests laid over them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from ram_operator.cluster.caches import Caches
from ram_operator.cluster.kube import NODES, Kube, path_of_all
from ram_operator.kinds import AnyKind
from ram_operator.model import Body, Json, ObjectKey, timestamp
from ram_operator.rules.nodes import node_facts


async def snapshot(kube: Kube, kinds: Iterable[AnyKind]) -> Caches:
    """Read all objects of the kinds and all nodes. Raises KubeError."""
    kinds = tuple(kinds)
    caches = Caches(kinds)
    for kind in kinds:
        async for body in kube.objects(path_of_all(kind.resource)):
            # Items of a list carry no kind of their own.
            caches.put(ObjectKey(kind.resource.kind, body["metadata"]["name"]), {**body, "kind": kind.resource.kind})
    async for node in kube.objects(NODES):
        caches.put_node(node_facts(node))
    return caches


def apply_manifest(caches: Caches, body: Mapping[str, Json], now: datetime) -> ObjectKey:
    """Change the caches as applying a manifest would change the cluster; return the object's key."""
    key = ObjectKey(str(body["kind"]), str(body["metadata"]["name"]))
    old: Body = caches.body(key) or {}
    before: Mapping[str, Json] = old.get("metadata") or {
        "uid": f"planned-{key}",
        "creationTimestamp": timestamp(now),
        "generation": 0,
        "resourceVersion": "0",
    }
    spec = body.get("spec") or {}
    changed = spec != old.get("spec")
    metadata = {**before, **body["metadata"], "generation": before["generation"] + changed}
    caches.put(key, {**body, "metadata": metadata, "spec": spec, "status": old.get("status") or {}})
    return key


def apply_deletion(caches: Caches, keys: Iterable[ObjectKey], now: datetime) -> None:
    """Change the caches as deleting these objects would change the cluster."""
    for key in keys:
        body = caches.body(key) or {}
        caches.put(key, {**body, "metadata": {**body["metadata"], "deletionTimestamp": timestamp(now)}})
