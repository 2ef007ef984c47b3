"""Random calls on roles, policies, attachments, tags and instances: simulator and model never differ."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.contract.clients.pages import CREATE, OTHER_TRUST, READ_OSS, ROTATE, TRUST
from tests.contract.clients.ram_model import Model
from tests.contract.clients.ram_records import DATE, ID, Params, Policy, Refusal
from tests.contract.clients.raw import Key, RawClient, Wire
from tests.contract.clients.walk import ROOT
from tests.contract.conftest import RunningSimulator

SYSTEM = ["AliyunOSSReadOnlyAccess", "AliyunECSReadOnlyAccess"]
VPC, CLASSIC, ELSEWHERE = (
    ["i-bp1simulator00000001", "i-bp1simulator00000002"],
    "i-bp1simulator00000008",
    "i-2zesimulator00000007",
)
INSTANCES = dict.fromkeys(VPC, ("cn-hangzhou", "vpc")) | {
    CLASSIC: ("cn-hangzhou", "classic"),
    ELSEWHERE: ("cn-beijing", "vpc"),
}
# actions answered by pages: the list, its marker in the answer, its marker and its page size in the request
PAGED = {
    "ListRoles": ("Marker", "Marker", "MaxItems"),
    "ListPolicies": ("Marker", "Marker", "MaxItems"),
    "ListTagResources": ("NextToken", "NextToken", "PageSize"),
}
UNMODELLED = {
    *("RequestId", "Message", "AllowConsoleLogin", "IsServiceLinkedRole", "LatestDeletionTask", "RolePrincipalName"),
    *(
        "IsTruncated",
        "Marker",
        "NextToken",
        "UserId",
        "GroupId",
        "DisplayName",
        "Email",
        "MobilePhone",
        "LastLoginDate",
    ),
}
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

Call = tuple[str, Params]

# every sequence begins with something to lose
BEGINNING: list[Call] = [
    ("CreateRole", {"RoleName": "alpha", "AssumeRolePolicyDocument": TRUST, "Tag": [{"Key": "a", "Value": "x"}]}),
    ("CreateRole", {"RoleName": "Beta", "AssumeRolePolicyDocument": TRUST}),
    ("CreatePolicy", {"PolicyName": "read", "PolicyDocument": READ_OSS}),
    ("CreatePolicy", {"PolicyName": "Write", "PolicyDocument": CREATE}),
    *(("CreatePolicyVersion", {"PolicyName": "write", "PolicyDocument": READ_OSS}) for _ in range(3)),
    ("AttachPolicyToRole", {"PolicyType": "Custom", "PolicyName": "read", "RoleName": "alpha"}),
    ("CreateGroup", {"GroupName": "readers", "Comments": ""}),
    ("CreateUser", {"UserName": "ann", "Comments": ""}),
    ("AttachInstanceRamRole", {"RegionId": "cn-hangzhou", "InstanceIds": VPC[:1], "RamRoleName": "alpha"}),
]


ROLE = {"RoleName": st.sampled_from(["alpha", "Alpha", "beta", "BETA"] * 3 + ["gone", "bad_name"])}
CUSTOM = {"PolicyName": st.sampled_from(["read", "READ", "write", "Write"] * 3 + ["gone", "bad.name"])}
NEW_POLICY = {"PolicyName": st.sampled_from(["read", "READ", "write", "bad.name", *SYSTEM])}
USER = {"UserName": st.sampled_from(["dev", "DEV", "ann", "ann", "nobody"])}
GROUP = {"GroupName": st.sampled_from(["readers", "Readers", "writers", "nobody"])}
TYPED = st.one_of(
    st.fixed_dictionaries(CUSTOM | {"PolicyType": st.just("Custom")}),
    st.fixed_dictionaries({"PolicyType": st.just("System"), "PolicyName": st.sampled_from([*SYSTEM * 3, "Nothing"])}),
)
DOCUMENT = {"PolicyDocument": st.sampled_from([READ_OSS, CREATE] * 4 + ["{"])}
TRUSTS = st.sampled_from([TRUST] * 6 + [OTHER_TRUST, "[]"])
TEXT = st.sampled_from(["", "text", "é & 中"])
DURATION = st.sampled_from(["3600", "7200", "43200", "1"])
TAG = st.lists(
    st.sampled_from([{"Key": key, "Value": value} for key in "ab" for value in "xy"]), min_size=1, max_size=1
)
VERSION = {"VersionId": st.sampled_from(["v1", "v2", "v3", "v4", "v5", "v6", "1"])}
SIZE = st.sampled_from(["1", "2", "100"])
TRUE = st.sampled_from(["true", "false"])


def call(action: str, *required: Any, **optional: Any) -> st.SearchStrategy[Call]:
    """Calls of an action: each part is a strategy for parameters, or strategies by parameter."""
    parts = [part if isinstance(part, st.SearchStrategy) else st.fixed_dictionaries(part) for part in required]
    parts.append(st.fixed_dictionaries({}, optional=optional))
    merged = st.tuples(*parts).map(lambda found: {name: value for part in found for name, value in part.items()})
    return st.tuples(st.just(action), merged)


def calls() -> st.SearchStrategy[Call]:
    """Calls whose names collide often, in case and otherwise."""
    return st.one_of(*roles(), *policies(), *people(), *attachments(), tagging(TAG, SIZE), instance_roles())


def roles() -> list[st.SearchStrategy[Call]]:
    trust = {"AssumeRolePolicyDocument": TRUSTS}
    changes = {"NewDescription": TEXT, "NewMaxSessionDuration": DURATION, "NewAssumeRolePolicyDocument": TRUSTS}
    return [
        call("CreateRole", ROLE, trust, Description=TEXT, MaxSessionDuration=DURATION, Tag=TAG),
        call("GetRole", ROLE),
        call("UpdateRole", ROLE, **changes),
        call("DeleteRole", ROLE),
        call("ListRoles", MaxItems=SIZE),
    ]


def policies() -> list[st.SearchStrategy[Call]]:
    return [
        call("CreatePolicy", NEW_POLICY, DOCUMENT, Description=TEXT),
        call("GetPolicy", TYPED),
        call("DeletePolicy", CUSTOM, CascadingDelete=TRUE),
        call("ListPolicies", PolicyType=st.sampled_from(["Custom", "System"]), MaxItems=SIZE),
        call("UpdatePolicyDescription", CUSTOM, {"NewDescription": TEXT}),
        call("CreatePolicyVersion", CUSTOM, DOCUMENT, SetAsDefault=TRUE, RotateStrategy=st.just(ROTATE)),
        call("CreatePolicyVersion", CUSTOM, DOCUMENT, SetAsDefault=TRUE),
        call("GetPolicyVersion", TYPED, VERSION),
        call("ListPolicyVersions", {"PolicyType": st.just("Custom")}, CUSTOM),
        call("DeletePolicyVersion", CUSTOM, VERSION),
        call("SetDefaultPolicyVersion", CUSTOM, VERSION),
    ]


def people() -> list[st.SearchStrategy[Call]]:
    comments = {"Comments": TEXT}
    plain = [("DeleteUser", USER), ("GetGroup", GROUP), ("DeleteGroup", GROUP), ("ListGroupsForUser", USER)]
    both = ("AddUserToGroup", "AddUserToGroup", "RemoveUserFromGroup")
    return [
        call("CreateUser", USER, comments),
        call("CreateGroup", GROUP, comments),
        call("ListUsersForGroup", GROUP),
        *(call(action, named) for action, named in plain),
        *(call(action, USER, GROUP) for action in both),
    ]


def attachments() -> list[st.SearchStrategy[Call]]:
    found = [call("ListEntitiesForPolicy", TYPED)]
    for kind, named in (("Role", ROLE), ("User", USER), ("Group", GROUP)):
        found.append(call(f"AttachPolicyTo{kind}", TYPED, named))
        found.append(call(f"DetachPolicyFrom{kind}", TYPED, named))
        found.append(call(f"ListPoliciesFor{kind}", named))
    return found


def tagging(tag: st.SearchStrategy[Any], size: st.SearchStrategy[str]) -> st.SearchStrategy[Call]:
    kinds = st.sampled_from([("role", ["alpha", "BETA"]), ("policy", ["read", "write"])])
    named = kinds.flatmap(
        lambda kind: st.fixed_dictionaries(
            {
                "ResourceType": st.just(kind[0]),
                "ResourceNames": st.lists(st.sampled_from(kind[1]), min_size=1, unique=True),
            }
        )
    )
    keys = st.lists(st.sampled_from("ab"), min_size=1, unique=True)
    return st.one_of(
        st.tuples(named, tag).map(lambda found: ("TagResources", found[0] | {"Tag": found[1]})),
        st.tuples(named, keys).map(lambda found: ("UntagResources", found[0] | {"TagKeys": found[1]})),
        st.tuples(kinds, size).map(
            lambda found: ("ListTagResources", {"ResourceType": found[0][0], "PageSize": found[1]})
        ),
    )


def instance_roles() -> st.SearchStrategy[Call]:
    there = st.fixed_dictionaries({"RegionId": st.sampled_from(["cn-hangzhou"] * 4 + ["cn-beijing"])})
    known = st.lists(st.sampled_from(VPC), min_size=1, unique=True)
    any_ids = st.lists(st.sampled_from([*VPC, CLASSIC, ELSEWHERE, "i-unknown"]), min_size=1, unique=True)
    ids = {"InstanceIds": known | known | any_ids}
    role = {"RamRoleName": st.sampled_from(["alpha", "alpha", "beta", "gone"])}

    def call(verb: str, required: Any, optional: Any) -> st.SearchStrategy[Call]:
        named = st.tuples(there, st.fixed_dictionaries(required, optional=optional))
        return named.map(lambda found: (f"{verb}InstanceRamRole", found[0] | found[1]))

    return st.one_of(call("Attach", ids | role, {}), call("Detach", ids, role), call("Describe", {}, ids | role))


class Pair:
    """The simulator and the model, given the same calls."""

    def __init__(self, client: RawClient, system: list[Policy]) -> None:
        self._client = client
        self._model = Model(system, ["dev"], INSTANCES)

    def play(self, action: str, params: Params) -> None:
        """Do one call on both and compare."""
        try:
            due: Any = normal(self._model.play(action, params))
        except Refusal as refusal:
            due = refusal
        got = self._ask(action, params)
        if isinstance(due, Refusal):
            assert got in due.errors, f"{action}({params}) was answered {got}; due is {due}"
        else:
            assert got == due, f"{action}({params}) was answered {got}; due is {due}"

    def _ask(self, action: str, params: Params) -> Any:
        """Return status and code of an error, or the answer in its normal form; all pages of it."""
        reply = self._client.call(action, **params)
        if reply.status != 200:
            return reply.status, reply.answer["Code"]
        answer = reply.answer
        if action in PAGED:
            self._add_pages(action, params, answer)
        return normal(answer)

    def _add_pages(self, action: str, params: Params, answer: dict[str, Any]) -> None:
        shown, asked, size = PAGED[action]
        rows = rows_of(answer)
        while marker := answer.get(shown):
            answer = self._client.call(action, **params, **{asked: marker}).answer
            assert len(rows_of(answer)) <= int(params.get(size, 100))
            rows += rows_of(answer)


def rows_of(answer: dict[str, Any]) -> list[Any]:
    """Return the one list of an answer by pages."""
    (found,) = [value for value in answer.values() if isinstance(value, dict | list)]
    while isinstance(found, dict):
        (found,) = found.values()
    return list(found) if not isinstance(found, list) else found


def normal(value: Any, name: str = "") -> Any:
    """Return an answer without what is not modelled: dates and ids by their form, lists in any order."""
    if isinstance(value, dict):
        return {key: normal(item, key) for key, item in value.items() if key not in UNMODELLED}
    if isinstance(value, list):
        return sorted((normal(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    if name.endswith("Date"):
        return DATE if value == DATE or _DATE.fullmatch(value) else value
    if name == "RoleId":
        return ID if value == ID or value.isdigit() else value
    if name.endswith("Document") and isinstance(value, str):
        return json.loads(value)
    if name == "RamRoleName":
        return value.lower()
    if name == "Code" and value not in ("200", "InvalidRamRole.NotAttached"):
        return "failed"
    return value


@pytest.fixture
def client(simulator: RunningSimulator) -> Iterator[RawClient]:
    wire = Wire(simulator.endpoint)
    yield RawClient(wire, Key(*ROOT))
    wire.close()


def system_policies(client: RawClient) -> list[Policy]:
    """What there is before anybody does anything; the model can't know it."""
    listed = client.call("ListPolicies", PolicyType="System", MaxItems="1000").answer["Policies"]["Policy"]
    found = []
    for policy in listed:
        name = policy["PolicyName"]
        shown = client.call("GetPolicy", PolicyType="System", PolicyName=name).answer["DefaultPolicyVersion"]
        found.append(Policy(name, {1: shown["PolicyDocument"]}, "System", policy["Description"]))
    return found


def play(simulator: RunningSimulator, client: RawClient, sequences: int) -> None:
    system = system_policies(client)

    @settings(
        max_examples=sequences,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(calls(), min_size=30, max_size=80))
    def sequence(played: list[Call]) -> None:
        simulator.reset()
        pair = Pair(client, system)
        for action, params in [*BEGINNING, *played]:
            pair.play(action, params)

    sequence()


def test_the_simulator_never_differs_from_the_model(simulator: RunningSimulator, client: RawClient) -> None:
    play(simulator, client, 40)


@pytest.mark.soak
def test_the_simulator_never_differs_from_the_model_in_500_sequences(
    simulator: RunningSimulator, client: RawClient
) -> None:
    play(simulator, client, 500)
