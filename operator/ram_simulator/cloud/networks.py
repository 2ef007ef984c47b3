"""The few networks that instances are put into: VPCs, their vSwitches and security groups."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(slots=True)
class Vpc:
    """A VPC with the one router and route table that each has."""

    vpc_id: str
    region: str
    cidr_block: str
    name: str
    description: str
    creation_time: datetime


@dataclass(slots=True)
class VSwitch:
    """A vSwitch: a part of a VPC in one zone."""

    vswitch_id: str
    vpc_id: str
    region: str
    zone: str
    cidr_block: str
    name: str
    description: str
    creation_time: datetime


@dataclass(slots=True)
class SecurityGroup:
    """A security group; it has no rules, as nothing is sent between instances here."""

    group_id: str
    region: str
    vpc_id: str
    name: str
    description: str
    kind: str
    creation_time: datetime
    inner_access: str = "Accept"
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class NetworkStore:
    """All of them by their ids."""

    vpcs: dict[str, Vpc] = field(default_factory=dict)
    vswitches: dict[str, VSwitch] = field(default_factory=dict)
    security_groups: dict[str, SecurityGroup] = field(default_factory=dict)
