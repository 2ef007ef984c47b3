"""ECS's state: instances, and which instance has which role."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ram_simulator.cloud.regions import PUBLIC_REGIONS, Region
from ram_simulator.policies import PolicyDocument

_CHANGES_KEPT = 7


class NetworkType(StrEnum):
    """How an instance is connected; only VPC instances can have a role."""

    VPC = "vpc"
    CLASSIC = "classic"


class InstanceStatus(StrEnum):
    """The life of an instance; it starts and stops at once here."""

    RUNNING = "Running"
    STOPPED = "Stopped"


@dataclass(frozen=True, slots=True)
class RoleBinding:
    """The role that an instance has, by name, and the session policy that limits it there."""

    role_name: str
    session_policy: PolicyDocument | None
    since: datetime


@dataclass(slots=True)
class Instance:
    """An ECS instance. `address` is its private IPv4 address; `user_data` has bytes that are no UTF-8 as surrogates.

    `number` counts instances in the order in which they were added, `system_disk` is what was asked of that disk,
    `internet_max_bandwidth_out` is in Mbit/s and gives no public address here.
    """

    instance_id: str
    region: str
    zone: str
    network_type: NetworkType
    name: str
    creation_time: datetime
    address: str
    status: InstanceStatus = InstanceStatus.RUNNING
    instance_type: str = "ecs.g7.large"
    image_id: str = "aliyun_3_x64_20G_alibase.vhd"
    vpc_id: str = ""
    vswitch_id: str = ""
    security_group_id: str = "sg-bp1simulator00000001"
    user_data: str = ""
    http_tokens: str = "optional"
    http_endpoint: str = "enabled"
    hop_limit: int = 1
    metadata_tags: str = "disabled"
    deletion_protection: bool = False
    further_security_groups: list[str] = field(default_factory=list)
    host_name: str = ""
    description: str = ""
    charge_type: str = "PostPaid"
    internet_charge_type: str = "PayByTraffic"
    internet_max_bandwidth_out: int = 0
    key_pair_name: str = ""
    io_optimized: bool = True
    number: int = 0
    resource_group_id: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    system_disk: dict[str, str] = field(default_factory=dict)
    binding: RoleBinding | None = None
    changes: list[tuple[datetime, RoleBinding | None]] = field(default_factory=list)

    def binding_before(self, moment: datetime) -> RoleBinding | None:
        """Return the role that the instance had at `moment`, as far as the newest changes tell."""
        earlier = [binding for changed, binding in self.changes if changed <= moment]
        return earlier[-1] if earlier else None

    @property
    def security_groups(self) -> list[str]:
        """All security groups, the first one first."""
        return [self.security_group_id, *self.further_security_groups]

    @property
    def mac_address(self) -> str:
        """The MAC address of the one interface; like the address, no other instance of the network has it."""
        return "00:16:3e:" + ":".join(f"{int(part):02x}" for part in self.address.split(".")[1:])


class EcsStore:
    """Instances by id, and by region and role."""

    def __init__(self, regions: Mapping[str, Region] = PUBLIC_REGIONS) -> None:
        self.regions = regions
        self._instances: dict[str, Instance] = {}
        self._by_region: dict[str, dict[str, Instance]] = {region: {} for region in regions}
        self._holders: dict[tuple[str, str], dict[str, Instance]] = {}
        self._newest = 0
        self.client_tokens: dict[str, tuple[str, list[str]]] = {}

    def __len__(self) -> int:
        return len(self._instances)

    def __iter__(self) -> Iterator[Instance]:
        return iter(self._instances.values())

    def get(self, instance_id: str) -> Instance | None:
        """Return an instance by its id."""
        return self._instances.get(instance_id)

    def in_region(self, region: str) -> list[Instance]:
        """Return the instances of a region in the order of their creation."""
        return list(self._by_region[region].values())

    def having_role(self, region: str, role_name: str) -> list[Instance]:
        """Return the instances of a region that have the role of that name in any case."""
        return list(self._holders.get((region, role_name.lower()), {}).values())

    def having_role_anywhere(self, role_name: str) -> list[Instance]:
        """Return the instances of all regions that have the role of that name in any case."""
        return [instance for region in self.regions for instance in self.having_role(region, role_name)]

    def add(self, instance: Instance) -> None:
        """Add an instance, with the role that it has if any."""
        # a number of a state file stays: pages go on after it
        self._newest = instance.number = instance.number or self._newest + 1
        self._instances[instance.instance_id] = instance
        self._by_region[instance.region][instance.instance_id] = instance
        if instance.binding is not None:
            self._holders_of(instance.binding, instance.region)[instance.instance_id] = instance

    def remove(self, instance: Instance) -> None:
        """Remove an instance."""
        self._forget_holder(instance)
        del self._instances[instance.instance_id]
        del self._by_region[instance.region][instance.instance_id]

    def bind(self, instance: Instance, binding: RoleBinding) -> None:
        """Attach a role to an instance."""
        self._forget_holder(instance)
        self._change(instance, binding, binding.since)
        self._holders_of(binding, instance.region)[instance.instance_id] = instance

    def unbind(self, instance: Instance, moment: datetime) -> None:
        """Detach the role of an instance."""
        self._forget_holder(instance)
        self._change(instance, None, moment)

    def _holders_of(self, binding: RoleBinding, region: str) -> dict[str, Instance]:
        return self._holders.setdefault((region, binding.role_name.lower()), {})

    def _change(self, instance: Instance, binding: RoleBinding | None, moment: datetime) -> None:
        instance.binding = binding
        instance.changes = [*instance.changes[-_CHANGES_KEPT:], (moment, binding)]

    def _forget_holder(self, instance: Instance) -> None:
        if instance.binding is not None:
            del self._holders[(instance.region, instance.binding.role_name.lower())][instance.instance_id]
