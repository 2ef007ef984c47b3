"""Users, groups, keys, login profiles and settings against the process, as the resources of Terraform use them."""

from collections.abc import Callable
from typing import Any

import pytest
from aliyunsdkcore.request import CommonRequest
from tests.contract.conftest import OldSdk, RunningSimulator

READ_ONLY = {"PolicyType": "System", "PolicyName": "AliyunRAMReadOnlyAccess"}


def test_a_user_is_created_shown_changed_and_deleted(root: OldSdk) -> None:
    details = {"DisplayName": "Ann", "Email": "ann@example.com", "MobilePhone": "86-18600001111", "Comments": "é"}
    made = root.call("CreateUser", UserName="ann", **details)["User"]
    assert "UpdateDate" not in made
    assert {name: made[name] for name in details} == details
    shown = root.call("GetUser", UserName="ANN")["User"]
    assert (shown["UserId"], shown["LastLoginDate"]) == (made["UserId"], "")
    changed = root.call("UpdateUser", UserName="ann", NewUserName="ann", NewDisplayName="")["User"]
    assert (changed["DisplayName"], changed["Email"]) == ("", "ann@example.com")
    root.call("DeleteUser", UserName="ann")
    assert root.refusal("GetUser", UserName="ann") == (404, "EntityNotExist.User")


def test_a_renamed_user_keeps_its_key_groups_and_policies(root: OldSdk, sdk: Callable[..., OldSdk]) -> None:
    root.call("CreateUser", UserName="ann")
    root.call("CreateGroup", GroupName="readers")
    root.call("AddUserToGroup", UserName="ann", GroupName="readers")
    root.call("AttachPolicyToUser", UserName="ann", **READ_ONLY)
    made = root.call("CreateAccessKey", UserName="ann")["AccessKey"]
    root.call("UpdateUser", UserName="ann", NewUserName="beth")
    beth = sdk(made["AccessKeyId"], made["AccessKeySecret"])
    assert beth.call("GetCallerIdentity")["Arn"].endswith(":user/beth")
    assert beth.call("GetUser", UserName="beth")
    assert [group["GroupName"] for group in beth.call("ListGroupsForUser", UserName="beth")["Groups"]["Group"]] == [
        "readers"
    ]
    members = beth.call("ListUsersForGroup", GroupName="readers")["Users"]["User"]
    assert [member["UserName"] for member in members] == ["beth"]
    assert root.refusal("GetUser", UserName="ann") == (404, "EntityNotExist.User")


def test_a_renamed_group_keeps_its_members_and_policies(root: OldSdk, dev: OldSdk) -> None:
    root.call("CreateGroup", GroupName="readers", Comments="old")
    root.call("AddUserToGroup", UserName="dev", GroupName="readers")
    root.call("AttachPolicyToGroup", GroupName="readers", **READ_ONLY)
    changed = root.call("UpdateGroup", GroupName="readers", NewGroupName="watchers", NewComments="new")["Group"]
    assert (changed["GroupName"], changed["Comments"]) == ("watchers", "new")
    assert dev.call("ListPoliciesForGroup", GroupName="watchers")["Policies"]["Policy"]
    root.call("RemoveUserFromGroup", UserName="dev", GroupName="watchers")
    assert dev.refusal("GetGroup", GroupName="watchers") == (403, "NoPermission")


def test_a_key_works_until_it_is_switched_off_or_deleted(root: OldSdk, sdk: Callable[..., OldSdk]) -> None:
    root.call("CreateUser", UserName="ann")
    made = root.call("CreateAccessKey", UserName="ann")["AccessKey"]
    assert made["Status"] == "Active"
    ann, named = sdk(made["AccessKeyId"], made["AccessKeySecret"]), {"UserName": "ann"}
    named["UserAccessKeyId"] = made["AccessKeyId"]
    assert ann.call("GetCallerIdentity")["IdentityType"] == "RAMUser"
    root.call("UpdateAccessKey", Status="Inactive", **named)
    assert ann.refusal("GetCallerIdentity") == (400, "InvalidAccessKeyId.Inactive")
    listed = root.call("ListAccessKeys", UserName="ann")["AccessKeys"]["AccessKey"]
    assert [(key["AccessKeyId"], key["Status"], "AccessKeySecret" in key) for key in listed] == [
        (made["AccessKeyId"], "Inactive", False)
    ]
    root.call("UpdateAccessKey", Status="Active", **named)
    assert ann.call("GetCallerIdentity")
    root.call("DeleteAccessKey", **named)
    assert ann.refusal("GetCallerIdentity") == (404, "InvalidAccessKeyId.NotFound")


def test_without_a_user_name_the_caller_manages_its_own_keys(root: OldSdk, dev: OldSdk) -> None:
    assert dev.refusal("ListAccessKeys") == (403, "NoPermission")
    document = (
        '{"Version":"1","Statement":[{"Effect":"Allow","Action":"ram:*AccessKey*","Resource":"acs:ram:*:*:user/dev"}]}'
    )
    root.call("CreatePolicy", PolicyName="own-keys", PolicyDocument=document)
    root.call("AttachPolicyToUser", PolicyType="Custom", PolicyName="own-keys", UserName="dev")
    made = dev.call("CreateAccessKey")["AccessKey"]["AccessKeyId"]
    assert made in [key["AccessKeyId"] for key in dev.call("ListAccessKeys")["AccessKeys"]["AccessKey"]]
    assert dev.refusal("ListAccessKeys", UserName="other") == (403, "NoPermission")
    own = root.call("ListAccessKeys")["AccessKeys"]["AccessKey"]
    assert [key["AccessKeyId"] for key in own] == ["simulator-root"]


def test_neither_secrets_nor_passwords_are_in_the_journal(simulator: RunningSimulator, root: OldSdk) -> None:
    root.call("CreateUser", UserName="ann")
    secret = root.call("CreateAccessKey", UserName="ann")["AccessKey"]["AccessKeySecret"]
    root.call("CreateLoginProfile", UserName="ann", Password="correct horse")
    journal = str(simulator.control_call("GET", "/journal"))
    assert secret not in journal
    assert "correct horse" not in journal


def test_a_login_profile_is_created_shown_changed_and_deleted(root: OldSdk) -> None:
    root.call("CreateUser", UserName="ann")
    made = root.call("CreateLoginProfile", UserName="ann", Password="12345678", PasswordResetRequired="true")
    assert made["LoginProfile"]["PasswordResetRequired"] is True
    root.call("UpdateLoginProfile", UserName="ann", MFABindRequired="true")
    shown = root.call("GetLoginProfile", UserName="ann")["LoginProfile"]
    assert (shown["MFABindRequired"], shown["PasswordResetRequired"]) == (True, True)
    assert root.refusal("DeleteUser", UserName="ann") == (409, "DeleteConflict.User.LoginProfile")
    root.call("DeleteLoginProfile", UserName="ann")
    assert root.refusal("GetLoginProfile", UserName="ann") == (404, "EntityNotExist.User.LoginProfile")


def test_passwords_follow_the_policy(root: OldSdk) -> None:
    root.call("CreateUser", UserName="ann")
    policy = root.call("SetPasswordPolicy", MinimumPasswordLength="10", RequireNumbers="true", RequireSymbols="true")
    assert (policy["PasswordPolicy"]["MinimumPasswordLength"], policy["PasswordPolicy"]["RequireNumbers"]) == (10, True)
    for password in ("short1!", "nothing but letters", "digits12345"):
        asked = {"UserName": "ann", "Password": password}
        assert root.refusal("CreateLoginProfile", **asked) == (400, "InvalidParameter.Password.TooWeak")
    assert root.call("CreateLoginProfile", UserName="ann", Password="long enough 1!")


def test_the_alias_is_set_told_and_cleared(root: OldSdk) -> None:
    assert root.call("GetAccountAlias")["AccountAlias"] == "1234567890123456"
    root.call("SetAccountAlias", AccountAlias="my-company")
    assert root.call("GetAccountAlias")["AccountAlias"] == "my-company"
    root.call("ClearAccountAlias")
    assert root.call("GetAccountAlias")["AccountAlias"] == "1234567890123456"


def test_security_preferences_keep_what_is_not_sent(root: OldSdk) -> None:
    root.call("SetSecurityPreference", AllowUserToManageAccessKeys="true", LoginSessionDuration="8")
    shown = root.call("SetSecurityPreference", AllowUserToChangePassword="true")["SecurityPreference"]
    assert shown["AccessKeyPreference"] == {"AllowUserToManageAccessKeys": True}
    assert shown["LoginProfilePreference"]["LoginSessionDuration"] == 8
    assert root.call("GetSecurityPreference")["SecurityPreference"] == shown


Refusal = tuple[str, dict[str, str], int, str]
REFUSALS: list[Refusal] = [
    ("CreateUser", {"UserName": "dev"}, 409, "EntityAlreadyExists.User"),
    ("CreateUser", {"UserName": "DEV"}, 409, "EntityAlreadyExists.User"),
    ("CreateUser", {"UserName": "a b"}, 400, "InvalidParameter.UserName.InvalidChars"),
    ("CreateUser", {"UserName": "a" * 65}, 400, "InvalidParameter.UserName.Length"),
    ("CreateUser", {"UserName": "ann", "DisplayName": "a" * 129}, 400, "InvalidParameter.DisplayName.Length"),
    ("CreateUser", {"UserName": "ann", "Comments": "a" * 129}, 400, "InvalidParameter.Comments.Length"),
    ("CreateUser", {"UserName": "ann", "Email": "ann"}, 400, "InvalidParameter.Email.Format"),
    ("CreateUser", {"UserName": "ann", "MobilePhone": "1"}, 400, "InvalidParameter.MobilePhone.Format"),
    ("UpdateUser", {"UserName": "dev", "NewUserName": "ops"}, 409, "EntityAlreadyExists.User"),
    ("UpdateUser", {"UserName": "dev", "NewUserName": "?"}, 400, "InvalidParameter.NewUserName.InvalidChars"),
    ("UpdateUser", {"UserName": "dev", "NewComments": "a" * 129}, 400, "InvalidParameter.NewComments.Length"),
    ("UpdateUser", {"UserName": "dev", "NewEmail": "x"}, 400, "InvalidParameter.NewEmail.Format"),
    ("DeleteUser", {"UserName": "dev"}, 409, "DeleteConflict.User.AccessKey"),
    ("DeleteUser", {"UserName": "ops"}, 409, "DeleteConflict.User.Group"),
    ("DeleteUser", {"UserName": "held"}, 409, "DeleteConflict.User.Policy"),
    ("DeleteUser", {"UserName": "nobody"}, 404, "EntityNotExist.User"),
    ("CreateGroup", {"GroupName": "team"}, 409, "EntityAlreadyExists.Group"),
    ("CreateGroup", {"GroupName": "a/b"}, 400, "InvalidParameter.GroupName.InvalidChars"),
    ("CreateGroup", {"GroupName": "a" * 65}, 400, "InvalidParameter.GroupName.Length"),
    ("UpdateGroup", {"GroupName": "team", "NewGroupName": "held"}, 409, "EntityAlreadyExists.Group"),
    ("UpdateGroup", {"GroupName": "nobody"}, 404, "EntityNotExist.Group"),
    ("DeleteGroup", {"GroupName": "team"}, 409, "DeleteConflict.Group.User"),
    ("DeleteGroup", {"GroupName": "held"}, 409, "DeleteConflict.Group.Policy"),
    ("GetGroup", {"GroupName": "nobody"}, 404, "EntityNotExist.Group"),
    ("AddUserToGroup", {"GroupName": "team", "UserName": "ops"}, 409, "EntityAlreadyExists.User.Group"),
    ("AddUserToGroup", {"GroupName": "team", "UserName": "nobody"}, 404, "EntityNotExist.User"),
    ("AddUserToGroup", {"GroupName": "nobody", "UserName": "ops"}, 404, "EntityNotExist.Group"),
    ("RemoveUserFromGroup", {"GroupName": "team", "UserName": "dev"}, 404, "EntityNotExist.User.Group"),
    ("ListUsersForGroup", {"GroupName": "nobody"}, 404, "EntityNotExist.Group"),
    ("ListGroupsForUser", {"UserName": "nobody"}, 404, "EntityNotExist.User"),
    ("CreateAccessKey", {"UserName": "nobody"}, 404, "EntityNotExist.User"),
    ("DeleteAccessKey", {"UserName": "ops", "UserAccessKeyId": "x"}, 404, "EntityNotExist.User.AccessKey"),
    ("DeleteAccessKey", {"UserName": "ops", "UserAccessKeyId": "simulator-dev"}, 404, "EntityNotExist.User.AccessKey"),
    (
        "UpdateAccessKey",
        {"UserName": "dev", "UserAccessKeyId": "simulator-dev", "Status": "Off"},
        400,
        "InvalidParameter.Status",
    ),
    ("CreateLoginProfile", {"UserName": "ops", "Password": "1234567"}, 400, "InvalidParameter.Password.TooWeak"),
    ("GetLoginProfile", {"UserName": "ops"}, 404, "EntityNotExist.User.LoginProfile"),
    ("DeleteLoginProfile", {"UserName": "ops"}, 404, "EntityNotExist.User.LoginProfile"),
    ("UnbindMFADevice", {"UserName": "ops"}, 404, "EntityNotExist.User.MFADevice"),
    ("GetUserMFAInfo", {"UserName": "ops"}, 404, "EntityNotExist.User.MFADevice"),
    ("SetAccountAlias", {"AccountAlias": "ab"}, 400, "InvalidParameter.AccountAlias.Length"),
    ("SetAccountAlias", {"AccountAlias": "a--b"}, 400, "InvalidParameter.AccountAlias.Format"),
    ("SetPasswordPolicy", {"MinimumPasswordLength": "7"}, 400, "InvalidParameter.MinimumPasswordLength.Range"),
]


@pytest.fixture
def peopled(root: OldSdk) -> OldSdk:
    """The account with somebody in a group, somebody with a policy, and a group with one."""
    for name in ("ops", "held"):
        root.call("CreateUser", UserName=name)
        root.call("CreateGroup", GroupName={"ops": "team"}.get(name, name))
    root.call("AddUserToGroup", UserName="ops", GroupName="team")
    root.call("AttachPolicyToUser", UserName="held", **READ_ONLY)
    root.call("AttachPolicyToGroup", GroupName="held", **READ_ONLY)
    return root


def test_each_mistake_has_its_code(simulator: RunningSimulator, peopled: OldSdk) -> None:
    before = simulator.state()
    told = {(action, str(asked)): peopled.refusal(action, **asked) for action, asked, _, _ in REFUSALS}
    assert told == {(action, str(asked)): (status, code) for action, asked, status, code in REFUSALS}
    assert simulator.state() == before


def pages(root: OldSdk, action: str, wrapper: tuple[str, str], **asked: str) -> list[str]:
    found: list[str] = []
    marker: dict[str, str] = {}
    while True:
        answer: dict[str, Any] = root.call(action, MaxItems="2", **asked, **marker)
        found += [item[f"{wrapper[1]}Name"] for item in answer[wrapper[0]][wrapper[1]]]
        if not answer["IsTruncated"]:
            return found
        marker = {"Marker": answer["Marker"]}


def test_lists_of_people_come_in_pages(root: OldSdk) -> None:
    for number in range(5):
        root.call("CreateUser", UserName=f"user-{number}")
        root.call("CreateGroup", GroupName=f"group-{number}")
        root.call("AddUserToGroup", UserName=f"user-{number}", GroupName="group-0")
    users = [f"user-{number}" for number in range(5)]
    assert pages(root, "ListUsers", ("Users", "User")) == ["dev", *users]
    assert pages(root, "ListGroups", ("Groups", "Group")) == [f"group-{number}" for number in range(5)]
    assert pages(root, "ListUsersForGroup", ("Users", "User"), GroupName="group-0") == users


def test_the_summary_counts_what_there_is(simulator: RunningSimulator, root: OldSdk) -> None:
    root.call("CreateUser", UserName="ann")
    request = CommonRequest(domain="127.0.0.1", version="2019-08-15", action_name="GetAccountSummary", product="Ims")
    request.set_method("POST")
    request.set_protocol_type("http")
    summary = root._client.do_action_with_exception(request)
    assert b'"Users":2' in summary
    assert b'"AccessKeysPerUserQuota":2' in summary


def test_a_user_changes_its_own_password(root: OldSdk, dev: OldSdk) -> None:
    old, new = "aA1!aaaaaaaa", "bB2!bbbbbbbb"
    root.call("AttachPolicyToUser", UserName="dev", PolicyType="System", PolicyName="AliyunRAMFullAccess")
    assert dev.refusal("ChangePassword", OldPassword=old, NewPassword=new) == (404, "EntityNotExist.User.LoginProfile")
    root.call("CreateLoginProfile", UserName="dev", Password=old, PasswordResetRequired="true")
    assert dev.refusal("ChangePassword", OldPassword=new, NewPassword=new) == (400, "InvalidParameter.OldPassword")
    weak = dev.refusal("ChangePassword", OldPassword=old, NewPassword="b")
    assert weak == (400, "InvalidParameter.Password.TooWeak")
    dev.call("ChangePassword", OldPassword=old, NewPassword=new)
    assert root.call("GetLoginProfile", UserName="dev")["LoginProfile"]["PasswordResetRequired"] is False
    assert dev.refusal("ChangePassword", OldPassword=old, NewPassword=old) == (400, "InvalidParameter.OldPassword")
    root.call("SetSecurityPreference", AllowUserToChangePassword="false")
    assert dev.refusal("ChangePassword", OldPassword=new, NewPassword=old) == (403, "NoPermission")
    assert root.refusal("ChangePassword", OldPassword=new, NewPassword=old) == (403, "NoPermission")
