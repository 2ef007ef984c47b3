"""Instances that are made: CreateInstance, RunInstances, and those of fixtures and the control service."""

from collections.abc import Callable, Sequence
from ipaddress import IPv4Address

from ram_simulator.cloud.calls import Action, Answer, Call, table
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.ecs_store import Instance, InstanceStatus, NetworkType, RoleBinding
from ram_simulator.cloud.errors import ApiError
from ram_simulator.ecs.attached import SYSTEM_DISK
from ram_simulator.ecs.checks import (
    attachable_role,
    check_dry_run,
    check_metadata_options,
    given_tags,
    on_region,
    region_of,
    user_data,
)
from ram_simulator.ecs.names import new_id, sequence

_MOST_STARTED = 100
_LONGEST_TOKEN = 64
_LARGEST_DISK = 2048
_MOST_BANDWIDTH = 200  # in Mbit/s


def make_instance(cloud: Cloud, region: str, network_type: NetworkType, instance_id: str | None = None) -> Instance:
    """Make a running instance in `region` with everything else at its default, and add it to the cloud."""
    number = len(cloud.ecs) + 1
    vpc = network_type is NetworkType.VPC
    instance = Instance(
        instance_id=instance_id or new_id("i"),
        region=region,
        zone=cloud.ecs.regions[region].zones[0],
        network_type=network_type,
        name="",
        creation_time=cloud.clock.now(),
        address=f"{192 if vpc else 10}.168.{number // 250 % 250}.{number % 250 + 1}",
        vpc_id="vpc-bp1simulator0000000001" if vpc else "",
        vswitch_id="vsw-bp1simulator0000000001" if vpc else "",
    )
    instance.name = f"node-{instance.instance_id[2:]}"
    cloud.ecs.add(instance)
    return instance


def create_instance(cloud: Cloud, call: Call) -> Answer:
    """Create one instance, stopped."""
    ids = _once(cloud, call, lambda: _create(cloud, call, 1, InstanceStatus.STOPPED))
    return {"InstanceId": ids[0], **_order(call, ids)}


def run_instances(cloud: Cloud, call: Call) -> Answer:
    """Create up to 100 instances and start them."""
    amount = call.number("Amount", 1, 1, _MOST_STARTED)
    call.number("MinAmount", 1, 1, amount)
    ids = _once(cloud, call, lambda: _create(cloud, call, amount, InstanceStatus.RUNNING))
    return {"InstanceIdSets": {"InstanceIdSet": ids}, **_order(call, ids)}


def _order(call: Call, ids: Sequence[str]) -> Answer:
    """Return what an order says: nothing costs anything here, and only subscriptions have a number."""
    number = {"OrderId": str(int.from_bytes(ids[0][-6:].encode()))}
    return {"TradePrice": 0.0, **(number if call.text("InstanceChargeType") == "PrePaid" else {})}


def _once(cloud: Cloud, call: Call, create: Callable[[], list[str]]) -> list[str]:
    """Create, or answer again what the same ClientToken has created before."""
    token = call.text("ClientToken")
    if not token:
        return create()
    if len(token) > _LONGEST_TOKEN or not token.isascii():
        message = f"The parameter ClientToken must have at most {_LONGEST_TOKEN} ASCII characters."
        raise ApiError(400, "InvalidParameter.ClientToken", message)
    asked = repr(sorted(call.params.items()))
    before = cloud.ecs.client_tokens.get(token)
    if before is None:
        before = cloud.ecs.client_tokens[token] = (asked, create())
    if before[0] != asked:
        message = "The ClientToken was used before with other parameters."
        raise ApiError(400, "IdempotentParameterMismatch", message)
    return before[1]


def _create(cloud: Cloud, call: Call, amount: int, status: InstanceStatus) -> list[str]:
    region = region_of(cloud, call)
    binding = _binding(cloud, call)
    check_metadata_options(call)
    _check_options(call)
    call.flag("DeletionProtection")
    call.flag("UniqueSuffix")
    call.number("InternetMaxBandwidthOut", 0, 0, _MOST_BANDWIDTH)
    call.number("SystemDisk.Size", int(SYSTEM_DISK["Size"]), 1, _LARGEST_DISK)
    user_data(call)
    addresses = _addresses(cloud, call, amount)
    check_dry_run(call)
    made = [_one(cloud, call, region) for _ in range(amount)]
    _name(call, made)
    for instance, address in zip(made, addresses, strict=True):
        instance.status, instance.address = status, address or instance.address
        if binding is not None:
            cloud.ecs.bind(instance, binding)
    return [instance.instance_id for instance in made]


def _name(call: Call, made: Sequence[Instance]) -> None:
    suffixed = call.flag("UniqueSuffix")
    names, hosts = (
        sequence(call.text(parameter), len(made), unique_suffix=suffixed) for parameter in ("InstanceName", "HostName")
    )
    for instance, name, host in zip(made, names, hosts, strict=True):
        instance.name, instance.host_name = name or instance.name, host


def _binding(cloud: Cloud, call: Call) -> RoleBinding | None:
    if not call.text("RamRoleName"):
        return None
    if not call.text("VSwitchId"):
        message = "A RAM role can only be used in a VPC: VSwitchId is required with RamRoleName."
        raise ApiError(403, "InvalidNetworkType.MismatchRamRole", message)
    role = attachable_role(cloud, call, refused_with=401)
    return RoleBinding(role.name, None, cloud.clock.now())


def _addresses(cloud: Cloud, call: Call, amount: int) -> list[str]:
    """Return consecutive addresses from PrivateIpAddress on, empty ones if it was not sent."""
    text, vswitch = call.text("PrivateIpAddress"), call.text("VSwitchId")
    if not text:
        return [""] * amount
    if not vswitch:
        raise ApiError(400, "MissingParameter.VSwitchId", "VSwitchId is mandatory with PrivateIpAddress.")
    try:
        addresses = [str(IPv4Address(text) + index) for index in range(amount)]
    except ValueError as error:
        message = "Specified private IP address is malformed."
        raise ApiError(400, "InvalidPrivateIpAddress.Malformed", message) from error
    if taken := {instance.address for instance in cloud.ecs if instance.vswitch_id == vswitch} & set(addresses):
        message = f"The specified IP address is already used: {', '.join(sorted(taken))}."
        raise ApiError(400, "InvalidIPAddress.AlreadyUsed", message)
    return addresses


def _check_options(call: Call) -> None:
    for name, allowed in _OPTIONS.items():
        if call.text(name) not in ("", *allowed):
            raise ApiError(400, f"InvalidParameter.{name}", f"The parameter {name} must be {' or '.join(allowed)}.")


def _one(cloud: Cloud, call: Call, region: str) -> Instance:
    vswitch = call.text("VSwitchId")
    instance = make_instance(cloud, region, NetworkType.VPC if vswitch else NetworkType.CLASSIC)
    instance.vswitch_id = vswitch
    # one that VPC's calls have made says where it is; any other name is as good as one that is there
    if known := cloud.networks.vswitches.get(vswitch):
        instance.vpc_id, instance.zone = known.vpc_id, known.zone
    for parameter, attribute in _KEPT.items():
        setattr(instance, attribute, call.text(parameter) or getattr(instance, attribute))
    if groups := call.listed("SecurityGroupIds"):
        instance.security_group_id, *instance.further_security_groups = groups
    instance.user_data = user_data(call)
    instance.system_disk = {name: value for name in SYSTEM_DISK if (value := call.text(f"SystemDisk.{name}"))}
    instance.io_optimized = call.text("IoOptimized") != "none"
    instance.deletion_protection = call.flag("DeletionProtection")
    instance.internet_max_bandwidth_out = int(call.text("InternetMaxBandwidthOut") or 0)
    instance.hop_limit = int(call.text("HttpPutResponseHopLimit") or instance.hop_limit)
    instance.tags = given_tags(call)
    return instance


_KEPT = {
    "InstanceType": "instance_type",
    "ImageId": "image_id",
    "Description": "description",
    "ZoneId": "zone",
    "SecurityGroupId": "security_group_id",
    "KeyPairName": "key_pair_name",
    "InstanceChargeType": "charge_type",
    "InternetChargeType": "internet_charge_type",
    "ResourceGroupId": "resource_group_id",
    "HttpTokens": "http_tokens",
    "HttpEndpoint": "http_endpoint",
}
_OPTIONS = {
    "InstanceChargeType": ("PostPaid", "PrePaid"),
    "InternetChargeType": ("PayByTraffic", "PayByBandwidth"),
    "IoOptimized": ("none", "optimized"),
}
_LAUNCH = (
    *(name for name in _KEPT if name != "InstanceType"),
    "InstanceName",
    "HostName",
    "UniqueSuffix",
    "InternetMaxBandwidthOut",
    "SystemDisk",
    "VSwitchId",
    "RamRoleName",
    "PrivateIpAddress",
    "UserData",
    "IoOptimized",
    "DeletionProtection",
    "HttpPutResponseHopLimit",
    "ClientToken",
    "DryRun",
    "Tag",
)
# what launching takes as well, and what has no counterpart here
_WITHOUT_EFFECT = (
    "AutoRenew",
    "AutoRenewPeriod",
    "DataDisk",
    "InternetMaxBandwidthIn",
    "Password",
    "Period",
    "PeriodUnit",
    "SecurityEnhancementStrategy",
    "SpotPriceLimit",
    "SpotStrategy",
)

ACTIONS = table(
    Action(
        "CreateInstance",
        create_instance,
        on_region("instance"),
        ("RegionId", "InstanceType"),
        (*_LAUNCH, *_WITHOUT_EFFECT),
        write=True,
        without_effect=_WITHOUT_EFFECT,
    ),
    Action(
        "RunInstances",
        run_instances,
        on_region("instance"),
        ("RegionId", "InstanceType"),
        (*_LAUNCH, *_WITHOUT_EFFECT, "SecurityGroupIds", "Amount", "MinAmount"),
        write=True,
        without_effect=_WITHOUT_EFFECT,
    ),
)
