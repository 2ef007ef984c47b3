"""`ram-operator why NODE`: which role the node's instance has, which bindings select it, and what each says of it."""

from __future__ import annotations

from collections.abc import Iterator

from ram_operator.cloud import EcsApi
from ram_operator.cluster.caches import Caches
from ram_operator.errors import CloudError
from ram_operator.kinds.instance_role_binding.index import selection
from ram_operator.kinds.names import INSTANCE_ROLE_BINDING
from ram_operator.model import Body, Facts, InstanceId, Json
from ram_operator.rules.nodes import node_facts


async def why(node: Body, caches: Caches, ecs: EcsApi) -> list[str]:
    """Return the lines to print for a Node.

    Args:
        node: the Node as the API server has it.
        caches: the bindings and nodes.
        ecs: tells which role the instance has now.
    """
    known = node_facts(node)
    if known.instance is None:
        skipped = f"Node {known.name} gets no role: {known.skip}: {known.skip_message}"
        return [skipped, f"Next: ram-operator explain {known.skip}"]
    selecting = [facts for facts in _bindings(caches) if known.name in {one.name for one in selection(facts).nodes}]
    lines = [f"Node {known.name} is the instance {known.instance}.", await _role(known.instance, ecs)]
    if not selecting:
        return [*lines, "No InstanceRoleBinding selects it.", "Next: kubectl get irb -o wide"]
    for facts in selecting:
        lines += _binding(facts, known.instance)
    first = next((facts for facts in selecting if _has(facts, known.instance)), selecting[0])
    return [*lines, f"Next: kubectl describe irb {first.me.key.name}"]


def _bindings(caches: Caches) -> list[Facts]:
    """All bindings, the oldest first: of several that select a node it has the instance."""
    found = (caches.facts(key) for key in caches.keys(INSTANCE_ROLE_BINDING.kind))
    return sorted((facts for facts in found if facts), key=lambda facts: facts.me.age)


async def _role(instance: InstanceId, ecs: EcsApi) -> str:
    try:
        roles = await ecs.describe_instance_roles(instance.region, [instance.id])
    except CloudError as error:
        return f"Its role cannot be read: {error}"
    role = roles.get(instance.id)
    match role:
        case None:
            return "ECS does not know this instance in its region."
        case CloudError():
            return f"Its role cannot be read: {role}"
        case "":
            return "It has no role."
        case _:
            return f"It has the role {role}."


def _has(facts: Facts, instance: InstanceId) -> bool:
    return selection(facts).assigned.get(instance) == facts.me.key


def _binding(facts: Facts, instance: InstanceId) -> Iterator[str]:
    spec = facts.me.spec
    role = (spec.get("roleRef") or {}).get("name") or spec.get("roleName")
    whose = "has it" if _has(facts, instance) else "selects it, an older binding has it"
    yield f"{facts.me.key} {whose}; its role is {role}."
    rows: list[Json] = [row for row in facts.me.status.get("instances") or () if row.get("instance") == str(instance)]
    for row in rows:
        reason = f" ({row['reason']})" if row.get("reason") else ""
        message = f": {row['message']}" if row.get("message") else ""
        yield f"  its row says {row['state']}{reason}{message}"
    if not rows:
        yield "  it has no row for it yet"
