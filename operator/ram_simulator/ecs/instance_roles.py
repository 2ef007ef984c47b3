"""AttachInstanceRamRole, DetachInstanceRamRole, DescribeInstanceRamRole.

What is wrong with the request as a whole is an error; what is wrong with one instance is a row of a 200 answer.
"""

from ram_simulator.cloud.calls import Action, Answer, Call, table
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.ecs_store import Instance, RoleBinding
from ram_simulator.cloud.errors import ApiError
from ram_simulator.cloud.switches import SwitchName
from ram_simulator.ecs.checks import (
    attachable_role,
    check_network,
    existing_instances,
    existing_ram_role,
    instance_ids,
    on_instances,
    on_instances_and_role,
    region_of,
)
from ram_simulator.policies import DocumentKind, PolicyDocument, parse_document
from ram_simulator.policies.model import MalformedDocument

_MOST_CHANGED = 100
_MOST_DESCRIBED = 50
_SESSION_POLICY_LENGTH = 1024


def attach_instance_ram_role(cloud: Cloud, call: Call) -> Answer:
    """Attach a role to instances; one that has a role already, even this one, fails for itself."""
    region = region_of(cloud, call)
    instances = existing_instances(cloud, region, instance_ids(call, _MOST_CHANGED))
    check_network(instances)
    role = attachable_role(cloud, call, refused_with=404)
    binding = RoleBinding(role.name, _session_policy(cloud, call), cloud.clock.now())
    # all rows first: where a refusal is an error of the whole call, nothing may have happened yet
    rows = [_attached(cloud, instance, role.name) for instance in instances]
    for instance in instances:
        if instance.binding is None:
            cloud.ecs.bind(instance, binding)
    return _answer(role.name, "AttachInstanceRamRoleResult", rows)


def detach_instance_ram_role(cloud: Cloud, call: Call) -> Answer:
    """Take the role back; an instance that has none, or not the one named, fails for itself."""
    region = region_of(cloud, call)
    instances = existing_instances(cloud, region, instance_ids(call, _MOST_CHANGED))
    check_network(instances)
    wanted = call.text("RamRoleName")
    rows = [_detached(cloud, instance, wanted) for instance in instances]
    for instance, row in zip(instances, rows, strict=True):
        if row["Success"] and instance.binding is not None:
            if cloud.switches.text(SwitchName.ROLE_DETACHED) == "old-token-ends":
                cloud.account.end_sessions(instance.binding.role_name, instance.instance_id, cloud.clock.now())
            cloud.ecs.unbind(instance, cloud.clock.now())
    return _answer(wanted, "DetachInstanceRamRoleResult", rows)


def describe_instance_ram_role(cloud: Cloud, call: Call) -> Answer:
    """List instances that have a role: of those named, or all of the role named, or both at once, by pages."""
    if not call.text("InstanceIds") and not call.text("RamRoleName"):
        message = "InstanceIds and RamRoleName can not be empty at the same time."
        raise ApiError(403, "InvalidParameter.AllEmpty", message)
    region = region_of(cloud, call)
    number, size = call.number("PageNumber", 1, 1, 10**8), call.number("PageSize", 10, 1, _MOST_DESCRIBED)
    found = _having_role(cloud, call, region)
    shown = found[(number - 1) * size : number * size]
    return {
        "RegionId": region,
        "TotalCount": len(found),
        "InstanceRamRoleSets": {
            "InstanceRamRoleSet": [
                {"InstanceId": instance.instance_id, "RamRoleName": name} for instance, name in shown
            ]
        },
    }


def _having_role(cloud: Cloud, call: Call, region: str) -> list[tuple[Instance, str]]:
    """Return the instances that are asked for, each with the name of the role that it is shown to have."""
    role = existing_ram_role(cloud, call) if call.text("RamRoleName") else None
    most = cloud.switches.number(SwitchName.DESCRIBE_ROLE_IDS)
    if call.text("InstanceIds"):
        instances = existing_instances(cloud, region, instance_ids(call, most))
        check_network(instances)
    elif cloud.lists_seen is not None:
        instances = cloud.ecs.in_region(region)
    else:
        instances = cloud.ecs.having_role(region, role.name) if role else []
    shown = [(instance, _shown_role(cloud, instance)) for instance in instances]
    if role is None and cloud.switches.text(SwitchName.DESCRIBE_ROLELESS) == "listed":
        return shown
    return [
        (instance, name) for instance, name in shown if name and (role is None or cloud.is_same_role(name, role.name))
    ]


def _shown_role(cloud: Cloud, instance: Instance) -> str:
    moment = cloud.lists_seen
    binding = instance.binding if moment is None else instance.binding_before(moment)
    return binding.role_name if binding else ""


def _has_role(cloud: Cloud, instance: Instance, role_name: str) -> bool:
    return instance.binding is not None and cloud.is_same_role(instance.binding.role_name, role_name)


def _session_policy(cloud: Cloud, call: Call) -> PolicyDocument | None:
    text = call.text("Policy")
    if not text:
        return None
    if len(text) > _SESSION_POLICY_LENGTH:
        message = f"The parameter Policy must not be longer than {_SESSION_POLICY_LENGTH} characters."
        raise ApiError(400, "InvalidParameter.Policy", message)
    try:
        return parse_document(text, DocumentKind.SESSION, cloud.grammar)
    except MalformedDocument as error:
        raise ApiError(400, "MalformedPolicyDocument", str(error)) from error


def _attached(cloud: Cloud, instance: Instance, role_name: str) -> Answer:
    taken = instance.binding
    repeated = _has_role(cloud, instance, role_name)
    if taken is None or (repeated and cloud.switches.text(SwitchName.SAME_ROLE) == "succeeds"):
        return _succeeded(instance)
    return _refused(cloud, instance, taken)


def _detached(cloud: Cloud, instance: Instance, wanted: str) -> Answer:
    binding = instance.binding
    other_too = cloud.switches.text(SwitchName.DETACH_OTHER_ROLE) == "succeeds"
    if binding is None or (wanted and not other_too and not _has_role(cloud, instance, wanted)):
        return _not_attached(cloud, instance, binding)
    taken = {"InstanceRamRoleSet": [{"InstanceId": instance.instance_id, "RamRoleName": binding.role_name}]}
    return _succeeded(instance) | {"InstanceRamRoleSets": taken}


def _refused(cloud: Cloud, instance: Instance, taken: RoleBinding) -> Answer:
    # the true code is not documented; clients are advised to look again rather than to parse it
    code = cloud.switches.text(SwitchName.SECOND_ROLE_CODE)
    message = f"The instance already has the role {taken.role_name}; detach it first."
    if cloud.switches.text(SwitchName.SECOND_ROLE) == "error":
        raise ApiError(403, code, message)
    return _failed(instance, code, message)


def _not_attached(cloud: Cloud, instance: Instance, other: RoleBinding | None) -> Answer:
    code, message = "InvalidRamRole.NotAttached", "The role is not attached to the instance."
    match cloud.switches.text(SwitchName.DETACH_NONE):
        case "error":
            raise ApiError(404, code, message)
        case "succeeds" if other is None:
            return _succeeded(instance)
    return _failed(instance, code, message)


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
