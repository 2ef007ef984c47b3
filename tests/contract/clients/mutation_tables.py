"""What mutated requests are made of: right requests to spoil, and odd names and values to spoil them with.

TOKEN stands for a token of the provider's issuer, signed as it should be, whatever it says.
"""

import base64
import json
from typing import Any

from tests.contract.clients.pages import CREATE, READ_OSS, ROTATE, TRUST, USER_TRUST
from tests.contract.saml import Said, SamlIdentityProvider

ROLE, POLICY, INSTANCE = "mutant", "mutant-policy", "i-bp1simulator00000001"
_IDS = json.dumps([INSTANCE])
TOKEN = "a-token-of-the-issuer"
PROVIDER, FEDERATED, ISSUER = "mutants", "mutant-pod", "https://kubernetes.default.svc"
_ACCOUNT = "acs:ram::1234567890123456"
IDP = SamlIdentityProvider()
PERSON, SAML_PROVIDER = "mutant-person", f"{_ACCOUNT}:saml-provider/{PROVIDER}"
_A_YEAR = 365 * 24 * 60


def assertion(ends_in: float = _A_YEAR) -> str:
    """Return a response of the identity provider that every state of the cloud knows."""
    said = Said(roles=(f"{_ACCOUNT}:role/{PERSON},{SAML_PROVIDER}",), ends_in=ends_in, confirmed_until=_A_YEAR)
    return IDP.response(said)


ASSUMED_BY_SAML = {
    "RoleArn": f"{_ACCOUNT}:role/{PERSON}",
    "SAMLProviderArn": SAML_PROVIDER,
    "SAMLAssertion": assertion(),
}
_TAKEN = {"OIDCProviderName": PROVIDER}
_KNOWN = {"SAMLProviderName": PROVIDER}
METADATA_DOCUMENT = base64.b64encode(
    b'<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://idp.example.com"/>'
).decode()
_KEY = {"UserAccessKeyId": "simulator-dev", "UserPrincipalName": "dev@1234567890123456.onaliyun.com"}
KEY_POLICY = '{"Version":1,"Status":"Active","Statements":[{"Type":"ClassicWhiteList","IPList":["10.0.0.1/32"]}]}'
_CUSTOM = {"PolicyType": "Custom", "PolicyName": POLICY}
_ON_ECS = {"RegionId": "cn-hangzhou", "InstanceIds": _IDS}
_HERE = {"RegionId": "cn-hangzhou"}
_VPC, _VSWITCH, _GROUP = {"VpcId": "vpc-1"}, {"VSwitchId": "vsw-1"}, {"SecurityGroupId": "sg-1"}
_LISTED = {"RegionId": "cn-hangzhou", "InstanceId.1": INSTANCE}
_TAGGED = {"RegionId": "cn-hangzhou", "ResourceType": "instance", "ResourceId.1": INSTANCE}
_TAG = [{"Key": "team", "Value": "storage"}]
_LAUNCH = {"RegionId": "cn-hangzhou", "InstanceType": "t", "VSwitchId": "v", "RamRoleName": ROLE}
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("CreateRole", {"RoleName": "new", "AssumeRolePolicyDocument": TRUST, "Tag": _TAG, "MaxSessionDuration": 3600}),
    ("CreateRole", {"RoleName": "new", "AssumeRolePolicyDocument": USER_TRUST, "Description": "d"}),
    ("GetRole", {"RoleName": ROLE}),
    ("UpdateRole", {"RoleName": ROLE, "NewDescription": "d", "NewAssumeRolePolicyDocument": TRUST}),
    ("DeleteRole", {"RoleName": ROLE}),
    ("ListRoles", {"Marker": "1", "MaxItems": "10", "Tag": _TAG}),
    ("CreatePolicy", {"PolicyName": "new", "PolicyDocument": READ_OSS, "Tag": _TAG}),
    (
        "CreatePolicyVersion",
        {"PolicyName": POLICY, "PolicyDocument": CREATE, "SetAsDefault": "true", "RotateStrategy": ROTATE},
    ),
    ("GetPolicy", _CUSTOM),
    ("GetPolicyVersion", _CUSTOM | {"VersionId": "v1"}),
    ("SetDefaultPolicyVersion", {"PolicyName": POLICY, "VersionId": "v2"}),
    ("DeletePolicyVersion", {"PolicyName": POLICY, "VersionId": "v2"}),
    ("ListPolicyVersions", _CUSTOM),
    ("DeletePolicy", {"PolicyName": POLICY, "CascadingDelete": "true"}),
    ("ListPolicies", {"PolicyType": "Custom", "Marker": "2", "MaxItems": "1"}),
    ("AttachPolicyToRole", _CUSTOM | {"RoleName": ROLE}),
    ("AttachPolicyToUser", _CUSTOM | {"UserName": "dev"}),
    ("DetachPolicyFromRole", _CUSTOM | {"RoleName": ROLE}),
    ("ListPoliciesForRole", {"RoleName": ROLE}),
    ("ListEntitiesForPolicy", _CUSTOM),
    ("TagResources", {"ResourceType": "role", "ResourceNames": [ROLE], "Tag": _TAG}),
    ("UntagResources", {"ResourceType": "role", "ResourceNames": [ROLE], "TagKeys": ["team"]}),
    ("ListTagResources", {"ResourceType": "role", "ResourceNames": [ROLE], "NextToken": "1", "PageSize": "10"}),
    ("AttachInstanceRamRole", _ON_ECS | {"RamRoleName": ROLE, "Policy": READ_OSS}),
    ("DetachInstanceRamRole", _ON_ECS | {"RamRoleName": ROLE}),
    ("DescribeInstanceRamRole", _ON_ECS | {"RamRoleName": ROLE, "PageNumber": "1", "PageSize": "50"}),
    ("DescribeInstances", _ON_ECS | {"MaxResults": "10", "NextToken": "1", "Tag.1.Key": "a", "Tag.1.Value": "b"}),
    ("RunInstances", _LAUNCH | {"Amount": "2"}),
    (
        "AssumeRole",
        {"RoleArn": "acs:ram::1234567890123456:role/x", "RoleSessionName": "walk", "DurationSeconds": "900"},
    ),
    ("CreateUser", {"UserName": "new", "DisplayName": "d", "Email": "a@example.com"}),
    ("UpdateUser", {"UserName": "dev", "NewUserName": "dev2", "NewComments": "c"}),
    ("DeleteUser", {"UserName": "dev"}),
    ("ListUsers", {"Marker": "1", "MaxItems": "1"}),
    ("CreateGroup", {"GroupName": "new", "Comments": "c"}),
    ("UpdateGroup", {"GroupName": "mutants", "NewGroupName": "m2"}),
    ("DeleteGroup", {"GroupName": "mutants"}),
    ("AddUserToGroup", {"UserName": "dev", "GroupName": "mutants"}),
    ("ListGroupsForUser", {"UserName": "dev"}),
    ("AttachPolicyToGroup", _CUSTOM | {"GroupName": "mutants"}),
    ("UpdateAccessKey", {"UserName": "dev", "UserAccessKeyId": "simulator-dev", "Status": "Inactive"}),
    ("ListAccessKeys", {"UserName": "dev"}),
    ("CreateLoginProfile", {"UserName": "dev", "Password": "aA1!aaaaaaaa", "PasswordResetRequired": "true"}),
    ("SetPasswordPolicy", {"MinimumPasswordLength": "12", "MaxPasswordAge": "90"}),
    ("SetAccountAlias", {"AccountAlias": "mutants"}),
    ("UpdatePolicyDescription", {"PolicyName": POLICY, "NewDescription": "d"}),
    ("DetachPolicyFromUser", _CUSTOM | {"UserName": "dev"}),
    ("DetachPolicyFromGroup", _CUSTOM | {"GroupName": "mutants"}),
    ("ListPoliciesForUser", {"UserName": "dev"}),
    ("ListPoliciesForGroup", {"GroupName": "mutants"}),
    ("GetUser", {"UserName": "dev"}),
    ("GetGroup", {"GroupName": "mutants"}),
    ("ListGroups", {"Marker": "1", "MaxItems": "1"}),
    ("ListUsersForGroup", {"GroupName": "mutants", "Marker": "1", "MaxItems": "1"}),
    ("RemoveUserFromGroup", {"UserName": "member", "GroupName": "mutants"}),
    ("CreateAccessKey", {"UserName": "dev"}),
    ("CreateAccessKey", {}),
    ("DeleteAccessKey", {"UserName": "dev", "UserAccessKeyId": "simulator-dev"}),
    ("GetLoginProfile", {"UserName": "member"}),
    ("UpdateLoginProfile", {"UserName": "member", "Password": "aA1!aaaaaaaa", "MFABindRequired": "true"}),
    ("DeleteLoginProfile", {"UserName": "member"}),
    ("GetUserMFAInfo", {"UserName": "dev"}),
    ("UnbindMFADevice", {"UserName": "dev"}),
    ("GetAccountAlias", {}),
    ("ClearAccountAlias", {}),
    ("GetPasswordPolicy", {}),
    ("GetSecurityPreference", {}),
    ("SetSecurityPreference", {"LoginSessionDuration": "8", "LoginNetworkMasks": "10.0.0.0/8"}),
    ("Ims:SetPasswordPolicy", {"MinimumPasswordLength": "12", "HardExpire": "true", "InitialPasswordAge": "7"}),
    ("Ims:GetPasswordPolicy", {}),
    (
        "Ims:SetSecurityPreference",
        {"MFAOperationForLogin": "adaptive", "LoginNetworkMasks": "10.0.0.0/8", "VerificationTypes": ["sms"]},
    ),
    ("Ims:SetSecurityPreference", {"MaxIdleDaysForUsers": "90", "EnforceMFAForLogin": "true"}),
    ("Ims:GetSecurityPreference", {}),
    ("DescribeRegions", {"AcceptLanguage": "en-US"}),
    ("CreateInstance", _LAUNCH | {"ClientToken": "a", "HttpTokens": "required", "Tag.1.Key": "a", "Tag.1.Value": "b"}),
    ("StartInstance", {"InstanceId": INSTANCE}),
    ("StopInstance", {"InstanceId": INSTANCE, "ForceStop": "true"}),
    (
        "ModifyInstanceMetadataOptions",
        {"RegionId": "cn-hangzhou", "InstanceId": INSTANCE, "HttpEndpoint": "enabled", "HttpTokens": "required"},
    ),
    ("GetAccountSummary", {}),
    ("DecodeDiagnosticMessage", {"EncodedDiagnosticMessage": "AQEAAAAA"}),
    ("CreateServiceLinkedRole", {"ServiceName": "polardb.aliyuncs.com", "CustomSuffix": "x", "Description": "d"}),
    ("DeleteServiceLinkedRole", {"RoleName": ROLE}),
    ("DescribeInstanceAttribute", {"InstanceId": INSTANCE}),
    ("DeleteInstance", {"InstanceId": INSTANCE, "Force": "true"}),
    *(
        (
            "AssumeRoleWithOIDC",
            {
                "RoleArn": f"{_ACCOUNT}:role/{role}",
                "OIDCProviderArn": f"{_ACCOUNT}:oidc-provider/{PROVIDER}",
                "OIDCToken": TOKEN,
                "RoleSessionName": "walk",
                **more,
            },
        )
        for role, more in ((FEDERATED, {}), (FEDERATED, {"Policy": READ_OSS, "DurationSeconds": "900"}), (ROLE, {}))
    ),
    ("AssumeRoleWithSAML", ASSUMED_BY_SAML | {"DurationSeconds": "900", "Policy": READ_OSS}),
    ("CreateOIDCProvider", {"OIDCProviderName": "new", "IssuerUrl": "https://new", "ClientIds": "a,b"}),
    ("CreateOIDCProvider", {**_TAKEN, "IssuerUrl": ISSUER, "Fingerprints": "a,b", "IssuanceLimitTime": "12"}),
    ("GetOIDCProvider", _TAKEN),
    ("ListOIDCProviders", {"Marker": "1", "MaxItems": "10"}),
    ("UpdateOIDCProvider", {**_TAKEN, "ClientIds": "a,b", "NewDescription": "d", "IssuanceLimitTime": "6"}),
    ("AddClientIdToOIDCProvider", {**_TAKEN, "ClientId": "a"}),
    ("RemoveClientIdFromOIDCProvider", {**_TAKEN, "ClientId": "sts.aliyuncs.com"}),
    ("AddFingerprintToOIDCProvider", {**_TAKEN, "Fingerprint": "a"}),
    ("RemoveFingerprintFromOIDCProvider", {**_TAKEN, "Fingerprint": "a"}),
    ("DeleteOIDCProvider", _TAKEN),
    ("CreateSAMLProvider", {"SAMLProviderName": "new", "EncodedSAMLMetadataDocument": METADATA_DOCUMENT}),
    ("CreateSAMLProvider", {**_KNOWN, "Description": "d", "AuthnSignAlgo": "rsa-sha256"}),
    ("GetSAMLProvider", _KNOWN),
    ("ListSAMLProviders", {"Marker": "1", "MaxItems": "10"}),
    ("UpdateSAMLProvider", {**_KNOWN, "NewDescription": "d", "NewEncodedSAMLMetadataDocument": METADATA_DOCUMENT}),
    ("DeleteSAMLProvider", _KNOWN),
    ("SetAccessKeyPolicy", {**_KEY, "AccessKeyPolicy": KEY_POLICY}),
    ("GetAccessKeyPolicy", _KEY),
    ("RebootInstance", {"InstanceId": INSTANCE, "ForceStop": "true"}),
    ("StartInstances", _LISTED | {"BatchOptimization": "SuccessFirst"}),
    ("StopInstances", _LISTED | {"StoppedMode": "KeepCharging"}),
    ("RebootInstances", _LISTED | {"DryRun": "true"}),
    ("DeleteInstances", _LISTED | {"Force": "true"}),
    ("ModifyInstanceAttribute", {"InstanceId": INSTANCE, "InstanceName": "n", "Description": "d", "UserData": "YQ=="}),
    ("DescribeUserData", {"RegionId": "cn-hangzhou", "InstanceId": INSTANCE}),
    ("DescribeInstanceStatus", _LISTED | {"PageNumber": "1", "PageSize": "10"}),
    ("DescribeInstanceMaintenanceAttributes", _LISTED),
    ("DescribeInstanceAttachmentAttributes", _ON_ECS | {"PageNumber": "1", "PageSize": "10"}),
    ("DescribeDisks", {"RegionId": "cn-hangzhou", "InstanceId": INSTANCE, "DiskType": "system", "DiskIds": '["d-1"]'}),
    ("DescribeNetworkInterfaces", {"RegionId": "cn-hangzhou", "NetworkInterfaceId.1": "eni-1", "PageSize": "10"}),
    ("DescribeZones", {"RegionId": "cn-hangzhou", "AcceptLanguage": "en-US"}),
    ("DescribeAvailableResource", {"RegionId": "cn-hangzhou", "DestinationResource": "InstanceType", "ZoneId": "z"}),
    ("DescribeInstanceTypes", {"InstanceTypeFamily": "ecs.g7"}),
    ("DescribeImages", {"RegionId": "cn-hangzhou", "ImageOwnerAlias": "system", "PageNumber": "1", "PageSize": "10"}),
    ("DescribeImageSupportInstanceTypes", {"RegionId": "cn-hangzhou", "ImageId": "aliyun_3_x64_20G_alibase.vhd"}),
    ("Ecs:TagResources", _TAGGED | {"Tag.1.Key": "team", "Tag.1.Value": "storage"}),
    ("Ecs:UntagResources", _TAGGED | {"TagKey.1": "team"}),
    ("Ecs:ListTagResources", _TAGGED | {"NextToken": "0"}),
    ("Vpc:CreateVpc", _HERE | {"CidrBlock": "10.0.0.0/8", "VpcName": "n"}),
    ("Vpc:DescribeVpcs", _HERE | {"VpcName": "n", "PageSize": "10"}),
    ("Vpc:DescribeVpcAttribute", _HERE | _VPC),
    ("Vpc:ModifyVpcAttribute", _HERE | _VPC | {"VpcName": "n", "Description": "d"}),
    ("Vpc:DeleteVpc", _HERE | _VPC),
    ("Vpc:DescribeRouteTableList", _HERE | _VPC),
    ("Vpc:CreateVSwitch", _HERE | _VPC | {"ZoneId": "cn-hangzhou-h", "CidrBlock": "10.1.0.0/16"}),
    ("Vpc:DescribeVSwitches", _HERE | {"ZoneId": "cn-hangzhou-h", "PageSize": "10"}),
    ("Vpc:DescribeVSwitchAttributes", _HERE | _VSWITCH),
    ("Vpc:ModifyVSwitchAttribute", _HERE | _VSWITCH | {"VSwitchName": "n"}),
    ("Vpc:DeleteVSwitch", _HERE | _VSWITCH),
    ("Ecs:CreateSecurityGroup", _HERE | {"SecurityGroupName": "n", "SecurityGroupType": "normal"}),
    ("Ecs:DescribeSecurityGroups", _HERE | {"SecurityGroupName": "n", "SecurityGroupIds": '["sg-1"]'}),
    ("Ecs:DescribeSecurityGroupAttribute", _HERE | _GROUP),
    ("Ecs:ModifySecurityGroupAttribute", _HERE | _GROUP | {"SecurityGroupName": "n"}),
    ("Ecs:ModifySecurityGroupPolicy", _HERE | _GROUP | {"InnerAccessPolicy": "Drop"}),
    ("Ecs:DeleteSecurityGroup", _HERE | _GROUP),
    ("GetAccessKeyLastUsed", {"UserName": "dev", "UserAccessKeyId": "simulator-dev"}),
    ("ChangePassword", {"OldPassword": "aA1!aaaaaaaa", "NewPassword": "bB2!bbbbbbbb"}),
    ("GetCallerIdentity", {}),
]
_DEEP = 20_000
NASTY = [
    *("", " ", "\x00", "é中💥", "\ufffe", "\udcff\udcfe", "null", "true", "-1", "0", "1e309", "NaN", "9" * 30, "９"),
    *("[]", "{}", "[null]", '["i-', '{"a":', '"\\ud800"', '["\\ud800"]', "[[]]", '[{"Key":1}]', '[{"Key":"k"}]'),
    *("[" * _DEEP, '{"a":' * _DEEP, "x" * 100_000, "../../etc/passwd", "%", "%zz", "a:b:c", "v0", "v" + "9" * 30, "*"),
    *("acs:ram::1:role", "acs:::::", "i-bp1simulator00000008", "<x>&amp;", "'; DROP TABLE", "\r\nX: y", "$" * 7000),
]
LITERALS: list[Any] = [
    None,
    True,
    5,
    1e308,
    "",
    "x",
    [],
    {},
    [[]],
    [None],
    {"": ""},
    "\ud800",
    ["*", 1],
    {"a": {"b": []}},
]
# method, bucket, object, parameters of the query
OSS: list[tuple[str, str, str, dict[str, str]]] = [
    ("GET", "", "", {}),
    ("GET", "", "", {"max-keys": "1", "prefix": "ram", "marker": "a"}),
    ("GET", "ramroletest", "", {"location": ""}),
    ("GET", "ramroletest", "", {"bucketInfo": ""}),
    ("GET", "ramroletest", "", {"max-keys": "1", "prefix": "", "marker": "ramroletest.txt", "delimiter": "/"}),
    ("GET", "ramroletest", "", {"list-type": "2", "max-keys": "1", "continuation-token": "", "start-after": "a"}),
    ("GET", "ramroletest", "test.sh", {}),
    ("GET", "ramroletest", "nothing", {}),
    ("PUT", "ramroletest", "new", {}),
    ("PUT", "ramroletest", "test.sh", {}),
    ("DELETE", "ramroletest", "test.sh", {}),
    ("HEAD", "ramroletest", "test.sh", {}),
    ("GET", "ramroletest", "test.sh", {"acl": ""}),
    ("PUT", "ramroletest", "test.sh", {"acl": ""}),
    ("POST", "ramroletest", "", {"delete": ""}),
]
OSS_HEADERS = (
    *("x-oss-meta-a", "x-oss-acl", "Range", "Content-Type", "Content-MD5", "x-oss-object-acl", "x-oss-copy-source"),
    *("If-Match", "If-None-Match", "If-Modified-Since", "x-oss-forbid-overwrite"),
)
METADATA = (
    *("/", "/latest", "/latest/meta-data/", "/latest/api/token", "/latest/user-data", "/x", "/latest/meta-data/Ram/"),
    *(f"/latest/meta-data/{name}" for name in ("instance-id", "region-id", "ram", "RAM/security-credentials", "mac")),
    *(f"/latest/meta-data/ram/security-credentials/{name}" for name in ("", ROLE, ROLE.upper(), f"{ROLE}/", "none")),
    *("/latest/dynamic/instance-identity/document", "/latest/meta-data/network/interfaces/macs/", "//", "/%2e%2e/x"),
)
CONTROL: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "/journal", {}),
    ("GET", "/state", {}),
    ("GET", "/", {}),
    ("GET", "/switches", {}),
    ("GET", "/faults", {}),
    ("DELETE", "/faults", {}),
    ("DELETE", f"/instances/{INSTANCE}", {}),
    ("POST", "/reset", {}),
    ("PUT", "/switches", {"role-seen-seconds": 5, "second-role": "error"}),
    ("POST", "/clock", {"advanceSeconds": 1}),
    ("POST", "/instances", {"region": "cn-hangzhou", "networkType": "vpc", "ramRoleName": ROLE}),
    ("POST", "/faults", {"action": "GetRole", "count": 1, "code": "X", "status": 400}),
]
HEADERS = (
    *("Authorization", "x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce", "Date", "Host", "Range"),
    *("x-acs-security-token", "x-oss-date", "x-oss-security-token", "Accept-Encoding", "Cookie", "x-oss-copy-source"),
)
VALUES = (
    *("OSS4-HMAC-SHA256 Credential=a/b/c/d/e", "ACS3-HMAC-SHA256 Credential=,SignedHeaders=é;,Signature=é", "OSS a:b"),
    *("x" * 9000, "\udcff\udcfe", "ACS3-HMAC-SHA256", "bytes=5-1", "bytes=-", "bytes=99-", "99999999T000000Z"),
    *("Mon, 01 Jan 0001 00:00:00 +2359", "Thu, 99 Foo 99999999999 00:00:00 GMT", "00010101T000000Z"),
)
