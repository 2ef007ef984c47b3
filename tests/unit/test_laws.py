"""The laws of plans, over generated worlds: total, deterministic, and nothing on what is not marked or claimed as ours.

And by reading the code: who reads a clock, and who writes conditions.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.builders import decided
from tests.unit.worlds import Made, bindings, policies, roles

import ram_operator
from ram_operator.cluster.kube import merge_patch
from ram_operator.kinds.instance_role_binding.index import selection
from ram_operator.kinds.instance_role_binding.steps import AttachRole, DetachRole
from ram_operator.kinds.ram_policy.steps import CreatePolicy
from ram_operator.kinds.ram_role.steps import AttachPolicy, CreateRole, DetachPolicy
from ram_operator.model import Intent, Plan

PACKAGE = Path(ram_operator.__file__).parent
ROOT = Path(__file__).parents[2]


def plan_and_status(world: Made) -> tuple[Plan, Mapping[str, Any], Mapping[str, Any]]:
    """Plan and project as the pipeline does; with the status that was known before."""
    made, key, observed = world
    body, facts = made.caches.body(key), made.caches.facts(key)
    assert body
    assert facts
    kind = made.reconciler.kinds[key.kind]
    known = body.get("status") or {}
    desired = kind.desire(kind.parse(body), facts)
    plan = kind.plan(desired, observed, known, made.reconciler.context(facts))
    return plan, plan.status, known


@settings(max_examples=80, deadline=None)
@given(st.one_of(policies(), roles(), bindings()))
def test_a_plan_is_total_and_the_same_for_the_same_world(world: Made) -> None:
    plan, status, _ = plan_and_status(world)
    assert plan_and_status(world)[:2] == (plan, status)
    assert all(step.todo() and step.done() and step.subjects for step in plan.steps)
    assert all(hold.message for hold in plan.holds)
    assert str(plan)


RICH = """
from tests.unit.builders import *
from tests.unit.scene import Instances, Scene
from ram_operator.kinds.instance_role_binding.observing import ObservedBinding
from ram_operator.kinds.ram_role.observing import ObservedRole
made = Scene(Instances({}).cloud)
names = [f"policy-{number}" for number in range(9)]
for name in names:
    made.put(policy_body(name, made_policy_status(name), spec={"policyName": "Shared" if name > "policy-6" else name}))
    made.put_node(node(name, int(name[-1]), pool="storage"))
entries = [*({"policyRef": {"name": name}} for name in names[:6]), {"custom": "shared"}]
made.put(role_body(status=made_role_status(), spec={"policies": entries, "tags": dict.fromkeys(names, "x")}))
made.put(binding_body())
made.put(binding_body("older", {"instances": [{"instance": str(instance(1)), "state": "Attached"}]}))
seen = {
    role_key("oss-reader"): ObservedRole(cloud_role(description="x"), owner(role_key("oss-reader")).tags()),
    binding_key("storage-pool"): ObservedBinding({instance(number): "" for number in range(9)}),
    binding_key("older"): ObservedBinding({instance(number): "" for number in range(9)}),
}
for key, observed in seen.items():
    body, facts, kind = made.caches.body(key), made.caches.facts(key), made.reconciler.kinds[key.kind]
    desired = kind.desire(kind.parse(body), facts)
    print(kind.plan(desired, observed, body.get("status") or {}, made.reconciler.context(facts)))
"""


def test_a_plan_is_the_same_in_every_process() -> None:
    """Sets of texts have another order in each process."""
    plans = {
        subprocess.run(
            [sys.executable, "-c", RICH],
            env=os.environ | {"PYTHONHASHSEED": str(seed), "PYTHONPATH": f"{PACKAGE.parent}{os.pathsep}{ROOT}"},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in (1, 2)
    }
    [plan] = plans
    assert plan.count("AttachPolicy(") == 7
    assert plan.count("AttachRole(") == 1


@settings(max_examples=80, deadline=None)
@given(st.one_of(policies(), roles()))
def test_nothing_is_planned_on_what_the_tags_do_not_mark_as_ours(world: Made) -> None:
    plan, _, _ = plan_and_status(world)
    made, key, observed = world
    facts = made.caches.facts(key)
    assert facts
    tags = observed.tags if observed else None
    if tags is not None and made.reconciler.context(facts).owner.judge(tags) in ("Untagged", "Others"):
        assert plan.steps == ()
    if facts.me.deleting:
        assert not any(isinstance(step, CreateRole | CreatePolicy | AttachPolicy) for step in plan.steps)
        if facts.me.spec.get("deletionPolicy") == "Retain" and observed is None:
            assert decided(plan) == Plan()


@settings(max_examples=80, deadline=None)
@given(roles())
def test_only_policies_that_the_status_claims_are_ever_detached(world: Made) -> None:
    plan, _, known = plan_and_status(world)
    claimed = {(row["type"], row["name"].lower()) for row in known.get("managedPolicies") or ()}
    for step in plan.steps:
        if isinstance(step, DetachPolicy):
            assert step.policy.folded in claimed
        if isinstance(step, AttachPolicy):
            now = {(row["type"], row["name"].lower()) for rows in plan.claims.values() for row in rows} | claimed
            assert step.policy.folded in now


@settings(max_examples=100, deadline=None)
@given(bindings())
def test_only_roles_that_a_claim_covers_are_ever_detached_and_only_claimed_instances_attached(world: Made) -> None:
    plan, _, known = plan_and_status(world)
    made, key, _ = world
    facts = made.caches.facts(key)
    assert facts

    def claims(rows: Any) -> set[tuple[str, str]]:
        names = ("roleName", "previousRole", "replacedRole")
        return {
            (each["instance"], each[name].lower())
            for each in rows
            for name in names
            if each.get(name) and each.get("origin") in ("Attached", "TakenOver")
        }

    stored = claims(known.get("instances") or ())
    others = claims(row.as_json() for row in selection(facts).other_rows.values())
    new = claims(row for rows in plan.claims.values() for row in rows)
    for step in plan.steps:
        assert isinstance(step, AttachRole | DetachRole)
        for subject in step.subjects:
            covered = (subject, step.role.lower())
            if isinstance(step, AttachRole) or step.intent is Intent.REPLACE:
                assert covered in (new if plan.claims else stored)
            else:
                assert covered in stored | others


@settings(max_examples=150, deadline=None)
@given(bindings())
def test_every_row_that_is_not_attached_says_why(world: Made) -> None:
    plan, status, known = plan_and_status(world)
    if world[2] is None or plan.fields == known:
        return
    assert [row for row in status["instances"] if row["state"] != "Attached" and not row.get("reason")] == []


@settings(max_examples=80, deadline=None)
@given(st.one_of(policies(), roles(), bindings()))
def test_claims_are_values_that_a_status_can_store(world: Made) -> None:
    plan, status, _ = plan_and_status(world)
    claims = plan.claims
    for stored in (claims, status):
        assert json.loads(json.dumps(stored)) == stored
        assert merge_patch(stored, stored) == {}


# By reading the code

PURE = (
    "kinds",
    "rules",
    "model",
    "engine/applying.py",
    "engine/filters",
    "engine/reporting.py",
    "engine/reconciler.py",
)
CLOCKS = {"now", "utcnow", "today", "time", "monotonic", "perf_counter", "time_ns"}


def modules(*places: str) -> Iterator[tuple[str, ast.Module]]:
    for place in places or (".",):
        path = PACKAGE / place
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            yield str(file.relative_to(PACKAGE)), ast.parse(file.read_text())


def clock_readings(tree: ast.AST) -> list[str]:
    """Calls such as `datetime.now()`, `date.today()`, `time.monotonic()`."""
    clocks = {"datetime", "date", "time"}
    return [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in CLOCKS
        and isinstance(node.value, ast.Name | ast.Attribute)
        and ast.unparse(node.value).rsplit(".", 1)[-1] in clocks
    ]


def test_pure_rooms_read_no_clock() -> None:
    assert {name: found for name, tree in modules(*PURE) if (found := clock_readings(tree))} == {}


@pytest.mark.parametrize("code", ["datetime.now(UTC)", "datetime.datetime.utcnow()", "time.time()", "date.today()"])
def test_a_clock_that_is_read_is_found(code: str) -> None:
    assert clock_readings(ast.parse(f"def plan(): return {code}"))


def texts(tree: ast.AST) -> set[str]:
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def calls(tree: ast.AST, name: str) -> bool:
    return any(isinstance(node, ast.Call) and ast.unparse(node.func).endswith(name) for node in ast.walk(tree))


def test_only_the_report_writes_conditions() -> None:
    assert [name for name, tree in modules() if "lastTransitionTime" in texts(tree)] == ["engine/reporting.py"]


def test_only_the_pipeline_makes_reports() -> None:
    makers = [name for name, tree in modules() if calls(tree, "Report") and not name.endswith("steps.py")]
    assert makers == ["engine/reporting.py"]


def test_only_steps_write_to_the_cloud() -> None:
    writes = ("create_", "update_", "delete_", "attach_", "detach_", "tag")
    writers = {
        name
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and ast.unparse(node).startswith(("cloud.ram.", "cloud.ecs.", "self.cloud.ram.", "self.cloud.ecs."))
        and node.attr.startswith(writes)
    }
    assert {Path(name).name for name in writers} == {"steps.py"}
