"""What stands at the paths of the metadata service below `latest/`, but for the credentials of a role."""

import json
from collections.abc import Callable, Mapping

from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.ecs_store import Instance
from ram_simulator.ecs.descriptions import serial_number
from ram_simulator.metadata.credentials import seen_binding
from ram_simulator.metadata.errors import MetadataError


def content(cloud: Cloud, instance: Instance, path: list[str]) -> str:
    """Return what is at a path, whose first part follows `latest/`; raise MetadataError if there is nothing."""
    match path:
        case [] | [""]:
            return "\n".join(["dynamic/", "meta-data/", *(["user-data"] if instance.user_data else [])])
        case ["dynamic"] | ["dynamic", ""]:
            return "instance-identity/"
        case ["dynamic", "instance-identity"] | ["dynamic", "instance-identity", ""]:
            return "document"
        case ["meta-data" | "meta-data/"] | ["meta-data", ""]:
            return "\n".join(sorted([*_ENTRIES, "ram/", "instance/"]))
        case ["meta-data", "ram" | "Ram"] | ["meta-data", "ram" | "Ram", ""]:
            return "security-credentials/"
        case ["meta-data", "ram" | "Ram", "security-credentials", *rest] if rest in ([], [""]):
            return seen_binding(cloud, instance).role_name
        case ["meta-data", "instance"] | ["meta-data", "instance", ""]:
            return "instance-type"
        case ["meta-data", "instance", "instance-type"]:
            return instance.instance_type
        case ["meta-data", entry] if entry in _ENTRIES:
            return _ENTRIES[entry](cloud, instance)
        case ["user-data"] if instance.user_data:
            return instance.user_data
        case ["dynamic", "instance-identity", "document"]:
            return json.dumps(_identity(cloud, instance))
    raise MetadataError(404, "not found")


_ENTRIES: Mapping[str, Callable[[Cloud, Instance], str]] = {
    "hostname": lambda cloud, instance: instance.host_name or instance.name,
    "image-id": lambda cloud, instance: instance.image_id,
    "instance-id": lambda cloud, instance: instance.instance_id,
    "mac": lambda cloud, instance: instance.mac_address,
    "network-type": lambda cloud, instance: instance.network_type.value,
    "owner-account-id": lambda cloud, instance: cloud.account.account_id,
    "private-ipv4": lambda cloud, instance: instance.address,
    "region-id": lambda cloud, instance: instance.region,
    "serial-number": lambda cloud, instance: serial_number(instance),
    "vpc-id": lambda cloud, instance: instance.vpc_id,
    "vswitch-id": lambda cloud, instance: instance.vswitch_id,
    "zone-id": lambda cloud, instance: instance.zone,
}


def _identity(cloud: Cloud, instance: Instance) -> Mapping[str, str]:
    return {
        "owner-account-id": cloud.account.account_id,
        "instance-id": instance.instance_id,
        "mac": instance.mac_address,
        "region-id": instance.region,
        "serial-number": serial_number(instance),
        "zone-id": instance.zone,
        "instance-type": instance.instance_type,
        "image-id": instance.image_id,
        "private-ipv4": instance.address,
    }
