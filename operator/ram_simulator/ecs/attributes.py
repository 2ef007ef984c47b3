"""Single attributes of instances: user data, status, maintenance and private pools, and ModifyInstanceAttribute."""

import base64

from ram_simulator.cloud.calls import Action, Answer, Call, table
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.ecs.checks import (
    existing_instance,
    existing_instances,
    instance_ids,
    on_instance,
    on_instances,
    on_listed_instances,
    paged,
    region_of,
    user_data,
)

_MOST_LISTED = 100
_MOST_STATUSES = 50
_AT_MAINTENANCE = ("Stop", "AutoRecover", "AutoRedeploy")


def describe_user_data(cloud: Cloud, call: Call) -> Answer:
    """Show the user data as it was sent: in Base64."""
    (instance,) = existing_instances(cloud, region_of(cloud, call), [call.text("InstanceId")])
    content = instance.user_data.encode("utf-8", "surrogateescape")
    return {
        "RegionId": instance.region,
        "InstanceId": instance.instance_id,
        "UserData": base64.b64encode(content).decode(),
    }


def describe_instance_status(cloud: Cloud, call: Call) -> Answer:
    """List the status of the instances that are named, of all in the region or zone if none is."""
    region, ids, zone = region_of(cloud, call), call.listed("InstanceId"), call.text("ZoneId")
    instances = existing_instances(cloud, region, ids) if ids else cloud.ecs.in_region(region)
    found = [
        {"InstanceId": instance.instance_id, "Status": instance.status.value}
        for instance in instances
        if zone in ("", instance.zone)
    ]
    page, counts = paged(call, found, _MOST_STATUSES)
    return {**counts, "InstanceStatuses": {"InstanceStatus": page}}


def describe_maintenance_attributes(cloud: Cloud, call: Call) -> Answer:
    """Tell what happens at maintenance: what holds for every instance that nobody has changed."""
    region, ids = region_of(cloud, call), call.listed("InstanceId")
    instances = existing_instances(cloud, region, ids) if ids else cloud.ecs.in_region(region)
    action = {
        "Value": _AT_MAINTENANCE[1],
        "DefaultValue": _AT_MAINTENANCE[1],
        "SupportedValues": {"SupportedValue": list(_AT_MAINTENANCE)},
    }
    found: list[Answer] = [
        {
            "InstanceId": instance.instance_id,
            "ActionOnMaintenance": action,
            "MaintenanceWindows": {"MaintenanceWindow": []},
            "NotifyOnMaintenance": False,
        }
        for instance in instances
    ]
    page, counts = paged(call, found, _MOST_LISTED)
    return {**counts, "MaintenanceAttributes": {"MaintenanceAttribute": page}}


def describe_attachment_attributes(cloud: Cloud, call: Call) -> Answer:
    """Tell which private pool the instances belong to: none."""
    instances = existing_instances(cloud, region_of(cloud, call), instance_ids(call, _MOST_LISTED))
    found = [
        {
            "InstanceId": instance.instance_id,
            "PrivatePoolOptionsMatchCriteria": "None",
            "PrivatePoolOptionsId": "",
        }
        for instance in instances
    ]
    page, counts = paged(call, found, _MOST_LISTED)
    return {**counts, "Instances": {"Instance": page}}


def modify_instance_attribute(cloud: Cloud, call: Call) -> Answer:
    """Change what is sent."""
    instance = existing_instance(cloud, call)
    content = user_data(call)
    if "DeletionProtection" in call.params:
        instance.deletion_protection = call.flag("DeletionProtection")
    if "UserData" in call.params:
        instance.user_data = content
    if groups := call.listed("SecurityGroupIds"):
        instance.security_group_id, *instance.further_security_groups = groups
    instance.name = call.text("InstanceName") or instance.name
    instance.host_name = call.text("HostName") or instance.host_name
    description = call.optional("Description")
    instance.description = instance.description if description is None else description
    return {}


_PAGES = ("PageNumber", "PageSize")
_MODIFIED = ("InstanceName", "HostName", "Description", "UserData", "DeletionProtection", "SecurityGroupIds")
# there is nothing to log on to, and nothing that these would change
_WITHOUT_EFFECT = ("Password", "CreditSpecification", "EnableJumboFrame", "Recyclable", "ClientToken")
ACTIONS = table(
    Action("DescribeUserData", describe_user_data, on_instance, ("RegionId", "InstanceId")),
    Action(
        "DescribeInstanceStatus",
        describe_instance_status,
        on_listed_instances,
        ("RegionId",),
        ("InstanceId", "ZoneId", *_PAGES),
    ),
    Action(
        "DescribeInstanceMaintenanceAttributes",
        describe_maintenance_attributes,
        on_listed_instances,
        ("RegionId",),
        ("InstanceId", *_PAGES),
    ),
    Action(
        "DescribeInstanceAttachmentAttributes",
        describe_attachment_attributes,
        on_instances,
        ("RegionId", "InstanceIds"),
        _PAGES,
    ),
    Action(
        "ModifyInstanceAttribute",
        modify_instance_attribute,
        on_instance,
        ("InstanceId",),
        (*_MODIFIED, *_WITHOUT_EFFECT),
        write=True,
        without_effect=_WITHOUT_EFFECT,
    ),
)
