"""Generated worlds: objects with any status, their rivals and references, and what an observation may have found."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from tests.unit.builders import (
    binding_body,
    cloud_policy,
    cloud_role,
    custom,
    instance,
    made_role_status,
    node,
    owner,
    policy_body,
    role_body,
    system,
)
from tests.unit.scene import Instances, Scene

from ram_operator.cloud import Entities
from ram_operator.kinds.instance_role_binding.observing import ObservedBinding
from ram_operator.kinds.ram_policy.observing import ObservedPolicy
from ram_operator.kinds.ram_role.observing import ObservedRole
from ram_operator.model import ObjectKey

names = st.sampled_from(["oss-read", "OSS-Read", "other"])
statuses: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.fixed_dictionaries(
        {},
        optional={
            "policyName": names,
            "roleName": st.sampled_from(["oss-reader", "OSS-Reader"]),
            "arn": st.just("acs:ram::1:role/oss-reader"),
            "defaultVersion": st.just("v1"),
            "policyCounts": st.sampled_from([{}, {"attached": 0, "wanted": 0}, {"attached": 1, "wanted": 2}]),
            "managedPolicies": st.lists(
                st.fixed_dictionaries({"type": st.sampled_from(["Custom", "System"]), "name": names}), max_size=3
            ),
            "verified": st.sampled_from([None, {}, {"at": "nonsense"}, {"at": "2026-04-30T00:00:00Z"}]),
        },
    ),
)
flags: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "deleting": st.booleans(),
        "generation": st.integers(1, 3),
        "created": st.sampled_from(["2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z"]),
        "reconcile_at": st.sampled_from([None, "now"]),
    }
)
common_spec = {
    "deletionPolicy": st.sampled_from(["Delete", "Retain"]),
    "managementPolicy": st.sampled_from(["Enforce", "Plan"]),
    "tags": st.just({"team": "x"}),
    "description": st.sampled_from(["", "words"]),
}
policy_specs = st.fixed_dictionaries({}, optional=common_spec | {"policyName": names})
entries = st.one_of(
    st.fixed_dictionaries({"policyRef": st.fixed_dictionaries({"name": names})}),
    st.fixed_dictionaries({"custom": names}),
    st.fixed_dictionaries({"system": st.sampled_from(["S1", "S2"])}),
)
role_specs = st.fixed_dictionaries(
    {}, optional=common_spec | {"roleName": st.sampled_from(["OSS-Reader"]), "policies": st.lists(entries, max_size=4)}
)
states = st.sampled_from(["Pending", "Attached", "Conflict", "Overridden", "Failed", "Skipped", "Releasing"])
times = st.sampled_from(["2026-05-01T11:00:00Z", "2026-05-01T11:59:30Z", "garbage"])
row = st.fixed_dictionaries(
    {"state": states, "instance": st.integers(1, 4).map(instance).map(str)},
    optional={
        "node": st.just("node-1"),
        "roleName": st.sampled_from(["oss-reader", "OSS-Reader", "old"]),
        "origin": st.sampled_from(["Attached", "TakenOver", "Found"]),
        "previousRole": st.sampled_from(["KubernetesWorkerRole-x", "Foreign"]),
        "replacedRole": st.sampled_from(["KubernetesWorkerRole-x", "old"]),
        "sessionPolicyHash": st.sampled_from(["a", "b"]),
        "replacedLimited": st.booleans(),
        "reason": st.sampled_from(["OtherRole", "WrittenByAnotherVersion"]),
        "confirmed": st.booleans(),
        "failedGeneration": st.integers(1, 2),
        "nodeGoneSince": times,
        "missingSince": times,
        "since": times,
    },
)
binding_statuses = st.fixed_dictionaries(
    {}, optional={"instances": st.lists(row, max_size=4), "roleName": st.just("old")}
)
binding_specs = st.fixed_dictionaries(
    {},
    optional={
        "roleRef": st.sampled_from([{"name": "oss-reader"}, {"name": "nobody"}]),
        "nodeNames": st.just(["node-1", "ghost"]),
        "unbindPolicy": st.sampled_from(["Restore", "Retain", "Detach"]),
        "conflictPolicy": st.just("Replace"),
        "allowProtectedRoles": st.booleans(),
    },
)
seen_roles = st.sampled_from([None, "", "oss-reader", "oss-reader", "old", "Foreign", "KubernetesWorkerRole-x"])
nodes = st.lists(
    st.builds(
        lambda number, has, pool: node(f"node-{number}", number if has else None, pool=pool),
        st.integers(1, 4),
        st.booleans(),
        st.sampled_from(["storage", "compute"]),
    ),
    max_size=4,
)


def marks(key: ObjectKey) -> st.SearchStrategy[Any]:
    return st.sampled_from(
        [None, {}, {"team": "x"}, owner(key).tags(), owner(key, cluster="c-0").tags(), owner(key, cluster="c-2").tags()]
    )


Made = tuple[Scene, ObjectKey, Any]


@st.composite
def policies(draw: st.DrawFn) -> Made:
    made = Scene(Instances({}).cloud, previous=("c-0",))
    key = made.put(policy_body(status=draw(statuses), spec=draw(policy_specs), **draw(flags)))
    for name in draw(st.lists(st.sampled_from(["rival"]), max_size=1)):
        made.put(policy_body(name, spec={"policyName": "OSS-Read"}, **draw(flags)))
    tags = draw(marks(key))
    if tags is None:
        return made, key, draw(st.sampled_from([None, ObservedPolicy()]))
    policy = cloud_policy(draw(names), attachment_count=draw(st.integers(0, 1)), description=draw(st.text(max_size=3)))
    entities = draw(st.sampled_from([None, Entities(), Entities(roles=("r",), users=("u",))]))
    return made, key, ObservedPolicy(policy, tags, entities)


@st.composite
def roles(draw: st.DrawFn) -> Made:
    made = Scene(Instances({}).cloud, previous=("c-0",))
    key = made.put(role_body(status=draw(statuses), spec=draw(role_specs), **draw(flags)))
    for name in draw(st.lists(names, max_size=2, unique=True)):
        made.put(policy_body(name.lower(), status=draw(statuses), spec=draw(policy_specs), **draw(flags)))
    for body in draw(st.lists(st.sampled_from([role_body("rival", spec={"roleName": "OSS-Reader"}), binding_body()]))):
        made.put(body)
    tags = draw(marks(key))
    if tags is None:
        return made, key, draw(st.sampled_from([None, ObservedRole(), ObservedRole()]))
    attached = draw(st.lists(st.sampled_from([custom("oss-read"), custom("foreign"), system("S1")]), unique=True))
    instances = draw(st.sampled_from([(), ("cn-hangzhou.i-1",)]))
    return made, key, ObservedRole(cloud_role(), tags, tuple(attached), instances)


@st.composite
def bindings(draw: st.DrawFn) -> Made:
    made = Scene(Instances({}).cloud)
    made.put(role_body(status=draw(st.sampled_from([made_role_status(), {}]))))
    for each in draw(nodes):
        made.put_node(each)
    key = made.put(binding_body(status=draw(binding_statuses), spec=draw(binding_specs), **draw(flags)))
    for name in draw(st.lists(st.sampled_from(["other"]), max_size=1)):
        made.put(binding_body(name, status=draw(binding_statuses), **draw(flags)))
    seen = draw(st.fixed_dictionaries(dict.fromkeys(map(instance, range(1, 5)), seen_roles)))
    read = {one: role for one, role in seen.items() if role is not None}
    missing = draw(st.frozensets(st.integers(1, 4).map(instance), max_size=2)) - read.keys()
    return made, key, draw(st.sampled_from([*[ObservedBinding(read, missing)] * 7, None]))
