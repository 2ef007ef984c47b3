"""VPC 2016-04-28, as far as instances need it: VPCs and vSwitches. Nothing is routed; they are kept and shown.

Codes are those that VPC's pages and Terraform's provider have.
"""

from ipaddress import IPv4Network

from ram_simulator.cloud.calls import Action, Answer, Call, Product, table
from ram_simulator.cloud.clock import to_seconds
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.errors import ApiError
from ram_simulator.cloud.networks import Vpc, VSwitch
from ram_simulator.ecs.checks import on_region, paged, region_of
from ram_simulator.ecs.names import new_id

_MOST_LISTED = 50


def create_vpc(cloud: Cloud, call: Call) -> Answer:
    """Create a VPC; it is available at once."""
    region = region_of(cloud, call)
    block = _cidr_block(call.text("CidrBlock") or "172.16.0.0/12")
    vpc = Vpc(new_id("vpc"), region, block, call.text("VpcName"), call.text("Description"), cloud.clock.now())
    cloud.networks.vpcs[vpc.vpc_id] = vpc
    return {
        "VpcId": vpc.vpc_id,
        "VRouterId": _router(vpc),
        "RouteTableId": _route_table(vpc),
        "ResourceGroupId": "",
    }


def describe_vpcs(cloud: Cloud, call: Call) -> Answer:
    """List VPCs of a region."""
    region, ids = region_of(cloud, call), call.text("VpcId").split(",")
    found = [
        _shown_vpc(cloud, vpc)
        for vpc in cloud.networks.vpcs.values()
        if vpc.region == region and (ids == [""] or vpc.vpc_id in ids) and call.text("VpcName") in ("", vpc.name)
    ]
    page, counts = paged(call, found, _MOST_LISTED)
    return {**counts, "Vpcs": {"Vpc": page}}


def describe_vpc_attribute(cloud: Cloud, call: Call) -> Answer:
    """Show a VPC."""
    return _shown_vpc(cloud, _vpc(cloud, call))


def modify_vpc_attribute(cloud: Cloud, call: Call) -> Answer:
    """Change name or description."""
    vpc = _vpc(cloud, call)
    vpc.name = call.params.get("VpcName", vpc.name)
    vpc.description = call.params.get("Description", vpc.description)
    return {}


def delete_vpc(cloud: Cloud, call: Call) -> Answer:
    """Delete a VPC in which there is nothing."""
    vpc, networks = _vpc(cloud, call), cloud.networks
    if any(item.vpc_id == vpc.vpc_id for item in networks.vswitches.values()):
        raise ApiError(400, "DependencyViolation.VSwitch", f"There are still vSwitches in {vpc.vpc_id}.")
    if any(item.vpc_id == vpc.vpc_id for item in networks.security_groups.values()):
        raise ApiError(400, "DependencyViolation.SecurityGroup", f"There are still security groups in {vpc.vpc_id}.")
    del networks.vpcs[vpc.vpc_id]
    return {}


def describe_route_tables(cloud: Cloud, call: Call) -> Answer:
    """List route tables: the one that each VPC has."""
    region, wanted = region_of(cloud, call), call.text("VpcId")
    found: list[Answer] = [
        {
            "RouteTableId": _route_table(vpc),
            "RouteTableType": "System",
            "RouteTableName": "",
            "Description": "",
            "RouterId": _router(vpc),
            "RouterType": "VRouter",
            "VpcId": vpc.vpc_id,
            "Status": "Available",
            "ResourceGroupId": "",
            "CreationTime": to_seconds(vpc.creation_time),
            "VSwitchIds": {"VSwitchId": _vswitches(cloud, vpc)},
        }
        for vpc in cloud.networks.vpcs.values()
        if vpc.region == region and wanted in ("", vpc.vpc_id)
    ]
    page, counts = paged(call, found, _MOST_LISTED)
    return {**counts, "RouterTableList": {"RouterTableListType": page}}


def create_vswitch(cloud: Cloud, call: Call) -> Answer:
    """Create a vSwitch in a VPC."""
    vpc, zone, block = _vpc(cloud, call), call.text("ZoneId"), _cidr_block(call.text("CidrBlock"))
    if zone not in cloud.ecs.regions[vpc.region].zones:
        raise ApiError(404, "InvalidZoneId.NotFound", f"The specified zone does not exist: {zone}.")
    if not IPv4Network(block).subnet_of(IPv4Network(vpc.cidr_block)):
        raise ApiError(400, "InvalidCidrBlock.Malformed", f"{block} is not within the VPC's {vpc.cidr_block}.")
    if any(
        item.vpc_id == vpc.vpc_id and IPv4Network(item.cidr_block).overlaps(IPv4Network(block))
        for item in cloud.networks.vswitches.values()
    ):
        raise ApiError(400, "InvalidCidrBlock.Overlapped", f"{block} overlaps with that of another vSwitch.")
    vswitch = VSwitch(
        vswitch_id=new_id("vsw"),
        vpc_id=vpc.vpc_id,
        region=vpc.region,
        zone=zone,
        cidr_block=block,
        name=call.text("VSwitchName"),
        description=call.text("Description"),
        creation_time=cloud.clock.now(),
    )
    cloud.networks.vswitches[vswitch.vswitch_id] = vswitch
    return {"VSwitchId": vswitch.vswitch_id}


def describe_vswitches(cloud: Cloud, call: Call) -> Answer:
    """List vSwitches."""
    wanted = {"vswitch_id": "VSwitchId", "vpc_id": "VpcId", "zone": "ZoneId", "name": "VSwitchName"}
    found = [
        _shown_vswitch(vswitch)
        for vswitch in cloud.networks.vswitches.values()
        if call.text("RegionId") in ("", vswitch.region)
        and all(call.text(name) in ("", getattr(vswitch, field)) for field, name in wanted.items())
    ]
    page, counts = paged(call, found, _MOST_LISTED)
    return {**counts, "VSwitches": {"VSwitch": page}}


def describe_vswitch_attributes(cloud: Cloud, call: Call) -> Answer:
    """Show a vSwitch."""
    return _shown_vswitch(_vswitch(cloud, call))


def modify_vswitch_attribute(cloud: Cloud, call: Call) -> Answer:
    """Change name or description."""
    vswitch = _vswitch(cloud, call)
    vswitch.name = call.params.get("VSwitchName", vswitch.name)
    vswitch.description = call.params.get("Description", vswitch.description)
    return {}


def delete_vswitch(cloud: Cloud, call: Call) -> Answer:
    """Delete a vSwitch without instances."""
    vswitch = _vswitch(cloud, call)
    if any(instance.vswitch_id == vswitch.vswitch_id for instance in cloud.ecs):
        raise ApiError(400, "DependencyViolation", f"There are still instances in {vswitch.vswitch_id}.")
    del cloud.networks.vswitches[vswitch.vswitch_id]
    return {}


def _vpc(cloud: Cloud, call: Call) -> Vpc:
    vpc = cloud.networks.vpcs.get(call.text("VpcId"))
    if vpc is None or call.text("RegionId") not in ("", vpc.region):
        raise ApiError(404, "InvalidVpcID.NotFound", f"The specified VPC does not exist: {call.text('VpcId')}.")
    return vpc


def _vswitch(cloud: Cloud, call: Call) -> VSwitch:
    vswitch = cloud.networks.vswitches.get(call.text("VSwitchId"))
    if vswitch is None or call.text("RegionId") not in ("", vswitch.region):
        message = f"The specified vSwitch does not exist: {call.text('VSwitchId')}."
        raise ApiError(404, "InvalidVSwitchId.NotFound", message)
    return vswitch


def _cidr_block(text: str) -> str:
    try:
        return str(IPv4Network(text))
    except ValueError as error:
        raise ApiError(400, "InvalidCidrBlock.Malformed", f"The specified CidrBlock is not valid: {text}.") from error


def _router(vpc: Vpc) -> str:
    return f"vrt-{vpc.vpc_id[4:]}"


def _route_table(vpc: Vpc) -> str:
    return f"vtb-{vpc.vpc_id[4:]}"


def _vswitches(cloud: Cloud, vpc: Vpc) -> list[str]:
    return [item.vswitch_id for item in cloud.networks.vswitches.values() if item.vpc_id == vpc.vpc_id]


def _shown_vpc(cloud: Cloud, vpc: Vpc) -> Answer:
    return {
        "VpcId": vpc.vpc_id,
        "VpcName": vpc.name,
        "Description": vpc.description,
        "RegionId": vpc.region,
        "Status": "Available",
        "CidrBlock": vpc.cidr_block,
        "VRouterId": _router(vpc),
        "IsDefault": False,
        "CreationTime": to_seconds(vpc.creation_time),
        "ResourceGroupId": "",
        "VSwitchIds": {"VSwitchId": _vswitches(cloud, vpc)},
        "RouterTableIds": {"RouterTableIds": [_route_table(vpc)]},
        "SecondaryCidrBlocks": {"SecondaryCidrBlock": []},
        "UserCidrs": {"UserCidr": []},
        "Tags": {"Tag": []},
    }


def _shown_vswitch(vswitch: VSwitch) -> Answer:
    addresses = IPv4Network(vswitch.cidr_block).num_addresses
    return {
        "VSwitchId": vswitch.vswitch_id,
        "VSwitchName": vswitch.name,
        "Description": vswitch.description,
        "VpcId": vswitch.vpc_id,
        "RegionId": vswitch.region,
        "ZoneId": vswitch.zone,
        "Status": "Available",
        "CidrBlock": vswitch.cidr_block,
        "AvailableIpAddressCount": max(0, addresses - 4),
        "IsDefault": False,
        "CreationTime": to_seconds(vswitch.creation_time),
        "ResourceGroupId": "",
        "Tags": {"Tag": []},
    }


_PAGES = ("PageNumber", "PageSize")
_VPC, _VSWITCH = on_region("vpc", "VpcId", "vpc"), on_region("vswitch", "VSwitchId", "vpc")
_ONCE = ("ClientToken", "DryRun", "ResourceGroupId", "Tag", "EnableIpv6", "UserCidr", "Ipv6CidrBlock")
PRODUCT = Product(
    name="Vpc",
    version="2016-04-28",
    service="vpc",
    denial="Forbidden.RAM",
    actions=table(
        Action(
            "CreateVpc",
            create_vpc,
            _VPC,
            ("RegionId",),
            ("CidrBlock", "VpcName", "Description", *_ONCE),
            write=True,
            without_effect=_ONCE,
        ),
        Action("DescribeVpcs", describe_vpcs, _VPC, ("RegionId",), ("VpcId", "VpcName", *_PAGES)),
        Action("DescribeVpcAttribute", describe_vpc_attribute, _VPC, ("VpcId",)),
        Action("ModifyVpcAttribute", modify_vpc_attribute, _VPC, ("VpcId",), ("VpcName", "Description"), write=True),
        Action(
            "DeleteVpc", delete_vpc, _VPC, ("VpcId",), ("ForceDelete",), write=True, without_effect=("ForceDelete",)
        ),
        Action("DescribeRouteTableList", describe_route_tables, _VPC, ("RegionId",), ("VpcId", *_PAGES)),
        Action(
            "CreateVSwitch",
            create_vswitch,
            _VPC,
            ("VpcId", "ZoneId", "CidrBlock"),
            ("VSwitchName", "Description", *_ONCE),
            write=True,
            without_effect=_ONCE,
        ),
        Action(
            "DescribeVSwitches",
            describe_vswitches,
            _VSWITCH,
            (),
            ("VpcId", "VSwitchId", "ZoneId", "VSwitchName", *_PAGES),
        ),
        Action("DescribeVSwitchAttributes", describe_vswitch_attributes, _VSWITCH, ("VSwitchId",)),
        Action(
            "ModifyVSwitchAttribute",
            modify_vswitch_attribute,
            _VSWITCH,
            ("VSwitchId",),
            ("VSwitchName", "Description"),
            write=True,
        ),
        Action("DeleteVSwitch", delete_vswitch, _VSWITCH, ("VSwitchId",), write=True),
    ),
)
