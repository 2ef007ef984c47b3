"""RamRole, the trust document apart."""

from tests.cluster.admission.case import Case, Spec, trust_statement

KIND = "RamRole"
TRUST_DOCUMENT = {"Statement": [trust_statement()]}


def taken(title: str, **spec: object) -> Case:
    """A role that is fine."""
    return Case(f"role {title}", KIND, spec)


def refused(title: str, refusal: str, **spec: object) -> Case:
    """A role that isn't."""
    return Case(f"role {title}", KIND, spec, refusal)


ROLES = (
    Case("role without a spec", KIND, None),
    taken("with an empty spec"),
    taken(
        "with everything",
        roleName="EcsRamRoleDocumentTesting",
        description="d",
        maxSessionDurationSeconds=43200,
        trust={"services": ["ecs.aliyuncs.com", "fc.aliyuncs.com", "1234567890123456@ecs.aliyuncs.com"]},
        policies=[{"policyRef": {"name": "oss-read"}}, {"custom": "Existing"}, {"system": "AliyunECSReadOnlyAccess"}],
        tags={"team": "storage"},
        deletionPolicy="Delete",
    ),
    taken("named with a dot and 64 letters", roleName="a." + "b" * 62),
    refused("named with an underscore", 'letters, digits, "." and "-" only (no "_"); write', roleName="a_b"),
    refused("named with 65 letters", "Too long: may not be ", roleName="a" * 65),
    Case("role with 64 letters in its own name", KIND, {}, None, "a" * 64),
    Case("role with 65 letters in its own name", KIND, {}, "write the name in spec.roleName", "a" * 65),
    Case("role with 65 letters in its own name but not in RAM", KIND, {"roleName": "a"}, None, "b" * 65),
    refused("described at too great length", "Too long: may not be ", description="d" * 1025),
    taken("with sessions of an hour", maxSessionDurationSeconds=3600),
    refused("with sessions of less than an hour", "greater than or equal to 3600", maxSessionDurationSeconds=3599),
    refused("with sessions of more than twelve hours", "less than or equal to 43200", maxSessionDurationSeconds=43201),
    refused("with a session length in words", "must be of type integer", maxSessionDurationSeconds="1h"),
    taken("with a trust document", trust={"document": TRUST_DOCUMENT}),
    refused(
        "with services and a trust document",
        "trust takes exactly one of services and document",
        trust={"services": ["ecs.aliyuncs.com"], "document": TRUST_DOCUMENT},
    ),
    taken(
        "with null services beside a document",
        trust={"services": None, "document": TRUST_DOCUMENT},
    ),
    refused("with an empty trust", "trust takes exactly one of services and document", trust={}),
    refused("with no service", "should have at least 1 items", trust={"services": []}),
    refused(
        "with a service with a blank", "write for example ecs.aliyuncs.com", trust={"services": ["ecs.aliyuncs.com "]}
    ),
    refused(
        "with a service in capitals", "write for example ecs.aliyuncs.com", trust={"services": ["ECS.aliyuncs.com"]}
    ),
    refused("with a service twice", "Duplicate value", trust={"services": ["ecs.aliyuncs.com"] * 2}),
    refused("with an empty policy", "a policy is exactly one of policyRef, custom and system", policies=[{}]),
    refused(
        "with a policy of two sorts",
        "a policy is exactly one of policyRef, custom and system",
        policies=[{"custom": "a", "system": "b"}],
    ),
    refused("with a custom policy with a dot", 'no "." and no "_"', policies=[{"custom": "a.b"}]),
    refused("with a system policy with a blank", 'no "." and no "_"', policies=[{"system": "Aliyun ECS"}]),
    refused("with a policyRef without a name", "policyRef.name: Required value", policies=[{"policyRef": {}}]),
    refused("with 101 policies", "at most 100 items", policies=[{"custom": f"p{n}"} for n in range(101)]),
    refused("with policies partly attached", 'supported values: "Additive", "Exclusive"', policyAttachment="Some"),
    refused("adopted always", 'supported values: "Never", "IfIdentical", "IfUnowned"', adoptionPolicy="Always"),
    refused("orphaned", 'supported values: "Delete", "Retain"', deletionPolicy="Orphan"),
    refused("paused", 'supported values: "Enforce", "Plan", "Suspend"', managementPolicy="Pause"),
    refused("with 18 tags", "at most 17", tags={f"k{n}": "v" for n in range(18)}),
    refused("with a kept tag key", "a tag's key must not start with", tags={"acs:team": "v"}),
    refused("with an empty tag key", "a tag's key has 1 to 128 characters", tags={"": "v"}),
)

DEFAULTS: Spec = {
    "maxSessionDurationSeconds": 3600,
    "trust": {"services": ["ecs.aliyuncs.com"]},
    "policyAttachment": "Additive",
    "documentValidation": "Strict",
    "adoptionPolicy": "Never",
    "managementPolicy": "Enforce",
}
