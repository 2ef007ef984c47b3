"""Random calls for the machine of the model, by families; their names collide often, in case and otherwise."""

from typing import Any

from hypothesis import strategies as st
from tests.contract.clients.pages import CREATE, OTHER_TRUST, READ_OSS, ROTATE, TRUST, document
from tests.contract.model.account import Call
from tests.contract.model.records import ACCOUNT


class Text(str):
    """A long text that is shown by a name where a failing sequence is printed."""

    def __new__(cls, name: str, text: str) -> "Text":
        made = super().__new__(cls, text)
        made.name = name
        return made

    name: str

    def __repr__(self) -> str:
        return self.name


def _longer(length: int) -> Text:
    return Text(f"'x' * {length + 1}", "x" * (length + 1))


SYSTEM = ["AliyunOSSReadOnlyAccess", "AliyunECSReadOnlyAccess", "AliyunRAMReadOnlyAccess"]
ECS_TRUST, FC_TRUST = Text("ECS_TRUST", TRUST), Text("FC_TRUST", OTHER_TRUST)


def _trust_in(user: str) -> str:
    return document(Action="sts:AssumeRole", Principal={"RAM": [f"acs:ram::{ACCOUNT}:user/{user}"]})


BOB_TRUST, NOBODY_TRUST = Text("BOB_TRUST", _trust_in("bob")), Text("NOBODY_TRUST", _trust_in("nobody"))
READ, MAKE = Text("READ", READ_OSS), Text("MAKE", CREATE)

VPC, CLASSIC, ELSEWHERE = (
    ["i-bp1simulator00000001", "i-bp1simulator00000002"],
    "i-bp1simulator00000008",
    "i-2zesimulator00000007",
)
ROLES, CUSTOM = ["alpha", "ALPHA", "beta", "gamma", "delta"], ["read", "READ", "write", "Write", "more", "spare"]
USERS, GROUPS = ["dev", "ann", "Ann", "bob", "cid", "eve"], ["readers", "Readers", "writers", "others"]

ROLE = {"RoleName": st.sampled_from([*ROLES * 4, "gone", "bad_name", _longer(64)])}
POLICY = {"PolicyName": st.sampled_from([*CUSTOM * 4, "gone", "bad.name", _longer(128)])}
NEW_POLICY = {"PolicyName": st.sampled_from([*CUSTOM * 2, "bad.name", SYSTEM[0]])}
USER = {"UserName": st.sampled_from([*USERS * 3, "nobody", "bad name"])}
GROUP = {"GroupName": st.sampled_from([*GROUPS * 3, "nobody", "bad/name"])}
TYPED = st.one_of(
    st.fixed_dictionaries({"PolicyType": st.just("Custom")} | POLICY),
    st.fixed_dictionaries({"PolicyType": st.just("System"), "PolicyName": st.sampled_from([*SYSTEM * 3, "read"])}),
)
DOCUMENT = {"PolicyDocument": st.sampled_from([READ, MAKE] * 9 + ["{", _longer(6144)])}
TRUSTS = st.sampled_from([ECS_TRUST] * 12 + [FC_TRUST, FC_TRUST, BOB_TRUST, NOBODY_TRUST, "[]", _longer(2048)])
TEXT = st.sampled_from(["", "text", "é & 中"] * 4 + [_longer(1024)])
COMMENT = st.sampled_from(["", "text", "é & 中"] * 4 + [_longer(128)])
DURATION = st.sampled_from(["3600", "7200", "43200"] * 3 + ["3599", "43201"])
VERSION = {"VersionId": st.sampled_from([*("v1", "v2", "v3", "v4") * 3, "v5", "v6", "v7", "1"])}
SIZE = st.sampled_from(["1", "2", "50"])
TRUE = st.sampled_from(["true", "false"])
REGION = {"RegionId": st.sampled_from(["cn-hangzhou"] * 4 + ["cn-beijing"])}
TAG = st.sampled_from([{"Key": key, "Value": value} for key in "ab" for value in "xy"])
MANY = [{"Key": f"k{number}", "Value": ""} for number in range(21)]
ODD_TAGS = [MANY[:12], MANY[8:20], MANY, [{"Key": _longer(128), "Value": ""}]]
TAGS = st.sampled_from([[{"Key": key, "Value": value}] for key in "ab" for value in "xy"] * 3 + ODD_TAGS)
PASSWORD = st.sampled_from(["correct horse"] * 4 + ["7 chars"])


def call(action: str, *required: Any, **optional: Any) -> st.SearchStrategy[Call]:
    """Calls of an action: each part is a strategy for parameters, or strategies by parameter."""
    parts = [part if isinstance(part, st.SearchStrategy) else st.fixed_dictionaries(part) for part in required]
    parts.append(st.fixed_dictionaries({}, optional=optional))
    merged = st.tuples(*parts).map(lambda found: {name: value for part in found for name, value in part.items()})
    return st.tuples(st.just(action), merged)


def roles() -> st.SearchStrategy[Call]:
    changes = {"NewDescription": TEXT, "NewMaxSessionDuration": DURATION, "NewAssumeRolePolicyDocument": TRUSTS}
    details = {"Description": TEXT, "MaxSessionDuration": DURATION, "Tag": TAGS}
    return st.one_of(
        call("CreateRole", ROLE, {"AssumeRolePolicyDocument": TRUSTS}, **details),
        call("GetRole", ROLE),
        call("UpdateRole", ROLE, **changes),
        call("DeleteRole", ROLE),
        call("ListRoles", MaxItems=SIZE, Tag=st.lists(TAG, max_size=1)),
    )


def policies() -> st.SearchStrategy[Call]:
    kinds = st.sampled_from(["Custom", "System"])
    return st.one_of(
        call("CreatePolicy", NEW_POLICY, DOCUMENT, Description=TEXT, Tag=TAGS),
        call("GetPolicy", TYPED),
        call("DeletePolicy", POLICY, CascadingDelete=TRUE),
        call("ListPolicies", PolicyType=kinds, MaxItems=SIZE, Tag=st.lists(TAG, max_size=1)),
        call("UpdatePolicyDescription", POLICY, {"NewDescription": TEXT}),
        call("ListEntitiesForPolicy", TYPED),
    )


def versions() -> st.SearchStrategy[Call]:
    return st.one_of(
        call("CreatePolicyVersion", POLICY, DOCUMENT, SetAsDefault=TRUE, RotateStrategy=st.just(ROTATE)),
        call("CreatePolicyVersion", POLICY, DOCUMENT, SetAsDefault=TRUE),
        call("GetPolicyVersion", TYPED, VERSION),
        call("ListPolicyVersions", TYPED),
        call("DeletePolicyVersion", POLICY, VERSION),
        call("SetDefaultPolicyVersion", POLICY, VERSION),
    )


def users() -> st.SearchStrategy[Call]:
    new_name = st.sampled_from([*USERS * 2, "bad name"])
    return st.one_of(
        call("CreateUser", USER, Comments=COMMENT, DisplayName=COMMENT),
        call("GetUser", USER),
        call("UpdateUser", USER, NewUserName=new_name, NewComments=COMMENT, NewDisplayName=COMMENT),
        call("DeleteUser", USER),
        call("ListUsers", MaxItems=SIZE),
    )


def login_profiles() -> st.SearchStrategy[Call]:
    asks = {"PasswordResetRequired": TRUE, "MFABindRequired": TRUE}
    return st.one_of(
        call("CreateLoginProfile", USER, {"Password": PASSWORD}, **asks),
        call("GetLoginProfile", USER),
        call("UpdateLoginProfile", USER, Password=PASSWORD, **asks),
        call("DeleteLoginProfile", USER),
    )


def access_keys() -> st.SearchStrategy[Call]:
    """Calls about an access key, which the machine names together with its owner."""
    other = st.sampled_from(USERS)
    return st.one_of(
        call("CreateAccessKey", USER),
        call("GetCallerIdentity"),
        call("UpdateAccessKey", {"Status": st.sampled_from(["Active", "Inactive", "Inactive", "Off"])}),
        call("DeleteAccessKey"),
        call("UpdateAccessKey", {"UserName": other, "Status": st.just("Active")}),
        call("DeleteAccessKey", {"UserName": other}),
    )


def groups() -> st.SearchStrategy[Call]:
    new_name = st.sampled_from([*GROUPS * 2, "bad/name"])
    return st.one_of(
        call("CreateGroup", GROUP, Comments=COMMENT),
        call("GetGroup", GROUP),
        call("UpdateGroup", GROUP, NewGroupName=new_name, NewComments=COMMENT),
        call("DeleteGroup", GROUP),
        call("ListGroups", MaxItems=SIZE),
    )


def memberships() -> st.SearchStrategy[Call]:
    return st.one_of(
        call("AddUserToGroup", USER, GROUP),
        call("RemoveUserFromGroup", USER, GROUP),
        call("ListGroupsForUser", USER),
        call("ListUsersForGroup", GROUP, MaxItems=SIZE),
    )


def attachments() -> st.SearchStrategy[Call]:
    found = []
    for kind, named in (("Role", ROLE), ("User", USER), ("Group", GROUP)):
        found.append(call(f"AttachPolicyTo{kind}", TYPED, named))
        found.append(call(f"DetachPolicyFrom{kind}", TYPED, named))
        found.append(call(f"ListPoliciesFor{kind}", named))
    return st.one_of(found)


def tagging() -> st.SearchStrategy[Call]:
    kinds = st.sampled_from([("role", [*ROLES, "gone"]), ("policy", [*CUSTOM, SYSTEM[0]])])
    named = kinds.flatmap(
        lambda kind: st.fixed_dictionaries(
            {
                "ResourceType": st.just(kind[0]),
                "ResourceNames": st.lists(st.sampled_from(kind[1]), min_size=1, max_size=2, unique_by=str.lower),
            }
        )
    )
    keys = st.lists(st.sampled_from(["a", "b", "k3"]), min_size=1, unique=True)
    kind = {"ResourceType": st.sampled_from(["role", "policy"])}
    return st.one_of(
        call("TagResources", named, {"Tag": TAGS}),
        call("UntagResources", named, {"TagKeys": keys}),
        call("UntagResources", named, {"All": st.just("true")}),
        call("ListTagResources", kind, PageSize=SIZE),
        call("ListTagResources", named),
    )


def launches() -> st.SearchStrategy[Call]:
    """Calls that make instances."""
    needed = REGION | {"InstanceType": st.just("ecs.g7.large")}
    role = {
        "RamRoleName": st.sampled_from([*ROLES, "gone"]),
        "DryRun": TRUE,
        "ClientToken": st.sampled_from(["t1", "t2"]),
    }
    switch = st.sampled_from([{"VSwitchId": "vsw-1"}, {"VSwitchId": "vsw-1"}, {}])
    return st.one_of(
        call("CreateInstance", needed, switch, **role),
        call("RunInstances", needed, switch, {"Amount": st.sampled_from(["1", "2"])}, **role),
    )


def on_an_instance() -> st.SearchStrategy[Call]:
    """Calls about one instance, which the machine names."""
    return st.one_of(
        call("StartInstance"),
        call("StopInstance"),
        call("DeleteInstance", Force=TRUE),
        call("DescribeInstanceAttribute"),
    )


def on_some_instances() -> st.SearchStrategy[Call]:
    """Calls about instances, which the machine may name."""
    role = st.sampled_from(["alpha", "ALPHA", "beta", "BETA"] * 2 + ["gamma", "gone"])
    return st.one_of(
        call("AttachInstanceRamRole", REGION, {"RamRoleName": role}),
        call("DetachInstanceRamRole", REGION, RamRoleName=role),
        call("DescribeInstanceRamRole", REGION, RamRoleName=role),
        call("DescribeInstances", REGION, PageSize=SIZE),
    )


def on_all_instances() -> st.SearchStrategy[Call]:
    """Calls about all instances, or all that play a role."""
    role = st.sampled_from([*ROLES, "gone"])
    return st.one_of(
        call("DescribeInstanceRamRole", REGION, {"RamRoleName": role}, PageSize=SIZE),
        call("DescribeInstances", REGION, Status=st.sampled_from(["Running", "Stopped"]), PageSize=SIZE),
    )


# every sequence begins with something to lose
BEGINNING: list[Call] = [
    ("UpdateUser", {"UserName": "dev", "NewDisplayName": "", "NewComments": ""}),
    ("CreateRole", {"RoleName": "alpha", "AssumeRolePolicyDocument": ECS_TRUST, "Tag": [{"Key": "a", "Value": "x"}]}),
    ("CreateRole", {"RoleName": "Beta", "AssumeRolePolicyDocument": ECS_TRUST, "Description": "text"}),
    ("CreateRole", {"RoleName": "gamma", "AssumeRolePolicyDocument": FC_TRUST}),
    ("CreatePolicy", {"PolicyName": "read", "PolicyDocument": READ, "Tag": MANY[:20]}),
    ("CreatePolicy", {"PolicyName": "Write", "PolicyDocument": MAKE}),
    *(("CreatePolicyVersion", {"PolicyName": "write", "PolicyDocument": READ}) for _ in range(3)),
    ("AttachPolicyToRole", {"PolicyType": "Custom", "PolicyName": "read", "RoleName": "alpha"}),
    ("CreatePolicy", {"PolicyName": "more", "PolicyDocument": READ}),
    ("CreatePolicy", {"PolicyName": "spare", "PolicyDocument": READ}),
    ("CreatePolicyVersion", {"PolicyName": "spare", "PolicyDocument": MAKE}),
    ("CreateGroup", {"GroupName": "others"}),
    ("AddUserToGroup", {"UserName": "dev", "GroupName": "others"}),
    ("CreateGroup", {"GroupName": "readers"}),
    ("CreateUser", {"UserName": "bob", "Comments": "text"}),
    ("CreateUser", {"UserName": "ann"}),
    ("AddUserToGroup", {"UserName": "ann", "GroupName": "readers"}),
    ("AttachPolicyToUser", {"PolicyType": "Custom", "PolicyName": "write", "UserName": "ann"}),
    ("AttachPolicyToRole", {"PolicyType": "System", "PolicyName": SYSTEM[0], "RoleName": "alpha"}),
    ("AttachPolicyToUser", {"PolicyType": "System", "PolicyName": SYSTEM[0], "UserName": "ann"}),
    ("AttachPolicyToGroup", {"PolicyType": "System", "PolicyName": SYSTEM[0], "GroupName": "readers"}),
    ("AttachPolicyToGroup", {"PolicyType": "Custom", "PolicyName": "more", "GroupName": "readers"}),
    ("AttachInstanceRamRole", {"RegionId": "cn-hangzhou", "InstanceIds": VPC[:1], "RamRoleName": "alpha"}),
]
