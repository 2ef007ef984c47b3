"""What hangs on an instance: its system disk and its network interface, which are as old as the instance itself."""

from collections.abc import Callable

from ram_simulator.cloud.calls import Action, Answer, Call, table
from ram_simulator.cloud.clock import to_seconds
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.ecs_store import Instance, NetworkType
from ram_simulator.ecs.checks import on_region, paged, region_of

_MOST_LISTED = 500
SYSTEM_DISK = {"Category": "cloud_essd", "Size": "40", "PerformanceLevel": "PL1", "DiskName": "", "Description": ""}
_SHOWN_OF_DISK = ("Category", "PerformanceLevel", "DiskName", "Description")


def disk_id(instance: Instance) -> str:
    """Return the id of the system disk."""
    return f"d-{instance.instance_id.removeprefix('i-')}"


def interface_id(instance: Instance) -> str:
    """Return the id of the primary network interface."""
    return f"eni-{instance.instance_id.removeprefix('i-')}"


def describe_disks(cloud: Cloud, call: Call) -> Answer:
    """List the system disks of instances; there are no data disks."""
    ids = call.json_list("DiskIds")
    found = [
        disk
        for instance in cloud.ecs.in_region(region_of(cloud, call))
        if call.text("DiskType") in ("", "all", "system")
        and call.text("InstanceId") in ("", instance.instance_id)
        and (ids is None or disk_id(instance) in ids)
        and _has(disk := _disk(instance), call, ("Category", "Status", "ZoneId", "DiskName", "DiskChargeType"))
    ]
    page, counts = paged(call, found, _MOST_LISTED)
    return {**counts, "NextToken": "", "Disks": {"Disk": page}}


def _has(shown: Answer, call: Call, names: tuple[str, ...]) -> bool:
    return all(call.text(name) in ("", shown[name]) for name in names)


def _disk(instance: Instance) -> Answer:
    disk, created = SYSTEM_DISK | instance.system_disk, to_seconds(instance.creation_time)
    attached = {"AttachedTime": created, "Device": "/dev/xvda", "InstanceId": instance.instance_id}
    return {
        **{name: disk[name] for name in _SHOWN_OF_DISK},
        "DiskId": disk_id(instance),
        "Size": int(disk["Size"]),
        "Type": "system",
        "Status": "In_use",
        "InstanceId": instance.instance_id,
        "RegionId": instance.region,
        "ZoneId": instance.zone,
        "Device": "/dev/xvda",
        "CreationTime": created,
        "AttachedTime": created,
        "DiskChargeType": instance.charge_type,
        "ImageId": instance.image_id,
        "DeleteWithInstance": True,
        "DeleteAutoSnapshot": True,
        "EnableAutoSnapshot": True,
        "Encrypted": False,
        "Portable": False,
        "ResourceGroupId": instance.resource_group_id,
        "MountInstances": {"MountInstance": []},
        "Attachments": {"Attachment": [attached]},
        "OperationLocks": {"OperationLock": []},
        "Tags": {"Tag": []},
    }


_INTERFACE_FILTERS: dict[str, Callable[[Instance], str]] = {
    "InstanceId": lambda instance: instance.instance_id,
    "VpcId": lambda instance: instance.vpc_id,
    "VSwitchId": lambda instance: instance.vswitch_id,
    "PrimaryIpAddress": lambda instance: instance.address,
    "Status": lambda instance: "InUse",
    "Type": lambda instance: "Primary",
}


def describe_network_interfaces(cloud: Cloud, call: Call) -> Answer:
    """List the primary network interfaces of instances; there are no others."""
    ids, addresses, group = (
        call.listed("NetworkInterfaceId"),
        call.listed("PrivateIpAddress"),
        call.text("SecurityGroupId"),
    )
    found = [
        _interface(cloud, instance)
        for instance in cloud.ecs.in_region(region_of(cloud, call))
        if instance.network_type is NetworkType.VPC
        and (not ids or interface_id(instance) in ids)
        and (not addresses or instance.address in addresses)
        and (not group or group in instance.security_groups)
        and all(call.text(name) in ("", value(instance)) for name, value in _INTERFACE_FILTERS.items())
    ]
    page, counts = paged(call, found, _MOST_LISTED)
    return {**counts, "NextToken": "", "NetworkInterfaceSets": {"NetworkInterfaceSet": page}}


def _interface(cloud: Cloud, instance: Instance) -> Answer:
    address = {"PrivateIpAddress": instance.address, "Primary": True}
    return {
        "NetworkInterfaceId": interface_id(instance),
        "NetworkInterfaceName": "",
        "NetworkInterfaceTrafficMode": "Standard",
        "Description": "",
        "Type": "Primary",
        "Status": "InUse",
        "InstanceId": instance.instance_id,
        "Attachment": {"InstanceId": instance.instance_id, "DeviceIndex": 0},
        "MacAddress": instance.mac_address,
        "PrivateIpAddress": instance.address,
        "PrivateIpSets": {"PrivateIpSet": [address]},
        "Ipv6Sets": {"Ipv6Set": []},
        "SecurityGroupIds": {"SecurityGroupId": instance.security_groups},
        "VpcId": instance.vpc_id,
        "VSwitchId": instance.vswitch_id,
        "ZoneId": instance.zone,
        "CreationTime": to_seconds(instance.creation_time),
        "OwnerId": cloud.account.account_id,
        "ResourceGroupId": instance.resource_group_id,
        "SourceDestCheck": False,
        "QueueNumber": 1,
        "Tags": {"Tag": []},
    }


_PAGES = ("PageNumber", "PageSize")
_DISK_WITHOUT_EFFECT = ("MaxResults", "NextToken", "Portable", "Tag", "AdditionalAttributes", "ResourceGroupId")
_INTERFACE_WITHOUT_EFFECT = ("MaxResults", "NextToken", "Tag", "ResourceGroupId", "NetworkInterfaceName")
_DISK_FILTERS = ("InstanceId", "DiskType", "DiskIds", "Category", "Status", "ZoneId", "DiskName", "DiskChargeType")
ACTIONS = table(
    Action(
        "DescribeDisks",
        describe_disks,
        on_region("disk"),
        ("RegionId",),
        (*_DISK_FILTERS, *_PAGES, *_DISK_WITHOUT_EFFECT),
        without_effect=_DISK_WITHOUT_EFFECT,
    ),
    Action(
        "DescribeNetworkInterfaces",
        describe_network_interfaces,
        on_region("eni"),
        ("RegionId",),
        (
            *("NetworkInterfaceId", "PrivateIpAddress", "SecurityGroupId"),
            *(*_INTERFACE_FILTERS, *_PAGES, *_INTERFACE_WITHOUT_EFFECT),
        ),
        without_effect=_INTERFACE_WITHOUT_EFFECT,
    ),
)
