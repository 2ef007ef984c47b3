"""RamPolicy, the document apart."""

from tests.cluster.admission.case import Case, Spec, policy

KIND = "RamPolicy"
RESERVED = ("aliyun", "Aliyun-x", "acs:x", "http://x", "https://x", "ram-operator:cluster", "RAM-operator:x")


def taken(title: str, **fields: object) -> Case:
    """A policy that is fine."""
    return Case(f"policy {title}", KIND, policy(**fields))


def refused(title: str, refusal: str, **fields: object) -> Case:
    """A policy that isn't."""
    return Case(f"policy {title}", KIND, policy(**fields), refusal)


POLICIES = (
    taken("with a document only"),
    taken(
        "with everything",
        policyName="EcsRamRoleDocumentTestingPolicy",
        description="d",
        tags={"team": "storage"},
        deletionPolicy="Retain",
    ),
    Case("policy without a spec", KIND, None, "spec: Required value"),
    Case("policy without a document", KIND, {}, "spec.document: Required value"),
    refused("named with a dot", 'no "." and no "_"); write for example EcsRamRole', policyName="a.b"),
    refused("named with an underscore", 'no "." and no "_"); write for example EcsRamRole', policyName="a_b"),
    taken("named with 128 letters", policyName="a" * 128),
    refused("named with 129 letters", "Too long: may not be ", policyName="a" * 129),
    refused("named with nothing", "at least 1 chars long", policyName=""),
    Case("policy with a dot in its own name", KIND, policy(), "write the name in spec.policyName", "oss.read"),
    Case("policy with a dot in its own name but not in RAM", KIND, policy(policyName="oss-read"), None, "oss.read"),
    Case("policy with a name too long for RAM", KIND, policy(), "write the name in spec.policyName", "a" * 129),
    taken("described at length", description="d" * 1024),
    refused("described at too great length", "Too long: may not be ", description="d" * 1025),
    refused("granted to a user with a domain", 'write the name without "@"', attachTo={"users": ["dev@example"]}),
    refused("granted to a group with a blank", 'write the name without "@"', attachTo={"groups": ["a b"]}),
    refused("granted to one user twice", "Duplicate value", attachTo={"users": ["dev", "dev"]}),
    refused("granted to 101 users", "at most 100 items", attachTo={"users": [f"u{n}" for n in range(101)]}),
    refused("adopted always", 'supported values: "Never", "IfIdentical", "IfUnowned"', adoptionPolicy="Always"),
    taken("deleted with its object", deletionPolicy="Delete"),
    refused("orphaned", 'supported values: "Delete", "Retain"', deletionPolicy="Orphan"),
    refused("paused", 'supported values: "Enforce", "Plan", "Suspend"', managementPolicy="Pause"),
    taken("with 17 tags", tags={f"k{n}": "v" for n in range(17)}),
    refused("with 18 tags", "at most 17", tags={f"k{n}": "v" for n in range(18)}),
    taken("with a tag key of 128 letters", tags={"k" * 128: "v" * 256}),
    refused("with a tag key of 129 letters", "a tag's key has 1 to 128 characters", tags={"k" * 129: "v"}),
    refused("with an empty tag key", "a tag's key has 1 to 128 characters", tags={"": "v"}),
    refused("with a tag value of 257 letters", "Too long: may not be ", tags={"k": "v" * 257}),
    taken("with a tag key that only contains a kept word", tags={"my-aliyun": "v", "x-acs:": "v"}),
    *(
        Case(f"policy with the kept tag key {n}", KIND, policy(tags={key: "v"}), "a tag's key must not start with")
        for n, key in enumerate(RESERVED)
    ),
)

DEFAULTS: Spec = {"documentValidation": "Strict", "adoptionPolicy": "Never", "managementPolicy": "Enforce"}
