"""values.yaml and values.schema.json say the same, and a wrong value is refused with a reason."""

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import yaml
from tests.chart.conftest import CHART, CREDENTIALS, Render, RunHelm
from tests.unit.sentences import faults

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())

FOR_PARENTS = {"global", "enabled", "tags", "exports"}  # what a chart gets of the values of its parent

REFUSED = {
    "settings.foo=1": "additional properties 'foo' not allowed",
    "foo=1": "additional properties 'foo' not allowed",
    "settings.sweepIntervalSeconds=9": "minimum: got 9, want 10",
    "settings.fullCheckIntervalSeconds=59": "minimum: got 59, want 60",
    "image.digest=sha256:1": "'/image/digest'",
    "settings.workers=0": "minimum: got 0, want 1",
    "settings.workers=many": "'/settings/workers': got string, want integer",
    "settings.logLevel=info": "must be one of 'DEBUG', 'INFO', 'WARNING', 'ERROR'",
    "settings.clusterId=a\\,b": "'/settings/clusterId'",
    "settings.clusterId=a b": "'/settings/clusterId'",
    "settings.previousClusterIds[0]=a;b": "'/settings/previousClusterIds/0'",
    "settings.previousClusterIds[0]=['a'": "'/settings/previousClusterIds/0'",
    "cloud.endpoints.ram=ftp://example.com": "'/cloud/endpoints/ram'",
    "cloud.httpsProxy=proxy:3128": "'/cloud/httpsProxy'",
    "cloud.httpsProxy=http://proxy:0": "'/cloud/httpsProxy'",
    "cloud.httpsProxy=http://proxy:65536": "'/cloud/httpsProxy'",
    "serviceMonitor.interval=30s1h": "'/serviceMonitor/interval'",
    "settings.deniedActions={ram}": "'/settings/deniedActions/0'",
    "settings.deniedActions[0]=('ram:*'": "'/settings/deniedActions/0'",
    "cloud.region=Hangzhou": "'/cloud/region'",
    "cloud.credentials.secretName=Not_A_Name": "'/cloud/credentials/secretName'",
    "image.pullPolicy=Sometimes": "'/image/pullPolicy'",
    "service.port=0": "minimum: got 0, want 1",
    "resources.gpu=1": "additional properties 'gpu' not allowed",
    "extraEnv[0].value=x": "missing property 'name'",
    "image.repository=REGISTRY/ram-operator": "write the registry and name that you pushed it under",
    "leaderElection.enabled=false": "without election two operators would work against each other",
    "cloud.credentials.secretName=": "write rrsa.roleArn and rrsa.oidcProviderArn, or name in secretName the Secret",
    "cloud.credentials.rrsa.roleArn=acs:ram::1:role/x": "two sources of one credential",
    "cloud.credentials.rrsa.roleArn=ram-operator": "'/cloud/credentials/rrsa/roleArn'",
    "cloud.credentials.rrsa.oidcProviderArn=acs:ram::1:oidc-provider/x": "write both roleArn and oidcProviderArn",
}
TAKEN = (
    "cloud.endpoints.ram=http://127.0.0.1:7780",
    "cloud.endpoints.ecs=ecs-vpc.cn-hangzhou.aliyuncs.com",
    "cloud.endpoints.sts=http://[::1]:7780",
    "cloud.httpsProxy=http://[::1]:3128",
    "cloud.httpsProxy=http://proxy_a:65535",
    "serviceMonitor.interval=1m30s",
    "image.tag=v0.1.0-rc.1",
    "image.repository=localhost:5000/team/ram-operator",
    "settings.clusterId=prod@eu",
    "settings.previousClusterIds={a,b}",
    "settings.previousClusterIds={prod@eu/8a2f}",
    "global.anything=x",
    "resources.limits.cpu=1",
)


@pytest.mark.parametrize(("setting", "reason"), REFUSED.items(), ids=REFUSED)
def test_a_wrong_value_is_refused_with_the_reason(setting: str, reason: str, template: RunHelm) -> None:
    done = template(*CREDENTIALS, "--set", setting)
    assert done.returncode != 0
    assert reason in done.stderr
    own = re.search(r"execution error at \([^)]*\): (.*)", done.stderr)
    assert own is None or faults(own[1]) == []


def test_the_values_people_need_are_taken(render: Render) -> None:
    assert render(*(part for setting in TAKEN for part in ("--set", setting)))


@pytest.mark.parametrize("setting", ["replicas=0", "extraEnv[0].name=ALIBABA_CLOUD_ACCESS_KEY_ID"])
def test_no_secret_is_needed_where_none_would_be_read(setting: str, template: RunHelm) -> None:
    assert template("--set", setting).returncode == 0


def test_helm_lint_has_nothing_to_say(run_helm: RunHelm) -> None:
    done = run_helm("lint", "--strict", str(CHART))
    assert done.returncode == 0, done.stdout
    assert "[WARNING]" not in done.stdout + done.stderr


def test_the_schema_of_the_values_is_a_schema_and_takes_the_defaults() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.validate(VALUES, SCHEMA)


@pytest.mark.parametrize("name", ["values.yaml", "values.schema.json"])
def test_nothing_is_written_twice(name: str) -> None:
    assert list(repeated(yaml.compose((CHART / name).read_text()))) == []


def repeated(node: Any) -> Iterator[str]:
    """Keys that stand twice in one mapping; JSON is YAML."""
    children = node.value if isinstance(node, (yaml.MappingNode, yaml.SequenceNode)) else []
    if isinstance(node, yaml.MappingNode):
        names = [key.value for key, _ in children]
        yield from (name for name in set(names) if names.count(name) > 1)
        children = [child for _, child in children]
    for child in children:
        yield from repeated(child)


def test_every_default_is_described_by_the_schema_and_the_other_way_round() -> None:
    described = set(schema_paths(SCHEMA))
    assert described - FOR_PARENTS == set(value_paths(VALUES, described))


def schema_paths(schema: dict[str, Any], place: str = "") -> Iterator[str]:
    """Dotted names of the leaves that the schema describes; each object and leaf has to have a description."""
    for name, child in schema.get("properties", {}).items():
        path = f"{place}.{name}".lstrip(".")
        assert child.get("description"), f"{path} has no description"
        if "properties" in child:
            yield from schema_paths(child, path)
        else:
            yield path


def value_paths(values: dict[str, Any], leaves: set[str], place: str = "") -> Iterator[str]:
    """Dotted names of the leaves of values.yaml; what the schema treats as one value is one."""
    for name, child in values.items():
        path = f"{place}.{name}".lstrip(".")
        if isinstance(child, dict) and path not in leaves:
            yield from value_paths(child, leaves, path)
        else:
            yield path
