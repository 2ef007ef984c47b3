"""What ECS tells about itself: DescribeRegions, DescribeInstances, DescribeInstanceAttribute.

None of them shows the role of an instance; only DescribeInstanceRamRole does.
"""

from collections.abc import Sequence

from ram_simulator.cloud.calls import Action, Answer, Call, table
from ram_simulator.cloud.clock import to_minutes
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.ecs_store import Instance, NetworkType
from ram_simulator.ecs.attached import interface_id
from ram_simulator.ecs.checks import (
    check_dry_run,
    existing_instance,
    instance_ids,
    on_instance,
    on_instances,
    on_region,
    region_of,
    shown_tags,
)
from ram_simulator.ecs.filters import EXPIRED_TIME, FILTERS, filters_of

_MOST_LISTED = 100
_FEWEST_LISTED = 10
_WITHOUT_EFFECT = ("AdditionalAttributes", "DeviceAvailable", "NeedSaleCycle")


def describe_regions(cloud: Cloud, call: Call) -> Answer:
    """List all regions."""
    regions = [
        {
            "RegionId": name,
            "LocalName": region.english_name if call.text("AcceptLanguage") == "en-US" else region.local_name,
            "RegionEndpoint": f"ecs.{name}.aliyuncs.com",
            "Status": "available",
        }
        for name, region in cloud.ecs.regions.items()
    ]
    return {"Regions": {"Region": regions}}


def describe_instances(cloud: Cloud, call: Call) -> Answer:
    """List instances of a region; ids that are unknown there are left out. Pages by number, or by token."""
    region = region_of(cloud, call)
    check_dry_run(call)
    wanted = filters_of(call)
    found = [instance for instance in _candidates(cloud, call, region) if all(holds(instance) for holds in wanted)]
    page, number, size, token = _page(call, found)
    shown = [_shown(instance) for instance in page]
    return {
        "TotalCount": len(found),
        "PageNumber": number,
        "PageSize": size,
        "NextToken": token,
        "Instances": {"Instance": shown},
    }


def _candidates(cloud: Cloud, call: Call, region: str) -> Sequence[Instance]:
    if not call.text("InstanceIds"):
        return cloud.ecs.in_region(region)
    named = [cloud.ecs.get(instance_id) for instance_id in instance_ids(call, _MOST_LISTED)]
    return [instance for instance in named if instance is not None and instance.region == region]


def _page(call: Call, found: Sequence[Instance]) -> tuple[Sequence[Instance], int, int, str]:
    """Return a page, its number (0 for none), its size and the token of the next one.

    A token is the number of the last instance shown: instances that go meanwhile move nothing past a reader.
    """
    by_token = "MaxResults" in call.params or "NextToken" in call.params
    # who asks for neither may go on in either way: the first page has a number and a token
    if by_token or not ("PageNumber" in call.params or "PageSize" in call.params):
        size = min(max(call.number("MaxResults", _FEWEST_LISTED, 1, 10**8), _FEWEST_LISTED), _MOST_LISTED)
        after = call.marker("NextToken")
        rest = sorted((item for item in found if item.number > after), key=lambda instance: instance.number)
        return rest[:size], 0 if by_token else 1, size, str(rest[size - 1].number) if len(rest) > size else ""
    size, number = call.number("PageSize", 10, 1, _MOST_LISTED), call.number("PageNumber", 1, 1, 10**8)
    return found[(number - 1) * size : number * size], number, size, ""


# in the answers of DescribeInstances, not in those of DescribeInstanceAttribute
_LISTED_ONLY = (
    "Tags",
    "MetadataOptions",
    "NetworkInterfaces",
    "ResourceGroupId",
    "DeletionProtection",
    "KeyPairName",
)


def describe_instance_attribute(cloud: Cloud, call: Call) -> Answer:
    """Show one instance."""
    instance = existing_instance(cloud, call)
    shown = _shown(instance)
    for name in _LISTED_ONLY:
        del shown[name]
    return shown | {"IoOptimized": "optimized" if instance.io_optimized else "none"}


def _shown(instance: Instance) -> Answer:
    vpc = instance.network_type is NetworkType.VPC
    return {
        "InstanceId": instance.instance_id,
        "InstanceName": instance.name,
        "HostName": instance.host_name or instance.name,
        "Description": instance.description,
        "Status": instance.status.value,
        "RegionId": instance.region,
        "ZoneId": instance.zone,
        "InstanceType": instance.instance_type,
        "ImageId": instance.image_id,
        "InstanceChargeType": instance.charge_type,
        "InternetChargeType": instance.internet_charge_type,
        "InternetMaxBandwidthOut": instance.internet_max_bandwidth_out,
        "IoOptimized": instance.io_optimized,
        "KeyPairName": instance.key_pair_name,
        "DeletionProtection": instance.deletion_protection,
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
        "SecurityGroupIds": {"SecurityGroupId": instance.security_groups},
        "Tags": shown_tags(instance.tags),
        "MetadataOptions": {
            "HttpEndpoint": instance.http_endpoint,
            "HttpTokens": instance.http_tokens,
            "HttpPutResponseHopLimit": instance.hop_limit,
            "InstanceMetadataTags": instance.metadata_tags,
        },
        "CreationTime": to_minutes(instance.creation_time),
        "ExpiredTime": EXPIRED_TIME,
        "SerialNumber": serial_number(instance),
        "ResourceGroupId": instance.resource_group_id,
    }


def _interface(instance: Instance) -> Answer:
    return {
        "NetworkInterfaceId": interface_id(instance),
        "PrimaryIpAddress": instance.address,
        "MacAddress": instance.mac_address,
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
        without_effect=("InstanceChargeType", "ResourceType"),
    ),
    Action(
        "DescribeInstances",
        describe_instances,
        on_instances,
        ("RegionId",),
        (
            "InstanceIds",
            *FILTERS,
            *_WITHOUT_EFFECT,
            "DryRun",
            "MaxResults",
            "NextToken",
            "PageNumber",
            "PageSize",
        ),
        without_effect=_WITHOUT_EFFECT,
    ),
    Action("DescribeInstanceAttribute", describe_instance_attribute, on_instance, ("InstanceId",)),
)
