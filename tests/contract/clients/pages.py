"""The rows of the documentation's pages and of its error tables: every client is driven over them."""

import json
from typing import Any

from tests.contract.clients.people import people
from tests.contract.clients.walk import DEV, Row, World

ROLE, POLICY = "EcsRamRoleDocumentTesting", "EcsRamRoleDocumentTestingPolicy"
SYSTEM_POLICY = "AliyunOSSReadOnlyAccess"


def document(effect: str = "Allow", **statement: Any) -> str:
    """Return a policy document of one statement, in lines as the pages print it."""
    return json.dumps({"Version": "1", "Statement": [{"Effect": effect, **statement}]}, indent=4)


TRUST = document(Action="sts:AssumeRole", Principal={"Service": ["ecs.aliyuncs.com"]})
OTHER_TRUST = document(Action="sts:AssumeRole", Principal={"Service": ["fc.aliyuncs.com"]})
USER_TRUST = document(Action="sts:AssumeRole", Principal={"RAM": ["acs:ram::1234567890123456:root"]})
READ_OSS = document(Action=["oss:Get*", "oss:List*"], Resource="*")
CREATE = document(Action="ecs:CreateInstance", Resource="*")
CREATE_AND_PASS = document(Action=["ecs:CreateInstance", "ram:PassRole", "sts:AssumeRole"], Resource="*")
ROTATE = "DeleteOldestNonDefaultVersionWhenLimitExceeded"
_CUSTOM = {"PolicyType": "Custom", "PolicyName": POLICY}
_LAUNCH = {"RegionId": "cn-hangzhou", "ImageId": "centos", "InstanceType": "ecs.xn4.small", "RamRoleName": ROLE}


def rows(world: World) -> list[Row]:
    """Return all rows in the order in which they are to be called, on a fresh simulator."""
    return [
        *_roles(),
        *_policies(),
        *_attachments(),
        *_tags(),
        *_instances(world),
        *_creating_instances(),
        *_identities(),
        *people(),
        *_end(),
    ]


def _roles() -> list[Row]:
    unnamed = {"AssumeRolePolicyDocument": TRUST}
    made = {"RoleName": ROLE, **unnamed}
    arn = f"acs:ram::1234567890123456:role/{ROLE.lower()}"
    trap = {"RoleName": "trap"}
    return [
        Row("CreateRole", made | {"Description": "a+b &é中~*%"}, {"Role.Arn": arn, "Role.MaxSessionDuration": 3600}),
        Row("GetRole", {"RoleName": ROLE}, {"Role.RoleName": ROLE, "Role.Description": "a+b &é中~*%"}),
        Row("GetRole", {"RoleName": ROLE.upper()}, {"Role.RoleName": ROLE, "Role.AssumeRolePolicyDocument": TRUST}),
        Row("ListRoles", {"MaxItems": 50}, {"IsTruncated": False, "Roles.Role.0.RoleName": ROLE}),
        Row("CreateRole", made, refused=(409, "EntityAlreadyExists.Role")),
        Row("CreateRole", made | {"RoleName": ROLE.lower()}, refused=(409, "EntityAlreadyExists.Role")),
        Row("CreateRole", unnamed | {"RoleName": "a_b"}, refused=(400, "InvalidParameter.RoleName.InvalidChars")),
        Row("CreateRole", unnamed | {"RoleName": "a" * 65}, refused=(400, "InvalidParameter.RoleName.Length")),
        Row("CreateRole", trap | {"AssumeRolePolicyDocument": "{"}, refused=(400, "MalformedPolicyDocument")),
        Row(
            "CreateRole",
            trap | {"AssumeRolePolicyDocument": TRUST.replace('"Service"', '"Service "')},
            refused=(400, "MalformedPolicyDocument"),
            says=['"Service "', '"Service"'],
        ),
        Row("CreateRole", {"RoleName": "other", "AssumeRolePolicyDocument": TRUST}),
        Row("CreateRole", {"RoleName": "functions", "AssumeRolePolicyDocument": OTHER_TRUST}),
        Row("UpdateRole", {"RoleName": "other", "NewMaxSessionDuration": 7200}, {"Role.MaxSessionDuration": 7200}),
        Row("UpdateRole", {"RoleName": "other", "NewDescription": "d"}, {"Role.MaxSessionDuration": 7200}),
        Row(
            "UpdateRole",
            {"RoleName": "other", "NewAssumeRolePolicyDocument": "[]"},
            refused=(400, "MalformedPolicyDocument"),
        ),
        Row("ListRoles", {"MaxItems": 2}, {"IsTruncated": True, "Roles.Role.1.RoleName": "other"}),
        Row("GetRole", {"RoleName": "nobody"}, refused=(404, "EntityNotExist.Role")),
        Row("UpdateRole", {"RoleName": "nobody", "NewDescription": "d"}, refused=(404, "EntityNotExist.Role")),
        Row("DeleteRole", {"RoleName": "nobody"}, refused=(404, "EntityNotExist.Role")),
        Row("ListPoliciesForRole", {"RoleName": "nobody"}, refused=(404, "EntityNotExist.Role")),
    ]


def _policies() -> list[Row]:
    trap = {"PolicyName": "trap"}
    one = {"PolicyName": POLICY}
    return [
        Row("CreatePolicy", one | {"PolicyDocument": READ_OSS}, {"Policy.DefaultVersion": "v1"}),
        Row("GetPolicy", _CUSTOM, {"Policy.AttachmentCount": 0, "DefaultPolicyVersion.PolicyDocument": READ_OSS}),
        Row("CreatePolicy", one | {"PolicyDocument": READ_OSS}, refused=(409, "EntityAlreadyExists.Policy")),
        Row(
            "CreatePolicy",
            {"PolicyName": "a.b", "PolicyDocument": READ_OSS},
            refused=(400, "InvalidParameter.PolicyName.InvalidChars"),
        ),
        Row(
            "CreatePolicy",
            trap | {"PolicyDocument": "x" * 6145},
            refused=(400, "InvalidParameter.PolicyDocument.Length"),
        ),
        *_traps(),
        Row("CreatePolicyVersion", one | {"PolicyDocument": CREATE}, {"PolicyVersion.IsDefaultVersion": False}),
        Row("SetDefaultPolicyVersion", one | {"VersionId": "v2"}),
        Row("DeletePolicyVersion", one | {"VersionId": "v2"}, refused=(409, "DeleteConflict.Policy.Version.Default")),
        Row("SetDefaultPolicyVersion", one | {"VersionId": "v1"}),
        Row("SetDefaultPolicyVersion", one | {"VersionId": "v9"}, refused=(404, "EntityNotExist.Policy.Version")),
        Row("GetPolicyVersion", _CUSTOM | {"VersionId": "9"}, refused=(400, "InvalidParameter.VersionId.Format")),
        Row("GetPolicyVersion", _CUSTOM | {"VersionId": "v2"}, {"PolicyVersion.PolicyDocument": CREATE}),
        Row("DeletePolicy", one, refused=(409, "DeleteConflict.Policy.Version")),
        *(Row("CreatePolicyVersion", one | {"PolicyDocument": CREATE}) for _ in range(3)),
        Row("CreatePolicyVersion", one | {"PolicyDocument": CREATE}, refused=(409, "LimitExceeded.Policy.Version")),
        Row(
            "CreatePolicyVersion",
            one | {"PolicyDocument": READ_OSS, "SetAsDefault": True, "RotateStrategy": ROTATE},
            {"PolicyVersion.VersionId": "v6", "PolicyVersion.IsDefaultVersion": True},
        ),
        Row("ListPolicyVersions", _CUSTOM, {"PolicyVersions.PolicyVersion.0.VersionId": "v1"}),
        Row("ListPolicyVersions", _CUSTOM, {"PolicyVersions.PolicyVersion.1.VersionId": "v3"}),
        Row("GetPolicy", _CUSTOM | {"PolicyType": "Other"}, refused=(400, "InvalidParameter.PolicyType")),
        Row("GetPolicy", {"PolicyType": "Custom", "PolicyName": "none"}, refused=(404, "EntityNotExist.Policy")),
        Row("DeletePolicy", {"PolicyName": "none"}, refused=(404, "EntityNotExist.Policy")),
        Row("ListPolicies", {"PolicyType": "Custom"}, {"Policies.Policy.0.PolicyName": POLICY}),
    ]


def _traps() -> list[Row]:
    """What the pages print and readers paste: each mistake is named with its fix."""
    mistakes = {
        '"Version": "2016-10-17"': ('"Version": "1"', '"2016-10-17"', '"Version": "1"'),
        '"Resource "': ('"Resource"', '"Resource "', '"Resource"'),
        "ecs: CreateInstance": ("oss:Get*", '"ecs: CreateInstance"', 'write "ecs:CreateInstance"'),
        "ecs: [ECS RAM Action]": ("oss:Get*", '"ecs: [ECS RAM Action]"', '"ecs:*"'),
    }
    return [
        Row(
            "CreatePolicy",
            {"PolicyName": "trap", "PolicyDocument": READ_OSS.replace(right, wrong)},
            refused=(400, "MalformedPolicyDocument"),
            says=says,
        )
        for wrong, (right, *says) in mistakes.items()
    ]


def _attachments() -> list[Row]:
    on_role = {**_CUSTOM, "RoleName": ROLE}
    on_user = {**_CUSTOM, "UserName": "dev"}
    system = {"PolicyType": "System", "PolicyName": SYSTEM_POLICY, "RoleName": ROLE}
    held = {"Policies.Policy.0.PolicyName": POLICY, "Policies.Policy.0.PolicyType": "Custom"}
    return [
        Row("AttachPolicyToRole", on_role),
        Row("AttachPolicyToRole", on_role, refused=(409, "EntityAlreadyExists.Role.Policy")),
        Row("ListPoliciesForRole", {"RoleName": ROLE}, held),
        Row("ListEntitiesForPolicy", _CUSTOM, {"Roles.Role.0.RoleName": ROLE, "Users.User": [], "Groups.Group": []}),
        Row("GetPolicy", _CUSTOM, {"Policy.AttachmentCount": 1}),
        Row("AttachPolicyToRole", system),
        Row("DetachPolicyFromRole", system),
        Row("DetachPolicyFromRole", system, refused=(404, "EntityNotExist.Role.Policy")),
        Row("AttachPolicyToRole", on_role | {"RoleName": "nobody"}, refused=(404, "EntityNotExist.Role")),
        Row("AttachPolicyToRole", on_role | {"PolicyName": "none"}, refused=(404, "EntityNotExist.Policy")),
        Row("DeleteRole", {"RoleName": ROLE}, refused=(409, "DeleteConflict.Role.Policy")),
        Row(
            "DeletePolicy", {"PolicyName": POLICY, "CascadingDelete": True}, refused=(409, "DeleteConflict.Policy.Role")
        ),
        Row("AttachPolicyToUser", on_user),
        Row("AttachPolicyToUser", on_user, refused=(409, "EntityAlreadyExists.User.Policy")),
        Row("ListPoliciesForUser", {"UserName": "dev"}, held),
        Row(
            "DeletePolicy", {"PolicyName": POLICY, "CascadingDelete": True}, refused=(409, "DeleteConflict.Policy.User")
        ),
        Row("DetachPolicyFromUser", on_user),
        Row("DetachPolicyFromUser", on_user, refused=(404, "EntityNotExist.User.Policy")),
        Row("AttachPolicyToUser", on_user | {"UserName": "nobody"}, refused=(404, "EntityNotExist.User")),
        Row("AttachPolicyToGroup", _CUSTOM | {"GroupName": "nobody"}, refused=(404, "EntityNotExist.Group")),
        Row("GetUser", {"UserName": "dev"}, {"User.UserName": "dev"}),
    ]


def _tags() -> list[Row]:
    named = {"ResourceType": "role", "ResourceNames": ["other"]}
    shown = {
        "TagResources.0.TagKey": "team",
        "TagResources.0.TagValue": "a b&=",
        "TagResources.0.ResourceName": "other",
    }
    return [
        Row("TagResources", named | {"Tag": [{"Key": "team", "Value": "a b&="}]}),
        Row("ListTagResources", named, shown),
        Row("UntagResources", named | {"TagKeys": ["team"]}),
        Row("ListTagResources", named, {"TagResources": []}),
    ]


def _instances(world: World) -> list[Row]:
    ids = json.dumps(world.vpc)
    there = {"RegionId": "cn-hangzhou"}
    one = there | {"InstanceIds": json.dumps(world.vpc[:1])}
    attach, detach, describe = (f"{verb}InstanceRamRole" for verb in ("Attach", "Detach", "Describe"))
    playing = {"InstanceRamRoleSets.InstanceRamRoleSet.0": {"InstanceId": world.vpc[0], "RamRoleName": ROLE}}
    result = "AttachInstanceRamRoleResults.AttachInstanceRamRoleResult.0"
    taken = "DetachInstanceRamRoleResults.DetachInstanceRamRoleResult.0"
    role = {"RamRoleName": ROLE}
    return [
        Row("DescribeRegions", there, {}),
        Row("DescribeInstances", one, {"Instances.Instance.0.InstanceId": world.vpc[0]}),
        Row("DescribeInstances", there | {"InstanceIds": '["i-unknown"]'}, {"Instances.Instance": []}),
        Row("DescribeInstanceAttribute", {"InstanceId": "i-unknown"}, refused=(404, "InvalidInstanceId.NotFound")),
        Row(attach, one | role, {"TotalCount": 1, "FailCount": 0, f"{result}.Success": True, f"{result}.Code": "200"}),
        Row(describe, one | role, playing | {"TotalCount": 1}),
        Row(describe, there | role, playing | {"TotalCount": 1}),
        Row(attach, one | {"RamRoleName": "other"}, {"FailCount": 1, f"{result}.Success": False}),
        Row(attach, there | role | {"InstanceIds": ids}, {"TotalCount": len(world.vpc), "FailCount": 1}),
        Row(
            detach, one | role, {"FailCount": 0, f"{taken}.InstanceRamRoleSets.InstanceRamRoleSet.0.RamRoleName": ROLE}
        ),
        Row(detach, one | role, {"FailCount": 1, f"{taken}.Code": "InvalidRamRole.NotAttached"}),
        Row(describe, one, {"TotalCount": 1, "InstanceRamRoleSets.InstanceRamRoleSet.0.RamRoleName": ""}),
        Row(describe, there, refused=(403, "InvalidParameter.AllEmpty")),
        Row(describe, there | {"RamRoleName": "nobody"}, refused=(404, "InvalidRamRole.NotFound")),
        Row(attach, one | {"RamRoleName": "nobody"}, refused=(404, "InvalidRamRole.NotFound")),
        Row(attach, one | {"RamRoleName": "functions"}, refused=(404, "InvalidRamRole.NotEcsRole")),
        Row(
            attach,
            there | role | {"InstanceIds": world.vpc[0]},
            refused=(400, "InvalidInstanceIds.Malformed"),
            says=[f'["{world.vpc[0]}"]'],
        ),
        Row(
            attach,
            there | role | {"InstanceIds": json.dumps([world.classic])},
            refused=(403, "InvalidNetworkType.MismatchRamRole"),
        ),
        Row(
            attach,
            there | role | {"InstanceIds": json.dumps([world.elsewhere])},
            refused=(404, "InvalidInstanceId.NotFound"),
        ),
        Row(attach, one | role | {"RegionId": "mars-1"}, refused=(404, "InvalidRegionId.NotFound")),
    ]


def _creating_instances() -> list[Row]:
    in_vpc = _LAUNCH | {"VSwitchId": "vsw-bp1"}
    passing = {"PolicyType": "Custom", "PolicyName": "launch", "UserName": "dev"}
    return [
        Row("CreateInstance", _LAUNCH, refused=(403, "InvalidNetworkType.MismatchRamRole")),
        Row("CreateInstance", in_vpc, refused=(403, "Forbidden.RAM"), caller=DEV),
        Row("CreatePolicy", {"PolicyName": "launch", "PolicyDocument": CREATE}),
        Row("AttachPolicyToUser", passing),
        Row("CreateInstance", in_vpc, refused=(403, "InvalidUser.PassRoleForbidden"), caller=DEV),
        Row("CreatePolicyVersion", {"PolicyName": "launch", "PolicyDocument": CREATE_AND_PASS, "SetAsDefault": True}),
        Row("CreateInstance", in_vpc, caller=DEV),
        Row("CreateInstance", in_vpc | {"RamRoleName": "nobody"}, refused=(404, "InvalidRamRole.NotFound"), caller=DEV),
        Row("RunInstances", in_vpc | {"DryRun": True}, refused=(400, "DryRunOperation")),
        Row("RunInstances", in_vpc | {"RamRoleName": "functions"}, refused=(401, "InvalidRamRole.NotEcsRole")),
    ]


def _identities() -> list[Row]:
    user = {"Arn": "acs:ram::1234567890123456:user/dev", "IdentityType": "RAMUser"}
    asked = {"RoleArn": "acs:ram::1234567890123456:role/people", "RoleSessionName": "walk"}
    ecs_only = asked | {"RoleArn": f"acs:ram::1234567890123456:role/{ROLE.lower()}"}
    session = "acs:ram::1234567890123456:role/people/walk"
    return [
        Row("GetCallerIdentity", {}, {"IdentityType": "Account", "AccountId": "1234567890123456"}),
        Row("GetCallerIdentity", {}, user, caller=DEV),
        Row("CreateRole", {"RoleName": "people", "AssumeRolePolicyDocument": USER_TRUST}),
        Row("AssumeRole", asked, {"AssumedRoleUser.Arn": session}, caller=DEV),
        Row("AssumeRole", ecs_only, refused=(403, "NoPermission"), caller=DEV),
        Row(
            "AssumeRole",
            asked | {"RoleSessionName": "!"},
            refused=(400, "InvalidParameter.RoleSessionName"),
            caller=DEV,
        ),
        Row("AssumeRole", asked, refused=(403, "NoPermission")),
        Row("ListRoles", {}, refused=(403, "NoPermission"), caller=DEV),
        Row("GetCallerIdentity", {}, refused=(404, "InvalidAccessKeyId.NotFound"), caller=("nobody", "x")),
        Row("GetCallerIdentity", {}, refused=(400, "SignatureDoesNotMatch"), caller=(DEV[0], "wrong")),
    ]


def _end() -> list[Row]:
    return [
        Row("DetachPolicyFromRole", {**_CUSTOM, "RoleName": ROLE}),
        Row("DeleteRole", {"RoleName": ROLE}),
        Row("DeletePolicy", {"PolicyName": POLICY, "CascadingDelete": True}),
        Row("GetRole", {"RoleName": ROLE}, refused=(404, "EntityNotExist.Role")),
        Row("GetPolicy", _CUSTOM, refused=(404, "EntityNotExist.Policy")),
    ]
