"""Command line client and Terraform's provider, as they were seen on the wire, walk the pages and manage resources."""

import json

import pytest
from tests.contract.clients.pages import CREATE, READ_OSS, ROLE, ROTATE, TRUST, rows
from tests.contract.clients.raw import Key, Message, Wire, common, signed_v1
from tests.contract.clients.shapes import CommandLine, CommandLineByGet, FormOnly, OlderTerraform, Shaped, Terraform
from tests.contract.clients.walk import DEV, ROOT, Refused, World, walked

SHAPES: list[type[Shaped]] = [CommandLine, CommandLineByGet, Terraform, OlderTerraform, FormOnly]
KEYS = (ROOT, DEV, ("nobody", "x"), (DEV[0], "wrong"))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_client_of_that_shape_walks_all_rows(wire: Wire, world: World, shape: type[Shaped]) -> None:
    assert walked({key: shape(wire, Key(*key)) for key in KEYS}, rows(world)) == []


def test_terraform_reads_a_role_with_its_tags(terraform: Terraform) -> None:
    made = {"RoleName": ROLE, "AssumeRolePolicyDocument": TRUST, "Tag": [{"Key": "team", "Value": "storage"}]}
    terraform.call("CreateRole", made | {"MaxSessionDuration": "7200"})
    assert terraform.call("GetRole", {"RoleName": ROLE})["Role"]["MaxSessionDuration"] == 7200
    tags = terraform.call("ListTagResources", {"ResourceNames": json.dumps([ROLE]), "ResourceType": "role"})
    (tag,) = tags["TagResources"]
    assert (tag["ResourceName"], tag["TagKey"], tag["TagValue"]) == (ROLE, "team", "storage")


def test_terraform_updates_changed_fields_only(terraform: Terraform) -> None:
    terraform.call("CreateRole", {"RoleName": ROLE, "AssumeRolePolicyDocument": TRUST, "MaxSessionDuration": "7200"})
    terraform.call("UpdateRole", {"RoleName": ROLE, "NewDescription": "changed"})
    role = terraform.call("GetRole", {"RoleName": ROLE})["Role"]
    assert (role["MaxSessionDuration"], role["Description"]) == (7200, "changed")
    assert json.loads(role["AssumeRolePolicyDocument"]) == json.loads(TRUST)


def test_terraform_changes_a_policy_six_times_and_deletes_it_with_its_versions(terraform: Terraform) -> None:
    named = {"PolicyName": "p"}
    terraform.call("CreatePolicy", named | {"PolicyDocument": READ_OSS})
    for _ in range(6):
        changed = {"PolicyDocument": CREATE, "SetAsDefault": "true", "RotateStrategy": ROTATE}
        terraform.call("CreatePolicyVersion", named | changed)
    versions = terraform.call("ListPolicyVersions", named | {"PolicyType": "Custom"})["PolicyVersions"]["PolicyVersion"]
    assert [version["VersionId"] for version in versions] == ["v3", "v4", "v5", "v6", "v7"]
    assert (
        terraform.call("ListTagResources", {"ResourceNames": '["p"]', "ResourceType": "policy"})["TagResources"] == []
    )
    terraform.call("DeletePolicy", named | {"CascadingDelete": "true"})
    with pytest.raises(Refused, match=r"EntityNotExist\.Policy"):
        terraform.call("GetPolicy", named | {"PolicyType": "Custom"})


def test_terraform_learns_of_a_refused_second_role_by_looking(terraform: Terraform, world: World) -> None:
    for name in (ROLE, "other"):
        terraform.call("CreateRole", {"RoleName": name, "AssumeRolePolicyDocument": TRUST})
    one = {"RegionId": "cn-hangzhou", "InstanceIds": json.dumps(world.vpc[:1])}
    terraform.call("AttachInstanceRamRole", one | {"RamRoleName": ROLE})
    terraform.call("AttachInstanceRamRole", one | {"RamRoleName": "other"})
    shown = terraform.call("DescribeInstanceRamRole", one | {"RamRoleName": "other"})
    assert shown["InstanceRamRoleSets"]["InstanceRamRoleSet"] == []


def test_terraform_lists_by_pages_of_fifty(terraform: Terraform) -> None:
    for number in range(51):
        terraform.call("CreateRole", {"RoleName": f"role-{number}", "AssumeRolePolicyDocument": TRUST})
    first = terraform.call("ListRoles", {"MaxItems": "50"})
    second = terraform.call("ListRoles", {"MaxItems": "50", "Marker": first["Marker"]})
    assert (len(first["Roles"]["Role"]), len(second["Roles"]["Role"])) == (50, 1)
    assert (first["IsTruncated"], second["IsTruncated"]) == (True, False)


@pytest.mark.parametrize("host", ["127.0.0.1", "ram.aliyuncs.com", "ecs-cn-hangzhou.aliyuncs.com:443"])
def test_the_host_that_a_client_names_does_not_matter(wire: Wire, host: str) -> None:
    query = signed_v1("GET", common("GetCallerIdentity"), Key(*ROOT))
    reply = wire.send(Message("GET", "/", query, [("Host", host)]))
    assert (reply.status, reply.answer["IdentityType"]) == (200, "Account")
