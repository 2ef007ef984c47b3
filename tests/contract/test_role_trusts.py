"""Whom a role trusts besides ECS is in its status, and the event of the edit that lets somebody in names whom."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contract.test_role_lives import ROLE, scene, settle
from tests.unit.builders import role_body
from tests.unit.scene import Scene

from ram_operator.model import EventReason

__all__ = ["scene"]

ACCOUNT = "acs:ram::1234567890123456:root"
FC, BOTH = {"services": ["ecs.aliyuncs.com", "fc.aliyuncs.com"]}, {"services": ["fc.aliyuncs.com", "oss.aliyuncs.com"]}


def trusting(**principal: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
    return {"document": {"Version": "1", "Statement": [statement]}}


EDITS: list[tuple[str, dict[str, Any], dict[str, Any], str, list[str]]] = [
    ("a service more", {}, FC, "which now lets in fc.aliyuncs.com besides ECS", ["fc.aliyuncs.com"]),
    ("another account", FC, trusting(RAM=[ACCOUNT]), f"which now lets in {ACCOUNT} besides ECS", [ACCOUNT]),
    ("one of two", FC, BOTH, "which now lets in oss.aliyuncs.com besides ECS", ["fc.aliyuncs.com", "oss.aliyuncs.com"]),
    ("one less", BOTH, trusting(Service=["fc.aliyuncs.com"]), "", ["fc.aliyuncs.com"]),
    ("none any more", FC, trusting(Service=["ecs.aliyuncs.com"]), "", []),
]


@pytest.mark.parametrize(("what", "before", "after", "told", "shown"), EDITS, ids=[each[0] for each in EDITS])
async def test_an_edit_of_the_trust_tells_whom_it_lets_in(
    what: str, before: dict[str, Any], after: dict[str, Any], told: str, shown: list[str], scene: Scene
) -> None:
    scene.put(role_body("app", spec={"trust": before} if before else {}, finalizers=()))
    await settle(scene, ROLE)
    scene.edit(ROLE, trust=after)
    said = await scene.reconcile(ROLE)
    [note] = [event.note for event in said.events if event.reason == EventReason.ROLE_UPDATED]
    assert note.removeprefix("updated trust document of role app") == (f", {told}" if told else ""), what
    assert scene.status(ROLE).get("trustedPrincipals", []) == shown
    again = await scene.reconcile(ROLE)
    assert again.events == ()


async def test_a_new_role_tells_whom_it_lets_in(scene: Scene) -> None:
    scene.put(role_body("app", spec={"trust": FC}, finalizers=()))
    said = await scene.reconcile(ROLE)
    assert [event.note for event in said.events] == ["created role app, which now lets in fc.aliyuncs.com besides ECS"]
    await settle(scene, ROLE)
    assert scene.status(ROLE)["trustedPrincipals"] == ["fc.aliyuncs.com"]
