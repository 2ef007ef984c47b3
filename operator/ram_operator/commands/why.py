"""`ram-operator why NODE`: which role the node's instance has, which bindings select it, and what each says of it."""

from __future__ import annotations

from collections.abc import Iterator

from ram_operator.cloud import EcsApi
from ram_operator.cluster.caches import Caches
from ram_operator.errors import CloudError, RegionNotFound
from ram_operator.kinds.instance_role_binding.index import selection
from ram_operator.kinds.names import INSTANCE_ROLE_BINDING, RAM_ROLE
from ram_operator.model import Body, Facts, InstanceId, Json, NodeFacts, ObjectKey, Reason, explain, listing
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
        return [skipped, f"Next: {explain(str(known.skip))}"]
    named = f"Node {known.name} is the instance {known.instance}."
    words, reason = await _role(known.instance, ecs)
    others = sorted(one.name for one in caches.nodes() if one.instance == known.instance and one.name != known.name)
    if others:
        words += f" {listing(others)} has the same provider ID, so that nothing is changed on the instance."
        reason = Reason.DUPLICATE_PROVIDER_ID
    elif known.skip:
        words, reason = f"{words} It {known.skip_message}.", known.skip
    concerned = [facts for facts in _bindings(caches) if _selects(facts, known) or _rows(facts, known)]
    lines = [named, words, *(line for facts in concerned for line in _binding(facts, known))]
    if not concerned:
        lines.append("No InstanceRoleBinding selects this node.")
    return [*lines, f"Next: {_next(known, concerned, reason)}"]


def _bindings(caches: Caches) -> list[Facts]:
    """All bindings, the oldest first: of several that select a node it has the instance."""
    found = (caches.facts(key) for key in caches.keys(INSTANCE_ROLE_BINDING.kind))
    return sorted((facts for facts in found if facts), key=lambda facts: facts.me.age)


async def _role(instance: InstanceId, ecs: EcsApi) -> tuple[str, Reason | None]:
    """What ECS says of the instance, and the reason that explains it where it has none."""
    try:
        role = (await ecs.describe_instance_roles(instance.region, [instance.id])).get(instance.id)
    except CloudError as error:
        role = error
    match role:
        case None:
            return "ECS does not know this instance in its region.", Reason.INSTANCE_GONE
        case RegionNotFound():
            return f"ECS has no region {instance.region}, so that there is no such instance.", Reason.REGION_NOT_FOUND
        case CloudError():
            return f"Its role cannot be read: {role}", None
        case "":
            return "It has no role.", None
        case _:
            return f"It has the role {role}.", None


def _next(known: NodeFacts, concerned: list[Facts], reason: Reason | None) -> str:
    if reason:
        return explain(reason)
    if not concerned:
        return f"compare `kubectl get node {known.name} --show-labels` with the selectors in `kubectl get irb -o yaml`"
    first = next((facts for facts in concerned if _holder(facts, known) == facts.me.key), concerned[0])
    return f"kubectl describe irb {first.me.key.name}"


def _holder(facts: Facts, known: NodeFacts) -> ObjectKey | None:
    """The binding that has the node's instance."""
    return selection(facts).assigned.get(known.instance) if known.instance else None


def _selects(facts: Facts, known: NodeFacts) -> bool:
    return known.name in {one.name for one in selection(facts).nodes}


def _rows(facts: Facts, known: NodeFacts) -> list[Json]:
    """The binding's rows of the node; where it has none, those of its instance."""
    rows: list[Json] = list(facts.me.status.get("instances") or ())
    return [row for row in rows if row.get("node") == known.name] or [
        row for row in rows if row.get("instance") == str(known.instance)
    ]


def _binding(facts: Facts, known: NodeFacts) -> Iterator[str]:
    spec, key, holder = facts.me.spec, facts.me.key, _holder(facts, known)
    reference = (spec.get("roleRef") or {}).get("name")
    role = f"{RAM_ROLE.kind}/{reference}" if reference else f"role {spec.get('roleName')}"
    if facts.me.deleting:
        yield f"{key} is being deleted, and has this node still; it gave {role}."
    elif not _selects(facts, known):
        yield f"{key} selects this node no longer, and has it still; it gave {role}."
    elif holder in (key, None):
        yield f"{key} selects this node; it gives {role}."
    else:
        yield f"{key} selects this node, which {holder} has; it gives {role}."
    rows = _rows(facts, known)
    for row in rows:
        reason = f" ({row['reason']})" if row.get("reason") else ""
        message = f": {row['message']}" if row.get("message") else ""
        node = f" of {row['node']}" if row.get("node") not in (None, known.name) else ""
        yield f"  its row{node} says {row['state']}{reason}{message}"
    if not rows:
        yield "  it has no row for this node yet"
