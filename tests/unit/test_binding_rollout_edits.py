"""An edit in the middle of a rollout: it ends as the last spec says, and never strips more than it may."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.builders import binding_body
from tests.unit.pool import BINDING, scene
from tests.unit.scene import Scene
from tests.unit.test_binding_replacing import ALLOWED, WORKER, Refusing, pool

from ram_operator.model import EVERYTHING
from ram_operator.rules.documents import canonical

OSS = {"Statement": [{"Effect": "Allow", "Action": "oss:*", "Resource": "*"}]}
EDITS: list[tuple[str, dict[str, Any] | None, set[str]]] = [
    ("another role", {"roleRef": {"name": "log-writer"}}, {"log-writer"}),
    ("the same role with a session policy", {"sessionPolicy": OSS}, {"oss-reader"}),
    ("slower", {"rollout": {"maxUnavailable": 1}}, {"oss-reader"}),
    ("nobody any more", {"nodeSelector": {"matchLabels": {"pool": "none"}}}, {WORKER}),
    (
        "nobody any more, and no role",
        {"nodeSelector": {"matchLabels": {"pool": "none"}}, "unbindPolicy": "Detach"},
        {"", WORKER},
    ),
    ("protected roles stay", {"allowProtectedRoles": False}, {"oss-reader", WORKER}),
    ("no replacing", {"conflictPolicy": "Fail", "allowProtectedRoles": False}, {"oss-reader", WORKER}),
    ("only planned", {"managementPolicy": "Plan"}, {"oss-reader", WORKER}),
    ("suspended", {"managementPolicy": "Suspend"}, {"oss-reader", WORKER}),
    ("deleted", None, {WORKER}),
]


async def in_the_middle(reconciles: int) -> tuple[Scene, Refusing]:
    ecs = pool(20, WORKER)
    made, _ = scene({}, binding_body(spec=ALLOWED), nodes=20, ecs=ecs)
    for _ in range(reconciles):
        await made.reconcile(BINDING)
    return made, ecs


@pytest.mark.parametrize("restarts", [False, True], ids=["", "and restarts"])
@pytest.mark.parametrize("reconciles", [1, 5])
@pytest.mark.parametrize(("edit", "ends"), [each[1:] for each in EDITS], ids=[each[0] for each in EDITS])
async def test_it_ends_as_the_last_spec_says(
    edit: dict[str, Any] | None, ends: set[str], reconciles: int, restarts: bool
) -> None:
    made, ecs = await in_the_middle(reconciles)
    if edit is None:
        made.delete(BINDING)
    else:
        made.edit(BINDING, **edit)
    if restarts:
        made.restart()
    made.asked[BINDING] = EVERYTHING
    await made.settle()
    assert set(ecs.roles.values()) == ends
    if edit is None or "unbindPolicy" not in edit:
        assert ecs.most_without <= 2
    if edit and "sessionPolicy" in edit:
        assert set(ecs.limits.values()) == {canonical(OSS)}


async def test_an_edit_back_and_forth_ends_with_the_first_role() -> None:
    made, ecs = await in_the_middle(3)
    for name in ("log-writer", "oss-reader", "log-writer", "oss-reader"):
        made.edit(BINDING, roleRef={"name": name})
        await made.reconcile(BINDING)
        await made.reconcile(BINDING)
    await made.settle()
    assert (set(ecs.roles.values()), ecs.most_without) == ({"oss-reader"}, 2)
    assert {row["previousRole"] for row in made.rows(BINDING).values()} == {WORKER}
