"""Instances that a test adds and removes, without calls of ECS and what those demand."""

import re
from collections.abc import Mapping
from typing import Any

from ram_simulator.cloud.calls import Answer
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.ecs_store import NetworkType, RoleBinding
from ram_simulator.cloud.spelling import check_keys, suggestion
from ram_simulator.ecs.instances import make_instance

_KEYS = ("region", "networkType", "id", "ramRoleName", "httpTokens")


def add_instance(cloud: Cloud, body: Mapping[str, Any]) -> Answer:
    """Make an instance as `body` asks; raise ValueError saying what is wrong with it."""
    check_keys(body, _KEYS)
    region, network = body.get("region", "cn-hangzhou"), body.get("networkType", "vpc")
    instance_id, role_name = body.get("id"), body.get("ramRoleName")
    http_tokens = body.get("httpTokens", "optional")
    if not isinstance(region, str) or region not in cloud.ecs.regions:
        raise ValueError(f'"region" must be one of {", ".join(cloud.ecs.regions)}, not {region!r}')
    if not isinstance(network, str) or network not in set(NetworkType):
        raise ValueError(f'"networkType" must be "vpc" or "classic", not {network!r}')
    if instance_id is not None and not (isinstance(instance_id, str) and re.fullmatch(r"[\w.-]{1,64}", instance_id)):
        raise ValueError(f'"id" must be letters, digits and "-", such as "i-one", not {instance_id!r}')
    if instance_id is not None and cloud.ecs.get(instance_id):
        raise ValueError(f'"id": the instance {instance_id} is there already')
    role = cloud.role(role_name) if isinstance(role_name, str) else None
    if role_name and role is None:
        hint = suggestion(str(role_name), [known.name for known in cloud.ram.roles])
        raise ValueError(f'"ramRoleName": there is no role {role_name!r}.{hint}')
    if http_tokens not in ("optional", "required"):
        raise ValueError(f'"httpTokens" must be "optional" or "required", not {http_tokens!r}')
    instance = make_instance(cloud, region, NetworkType(network), instance_id)
    instance.http_tokens = http_tokens
    if role is not None:
        cloud.ecs.bind(instance, RoleBinding(role.name, None, cloud.clock.now()))
    return {"instanceId": instance.instance_id}


def remove_instance(cloud: Cloud, instance_id: str) -> Answer:
    """Remove an instance at once, whatever it does; raise LookupError if there is none of that id."""
    instance = cloud.ecs.get(instance_id)
    if instance is None:
        raise LookupError(f"there is no instance {instance_id}")
    cloud.ecs.remove(instance)
    return {}
