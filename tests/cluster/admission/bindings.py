"""InstanceRoleBinding, the session policy apart."""

from tests.cluster.admission.case import Case, Spec, binding

KIND = "InstanceRoleBinding"
ONE_ROLE = "write exactly one of roleRef: {name: <a RamRole>} and roleName: <a role without a RamRole>"
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


def expressions(terms: int, values: int) -> dict[str, object]:
    """A selector with so many expressions, each with so many values of the greatest length."""
    long = [f"{n:063}" for n in range(values)]
    return {"matchExpressions": [{"key": f"k{n}", "operator": "NotIn", "values": long} for n in range(terms)]}


LONG_NAMES = [f"{n:0240}" for n in range(1000)]
LONG_INSTANCES = [f"cn-hangzhou.i-{n:0106}" for n in range(1000)]
BINDINGS = (
    taken("with a role and a selector"),
    taken(
        "with everything",
        nodeNames=["node-a", "cn-hangzhou.192.168.0.81"],
        conflictPolicy="Fail",
        allowProtectedRoles=False,
        unbindPolicy="Restore",
        rollout={"maxUnavailable": "10%"},
        managementPolicy="Enforce",
    ),
    Case("binding without a spec", KIND, None, "spec: Required value"),
    refused("without a role", ONE_ROLE, roleRef=...),
    refused("with two roles", ONE_ROLE, roleName="ExistingRole"),
    refused("with a role without a name", "roleRef.name: Required value", roleRef={}),
    refused("with a role name with an underscore", 'no "_"', roleRef=..., roleName="a_b"),
    refused("that selects nothing", NOTHING_SELECTED, nodeSelector=...),
    refused("that selects empty lists", NOTHING_SELECTED, nodeSelector=..., nodeNames=[], instances=[]),
    taken("of a node", nodeSelector=..., nodeNames=["node-a"]),
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
    taken("with 1000 nodes of 64 characters", nodeNames=[f"{n:064}" for n in range(1000)]),
    refused("with 1000 nodes of 240 characters", "more than 64000 characters", nodeNames=LONG_NAMES),
    refused("with 1000 instances of 120 characters", "more than 64000 characters", instances=LONG_INSTANCES),
    taken("with 500 values", nodeSelector=expressions(5, 100)),
    refused("with 5000 values", "more than 500 values", nodeSelector=expressions(50, 100)),
    refused("with 1001 nodes", "at most 1000 items", nodeNames=[f"n{n}" for n in range(1001)]),
    refused("that merges", 'supported values: "Fail", "Replace"', conflictPolicy="Merge"),
    refused("that allows protected roles in words", "must be of type boolean", allowProtectedRoles="yes"),
    refused("that deletes", 'supported values: "Restore", "Detach", "Retain"', unbindPolicy="Delete"),
    refused("paused", 'supported values: "Enforce", "Plan", "Suspend"', managementPolicy="Pause"),
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
