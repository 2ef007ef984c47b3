"""Which ECS instance a Node is, if any, and whether a selector means it.

`cluster.caches` turns every Node into `NodeFacts`; `rules.assignment` and `kinds` select among them. The formats are
those that Alibaba Cloud's own cloud controller manager accepts (its node_utils.go), narrowed to real instance ids.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ram_operator.model import ROLE_LABEL, STARTUP_TAINT, Body, InstanceId, Json, Marks, NodeFacts, Reason, explain
from ram_operator.rules.selectors import Selector, check_selector
from ram_operator.rules.wording import quoted

__all__ = ["Selector", "check_selector", "label_value", "node_facts", "selects"]

# Bounded, since a row of status takes 128 characters: one odd node must not keep the others' rows from being stored.
_PROVIDER_ID = re.compile(r"(?:alicloud://)?([a-z]{2,4}(?:-[a-z0-9]{1,16}){1,4})\.(i-[a-z0-9]{8,50})")
_LABEL_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?")
_HYBRID_PREFIX = "ack-hybrid://"
_OWN_SCHEMES = ("alicloud", "alibabacloud")
_LINGJUN_PREFIX = "e01-"
_EDGE_PREFIX = "ens-"
_LINGJUN_LABEL = "alibabacloud.com/lingjun-worker"
MOST_LABELS = 500
"""Labels that are kept of a node, the first in order: it chooses them itself. Those of ACK have some 40."""
_EXCLUDE_LABELS = ("service.alibabacloud.com/exclude-node", "service.beta.kubernetes.io/exclude-node")


def node_facts(body: Body) -> NodeFacts:
    """What is kept of a Node.

    Args:
        body: the Node as the API server returns it; missing parts are read as empty.

    Returns:
        The facts, with the instance, or with the reason and the words why the node has none. With both where not all
        labels are kept: one that is not may be the one that a binding selects by.
    """
    metadata = _mapping(body.get("metadata"))
    labels = {str(key): str(value) for key, value in _mapping(metadata.get("labels")).items()}
    spec = _mapping(body.get("spec"))
    provider_id = str(spec.get("providerID") or "")
    taints = (index for index, taint in enumerate(spec.get("taints") or ()) if taint.get("key") == STARTUP_TAINT)
    marks = Marks(labels.pop(ROLE_LABEL, None), tuple(taints))
    found = _skip(labels, provider_id) or _instance(provider_id)
    instance, (reason, message) = (found, _doubt(labels)) if isinstance(found, InstanceId) else (None, found)
    return NodeFacts(
        name=str(metadata.get("name", "")),
        uid=str(metadata.get("uid", "")),
        labels=tuple(sorted(labels.items())[:MOST_LABELS]),
        instance=instance,
        skip=reason,
        skip_message=message,
        marks=marks,
    )


def label_value(role: str) -> str:
    """A role's name as the value of a label, empty where it is none: 64 characters, or a dot or dash at an end."""
    return role if _LABEL_VALUE.fullmatch(role) else ""


def selects(selector: Selector | Mapping[str, Json] | None, node_names: frozenset[str], node: NodeFacts) -> bool:
    """Whether a node is meant by its name or by a metav1.LabelSelector.

    An absent, empty or malformed selector selects nothing: an empty one would be every node, which is refused. Where
    many nodes are asked for, give one that is read already (`Selector.of`).
    """
    return node.name in node_names or Selector.of(selector).matches(dict(node.labels))


def _skip(labels: Mapping[str, str], provider_id: str) -> tuple[Reason, str] | None:
    """Why a node may have no role, by its labels and by what kind of node its provider ID tells."""
    if labels.get("type") == "virtual-kubelet":
        return Reason.VIRTUAL_NODE, "a virtual node (label type=virtual-kubelet) is no ECS instance"
    if labels.get(_LINGJUN_LABEL) == "true":
        return Reason.LINGJUN_NODE, f"a Lingjun node (label {_LINGJUN_LABEL}=true) has no instance RAM role"
    if provider_id.startswith(_HYBRID_PREFIX):
        return Reason.HYBRID_NODE, f"a hybrid node (spec.providerID {_HYBRID_PREFIX}...) is no ECS instance"
    for label in _EXCLUDE_LABELS:
        if label in labels:
            return Reason.EXCLUDED_NODE, f"label {label} keeps cloud controllers off this node; remove it to include it"
    return None


def _doubt(labels: Mapping[str, str]) -> tuple[Reason | None, str]:
    """Why it cannot be told which bindings select a node; no reason where it can."""
    if len(labels) <= MOST_LABELS:
        return None, ""
    looked_at = f"has {len(labels)} labels, at most {MOST_LABELS} are looked at"
    return Reason.TOO_MANY_LABELS, f"{looked_at}; nothing is changed meanwhile; {explain(Reason.TOO_MANY_LABELS)}"


def _instance(provider_id: str) -> InstanceId | tuple[Reason, str]:
    if not provider_id:
        return Reason.NO_PROVIDER_ID, (
            "spec.providerID is not set; the kubelet sets it when it registers on ECS, "
            'else start it with --provider-id="<region>.<instance-id>"'
        )
    if provider_id.startswith(_LINGJUN_PREFIX):
        return Reason.LINGJUN_NODE, f"a Lingjun node (spec.providerID {_LINGJUN_PREFIX}...) has no instance RAM role"
    match = _PROVIDER_ID.fullmatch(provider_id)
    if match and not match[1].startswith(_EDGE_PREFIX):
        return InstanceId(*match.groups())
    reason, what = _form(provider_id)
    return reason, f'spec.providerID {what} ({quoted(provider_id)}); expected one like "cn-hangzhou.i-bp1example0001"'


def _form(provider_id: str) -> tuple[Reason, str]:
    """What a provider ID that is no ECS instance's looks like; one of elsewhere has nothing to be mended."""
    scheme, separator, _ = provider_id.partition("://")
    if separator and scheme in _OWN_SCHEMES:
        return Reason.INVALID_PROVIDER_ID, "is a form that no controller of Alibaba Cloud writes"
    if separator:
        return Reason.FOREIGN_PROVIDER_ID, f"is of another cloud ({scheme[:20]})"
    if provider_id.startswith(_EDGE_PREFIX):
        return Reason.FOREIGN_PROVIDER_ID, "is of the edge node service (ENS), whose instances have no RAM role"
    return Reason.INVALID_PROVIDER_ID, "is no ECS instance"


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}
