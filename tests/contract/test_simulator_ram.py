"""RAM's roles and policies against the process: shapes, case rules, pages, each error with its code, and rights."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.contract.conftest import OldSdk, RunningSimulator

TRUST = json.dumps(
    {
        "Version": "1",
        "Statement": [{"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": ["ecs.aliyuncs.com"]}}],
    }
)
READ = json.dumps({"Version": "1", "Statement": [{"Effect": "Allow", "Action": "oss:Get*", "Resource": "*"}]})
ODD = "all of +*~%&=/?#'\"()! é 中文 "

Asked = dict[str, Any]


@pytest.fixture(autouse=True)
def world(root: OldSdk) -> None:
    root.call("CreateRole", RoleName="Reader", AssumeRolePolicyDocument=TRUST, Tag=[{"Key": "team", "Value": "a"}])
    root.call("CreatePolicy", PolicyName="Read", PolicyDocument=READ, Tag=[{"Key": "team", "Value": "a"}])


ROLE = {"RoleName": "New", "AssumeRolePolicyDocument": TRUST}
POLICY = {"PolicyName": "New", "PolicyDocument": READ}
CUSTOM = {"PolicyType": "Custom", "PolicyName": "Read"}
REFUSALS: list[tuple[str, Asked, int, str]] = [
    ("CreateRole", ROLE | {"RoleName": "a_b"}, 400, "InvalidParameter.RoleName.InvalidChars"),
    ("CreateRole", ROLE | {"RoleName": ""}, 400, "InvalidParameter.RoleName.Length"),
    ("CreateRole", ROLE | {"RoleName": "a" * 65}, 400, "InvalidParameter.RoleName.Length"),
    ("CreateRole", ROLE | {"RoleName": "rEADER"}, 409, "EntityAlreadyExists.Role"),
    ("CreateRole", {"RoleName": "New"}, 400, "MissingParameter.AssumeRolePolicyDocument"),
    ("CreateRole", ROLE | {"Description": "a" * 1025}, 400, "InvalidParameter.Description.Length"),
    ("CreateRole", ROLE | {"MaxSessionDuration": 3599}, 400, "InvalidParameter.MaxSessionDuration"),
    ("CreateRole", ROLE | {"MaxSessionDuration": 43201}, 400, "InvalidParameter.MaxSessionDuration"),
    ("CreateRole", ROLE | {"AssumeRolePolicyDocument": "{"}, 400, "MalformedPolicyDocument"),
    ("CreateRole", ROLE | {"AssumeRolePolicyDocument": READ}, 400, "MalformedPolicyDocument"),
    (
        "CreateRole",
        ROLE | {"AssumeRolePolicyDocument": " " * 4000},
        400,
        "InvalidParameter.AssumeRolePolicyDocument.Length",
    ),
    (
        "CreateRole",
        ROLE | {"AssumeRolePolicyDocument": TRUST.replace("Service", "RAM").replace("ecs.aliyuncs.com", "x")},
        400,
        "MalformedPolicyDocument",
    ),
    (
        "CreateRole",
        ROLE
        | {
            "AssumeRolePolicyDocument": TRUST.replace("Service", "RAM").replace(
                "ecs.aliyuncs.com", "acs:ram::1234567890123456:user/nobody"
            )
        },
        400,
        "MalformedPolicyDocument",
    ),
    ("CreateRole", ROLE | {"Tag": [{"Key": "acs:x", "Value": "y"}]}, 400, "InvalidParameter.TagKey"),
    ("GetRole", {"RoleName": "nobody"}, 404, "EntityNotExist.Role"),
    ("GetRole", {"RoleName": "a@b"}, 400, "InvalidParameter.RoleName.InvalidChars"),
    ("GetRole", {}, 400, "MissingParameter.RoleName"),
    ("UpdateRole", {"RoleName": "nobody"}, 404, "EntityNotExist.Role"),
    (
        "UpdateRole",
        {"RoleName": "Reader", "NewAssumeRolePolicyDocument": "[]"},
        400,
        "MalformedPolicyDocument",
    ),
    (
        "UpdateRole",
        {"RoleName": "Reader", "NewAssumeRolePolicyDocument": " " * 4000},
        400,
        "InvalidParameter.NewAssumeRolePolicyDocument.Length",
    ),
    ("DeleteRole", {"RoleName": "nobody"}, 404, "EntityNotExist.Role"),
    ("ListRoles", {"MaxItems": 1001}, 400, "InvalidParameter.MaxItems"),
    ("ListRoles", {"Marker": "never seen"}, 400, "InvalidParameter.Marker"),
    ("CreatePolicy", POLICY | {"PolicyName": "a.b"}, 400, "InvalidParameter.PolicyName.InvalidChars"),
    ("CreatePolicy", POLICY | {"PolicyName": "a" * 129}, 400, "InvalidParameter.PolicyName.Length"),
    ("CreatePolicy", POLICY | {"PolicyName": "rEAD"}, 409, "EntityAlreadyExists.Policy"),
    ("CreatePolicy", POLICY | {"PolicyName": "AdministratorAccess"}, 409, "EntityAlreadyExists.Policy"),
    ("CreatePolicy", POLICY | {"Description": "a" * 1025}, 400, "InvalidParameter.Description.Length"),
    ("CreatePolicy", POLICY | {"PolicyDocument": " " * 6145}, 400, "InvalidParameter.PolicyDocument.Length"),
    ("CreatePolicy", POLICY | {"PolicyDocument": TRUST}, 400, "MalformedPolicyDocument"),
    ("GetPolicy", {"PolicyName": "nobody", "PolicyType": "Custom"}, 404, "EntityNotExist.Policy"),
    ("GetPolicy", {"PolicyName": "Read", "PolicyType": "System"}, 404, "EntityNotExist.Policy"),
    ("GetPolicy", {"PolicyName": "Read", "PolicyType": "custom"}, 400, "InvalidParameter.PolicyType"),
    ("DeletePolicy", {"PolicyName": "AdministratorAccess"}, 404, "EntityNotExist.Policy"),
    ("UpdatePolicyDescription", {"PolicyName": "nobody", "NewDescription": ""}, 404, "EntityNotExist.Policy"),
    (
        "CreatePolicyVersion",
        {"PolicyName": "AdministratorAccess", "PolicyDocument": READ},
        404,
        "EntityNotExist.Policy",
    ),
    ("GetPolicyVersion", CUSTOM | {"VersionId": "1"}, 400, "InvalidParameter.VersionId.Format"),
    ("GetPolicyVersion", CUSTOM | {"VersionId": "v2"}, 404, "EntityNotExist.Policy.Version"),
    (
        "DeletePolicyVersion",
        {"PolicyName": "Read", "VersionId": "v1"},
        409,
        "DeleteConflict.Policy.Version.Default",
    ),
    ("SetDefaultPolicyVersion", {"PolicyName": "Read", "VersionId": "v9"}, 404, "EntityNotExist.Policy.Version"),
    ("AttachPolicyToRole", CUSTOM | {"RoleName": "nobody"}, 404, "EntityNotExist.Role"),
    ("AttachPolicyToUser", CUSTOM | {"UserName": "nobody"}, 404, "EntityNotExist.User"),
    ("AttachPolicyToGroup", CUSTOM | {"GroupName": "nobody"}, 404, "EntityNotExist.Group"),
    (
        "AttachPolicyToRole",
        {"PolicyType": "System", "PolicyName": "Read", "RoleName": "Reader"},
        404,
        "EntityNotExist.Policy",
    ),
    ("DetachPolicyFromRole", CUSTOM | {"RoleName": "Reader"}, 404, "EntityNotExist.Role.Policy"),
    ("DetachPolicyFromUser", CUSTOM | {"UserName": "dev"}, 404, "EntityNotExist.User.Policy"),
    ("ListPoliciesForRole", {"RoleName": "nobody"}, 404, "EntityNotExist.Role"),
    ("ListPoliciesForUser", {"UserName": "nobody"}, 404, "EntityNotExist.User"),
    ("ListPoliciesForGroup", {"GroupName": "nobody"}, 404, "EntityNotExist.Group"),
    ("ListEntitiesForPolicy", {"PolicyName": "nobody", "PolicyType": "Custom"}, 404, "EntityNotExist.Policy"),
    ("GetUser", {"UserName": "nobody"}, 404, "EntityNotExist.User"),
]


@pytest.mark.parametrize(("action", "asked", "status", "code"), REFUSALS)
def test_what_is_wrong_is_refused_with_its_code(
    root: OldSdk, simulator: RunningSimulator, action: str, asked: Asked, status: int, code: str
) -> None:
    before = simulator.state()
    assert root.refusal(action, **asked) == (status, code)
    assert simulator.state() == before


def test_a_role_comes_back_as_it_was_given(root: OldSdk) -> None:
    made = root.call("CreateRole", RoleName="Odd.Name-1", AssumeRolePolicyDocument=TRUST, Description=ODD)["Role"]
    assert "UpdateDate" not in made
    shown = root.call("GetRole", RoleName="oDD.nAME-1")["Role"]
    assert shown.items() >= made.items()
    assert (shown["RoleName"], shown["Description"]) == ("Odd.Name-1", ODD)
    assert shown["Arn"] == "acs:ram::1234567890123456:role/odd.name-1"
    assert shown["AssumeRolePolicyDocument"] == TRUST
    assert "Tags" not in shown


def test_an_update_leaves_alone_what_it_does_not_name(root: OldSdk) -> None:
    other = TRUST.replace("ecs.", "fc.")
    root.call("UpdateRole", RoleName="Reader", NewDescription="new", NewMaxSessionDuration=7200)
    root.call("UpdateRole", RoleName="Reader", NewAssumeRolePolicyDocument=other)
    shown = root.call("GetRole", RoleName="Reader")["Role"]
    assert (shown["Description"], shown["MaxSessionDuration"]) == ("new", 7200)
    assert shown["AssumeRolePolicyDocument"] == other


def test_roles_are_listed_by_pages_without_their_trust(root: OldSdk) -> None:
    for number in range(4):
        root.call("CreateRole", RoleName=f"role-{number}", AssumeRolePolicyDocument=TRUST)
    names, asked = [], {"MaxItems": 2}
    while True:
        page = root.call("ListRoles", **asked)
        names += [role["RoleName"] for role in page["Roles"]["Role"]]
        assert all("AssumeRolePolicyDocument" not in role for role in page["Roles"]["Role"])
        if not page["IsTruncated"]:
            break
        asked["Marker"] = page["Marker"]
    assert "Marker" not in page
    assert names == ["Reader", "role-0", "role-1", "role-2", "role-3"]


def test_a_role_deleted_between_two_pages_costs_no_other_role(root: OldSdk) -> None:
    for number in range(3):
        root.call("CreateRole", RoleName=f"role-{number}", AssumeRolePolicyDocument=TRUST)
    first = root.call("ListRoles", MaxItems=2)
    root.call("DeleteRole", RoleName="role-0")
    rest = root.call("ListRoles", Marker=first["Marker"])["Roles"]["Role"]
    assert [role["RoleName"] for role in rest] == ["role-1", "role-2"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ([{"Key": "team"}], 1),
        ([{"Key": "team", "Value": "a"}], 1),
        ([{"Key": "team", "Value": "b"}], 0),
        ([{"Key": "team", "Value": "a"}, {"Key": "other"}], 0),
    ],
)
@pytest.mark.parametrize(("action", "wrapper"), [("ListRoles", "Role"), ("ListPolicies", "Policy")])
def test_lists_are_filtered_by_tags(root: OldSdk, action: str, wrapper: str, wanted: Any, found: int) -> None:
    listed = root.call(action, Tag=wanted)[{"Role": "Roles", "Policy": "Policies"}[wrapper]][wrapper]
    assert len(listed) == found
    assert all(item["Tags"]["Tag"] == [{"TagKey": "team", "TagValue": "a"}] for item in listed)


def test_a_policy_comes_back_as_it_was_given(root: OldSdk) -> None:
    root.call("UpdatePolicyDescription", PolicyName="Read", NewDescription=ODD)
    shown = root.call("GetPolicy", PolicyName="rEAD", PolicyType="Custom")
    assert shown["Policy"]["PolicyName"] == "Read"
    assert shown["Policy"]["Description"] == ODD
    assert (shown["Policy"]["DefaultVersion"], shown["Policy"]["AttachmentCount"]) == ("v1", 0)
    assert shown["DefaultPolicyVersion"]["PolicyDocument"] == READ


def test_system_policies_are_there_with_their_documents(root: OldSdk) -> None:
    shown = root.call("GetPolicy", PolicyName="AliyunOSSReadOnlyAccess", PolicyType="System")
    actions = json.loads(shown["DefaultPolicyVersion"]["PolicyDocument"])["Statement"][0]["Action"]
    assert actions == ["oss:Get*", "oss:List*"]


@pytest.mark.parametrize("size", [1, 7, 24, 25, 100])
def test_policies_of_both_types_are_listed_by_pages(root: OldSdk, size: int) -> None:
    names: list[str] = []
    asked: Asked = {"MaxItems": size}
    while True:
        page = root.call("ListPolicies", **asked)
        names += [policy["PolicyName"] for policy in page["Policies"]["Policy"]]
        if not page["IsTruncated"]:
            break
        asked["Marker"] = page["Marker"]
    custom = root.call("ListPolicies", PolicyType="Custom")["Policies"]["Policy"]
    system = root.call("ListPolicies", PolicyType="System")["Policies"]["Policy"]
    assert [policy["PolicyName"] for policy in custom] == ["Read"]
    assert names == [policy["PolicyName"] for policy in (*system, *custom)]


def test_a_policy_has_five_versions_and_rotates_the_oldest_out(root: OldSdk) -> None:
    asked = {"PolicyName": "Read", "PolicyDocument": READ}
    for number in range(2, 6):
        assert root.call("CreatePolicyVersion", **asked)["PolicyVersion"]["VersionId"] == f"v{number}"
    assert root.refusal("CreatePolicyVersion", **asked) == (409, "LimitExceeded.Policy.Version")
    rotate = "DeleteOldestNonDefaultVersionWhenLimitExceeded"
    made = root.call("CreatePolicyVersion", **asked, SetAsDefault=True, RotateStrategy=rotate)["PolicyVersion"]
    assert (made["VersionId"], made["IsDefaultVersion"]) == ("v6", True)
    listed = root.call("ListPolicyVersions", PolicyName="Read", PolicyType="Custom")["PolicyVersions"]["PolicyVersion"]
    assert [item["VersionId"] for item in listed] == ["v1", "v3", "v4", "v5", "v6"]
    assert [item["VersionId"] for item in listed if item["IsDefaultVersion"]] == ["v6"]


def test_a_version_number_is_never_used_again(root: OldSdk) -> None:
    asked = {"PolicyName": "Read", "PolicyDocument": READ}
    root.call("CreatePolicyVersion", **asked)
    root.call("DeletePolicyVersion", PolicyName="Read", VersionId="v2")
    assert root.call("CreatePolicyVersion", **asked)["PolicyVersion"]["VersionId"] == "v3"


def test_older_versions_hold_up_a_deletion_unless_it_cascades(root: OldSdk) -> None:
    root.call("CreatePolicyVersion", PolicyName="Read", PolicyDocument=READ, SetAsDefault=True)
    assert root.refusal("DeletePolicy", PolicyName="Read") == (409, "DeleteConflict.Policy.Version")
    root.call("DeletePolicy", PolicyName="Read", CascadingDelete="true")
    assert root.refusal("GetPolicy", **CUSTOM) == (404, "EntityNotExist.Policy")


def test_users_are_shown_and_listed(root: OldSdk) -> None:
    assert root.call("GetUser", UserName="DEV")["User"]["UserName"] == "dev"
    assert [user["UserName"] for user in root.call("ListUsers")["Users"]["User"]] == ["dev"]


@pytest.mark.parametrize(
    ("action", "asked"),
    [
        ("CreateRole", ROLE),
        ("GetRole", {"RoleName": "Reader"}),
        ("ListRoles", {}),
        ("CreatePolicy", POLICY),
        ("DeletePolicy", {"PolicyName": "Read"}),
        ("AttachPolicyToUser", CUSTOM | {"UserName": "dev"}),
        ("TagResources", {"ResourceType": "role", "ResourceNames": ["Reader"], "Tag": [{"Key": "k", "Value": "v"}]}),
    ],
)
def test_a_user_without_rights_is_refused(dev: OldSdk, action: str, asked: Asked) -> None:
    assert dev.refusal(action, **asked) == (403, "NoPermission")
    assert f"ram:{action}" in dev.refusal_message(action, **asked)


def test_a_right_on_one_role_is_no_right_on_another(root: OldSdk, sdk: Callable[..., OldSdk], dev: OldSdk) -> None:
    one = {"Effect": "Allow", "Action": "ram:*Role", "Resource": "acs:ram:*:1234567890123456:role/read*"}
    document = json.dumps({"Version": "1", "Statement": [one]})
    root.call("CreatePolicy", PolicyName="grant", PolicyDocument=document)
    root.call("AttachPolicyToUser", PolicyType="Custom", PolicyName="grant", UserName="dev")
    assert dev.call("GetRole", RoleName="Reader")["Role"]["RoleName"] == "Reader"
    assert dev.refusal("GetRole", RoleName="other") == (403, "NoPermission")
    # attaching needs the role and the policy
    assert dev.refusal("AttachPolicyToRole", **CUSTOM, RoleName="Reader") == (403, "NoPermission")


@pytest.mark.parametrize(("service", "allowed"), [("ecs.aliyuncs.com", True), ("fc.aliyuncs.com", False)])
def test_creating_roles_can_be_limited_to_the_services_they_trust(
    root: OldSdk, dev: OldSdk, service: str, allowed: bool
) -> None:
    condition = {"StringEquals": {"ram:ServiceNames": "ecs.aliyuncs.com", "ram:TrustedPrincipalTypes": "Service"}}
    grant = {"Effect": "Allow", "Action": "ram:CreateRole", "Resource": "*", "Condition": condition}
    root.call("CreatePolicy", PolicyName="grant", PolicyDocument=json.dumps({"Version": "1", "Statement": [grant]}))
    root.call("AttachPolicyToUser", PolicyType="Custom", PolicyName="grant", UserName="dev")
    asked = {"RoleName": "New", "AssumeRolePolicyDocument": TRUST.replace("ecs.aliyuncs.com", service)}
    if allowed:
        assert dev.call("CreateRole", **asked)["Role"]["RoleName"] == "New"
    else:
        assert dev.refusal("CreateRole", **asked) == (403, "NoPermission")
