"""A session policy limits the role on the instances of a binding. ECS does not show it: only our claims tell it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.builders import binding_body, binding_key, instance, node
from tests.unit.crashes import Crash
from tests.unit.pool import BINDING, ONE, TWO, attached, scene, state
from tests.unit.scene import Instances, Scene
from tests.unit.test_binding_replacing import ALLOWED, REFUSED, WORKER, Refusing, message, pool
from tests.unit.test_binding_verdicts import Fragile

from ram_operator.errors import Unavailable
from ram_operator.kinds.instance_role_binding.rows import UNKNOWN_SESSION
from ram_operator.model import EVERYTHING
from ram_operator.rules.documents import canonical, fingerprint


def limit(*actions: str) -> dict[str, Any]:
    return {"Version": "1", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}


READ, WRITE = limit("oss:Get*", "oss:List*"), limit("oss:Put*")
TEXT = canonical(READ)
LOST = Unavailable("AttachInstanceRamRole", "SDK.ReadTimeout")


def limited(**spec: Any) -> dict[str, Any]:
    return binding_body(spec={"sessionPolicy": READ} | spec)


async def settled(ecs: Instances, **spec: Any) -> Scene:
    made, _ = scene({}, limited(**spec), nodes=len(ecs.roles), ecs=ecs)
    await made.settle()
    return made


def row(made: Scene) -> dict[str, Any]:
    return made.rows(BINDING)[str(ONE)]


async def test_the_role_is_attached_with_it_and_the_row_has_its_hash() -> None:
    ecs = Instances({ONE: ""})
    made = await settled(ecs)
    assert ecs.limits == {ONE: TEXT}
    assert row(made)["sessionPolicyHash"] == fingerprint(READ)
    assert made.condition(BINDING) == ("True", "AllAttached")
    ecs.calls.clear()
    await made.reconcile(BINDING)
    assert ecs.writes == []


async def test_its_hash_is_stored_before_the_write() -> None:
    ecs = Instances({ONE: ""})
    ecs.failing["attach"] = LOST
    made = await settled(ecs)
    assert row(made)["sessionPolicyHash"] == fingerprint(READ)


ANEW: list[tuple[str, Any, str | None]] = [
    ("another one", WRITE, canonical(WRITE)),
    ("none any more", None, None),
]


@pytest.mark.parametrize(("policy", "text"), [each[1:] for each in ANEW], ids=[each[0] for each in ANEW])
async def test_an_edit_attaches_the_role_anew_step_by_step(policy: Any, text: str | None) -> None:
    ecs = pool(20, "")
    made = await settled(ecs)
    ecs.calls.clear()
    ecs.most_without = 0
    made.edit(BINDING, sessionPolicy=policy)
    await made.settle()
    assert {ecs.limits.get(one) for one in ecs.roles} == {text}
    assert set(ecs.roles.values()) == {"oss-reader"}
    assert [len(call[3]) for call in ecs.writes if call[0] == "detach"] == [1, *[2] * 9, 1]
    assert ecs.most_without == 2
    assert made.condition(BINDING) == ("True", "AllAttached")
    assert "previousRole" not in row(made)


async def test_instances_of_a_region_that_is_out_do_not_prove_that_an_edited_one_works() -> None:
    far = instance(99, "cn-beijing")
    ecs = Refusing({**{instance(number): "" for number in range(1, 21)}, far: ""})
    made, _ = scene({}, limited(), nodes=20, ecs=ecs)
    made.put_node(node("far", 99, "cn-beijing", pool="storage"))
    await made.settle()
    assert set(ecs.limits.values()) == {TEXT}
    ecs.out["cn-beijing"] = Unavailable("DescribeInstanceRamRole", "ServiceUnavailable")
    ecs.refuses["oss-reader"] = REFUSED
    ecs.calls.clear()
    made.edit(BINDING, sessionPolicy=WRITE)
    await made.reconcile(BINDING)
    await made.reconcile(BINDING)
    assert [len(call[3]) for call in ecs.writes if call[0] == "detach"] == [1]


async def test_a_first_one_limits_what_was_attached_without() -> None:
    made, ecs = await attached(nodes=2)
    made.edit(BINDING, sessionPolicy=READ)
    await made.settle()
    assert ecs.limits == {ONE: TEXT, TWO: TEXT}
    assert made.condition(BINDING) == ("True", "AllAttached")


async def test_an_edit_of_the_formatting_is_no_change() -> None:
    ecs = Instances({ONE: ""})
    made = await settled(ecs)
    ecs.calls.clear()
    statement = {"Resource": ["*"], "Action": ["oss:List*", "oss:Get*"], "Effect": "Allow"}
    made.edit(BINDING, sessionPolicy={"Statement": [statement]})
    await made.settle()
    assert (ecs.writes, ecs.limits) == ([], {ONE: TEXT})
    assert made.condition(BINDING) == ("True", "AllAttached")


async def test_a_plan_of_an_edit_says_that_the_role_is_attached_anew() -> None:
    made, ecs = await attached()
    made.edit(BINDING, sessionPolicy=READ, managementPolicy="Plan")
    await made.settle()
    assert ecs.writes == []
    assert made.status(BINDING)["plan"]["steps"] == [
        f"detach oss-reader from {ONE}",
        f"attach oss-reader to {ONE} with its session policy",
    ]


# What was there before


async def test_under_fail_our_role_without_a_claim_is_a_conflict_since_its_limit_is_unknown() -> None:
    ecs = Instances({ONE: "oss-reader"})
    made = await settled(ecs)
    assert (ecs.writes, state(made)) == ([], ("Conflict", None, None))
    assert row(made)["reason"] == "SessionPolicyUnknown"
    assert made.condition(BINDING) == ("False", "Conflict")


async def test_under_replace_it_is_attached_anew_and_given_back_without_the_limit() -> None:
    ecs = Instances({ONE: "oss-reader"})
    made = await settled(ecs, conflictPolicy="Replace")
    assert ecs.limits == {ONE: TEXT}
    assert made.condition(BINDING) == ("True", "AllAttached")
    made.delete(BINDING)
    await made.settle()
    assert (ecs.roles, ecs.limits, made.exists(BINDING)) == ({ONE: "oss-reader"}, {}, False)


async def test_a_role_that_is_given_back_is_not_limited() -> None:
    ecs = Instances({ONE: WORKER})
    made = await settled(ecs, **ALLOWED)
    assert (ecs.roles, ecs.limits) == ({ONE: "oss-reader"}, {ONE: TEXT})
    made.delete(BINDING)
    await made.settle()
    assert (ecs.roles, ecs.limits) == ({ONE: WORKER}, {})


@pytest.mark.parametrize("older", [READ, WRITE, None], ids=["the same", "another one", "none"])
async def test_the_binding_that_takes_over_attaches_anew_only_where_its_limit_differs(older: Any) -> None:
    ecs = Instances({ONE: ""})
    made = await settled(ecs)
    ecs.calls.clear()
    spec = {"sessionPolicy": older} if older else {}
    made.put(binding_body("older", created="2025-01-01T00:00:00Z", spec=spec))
    await made.settle()
    assert ecs.limits.get(ONE) == (canonical(older) if older else None)
    assert (ecs.writes == []) == (older == READ)
    assert state(made, key=binding_key("older")) == ("Attached", "oss-reader", "Attached")


# What is not known


@pytest.mark.parametrize("back", [False, True], ids=["", "and the edit is taken back"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("write", [1, 2], ids=["detach", "attach"])
async def test_wherever_the_process_ends_the_wanted_one_is_in_force_at_the_end(
    write: int, when: str, back: bool
) -> None:
    ecs = Fragile({ONE: ""})
    made = await settled(ecs)
    made.edit(BINDING, sessionPolicy=WRITE)
    await crashed(made, ecs, when, write)
    if back:
        made.edit(BINDING, sessionPolicy=READ)
    for _ in range(3):
        await made.reconcile(BINDING)
        await made.settle()
        made.later(61)
    assert (ecs.roles, ecs.limits) == ({ONE: "oss-reader"}, {ONE: TEXT if back else canonical(WRITE)})
    assert made.condition(BINDING) == ("True", "AllAttached")


async def crashed(made: Scene, ecs: Fragile, when: str, write: int) -> None:
    """Let the process end before or after one of the next writes, and begin again."""
    ecs.crash = (when, len(ecs.writes) + write)
    with pytest.raises(Crash):
        await made.settle()
    made.restart()


async def test_an_attach_without_an_answer_is_made_again_since_another_may_have_attached_the_role() -> None:
    class Losing(Instances):
        async def attach_role(self, region: str, role: str, ids: Any, policy: str | None = None) -> Any:
            failures = await super().attach_role(region, role, ids, None if lost else policy)
            return dict.fromkeys(ids, LOST) if lost else failures

    lost, ecs = True, Losing({ONE: ""})
    made = await settled(ecs)
    assert ecs.limits == {}
    lost = False
    for _ in range(3):
        made.later(61)
        await made.reconcile(BINDING)
    assert ecs.limits == {ONE: TEXT}
    assert made.condition(BINDING) == ("True", "AllAttached")


async def test_a_role_that_is_not_ready_keeps_what_is_attached_and_does_not_call_it_known() -> None:
    ecs = Fragile({ONE: ""})
    made = await settled(ecs)
    made.edit(BINDING, sessionPolicy=WRITE)
    await crashed(made, ecs, "before", 1)
    made.edit(BINDING, roleRef={"name": "nobody"})
    await made.settle()
    assert (ecs.limits, row(made)["sessionPolicyHash"]) == ({ONE: TEXT}, UNKNOWN_SESSION)
    made.edit(BINDING, roleRef={"name": "oss-reader"})
    await made.settle()
    assert ecs.limits == {ONE: canonical(WRITE)}


# What is refused


class Picky(Refusing):
    """Refuses to attach a role with one of the session policies."""

    def __init__(self, roles: Any, refused: str | None) -> None:
        super().__init__(roles)
        self.refused = refused

    async def attach_role(self, region: str, role: str, ids: Any, policy: str | None = None) -> Any:
        if policy is not None and policy == self.refused:
            self._called("attach", region, role, ids)
            return dict.fromkeys(ids, REFUSED)
        return await super().attach_role(region, role, ids, policy)


async def test_a_first_one_that_is_refused_gives_the_first_instance_its_role_back_and_touches_no_other() -> None:
    ecs = Picky({instance(number): "" for number in range(1, 4)}, canonical(READ))
    made, _ = scene({}, binding_body(), nodes=3, ecs=ecs)
    await made.settle()
    ecs.calls.clear()
    made.edit(BINDING, sessionPolicy=READ)
    await made.settle()
    assert (set(ecs.roles.values()), ecs.limits) == ({"oss-reader"}, {})
    assert [call[0] for call in ecs.writes] == ["detach", "attach", "attach"]
    assert (row(made)["state"], row(made)["reason"]) == ("Failed", "RolledBack")
    assert made.condition(BINDING) == ("False", "SomeFailed")
    made.edit(BINDING, sessionPolicy=None)
    await made.settle()
    assert made.condition(BINDING) == ("True", "AllAttached")


@pytest.mark.parametrize("most", [None, "100%"])
async def test_another_one_that_is_refused_costs_one_instance_its_role_and_leaves_none_without_a_limit(
    most: str | None,
) -> None:
    others = [instance(number) for number in range(2, 6)]
    ecs = Picky(dict.fromkeys([ONE, *others], ""), canonical(WRITE))
    made, _ = scene({}, limited(), nodes=5, ecs=ecs)
    made.edit(BINDING, rollout={"maxUnavailable": most} if most else None)
    await made.settle()
    made.edit(BINDING, sessionPolicy=WRITE)
    for seconds in (0, 61, 600):
        made.later(seconds)
        made.asked = {BINDING: EVERYTHING}
        await made.settle()
        assert ecs.roles == {ONE: "", **dict.fromkeys(others, "oss-reader")}
        assert ecs.limits == dict.fromkeys(others, TEXT)
    assert "oss-reader is not given back (its session policy is not kept)" in message(made)
    made.edit(BINDING, sessionPolicy=READ)
    await made.settle()
    assert ecs.limits == dict.fromkeys(ecs.roles, TEXT)
    assert made.condition(BINDING) == ("True", "AllAttached")


async def test_what_another_binding_may_have_given_with_one_is_not_given_back_without() -> None:
    ecs = Picky({ONE: ""}, canonical(WRITE))
    ecs.failing["attach"] = LOST
    made = await settled(ecs)
    ecs.failing.clear()
    key = made.put(binding_body("older", created="2025-01-01T00:00:00Z", spec={"sessionPolicy": WRITE}))
    await made.reconcile(key)
    made.asked = {key: EVERYTHING}
    await made.settle()
    assert (ecs.roles, ecs.limits) == ({ONE: ""}, {})
    assert "oss-reader is not given back" in made.rows(key)[str(ONE)]["message"]


BAD: list[tuple[Any, str]] = [
    ({"Statement": [{"Effect": "Allow", "Action": "oss:Get", "Resource": "*", "condition": {}}]}, "condition"),
    ({"Statement": [{"Effect": "Allow", "Action": "oss: Get*", "Resource": "*"}]}, "Action"),
    (limit(*(f"oss:Get{number:04}" for number in range(100))), "at most 1024"),
]


@pytest.mark.parametrize(("policy", "words"), BAD, ids=[words for _, words in BAD])
async def test_a_bad_one_is_refused_and_what_is_attached_stays(policy: Any, words: str) -> None:
    made, ecs = await attached()
    made.edit(BINDING, sessionPolicy=policy)
    await made.settle()
    assert (ecs.writes, ecs.limits) == ([], {})
    assert made.condition(BINDING, "Stalled") == ("True", "InvalidSpec")
    assert words in message(made)


async def test_one_that_was_stored_before_it_was_supported_has_no_effect() -> None:
    said = {"type": "Ready", "status": "False", "reason": "NotSupportedYet", "message": "x", "observedGeneration": 1}
    made, ecs = scene({ONE: ""}, limited() | {"status": {"conditions": [said], "observedGeneration": 1}})
    await made.settle()
    assert (ecs.calls, made.condition(BINDING)) == ([], ("False", "NotSupportedYet"))
