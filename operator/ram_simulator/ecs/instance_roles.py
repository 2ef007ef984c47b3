"""AttachInstanceRamRole, DetachInstanceRamRole, DescribeInstanceRamRole.

What is wrong with the request as a whole is an error; what is wrong with one instance is a row of a 200 answer.
"""

from typing import TYPE_CHECKING

from ram_simulator.calls import Action, Answer, Call, table
from ram_simulator.documents import DocumentKind, PolicyDocument, parse_document
from ram_simulator.ecs.checks import (
    check_network,
    existing_instances,
    existing_ram_role,
    instance_ids,
    on_instances,
    on_instances_and_role,
    playable_role,
    region_of,
)
from ram_simulator.ecs.store import Instance, RoleBinding
from ram_simulator.errors import ApiError, MalformedDocument

if TYPE_CHECKING:
    from ram_simulator.cloud import Cloud

_MOST_CHANGED = 100
_MOST_DESCRIBED = 50
_SESSION_POLICY_LENGTH = 1024


def attach_instance_ram_role(cloud: "Cloud", call: Call) -> Answer:
    """Let instances play a role; one that plays a role already, even this one, fails for itself."""
    region = region_of(call)
    instances = existing_instances(cloud, region, instance_ids(call, _MOST_CHANGED))
    check_network(instances)
    role = playable_role(cloud, call, refused_with=404)
    binding = RoleBinding(role.name, _session_policy(call), cloud.clock.now())
    rows = []
    for instance in instances:
        if instance.binding is None:
            cloud.ecs.bind(instance, binding)
            rows.append(_succeeded(instance))
        else:
            # the true code is not documented; clients are told to look again rather than to parse it
            message = f"The instance already plays the role {instance.binding.role_name}; detach it first."
            rows.append(_failed(instance, "InvalidInstanceRamRole.NotSupport", message))
    return _answer(role.name, "AttachInstanceRamRoleResult", rows)


def detach_instance_ram_role(cloud: "Cloud", call: Call) -> Answer:
    """Take the role back; an instance that plays none, or not the one named, fails for itself."""
    region = region_of(call)
    instances = existing_instances(cloud, region, instance_ids(call, _MOST_CHANGED))
    check_network(instances)
    wanted = call.text("RamRoleName")
    rows = []
    for instance in instances:
        binding = instance.binding
        if binding is None or (wanted and wanted.lower() != binding.role_name.lower()):
            rows.append(_failed(instance, "InvalidRamRole.NotAttached", "The role is not attached to the instance."))
            continue
        cloud.ecs.unbind(instance)
        taken = {"InstanceRamRoleSet": [{"InstanceId": instance.instance_id, "RamRoleName": binding.role_name}]}
        rows.append(_succeeded(instance) | {"InstanceRamRoleSets": taken})
    return _answer(wanted, "DetachInstanceRamRoleResult", rows)


def describe_instance_ram_role(cloud: "Cloud", call: Call) -> Answer:
    """List instances that play a role: of those named, or all of the role named, or both at once, by pages."""
    if not call.text("InstanceIds") and not call.text("RamRoleName"):
        message = "InstanceIds and RamRoleName can not be empty at the same time."
        raise ApiError(403, "InvalidParameter.AllEmpty", message)
    region = region_of(call)
    number, size = call.number("PageNumber", 1, 1, 10**8), call.number("PageSize", 10, 1, _MOST_DESCRIBED)
    found = _playing(cloud, call, region)
    shown = found[(number - 1) * size : number * size]
    return {
        "RegionId": region,
        "TotalCount": len(found),
        "InstanceRamRoleSets": {
            "InstanceRamRoleSet": [
                {"InstanceId": instance.instance_id, "RamRoleName": instance.binding.role_name}
                for instance in shown
                if instance.binding is not None
            ]
        },
    }


def _playing(cloud: "Cloud", call: Call, region: str) -> list[Instance]:
    role = existing_ram_role(cloud, call) if call.text("RamRoleName") else None
    if not call.text("InstanceIds"):
        return cloud.ecs.playing(region, role.name) if role else []
    instances = existing_instances(cloud, region, instance_ids(call, _MOST_DESCRIBED))
    check_network(instances)
    return [
        instance
        for instance in instances
        if instance.binding and (role is None or instance.binding.role_name.lower() == role.name.lower())
    ]


def _session_policy(call: Call) -> PolicyDocument | None:
    text = call.text("Policy")
    if not text:
        return None
    if len(text) > _SESSION_POLICY_LENGTH:
        message = f"The parameter Policy must not be longer than {_SESSION_POLICY_LENGTH} characters."
        raise ApiError(400, "InvalidParameter.Policy", message)
    try:
        return parse_document(text, DocumentKind.SESSION)
    except MalformedDocument as error:
        raise ApiError(400, "MalformedPolicyDocument", str(error)) from error


def _succeeded(instance: Instance) -> Answer:
    return {"InstanceId": instance.instance_id, "Success": True, "Code": "200", "Message": "success"}


def _failed(instance: Instance, code: str, message: str) -> Answer:
    return {"InstanceId": instance.instance_id, "Success": False, "Code": code, "Message": message}


def _answer(role_name: str, row_name: str, rows: list[Answer]) -> Answer:
    return {
        "RamRoleName": role_name,
        "TotalCount": len(rows),
        "FailCount": sum(not row["Success"] for row in rows),
        f"{row_name}s": {row_name: rows},
    }


ACTIONS = table(
    Action(
        "AttachInstanceRamRole",
        attach_instance_ram_role,
        on_instances_and_role,
        ("RegionId", "InstanceIds", "RamRoleName"),
        ("Policy",),
        write=True,
    ),
    Action(
        "DetachInstanceRamRole",
        detach_instance_ram_role,
        on_instances_and_role,
        ("RegionId", "InstanceIds"),
        ("RamRoleName",),
        write=True,
    ),
    Action(
        "DescribeInstanceRamRole",
        describe_instance_ram_role,
        on_instances,
        ("RegionId",),
        ("InstanceIds", "RamRoleName", "PageNumber", "PageSize"),
    ),
)
