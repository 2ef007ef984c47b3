"""The RAM policy for the operator's key: all that it needs, and nothing that it does not."""

import copy
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from aliyunsdkcore.acs_exception.exceptions import ServerException
from tests.chart.conftest import ROOT
from tests.cluster.hand import Hand, tags
from tests.cluster.objects import binding, node, role
from tests.cluster.world import World
from tests.polling import until

from ram_sandbox.sources import source

POLICY, ROLE, BINDING = "RamPolicy/oss-read", "RamRole/oss-reader", "InstanceRoleBinding/storage-pool"
PREFIX = "k8s-"
# the walk goes to RAM without these: passing a role is no call, and the identity takes no permission
READ = {"Statement": [{"Effect": "Allow", "Action": "oss:Get*", "Resource": "*"}]}
NO_CALLS = {"ram:PassRole"}


def printed(account: str, cluster: str, name: str = "full") -> dict[str, Any]:
    """A policy for this account and cluster."""
    text = (ROOT / f"deploy/ram-policies/{name}.json").read_text()
    found: dict[str, Any] = json.loads(text.replace("UID", account).replace("CLUSTER", cluster))
    return found


def cluster_id(world: World) -> str:
    """What the operator's tags have as the cluster."""
    return str(world.api.request("GET", "/api/v1/namespaces/kube-system")["metadata"]["uid"])


# the object that tells, and the action that it names, when the statement with this number is missing
MISSING = {
    0: (POLICY, "ram:GetPolicy"),
    1: (BINDING, "ecs:AttachInstanceRamRole"),
    2: (BINDING, "ram:PassRole"),
    3: (ROLE, "ram:CreateRole"),
    4: (ROLE, "ram:GetRole"),
    5: (ROLE, "ram:AttachPolicyToRole"),
}


def samples() -> list[dict[str, Any]]:
    """The samples with names in RAM that begin with the prefix."""
    bodies = [yaml.safe_load(path.read_text()) for path in sorted(source("samples").glob("*.yaml"))]
    for body in bodies:
        for field in ("policyName", "roleName"):
            if field in body["spec"]:
                body["spec"][field] = PREFIX + body["spec"][field]
    return bodies


@pytest.fixture
def profile() -> str:
    """The policy that the operator's user has."""
    return "full"


@pytest.fixture
def restricted(world: World, hand: Hand, profile: str) -> Iterator[World]:
    """The operator with the key of the fixture's user ``dev``, who has this policy and no other."""
    policy = printed(world.cloud.facts["account"], cluster_id(world), profile)
    hand.create_policy("operator", policy)
    hand.ram("AttachPolicyToUser", PolicyType="Custom", PolicyName="operator", UserName="dev")
    key = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "simulator-dev", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "simulator-dev-secret"}
    with world.environment(RAM_OPERATOR_CREDENTIALS_DIR="", RAM_OPERATOR_ALLOWED_ROLES=f"{PREFIX}*", **key):
        yield world


def test_the_samples_walk_needs_exactly_this_policy(restricted: World) -> None:
    world, mark = restricted, restricted.mark()
    before = world.state()
    world.api.create(node("gone", "cn-hangzhou.i-bp1nosuchinstance0001", "storage"))
    nodes = world.add_nodes("storage", "node-1", "node-2")
    bodies = samples()
    world.sandbox.apply(*bodies)
    world.ready(POLICY, ROLE)
    world.attached("storage-pool", *nodes)
    changed = copy.deepcopy(bodies)
    for body in changed:
        if body["kind"] != "InstanceRoleBinding":
            body["spec"] |= {"description": "changed", "tags": {"team": "storage"}}
        if body["kind"] == "RamPolicy":
            body["spec"]["document"]["Statement"][0]["Action"] = "oss:GetObject"
    world.sandbox.apply(*changed)
    world.kubectl("delete", "node", "gone")
    world.ready(POLICY, ROLE)
    world.sweeps_pass()
    assert world.kubectl("delete", "-f", str(source("samples")), "--timeout=60s").returncode == 0
    until(lambda: world.state()["policies"] == before["policies"] and world.state()["roles"] == before["roles"])
    calls = [call for call in world.calls(mark) if "dev" in str(call["principal"])]
    assert [call for call in calls if call["status"] == 403] == []
    used = {f"{call['product'].lower()}:{call['action']}" for call in calls}
    granted = {
        action
        for statement in printed("1", "c1")["Statement"]
        for action in (statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]])
    }
    assert granted - used == NO_CALLS
    assert used - granted <= {"sts:GetCallerIdentity"}


def test_each_statement_is_in_the_table() -> None:
    assert list(MISSING) == list(range(len(printed("1", "c1")["Statement"])))


@pytest.mark.parametrize("number", MISSING)
def test_without_one_statement_a_feature_fails_and_names_the_action(number: int, restricted: World, hand: Hand) -> None:
    world, (target, action) = restricted, MISSING[number]
    policy = printed(world.cloud.facts["account"], cluster_id(world))
    del policy["Statement"][number]
    document = json.dumps(policy)
    hand.ram("CreatePolicyVersion", PolicyName="operator", PolicyDocument=document, SetAsDefault="true")
    world.add_nodes("storage", "node-1")
    world.sandbox.apply(*samples())
    world.says(target, "AccessDenied", action)


def test_the_key_changes_no_role_of_others_although_it_has_the_prefix(restricted: World, hand: Hand) -> None:
    key = {"accessKeyId": "simulator-dev", "accessKeySecret": "simulator-dev-secret"}
    thief = Hand({**restricted.cloud.facts, **key})
    theirs = f"{PREFIX}theirs"
    tagging = {"ResourceType": "role", "ResourceNames": json.dumps([theirs]), "Tag": tags({"team": "mine"})}
    hand.create_role(theirs)
    hand.create_policy(theirs, {"Version": "1", **READ})
    administrator = {"PolicyType": "System", "PolicyName": "AdministratorAccess", "RoleName": theirs}
    attempts: dict[str, dict[str, Any]] = {
        "UpdateRole": {"RoleName": theirs, "NewDescription": "mine"},
        "DeleteRole": {"RoleName": theirs},
        "DeletePolicy": {"PolicyName": theirs},
        "TagResources": tagging,
        "AttachPolicyToRole": administrator,
        "CreateUser": {"UserName": "mine"},
    }
    for call, parameters in attempts.items():
        with pytest.raises(ServerException) as refused:
            thief.ram(call, **parameters)
        assert refused.value.error_code == "NoPermission", call


WORKER = "KubernetesWorkerRole-1"
REPLACING = {"conflictPolicy": "Replace", "allowProtectedRoles": True}


def grant(world: World, hand: Hand, name: str, *, less: int | None = None) -> None:
    """Give the operator's user one more policy, perhaps without one statement."""
    policy = printed(world.cloud.facts["account"], cluster_id(world), name)
    if less is not None:
        del policy["Statement"][less]
    if policy["Statement"]:
        hand.create_policy(name, policy)
        hand.ram("AttachPolicyToUser", PolicyType="Custom", PolicyName=name, UserName="dev")


def node_with_worker_role(world: World, hand: Hand) -> str:
    """A node of the pool whose instance has ACK's worker role; return the instance."""
    (instance,) = world.add_nodes("storage", "node-1").values()
    hand.create_role(WORKER)
    hand.attach_role(WORKER, instance)
    return instance


def replacing() -> list[dict[str, Any]]:
    """The samples with a binding that replaces the worker role."""
    bodies = samples()
    for body in bodies:
        if body["kind"] == "InstanceRoleBinding":
            body["spec"] |= REPLACING
    return bodies


def test_a_worker_role_is_replaced_and_given_back_with_one_more_policy(restricted: World, hand: Hand) -> None:
    world, mark = restricted, restricted.mark()
    grant(world, hand, "replace")
    instance = node_with_worker_role(world, hand)
    world.sandbox.apply(*replacing())
    world.attached("storage-pool", "node-1")
    world.delete(BINDING)
    world.has_role(instance, WORKER)
    refused = [call for call in world.calls(mark) if "dev" in str(call["principal"]) and call["status"] == 403]
    assert refused == []


def test_without_its_first_statement_no_worker_role_is_replaced(restricted: World, hand: Hand) -> None:
    grant(restricted, hand, "replace", less=0)
    instance = node_with_worker_role(restricted, hand)
    restricted.sandbox.apply(*replacing())
    restricted.says(BINDING, "AccessDenied", "ecs:DetachInstanceRamRole")
    restricted.has_role(instance, WORKER)


def test_without_its_second_statement_no_worker_role_is_given_back(restricted: World, hand: Hand) -> None:
    grant(restricted, hand, "replace", less=1)
    node_with_worker_role(restricted, hand)
    restricted.sandbox.apply(*replacing())
    restricted.attached("storage-pool", "node-1")
    restricted.delete(BINDING)
    until(lambda: "NotRestored" in restricted.kubectl("get", "events", "-n", "default").stdout)


@pytest.mark.parametrize("granted", [True, False])
def test_a_role_is_taken_over_with_one_more_policy_only(granted: bool, restricted: World, hand: Hand) -> None:
    name = f"{PREFIX}theirs"
    hand.create_role(name)
    if granted:
        grant(restricted, hand, "adopt")
    restricted.api.create(role("theirs", roleName=name, adoptionPolicy="IfUnowned"))
    if granted:
        restricted.ready("RamRole/theirs")
    else:
        restricted.says("RamRole/theirs", "AccessDenied", "ram:TagResources")


# what the binding says when a statement of the profile with bindings alone is missing
ATTACHING = {
    0: "ecs:DescribeInstance",
    1: "ecs:AttachInstanceRamRole",
    2: "ram:PassRole",
    3: "ram:GetRole",
}


def by_name(world: World, hand: Hand) -> str:
    """A binding of a role that no RamRole manages; return the instance of its node."""
    hand.create_role(f"{PREFIX}existing")
    (instance,) = world.add_nodes("storage", "node-1").values()
    body = binding("storage-pool", "", "storage", roleName=f"{PREFIX}existing")
    del body["spec"]["roleRef"]
    world.api.create(body)
    return instance


@pytest.mark.parametrize("profile", ["attach-only"])
def test_bindings_of_roles_by_name_need_the_small_policy_only(restricted: World, hand: Hand) -> None:
    world, mark = restricted, restricted.mark()
    instance = by_name(world, hand)
    world.attached("storage-pool", "node-1")
    world.sweeps_pass()
    world.delete(BINDING)
    world.has_role(instance, "")
    calls = [call for call in world.calls(mark) if "dev" in str(call["principal"])]
    refused = Counter(call["action"] for call in calls if call["status"] == 403)
    assert refused <= Counter(["ListRoles", "ListPolicies"]), "asked once for what has lost its object"


@pytest.mark.parametrize("profile", ["attach-only"])
@pytest.mark.parametrize("number", ATTACHING)
def test_without_a_statement_of_the_small_policy_nothing_is_attached(
    number: int, restricted: World, hand: Hand
) -> None:
    policy = printed(restricted.cloud.facts["account"], "c1", "attach-only")
    del policy["Statement"][number]
    document = json.dumps(policy)
    hand.ram("CreatePolicyVersion", PolicyName="operator", PolicyDocument=document, SetAsDefault="true")
    instance = by_name(restricted, hand)
    restricted.says(BINDING, "AccessDenied", ATTACHING[number])
    restricted.has_role(instance, "")
