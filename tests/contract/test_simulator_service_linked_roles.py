"""Service-linked roles against the process: made for a service, kept from calls for others, deleted by their own."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.contract.clients.models import misfits
from tests.contract.clients.pages import TRUST
from tests.contract.clients.raw import Key, RawClient, Wire
from tests.contract.clients.walk import DEV, ROOT
from tests.contract.conftest import RunningSimulator

POLARDB = {"ServiceName": "polardb.aliyuncs.com"}
NAMED = {"RoleName": "AliyunServiceRoleForPolarDB"}
HELD = NAMED | {"PolicyType": "System", "PolicyName": "ReadOnlyAccess"}


@pytest.fixture
def root(simulator: RunningSimulator) -> Iterator[RawClient]:
    wire = Wire(simulator.endpoint)
    yield RawClient(wire, Key(*ROOT))
    wire.close()


def refusal(client: RawClient, action: str, asked: dict[str, Any]) -> tuple[int, str]:
    reply = client.call(action, **asked)
    return reply.status, reply.answer.get("Code", "")


def test_a_role_is_linked_to_a_service_until_it_is_deleted(root: RawClient) -> None:
    made = root.call("CreateServiceLinkedRole", **POLARDB, Description="mine").answer
    assert list(misfits("CreateServiceLinkedRole", made)) == []
    assert (made["Role"]["RoleName"], made["Role"]["IsServiceLinkedRole"]) == (NAMED["RoleName"], True)
    assert made["Role"]["Description"] != "mine"
    (statement,) = json.loads(made["Role"]["AssumeRolePolicyDocument"])["Statement"]
    assert statement["Principal"] == {"Service": ["polardb.aliyuncs.com"]}
    shown = root.call("GetRole", **NAMED).answer["Role"]
    assert (shown["IsServiceLinkedRole"], shown["RoleId"]) == (True, made["Role"]["RoleId"])
    deleted = root.call("DeleteServiceLinkedRole", **NAMED).answer
    assert list(misfits("DeleteServiceLinkedRole", deleted)) == []
    head = "task/acs-service-role/polardb.aliyuncs.com/AliyunServiceRoleForPolarDB/"
    assert deleted["DeletionTaskId"].startswith(head)
    assert refusal(root, "GetRole", NAMED) == (404, "EntityNotExist.Role")


def test_a_suffix_makes_another_role_with_its_own_description(root: RawClient) -> None:
    root.call("CreateServiceLinkedRole", **POLARDB)
    asked = POLARDB | {"CustomSuffix": "Example", "Description": "mine"}
    role = root.call("CreateServiceLinkedRole", **asked).answer["Role"]
    assert (role["RoleName"], role["Description"]) == ("AliyunServiceRoleForPolarDB_Example", "mine")
    assert root.call("GetRole", RoleName=role["RoleName"]).status == 200
    assert root.call("DeleteServiceLinkedRole", RoleName=role["RoleName"]).status == 200


REFUSED: list[tuple[str, dict[str, Any], int, str]] = [
    ("CreateServiceLinkedRole", POLARDB, 409, "EntityAlreadyExists.Role"),
    ("CreateServiceLinkedRole", {}, 400, "MissingParameter.ServiceName"),
    ("CreateServiceLinkedRole", {"ServiceName": "polardb"}, 400, "InvalidParameter.ServiceName"),
    ("CreateServiceLinkedRole", POLARDB | {"CustomSuffix": "a_b"}, 400, "InvalidParameter.CustomSuffix"),
    ("CreateServiceLinkedRole", POLARDB | {"CustomSuffix": "a" * 60}, 400, "InvalidParameter.CustomSuffix"),
    ("CreateServiceLinkedRole", POLARDB | {"Description": "a" * 1025}, 400, "InvalidParameter.Description.Length"),
    ("DeleteServiceLinkedRole", {"RoleName": "nobody"}, 404, "EntityNotExist.Role"),
    ("DeleteServiceLinkedRole", {"RoleName": "Ordinary"}, 400, "InvalidParameter.RoleName"),
    ("DeleteRole", NAMED, 403, "NoPermission"),
    ("UpdateRole", NAMED | {"NewDescription": "x"}, 403, "NoPermission"),
    ("AttachPolicyToRole", HELD, 403, "NoPermission"),
    ("DetachPolicyFromRole", HELD, 403, "NoPermission"),
]


def test_what_may_not_be_is_refused_and_changes_nothing(simulator: RunningSimulator, root: RawClient) -> None:
    root.call("CreateServiceLinkedRole", **POLARDB)
    root.call("CreateRole", RoleName="Ordinary", AssumeRolePolicyDocument=TRUST)
    before = simulator.state()
    told = [refusal(root, action, asked) for action, asked, _, _ in REFUSED]
    assert told == [(status, code) for _, _, status, code in REFUSED]
    assert simulator.state() == before


def test_a_policy_may_allow_it_for_one_service(root: RawClient) -> None:
    allowed = {"Effect": "Allow", "Action": "ram:CreateServiceLinkedRole", "Resource": "*"}
    allowed["Condition"] = {"StringEquals": {"ram:ServiceName": "polardb.aliyuncs.com"}}  # type: ignore[assignment]
    root.call("CreatePolicy", PolicyName="slr", PolicyDocument={"Version": "1", "Statement": [allowed]})
    root.call("AttachPolicyToUser", PolicyType="Custom", PolicyName="slr", UserName="dev")
    dev = RawClient(root.wire, Key(*DEV))
    assert refusal(dev, "CreateServiceLinkedRole", {"ServiceName": "alb.aliyuncs.com"}) == (403, "NoPermission")
    assert dev.call("CreateServiceLinkedRole", **POLARDB).status == 200
