"""InstanceRoleBinding, the session policy apart."""

from tests.cluster.admission.case import Case, Spec, binding, statement

KIND = "InstanceRoleBinding"
ONE_ROLE = "write exactly one of roleRef and roleName; this version obeys roleRef: {name: <a RamRole>} only"
NOTHING_SELECTED = "{<label>: <value>}}, or nodeNames: [<node>], or both"
EMPTY_SELECTOR = "an empty nodeSelector would select every node"
NO_VALUES = "operators In and NotIn need values"


def taken(title: str, **fields: object) -> Case:
    """A binding that is fine."""
    return Case(f"binding {title}", KIND, binding(**fields))


def refused(title: str, refusal: str, **fields: object) -> Case:
    """A binding that isn't."""
    return Case(f"binding {title}", KIND, binding(**fields), refusal)


def expression(**fields: object) -> dict[str, object]:
    """A selector with one expression."""
    return {"matchExpressions": [fields]}


BINDINGS = (
    taken("with a role and a selector"),
    taken(
        "with everything",
        roleRef=...,
        roleName="ExistingRole",
        nodeNames=["node-a", "cn-hangzhou.192.168.0.81"],
        instances=["cn-hangzhou.i-bp1simulator00000001", "rus-west-1-pop.i-23abc"],
        conflictPolicy="Replace",
        allowProtectedRoles=True,
        unbindPolicy="Detach",
        sessionPolicy={"Version": "1", "Statement": [statement()]},
        rollout={"maxUnavailable": "25%"},
        managementPolicy="Plan",
    ),
    Case("binding without a spec", KIND, None, "spec: Required value"),
    refused("without a role", ONE_ROLE, roleRef=...),
    refused("with two roles", ONE_ROLE, roleName="ExistingRole"),
    refused("with a role without a name", "roleRef.name: Required value", roleRef={}),
    refused("with a role name with an underscore", 'no "_"', roleRef=..., roleName="a_b"),
    refused("that selects nothing", NOTHING_SELECTED, nodeSelector=...),
    refused("that selects empty lists", NOTHING_SELECTED, nodeSelector=..., nodeNames=[], instances=[]),
    taken("of a node", nodeSelector=..., nodeNames=["node-a"]),
    taken("of an instance", nodeSelector=..., instances=["cn-hangzhou.i-bp1"]),
    refused("with an empty selector", EMPTY_SELECTOR, nodeSelector={}),
    refused("with an empty selector beside names", EMPTY_SELECTOR, nodeSelector={}, nodeNames=["node-a"]),
    refused("with no labels", EMPTY_SELECTOR, nodeSelector={"matchLabels": {}, "matchExpressions": []}),
    taken("with an expression", nodeSelector=expression(key="a.b/pool", operator="In", values=["x"])),
    taken("with a label that exists", nodeSelector=expression(key="pool", operator="Exists")),
    refused("with an unknown operator", 'supported values: "In"', nodeSelector=expression(key="a", operator="Equals")),
    refused("with a bad label", "should match", nodeSelector=expression(key="a b", operator="Exists")),
    taken("with labels of every form", nodeSelector={"matchLabels": {"a": "", "a.b/C_d.e": "x_Y.9-z", "p-1/q": "0"}}),
    refused("with a blank in a label", "no node has a label with this key", nodeSelector={"matchLabels": {"a b": "x"}}),
    refused("with two slashes in a label", "this key", nodeSelector={"matchLabels": {"a/b/c": "x"}}),
    refused("with a long label", "this key", nodeSelector={"matchLabels": {"k" * 64: "x"}}),
    refused("with a blank in a value", "label with this value", nodeSelector={"matchLabels": {"pool": "my pool"}}),
    refused("with a blank among values", "should match", nodeSelector=expression(key="a", operator="In", values=[" "])),
    refused("with In and no values", NO_VALUES, nodeSelector=expression(key="pool", operator="In")),
    refused("with Exists and values", NO_VALUES, nodeSelector=expression(key="pool", operator="Exists", values=["x"])),
    refused("with an instance without a region", "write for example cn-hangzhou.i-bp1", instances=["i-bp1abc"]),
    refused("with a provider id", "write for example cn-hangzhou.i-bp1", instances=["alicloud://cn-hangzhou.i-bp1"]),
    refused("with an instance twice", "Duplicate value", instances=["cn-hangzhou.i-bp1"] * 2),
    taken("with 1000 nodes", nodeNames=[f"n{n}" for n in range(1000)]),
    refused("with 1001 nodes", "at most 1000 items", nodeNames=[f"n{n}" for n in range(1001)]),
    refused("that merges", 'supported values: "Fail", "Replace"', conflictPolicy="Merge"),
    refused("that allows protected roles in words", "must be of type boolean", allowProtectedRoles="yes"),
    taken("that leaves the role", unbindPolicy="Retain"),
    refused("that deletes", 'supported values: "Restore", "Detach", "Retain"', unbindPolicy="Delete"),
    refused("paused", 'supported values: "Enforce", "Plan", "Suspend"', managementPolicy="Pause"),
    *(
        taken(f"rolled out by {number}", rollout={"maxUnavailable": given})
        for number, given in enumerate((1, 1000, "1%", "100%"))
    ),
    *(
        refused(f"never rolled out {number}", 'write for example 1 or "10%"', rollout={"maxUnavailable": given})
        for number, given in enumerate((0, -1, "0%", "101%", "1", "ten", "010%"))
    ),
)

DEFAULTS: Spec = {
    "conflictPolicy": "Fail",
    "allowProtectedRoles": False,
    "unbindPolicy": "Restore",
    "rollout": {"maxUnavailable": "10%"},
    "managementPolicy": "Enforce",
}
