"""The RAM and STS adapters against the simulator: every method of the ports, and the errors the ports promise."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.contract.ports import ports_of

from ram_operator.cloud import Cloud, Entities, NewPolicy, NewRole, PolicyName, PolicyType, RoleChange, Taggable
from ram_operator.errors import AlreadyExists, CloudError, Denied, InUse, NotFound, Rejected

Simulator = Any

TRUST = json.dumps(
    {
        "Version": "1",
        "Statement": [{"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": ["ecs.aliyuncs.com"]}}],
    }
)
TAGS = {"ram-operator:cluster": "c-1", "team": "speicher-größe + & %"}
READ_ONLY = PolicyName(PolicyType.SYSTEM, "AliyunOSSReadOnlyAccess")


def document(*actions: str) -> str:
    return json.dumps({"Version": "1", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]})


def new_role(name: str, description: str = "read OSS", tags: dict[str, str] | None = None) -> NewRole:
    return NewRole(name, TRUST, description, 3600, TAGS if tags is None else tags)


def new_policy(name: str, tags: dict[str, str] | None = None) -> NewPolicy:
    return NewPolicy(name, document("oss:Get*", "oss:List*"), "read-only OSS", TAGS if tags is None else tags)


def custom(name: str) -> PolicyName:
    return PolicyName(PolicyType.CUSTOM, name)


@pytest.fixture
async def cloud(simulator: Simulator) -> AsyncIterator[Cloud]:
    async with ports_of(simulator) as cloud:
        yield cloud


@pytest.fixture
async def powerless(simulator: Simulator) -> AsyncIterator[Cloud]:
    async with ports_of(simulator, "simulator-dev") as cloud:
        yield cloud


async def test_the_caller_is_known(cloud: Cloud, powerless: Cloud, simulator: Simulator) -> None:
    root = await cloud.sts.caller_identity()
    assert (root.account_id, root.identity_type) == (simulator.account, "Account")
    user = await powerless.sts.caller_identity()
    assert (user.account_id, user.identity_type) == (simulator.account, "RAMUser")
    assert user.arn.endswith(":user/dev")


async def test_a_role_is_created_with_its_tags_and_found_again(cloud: Cloud) -> None:
    created = await cloud.ram.create_role(new_role("EcsRamRoleDocumentTesting"))
    found = await cloud.ram.get_role("EcsRamRoleDocumentTesting")
    assert (created.name, created.role_id, created.arn) == (found.name, found.role_id, found.arn)
    assert created.update_date
    assert found.arn.endswith(":role/ecsramroledocumenttesting")
    assert (found.description, found.max_session_seconds) == ("read OSS", 3600)
    assert json.loads(found.trust) == json.loads(TRUST)
    assert await cloud.ram.list_tags(Taggable.ROLE, "EcsRamRoleDocumentTesting") == TAGS


async def test_a_role_without_description_and_tags_is_created(cloud: Cloud) -> None:
    await cloud.ram.create_role(new_role("plain", description="", tags={}))
    assert (await cloud.ram.get_role("plain")).description == ""
    assert await cloud.ram.list_tags(Taggable.ROLE, "plain") == {}


async def test_roles_are_listed_with_their_tags(cloud: Cloud) -> None:
    before = {role.name for role in await cloud.ram.list_roles()}
    await cloud.ram.create_role(new_role("EcsRole"))
    rows = {role.name: role for role in await cloud.ram.list_roles()}
    assert set(rows) - before == {"EcsRole"}
    assert rows["EcsRole"].tags == TAGS
    assert (rows["EcsRole"].description, rows["EcsRole"].max_session_seconds) == ("read OSS", 3600)
    assert rows["EcsRole"].role_id == (await cloud.ram.get_role("EcsRole")).role_id


async def test_a_role_changes_in_what_is_named_only(cloud: Cloud) -> None:
    await cloud.ram.create_role(new_role("EcsRole"))
    await cloud.ram.update_role("EcsRole", RoleChange(7200))
    assert await described(cloud) == ("read OSS", 7200, ["ecs.aliyuncs.com"])
    await cloud.ram.update_role("EcsRole", RoleChange(7200, description="other"))
    assert await described(cloud) == ("other", 7200, ["ecs.aliyuncs.com"])
    both = TRUST.replace('["ecs.aliyuncs.com"]', '["ecs.aliyuncs.com", "oss.aliyuncs.com"]')
    await cloud.ram.update_role("EcsRole", RoleChange(3600, trust=both))
    assert await described(cloud) == ("other", 3600, ["ecs.aliyuncs.com", "oss.aliyuncs.com"])


async def described(cloud: Cloud) -> tuple[str, int, list[str]]:
    role = await cloud.ram.get_role("EcsRole")
    services = json.loads(role.trust)["Statement"][0]["Principal"]["Service"]
    return role.description, role.max_session_seconds, services


async def test_a_policy_is_created_with_its_tags_and_found_again(cloud: Cloud) -> None:
    await cloud.ram.create_policy(new_policy("EcsRamRoleDocumentTestingPolicy"))
    found = await cloud.ram.get_policy(custom("EcsRamRoleDocumentTestingPolicy"))
    assert (found.type, found.description, found.default_version) == (PolicyType.CUSTOM, "read-only OSS", "v1")
    assert json.loads(found.document) == json.loads(document("oss:Get*", "oss:List*"))
    assert found.attachment_count == 0
    assert await cloud.ram.list_tags(Taggable.POLICY, "EcsRamRoleDocumentTestingPolicy") == TAGS


async def test_a_system_policy_is_found(cloud: Cloud) -> None:
    found = await cloud.ram.get_policy(READ_ONLY)
    assert found.type is PolicyType.SYSTEM
    assert "oss:Get*" in found.document


async def test_policies_are_listed_by_type_with_their_tags(cloud: Cloud) -> None:
    await cloud.ram.create_policy(new_policy("oss-read"))
    [row] = await cloud.ram.list_policies(PolicyType.CUSTOM)
    assert (row.name, row.type, row.default_version, row.attachment_count) == ("oss-read", PolicyType.CUSTOM, "v1", 0)
    assert row.tags == TAGS
    system = await cloud.ram.list_policies(PolicyType.SYSTEM)
    assert {policy.type for policy in system} == {PolicyType.SYSTEM}
    assert READ_ONLY.name in {policy.name for policy in system}


async def test_a_new_version_is_in_force_and_the_oldest_makes_room(cloud: Cloud) -> None:
    await cloud.ram.create_policy(new_policy("oss-read"))
    for number in range(2, 9):
        await cloud.ram.create_policy_version("oss-read", document(f"oss:Get{number}"))
        found = await cloud.ram.get_policy(custom("oss-read"))
        assert (found.default_version, json.loads(found.document)) == (
            f"v{number}",
            json.loads(document(f"oss:Get{number}")),
        )


async def test_the_longest_document_fits(cloud: Cloud) -> None:
    actions = [f"oss:Get{'*' * 30}{number}" for number in range(140)]
    longest = document(*actions, "oss:" + "y" * (6144 - len(document(*actions, "oss:"))))
    assert len(longest) == 6144
    await cloud.ram.create_policy(NewPolicy("longest", longest, "é *~+ &=/? 中文", {}))
    found = await cloud.ram.get_policy(custom("longest"))
    assert json.loads(found.document) == json.loads(longest)
    assert found.description == "é *~+ &=/? 中文"


async def test_a_description_of_a_policy_changes(cloud: Cloud) -> None:
    await cloud.ram.create_policy(new_policy("oss-read"))
    await cloud.ram.update_policy_description("oss-read", "anything")
    assert (await cloud.ram.get_policy(custom("oss-read"))).description == "anything"


@pytest.mark.parametrize("policy", [custom("oss-read"), READ_ONLY], ids=str)
async def test_a_policy_is_attached_seen_from_both_sides_and_detached(cloud: Cloud, policy: PolicyName) -> None:
    await cloud.ram.create_policy(new_policy("oss-read"))
    await cloud.ram.create_role(new_role("EcsRole"))
    await cloud.ram.attach_policy_to_role(policy, "EcsRole")
    assert await cloud.ram.list_policies_for_role("EcsRole") == {policy: "v1"}
    assert await cloud.ram.list_entities_for_policy(policy) == Entities(roles=("EcsRole",))
    assert (await cloud.ram.get_policy(policy)).attachment_count == 1
    await cloud.ram.detach_policy_from_role(policy, "EcsRole")
    assert await cloud.ram.list_policies_for_role("EcsRole") == {}
    assert await cloud.ram.list_entities_for_policy(policy) == Entities()


@pytest.mark.parametrize("resource", list(Taggable))
async def test_tags_are_added_and_overwritten(cloud: Cloud, resource: Taggable) -> None:
    await cloud.ram.create_role(new_role("thing", tags={}))
    await cloud.ram.create_policy(new_policy("thing", tags={}))
    await cloud.ram.tag(resource, "thing", {"a": "1", "b": "2"})
    await cloud.ram.tag(resource, "thing", {"b": "3", "c": ""})
    assert await cloud.ram.list_tags(resource, "thing") == {"a": "1", "b": "3", "c": ""}


async def test_everything_can_be_deleted(cloud: Cloud) -> None:
    await cloud.ram.create_policy(new_policy("oss-read"))
    await cloud.ram.create_policy_version("oss-read", document("oss:GetObject"))
    await cloud.ram.create_role(new_role("EcsRole"))
    await cloud.ram.delete_role("EcsRole")
    await cloud.ram.delete_policy("oss-read")
    for read in (cloud.ram.get_role("EcsRole"), cloud.ram.get_policy(custom("oss-read"))):
        with pytest.raises(NotFound):
            await read


ERRORS: list[tuple[str, str, type[CloudError], str]] = [
    ("get_role", "missing", NotFound, "EntityNotExist.Role"),
    ("delete_role", "missing", NotFound, "EntityNotExist.Role"),
    ("list_policies_for_role", "missing", NotFound, "EntityNotExist.Role"),
    ("delete_policy", "missing", NotFound, "EntityNotExist.Policy"),
    ("get_role", "under_score!", Rejected, "InvalidParameter.RoleName.InvalidChars"),
    ("get_role", "x" * 65, Rejected, "InvalidParameter.RoleName.Length"),
    ("delete_policy", "dot.ted", Rejected, "InvalidParameter.PolicyName.InvalidChars"),
    ("delete_role", "busy", InUse, "DeleteConflict.Role.Policy"),
    ("delete_policy", "busy", InUse, "DeleteConflict.Policy.Role"),
]


@pytest.mark.parametrize(("method", "name", "expected", "code"), ERRORS)
async def test_each_refusal_by_name_has_its_class(
    cloud: Cloud, method: str, name: str, expected: type[CloudError], code: str
) -> None:
    await cloud.ram.create_policy(new_policy("busy"))
    await cloud.ram.create_role(new_role("busy"))
    await cloud.ram.attach_policy_to_role(custom("busy"), "busy")
    with pytest.raises(expected) as refused:
        await getattr(cloud.ram, method)(name)
    assert refused.value.code == code
    assert refused.value.request_id


async def test_each_refusal_of_a_write_has_its_class(cloud: Cloud) -> None:
    ram = cloud.ram
    await ram.create_policy(new_policy("busy"))
    await ram.create_role(new_role("busy"))
    await ram.attach_policy_to_role(custom("busy"), "busy")
    broken = NewRole("broken", '{"Version": "2016-10-17"}', "", 3600, {})
    table = [
        (ram.create_role(new_role("Busy")), AlreadyExists, "EntityAlreadyExists.Role"),
        (ram.create_role(broken), Rejected, "MalformedPolicyDocument"),
        (ram.create_policy(new_policy("BUSY")), AlreadyExists, "EntityAlreadyExists.Policy"),
        (ram.create_policy_version("busy", "no json"), Rejected, "MalformedPolicyDocument"),
        (ram.create_policy_version("missing", document("oss:Get*")), NotFound, "EntityNotExist.Policy"),
        (ram.update_role("missing", RoleChange(3600)), NotFound, "EntityNotExist.Role"),
        (ram.update_policy_description("missing", "x"), NotFound, "EntityNotExist.Policy"),
        (ram.get_policy(custom("missing")), NotFound, "EntityNotExist.Policy"),
        (ram.list_entities_for_policy(custom("missing")), NotFound, "EntityNotExist.Policy"),
        (ram.attach_policy_to_role(custom("busy"), "busy"), AlreadyExists, "EntityAlreadyExists.Role.Policy"),
        (ram.attach_policy_to_role(custom("busy"), "missing"), NotFound, "EntityNotExist.Role"),
        (ram.attach_policy_to_role(custom("missing"), "busy"), NotFound, "EntityNotExist.Policy"),
        (ram.detach_policy_from_role(READ_ONLY, "busy"), NotFound, "EntityNotExist.Role.Policy"),
    ]
    for call, expected, code in table:
        with pytest.raises(expected) as refused:
            await call
        assert refused.value.code == code


async def test_a_user_without_rights_is_told_which_one_is_missing(powerless: Cloud) -> None:
    with pytest.raises(Denied) as refused:
        await powerless.ram.create_role(new_role("EcsRole"))
    assert refused.value.action == "CreateRole"
    assert "ram:CreateRole" in refused.value.message


async def test_lists_are_read_to_their_last_page(
    cloud: Cloud, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ram_operator.cloud.ram.PAGE", 3)
    names = {f"role-{number:02}" for number in range(10)}
    for name in sorted(names):
        await cloud.ram.create_role(new_role(name, tags={}))
    newest = simulator.newest_call()
    assert names <= {role.name for role in await cloud.ram.list_roles()}
    assert len(simulator.calls_since(newest)) >= 4
    assert len(await cloud.ram.list_policies(PolicyType.SYSTEM)) > 3
