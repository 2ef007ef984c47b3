"""Builds Kubernetes objects, facts and cloud records for the tests of the operator's pure parts.

Facts come from the real caches: a test puts objects and nodes in, as the watches would, and asks for facts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ram_operator.cloud import Policy, PolicyName, PolicyType, Role
from ram_operator.cluster.caches import Caches
from ram_operator.kinds import AnyKind
from ram_operator.kinds.instance_role_binding import InstanceRoleBindingKind
from ram_operator.kinds.names import INSTANCE_ROLE_BINDING, RAM_POLICY, RAM_ROLE
from ram_operator.kinds.ram_policy import RamPolicyKind
from ram_operator.kinds.ram_role import RamRoleKind
from ram_operator.model import (
    FINALIZER,
    GROUP,
    VERSION,
    Context,
    Facts,
    InstanceId,
    ObjectKey,
    Outcome,
    Owner,
    Plan,
    Reference,
)
from ram_operator.rules.documents import trust_for_services
from ram_operator.rules.nodes import node_facts

NOW = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)
CLUSTER = "c-1"
DOCUMENT = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": ["oss:Get*"], "Resource": "*"}]}
OTHER_DOCUMENT = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": ["oss:List*"], "Resource": "*"}]}
FULL_CHECK = timedelta(hours=6)
ROLE_KIND = RamRoleKind(FULL_CHECK, protected_policies=("AliyunCS*",))
KINDS: tuple[AnyKind, ...] = (RamPolicyKind(FULL_CHECK), ROLE_KIND, InstanceRoleBindingKind())
ECS_TRUST = json.dumps(trust_for_services(["ecs.aliyuncs.com"]))


def key_of(kind: str, name: str) -> ObjectKey:
    return ObjectKey(kind, name)


def policy_key(name: str) -> ObjectKey:
    return ObjectKey(RAM_POLICY.kind, name)


def role_key(name: str) -> ObjectKey:
    return ObjectKey(RAM_ROLE.kind, name)


def binding_key(name: str) -> ObjectKey:
    return ObjectKey(INSTANCE_ROLE_BINDING.kind, name)


def instance(number: int, region: str = "cn-hangzhou") -> InstanceId:
    return InstanceId(region, f"i-bp1example{number:04d}")


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def owner(key: ObjectKey, *previous: str, cluster: str = CLUSTER) -> Owner:
    return Owner(cluster, key, previous)


def context(
    key: ObjectKey, now: datetime = NOW, outcome: Outcome | None = None, previous: tuple[str, ...] = ()
) -> Context:
    return Context(owner(key, *previous), now, outcome or Outcome())


def some_facts(key: ObjectKey, generation: int = 1) -> Facts:
    """Facts of an object that nothing else is known of."""
    me = Reference(key, f"uid-{key}", "2026-01-01T00:00:00Z", False, False, {}, {})
    return Facts(me, generation)


def decided(plan: Plan) -> Plan:
    """The plan without the status that follows from it."""
    return replace(plan, fields={}, entries={}, nodes={}, grants={}, unconfirmed=())


def body(
    kind: str,
    name: str,
    spec: Mapping[str, Any],
    status: Mapping[str, Any] | None = None,
    *,
    generation: int = 1,
    created: str = "2026-01-01T00:00:00Z",
    deleting: bool = False,
    version: int = 1,
    reconcile_at: str | None = None,
    finalizers: tuple[str, ...] = (FINALIZER,),
    uid: str = "",
) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "name": name,
        "uid": uid or f"uid-{kind}-{name}",
        "generation": generation,
        "creationTimestamp": created,
        "resourceVersion": str(version),
        "finalizers": list(finalizers),
    }
    if deleting:
        metadata["deletionTimestamp"] = "2026-05-01T11:59:59Z"
    if reconcile_at is not None:
        metadata["annotations"] = {f"{GROUP}/reconcile-at": reconcile_at}
    made: dict[str, Any] = {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": kind,
        "metadata": metadata,
        "spec": dict(spec),
    }
    return made | ({"status": dict(status)} if status is not None else {})


def policy_body(name: str = "oss-read", status: Mapping[str, Any] | None = None, **how: Any) -> dict[str, Any]:
    spec = {"document": DOCUMENT} | how.pop("spec", {})
    return body(RAM_POLICY.kind, name, spec, status, **how)


def role_body(name: str = "oss-reader", status: Mapping[str, Any] | None = None, **how: Any) -> dict[str, Any]:
    return body(RAM_ROLE.kind, name, how.pop("spec", {}), status, **how)


def binding_body(name: str = "storage-pool", status: Mapping[str, Any] | None = None, **how: Any) -> dict[str, Any]:
    spec = {"roleRef": {"name": "oss-reader"}, "nodeSelector": {"matchLabels": {"pool": "storage"}}}
    return body(INSTANCE_ROLE_BINDING.kind, name, spec | how.pop("spec", {}), status, **how)


def ready(reason: str = "InSync", generation: int = 1) -> list[dict[str, Any]]:
    return [condition("Ready", "True", reason, generation=generation)]


def condition(
    type_: str, status: str, reason: str, message: str = "", *, generation: int = 1, since: str = "2026-01-01T00:00:00Z"
) -> dict[str, Any]:
    return {
        "type": type_,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": generation,
        "lastTransitionTime": since,
    }


def made_policy_status(name: str = "oss-read") -> dict[str, Any]:
    """The status of a policy that the cloud has as ours."""
    return {"policyName": name, "defaultVersion": "v1", "attachmentCount": 0, "conditions": ready()}


def made_role_status(name: str = "oss-reader", **fields: Any) -> dict[str, Any]:
    """The status of a role that the cloud has as ours, with all its policies."""
    return {
        "roleName": name,
        "roleId": f"id-{name}",
        "arn": f"acs:ram::1234567890123456:role/{name.lower()}",
        "policyCounts": {"attached": 0, "wanted": 0},
        "policySummary": "0/0",
        "managedPolicies": [],
        "conditions": ready(),
    } | fields


def node(name: str, number: int | None = 1, /, region: str = "cn-hangzhou", **labels: str) -> dict[str, Any]:
    spec = {} if number is None else {"providerID": str(instance(number, region))}
    return {"metadata": {"name": name, "uid": f"uid-{name}", "labels": labels}, "spec": spec}


def cluster(*bodies: Mapping[str, Any], nodes: tuple[Mapping[str, Any], ...] = ()) -> Caches:
    """Caches that have seen these objects and nodes."""
    caches = Caches(KINDS)
    for made in bodies:
        caches.put(ObjectKey(made["kind"], made["metadata"]["name"]), made)
    for each in nodes:
        caches.put_node(node_facts(each))
    return caches


def facts_of(key: ObjectKey, caches: Caches) -> Facts:
    facts = caches.facts(key)
    assert facts is not None
    return facts


def cloud_policy(name: str = "oss-read", document: Any = DOCUMENT, **fields: Any) -> Policy:
    made: dict[str, Any] = {
        "description": "",
        "default_version": "v1",
        "update_date": "2026-04-01T00:00:00Z",
        "attachment_count": 0,
    }
    return Policy(name, PolicyType.CUSTOM, document=json.dumps(document), **(made | fields))


def cloud_role(name: str = "oss-reader", **fields: Any) -> Role:
    made: dict[str, Any] = {
        "role_id": f"id-{name}",
        "arn": f"acs:ram::1234567890123456:role/{name.lower()}",
        "description": "",
        "trust": ECS_TRUST,
        "max_session_seconds": 3600,
        "update_date": "2026-04-01T00:00:00Z",
    }
    return Role(name, **(made | fields))


def custom(name: str) -> PolicyName:
    return PolicyName(PolicyType.CUSTOM, name)


def system(name: str) -> PolicyName:
    return PolicyName(PolicyType.SYSTEM, name)
