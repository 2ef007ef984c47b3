"""The example of a limit on documents: it refuses what is broad, and nothing else."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.chart.conftest import ROOT
from tests.cluster.admission.case import Case, policy, statement, trust_statement
from tests.conftest import RunningControlPlane

from ram_operator.cloud import PolicyName, PolicyType
from ram_operator.grantable import DENIED_ACTIONS
from ram_operator.model import Granted
from ram_operator.rules.boundary import Boundary

EXAMPLE = str(ROOT / "deploy/examples/refuse-broad-grants.yaml")


def grant(**changes: Any) -> Case:
    """A RamPolicy with this statement."""
    return Case("grant", "RamPolicy", policy(document={"Statement": [statement(**changes)]}))


def role(**spec: Any) -> Case:
    """A RamRole with this spec."""
    return Case("role", "RamRole", spec)


BROAD = {
    "everything": grant(Action="*"),
    "everything in a list": grant(Action=["oss:Get*", "*"]),
    "all of ram": grant(Action="ram:*"),
    "one action of ram, in capitals": grant(Action="RAM:CreateUser"),
    "all of sts": grant(Action=["sts:AssumeRole"]),
    "any service": grant(Action="*:Create*"),
    "a service with a wildcard": grant(Action="r?m:*"),
    "all but": grant(Action=..., NotAction="oss:*"),
    "all of ecs": grant(Action="ecs:*"),
    "running commands": grant(Action=["oss:Get*", "ecs:RunCommand"]),
    "what begins like running commands, in capitals": grant(Action="ECS:R*"),
    "sending files by a pattern": grant(Action="ecs:?endFile"),
    "an instance's role": grant(Action="ecs:A*InstanceRamRole"),
    "a cluster": grant(Action="cs:DescribeClusterUserKubeconfig"),
    "a template": grant(Action="oos:StartExecution"),
    "a stack": grant(Action="ros:*"),
    "a key for logins": grant(Action="ecs:AttachKeyPair"),
    "a group that launches instances": grant(Action="ess:*"),
    "a container's shell": grant(Action="eci:Exec*"),
    "hiding what was done": grant(Action="actiontrail:StopLogging"),
    "a secret": grant(Action="kms:Get*"),
    "accounts": grant(Action="ResourceManager:*"),
    "full access to a service": role(policies=[{"system": "AliyunECSFullAccess"}]),
    "reading all of ram": role(policies=[{"system": "AliyunRAMReadOnlyAccess"}]),
    "a policy that nobody here has seen": role(policies=[{"custom": "somebodys-policy"}]),
    "the administrator": role(policies=[{"system": "AdministratorAccess"}]),
    "a role of somebody else, with its policies": role(roleName="admin", adoptionPolicy="IfUnowned"),
    "a role of somebody else, as it is": role(roleName="admin", adoptionPolicy="IfIdentical"),
    "a trust document": role(trust={"document": {"Statement": [trust_statement()]}}),
    "another service": role(trust={"services": ["fc.aliyuncs.com"]}),
}
NARROW = {
    "reading": grant(Action=["oss:Get*", "oss:List*"]),
    "an operation of ecs": grant(Action=["ecs:Describe*", "ecs:StartInstance", "ecs:Run?"]),
    "a RamPolicy": role(policies=[{"policyRef": {"name": "oss-read"}}, {"system": "AliyunECSReadOnlyAccess"}]),
    "denying everything": grant(Effect="Deny", Action="*"),
    "denying all but": grant(Effect="Deny", Action=..., NotAction="oss:*"),
    "a role": role(),
    "a role that is nobody else's": role(roleName="mine", adoptionPolicy="Never"),
    "a role for ecs": role(trust={"services": ["ecs.aliyuncs.com"]}, policies=[{"system": "AliyunOSSReadOnlyAccess"}]),
}


@pytest.fixture(scope="module")
def limited(installed: RunningControlPlane, eventually: Any) -> Iterator[RunningControlPlane]:
    """The control plane with the example of a limit."""
    assert installed.kubectl("apply", "-f", EXAMPLE).returncode == 0
    eventually(lambda: "this cluster's limit" in refusal(installed, BROAD["everything"]))
    yield installed
    assert installed.kubectl("delete", "-f", EXAMPLE).returncode == 0
    eventually(lambda: not refusal(installed, BROAD["everything"]))


def listed(variable: str) -> set[str]:
    """What a list of the example has in it."""
    example = next(yaml.safe_load_all(Path(EXAMPLE).read_text()))
    (text,) = (each["expression"] for each in example["spec"]["variables"] if each["name"] == variable)
    return set(re.findall("'([^']+)'", text))


def test_the_example_refuses_what_the_operator_denies_by_default() -> None:
    assert {f"{service}:*" for service in listed("services")} | listed("takeOver") == {
        action.lower() for action in DENIED_ACTIONS
    }


@pytest.mark.parametrize("name", sorted(listed("systemPolicies")))
def test_the_operator_takes_the_system_policies_of_the_example_by_default(name: str) -> None:
    assert not Boundary().problems(Granted(policy=PolicyName(PolicyType.SYSTEM, name)))


def refusal(server: RunningControlPlane, case: Case) -> str:
    """What is said to an object, nothing if it is taken."""
    return server.kubectl("create", "--dry-run=server", "-f", "-", input=json.dumps(case.body())).stderr


def test_the_example_of_a_limit_refuses_what_is_broad_and_nothing_else(limited: RunningControlPlane) -> None:
    said = {title: refusal(limited, case) for title, case in BROAD.items()}
    assert [title for title, text in said.items() if "this cluster's limit refuses" not in text] == []
    assert {title: text for title, case in NARROW.items() if (text := refusal(limited, case))} == {}
