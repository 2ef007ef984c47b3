"""The states of the cloud that calls are tried in: each is made by switches and steps, by the account's own key."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.contract.clients.mutation_tables import (
    ASSUMED_BY_SAML,
    FEDERATED,
    IDP,
    INSTANCE,
    METADATA_DOCUMENT,
    PERSON,
    POLICY,
    PROVIDER,
    ROLE,
    SAML_PROVIDER,
    assertion,
)
from tests.contract.clients.pages import CREATE, READ_OSS, TRUST, document
from tests.contract.clients.raw import RawClient
from tests.contract.conftest import RunningSimulator
from tests.contract.test_simulator_oidc import trust

Step = tuple[str, Mapping[str, Any]]
HELD = {"PolicyType": "Custom", "PolicyName": POLICY}


# what calls name networks by before there are any -> where the answers of the calls that make them have their ids
NETWORKS = {"vpc-1": "VpcId", "vsw-1": "VSwitchId", "sg-1": "SecurityGroupId"}


@dataclass(frozen=True, slots=True)
class World:
    """Steps that make a state after a reset, and switches that are set after them."""

    steps: Sequence[Step] = ()
    switches: Mapping[str, object] = field(default_factory=dict)

    def build(self, running: RunningSimulator, root: RawClient) -> Mapping[str, str]:
        """Make it, and return the ids of the networks in it by what calls name them by."""
        running.reset()
        known: dict[str, str] = {}
        for action, parameters in self.steps:
            reply = root.call(action, **with_networks(parameters, known))
            assert reply.status == 200, f"{action}: {reply.body!r}"
            known |= {name: reply.answer[key] for name, key in NETWORKS.items() if key in reply.answer}
        if self.switches:
            running.switch(**self.switches)
        return known


def with_networks(parameters: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, Any]:
    """Return parameters with the ids of the networks that a world has."""
    text = json.dumps(parameters)
    for name, found in known.items():
        text = text.replace(name, found)
    filled: dict[str, Any] = json.loads(text)
    return filled


_PERSON_TRUST = document(Action="sts:AssumeRole", Principal={"Federated": [SAML_PROVIDER]})
PLAIN: Sequence[Step] = (
    ("CreateRole", {"RoleName": ROLE, "AssumeRolePolicyDocument": TRUST}),
    ("CreatePolicy", {"PolicyName": POLICY, "PolicyDocument": READ_OSS}),
    ("CreatePolicyVersion", {"PolicyName": POLICY, "PolicyDocument": CREATE}),
    ("CreateGroup", {"GroupName": "mutants"}),
    ("CreateUser", {"UserName": "member"}),
    ("AddUserToGroup", {"UserName": "member", "GroupName": "mutants"}),
    ("CreateLoginProfile", {"UserName": "member", "Password": "correct horse"}),
    ("AttachInstanceRamRole", {"InstanceIds": [INSTANCE], "RamRoleName": ROLE}),
    ("CreateSAMLProvider", {"SAMLProviderName": PROVIDER, "EncodedSAMLMetadataDocument": IDP.metadata()}),
    ("CreateSAMLProvider", {"SAMLProviderName": "bare"}),
    ("CreateRole", {"RoleName": FEDERATED, "AssumeRolePolicyDocument": trust(provider=PROVIDER)}),
    ("CreateRole", {"RoleName": PERSON, "AssumeRolePolicyDocument": _PERSON_TRUST}),
)
LAUNCH = {"InstanceType": "t", "VSwitchId": "v"}
HOLDERS = {"Role": ROLE, "User": "dev", "Group": "mutants"}
_FULL = (
    *(("CreatePolicyVersion", {"PolicyName": POLICY, "PolicyDocument": CREATE}) for _ in range(3)),
    ("CreateAccessKey", {"UserName": "dev"}),
    ("CreateOIDCProvider", {"OIDCProviderName": "new", "IssuerUrl": "https://new", "ClientIds": "a"}),
    ("CreateSAMLProvider", {"SAMLProviderName": "new", "EncodedSAMLMetadataDocument": METADATA_DOCUMENT}),
    ("CreateUser", {"UserName": "new"}),
    ("CreateUser", {"UserName": "dev2"}),
    ("CreateGroup", {"GroupName": "new"}),
    ("CreateGroup", {"GroupName": "m2"}),
    ("AddUserToGroup", {"UserName": "dev", "GroupName": "mutants"}),
    ("CreateLoginProfile", {"UserName": "dev", "Password": "correct horse"}),
    ("StopInstance", {"InstanceId": INSTANCE}),
)
_HERE = {"RegionId": "cn-hangzhou"}
_VPC: Sequence[Step] = (*PLAIN, ("Vpc:CreateVpc", _HERE | {"CidrBlock": "10.0.0.0/8"}))
_GROUPED: Sequence[Step] = (*_VPC, ("Ecs:CreateSecurityGroup", _HERE | {"VpcId": "vpc-1"}))
NETWORKED: Sequence[Step] = (
    *_GROUPED,
    ("Vpc:CreateVSwitch", _HERE | {"VpcId": "vpc-1", "ZoneId": "cn-hangzhou-h", "CidrBlock": "10.1.0.0/16"}),
    (
        "RunInstances",
        {"InstanceType": "ecs.g7.large", "VSwitchId": "vsw-1", "SecurityGroupId": "sg-1", "InstanceName": "networked"},
    ),
)
_NO_ROOM = {
    "roles": 0,
    "policies": 0,
    "custom_policies_per_holder": 0,
    "delete_role_in_use": "refused",
    "second_role": "error",
    "detach_none": "error",
}
WORLDS: Mapping[str, World] = {
    "plain": World(PLAIN),
    "empty": World(),
    **{
        f"held by a {kind.lower()}": World((*PLAIN, (f"AttachPolicyTo{kind}", HELD | {f"{kind}Name": name})))
        for kind, name in HOLDERS.items()
    },
    "one version": World((*PLAIN, ("DeletePolicyVersion", {"PolicyName": POLICY, "VersionId": "v2"}))),
    "full": World((*PLAIN, *_FULL)),
    "no room": World((*PLAIN, ("DetachInstanceRamRole", {"InstanceIds": [INSTANCE]})), _NO_ROOM),
    "in use": World(PLAIN, {"delete_role_in_use": "refused", "second_role": "error"}),
    "protected": World((*PLAIN, ("ModifyInstanceAttribute", {"InstanceId": INSTANCE, "DeletionProtection": "true"}))),
    "grouped": World(_GROUPED),
    "networked": World(NETWORKED),
    "launched": World((*PLAIN, ("RunInstances", LAUNCH | {"ClientToken": "a", "PrivateIpAddress": "10.0.0.9"}))),
    "late": World(PLAIN, {"role_to_ecs_seconds": 60, "role_seen_seconds": 60, "policy_seen_seconds": 60}),
}
_CLASSIC, _ELSEWHERE = "i-bp1simulator00000008", "i-2zesimulator00000007"
# calls beside the usual ones, for codes that no odd value of one parameter brings about
VARIANTS: Sequence[Step] = (
    *(
        (f"{verb}InstanceRamRole", {"InstanceIds": [instance], "RamRoleName": role})
        for verb in ("Attach", "Detach", "Describe")
        for instance, role in ((_CLASSIC, ROLE), (_ELSEWHERE, ROLE), (INSTANCE, FEDERATED), (INSTANCE, "nobody"))
    ),
    ("DescribeInstanceRamRole", {}),
    *(
        ("AssumeRoleWithSAML", ASSUMED_BY_SAML | more)
        for more in (
            {"SAMLProviderArn": SAML_PROVIDER.replace(PROVIDER, "bare")},
            {"SAMLProviderArn": SAML_PROVIDER.replace(PROVIDER, "nobody")},
            {"SAMLAssertion": assertion(ends_in=-5)},
            {"RoleArn": ASSUMED_BY_SAML["RoleArn"].replace(PERSON, "nobody")},
        )
    ),
    *(
        (action, LAUNCH | more)
        for action in ("RunInstances", "CreateInstance")
        for more in (
            {"RamRoleName": FEDERATED},
            {"VSwitchId": "", "RamRoleName": ROLE},
            {"VSwitchId": "", "PrivateIpAddress": "10.0.0.1"},
            {"PrivateIpAddress": "192.168.0.1", "VSwitchId": "vsw-bp1simulator0000000001"},
            {"UserData": "QUFB" * 12_000},
        )
    ),
    ("Ecs:TagResources", {"ResourceType": "instance", "ResourceId.1": INSTANCE, "Tag.1.Key": "a", "Tag.2.Key": "a"}),
    ("TagResources", {"ResourceType": "role", "ResourceNames": [ROLE], "Tag": [{"Key": "a", "Value": "v" * 257}]}),
    ("CreateRole", {"RoleName": "new", "AssumeRolePolicyDocument": "{}", "MaxSessionDuration": 1}),
    ("AssumeRole", {"RoleArn": f"acs:ram::1234567890123456:role/{ROLE}", "RoleSessionName": "s", "Policy": "{"}),
)
