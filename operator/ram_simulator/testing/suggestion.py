"""The least policy that would have allowed what somebody has called, from the journal."""

from collections import defaultdict
from collections.abc import Iterable

from ram_simulator.cloud.calls import Answer
from ram_simulator.testing.journal import Entry


def suggested_policy(entries: Iterable[Entry], principal: str) -> Answer:
    """Return a policy document of all permissions that the calls of a principal took, each on its resources alone.

    `principal` is an ARN as the journal has it, or its end such as `user/dev`; `role/x` means all sessions of a role.
    A call that policies refused counts with what it was refused for. Raises ValueError if there is no such call.
    """
    callers, resources = set(), defaultdict[str, set[str]](set)
    for entry in entries:
        callers.add(entry.principal)
        if _is_by(entry.principal, principal):
            for action, resource in entry.rights:
                resources[action].add(resource)
    if not resources:
        known = ", ".join(sorted(filter(None, callers))) or "nobody"
        raise ValueError(f"principal: no call that takes a permission was made by {principal!r}; calls are by {known}")
    # actions on the same resources share a statement
    actions = defaultdict[tuple[str, ...], list[str]](list)
    for action in sorted(resources):
        actions[tuple(sorted(resources[action]))].append(action)
    return {
        "Version": "1",
        "Statement": [
            {"Effect": "Allow", "Action": named, "Resource": list(where)} for where, named in actions.items()
        ],
    }


def _is_by(caller: str, principal: str) -> bool:
    kind, _, name = principal.rpartition(":")[2].partition("/")
    if kind == "role":
        return caller.rpartition(":")[2].startswith(f"assumed-role/{name.lower()}/")
    return caller == principal or caller.endswith(f":{principal}")
