"""Security groups: created, shown, deleted. Their rules are nowhere used, so there are none."""

from ram_simulator.cloud.calls import Action, Answer, Call, table
from ram_simulator.cloud.clock import to_seconds
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.errors import ApiError
from ram_simulator.cloud.networks import SecurityGroup
from ram_simulator.ecs.checks import given_tags, on_region, paged, region_of, shown_tags
from ram_simulator.ecs.names import new_id

_MOST_LISTED = 100
_KINDS = ("normal", "enterprise")
_INNER = ("Accept", "Drop")


def create_security_group(cloud: Cloud, call: Call) -> Answer:
    """Create a group, in a VPC if one is named."""
    region, vpc_id, kind = region_of(cloud, call), call.text("VpcId"), call.text("SecurityGroupType") or _KINDS[0]
    if vpc_id and vpc_id not in cloud.networks.vpcs:
        raise ApiError(404, "InvalidVpcId.NotFound", f"The specified VPC does not exist: {vpc_id}.")
    if kind not in _KINDS:
        raise ApiError(400, "InvalidSecurityGroupType.ValueNotSupported", f"It must be one of {', '.join(_KINDS)}.")
    group = SecurityGroup(
        group_id=new_id("sg"),
        region=region,
        vpc_id=vpc_id,
        name=call.text("SecurityGroupName"),
        description=call.text("Description"),
        kind=kind,
        creation_time=cloud.clock.now(),
        tags=given_tags(call),
    )
    cloud.networks.security_groups[group.group_id] = group
    return {"SecurityGroupId": group.group_id}


def describe_security_groups(cloud: Cloud, call: Call) -> Answer:
    """List groups of a region."""
    region, ids = region_of(cloud, call), call.json_list("SecurityGroupIds")
    found: list[Answer] = [
        {
            "SecurityGroupId": group.group_id,
            "SecurityGroupName": group.name,
            "Description": group.description,
            "VpcId": group.vpc_id,
            "SecurityGroupType": group.kind,
            "ResourceGroupId": "",
            "ServiceManaged": False,
            "CreationTime": to_seconds(group.creation_time),
            "Tags": shown_tags(group.tags),
        }
        for group in cloud.networks.security_groups.values()
        if group.region == region
        and call.text("SecurityGroupId") in ("", group.group_id)
        and call.text("VpcId") in ("", group.vpc_id)
        and call.text("SecurityGroupName") in ("", group.name)
        and (ids is None or group.group_id in ids)
    ]
    page, counts = paged(call, found, _MOST_LISTED)
    return {**counts, "RegionId": region, "NextToken": "", "SecurityGroups": {"SecurityGroup": page}}


def describe_security_group_attribute(cloud: Cloud, call: Call) -> Answer:
    """Show a group, whose list of rules is empty."""
    group = _existing(cloud, call)
    return {
        "RegionId": group.region,
        "SecurityGroupId": group.group_id,
        "SecurityGroupName": group.name,
        "Description": group.description,
        "VpcId": group.vpc_id,
        "InnerAccessPolicy": group.inner_access,
        "Permissions": {"Permission": []},
    }


def modify_security_group_attribute(cloud: Cloud, call: Call) -> Answer:
    """Change name or description."""
    group = _existing(cloud, call)
    group.name = call.params.get("SecurityGroupName", group.name)
    group.description = call.params.get("Description", group.description)
    return {}


def modify_security_group_policy(cloud: Cloud, call: Call) -> Answer:
    """Keep whether instances of the group reach each other."""
    group, inner = _existing(cloud, call), call.text("InnerAccessPolicy").capitalize()
    if inner not in _INNER:
        raise ApiError(400, "InvalidParameter.InnerAccessPolicy", f"It must be one of {', '.join(_INNER)}.")
    group.inner_access = inner
    return {}


def delete_security_group(cloud: Cloud, call: Call) -> Answer:
    """Delete a group without instances."""
    group = _existing(cloud, call)
    if any(group.group_id in instance.security_groups for instance in cloud.ecs):
        raise ApiError(403, "DependencyViolation", f"There are still instances in {group.group_id}.")
    del cloud.networks.security_groups[group.group_id]
    return {}


def _existing(cloud: Cloud, call: Call) -> SecurityGroup:
    region, group = region_of(cloud, call), cloud.networks.security_groups.get(call.text("SecurityGroupId"))
    if group is None or group.region != region:
        message = f"The specified security group does not exist: {call.text('SecurityGroupId')}."
        raise ApiError(404, "InvalidSecurityGroupId.NotFound", message)
    return group


_NAMED = ("RegionId", "SecurityGroupId")
_CREATED = ("VpcId", "SecurityGroupName", "Description", "SecurityGroupType", "Tag")
_WITHOUT_EFFECT = ("ClientToken", "ResourceGroupId", "ServiceManaged")
_LISTED = ("SecurityGroupId", "SecurityGroupIds", "VpcId", "SecurityGroupName", "PageNumber", "PageSize")
_LISTED_WITHOUT_EFFECT = ("NextToken", "MaxResults", "Tag", "NetworkType", "SecurityGroupType", "IsQueryEcsCount")
_GROUP = on_region("securitygroup", "SecurityGroupId")
ACTIONS = table(
    Action(
        "CreateSecurityGroup",
        create_security_group,
        _GROUP,
        ("RegionId",),
        (*_CREATED, *_WITHOUT_EFFECT),
        write=True,
        without_effect=_WITHOUT_EFFECT,
    ),
    Action(
        "DescribeSecurityGroups",
        describe_security_groups,
        _GROUP,
        ("RegionId",),
        (*_LISTED, *_LISTED_WITHOUT_EFFECT),
        without_effect=_LISTED_WITHOUT_EFFECT,
    ),
    Action(
        "DescribeSecurityGroupAttribute",
        describe_security_group_attribute,
        _GROUP,
        _NAMED,
        ("NicType", "Direction"),
        without_effect=("NicType", "Direction"),
    ),
    Action(
        "ModifySecurityGroupAttribute",
        modify_security_group_attribute,
        _GROUP,
        _NAMED,
        ("SecurityGroupName", "Description"),
        write=True,
    ),
    Action(
        "ModifySecurityGroupPolicy",
        modify_security_group_policy,
        _GROUP,
        (*_NAMED, "InnerAccessPolicy"),
        ("ClientToken",),
        write=True,
        without_effect=("ClientToken",),
    ),
    Action("DeleteSecurityGroup", delete_security_group, _GROUP, _NAMED, write=True),
)
