"""A pool of nodes and a binding that gives it a role: where the tests of bindings begin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.unit.builders import binding_body, binding_key, instance, made_role_status, node, role_body
from tests.unit.scene import Instances, Scene

from ram_operator.model import InstanceId, ObjectKey, Report

ONE, TWO, THREE = instance(1), instance(2), instance(3)
BINDING = binding_key("storage-pool")
STORAGE = {"matchLabels": {"pool": "storage"}}


def scene(
    roles: Mapping[InstanceId, str], *bindings: Mapping[str, Any], nodes: int = 1, ecs: Instances | None = None
) -> tuple[Scene, Instances]:
    """Roles `oss-reader` and `log-writer` are ready; node-1 ... are of the pool `storage`."""
    ecs = ecs or Instances(roles)
    made = Scene(ecs.cloud)
    for name in ("oss-reader", "log-writer"):
        made.put(role_body(name, made_role_status(name)))
    for number in range(1, nodes + 1):
        made.put_node(node(f"node-{number}", number, pool="storage"))
    for body in bindings or (binding_body(),):
        made.put(body)
    made.asked = {key: scope for key, scope in made.asked.items() if key.kind == BINDING.kind}
    return made, ecs


def state(made: Scene, one: InstanceId = ONE, key: ObjectKey = BINDING) -> tuple[Any, ...]:
    """State, role and origin of a row; empty where there is none."""
    row = made.rows(key).get(str(one))
    return (row["state"], row.get("roleName"), row.get("origin")) if row else ()


def remarks(said: Report) -> list[tuple[str, str]]:
    return [(event.reason, event.note) for event in said.events if event.node is None]


async def attached(*, nodes: int = 1) -> tuple[Scene, Instances]:
    """A binding that has attached its role."""
    made, ecs = scene({instance(number): "" for number in range(1, nodes + 1)}, nodes=nodes)
    await made.settle()
    assert state(made) == ("Attached", "oss-reader", "Attached")
    ecs.calls.clear()
    made.log.clear()
    return made, ecs
