"""Every message of a binding, with the longest names: short facts, counts first, a command where a person must act."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.unit.builders import KINDS, binding_body, binding_key, made_role_status, role_body
from tests.unit.scene import Scene
from tests.unit.sentences import faults, messages
from tests.unit.test_binding_replacing import Refusing

from ram_operator.errors import Denied, RegionNotFound, Rejected, Throttled, Unavailable
from ram_operator.kinds.instance_role_binding import InstanceRoleBindingKind
from ram_operator.kinds.instance_role_binding.terms import RequiredTag, RoleRules
from ram_operator.model import EVERYTHING, TAKE_OVER, InstanceId, Reason, Report, Scope

ROLE, OTHER = "r" * 64, "o" * 64
WORKER = f"KubernetesWorkerRole-{'w' * 43}"
POOL = "p" * 63
BINDING = binding_key(POOL)
REGION = "cn-hangzhou-finance"
REPLACE: dict[str, Any] = {"conflictPolicy": "Replace"}
ALLOWED: dict[str, Any] = REPLACE | {"allowProtectedRoles": True}
LIMITED: dict[str, Any] = {
    "sessionPolicy": {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
}
MOST_CHARACTERS = 160
_BRACKETS = re.compile(r" ?\((?:[^()]|\([^()]*\))*\)")
_KUBECTL = re.compile(r"kubectl [a-z].*$")
"""A command that has the name of the binding in it, which may be as long as it likes."""
_COMMAND = re.compile(r"; (?:ram-operator explain \w+|kubectl [a-z].*)$")
_DANGEROUS = re.compile(
    r"\b(?:detach|delete) (?:it|the role|the binding|one of)|set (?:conflictPolicy|allowProtectedRoles)"
)


def instance(number: int) -> InstanceId:
    return InstanceId(REGION, f"i-{number:020}")


ONE, TWO = instance(1), instance(2)


def node(number: int, pool: str = "storage", provider_id: str | None = None, **labels: str) -> dict[str, Any]:
    name = f"{number:02}-{'n' * 60}"
    spec = {"providerID": provider_id or str(instance(number))}
    return {"metadata": {"name": name, "uid": f"uid-{name}", "labels": {"pool": pool, **labels}}, "spec": spec}


class Heard(Scene):
    """A cluster that remembers whatever was said in it."""

    def __init__(self, ecs: Refusing, rules: RoleRules) -> None:
        super().__init__(ecs.cloud, all_kinds=(*KINDS[:2], InstanceRoleBindingKind(rules=rules)))
        self.ecs = ecs
        self.rows_said: set[tuple[str, str | None, str]] = set()
        self.said: set[str] = set()

    async def reconcile(self, key: Any, scope: Scope = EVERYTHING) -> Report:
        report = await super().reconcile(key, scope)
        self.said |= {event.note for event in report.events}
        if self.exists(key):
            status = self.status(key)
            self.said |= set(messages({"conditions": status.get("conditions")}))
            rows = status.get("instances", ())
            self.rows_said |= {(row["state"], row.get("reason"), row["message"]) for row in rows if row.get("message")}
        return report

    async def look_again(self, seconds: float = 0) -> None:
        """Reconcile all bindings after some time."""
        self.later(seconds)
        for key in self.asked | dict.fromkeys([BINDING] if self.exists(BINDING) else []):
            self.asked[key] = EVERYTHING
        await self.settle()


def cluster(count: int = 1, has: str = "", rules: RoleRules | None = None, **spec: Any) -> Heard:
    """Some nodes of the pool, and a binding that was not looked at yet."""
    ecs = Refusing({instance(number): has for number in range(1, count + 1)})
    ecs.ram.owned = {ROLE: ROLE}
    made = Heard(ecs, rules or RoleRules())
    made.put(role_body(ROLE, made_role_status(ROLE)))
    for number in range(1, count + 1):
        made.put_node(node(number))
    made.put(binding_body(POOL, spec={"roleRef": {"name": ROLE}} | spec))
    made.asked = {BINDING: EVERYTHING}
    return made


async def settled(made: Heard) -> Heard:
    await made.settle()
    return made


async def on_node(*nodes: dict[str, Any], rules: RoleRules | None = None) -> Heard:
    made = cluster(0, rules=rules)
    for each in nodes:
        made.put_node(each)
    return await settled(made)


async def gone() -> Heard:
    made = cluster(2)
    del made.ecs.roles[TWO]
    await made.settle()
    await made.look_again(61)
    return made


async def region_not_found() -> Heard:
    made = cluster()
    made.ecs.out[REGION] = RegionNotFound("DescribeInstanceRamRole", "InvalidRegionId.NotFound")
    return await settled(made)


async def unreadable(error: Any) -> Heard:
    made = cluster()
    made.ecs.out[REGION] = error
    return await settled(made)


async def unreadable_role() -> Heard:
    made = cluster()
    made.ecs.ram.untold = Denied("ListTagResources", "NoPermission")
    return await settled(made)


async def taken_over() -> Heard:
    made = cluster(has=ROLE)
    made.annotate(BINDING, TAKE_OVER, "1")
    return await settled(made)


async def refused(**how: Any) -> Heard:
    made = cluster(**how)
    made.ecs.refuses[ROLE] = Rejected("AttachInstanceRamRole", "InvalidParameter.RamRoleName")
    await made.settle()
    await made.look_again(5)
    return made


async def not_given_back() -> Heard:
    made = cluster(has=WORKER, **ALLOWED)
    made.ecs.refuses |= {ROLE: Denied("AttachInstanceRamRole", "NoPermission")}
    made.ecs.refuses |= {
        WORKER: Rejected("AttachInstanceRamRole", "InvalidParameter.X", "a long story of what is wrong")
    }
    await made.settle()
    await made.look_again(5)
    return made


async def classic() -> Heard:
    made = cluster()
    made.ecs.classic = {ONE}
    return await settled(made)


async def limit_refused() -> Heard:
    made = await settled(cluster(**LIMITED))
    made.ecs.refuses[ROLE] = Rejected("AttachInstanceRamRole", "InvalidParameter.Policy")
    made.edit(BINDING, sessionPolicy=None)
    await made.settle()
    return made


async def overridden(*, hands_over: bool) -> Heard:
    made = cluster(2)
    if hands_over:
        await made.settle()
    older = binding_body("o" * 63, spec={"roleRef": {"name": ROLE}}, created="2020-01-01T00:00:00Z")
    made.put(older | ({"spec": older["spec"] | {"roleRef": {"name": "absent"}}} if hands_over else {}))
    await made.settle()
    await made.look_again()
    return made


async def handed_over() -> Heard:
    made = await settled(cluster())
    made.put(binding_body("o" * 63, spec={"roleRef": {"name": "absent"}}))
    made.delete(BINDING)
    await made.look_again()
    return made


async def node_gone() -> Heard:
    made = await settled(cluster())
    made.remove_node(node(1)["metadata"]["name"])
    await made.settle()
    return made


async def released(*, rules: RoleRules | None = None, then: str = "") -> Heard:
    made = await settled(cluster(has=WORKER, **ALLOWED))
    if rules:
        kinds = (*KINDS[:2], InstanceRoleBindingKind(rules=rules))
        made.reconciler.kinds = {kind.resource.kind: kind for kind in kinds}
    if then:
        made.ecs.roles[ONE] = then
    made.put_node(node(1, "other"))
    await made.settle()
    return made


async def not_restored() -> Heard:
    made = await settled(cluster(has=WORKER, **ALLOWED))
    made.ecs.refuses[WORKER] = Denied("AttachInstanceRamRole", "NoPermission")
    made.put_node(node(1, "other"))
    await made.settle()
    await made.look_again(1)
    return made


async def without_tags(*, deleted: bool) -> Heard:
    made = await settled(cluster())
    made.ecs.ram.owned.clear()
    if deleted:
        made.delete(BINDING)
    else:
        made.put_node(node(1, "other"))
    await made.look_again()
    return made


async def role(status: dict[str, Any] | None, **spec: Any) -> Heard:
    made = cluster()
    made.put(role_body(ROLE, status, spec=spec))
    made.asked = {BINDING: EVERYTHING}
    return await settled(made)


async def read_role(kind: str, **spec: Any) -> Heard:
    made = cluster(has=WORKER, rules=RoleRules(allowed=("*",)), **ALLOWED, **spec)
    getattr(made.ecs.ram, kind).add(OTHER if "roleName" in spec else ROLE)
    return await settled(made)


async def absent() -> Heard:
    made = cluster(0)
    made.edit(BINDING, nodeSelector=None, nodeNames=["a" * 63, "b" * 63])
    return await settled(made)


async def mass_release() -> Heard:
    made = await settled(cluster(10))
    for number in range(1, 9):
        made.put_node(node(number, "other"))
    await made.settle()
    return made


async def contended() -> Heard:
    made = await settled(cluster())
    for _ in range(6):
        made.later(120)
        made.ecs.roles[ONE] = ""
        made.asked = {BINDING: Scope(frozenset([str(ONE)]), swept=True)}
        await made.settle()
    return made


async def owned_by_nobody() -> Heard:
    made = cluster()
    made.ecs.ram.owned.clear()
    return await settled(made)


async def stored_before() -> Heard:
    made = cluster(**ALLOWED)
    said = {"type": "Ready", "status": "False", "reason": "NotSupportedYet", "observedGeneration": 1, "message": "x"}
    made.put_status(BINDING, {"conditions": [said]})
    return await settled(made)


STORIES: dict[str, Callable[[], Awaitable[Heard]]] = {
    "another role": lambda: settled(cluster(has=OTHER)),
    "another role on several": lambda: settled(cluster(5, has=OTHER)),
    "a protected role": lambda: settled(cluster(has=WORKER, **REPLACE)),
    "a role that may not be given back": lambda: settled(cluster(has=OTHER, **ALLOWED)),
    "a session policy that is not known": lambda: settled(cluster(has=ROLE, **LIMITED)),
    "attached": lambda: settled(cluster(3)),
    "replaced": lambda: settled(cluster(10, has=WORKER, **ALLOWED)),
    "planned": lambda: settled(cluster(3, has=WORKER, managementPolicy="Plan", **ALLOWED)),
    "found": lambda: settled(cluster(has=ROLE)),
    "taken over": taken_over,
    "gone": gone,
    "no such region": region_not_found,
    "refused": refused,
    "refused and given back": lambda: refused(has=WORKER, **ALLOWED),
    "refused and not given back": not_given_back,
    "classic network": classic,
    "a session policy that is refused": limit_refused,
    "overridden": lambda: overridden(hands_over=False),
    "overridden by one that cannot take over": lambda: overridden(hands_over=True),
    "deleted and to be taken over": handed_over,
    "its Node gone": node_gone,
    "released": released,
    "not given back by the settings": lambda: released(rules=RoleRules(restorable=())),
    "not given back by ECS": not_restored,
    "changed by somebody": lambda: released(then=OTHER),
    "a mass release": mass_release,
    "contended": contended,
    "suspended": lambda: settled(cluster(managementPolicy="Suspend")),
    "a role without its tags": lambda: without_tags(deleted=False),
    "a deletion without the tags": lambda: without_tags(deleted=True),
    "a role that never had its tags": owned_by_nobody,
    "a role that is not there": lambda: settled(cluster(roleRef={"name": "a" * 63})),
    "a role that is not ready": lambda: role(None),
    "a role without trust in ECS": lambda: role(made_role_status(ROLE), trust={"services": ["fc.aliyuncs.com"]}),
    "a role that RAM does not have": lambda: read_role("gone"),
    "a role that does not trust ECS": lambda: read_role("untrusting"),
    "a role by name that RAM does not have": lambda: read_role("gone", roleRef=None, roleName=OTHER),
    "a role by name": lambda: settled(cluster(roleRef=None, roleName=OTHER)),
    "a role by name that a RamRole manages": lambda: settled(cluster(roleRef=None, roleName=ROLE)),
    "instances that are no nodes": lambda: settled(cluster(instances=[str(TWO)])),
    "a spec that had no effect": stored_before,
    "nodes that do not exist": absent,
    "no nodes": lambda: settled(cluster(0)),
    "too many nodes": lambda: settled(cluster(1001)),
    "two nodes of one instance": lambda: on_node(*(node(number, provider_id=str(ONE)) for number in (1, 2, 3, 4))),
    "no tag": lambda: settled(cluster(rules=RoleRules(required_tag=RequiredTag("k" * 60, "v" * 60)))),
    "another cloud": lambda: on_node(node(1, provider_id=f"aws:///{'z' * 200}")),
    "the edge": lambda: on_node(node(1, provider_id="ens-cn-hangzhou.i-bp1example0001")),
    "another form": lambda: on_node(node(1, provider_id=f"alicloud:///{'z' * 200}")),
    "no form": lambda: on_node(node(1, provider_id="z" * 200)),
    "no provider ID": lambda: on_node(node(1) | {"spec": {}}),
    "virtual": lambda: on_node(node(1, type="virtual-kubelet")),
    "Lingjun": lambda: on_node(node(1, provider_id="e01-cn-abc")),
    "hybrid": lambda: on_node(node(1, provider_id="ack-hybrid://123")),
    "too many labels": lambda: on_node(node(1, **{f"label-{number}": "x" for number in range(501)})),
    "excluded": lambda: on_node(node(1, **{"service.alibabacloud.com/exclude-node": ""})),
    "a region that is out": lambda: unreadable(Unavailable("DescribeInstanceRamRole", "ServiceUnavailable")),
    "a region that throttles": lambda: unreadable(
        Throttled("DescribeInstanceRamRole", "Throttling.User", retry_after=3)
    ),
    "a role that cannot be read": unreadable_role,
}
OF_A_PERSON = {
    *(Reason.OTHER_ROLE, Reason.PROTECTED_ROLE, Reason.NOT_RESTORABLE, Reason.SESSION_POLICY_UNKNOWN),
    *(Reason.DUPLICATE_PROVIDER_ID, Reason.UNTAGGED_INSTANCE, Reason.REGION_NOT_FOUND, Reason.NOT_OWNED),
    *(Reason.API_ERROR, Reason.CLASSIC_NETWORK, Reason.TOO_MANY_LABELS),
}
"""What a row says that somebody must mend; its message ends with a command."""


@pytest.mark.parametrize("story", STORIES)
async def test_a_row_is_one_short_fact_and_ends_with_one_command_where_a_person_must_act(story: str) -> None:
    made = await STORIES[story]()
    assert made.rows_said or made.said
    for state, reason, text in made.rows_said:
        short = _KUBECTL.sub("", _BRACKETS.sub("", text))
        assert len(short) <= MOST_CHARACTERS, (len(short), text)
        assert len(text) <= 256, text
        assert not _DANGEROUS.search(text), text
        assert text.count("ram-operator ") + text.count("kubectl ") <= 1, text
        if state in ("Conflict", "Failed", "Skipped") and reason in OF_A_PERSON:
            assert _COMMAND.search(text), text


@pytest.mark.parametrize("story", STORIES)
async def test_conditions_and_events_begin_with_a_short_fact(story: str) -> None:
    made = await STORIES[story]()
    for text in made.said:
        assert faults(text) == [], text
        first = _BRACKETS.sub("", text).partition(";")[0]
        assert len(first) <= MOST_CHARACTERS, (len(first), text)
        assert not _DANGEROUS.search(text), text


async def test_many_instances_are_counted_first() -> None:
    made = await STORIES["another role on several"]()
    assert any(text.startswith("5 instances (") for text in made.said)
