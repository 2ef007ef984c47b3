"""What the trial of parameters calls, in which state of the cloud, with which values, and what it reads afterwards."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.contract.clients.mutation_tables import (
    CALLS,
    INSTANCE,
    KEY_POLICY,
    METADATA_DOCUMENT,
    POLICY,
    PROVIDER,
    ROLE,
)
from tests.contract.clients.pages import CREATE, OTHER_TRUST, READ_OSS, ROTATE, TRUST, document
from tests.contract.clients.target import WHOLE
from tests.contract.clients.walk import DEV, ROOT
from tests.contract.trials.worlds import NETWORKED, Step, World


@dataclass(frozen=True, slots=True)
class Base:
    """A call whose parameters are changed one by one, those in `about` only if there are any."""

    action: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    caller: tuple[str, str] = ROOT
    about: Sequence[str] = ()


_HERE = {"RegionId": "cn-hangzhou"}
_STOPPED, _RUNNING = "i-bp1simulator00000002", "i-bp1simulator00000003"
ATTACHED = "i-bp1simulator00000004"  # whose credential is tried when a role was attached
_PASSWORD = "correct horse"
_PEOPLE_TRUST = document(
    Action="sts:AssumeRole",
    Principal={"RAM": ["acs:ram::1234567890123456:root"]},
    Condition={"StringEquals": {"sts:ExternalId": "known"}},
)
_TAGS = [{"Key": name, "Value": "x"} for name in ("one", "two")]
_TAGGED = _HERE | {"ResourceType": "instance", "ResourceId.1": INSTANCE}
_HOLDERS = {"Role": ROLE, "User": "member", "Group": "mutants"}
_HELD, _OTHER = ({"PolicyType": "Custom", "PolicyName": name} for name in (POLICY, "other"))
_ASSUMED = {"RoleArn": "acs:ram::1234567890123456:role/people", "RoleSessionName": "walk", "ExternalId": "known"}
_LAUNCH = _HERE | {"InstanceType": "ecs.g7.large", "VSwitchId": "vsw-1"}
_MANY = _LAUNCH | {"Amount": "12", "InstanceName": "many", "ClientToken": "many"}
_ADMINISTRATOR = {"PolicyType": "System", "PolicyName": "AdministratorAccess", "UserName": "dev"}
KNOWN = World(
    (
        *NETWORKED,
        ("AttachPolicyToUser", _ADMINISTRATOR),
        ("CreateLoginProfile", {"UserName": "dev", "Password": _PASSWORD}),
        ("CreateRole", {"RoleName": "people", "AssumeRolePolicyDocument": _PEOPLE_TRUST}),
        ("CreateRole", {"RoleName": "unused", "AssumeRolePolicyDocument": TRUST}),
        ("CreatePolicy", {"PolicyName": "other", "PolicyDocument": READ_OSS}),
        *(("CreatePolicyVersion", {"PolicyName": "other", "PolicyDocument": CREATE}) for _ in range(4)),
        ("AttachPolicyToRole", {"PolicyType": "System", "PolicyName": "AliyunRAMReadOnlyAccess", "RoleName": ROLE}),
        ("AttachInstanceRamRole", {"InstanceIds": [_RUNNING], "RamRoleName": ROLE}),
        ("CreateServiceLinkedRole", {"ServiceName": "polardb.aliyuncs.com"}),
        *((f"AttachPolicyTo{kind}", _HELD | {f"{kind}Name": name}) for kind, name in _HOLDERS.items()),
        ("TagResources", {"ResourceType": "role", "ResourceNames": [ROLE, "unused"], "Tag": _TAGS}),
        ("Ecs:TagResources", _TAGGED | {"Tag.1.Key": "one", "Tag.1.Value": "x"}),
        ("CreateUser", {"UserName": "leaver"}),
        ("CreateUser", {"UserName": "colleague"}),
        ("AddUserToGroup", {"UserName": "colleague", "GroupName": "mutants"}),
        ("CreateGroup", {"GroupName": "empty"}),
        ("StopInstance", {"InstanceId": _STOPPED}),
        ("CreateSAMLProvider", {"SAMLProviderName": "second", "EncodedSAMLMetadataDocument": METADATA_DOCUMENT}),
        ("CreateOIDCProvider", {"OIDCProviderName": "second", "IssuerUrl": "https://second", "ClientIds": "a,b"}),
        ("AddFingerprintToOIDCProvider", {"OIDCProviderName": PROVIDER, "Fingerprint": "a"}),
        ("RunInstances", _MANY),
        ("CreateInstance", _LAUNCH | {"ClientToken": "one"}),
    )
)
READS: Sequence[Step] = (
    *WHOLE,
    *(
        (action, _HERE | {"PageSize": "50"})
        for action in ("DescribeDisks", "Ecs:DescribeSecurityGroups", "Vpc:DescribeVpcs")
    ),
    ("Ecs:DescribeSecurityGroupAttribute", _HERE | {"SecurityGroupId": "sg-1"}),
    ("ListOIDCProviders", {}),
    *(("GetSAMLProvider", {"SAMLProviderName": name}) for name in (PROVIDER, "new")),
    *(("ListTagResources", {"ResourceType": kind}) for kind in ("role", "policy")),
    ("Ecs:ListTagResources", _HERE | {"ResourceType": "instance", "ResourceId.1": INSTANCE}),
    ("DescribeUserData", _HERE | {"InstanceId": INSTANCE}),
    ("GetRole", {"RoleName": ROLE}),
)
_LISTED_FROM_THE_START = ("ListRoles", "ListPolicies", "ListUsers", "ListGroups", "ListOIDCProviders")
_LISTED_HERE = (
    *("DescribeDisks", "DescribeNetworkInterfaces", "DescribeInstances", "DescribeInstanceTypes", "DescribeImages"),
    *("DescribeInstanceStatus", "DescribeInstanceMaintenanceAttributes", "Ecs:DescribeSecurityGroups"),
    *("Vpc:DescribeVpcs", "Vpc:DescribeVSwitches"),
)
BASES: Sequence[Base] = [
    *(Base(action, parameters) for action, parameters in CALLS),
    *(Base(action, {"MaxItems": "1"}) for action in _LISTED_FROM_THE_START),
    Base("ListSAMLProviders", {"MaxItems": "1"}),
    *(Base(action, _HERE) for action in _LISTED_HERE),
    Base("DescribeInstances", _HERE | {"MaxResults": "10"}),
    *(
        Base("DescribeAvailableResource", _HERE | {"DestinationResource": wanted})
        for wanted in ("InstanceType", "SystemDisk")
    ),
    *(Base(f"AttachPolicyTo{kind}", _OTHER | {f"{kind}Name": name}) for kind, name in _HOLDERS.items()),
    *(Base(f"DetachPolicyFrom{kind}", _HELD | {f"{kind}Name": name}) for kind, name in _HOLDERS.items()),
    Base("DeletePolicy", {"PolicyName": "other", "CascadingDelete": "true"}),
    Base("DeleteRole", {"RoleName": "unused"}),
    Base("DeleteUser", {"UserName": "leaver"}),
    Base("DeleteGroup", {"GroupName": "empty"}),
    Base("AssumeRole", _ASSUMED, DEV),
    Base("ChangePassword", {"OldPassword": _PASSWORD, "NewPassword": "battery staple"}, DEV),
    Base("CreateLoginProfile", {"UserName": "leaver", "Password": _PASSWORD}),
    Base("ListTagResources", {"ResourceType": "role"}),
    Base("ListTagResources", {"ResourceType": "role", "ResourceNames": [ROLE], "PageSize": "1"}),
    Base("Ecs:ListTagResources", _TAGGED),
    Base("Ecs:UntagResources", _TAGGED | {"TagKey.1": "one"}),
    Base("Ecs:UntagResources", _TAGGED | {"All": "true"}),
    Base("UntagResources", {"ResourceType": "role", "ResourceNames": [ROLE], "TagKeys": ["one"]}),
    Base("UntagResources", {"ResourceType": "role", "ResourceNames": [ROLE], "All": "true"}),
    Base("AttachInstanceRamRole", _HERE | {"InstanceIds": [ATTACHED], "RamRoleName": ROLE}),
    Base("DescribeInstanceRamRole", _HERE | {"RamRoleName": ROLE, "PageSize": "1"}),
    Base("Ecs:DescribeSecurityGroups", _HERE | {"SecurityGroupIds": '["sg-absent"]'}, about=("SecurityGroupIds",)),
    Base("CreatePolicyVersion", {"PolicyName": "other", "PolicyDocument": CREATE, "RotateStrategy": ROTATE}),
    Base("DeleteServiceLinkedRole", {"RoleName": "AliyunServiceRoleForPolardb"}),
    Base("ListUsersForGroup", {"GroupName": "mutants", "MaxItems": "1"}),
    *(Base(action, _LAUNCH | {"PrivateIpAddress": "10.1.0.9"}) for action in ("CreateInstance", "RunInstances")),
    Base("RunInstances", _LAUNCH | {"InstanceName": "named", "Amount": "2", "UniqueSuffix": "true"}),
    # with a token that was used, anything else than before is refused
    Base("CreateInstance", _LAUNCH | {"ClientToken": "one"}, about=("ClientToken",)),
    Base("RunInstances", _MANY, about=("ClientToken",)),
    *(Base(f"{verb}Instance", {"InstanceId": _RUNNING}) for verb in ("Stop", "Reboot")),
    *(Base(f"{verb}Instance", {"InstanceId": _STOPPED}) for verb in ("Start", "Delete")),
    *(
        Base(f"{verb}Instances", _HERE | {"InstanceId.1": _STOPPED, "InstanceId.2": _RUNNING})
        for verb in ("Start", "Stop", "Reboot")
    ),
    *(
        Base(f"{verb}Instances", _HERE | {"InstanceId.1": instance})
        for verb, instance in (("Start", _STOPPED), ("Stop", _RUNNING), ("Reboot", _RUNNING), ("Delete", _STOPPED))
    ),
    Base("Vpc:CreateVSwitch", _HERE | {"VpcId": "vpc-1", "ZoneId": "cn-hangzhou-h", "CidrBlock": "10.2.0.0/16"}),
]
_SWITCHED = ("enabled", "disabled")
# by the names of parameters, where the usual odd values would only be refused
VALUES: Mapping[str, Sequence[Any]] = {
    "AcceptLanguage": ("en-US", "zh-CN"),
    "AccessKeyPolicy": (KEY_POLICY.replace("Active", "Inactive"), "nobody"),
    "AuthnSignAlgo": ("rsa-sha256",),
    "BatchOptimization": ("SuccessFirst", "AllTogether"),
    "CidrBlock": ("10.3.0.0/16", "nobody"),
    "DestinationResource": ("Zone", "nobody"),
    "DurationSeconds": ("1800", "1"),
    "Email": ("b@example.com",),
    "Filter": ({"1.Key": "CreationEndTime", "1.Value": "2001-01-01T00:00Z"},),
    "HttpEndpoint": _SWITCHED,
    "HttpTokens": ("required", "optional"),
    "InnerAccessPolicy": ("Drop", "Accept"),
    "InstanceChargeType": ("PrePaid", "PostPaid"),
    "InstanceMetadataTags": _SWITCHED,
    "InternetChargeType": ("PayByBandwidth", "PayByTraffic"),
    "InstanceIds": ('["i-bp1simulator00000005"]', "nobody"),
    "IssuerUrl": ("https://third", "nobody"),
    "IoOptimized": ("none", "true", "false"),
    "InnerIpAddresses": ('["192.168.0.1"]',),
    "PrivateIpAddresses": ('["192.168.0.1"]',),
    "MobilePhone": ("86-13900000000",),
    "MaxIdleDaysForAccessKeys": ("90",),
    "MaxSessionDuration": ("7200",),
    "NewAssumeRolePolicyDocument": (OTHER_TRUST, "{"),
    "NewEmail": ("b@example.com",),
    "NewMobilePhone": ("86-13900000000",),
    "NextToken": ("0", "1", "nobody", base64.b64encode(json.dumps([ROLE, "one"]).encode()).decode()),
    "NewMaxSessionDuration": ("7200",),
    "OperationForRiskLogin": ("enforceVerify", "autonomous"),
    "Policy": (READ_OSS, "{"),
    "Fingerprint": ("b",),
    "AssumeRolePolicyDocument": (OTHER_TRUST, "{"),
    "PolicyType": ("System", "nobody"),
    "ResourceNames": (["unused"], "nobody"),
    "ResourceType": ("policy", "nobody"),
    "RoleArn": ("acs:ram::1234567890123456:role/nobody",),
    "TagKeys": (["two"], "nobody"),
    "VersionId": ("v1", "v9"),
    "PolicyDocument": (document(Action="ecs:*", Resource="*"), "{"),
    "PrivateIpAddress": ("10.1.0.10", "nobody", {"1": "10.1.0.10"}),
    "RegionId": ("cn-beijing", "nowhere"),
    "SecurityGroupType": ("enterprise", "nobody"),
    "ServiceName": ("adb.aliyuncs.com", "nobody"),
    "Status": ("Inactive", "Active", "nobody"),
    "SystemDisk": ({"Size": "99"},),
    "Tag": ({"1.Key": "two", "1.Value": "y"}, json.dumps([{"Key": "two", "Value": "y"}])),
    "ZoneId": ("cn-hangzhou-k", "nobody"),
}
