"""What the operator will not touch or has to refuse: it says why and what to do, writing nothing."""

import shlex

import pytest
from tests.cluster.hand import Hand, marks
from tests.cluster.objects import binding, document, policy, role
from tests.cluster.world import World
from tests.polling import until


def quiet_sweeps(world: World, mark: int) -> None:
    """Two sweeps without a write."""
    world.sweeps_pass()
    assert world.actions(mark) == []


@pytest.mark.parametrize("kind", ["RamRole", "RamPolicy"])
def test_a_cloud_object_that_nobody_tagged_is_not_owned(world: World, hand: Hand, kind: str) -> None:
    if kind == "RamRole":
        hand.create_role("theirs")
        world.api.create(role("not-mine", roleName="theirs"))
    else:
        hand.create_policy("theirs", document("ecs:*"))
        world.api.create(policy("not-mine", policyName="theirs"))
    mark, name = world.mark(), f"{kind}/not-mine"
    message = world.says(name, "NotOwned", "theirs", "choose another name")
    assert world.condition(name)["status"] == "False"
    world.event(name, "NotOwned", message)
    versions = world.versions()
    quiet_sweeps(world, mark)
    assert world.versions() == versions
    events = world.api.events(name)
    assert [(event["reason"], event["type"], event.get("series")) for event in events] == [
        ("NotOwned", "Warning", None)
    ]
    world.delete(name)
    assert world.actions(mark) == []
    found = world.cloud_role("theirs") if kind == "RamRole" else world.cloud_policy("theirs")
    assert found is not None


@pytest.mark.parametrize("kind", ["RamRole", "RamPolicy"])
def test_a_cloud_object_of_another_cluster_is_owned_by_other(world: World, hand: Hand, kind: str) -> None:
    tags = marks("another-cluster", kind, "mine")
    if kind == "RamRole":
        hand.create_role("mine", tags)
        world.api.create(role("mine"))
    else:
        hand.create_policy("mine", document("ecs:*"), tags)
        world.api.create(policy("mine"))
    mark = world.mark()
    world.says(f"{kind}/mine", "OwnedByOther", f"{kind}/mine of cluster another-cluster", "previousClusterIds")
    quiet_sweeps(world, mark)
    with world.settings(previous_cluster_ids="older,another-cluster"):
        world.ready(f"{kind}/mine")
        found = world.cloud_role("mine") if kind == "RamRole" else world.cloud_policy("mine")
        assert found is not None
        assert found["tags"]["ram-operator:cluster"] != "another-cluster"
    world.delete(f"{kind}/mine")
    assert world.cloud_role("mine") is world.cloud_policy("mine") is None


def test_another_object_of_this_cluster_is_an_owner_too(world: World, hand: Hand) -> None:
    cluster = world.kubectl("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}").stdout
    hand.create_role("shared", marks(cluster, "RamRole", "somebody-else"))
    world.api.create(role("shared"))
    world.says("RamRole/shared", "OwnedByOther", "RamRole/somebody-else")


def test_when_the_other_owner_deletes_it_the_object_gets_its_name(world: World, hand: Hand) -> None:
    hand.create_role("soon-mine")
    world.api.create(role("soon-mine"))
    world.says("RamRole/soon-mine", "NotOwned")
    hand.ram("DeleteRole", RoleName="soon-mine")
    world.ready("RamRole/soon-mine")


def paste(world: World, message: str) -> None:
    """Run the command at the end of a message."""
    done = world.kubectl(*shlex.split(message[message.index("kubectl ") :])[1:])
    assert done.returncode == 0, done.stderr


def test_the_command_at_the_end_of_a_message_does_what_the_message_says(world: World, hand: Hand) -> None:
    hand.create_role("theirs")
    world.api.create(role("theirs"), role("mine"))
    paste(world, world.says("RamRole/theirs", "NotOwned", "or take it over where nothing differs: kubectl"))
    world.ready("RamRole/theirs", "RamRole/mine")
    hand.attach_policy("AliyunECSReadOnlyAccess", "mine", "System")
    world.api.delete("RamRole/mine")
    paste(world, world.says("RamRole/mine", "InUse", "or release it without a write: kubectl"))
    world.gone("RamRole/mine")
    assert world.policies_of("mine") == {"AliyunECSReadOnlyAccess"}


def test_the_second_object_with_a_cloud_name_says_who_has_it_and_takes_over_when_that_goes(world: World) -> None:
    world.api.create(role("first", roleName="Wanted"))
    world.ready("RamRole/first")
    mark = world.mark()
    world.api.create(role("second", roleName="wanted"))
    world.says("RamRole/second", "NameTaken", "RamRole/first")
    assert world.actions(mark) == []
    world.ready("RamRole/first")
    world.delete("RamRole/first")
    world.ready("RamRole/second")
    found = world.cloud_role("Wanted")
    assert found is not None, "the role itself is handed over, with the spelling of its name"
    assert found["tags"]["ram-operator:name"] == "second"


def test_of_two_objects_made_at_once_one_gets_the_name_and_the_other_can_be_deleted(world: World) -> None:
    world.api.create(policy("twin-a", policyName="Twin"), policy("twin-b", policyName="Twin"))
    names = ("RamPolicy/twin-a", "RamPolicy/twin-b")

    def decided() -> bool:
        reasons = [world.condition(name).get("reason") for name in names]
        assert sorted(map(str, reasons)) == ["InSync", "NameTaken"], reasons
        return True

    until(decided)
    loser = next(name for name in names if world.condition(name)["reason"] == "NameTaken")
    winner = next(name for name in names if name != loser)
    mark = world.mark()
    world.delete(loser)
    assert world.actions(mark) == []
    world.ready(winner)
    assert world.cloud_policy("Twin") is not None


def test_a_role_that_ecs_may_not_play_is_refused_before_it_is_attached(world: World) -> None:
    nodes = world.add_nodes("untrusted", "untrusted-1")
    world.api.create(
        role("untrusted", trust={"services": ["oss.aliyuncs.com"]}), binding("untrusted", "untrusted", "untrusted")
    )
    world.ready("RamRole/untrusted")
    mark = world.mark()
    world.says("InstanceRoleBinding/untrusted", "TrustNotEcs", "ecs.aliyuncs.com", "spec.trust.services")
    quiet_sweeps(world, mark)
    world.api.patch("RamRole/untrusted", {"spec": {"trust": {"services": ["oss.aliyuncs.com", "ecs.aliyuncs.com"]}}})
    world.has_role(nodes["untrusted-1"], "untrusted")
    world.ready("InstanceRoleBinding/untrusted")


def test_a_document_only_the_cloud_refuses_leaves_the_old_version_in_force(world: World) -> None:
    world.api.create(policy("picky"))
    world.ready("RamPolicy/picky")
    world.fault("CreatePolicyVersion", 1, code="MalformedPolicyDocument", status=400, message="no such operator")
    world.api.patch("RamPolicy/picky", {"spec": {"document": document("oss:List*")}})
    world.says("RamPolicy/picky", "Rejected", "MalformedPolicyDocument")
    found = world.cloud_policy("picky")
    assert found is not None
    assert found["defaultVersion"] == "v1"
    mark = world.mark()
    quiet_sweeps(world, mark)
    world.api.patch("RamPolicy/picky", {"spec": {"document": document("oss:Put*")}})
    world.ready("RamPolicy/picky")


def test_too_many_policies_are_refused_before_the_cloud_says_no(world: World) -> None:
    names = [f"many-{number:02}" for number in range(11)]
    world.api.create(*(policy(name) for name in names))
    world.ready(*(f"RamPolicy/{name}" for name in names))
    mark = world.mark()
    world.api.create(role("many", *names))
    world.says("RamRole/many", "InvalidSpec", "11 custom policies, RAM allows 10")
    assert world.actions(mark) == []
    world.api.patch("RamRole/many", {"spec": {"policies": [{"policyRef": {"name": name}} for name in names[:10]]}})
    world.ready("RamRole/many")
    assert world.status("RamRole/many")["policySummary"] == "10/10"


def test_a_policy_that_would_have_a_system_policys_name_says_so(world: World) -> None:
    body = policy("full-access")
    body["spec"]["policyName"] = "AliyunOSSFullAccess"
    mark = world.mark()
    world.api.create(body)
    world.says("RamPolicy/full-access", "NameTaken", "a system policy", "choose another spec.policyName")
    # each sweep has it tried again, and on a busy machine one may come before the status was read here
    assert {(call["action"], call["status"]) for call in world.writes(mark)} == {("CreatePolicy", 409)}


def test_a_system_policy_that_does_not_exist_is_named_and_the_others_are_attached(world: World) -> None:
    body = role("some-missing", "present")
    body["spec"]["policies"] += [{"system": "AliyunNoSuchAccess"}, {"system": "AliyunECSReadOnlyAccess"}]
    world.api.create(policy("present"), body)
    until(lambda: world.policies_of("some-missing") == {"present", "AliyunECSReadOnlyAccess"})

    def named() -> bool:
        rows = world.status("RamRole/some-missing")["conditions"]
        assert any("AliyunNoSuchAccess" in row["message"] for row in rows), rows
        return True

    until(named)
    assert world.condition("RamRole/some-missing")["status"] == "False"
    until(lambda: world.status("RamRole/some-missing")["policySummary"] == "2/3")
