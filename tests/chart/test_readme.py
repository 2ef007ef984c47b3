"""What the chart's README says besides the values: the metrics, and examples that can be applied as they stand."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest
from prometheus_client.metrics import MetricWrapperBase
from tests.chart.conftest import CHART, ROOT
from tests.cluster.admission.case import Case, policy, statement, trust_statement
from tests.conftest import RunningControlPlane

from ram_operator import metrics

README = (CHART / "README.md").read_text()
EXAMPLE = str(ROOT / "deploy/examples/refuse-broad-grants.yaml")


def blocks(language: str) -> list[str]:
    """The README's code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def exported() -> Iterator[str]:
    """Names that /metrics has, as Prometheus sees them."""
    for value in vars(metrics).values():
        if isinstance(value, MetricWrapperBase):
            family = next(iter(value.describe()))
            yield f"{family.name}_total" if family.type == "counter" else family.name


def test_the_list_of_metrics_is_complete() -> None:
    assert re.findall(r"^\| `(ram_operator_\w+)` \|", README, re.MULTILINE) == list(exported())


def test_nothing_is_exported_beyond_the_list() -> None:
    metrics.observe_call("GetRole", "OK", 0.1)
    families = re.findall(r"^# TYPE (ram_operator_\w+) ", generate_latest().decode(), re.MULTILINE)
    assert families == list(exported())


def test_every_yaml_of_the_readme_can_be_applied(installed: RunningControlPlane) -> None:
    installed.kubectl("create", "namespace", "team")
    texts = [text.replace("TEAM", "team") for text in blocks("yaml")]
    assert len(texts) == 3
    for text in texts:
        done = installed.kubectl("create", "--dry-run=server", "-f", "-", input=text)
        assert done.returncode == 0, done.stderr


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
    "the administrator": role(policies=[{"system": "AdministratorAccess"}]),
    "a trust document": role(trust={"document": {"Statement": [trust_statement()]}}),
    "another service": role(trust={"services": ["fc.aliyuncs.com"]}),
}
NARROW = {
    "reading": grant(Action=["oss:Get*", "oss:List*"]),
    "denying everything": grant(Effect="Deny", Action="*"),
    "denying all but": grant(Effect="Deny", Action=..., NotAction="oss:*"),
    "a role": role(),
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


def refusal(server: RunningControlPlane, case: Case) -> str:
    """What is said to an object, nothing if it is taken."""
    return server.kubectl("create", "--dry-run=server", "-f", "-", input=json.dumps(case.body())).stderr


def test_the_example_of_a_limit_refuses_what_is_broad_and_nothing_else(limited: RunningControlPlane) -> None:
    said = {title: refusal(limited, case) for title, case in BROAD.items()}
    assert [title for title, text in said.items() if "this cluster's limit refuses" not in text] == []
    assert {title: text for title, case in NARROW.items() if (text := refusal(limited, case))} == {}


def test_the_policy_of_the_key_is_written_in_rams_grammar() -> None:
    (text,) = blocks("json")
    assert set(json.loads(text)) == {"Version", "Statement"}
    assert yaml.safe_load(text) == json.loads(text)
