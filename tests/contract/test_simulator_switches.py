"""Switches and delays: each behaviour that the documentation leaves open, in its other form."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aliyunsdkcore.acs_exception.exceptions import ServerException
from tests.contract.clients.raw import Key, Message, Wire, common, signed_v1
from tests.contract.conftest import OldSdk, RunningSimulator, start_simulator, stop_simulator

from ram_simulator.cloud.switches import SWITCHES, SwitchName

ECS_TRUST = json.dumps(
    {
        "Version": "1",
        "Statement": [{"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": ["ecs.aliyuncs.com"]}}],
    }
)
FC_TRUST = ECS_TRUST.replace("ecs.aliyuncs.com", "fc.aliyuncs.com")
HELD = {"PolicyType": "System", "PolicyName": "AliyunOSSReadOnlyAccess", "RoleName": "EcsRole"}
ONE = "i-bp1simulator00000001"
Switch = Callable[..., None]


@pytest.fixture
def switch(simulator: RunningSimulator) -> Switch:
    return simulator.switch


@pytest.fixture
def role(root: OldSdk) -> OldSdk:
    """The account with two roles that trust ECS."""
    for name in ("EcsRole", "OtherRole"):
        root.call("CreateRole", RoleName=name, AssumeRolePolicyDocument=ECS_TRUST)
    return root


def attach(root: OldSdk, name: str = "EcsRole", *ids: str) -> dict[str, Any]:
    return root.call("AttachInstanceRamRole", RamRoleName=name, InstanceIds=json.dumps(ids or [ONE]))


def row(answer: dict[str, Any]) -> tuple[bool, str]:
    (results,) = (value for name, value in answer.items() if name.endswith("Results"))
    (rows,) = results.values()
    return rows[0]["Success"], rows[0]["Code"]


def test_a_second_role_may_be_an_error_of_the_call_that_changes_nothing(
    simulator: RunningSimulator, role: OldSdk, switch: Switch
) -> None:
    attach(role)
    switch(second_role="error", second_role_code="InvalidRamRole.AlreadyAttached")
    ids = simulator.instance_ids()[:2]
    asked = {"RamRoleName": "OtherRole", "InstanceIds": json.dumps(ids[::-1])}
    assert role.refusal("AttachInstanceRamRole", **asked) == (403, "InvalidRamRole.AlreadyAttached")
    assert [item["ramRoleName"] for item in simulator.state()["instances"] if item["instanceId"] == ids[1]] == [""]


def test_attaching_the_same_role_again_may_succeed(role: OldSdk, switch: Switch) -> None:
    attach(role)
    assert row(attach(role)) == (False, "InvalidInstanceRamRole.NotSupport")
    switch(same_role="succeeds")
    assert row(attach(role)) == (True, "200")
    assert row(attach(role, "OtherRole")) == (False, "InvalidInstanceRamRole.NotSupport")


def test_detaching_nothing_may_fail_or_succeed(role: OldSdk, switch: Switch) -> None:
    asked = {"InstanceIds": json.dumps([ONE]), "RamRoleName": "EcsRole"}
    assert row(role.call("DetachInstanceRamRole", **asked)) == (False, "InvalidRamRole.NotAttached")
    switch(detach_none="succeeds")
    assert row(role.call("DetachInstanceRamRole", **asked)) == (True, "200")
    switch(detach_none="error")
    assert role.refusal("DetachInstanceRamRole", **asked) == (404, "InvalidRamRole.NotAttached")


def test_detaching_by_the_name_of_another_role_may_succeed(role: OldSdk, switch: Switch) -> None:
    attach(role)
    asked = {"InstanceIds": json.dumps([ONE]), "RamRoleName": "OtherRole"}
    assert row(role.call("DetachInstanceRamRole", **asked)) == (False, "InvalidRamRole.NotAttached")
    switch(detach_other_role="succeeds")
    assert row(role.call("DetachInstanceRamRole", **asked)) == (True, "200")


def test_instances_without_a_role_may_be_left_out(role: OldSdk, switch: Switch) -> None:
    asked = {"InstanceIds": json.dumps([ONE])}
    listed = role.call("DescribeInstanceRamRole", **asked)["InstanceRamRoleSets"]["InstanceRamRoleSet"]
    assert listed == [{"InstanceId": ONE, "RamRoleName": ""}]
    switch(describe_roleless="absent")
    assert role.call("DescribeInstanceRamRole", **asked)["TotalCount"] == 0


def test_fewer_or_more_ids_may_be_described(role: OldSdk, switch: Switch) -> None:
    ids = json.dumps([f"i-{number}" for number in range(51)])
    assert role.refusal("DescribeInstanceRamRole", InstanceIds=ids) == (404, "InvalidInstanceId.NotFound")
    switch(describe_role_ids=50)
    assert role.refusal("DescribeInstanceRamRole", InstanceIds=ids) == (400, "InvalidInstanceIds.Malformed")


def later(simulator: RunningSimulator, seconds: int) -> None:
    simulator.control_call("POST", "/clock", {"advanceSeconds": seconds})


def test_ecs_may_see_a_new_role_late(simulator: RunningSimulator, role: OldSdk, switch: Switch) -> None:
    switch(role_to_ecs_seconds=30)
    asked = {"RamRoleName": "EcsRole", "InstanceIds": json.dumps([ONE])}
    assert role.call("GetRole", RoleName="EcsRole")
    assert role.refusal("AttachInstanceRamRole", **asked) == (404, "InvalidRamRole.NotFound")
    later(simulator, 31)
    assert row(attach(role)) == (True, "200")


def test_ecs_may_see_a_changed_trust_late(simulator: RunningSimulator, root: OldSdk, switch: Switch) -> None:
    root.call("CreateRole", RoleName="EcsRole", AssumeRolePolicyDocument=FC_TRUST)
    later(simulator, 60)
    switch(trust_to_ecs_seconds=30)
    root.call("UpdateRole", RoleName="EcsRole", NewAssumeRolePolicyDocument=ECS_TRUST)
    asked = {"RamRoleName": "EcsRole", "InstanceIds": json.dumps([ONE])}
    assert root.refusal("AttachInstanceRamRole", **asked) == (404, "InvalidRamRole.NotEcsRole")
    later(simulator, 31)
    assert row(attach(root)) == (True, "200")


def test_ram_itself_may_show_new_things_late(simulator: RunningSimulator, root: OldSdk, switch: Switch) -> None:
    switch(role_seen_seconds=5, policy_seen_seconds=5)
    root.call("CreateRole", RoleName="EcsRole", AssumeRolePolicyDocument=ECS_TRUST)
    document = '{"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:Get*","Resource":"*"}]}'
    root.call("CreatePolicy", PolicyName="read", PolicyDocument=document)
    assert root.refusal("GetRole", RoleName="EcsRole") == (404, "EntityNotExist.Role")
    assert root.refusal("GetPolicy", PolicyType="Custom", PolicyName="read") == (404, "EntityNotExist.Policy")
    again = {"RoleName": "EcsRole", "AssumeRolePolicyDocument": ECS_TRUST}
    assert root.refusal("CreateRole", **again) == (409, "EntityAlreadyExists.Role")
    later(simulator, 6)
    assert root.call("GetRole", RoleName="EcsRole")
    assert root.call("AttachPolicyToRole", PolicyType="Custom", PolicyName="read", RoleName="EcsRole")


def test_a_detachment_may_be_seen_late(simulator: RunningSimulator, role: OldSdk, switch: Switch) -> None:
    switch(detach_seen_seconds=10)
    role.call("AttachPolicyToRole", **HELD)
    role.call("DetachPolicyFromRole", **HELD)
    assert role.refusal("DeleteRole", RoleName="EcsRole") == (409, "DeleteConflict.Role.Policy")
    later(simulator, 11)
    role.call("DeleteRole", RoleName="EcsRole")


def metadata(simulator: RunningSimulator, path: str) -> tuple[int, str]:
    url = f"{simulator.metadata}/instances/{ONE}/latest/meta-data/{path}"
    try:
        with urllib.request.urlopen(url, timeout=10) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_metadata_may_see_roles_late(simulator: RunningSimulator, role: OldSdk, switch: Switch) -> None:
    switch(role_to_metadata_seconds=20)
    attach(role)
    assert metadata(simulator, "ram/security-credentials/")[0] == 404
    later(simulator, 21)
    assert metadata(simulator, "ram/security-credentials/") == (200, "EcsRole")
    role.call("DetachInstanceRamRole", InstanceIds=json.dumps([ONE]))
    attach(role, "OtherRole")
    assert metadata(simulator, "ram/security-credentials/") == (200, "EcsRole")
    later(simulator, 21)
    assert metadata(simulator, "ram/security-credentials/") == (200, "OtherRole")


def test_metadata_may_stop_at_once_when_trust_is_removed(
    simulator: RunningSimulator, role: OldSdk, switch: Switch
) -> None:
    attach(role)
    path = "ram/security-credentials/EcsRole"
    assert metadata(simulator, path)[0] == 200
    role.call("UpdateRole", RoleName="EcsRole", NewAssumeRolePolicyDocument=FC_TRUST)
    assert metadata(simulator, path)[0] == 200
    switch(trust_removed="no-token")
    assert metadata(simulator, path)[0] == 404


def test_metadata_has_its_small_print(simulator: RunningSimulator, role: OldSdk, switch: Switch) -> None:
    attach(role)
    assert metadata(simulator, "ram/security-credentials/ecsrole")[0] == 404
    switch(metadata_role_case="any", metadata_not_found_body="html")
    assert metadata(simulator, "ram/security-credentials/ecsrole")[0] == 200
    assert metadata(simulator, "nothing")[1].startswith("<html>")
    switch(metadata_calls_per_second=2, metadata_throttle_status="503")
    statuses = [metadata(simulator, "instance-id")[0] for _ in range(6)]
    assert statuses.count(503) >= 2
    assert statuses[0] == 200


def test_policies_and_roles_have_their_small_print(simulator: RunningSimulator, role: OldSdk, switch: Switch) -> None:
    document = '{"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:Get*","Resource":"*"}]}'
    role.call("CreatePolicy", PolicyName="read", PolicyDocument=document)
    role.call("AttachPolicyToRole", PolicyType="Custom", PolicyName="read", RoleName="EcsRole")
    assert role.refusal("DeletePolicy", PolicyName="read") == (409, "DeleteConflict.Policy.Role")
    switch(delete_policy_on_role_code="DeleteConflict.Role.Policy", stored_documents="reformatted")
    assert role.refusal("DeletePolicy", PolicyName="read") == (409, "DeleteConflict.Role.Policy")
    shown = role.call("GetPolicy", PolicyType="Custom", PolicyName="read")["DefaultPolicyVersion"]["PolicyDocument"]
    assert shown != document
    assert json.loads(shown) == json.loads(document)
    attach(role, "OtherRole")
    switch(delete_role_in_use="refused")
    assert role.refusal("DeleteRole", RoleName="OtherRole") == (409, "DeleteConflict.Role.Instance")
    switch(underscores_in_role_names="allowed", trust_length=60)
    asked = {"RoleName": "a_b", "AssumeRolePolicyDocument": ECS_TRUST}
    assert role.refusal("CreateRole", **asked) == (400, "InvalidParameter.AssumeRolePolicyDocument.Length")
    switch(trust_length=2048)
    assert role.call("CreateRole", **asked)["Role"]["RoleName"] == "a_b"
    switch(session_duration_code="InvalidParameter.Duration")
    late = {"RoleName": "EcsRole", "NewMaxSessionDuration": "1"}
    assert role.refusal("UpdateRole", **late) == (400, "InvalidParameter.Duration")


def test_an_update_may_reset_the_duration_and_an_attachment_move_the_date(
    simulator: RunningSimulator, role: OldSdk, switch: Switch
) -> None:
    role.call("UpdateRole", RoleName="EcsRole", NewMaxSessionDuration="7200")
    before = role.call("GetRole", RoleName="EcsRole")["Role"]["UpdateDate"]
    later(simulator, 100)
    role.call("AttachPolicyToRole", **HELD)
    assert role.call("GetRole", RoleName="EcsRole")["Role"]["UpdateDate"] == before
    switch(update_date_on_attach="moved", update_role_duration="reset", system_policies_per_holder=1)
    role.call("DetachPolicyFromRole", **HELD)
    assert role.call("GetRole", RoleName="EcsRole")["Role"]["UpdateDate"] > before
    assert role.call("UpdateRole", RoleName="EcsRole", NewDescription="x")["Role"]["MaxSessionDuration"] == 3600
    role.call("AttachPolicyToRole", **HELD)
    second = HELD | {"PolicyName": "ReadOnlyAccess"}
    assert role.refusal("AttachPolicyToRole", **second) == (409, "LimitExceeded.Role.Policy")


def test_answers_have_their_small_print(simulator: RunningSimulator, dev: OldSdk, switch: Switch) -> None:
    switch(access_denied_detail="left-out", default_format="XML")
    with urllib.request.urlopen(f"{simulator.control}/switches", timeout=10) as reply:
        assert json.load(reply)["default-format"] == "XML"
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{simulator.endpoint}/?Action=GetRole&Version=2015-05-01", timeout=10)
    with caught.value as error:
        assert error.read().startswith(b"<?xml")
    with pytest.raises(ServerException):
        dev.call("ListRoles")


def test_a_get_may_have_four_kilobytes_only(simulator: RunningSimulator, switch: Switch) -> None:
    key, wire = Key(simulator.accessKeyId, simulator.accessKeySecret), Wire(simulator.endpoint)

    def answered(method: str, length: int) -> tuple[int, str]:
        pairs = signed_v1(method, [*common("GetCallerIdentity"), ("Unread", "x" * length)], key)
        reply = wire.send(Message(method, query=pairs))
        return reply.status, reply.answer.get("Code", "")

    assert answered("GET", 9_000) == (200, "")
    switch(get_kilobytes=4)
    assert [answered("GET", 3_500), answered("POST", 9_000)] == [(200, ""), (200, "")]
    assert answered("GET", 4_097) == (400, "InvalidParameter.Length")
    wire.close()


@pytest.mark.parametrize(
    ("key", "name"), [("acs:SecureTransport", "secure_transport"), ("acs:MFAPresent", "mfa_present")]
)
def test_what_policies_ask_about_the_call_may_be_told_otherwise(
    root: OldSdk, dev: OldSdk, switch: Switch, key: str, name: str
) -> None:
    allowed = {"Effect": "Allow", "Action": "ram:ListRoles", "Resource": "*"}
    denied = {**allowed, "Effect": "Deny", "Condition": {"Bool": {key: "false"}}}
    document = json.dumps({"Version": "1", "Statement": [allowed, denied]})
    root.call("CreatePolicy", PolicyName="list", PolicyDocument=document)
    root.call("AttachPolicyToUser", PolicyType="Custom", PolicyName="list", UserName="dev")
    assert dev.refusal("ListRoles") == (403, "NoPermission")
    switch(**{name: "true"})
    assert dev.call("ListRoles")


def test_wrong_tags_may_have_another_status(root: OldSdk, switch: Switch) -> None:
    root.call("CreateRole", RoleName="EcsRole", AssumeRolePolicyDocument=ECS_TRUST)
    asked = {"ResourceType": "role", "ResourceNames": ["EcsRole"], "Tag": [{"Key": "acs:x", "Value": "y"}]}
    assert root.refusal("TagResources", **asked) == (400, "InvalidParameter.TagKey")
    switch(tag_error_status="409")
    assert root.refusal("TagResources", **asked) == (409, "InvalidParameter.TagKey")
    switch(tag_error_code="InvalidTag")
    assert root.refusal("TagResources", **asked) == (409, "InvalidTag.TagKey")


def test_wrong_switches_are_refused_and_change_nothing(simulator: RunningSimulator) -> None:
    before = simulator.control_call("GET", "/switches")
    wrong: list[dict[str, object]] = [
        {"no-such": "x"},
        {"second-role": "maybe"},
        {"same-role": "succeeds", "detach-none": 1},
        {"role-to-ecs-seconds": -1},
        {"role-to-ecs-seconds": 3601},
        {"role-to-ecs-seconds": True},
        {"second-role-code": ""},
    ]
    for values in wrong:
        with pytest.raises(urllib.error.HTTPError) as caught:
            simulator.control_call("PUT", "/switches", values)
        with caught.value as error:
            assert (error.code, "switch" in json.load(error)["error"]) == (400, True)
    assert simulator.control_call("GET", "/switches") == before


def test_the_command_line_sets_switches_and_a_reset_brings_them_back() -> None:
    running = start_simulator("--switch", "same-role=succeeds", "--switch", "role-to-ecs-seconds=3")
    try:
        running.control_call("PUT", "/switches", {"same-role": "refused"})
        running.reset()
        shown = running.control_call("GET", "/switches")
        assert (shown["same-role"], shown["role-to-ecs-seconds"]) == ("succeeds", 3)
        assert set(shown) == set(SwitchName)
    finally:
        assert stop_simulator(running) == 0


def test_the_table_has_every_switch() -> None:
    asked = [sys.executable, "-m", "ram_simulator", "switches", "--markdown"]
    environment = {"PYTHONPATH": str(Path(__file__).parents[2] / "operator")}
    printed = subprocess.run(asked, capture_output=True, text=True, check=True, env=environment).stdout
    assert len(printed.splitlines()) == len(SWITCHES) + 2
    assert all(f"| `{name}` |" in printed for name in SWITCHES)


def test_services_that_do_not_exist_may_be_refused(root: OldSdk, switch: Switch) -> None:
    typo = ECS_TRUST.replace("ecs.aliyuncs.com", "ecs.aliyun.com")
    root.call("CreateRole", RoleName="a", AssumeRolePolicyDocument=typo)
    switch(unknown_trust_services="refused")
    refused = root.refusal("CreateRole", RoleName="b", AssumeRolePolicyDocument=typo)
    assert refused == (400, "MalformedPolicyDocument")
    root.call("CreateRole", RoleName="b", AssumeRolePolicyDocument=ECS_TRUST)


def test_the_metadata_services_404_is_the_page_of_the_cloud(simulator: RunningSimulator, switch: Switch) -> None:
    def page() -> tuple[int, str, str]:
        path = f"/instances/{ONE}/latest/meta-data/ram/security-credentials/"
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{simulator.metadata}{path}", timeout=10)
        with caught.value as refused:
            return refused.code, refused.headers.get_content_type(), refused.read().decode()

    status, content_type, text = page()
    assert (status, content_type) == (404, "text/html")
    assert text.startswith('<?xml version="1.0" encoding="iso-8859-1"?>\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0')
    assert "<title>404 - Not Found</title>" in text
    switch(metadata_not_found_body="text")
    assert page()[1:] == ("text/plain", "404 - the instance has no role")
