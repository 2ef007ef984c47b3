"""What RAM keeps of roles and of the account as a whole: console logon, limits, counts, settings of both versions."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.contract.clients.pages import READ_OSS, TRUST
from tests.contract.clients.raw import Key, RawClient, Wire
from tests.contract.clients.walk import DEV, ROOT
from tests.contract.conftest import RunningSimulator

ROLE = {"RoleName": "Reader", "AssumeRolePolicyDocument": TRUST}
READ_ONLY = {"PolicyType": "System", "PolicyName": "AliyunOSSReadOnlyAccess"}


@pytest.fixture
def raw(simulator: RunningSimulator) -> Iterator[RawClient]:
    wire = Wire(simulator.endpoint)
    yield RawClient(wire, Key(*ROOT))
    wire.close()


def account_summary(raw: RawClient) -> dict[str, int]:
    shown: dict[str, int] = raw.call("GetAccountSummary").answer["SummaryMap"]
    return shown


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


def test_an_account_has_the_limits_of_the_pages(raw: RawClient) -> None:
    summary = account_summary(raw)
    due = {"RolesQuota": 1000, "PoliciesQuota": 1500, "UsersQuota": 1000, "GroupsQuota": 50, "PolicySizeQuota": 6144}
    due |= {f"AttachedPoliciesPer{kind}Quota": 10 for kind in ("User", "Group", "Role")}
    due |= {f"AttachedSystemPoliciesPer{kind}Quota": 20 for kind in ("User", "Group", "Role")}
    assert {name: summary[name] for name in due} == due


def test_roles_and_policies_may_be_as_many_as_the_switches_say(simulator: RunningSimulator, raw: RawClient) -> None:
    simulator.switch(roles=1, policies=1, system_policies_per_holder=3, custom_policies_per_holder=4)
    summary = account_summary(raw)
    assert (summary["RolesQuota"], summary["PoliciesQuota"]) == (1, 1)
    assert (summary["AttachedSystemPoliciesPerRoleQuota"], summary["AttachedPoliciesPerUserQuota"]) == (3, 4)
    policy = {"PolicyName": "one", "PolicyDocument": READ_OSS}
    assert (raw.call("CreateRole", **ROLE).status, raw.call("CreatePolicy", **policy).status) == (200, 200)
    assert refusal(raw, "CreateRole", **ROLE | {"RoleName": "two"}) == (409, "LimitExceeded.Role")
    assert refusal(raw, "CreatePolicy", **policy | {"PolicyName": "two"}) == (409, "LimitExceeded.Policy")
    assert (account_summary(raw)["Roles"], account_summary(raw)["Policies"]) == (1, 1)


def test_a_thousand_users_are_enough(raw: RawClient) -> None:
    for number in range(1000 - account_summary(raw)["Users"]):
        assert raw.call("CreateUser", UserName=f"user-{number}").status == 200
    assert refusal(raw, "CreateUser", UserName="one-more") == (409, "LimitExceeded.User")


def test_the_summary_is_authorised_as_ram_calls_it(simulator: RunningSimulator, raw: RawClient) -> None:
    document = READ_OSS.replace("oss:Get*", "ram:GetAccountSummary")
    assert document != READ_OSS
    dev = RawClient(raw.wire, Key(*DEV))
    assert refusal(dev, "GetAccountSummary") == (403, "NoPermission")
    raw.call("CreatePolicy", PolicyName="sum", PolicyDocument=document)
    raw.call("AttachPolicyToUser", PolicyType="Custom", PolicyName="sum", UserName="dev")
    assert dev.call("GetAccountSummary").status == 200
