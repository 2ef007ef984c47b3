"""What can be bought: zones, instance types, images, and what is available where. Nothing is ever sold out.

A few types and images stand for the many there are.
"""

from collections.abc import Sequence

from ram_simulator.cloud.calls import Action, Answer, Call, table
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.errors import ApiError
from ram_simulator.ecs.checks import on_region, paged, region_of

_MOST_IMAGES = 100
# type -> virtual processors, memory in GiB
INSTANCE_TYPES = {
    "ecs.t6-c1m1.large": (2, 2.0),
    "ecs.n4.large": (2, 4.0),
    "ecs.c7.large": (2, 4.0),
    "ecs.g6.large": (2, 8.0),
    "ecs.g7.large": (2, 8.0),
    "ecs.g7.xlarge": (4, 16.0),
    "ecs.r7.large": (2, 16.0),
    "ecs.c7.xlarge": (4, 8.0),
}
_DISKS = ("cloud_essd", "cloud_efficiency", "cloud_ssd")
# id -> operating system, its family as ImageFamily has it, platform
_IMAGES = {
    "aliyun_3_x64_20G_alibase.vhd": ("Alibaba Cloud Linux  3.2104 LTS 64位", "acs:alibaba_cloud_linux_3_2104_lts_x64"),
    "ubuntu_22_04_x64_20G_alibase_20240130.vhd": ("Ubuntu  22.04 64位", "acs:ubuntu_22_04_x64"),
    "ubuntu_18_04_64_20G_alibase_20190624.vhd": ("Ubuntu  18.04 64位", "acs:ubuntu_18_04_x64"),
    "debian_12_6_x64_20G_alibase_20240711.vhd": ("Debian  12.6 64位", "acs:debian_12_6_x64"),
    "centos_7_9_x64_20G_alibase_20240628.vhd": ("CentOS  7.9 64位", "acs:centos_7_9_x64"),
}
_IMAGE_DATE = "2024-07-11T02:14:00Z"
# what DestinationResource asks for -> what there is of it
_AVAILABLE: dict[str, Sequence[str]] = {
    "InstanceType": tuple(INSTANCE_TYPES),
    "SystemDisk": _DISKS,
    "DataDisk": _DISKS,
    "Network": ("vpc",),
    "IoOptimized": ("optimized",),
}


def describe_zones(cloud: Cloud, call: Call) -> Answer:
    """List the zones of a region."""
    region = cloud.ecs.regions[region_of(cloud, call)]
    english = call.text("AcceptLanguage") == "en-US"
    zones = [
        {
            "ZoneId": zone,
            "LocalName": f"{region.english_name} Zone {zone[-1].upper()}"
            if english
            else f"{region.local_name} 可用区{zone[-1].upper()}",
            "ZoneType": "AvailabilityZone",
            "AvailableResourceCreation": {"ResourceTypes": ["VSwitch", "IoOptimized", "Instance", "Disk"]},
            "AvailableInstanceTypes": {"InstanceTypes": list(INSTANCE_TYPES)},
            "AvailableDiskCategories": {"DiskCategories": list(_DISKS)},
            "AvailableResources": {"ResourcesInfo": []},
            "AvailableVolumeCategories": {"VolumeCategories": []},
            "DedicatedHostGenerations": {"DedicatedHostGeneration": []},
            "AvailableDedicatedHostTypes": {"DedicatedHostType": []},
        }
        for zone in region.zones
    ]
    return {"Zones": {"Zone": zones}}


def describe_available_resource(cloud: Cloud, call: Call) -> Answer:
    """Tell what is available in each zone, or in the one that is named."""
    region, wanted = region_of(cloud, call), call.text("DestinationResource")
    if wanted != "Zone" and wanted not in _AVAILABLE:
        message = f"The parameter DestinationResource must be one of Zone, {', '.join(_AVAILABLE)}."
        raise ApiError(404, "InvalidDestinationResource.NotFound", message)
    kind = {"InstanceType": call.text("InstanceType"), "SystemDisk": call.text("SystemDiskCategory")}.get(wanted, "")
    zones = [
        {
            "RegionId": region,
            "ZoneId": zone,
            "Status": "Available",
            "StatusCategory": "WithStock",
            "AvailableResources": {"AvailableResource": _resources(zone, wanted, kind)},
        }
        for zone in cloud.ecs.regions[region].zones
        if call.text("ZoneId") in ("", zone)
    ]
    return {"AvailableZones": {"AvailableZone": zones}}


def _resources(zone: str, wanted: str, kind: str) -> list[Answer]:
    values = (zone,) if wanted == "Zone" else [value for value in _AVAILABLE[wanted] if kind in ("", value)]
    supported = [{"Value": value, "Status": "Available", "StatusCategory": "WithStock"} for value in values]
    return [{"Type": wanted, "SupportedResources": {"SupportedResource": supported}}]


def describe_instance_types(cloud: Cloud, call: Call) -> Answer:
    """List instance types."""
    named, family = call.listed("InstanceTypes"), call.text("InstanceTypeFamily")
    found = [
        {
            "InstanceTypeId": name,
            "InstanceTypeFamily": name.rpartition(".")[0],
            "InstanceFamilyLevel": "EnterpriseLevel",
            "CpuCoreCount": cores,
            "MemorySize": memory,
            "EniQuantity": 2,
            "CpuArchitecture": "X86",
        }
        for name, (cores, memory) in INSTANCE_TYPES.items()
        if (not named or name in named) and family in ("", name.rpartition(".")[0])
    ]
    return {"NextToken": "", "InstanceTypes": {"InstanceType": found}}


def describe_image_support_instance_types(cloud: Cloud, call: Call) -> Answer:
    """List the instance types that can start from an image: all of them."""
    region, image = region_of(cloud, call), call.text("ImageId")
    if image and image not in _IMAGES:
        raise ApiError(404, "InvalidImageId.NotFound", f"The specified ImageId does not exist: {image}.")
    types = [
        {
            "InstanceTypeId": name,
            "InstanceTypeFamily": name.rpartition(".")[0],
            "CpuCoreCount": cores,
            "MemorySize": memory,
        }
        for name, (cores, memory) in INSTANCE_TYPES.items()
    ]
    return {"RegionId": region, "ImageId": image, "InstanceTypes": {"InstanceType": types}}


def describe_images(cloud: Cloud, call: Call) -> Answer:
    """List public images; there are no others."""
    region, ids = region_of(cloud, call), call.text("ImageId").split(",")
    found = [
        image
        for image in map(_image, _IMAGES)
        if ids in ([""], [image["ImageId"]]) or image["ImageId"] in ids
        if all(call.text(name) in ("", image[name]) for name in _IMAGE_FILTERS)
    ]
    page, counts = paged(call, found, _MOST_IMAGES)
    return {**counts, "RegionId": region, "Images": {"Image": page}}


def _image(image_id: str) -> Answer:
    system, family = _IMAGES[image_id]
    return {
        "ImageId": image_id,
        "ImageName": image_id,
        "ImageFamily": family,
        "ImageOwnerAlias": "system",
        "ImageVersion": "",
        "Description": system,
        "OSName": system,
        "OSNameEn": system.replace("64位", "64 bit"),
        "OSType": "linux",
        "Platform": system.partition("  ")[0],
        "Architecture": "x86_64",
        "Size": 20,
        "Status": "Available",
        "Usage": "instance",
        "Progress": "100%",
        "ProductCode": "",
        "CreationTime": _IMAGE_DATE,
        "IsPublic": True,
        "IsCopied": False,
        "IsSelfShared": "",
        "IsSubscribed": False,
        "IsSupportIoOptimized": True,
        "IsSupportCloudinit": True,
        "DiskDeviceMappings": {"DiskDeviceMapping": []},
        "Tags": {"Tag": []},
    }


_IMAGE_FILTERS = ("ImageFamily", "ImageName", "ImageOwnerAlias", "OSType", "Architecture", "Status", "Usage")
_IMAGE_WITHOUT_EFFECT = (
    *("SnapshotId", "ShowExpired", "Filter", "ActionType", "InstanceType", "IsSupportIoOptimized"),
    *("IsSupportCloudinit", "Tag", "DryRun", "ResourceGroupId", "ImageOwnerId", "IsPublic"),
)
_AVAILABLE_WITHOUT_EFFECT = (
    *("InstanceChargeType", "SpotStrategy", "IoOptimized", "DataDiskCategory", "NetworkCategory"),
    *("Cores", "Memory", "ResourceType", "Scope", "SpotDuration", "DedicatedHostId"),
)
_TYPES_WITHOUT_EFFECT = ("MaxResults", "NextToken", "AdditionalAttributes", "CpuArchitecture")
_SUPPORT_WITHOUT_EFFECT = ("ActionType", "Filter")
_ZONES_WITHOUT_EFFECT = ("InstanceChargeType", "SpotStrategy", "Verbose")
ACTIONS = table(
    Action(
        "DescribeZones",
        describe_zones,
        on_region("zone"),
        ("RegionId",),
        ("AcceptLanguage", *_ZONES_WITHOUT_EFFECT),
        without_effect=_ZONES_WITHOUT_EFFECT,
    ),
    Action(
        "DescribeAvailableResource",
        describe_available_resource,
        on_region("availableresource"),
        ("RegionId", "DestinationResource"),
        ("ZoneId", "InstanceType", "SystemDiskCategory", *_AVAILABLE_WITHOUT_EFFECT),
        without_effect=_AVAILABLE_WITHOUT_EFFECT,
    ),
    Action(
        "DescribeInstanceTypes",
        describe_instance_types,
        on_region("instancetype"),
        (),
        ("InstanceTypes", "InstanceTypeFamily", *_TYPES_WITHOUT_EFFECT),
        without_effect=_TYPES_WITHOUT_EFFECT,
    ),
    Action(
        "DescribeImageSupportInstanceTypes",
        describe_image_support_instance_types,
        on_region("image"),
        ("RegionId",),
        ("ImageId", *_SUPPORT_WITHOUT_EFFECT),
        without_effect=_SUPPORT_WITHOUT_EFFECT,
    ),
    Action(
        "DescribeImages",
        describe_images,
        on_region("image"),
        ("RegionId",),
        ("ImageId", *_IMAGE_FILTERS, "PageNumber", "PageSize", *_IMAGE_WITHOUT_EFFECT),
        without_effect=_IMAGE_WITHOUT_EFFECT,
    ),
)
