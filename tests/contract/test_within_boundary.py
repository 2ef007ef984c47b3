"""The boundary before every write that grants, repairs among them, and never before a revocation."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contract.test_role_lives import Simulator, attachments, names, settle, writes
from tests.contract.test_role_lives import scene as scene
from tests.unit.builders import DOCUMENT, custom, policy_body, policy_key, role_body, role_key, system
from tests.unit.scene import Scene

from ram_operator.cloud import NewPolicy, NewRole, PolicyName, Taggable
from ram_operator.kinds.ram_policy.links import PolicyLinks
from ram_operator.kinds.ram_role.links import RoleLinks
from ram_operator.model import FINALIZER, ObjectKey
from ram_operator.rules.boundary import Boundary
from ram_operator.rules.documents import canonical, trust_for_services
from ram_operator.rules.documents.checking import MOST_READ

POLICY, ROLE = policy_key("read"), role_key("app")
READ, ADMINISTRATOR = "AliyunOSSReadOnlyAccess", "AdministratorAccess"
MIGHTY = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "ram:*", "Resource": "*"}]}
WIDE = Boundary((), (), ("*",), ("ecs.aliyuncs.com", "fc.aliyuncs.com"), ("user/*",))


def forbidden(scene: Scene, key: ObjectKey) -> str:
    assert scene.condition(key, "Stalled") == ("True", "Forbidden")
    return str(scene.status(key)["conditions"][0]["message"])


OUTSIDE: list[tuple[str, dict[str, Any]]] = [
    ("document", policy_body("read", spec={"document": MIGHTY})),
    ("grantee", policy_body("read", spec={"attachTo": {"users": ["dev"]}})),
    ("trust", role_body("app", spec={"trust": {"services": ["fc.aliyuncs.com"]}})),
    ("system policy", role_body("app", spec={"policies": [{"system": ADMINISTRATOR}]})),
]


@pytest.mark.parametrize(("what", "body"), OUTSIDE, ids=[what for what, _ in OUTSIDE])
async def test_what_lies_outside_is_not_granted_and_says_so(
    scene: Scene, simulator: Simulator, what: str, body: dict[str, Any]
) -> None:
    scene.draw(Boundary())
    before = simulator.newest_call()
    key = scene.put(body)
    await scene.settle()
    assert "is outside the boundary: " in forbidden(scene, key)
    assert not any("Attach" in call for call in writes(simulator, before))
    assert what in ("grantee", "system policy") or writes(simulator, before) == []
    scene.later(61)  # the calls of a process before this one have ended
    scene.delete(key)
    await scene.settle()
    assert not scene.exists(key)


async def test_a_custom_policy_of_others_is_read_and_judged_alike(scene: Scene, simulator: Simulator) -> None:
    scene.draw(Boundary())
    ram = scene.reconciler.cloud.ram
    await ram.create_policy(NewPolicy("mighty", canonical(MIGHTY), "", {}))
    await ram.create_policy(NewPolicy("harmless", canonical(DOCUMENT), "", {}))
    scene.put(role_body("app", spec={"policies": [{"custom": "mighty"}, {"custom": "harmless"}]}))
    await scene.settle()
    assert "ram:*" in forbidden(scene, ROLE)
    assert attachments(simulator, "app") == {"harmless"}


async def test_the_last_good_state_stays_while_an_edit_is_forbidden(scene: Scene, simulator: Simulator) -> None:
    scene.draw(Boundary())
    scene.put(policy_body("read"))
    scene.put(role_body("app", spec={"policies": [{"system": READ}]}))
    await settle(scene, POLICY, ROLE)
    before = simulator.newest_call()
    scene.edit(POLICY, document=MIGHTY)
    scene.edit(ROLE, policies=[{"system": ADMINISTRATOR}])
    await scene.settle()
    forbidden(scene, POLICY)
    forbidden(scene, ROLE)
    assert (writes(simulator, before), attachments(simulator, "app")) == ([], {READ})


async def test_a_document_that_is_too_large_to_be_read_is_outside_for_the_roles_that_name_it(
    scene: Scene, simulator: Simulator
) -> None:
    scene.draw(Boundary())
    scene.put(policy_body("read"))
    scene.put(role_body("app", spec={"policies": [{"policyRef": {"name": "read"}}]}))
    await settle(scene, POLICY, ROLE)
    before = simulator.newest_call()
    statement = {"Effect": "Allow", "Action": ["oss:GetObject"] * MOST_READ, "Resource": "*"}
    scene.edit(POLICY, document={"Version": "1", "Statement": [statement]})
    await scene.settle()
    await scene.reconcile(ROLE)
    assert scene.condition(POLICY, "Stalled") == ("True", "InvalidSpec")
    assert "app/Custom/read is outside the boundary: the document is not understood" in forbidden(scene, ROLE)
    assert (writes(simulator, before), attachments(simulator, "app")) == ([], {"read"})


async def test_a_boundary_drawn_closer_names_what_is_outside_and_stops_no_revocation(
    scene: Scene, simulator: Simulator
) -> None:
    scene.draw(WIDE)
    scene.put(policy_body("read", spec={"document": MIGHTY, "attachTo": {"users": ["dev"]}}))
    scene.put(role_body("app", spec={"policies": [{"system": ADMINISTRATOR}, {"system": READ}]}))
    await settle(scene, POLICY, ROLE)
    scene.draw(Boundary())
    before = simulator.newest_call()
    await scene.reconcile(POLICY)
    await scene.reconcile(ROLE)
    assert "ram:*" in forbidden(scene, POLICY)
    assert ADMINISTRATOR in forbidden(scene, ROLE)
    assert writes(simulator, before) == []
    # In its place comes something that is refused as well: it goes all the same.
    scene.edit(ROLE, policies=[{"system": "AliyunECSFullAccess"}, {"system": READ}])
    await scene.settle()
    assert attachments(simulator, "app") == {READ}
    scene.edit(POLICY, attachTo={})
    await scene.settle()
    assert writes(simulator, before) == ["DetachPolicyFromRole", "DetachPolicyFromUser"]
    scene.delete(ROLE)
    scene.delete(POLICY)
    await scene.settle()
    assert not scene.exists(ROLE)
    assert "read" not in names(simulator, "policy")


async def test_tags_are_set_and_repaired_while_something_else_is_outside(scene: Scene, simulator: Simulator) -> None:
    scene.draw(WIDE)
    scene.put(role_body("app", spec={"policies": [{"system": ADMINISTRATOR}]}))
    await settle(scene, ROLE)
    scene.draw(Boundary())
    ram, before = scene.reconciler.cloud.ram, simulator.newest_call()
    scene.edit(ROLE, tags={"team": "storage"})
    await scene.settle()
    await ram.tag(Taggable.ROLE, "app", {"team": "somebody"})
    await scene.reconcile(ROLE)
    forbidden(scene, ROLE)
    assert writes(simulator, before) == ["TagResources"] * 3, "one of them is somebody's"
    assert (await ram.list_tags(Taggable.ROLE, "app"))["team"] == "storage"


async def test_drift_back_to_what_is_outside_is_not_repaired(scene: Scene, simulator: Simulator) -> None:
    scene.draw(WIDE)
    scene.put(role_body("app", spec={"policies": [{"system": ADMINISTRATOR}]}))
    await settle(scene, ROLE)
    scene.draw(Boundary())
    await scene.reconciler.cloud.ram.detach_policy_from_role(system(ADMINISTRATOR), "app")
    await scene.reconcile(ROLE)
    forbidden(scene, ROLE)
    assert attachments(simulator, "app") == set()


async def test_what_is_outside_is_not_taken_over(scene: Scene, simulator: Simulator) -> None:
    scene.draw(Boundary())
    trust = canonical(trust_for_services(["fc.aliyuncs.com"]))
    await scene.reconciler.cloud.ram.create_role(NewRole("app", trust, "", 3600, {}))
    before = simulator.newest_call()
    spec = {"trust": {"services": ["fc.aliyuncs.com"]}, "adoptionPolicy": "IfIdentical"}
    scene.put(role_body("app", spec=spec))
    await scene.settle()
    forbidden(scene, ROLE)
    assert writes(simulator, before) == []


@pytest.mark.parametrize(("what", "body"), OUTSIDE, ids=[what for what, _ in OUTSIDE])
async def test_after_a_start_what_is_outside_is_looked_at_and_nothing_else(
    scene: Scene, simulator: Simulator, what: str, body: dict[str, Any]
) -> None:
    scene.draw(WIDE)
    key = scene.put(body)
    await settle(scene, key)
    stored = scene.caches.body(key)
    assert stored is not None
    assert FINALIZER in stored["metadata"]["finalizers"], what
    links = PolicyLinks if key.kind == POLICY.kind else RoleLinks
    assert [links(boundary).in_sync(stored) for boundary in (None, WIDE, Boundary())] == [True, True, False]


ADMIN = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
NO_PERMISSION = {"action": "CreatePolicyVersion", "count": 9, "code": "NoPermission", "status": 403}
MALFORMED = {"action": "CreatePolicyVersion", "count": 9, "code": "InvalidParameter.PolicyDocument", "status": 400}
THROTTLED = {"action": "CreatePolicyVersion", "count": 9, "code": "Throttling.User", "status": 400}


@pytest.mark.parametrize("fault", [NO_PERMISSION, MALFORMED, THROTTLED], ids=lambda fault: str(fault["code"]))
async def test_a_policy_is_attached_by_what_ram_has_of_it_whatever_its_spec_says(
    scene: Scene, simulator: Simulator, fault: dict[str, Any]
) -> None:
    scene.draw(Boundary())
    ram = scene.reconciler.cloud.ram
    await ram.create_policy(NewPolicy("read", canonical(ADMIN), "", {}))
    simulator.control_call("POST", "/faults", fault)
    scene.put(policy_body("read", spec={"adoptionPolicy": "IfUnowned"}))
    scene.put(role_body("app", spec={"policies": [{"policyRef": {"name": "read"}}]}))
    await scene.settle()
    assert scene.status(POLICY)["defaultVersion"], "the policy is ours, and still has the document of others"
    await scene.reconcile(ROLE)
    assert "allows *" in forbidden(scene, ROLE)
    assert attachments(simulator, "app") == set()
    simulator.control_call("DELETE", "/faults")
    await ram.create_policy_version("read", canonical(DOCUMENT))
    await settle(scene, ROLE)
    assert attachments(simulator, "app") == {"read"}


async def test_a_spec_that_is_only_planned_does_not_say_what_its_policy_grants(
    scene: Scene, simulator: Simulator
) -> None:
    scene.draw(WIDE)
    scene.put(policy_body("read", spec={"document": MIGHTY}))
    await settle(scene, POLICY)
    scene.draw(Boundary())
    scene.edit(POLICY, document=DOCUMENT, managementPolicy="Plan")
    scene.put(role_body("app", spec={"policies": [{"policyRef": {"name": "read"}}]}))
    await scene.settle()
    assert "ram:*" in forbidden(scene, ROLE)
    assert attachments(simulator, "app") == set()


UNENFORCED: list[dict[str, Any]] = [{"managementPolicy": "Plan"}, {"managementPolicy": "Suspend"}]


@pytest.mark.parametrize("mode", UNENFORCED, ids=lambda mode: str(mode["managementPolicy"]))
async def test_what_is_attached_is_judged_by_what_ram_has_of_it_whatever_its_spec_says(
    scene: Scene, simulator: Simulator, mode: dict[str, Any]
) -> None:
    scene.draw(WIDE)
    scene.put(policy_body("read", spec={"document": MIGHTY}))
    scene.put(role_body("app", spec={"policies": [{"policyRef": {"name": "read"}}]}))
    await settle(scene, POLICY, ROLE)
    scene.draw(Boundary())
    scene.edit(POLICY, document=DOCUMENT, **mode)
    before = simulator.newest_call()
    await scene.settle()
    await scene.reconcile(ROLE)
    assert "app/Custom/read is outside" in forbidden(scene, ROLE)
    assert writes(simulator, before) == []
    scene.edit(POLICY, managementPolicy="Enforce")
    await settle(scene, POLICY, ROLE)
    assert attachments(simulator, "app") == {"read"}


async def test_a_document_that_somebody_widened_is_named_by_its_role_until_it_is_repaired(scene: Scene) -> None:
    scene.draw(Boundary())
    scene.put(policy_body("read"))
    scene.put(role_body("app", spec={"policies": [{"policyRef": {"name": "read"}}]}))
    await settle(scene, POLICY, ROLE)
    await scene.reconciler.cloud.ram.create_policy_version("read", canonical(ADMIN))
    await scene.reconcile(ROLE)
    assert "app/Custom/read is outside" in forbidden(scene, ROLE)
    await scene.reconcile(POLICY)
    await settle(scene, ROLE)


ATTACHED = [system(ADMINISTRATOR), custom("ops-admin")]


@pytest.mark.parametrize("adoption", ["IfUnowned", "IfIdentical"])
@pytest.mark.parametrize("policy", ATTACHED, ids=str)
async def test_a_role_that_has_what_is_outside_is_not_taken_over_until_somebody_takes_it_off(
    scene: Scene, simulator: Simulator, policy: PolicyName, adoption: str
) -> None:
    scene.draw(Boundary())
    ram = scene.reconciler.cloud.ram
    trust = trust_for_services(["ecs.aliyuncs.com" if adoption == "IfIdentical" else "fc.aliyuncs.com"])
    await ram.create_policy(NewPolicy("ops-admin", canonical(ADMIN), "", {}))
    await ram.create_role(NewRole("app", canonical(trust), "", 3600, {}))
    await ram.attach_policy_to_role(policy, "app")
    before = simulator.newest_call()
    scene.put(role_body("app", spec={"adoptionPolicy": adoption}))
    await scene.settle()
    assert f"app/{policy} is outside" in forbidden(scene, ROLE)
    assert writes(simulator, before) == []
    await ram.detach_policy_from_role(policy, "app")
    await settle(scene, ROLE)


@pytest.mark.parametrize("policy", ATTACHED, ids=str)
async def test_nobody_new_is_let_into_a_role_that_has_what_is_outside(
    scene: Scene, simulator: Simulator, policy: PolicyName
) -> None:
    scene.draw(Boundary(trust_principals=("ecs.aliyuncs.com", "fc.aliyuncs.com")))
    ram = scene.reconciler.cloud.ram
    await ram.create_policy(NewPolicy("ops-admin", canonical(ADMIN), "", {}))
    scene.put(role_body("app", spec={"trust": {"services": ["ecs.aliyuncs.com"]}}))
    await settle(scene, ROLE)
    await ram.attach_policy_to_role(policy, "app")
    await scene.reconcile(ROLE)
    assert scene.condition(ROLE) == ("True", "InSync"), "what others attach is theirs"
    before = simulator.newest_call()
    for services in (["ecs.aliyuncs.com", "fc.aliyuncs.com"], ["fc.aliyuncs.com"]):
        scene.edit(ROLE, trust={"services": services})
        await scene.settle()
        assert f"app/{policy} is outside" in forbidden(scene, ROLE)
        assert writes(simulator, before) == []
    await ram.detach_policy_from_role(policy, "app")
    await settle(scene, ROLE)


async def test_whoever_is_in_is_put_out_of_a_role_that_has_what_is_outside(scene: Scene, simulator: Simulator) -> None:
    scene.draw(Boundary(trust_principals=("ecs.aliyuncs.com", "fc.aliyuncs.com")))
    scene.put(role_body("app", spec={"trust": {"services": ["ecs.aliyuncs.com", "fc.aliyuncs.com"]}}))
    await settle(scene, ROLE)
    await scene.reconciler.cloud.ram.attach_policy_to_role(system(ADMINISTRATOR), "app")
    scene.edit(ROLE, trust={"services": ["ecs.aliyuncs.com"]})
    await settle(scene, ROLE)
    assert attachments(simulator, "app") == {ADMINISTRATOR}


COMING = {"nothing": [], "one": [{"system": READ}], "one that RAM lacks": [{"system": "AliyunNobodyReadOnlyAccess"}]}


@pytest.mark.parametrize("policies", COMING.values(), ids=COMING)
async def test_exclusive_takes_off_what_is_outside_before_it_lets_anybody_in(
    scene: Scene, simulator: Simulator, policies: list[dict[str, str]]
) -> None:
    scene.draw(Boundary())
    ram = scene.reconciler.cloud.ram
    await ram.create_role(NewRole("app", canonical(trust_for_services(["fc.aliyuncs.com"])), "", 3600, {}))
    await ram.attach_policy_to_role(system(ADMINISTRATOR), "app")
    before = simulator.newest_call()
    spec = {"adoptionPolicy": "IfUnowned", "policyAttachment": "Exclusive", "policies": policies}
    scene.put(role_body("app", spec=spec))
    await scene.settle()
    assert writes(simulator, before)[:3] == ["TagResources", "DetachPolicyFromRole", "UpdateRole"]
    assert attachments(simulator, "app") == {READ} & {policy["system"] for policy in policies}


REFUSED = [
    ("GetPolicy", "NoPermission", 403, "Forbidden", "may not be read (ram:GetPolicy)"),
    ("GetPolicy", "InvalidAccessKeyId.NotFound", 404, "AccessDenied", "GetPolicy: InvalidAccessKeyId.NotFound"),
    ("ListTagResources", "NoPermission", 403, "AccessDenied", "ListTagResources"),
]  # fmt: skip


@pytest.mark.parametrize(("action", "code", "status", "reason", "words"), REFUSED)
async def test_what_may_not_be_read_of_a_policy_is_named_by_its_permission(
    scene: Scene, simulator: Simulator, action: str, code: str, status: int, reason: str, words: str
) -> None:
    scene.draw(Boundary())
    scene.put(policy_body("read"))
    await settle(scene, POLICY)
    simulator.control_call("POST", "/faults", {"action": action, "count": 1, "code": code, "status": status})
    scene.put(role_body("app", spec={"policies": [{"policyRef": {"name": "read"}}]}))
    await scene.reconcile(ROLE)
    assert scene.condition(ROLE)[1] == reason
    assert words in scene.status(ROLE)["conditions"][0]["message"]
    assert attachments(simulator, "app") == set()
