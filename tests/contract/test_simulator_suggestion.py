"""The policy that the control service suggests: it allows what was called, and nothing can be taken from it."""

import json
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote

import oss2
import pytest
from tests.contract.conftest import OldSdk, RunningSimulator

TRUST = json.dumps(
    {
        "Version": "1",
        "Statement": [{"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": ["ecs.aliyuncs.com"]}}],
    }
)
ADMIN = {"PolicyType": "System", "PolicyName": "AdministratorAccess", "UserName": "dev"}
DEV = ("simulator-dev", "simulator-dev-secret")


def suggested(simulator: RunningSimulator, principal: str, since: int = 0) -> dict[str, Any]:
    return simulator.control_call("GET", f"/suggest?principal={quote(principal)}&since={since}")


def work(simulator: RunningSimulator, dev: OldSdk) -> int:
    """Do what needs six permissions of three services, and return how many calls policies refused."""
    refused = 0
    instances = json.dumps(simulator.instance_ids()[:1])
    for action, parameters in (
        ("CreateRole", {"RoleName": "Web", "AssumeRolePolicyDocument": TRUST}),
        ("GetRole", {"RoleName": "Web"}),
        ("AttachInstanceRamRole", {"RamRoleName": "Web", "InstanceIds": instances}),
        ("DescribeInstances", {}),
    ):
        try:
            dev.call(action, **parameters)
        except Exception as error:
            refused += getattr(error, "get_http_status", lambda: 0)() == 403
    try:
        oss2.Bucket(oss2.Auth(*DEV), simulator.oss, "ramroletest").get_object("test.sh").read()
    except oss2.exceptions.AccessDenied:
        refused += 1
    return refused


def hold(root: OldSdk, document: dict[str, Any]) -> None:
    root.call("CreatePolicy", PolicyName="suggested", PolicyDocument=json.dumps(document))
    root.call("AttachPolicyToUser", PolicyType="Custom", PolicyName="suggested", UserName="dev")


def test_it_allows_what_was_called_and_no_part_of_it_is_too_much(
    simulator: RunningSimulator, root: OldSdk, dev: OldSdk
) -> None:
    since = simulator.newest_call()
    root.call("AttachPolicyToUser", **ADMIN)
    assert work(simulator, dev) == 0
    policy = suggested(simulator, "user/dev", since)
    assert policy == suggested(simulator, "acs:ram::1234567890123456:user/dev", since)
    actions = {action for statement in policy["Statement"] for action in statement["Action"]}
    assert actions == {
        *("ram:CreateRole", "ram:GetRole", "ram:PassRole"),
        *("ecs:AttachInstanceRamRole", "ecs:DescribeInstances", "oss:GetObject"),
    }
    simulator.reset()
    hold(root, policy)
    assert work(simulator, dev) == 0
    for action in actions:
        less = [
            statement | {"Action": [name for name in statement["Action"] if name != action]}
            for statement in policy["Statement"]
            if statement["Action"] != [action]
        ]
        simulator.reset()
        hold(root, policy | {"Statement": less})
        assert work(simulator, dev) >= 1, f"{action} is not needed"


def test_a_refused_call_counts_with_what_it_was_refused_for(simulator: RunningSimulator, dev: OldSdk) -> None:
    since = simulator.newest_call()
    assert dev.refusal("ListRoles") == (403, "NoPermission")
    (statement,) = suggested(simulator, "user/dev", since)["Statement"]
    assert (statement["Action"], statement["Resource"]) == (["ram:ListRoles"], ["acs:ram:*:1234567890123456:role/*"])


def test_all_sessions_of_a_role_count_for_the_role(simulator: RunningSimulator, root: OldSdk, sdk: Any) -> None:
    trusting = TRUST.replace('"Service": ["ecs.aliyuncs.com"]', '"RAM": ["acs:ram::1234567890123456:root"]')
    root.call("CreateRole", RoleName="People", AssumeRolePolicyDocument=trusting)
    root.call("AttachPolicyToUser", **ADMIN)
    since = simulator.newest_call()
    for action in ("ListRoles", "ListUsers"):
        arn = "acs:ram::1234567890123456:role/People"
        given = sdk(*DEV).call("AssumeRole", RoleArn=arn, RoleSessionName=action)["Credentials"]
        client = oss2.Bucket(
            oss2.StsAuth(given["AccessKeyId"], given["AccessKeySecret"], given["SecurityToken"]),
            simulator.oss,
            "ramroletest",
        )
        with pytest.raises(oss2.exceptions.AccessDenied):
            client.get_object(action).read()
    (statement,) = suggested(simulator, "role/People", since)["Statement"]
    assert statement["Action"] == ["oss:GetObject"]
    assert [text.rpartition("/")[2] for text in statement["Resource"]] == ["ListRoles", "ListUsers"]


@pytest.mark.parametrize(("query", "says"), [("principal=user/nobody", "calls are by"), ("", "principal is required")])
def test_whoever_has_called_nothing_is_refused(simulator: RunningSimulator, query: str, says: str) -> None:
    with pytest.raises(HTTPError) as caught:
        simulator.control_call("GET", f"/suggest?{query}")
    with caught.value as refused:
        assert refused.code == 400
        assert says in json.loads(refused.read())["error"]
