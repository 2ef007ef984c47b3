"""What to allow the operator's credentials after a Denied: the action, and the resource as an ARN to paste.

`reporting` calls it for the message of AccessDenied. ARNs: the authorization tables of the APIs' own pages
(https://api.aliyun.com, RAM 2015-05-01, ECS 2014-05-26); region and account may be `*` in a policy.
"""

from __future__ import annotations

import re

from ram_operator.cloud import PolicyName, PolicyType, Taggable
from ram_operator.errors import Denied
from ram_operator.kinds.steps import (
    AttachPolicy,
    AttachRole,
    CreatePolicy,
    CreatePolicyVersion,
    CreateRole,
    DeletePolicy,
    DeleteRole,
    DetachPolicy,
    DetachRole,
    Tag,
    UpdatePolicyDescription,
    UpdateRole,
)
from ram_operator.model import InstanceId, Step

ECS_ACTIONS = ("InstanceRamRole", "DescribeInstances", "DescribeRegions")
PASS_ROLE = "ram:PassRole"
_NAMED = re.compile(r"missing permission ([a-z]+:\w+)")


def needed(error: Denied, subject: str, step: Step | None = None) -> str:
    """The permission that a call lacked: `ram:CreateRole on acs:ram:*:*:role/x`.

    Args:
        error: the refusal; where the API names the missing action, that one counts and not the call.
        subject: the step's subject that it refused.
        step: the step; None for a reading, which takes many resources.
    """
    product = "ecs" if any(name in error.action for name in ECS_ACTIONS) else "ram"
    named = _NAMED.match(error.message)
    action = named[1] if named else f"{product}:{error.action}"
    return f"{action} on {' and '.join(_resources(action, subject, step))}"


def _resources(action: str, subject: str, step: Step | None) -> tuple[str, ...]:
    match step:
        case AttachRole() | DetachRole() if action == PASS_ROLE:
            return (_role(step.role),)
        case AttachRole():
            return (_instance(InstanceId.of(subject)), _role(step.role))
        case DetachRole():
            return (_instance(InstanceId.of(subject)),)
        case AttachPolicy() | DetachPolicy():
            return (_role(step.role), _policy(step.policy))
        case CreateRole():
            return (_role(step.role.name),)
        case DeleteRole() | UpdateRole():
            return (_role(step.name),)
        case Tag(resource=Taggable.ROLE):
            return (_role(step.name),)
        case Tag() | CreatePolicyVersion() | UpdatePolicyDescription() | DeletePolicy():
            return (_policy(PolicyName(PolicyType.CUSTOM, step.name)),)
        case CreatePolicy():
            return (_policy(PolicyName(PolicyType.CUSTOM, step.policy.name)),)
        case _:
            return ("*",)


def _role(name: str) -> str:
    return f"acs:ram:*:*:role/{name}"


def _policy(policy: PolicyName) -> str:
    return f"acs:ram:*:{'system' if policy.type is PolicyType.SYSTEM else '*'}:policy/{policy.name}"


def _instance(instance: InstanceId) -> str:
    return f"acs:ecs:{instance.region}:*:instance/{instance.id}"
