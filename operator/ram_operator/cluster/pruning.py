"""What is kept of an object as the API server shows it: what nobody here reads can be larger than all the rest.

A kubelet's Node has some 10 kB of images, conditions and managed fields. kopf keeps the body of each object for a
while, and holds it in reference cycles after that, so that thousands of whole Nodes would stay in memory together.
"""

from __future__ import annotations

from collections.abc import Mapping

from ram_operator.model import Body
from ram_operator.rules.documents import LAST_APPLIED, NOTHING

NODE = "Node"
_NODE_SPEC = ("providerID", "taints")
_NODE_METADATA = ("name", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "labels")


def pruned(body: Body, kind: str) -> Body:
    """An object without what is not read of its kind; what is no object is returned as it is."""
    metadata = body.get("metadata")
    if not isinstance(metadata, Mapping):
        return body
    if kind == NODE:
        spec = body.get("spec")
        read = {name: spec[name] for name in _NODE_SPEC if name in spec} if isinstance(spec, Mapping) else {}
        kept = {name: metadata[name] for name in _NODE_METADATA if name in metadata}
        versions = {name: body[name] for name in ("apiVersion", "kind") if name in body}
        return {**versions, "metadata": kept, "spec": read}
    kept = {name: value for name, value in metadata.items() if name != "managedFields"}
    if annotations := kept.get("annotations"):
        kept["annotations"] = {
            name: value for name, value in annotations.items() if name != LAST_APPLIED or NOTHING in value
        }
    return {**body, "metadata": kept}
