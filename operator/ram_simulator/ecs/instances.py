"""Instances: CreateInstance, RunInstances, StartInstance, StopInstance, DeleteInstance."""

import secrets
import string
from collections.abc import Callable
from typing import TYPE_CHECKING

from ram_simulator.calls import Action, Answer, Call, table
from ram_simulator.ecs.checks import check_dry_run, existing_instance, on_instance, on_region, playable_role, region_of
from ram_simulator.ecs.store import REGIONS, Instance, InstanceStatus, NetworkType, RoleBinding
from ram_simulator.errors import ApiError

if TYPE_CHECKING:
    from ram_simulator.cloud import Cloud

_ID_ALPHABET = string.ascii_lowercase + string.digits
_MOST_STARTED = 100
_LONGEST_TOKEN = 64
_FARTHEST_HOP = 64
_METADATA_OPTIONS = {"HttpTokens": ("optional", "required"), "HttpEndpoint": ("enabled", "disabled")}


def new_instance_id() -> str:
    """Return an id as ECS makes them: `i-` and 20 lower-case letters or digits."""
    return "i-" + "".join(secrets.choice(_ID_ALPHABET) for _ in range(20))


def make_instance(cloud: "Cloud", region: str, network_type: NetworkType, instance_id: str | None = None) -> Instance:
    """Make a running instance in `region` with everything else at its default, and add it to the cloud."""
    number = len(cloud.ecs) + 1
    vpc = network_type is NetworkType.VPC
    instance = Instance(
        instance_id=instance_id or new_instance_id(),
        region=region,
        zone=REGIONS[region][1],
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


def create_instance(cloud: "Cloud", call: Call) -> Answer:
    """Create one instance, stopped."""
    ids = _once(cloud, call, lambda: _create(cloud, call, 1, InstanceStatus.STOPPED))
    return {"InstanceId": ids[0]}


def run_instances(cloud: "Cloud", call: Call) -> Answer:
    """Create up to 100 instances and start them."""
    amount = call.number("Amount", 1, 1, _MOST_STARTED)
    ids = _once(cloud, call, lambda: _create(cloud, call, amount, InstanceStatus.RUNNING))
    return {"InstanceIdSets": {"InstanceIdSet": ids}}


def _once(cloud: "Cloud", call: Call, create: Callable[[], list[str]]) -> list[str]:
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


def _create(cloud: "Cloud", call: Call, amount: int, status: InstanceStatus) -> list[str]:
    region = region_of(call)
    binding = _binding(cloud, call)
    _check_metadata_options(call)
    check_dry_run(call)
    made = [_one(cloud, call, region) for _ in range(amount)]
    for instance in made:
        instance.status = status
        if binding is not None:
            cloud.ecs.bind(instance, binding)
    return [instance.instance_id for instance in made]


def _binding(cloud: "Cloud", call: Call) -> RoleBinding | None:
    if not call.text("RamRoleName"):
        return None
    if not call.text("VSwitchId"):
        message = "A RAM role can only be used in a VPC: VSwitchId is due with RamRoleName."
        raise ApiError(403, "InvalidNetworkType.MismatchRamRole", message)
    role = playable_role(cloud, call, refused_with=401)
    return RoleBinding(role.name, None, cloud.clock.now())


def _check_metadata_options(call: Call) -> None:
    for name, allowed in _METADATA_OPTIONS.items():
        if call.text(name) not in ("", *allowed):
            message = f"The parameter {name} must be {' or '.join(allowed)}."
            raise ApiError(400, f"Invalid{name}.NotSupported", message)
    limit = call.text("HttpPutResponseHopLimit") or "1"
    if not (limit.isascii() and limit.isdigit() and len(limit) <= 2 and 1 <= int(limit) <= _FARTHEST_HOP):
        message = f"The parameter HttpPutResponseHopLimit must be between 1 and {_FARTHEST_HOP}."
        raise ApiError(400, "InvalidHttpPutResponseHopLimit.NotSupported", message)


def _one(cloud: "Cloud", call: Call, region: str) -> Instance:
    vswitch = call.text("VSwitchId")
    instance = make_instance(cloud, region, NetworkType.VPC if vswitch else NetworkType.CLASSIC)
    instance.vswitch_id = vswitch
    instance.name = call.text("InstanceName") or instance.name
    instance.image_id = call.text("ImageId") or instance.image_id
    instance.instance_type = call.text("InstanceType")
    instance.zone = call.text("ZoneId") or instance.zone
    instance.security_group_id = call.text("SecurityGroupId") or instance.security_group_id
    instance.user_data = call.text("UserData")
    instance.http_endpoint = call.text("HttpEndpoint") or instance.http_endpoint
    instance.resource_group_id = call.text("ResourceGroupId")
    instance.http_tokens = call.text("HttpTokens") or instance.http_tokens
    instance.hop_limit = int(call.text("HttpPutResponseHopLimit") or instance.hop_limit)
    instance.tags = {tag["Key"]: tag.get("Value", "") for tag in call.numbered("Tag") if tag.get("Key")}
    return instance


def start_instance(cloud: "Cloud", call: Call) -> Answer:
    """Start a stopped instance; it runs at once."""
    return _turn(existing_instance(cloud, call), InstanceStatus.STOPPED, InstanceStatus.RUNNING)


def stop_instance(cloud: "Cloud", call: Call) -> Answer:
    """Stop a running instance; it stands still at once."""
    return _turn(existing_instance(cloud, call), InstanceStatus.RUNNING, InstanceStatus.STOPPED)


def _turn(instance: Instance, before: InstanceStatus, after: InstanceStatus) -> Answer:
    if instance.status is not before:
        message = f"The current status of the resource does not support this operation: {instance.status.value}."
        raise ApiError(403, "IncorrectInstanceStatus", message)
    instance.status = after
    return {}


def delete_instance(cloud: "Cloud", call: Call) -> Answer:
    """Release an instance; a running one only with Force."""
    instance = existing_instance(cloud, call)
    if instance.status is InstanceStatus.RUNNING and not call.flag("Force"):
        message = "The instance is running; stop it first or set Force."
        raise ApiError(403, "IncorrectInstanceStatus", message)
    cloud.ecs.remove(instance)
    return {}


_LAUNCH = (
    "ImageId",
    "VSwitchId",
    "RamRoleName",
    "InstanceName",
    "ZoneId",
    "SecurityGroupId",
    "UserData",
    "HttpTokens",
    "HttpEndpoint",
    "HttpPutResponseHopLimit",
    "ResourceGroupId",
    "ClientToken",
    "DryRun",
    "Tag",
)
# what launching takes as well, and what has no counterpart here
_WITHOUT_EFFECT = (
    "AutoRenew",
    "AutoRenewPeriod",
    "DataDisk",
    "DeletionProtection",
    "Description",
    "HostName",
    "InstanceChargeType",
    "InternetChargeType",
    "InternetMaxBandwidthIn",
    "InternetMaxBandwidthOut",
    "IoOptimized",
    "KeyPairName",
    "Password",
    "Period",
    "PeriodUnit",
    "PrivateIpAddress",
    "SecurityEnhancementStrategy",
    "SecurityGroupIds",
    "SpotPriceLimit",
    "SpotStrategy",
    "SystemDisk",
    "UniqueSuffix",
)

ACTIONS = table(
    Action(
        "CreateInstance",
        create_instance,
        on_region("instance"),
        ("RegionId", "InstanceType"),
        (*_LAUNCH, *_WITHOUT_EFFECT),
        write=True,
    ),
    Action(
        "RunInstances",
        run_instances,
        on_region("instance"),
        ("RegionId", "InstanceType"),
        (*_LAUNCH, *_WITHOUT_EFFECT, "Amount", "MinAmount"),
        write=True,
    ),
    Action("StartInstance", start_instance, on_instance, ("InstanceId",), write=True),
    Action("StopInstance", stop_instance, on_instance, ("InstanceId",), ("ForceStop",), write=True),
    Action("DeleteInstance", delete_instance, on_instance, ("InstanceId",), ("Force",), write=True),
)
