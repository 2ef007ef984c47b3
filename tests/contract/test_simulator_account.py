"""What RAM keeps of roles and of the account as a whole: console logon, limits, counts, settings of both versions."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.contract.clients.pages import TRUST
from tests.contract.clients.raw import Key, RawClient, Wire
from tests.contract.clients.walk import ROOT
from tests.contract.conftest import RunningSimulator

ROLE = {"RoleName": "Reader", "AssumeRolePolicyDocument": TRUST}
READ_ONLY = {"PolicyType": "System", "PolicyName": "AliyunOSSReadOnlyAccess"}


@pytest.fixture
def raw(simulator: RunningSimulator) -> Iterator[RawClient]:
    wire = Wire(simulator.endpoint)
    yield RawClient(wire, Key(*ROOT))
    wire.close()


def refusal(raw: RawClient, action: str, **asked: Any) -> tuple[int, str]:
    reply = raw.call(action, **asked)
    return reply.status, reply.answer.get("Code", "")


def test_console_logon_of_a_role_is_kept_and_shown(raw: RawClient) -> None:
    def shown() -> list[bool]:
        listed = raw.call("ListRoles").answer["Roles"]["Role"][-1]
        return [role["AllowConsoleLogin"] for role in (raw.call("GetRole", RoleName="Reader").answer["Role"], listed)]

    made = raw.call("CreateRole", **ROLE, AllowConsoleLogin="false").answer["Role"]
    assert (made["AllowConsoleLogin"], shown()) == (False, [False, False])
    raw.call("UpdateRole", RoleName="Reader", NewDescription="x")
    assert shown() == [False, False]
    changed = raw.call("UpdateRole", RoleName="Reader", NewAllowConsoleLogin="true").answer["Role"]
    assert (changed["AllowConsoleLogin"], shown()) == (True, [True, True])
    assert raw.call("CreateRole", **ROLE | {"RoleName": "Other"}).answer["Role"]["AllowConsoleLogin"] is True


WRONG_ROLES = [
    (
        "CreateRole",
        ROLE | {"RoleName": "New", "AllowConsoleLogin": "banana"},
        400,
        "InvalidParameter.AllowConsoleLogin",
    ),
    ("UpdateRole", {"RoleName": "Reader", "NewAllowConsoleLogin": "no"}, 400, "InvalidParameter.NewAllowConsoleLogin"),
    (
        "UpdateRole",
        {"RoleName": "Reader", "NewAssumeRolePolicyDocument": ""},
        400,
        "InvalidParameter.NewAssumeRolePolicyDocument.Length",
    ),
    *(
        (action, READ_ONLY | holder | {"ResourceGroupId": "rg-nope"}, 404, "EntityNotExists.ResourceGroup")
        for action, holder in (
            ("AttachPolicyToRole", {"RoleName": "Reader"}),
            ("DetachPolicyFromRole", {"RoleName": "Reader"}),
            ("AttachPolicyToUser", {"UserName": "dev"}),
        )
    ),
]


def test_what_can_not_be_obeyed_is_refused(simulator: RunningSimulator, raw: RawClient) -> None:
    raw.call("CreateRole", **ROLE)
    before = simulator.state()
    told = [refusal(raw, action, **asked) for action, asked, _, _ in WRONG_ROLES]
    assert told == [(status, code) for _, _, status, code in WRONG_ROLES]
    assert simulator.state() == before
