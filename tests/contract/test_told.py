"""What is taken and yet told: doubts, and conditions that an edit takes away."""

from __future__ import annotations

from typing import Any

from tests.contract.test_role_lives import POLICY, ROLE, Simulator, settle
from tests.contract.test_role_lives import scene as scene
from tests.unit.builders import DOCUMENT, policy_body, role_body
from tests.unit.scene import Scene

from ram_operator.cloud import NewRole, Taggable
from ram_operator.model import ObjectKey, Report

PLACEHOLDER = {"Statement": [{"Effect": "Allow", "Action": "oss:GetObject", "Resource": "acs:oss:*:*:<bucket>"}]}
CONDITION = {"Bool": {"acs:SecureTransport": "true"}}
OF_ECS = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": ["ecs.aliyuncs.com"]}}


def warnings(said: Report) -> list[tuple[str, str]]:
    return [(event.reason, event.note) for event in said.events if event.warning]


def message(scene: Scene, key: ObjectKey) -> str:
    return str(scene.status(key)["conditions"][0]["message"])


async def test_what_is_doubted_in_a_document_is_told_once_an_edit_and_stands_in_the_condition(
    scene: Scene, simulator: Simulator
) -> None:
    scene.put(policy_body("read", spec={"document": PLACEHOLDER}))
    [(reason, note)] = warnings(await scene.reconcile(POLICY))
    assert reason == "Doubtful"
    assert 'spec.document.Statement[0].Resource: "acs:oss:*:*:<bucket>" looks like a placeholder' in note
    assert scene.condition(POLICY) == ("True", "InSync")
    assert note in message(scene, POLICY)
    assert warnings(await scene.reconcile(POLICY)) == []
    scene.edit(POLICY, description="as doubtful as before")
    assert [reason for reason, _ in warnings(await scene.reconcile(POLICY))] == ["Doubtful"]
    scene.edit(POLICY, document=DOCUMENT)
    assert warnings(await scene.reconcile(POLICY)) == []
    assert message(scene, POLICY) == "the cloud is as the spec says"


async def test_a_trusted_service_that_does_not_exist_is_told(scene: Scene, simulator: Simulator) -> None:
    scene.put(role_body("app", spec={"trust": {"services": ["ecs.aliyun.com"]}}))
    [(reason, note)] = warnings(await scene.reconcile(ROLE))
    assert reason == "Doubtful"
    assert 'meant is perhaps "ecs.aliyuncs.com"' in note


async def test_a_condition_that_an_edit_takes_away_is_an_event_of_its_own(scene: Scene, simulator: Simulator) -> None:
    allow: dict[str, Any] = {"Effect": "Allow", "Action": "oss:Get*", "Resource": "*"}
    conditional = {"Statement": [{**allow, "Condition": CONDITION}]}
    scene.put(policy_body("read", spec={"document": conditional}))
    scene.put(role_body("app", spec={"trust": {"document": {"Statement": [{**OF_ECS, "Condition": CONDITION}]}}}))
    await settle(scene, POLICY, ROLE)
    scene.edit(POLICY, document={"Statement": [allow]})
    scene.edit(ROLE, trust={"document": {"Statement": [OF_ECS]}})
    words = 'has no condition "Bool" on "acs:SecureTransport" any more'
    for key, where in ((POLICY, "spec.document.Statement[0]"), (ROLE, "spec.trust.document.Statement[0]")):
        assert warnings(await scene.reconcile(key)) == [("ConditionRemoved", f"{where} {words}")]
        assert warnings(await scene.reconcile(key)) == []


async def test_a_role_that_something_else_deleted_and_created_anew_is_told_once(
    scene: Scene, simulator: Simulator
) -> None:
    scene.put(role_body("app"))
    await settle(scene, ROLE)
    before, ram = scene.status(ROLE)["roleId"], scene.reconciler.cloud.ram
    role, tags = await ram.get_role("app"), await ram.list_tags(Taggable.ROLE, "app")
    await ram.delete_role("app")
    await ram.create_role(NewRole("app", role.trust, "", 3600, tags))
    said = warnings(await scene.reconcile(ROLE))
    after = scene.status(ROLE)["roleId"]
    assert said == [("RoleReplaced", f"role app has id {after}, and had {before}: something else made it anew")]
    assert warnings(await scene.reconcile(ROLE)) == []


async def test_a_role_that_the_operator_makes_again_is_not_told_as_made_by_something_else(
    scene: Scene, simulator: Simulator
) -> None:
    scene.put(role_body("app"))
    await settle(scene, ROLE)
    before = scene.status(ROLE)["roleId"]
    await scene.reconciler.cloud.ram.delete_role("app")
    assert warnings(await scene.reconcile(ROLE)) == []
    assert scene.condition(ROLE) == ("True", "InSync")
    assert scene.status(ROLE)["roleId"] != before
