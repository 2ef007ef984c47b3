"""Every answer of the walk has the names and types of the new SDK's models, and more that the walk passes over."""

import re

from tests.contract.clients.models import Modelled, misfits
from tests.contract.clients.pages import TRUST, rows
from tests.contract.clients.raw import Key, Wire
from tests.contract.clients.shapes import CommandLine
from tests.contract.clients.walk import DEV, ROOT, World, walked
from tests.contract.conftest import OldSdk

KEYS = (ROOT, DEV, ("nobody", "x"), (DEV[0], "wrong"))


def test_every_answer_fits_its_model(wire: Wire, world: World) -> None:
    clients = {key: Modelled(CommandLine(wire, Key(*key))) for key in KEYS}
    assert walked(clients, rows(world)) == []
    settings = ("GetAccountAlias", "GetPasswordPolicy", "GetSecurityPreference", "GetCallerIdentity", "ListPolicies")
    for action in settings:
        clients[ROOT].call(action, {})
    clients[ROOT].call("DescribeInstanceAttribute", {"InstanceId": world.vpc[0]})
    assert set().union(*(client.problems for client in clients.values())) == set()
    assert len(set().union(*(client.compared for client in clients.values()))) > 40


def test_a_misfit_is_told_with_its_place() -> None:
    answer = {"RequestId": 1, "Role": {"RoleName": "a", "Colour": "red", "MaxSessionDuration": "3600"}}
    assert set(misfits("GetRole", answer)) == {
        "GetRole.Role.Colour is not in the model",
        "GetRole.request_id is a int, not <class 'str'>",
        "GetRole.role.max_session_duration is a str, not <class 'int'>",
    }


def test_a_role_has_a_principal_name_and_belongs_to_no_service(root: OldSdk) -> None:
    root.call("CreateRole", RoleName="Reader", AssumeRolePolicyDocument=TRUST)
    role = root.call("GetRole", RoleName="Reader")["Role"]
    assert role["RolePrincipalName"] == "reader@role.1234567890123456.onaliyunservice.com"
    assert role["IsServiceLinkedRole"] is False


def test_regions_have_their_endpoints_and_are_available(root: OldSdk) -> None:
    regions = root.call("DescribeRegions")["Regions"]["Region"]
    assert {region["RegionId"] for region in regions} >= {"cn-hangzhou", "cn-beijing"}
    for region in regions:
        due = (f"ecs.{region['RegionId']}.aliyuncs.com", "available")
        assert (region["RegionEndpoint"], region["Status"]) == due


def test_an_instance_has_the_times_and_addresses_of_its_model(root: OldSdk) -> None:
    instances = root.call("DescribeInstances", PageSize=100)["Instances"]["Instance"]
    assert len(instances) > 1
    for instance in instances:
        assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\dZ", instance["CreationTime"])
        for interface in instance["NetworkInterfaces"]["NetworkInterface"]:
            private = instance["VpcAttributes"]["PrivateIpAddress"]["IpAddress"]
            assert [interface["PrimaryIpAddress"]] == private
