"""What DescribeInstances can be asked for: one predicate for each parameter that narrows the list."""

import re
from collections.abc import Callable
from fnmatch import fnmatchcase

from ram_simulator.cloud.calls import Call
from ram_simulator.cloud.clock import to_minutes
from ram_simulator.cloud.ecs_store import Instance, NetworkType
from ram_simulator.cloud.errors import ApiError

EXPIRED_TIME = "2099-12-31T15:59Z"
_EQUAL = {
    "Status": "status",
    "VpcId": "vpc_id",
    "VSwitchId": "vswitch_id",
    "ZoneId": "zone",
    "InstanceType": "instance_type",
    "InstanceChargeType": "charge_type",
    "InternetChargeType": "internet_charge_type",
    "ImageId": "image_id",
    "KeyPairName": "key_pair_name",
    "ResourceGroupId": "resource_group_id",
    "HttpTokens": "http_tokens",
    "HttpEndpoint": "http_endpoint",
    "InstanceNetworkType": "network_type",
}
# no instance here has any of these: asked for them, there is none
_HELD_BY_NONE = ("EipAddresses", "PublicIpAddresses", "RdmaIpAddresses", "Ipv6Address", "HpcClusterId", "LockReason")
_ADDRESSES = {"PrivateIpAddresses": NetworkType.VPC, "InnerIpAddresses": NetworkType.CLASSIC}
_BY_OTHER_RULES = (
    "IoOptimized",
    "InstanceName",
    "InstanceTypeFamily",
    "SecurityGroupId",
    "PrivateIpAddresses",
    "InnerIpAddresses",
    "HttpPutResponseHopLimit",
    "Filter",
    "Tag",
)
FILTERS = (*_EQUAL, *_BY_OTHER_RULES, *_HELD_BY_NONE)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\dZ", re.ASCII)

_Wanted = Callable[[Instance], bool]


def filters_of(call: Call) -> list[_Wanted]:
    """Return what must hold of an instance that is listed; raise ApiError if a value can be none."""
    filters = [_is(attribute, call.text(name)) for name, attribute in _EQUAL.items() if call.text(name)]
    if any(call.text(name) or call.numbered(name) for name in _HELD_BY_NONE):
        filters.append(lambda instance: False)
    if call.text("IoOptimized"):
        optimized = call.flag("IoOptimized")
        filters.append(lambda instance: instance.io_optimized == optimized)
    if hops := call.text("HttpPutResponseHopLimit"):
        filters.append(lambda instance: str(instance.hop_limit) == hops)
    if name := call.text("InstanceName").replace("[", "[[]"):
        filters.append(lambda instance: fnmatchcase(instance.name, name))
    if family := call.text("InstanceTypeFamily"):
        filters.append(lambda instance: instance.instance_type.rpartition(".")[0] == family)
    if group := call.text("SecurityGroupId"):
        filters.append(lambda instance: group in instance.security_groups)
    filters += [_holds_address(call, name) for name in _ADDRESSES if call.text(name)]
    filters += [_created_or_ends(item) for item in call.numbered("Filter")]
    filters += [_has_tag(tag) for tag in call.numbered("Tag")]
    return filters


def _is(attribute: str, value: str) -> _Wanted:
    return lambda instance: bool(getattr(instance, attribute) == value)


def _holds_address(call: Call, parameter: str) -> _Wanted:
    addresses, network = call.json_list(parameter) or (), _ADDRESSES[parameter]
    return lambda instance: instance.address in addresses and instance.network_type is network


def _created_or_ends(item: dict[str, str]) -> _Wanted:
    key, bound = item.get("Key", ""), item.get("Value", "")
    if not _TIME.fullmatch(bound):
        raise ApiError(400, "InvalidParameter.Filter", "A Filter's Value must be a time such as 2017-12-05T22:40Z.")
    match key:
        case "CreationStartTime":
            return lambda instance: to_minutes(instance.creation_time) >= bound
        case "CreationEndTime":
            return lambda instance: to_minutes(instance.creation_time) <= bound
        case "ExpiredStartTime":
            return lambda instance: bound <= EXPIRED_TIME
        case "ExpiredEndTime":
            return lambda instance: bound >= EXPIRED_TIME
    raise ApiError(400, "InvalidParameter.Filter", f"There is no filter of the key {key}.")


def _has_tag(tag: dict[str, str]) -> _Wanted:
    key, value = tag.get("Key", ""), tag.get("Value")
    return lambda instance: key in instance.tags and value in (None, instance.tags[key])
