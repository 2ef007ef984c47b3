"""The checks that ECS's calls share: region, instance ids, the role of an instance and the right to pass it on."""

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence

from ram_simulator.cloud.calls import Answer, Call
from ram_simulator.cloud.cloud import AccessRefused, Cloud
from ram_simulator.cloud.ecs_store import Instance
from ram_simulator.cloud.errors import ApiError
from ram_simulator.cloud.ram_store import Role
from ram_simulator.cloud.switches import SwitchName
from ram_simulator.policies.engine import Assumer, Context, trusts

ECS_SERVICE = "ecs.aliyuncs.com"
_FARTHEST_HOP = 64
_MOST_USER_DATA = 32 * 1024
_METADATA_OPTIONS = {
    "HttpTokens": ("optional", "required"),
    "HttpEndpoint": ("enabled", "disabled"),
    "InstanceMetadataTags": ("enabled", "disabled"),
}
_INSTANCE_ID = re.compile(r"[A-Za-z0-9-]{1,64}")


def region_of(cloud: Cloud, call: Call) -> str:
    """Return RegionId; raise ApiError if there is no such region."""
    region = call.text("RegionId")
    if region not in cloud.ecs.regions:
        raise ApiError(404, "InvalidRegionId.NotFound", f"The specified RegionId does not exist: {region}.")
    return region


def instance_ids(call: Call, most: int) -> list[str]:
    """Return InstanceIds, each once; raise ApiError unless it is a JSON array of 1 to `most` ids."""
    text = call.text("InstanceIds")
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError):
        listed = None
    if not isinstance(listed, list) or not all(
        isinstance(item, str) and _INSTANCE_ID.fullmatch(item) for item in listed
    ):
        message = f"The parameter InstanceIds must be a JSON array of ids such as {_suggestion(text)}."
        raise ApiError(400, "InvalidInstanceIds.Malformed", message)
    if not 1 <= len(listed) <= most:
        raise ApiError(400, "InvalidInstanceIds.Malformed", f"The parameter InstanceIds takes 1 to {most} ids.")
    return list(dict.fromkeys(listed))


def _suggestion(text: str) -> str:
    found = re.findall(r"i-[A-Za-z0-9]+", text[:1000])
    return json.dumps(found or ["i-bp1...", "i-bp2..."])


def existing_instances(cloud: Cloud, region: str, ids: Sequence[str]) -> list[Instance]:
    """Return the instances; raise ApiError if one is unknown or in another region."""
    found = [cloud.ecs.get(instance_id) for instance_id in ids]
    missing = [
        instance_id
        for instance_id, instance in zip(ids, found, strict=True)
        if instance is None or instance.region != region
    ]
    if missing:
        message = f"The specified InstanceId does not exist: {', '.join(missing)}."
        raise ApiError(404, "InvalidInstanceId.NotFound", message)
    return [instance for instance in found if instance is not None]


def existing_instance(cloud: Cloud, call: Call) -> Instance:
    """Return the instance that the call names; raise ApiError if there is none."""
    instance = cloud.ecs.get(call.text("InstanceId"))
    if instance is None:
        message = f"The specified InstanceId does not exist: {call.text('InstanceId')}."
        raise ApiError(404, "InvalidInstanceId.NotFound", message)
    return instance


def check_dry_run(call: Call) -> None:
    """Raise ApiError DryRunOperation if the call only asks whether it would be carried out."""
    if call.flag("DryRun"):
        raise ApiError(400, "DryRunOperation", "Request validation has been passed with DryRun flag set.")


def check_metadata_options(call: Call) -> None:
    """Raise ApiError if one of the options of the metadata service is none of those there are."""
    for name, allowed in _METADATA_OPTIONS.items():
        if call.text(name) not in ("", *allowed):
            message = f"The parameter {name} must be {' or '.join(allowed)}."
            raise ApiError(400, f"Invalid{name}.NotSupported", message)
    limit = call.text("HttpPutResponseHopLimit") or "1"
    if not (limit.isascii() and limit.isdigit() and len(limit) <= 2 and 1 <= int(limit) <= _FARTHEST_HOP):
        message = f"The parameter HttpPutResponseHopLimit must be between 1 and {_FARTHEST_HOP}."
        raise ApiError(400, "InvalidHttpPutResponseHopLimit.NotSupported", message)


def paged(call: Call, found: Sequence[Answer], most: int) -> tuple[Sequence[Answer], Answer]:
    """Return the page that PageNumber and PageSize (10, up to `most`) ask for, and what tells of it."""
    number, size = call.number("PageNumber", 1, 1, 10**8), call.number("PageSize", 10, 1, most)
    counts: Answer = {"TotalCount": len(found), "PageNumber": number, "PageSize": size}
    return found[(number - 1) * size : number * size], counts


def user_data(call: Call) -> str:
    """Return UserData, decoded; raise ApiError if it is not Base64 or too long."""
    text = call.text("UserData")
    try:
        content = base64.b64decode(text, validate=True)
    except ValueError as error:
        message = "The parameter UserData must be Base64-encoded."
        raise ApiError(400, "InvalidUserData.Base64FormatInvalid", message) from error
    if len(content) > _MOST_USER_DATA:
        message = f"The parameter UserData must not be longer than {_MOST_USER_DATA} bytes before encoding."
        raise ApiError(400, "InvalidUserData.SizeExceeded", message)
    return content.decode("utf-8", "surrogateescape")  # it may be any bytes, such as a compressed file


def existing_ram_role(cloud: Cloud, call: Call) -> Role:
    """Return the role that RamRoleName names; raise ApiError if there is none."""
    name = call.text("RamRoleName")
    role = cloud.role(name)
    if role is None or cloud.is_new(role.create_date, SwitchName.ROLE_TO_ECS):
        raise ApiError(404, "InvalidRamRole.NotFound", f"The specified parameter RAMRoleName does not exist: {name}.")
    return role


def attachable_role(cloud: Cloud, call: Call, refused_with: int) -> Role:
    """Return the role to be attached; raise ApiError unless it trusts ECS and the caller may pass it on.

    `refused_with` is the status for a role that does not trust ECS: 404 when attached, 401 when an instance is made.
    """
    role = existing_ram_role(cloud, call)
    check_pass_role(cloud, call, role.name)
    if not trusts_ecs(cloud, role, call.context):
        message = f"The role {role.name} does not trust ECS: its trust policy must allow the Service {ECS_SERVICE}."
        raise ApiError(refused_with, "InvalidRamRole.NotEcsRole", message)
    return role


def trusts_ecs(cloud: Cloud, role: Role, context: Context) -> bool:
    """Say whether ECS may assume the role for its instances, by the trust policy that it sees."""
    seen = role.earlier_trust if cloud.is_new(role.trust_date, SwitchName.TRUST_TO_ECS) else role.trust
    return seen is not None and trusts(seen, Assumer("Service", (ECS_SERVICE,)), context)


def check_pass_role(cloud: Cloud, call: Call, role_name: str) -> None:
    """Raise AccessRefused unless the caller may hand the role to ECS (`ram:PassRole`)."""
    arn = f"acs:ram:*:{cloud.account.account_id}:role/{role_name}"
    try:
        cloud.authorize(call.principal, "ram:PassRole", [arn], {**call.context, "acs:Service": ECS_SERVICE})
    except AccessRefused as refused:
        refused.code = "InvalidUser.PassRoleForbidden"
        refused.reason = (
            f"The RAM user does not have the privilege to pass the role: ram:PassRole on {arn} is required."
        )
        raise


def check_network(instances: Sequence[Instance]) -> None:
    """Raise ApiError if an instance is in the classic network, where instances have no roles."""
    classic = [instance.instance_id for instance in instances if instance.network_type == "classic"]
    if classic:
        message = f"A RAM role can only be used in a VPC; in the classic network are: {', '.join(classic)}."
        raise ApiError(403, "InvalidNetworkType.MismatchRamRole", message)


def on_instances(cloud: Cloud, call: Call) -> Sequence[str]:
    """Return the resources of calls on InstanceIds, all instances of the region if there are none."""
    ids = instance_ids(call, 100) if call.text("InstanceIds") else ["*"]
    return [instance_arn(cloud, call, instance_id) for instance_id in ids]


def on_listed_instances(cloud: Cloud, call: Call) -> Sequence[str]:
    """Return the resources of calls on InstanceId.N, all instances of the region if there are none."""
    return [instance_arn(cloud, call, instance_id) for instance_id in call.listed("InstanceId") or ["*"]]


def on_instances_and_role(cloud: Cloud, call: Call) -> Sequence[str]:
    """Return the resources of attaching and detaching: the instances and, if named, the role."""
    name = call.text("RamRoleName")
    role = f"acs:ram:{call.text('RegionId')}:{cloud.account.account_id}:role/{name}"
    return [*on_instances(cloud, call), *([role] if name else [])]


def on_instance(cloud: Cloud, call: Call) -> Sequence[str]:
    """Return the resource of calls on InstanceId."""
    return (instance_arn(cloud, call, call.text("InstanceId")),)


def on_region(kind: str, parameter: str = "", service: str = "ecs") -> Callable[[Cloud, Call], Sequence[str]]:
    """Return the resource of calls on the one of a kind that a parameter names, else on everything in a region."""

    def resources(cloud: Cloud, call: Call) -> Sequence[str]:
        name = call.text(parameter) if parameter else ""
        return (f"acs:{service}:{call.text('RegionId') or '*'}:{cloud.account.account_id}:{kind}/{name or '*'}",)

    return resources


def instance_arn(cloud: Cloud, call: Call, instance_id: str) -> str:
    """Return the resource of an instance, which a call names."""
    # calls without RegionId act on the instance wherever it is; the ARN needs its region all the same
    known = cloud.ecs.get(instance_id)
    region = known.region if known else call.text("RegionId") or "*"
    return f"acs:ecs:{region}:{cloud.account.account_id}:instance/{instance_id}"


def given_tags(call: Call) -> dict[str, str]:
    """Return the tags of a call that makes something; one without a key is none."""
    return {tag["Key"]: tag.get("Value", "") for tag in call.numbered("Tag") if tag.get("Key")}


def shown_tags(tags: Mapping[str, str]) -> Answer:
    """Return tags as ECS lists them."""
    return {"Tag": [{"TagKey": key, "TagValue": value} for key, value in tags.items()]}
