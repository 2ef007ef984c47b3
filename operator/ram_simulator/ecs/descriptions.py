"""What ECS tells about itself: DescribeRegions, DescribeInstances, DescribeInstanceAttribute.

None of them shows the role of an instance; only DescribeInstanceRamRole does.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from ram_simulator.calls import Action, Answer, Call, table
from ram_simulator.clock import to_minutes
from ram_simulator.ecs.checks import (
    check_dry_run,
    existing_instance,
    instance_ids,
    on_instance,
    on_instances,
    on_region,
    region_of,
)
from ram_simulator.ecs.store import REGIONS, Instance, NetworkType

if TYPE_CHECKING:
    from ram_simulator.cloud import Cloud

_MOST_LISTED = 100
_FEWEST_LISTED = 10
_FILTERS = {
    "Status": "status",
    "VpcId": "vpc_id",
    "VSwitchId": "vswitch_id",
    "ZoneId": "zone",
    "InstanceType": "instance_type",
    "ImageId": "image_id",
    "SecurityGroupId": "security_group_id",
    "ResourceGroupId": "resource_group_id",
    "HttpTokens": "http_tokens",
    "HttpEndpoint": "http_endpoint",
    "InstanceNetworkType": "network_type",
}
_WITHOUT_EFFECT = ("AdditionalAttributes", "Filter", "InstanceChargeType", "IoOptimized")


def describe_regions(cloud: "Cloud", call: Call) -> Answer:
    """List all regions."""
    regions = [
        {
            "RegionId": region,
            "LocalName": region if call.text("AcceptLanguage") == "en-US" else local_name,
            "RegionEndpoint": f"ecs.{region}.aliyuncs.com",
            "Status": "available",
        }
        for region, (local_name, _) in REGIONS.items()
    ]
    return {"Regions": {"Region": regions}}


def describe_instances(cloud: "Cloud", call: Call) -> Answer:
    """List instances of a region; ids that are unknown there are left out. Pages by number, or by token."""
    region = region_of(call)
    check_dry_run(call)
    found = [instance for instance in _candidates(cloud, call, region) if _wanted(instance, call)]
    if "MaxResults" in call.params or "NextToken" in call.params:
        size = min(max(call.number("MaxResults", _FEWEST_LISTED, 1, 10**8), _FEWEST_LISTED), _MOST_LISTED)
        start, number = call.marker("NextToken"), 0
        token = str(start + size) if len(found) > start + size else ""
    else:
        size, number = call.number("PageSize", 10, 1, _MOST_LISTED), call.number("PageNumber", 1, 1, 10**8)
        start, token = (number - 1) * size, ""
    shown = [_shown(instance) for instance in found[start : start + size]]
    return {
        "TotalCount": len(found),
        "PageNumber": number,
        "PageSize": size,
        "NextToken": token,
        "Instances": {"Instance": shown},
    }


def _candidates(cloud: "Cloud", call: Call, region: str) -> Sequence[Instance]:
    if not call.text("InstanceIds"):
        return cloud.ecs.in_region(region)
    named = [cloud.ecs.get(instance_id) for instance_id in instance_ids(call, _MOST_LISTED)]
    return [instance for instance in named if instance is not None and instance.region == region]


def _wanted(instance: Instance, call: Call) -> bool:
    for parameter, attribute in _FILTERS.items():
        wanted = call.text(parameter)
        if wanted and wanted != getattr(instance, attribute):
            return False
    name, addresses = call.text("InstanceName"), call.json_list("PrivateIpAddresses")
    if name and not fnmatchcase(instance.name, name.replace("[", "[[]")):
        return False
    if addresses is not None and instance.address not in addresses:
        return False
    return all(
        tag.get("Key") in instance.tags and tag.get("Value") in (None, instance.tags[tag["Key"]])
        for tag in call.numbered("Tag")
    )


def describe_instance_attribute(cloud: "Cloud", call: Call) -> Answer:
    """Show one instance."""
    instance = existing_instance(cloud, call)
    shown = _shown(instance)
    for name in ("Tags", "MetadataOptions", "NetworkInterfaces"):
        del shown[name]
    return shown


def _shown(instance: Instance) -> Answer:
    vpc = instance.network_type is NetworkType.VPC
    return {
        "InstanceId": instance.instance_id,
        "InstanceName": instance.name,
        "HostName": instance.name,
        "Status": instance.status.value,
        "RegionId": instance.region,
        "ZoneId": instance.zone,
        "InstanceType": instance.instance_type,
        "ImageId": instance.image_id,
        "InstanceNetworkType": instance.network_type.value,
        "VpcAttributes": {
            "VpcId": instance.vpc_id,
            "VSwitchId": instance.vswitch_id,
            "NatIpAddress": "",
            "PrivateIpAddress": {"IpAddress": [instance.address] if vpc else []},
        },
        "InnerIpAddress": {"IpAddress": [] if vpc else [instance.address]},
        "PublicIpAddress": {"IpAddress": []},
        "EipAddress": {"IpAddress": "", "AllocationId": "", "InternetChargeType": ""},
        "NetworkInterfaces": {"NetworkInterface": [_interface(instance)] if vpc else []},
        "SecurityGroupIds": {"SecurityGroupId": [instance.security_group_id]},
        "Tags": {"Tag": [{"TagKey": key, "TagValue": value} for key, value in instance.tags.items()]},
        "MetadataOptions": {
            "HttpEndpoint": instance.http_endpoint,
            "HttpTokens": instance.http_tokens,
            "HttpPutResponseHopLimit": instance.hop_limit,
        },
        "CreationTime": to_minutes(instance.creation_time),
        "ExpiredTime": "2099-12-31T15:59Z",
        "SerialNumber": serial_number(instance),
        "ResourceGroupId": instance.resource_group_id,
    }


def _interface(instance: Instance) -> Answer:
    return {
        "NetworkInterfaceId": f"eni-{instance.instance_id[2:]}",
        "PrimaryIpAddress": instance.address,
        "MacAddress": "00:16:3e:" + ":".join(f"{int(part):02x}" for part in instance.address.split(".")[1:]),
        "Type": "Primary",
    }


def serial_number(instance: Instance) -> str:
    """Return the serial number that the instance and its metadata show."""
    digits = instance.instance_id.encode().hex()[:32].ljust(32, "0")
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))


ACTIONS = table(
    Action(
        "DescribeRegions",
        describe_regions,
        on_region("region"),
        (),
        ("InstanceChargeType", "ResourceType", "AcceptLanguage"),
    ),
    Action(
        "DescribeInstances",
        describe_instances,
        on_instances,
        ("RegionId",),
        (
            "InstanceIds",
            *_FILTERS,
            "InstanceName",
            "PrivateIpAddresses",
            "DryRun",
            *_WITHOUT_EFFECT,
            "Tag",
            "MaxResults",
            "NextToken",
            "PageNumber",
            "PageSize",
        ),
    ),
    Action("DescribeInstanceAttribute", describe_instance_attribute, on_instance, ("InstanceId",)),
)
