"""The operator's pod: what it is told, what it may not do, and how it comes and goes."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.chart.conftest import CHART, Render
from tests.conftest import RunningControlPlane

from ram_operator.grantable import DENIED_ACTIONS, DENIED_SYSTEM_POLICIES, SYSTEM_POLICIES, TRUST_PRINCIPALS
from ram_operator.settings import PREFIX, Settings, from_environment

EMPTY = ("PREVIOUS_CLUSTER_IDS", "ALLOWED_ROLES", "ALLOWED_ACTIONS", "ALLOWED_GRANTEES")
DEFAULT_ENVIRONMENT = {
    "RAM_OPERATOR_LEASE_NAMESPACE": "ram-operator",
    "RAM_OPERATOR_LEASE_NAME": "ram-operator",
    "RAM_OPERATOR_LISTEN": "0.0.0.0:8080",
    "RAM_OPERATOR_LOG_LEVEL": "INFO",
    "RAM_OPERATOR_LOG_FORMAT": "json",
    "RAM_OPERATOR_PROTECTED_ROLES": "KubernetesWorkerRole-*,KubernetesMasterRole-*",
    "RAM_OPERATOR_RESTORABLE_ROLES": "KubernetesWorkerRole-*,KubernetesMasterRole-*",
    "RAM_OPERATOR_ALLOW_NON_NODE_INSTANCES": "false",
    "RAM_OPERATOR_MARK_NODES": "false",
    "RAM_OPERATOR_SWEEP_INTERVAL_SECONDS": "600",
    "RAM_OPERATOR_FULL_CHECK_INTERVAL_SECONDS": "21600",
    "RAM_OPERATOR_NODE_GONE_SECONDS": "600",
    "RAM_OPERATOR_READ_ONLY": "false",
    "RAM_OPERATOR_WORKERS": "16",
    "RAM_OPERATOR_QUOTA_FACTOR": "1",
    "RAM_OPERATOR_SYSTEM_POLICIES_PER_ROLE": "20",
    "RAM_OPERATOR_CUSTOM_POLICIES_PER_ROLE": "10",
    "RAM_OPERATOR_DENIED_ACTIONS": ",".join(DENIED_ACTIONS),
    "RAM_OPERATOR_ALLOWED_SYSTEM_POLICIES": ",".join(SYSTEM_POLICIES),
    "RAM_OPERATOR_DENIED_SYSTEM_POLICIES": ",".join(DENIED_SYSTEM_POLICIES),
    "RAM_OPERATOR_ALLOWED_TRUST_PRINCIPALS": ",".join(TRUST_PRINCIPALS),
    "RAM_OPERATOR_PROTECTED_POLICIES": ",".join(Settings().protected_policies),
    **dict.fromkeys((f"RAM_OPERATOR_{name}" for name in EMPTY), "none"),
    "RAM_OPERATOR_REGION": "cn-hangzhou",
    "RAM_OPERATOR_CREDENTIALS_DIR": "/var/run/secrets/ram-operator",
}
BECOMES = {
    "settings.clusterId=c1": ("RAM_OPERATOR_CLUSTER_ID", "c1"),
    "settings.previousClusterIds={a,b}": ("RAM_OPERATOR_PREVIOUS_CLUSTER_IDS", "a,b"),
    "settings.protectedRoles={a,b-*}": ("RAM_OPERATOR_PROTECTED_ROLES", "a,b-*"),
    "settings.allowedRoles={d}": ("RAM_OPERATOR_ALLOWED_ROLES", "d"),
    "settings.allowNonNodeInstances=true": ("RAM_OPERATOR_ALLOW_NON_NODE_INSTANCES", "true"),
    "settings.requiredInstanceTag=k=v": ("RAM_OPERATOR_REQUIRED_INSTANCE_TAG", "k=v"),
    "settings.markNodes=true": ("RAM_OPERATOR_MARK_NODES", "true"),
    "settings.restorableRoles={c}": ("RAM_OPERATOR_RESTORABLE_ROLES", "c"),
    "settings.sweepIntervalSeconds=10": ("RAM_OPERATOR_SWEEP_INTERVAL_SECONDS", "10"),
    "settings.fullCheckIntervalSeconds=1000000": ("RAM_OPERATOR_FULL_CHECK_INTERVAL_SECONDS", "1000000"),
    "settings.nodeGoneSeconds=0": ("RAM_OPERATOR_NODE_GONE_SECONDS", "0"),
    "settings.readOnly=true": ("RAM_OPERATOR_READ_ONLY", "true"),
    "settings.workers=1": ("RAM_OPERATOR_WORKERS", "1"),
    "settings.quotaFactor=2": ("RAM_OPERATOR_QUOTA_FACTOR", "2"),
    "settings.systemPoliciesPerRole=5": ("RAM_OPERATOR_SYSTEM_POLICIES_PER_ROLE", "5"),
    "settings.customPoliciesPerRole=6": ("RAM_OPERATOR_CUSTOM_POLICIES_PER_ROLE", "6"),
    "settings.deniedActions={none}": ("RAM_OPERATOR_DENIED_ACTIONS", "none"),
    "settings.allowedActions={ram:PassRole}": ("RAM_OPERATOR_ALLOWED_ACTIONS", "ram:PassRole"),
    "settings.allowedSystemPolicies={A*,B}": ("RAM_OPERATOR_ALLOWED_SYSTEM_POLICIES", "A*,B"),
    "settings.deniedSystemPolicies={A*}": ("RAM_OPERATOR_DENIED_SYSTEM_POLICIES", "A*"),
    "settings.allowedTrustPrincipals={a.b}": ("RAM_OPERATOR_ALLOWED_TRUST_PRINCIPALS", "a.b"),
    "settings.allowedGrantees={user/a,role/b-*}": ("RAM_OPERATOR_ALLOWED_GRANTEES", "user/a,role/b-*"),
    "settings.protectedPolicies={p}": ("RAM_OPERATOR_PROTECTED_POLICIES", "p"),
    "settings.logFormat=plain": ("RAM_OPERATOR_LOG_FORMAT", "plain"),
    "settings.logLevel=DEBUG": ("RAM_OPERATOR_LOG_LEVEL", "DEBUG"),
    "cloud.region=ap-southeast-1": ("RAM_OPERATOR_REGION", "ap-southeast-1"),
    "cloud.endpoints.ram=http://a:1": ("RAM_OPERATOR_ENDPOINT_RAM", "http://a:1"),
    "cloud.endpoints.ecs=http://a:2": ("RAM_OPERATOR_ENDPOINT_ECS", "http://a:2"),
    "cloud.httpsProxy=http://a:4": ("RAM_OPERATOR_HTTPS_PROXY", "http://a:4"),
    "cloud.noProxy={a,.b}": ("RAM_OPERATOR_NO_PROXY", "a,.b"),
    "cloud.caBundleConfigMap=authorities": ("RAM_OPERATOR_CA_BUNDLE", "/etc/ram-operator/ca.crt"),
    "cloud.endpoints.sts=http://a:3": ("RAM_OPERATOR_ENDPOINT_STS", "http://a:3"),
}


ARNS = {
    "RAM_OPERATOR_ROLE_ARN": "acs:ram::1234567890123456:role/ram-operator",
    "RAM_OPERATOR_OIDC_PROVIDER_ARN": "acs:ram::1234567890123456:oidc-provider/ack-rrsa-c1",
}
RRSA = (
    "cloud.credentials.secretName=",
    f"cloud.credentials.rrsa.roleArn={ARNS['RAM_OPERATOR_ROLE_ARN']}",
    f"cloud.credentials.rrsa.oidcProviderArn={ARNS['RAM_OPERATOR_OIDC_PROVIDER_ARN']}",
    "cloud.credentials.rrsa.sessionName=operator-of-c1",
    "cloud.credentials.rrsa.sessionPolicy=document",
)
# not values of the chart: whoever needs them writes them into extraEnv
BY_HAND = {"CREDENTIALS_URI", "METADATA_ENDPOINT"}


def deployment(render: Render, *settings: str) -> dict[str, Any]:
    """The Deployment, rendered with some values set."""
    found: dict[str, Any] = render(*(part for setting in settings for part in ("--set", setting)))[
        "Deployment", "ram-operator"
    ]
    return found


def pod(render: Render, *settings: str) -> dict[str, Any]:
    """Its pod's spec."""
    found: dict[str, Any] = deployment(render, *settings)["spec"]["template"]["spec"]
    return found


def environment(render: Render, *settings: str) -> dict[str, str]:
    """Its container's variables that have a plain value."""
    entries = pod(render, *settings)["containers"][0]["env"]
    return {entry["name"]: entry["value"] for entry in entries if "value" in entry}


def test_the_defaults_tell_the_operator_its_defaults_and_nothing_empty(render: Render) -> None:
    assert environment(render) == DEFAULT_ENVIRONMENT


VALUES = yaml.safe_load((CHART / "values.yaml").read_text())["settings"]
LISTS = {name: re.sub("(?=[A-Z])", "_", name).lower() for name, value in VALUES.items() if isinstance(value, list)}


def given(render: Render, value: str) -> dict[str, object]:
    """The settings of an operator whose chart has this JSON for every list, as far as they are lists."""
    parts = (part for name in LISTS for part in ("--set-json", f"settings.{name}={value}"))
    rendered = render(*parts)["Deployment", "ram-operator"]["spec"]["template"]["spec"]
    variables = {entry["name"]: entry["value"] for entry in rendered["containers"][0]["env"]}
    read = from_environment({name: text for name, text in variables.items() if not name.endswith("CREDENTIALS_DIR")})
    return {name: getattr(read, field) for name, field in LISTS.items()}


def test_an_empty_list_is_an_empty_list_and_null_is_the_default(render: Render) -> None:
    assert given(render, "[]") == dict.fromkeys(LISTS, ())
    assert given(render, "null") == {name: getattr(Settings(), field) for name, field in LISTS.items()}


@pytest.mark.parametrize("setting", BECOMES)
def test_a_value_becomes_a_variable(setting: str, render: Render) -> None:
    name, value = BECOMES[setting]
    assert environment(render, setting).items() - DEFAULT_ENVIRONMENT.items() == {(name, value)}


def test_every_variable_is_one_that_the_operator_reads_and_the_other_way_round(render: Render) -> None:
    read = {f"{PREFIX}{name.upper()}" for name in Settings.__dataclass_fields__ if name != "credentials"}
    given = set(DEFAULT_ENVIRONMENT) | {name for name, _ in BECOMES.values()} | set(environment(render, *RRSA))
    assert read - given == {f"{PREFIX}{name}" for name in BY_HAND}
    assert given <= read


def test_rrsa_takes_a_token_for_sts_alone_and_no_secret(render: Render) -> None:
    spec = pod(render, *RRSA)
    variables = environment(render, *RRSA)
    assert variables.items() >= ARNS.items()
    assert variables["RAM_OPERATOR_CREDENTIALS_SOURCE"] == "oidc"
    assert variables["RAM_OPERATOR_ROLE_SESSION_NAME"] == "operator-of-c1"
    assert "RAM_OPERATOR_CREDENTIALS_DIR" not in variables
    (volume,) = (volume for volume in spec["volumes"] if volume["name"] == "token")
    (source,) = volume["projected"]["sources"]
    assert source["serviceAccountToken"]["audience"] == "sts.aliyuncs.com"
    (mount,) = (mount for mount in spec["containers"][0]["volumeMounts"] if mount["name"] == "token")
    file = f"{mount['mountPath']}/{source['serviceAccountToken']['path']}"
    assert variables["RAM_OPERATOR_OIDC_TOKEN_FILE"] == file
    assert [volume["name"] for volume in spec["volumes"]] == ["tmp", "token"]


def test_a_large_number_in_a_file_stays_a_number(render: Render, tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text("settings: {fullCheckIntervalSeconds: 1000000}")
    rendered = render("--values", str(values))["Deployment", "ram-operator"]["spec"]["template"]["spec"]
    variables = {entry["name"]: entry.get("value") for entry in rendered["containers"][0]["env"]}
    assert variables["RAM_OPERATOR_FULL_CHECK_INTERVAL_SECONDS"] == "1000000"


def test_a_bundle_of_authorities_is_mounted(render: Render) -> None:
    spec = pod(render, "cloud.caBundleConfigMap=authorities")
    assert {"name": "ca-bundle", "configMap": {"name": "authorities"}} in spec["volumes"]
    assert {"name": "ca-bundle", "mountPath": "/etc/ram-operator", "readOnly": True} in spec["containers"][0][
        "volumeMounts"
    ]


def test_the_credentials_are_a_read_only_folder_that_follows_the_secret(render: Render) -> None:
    spec = pod(render)
    mount = next(mount for mount in spec["containers"][0]["volumeMounts"] if mount["name"] == "credentials")
    assert mount == {
        "name": "credentials",
        "mountPath": DEFAULT_ENVIRONMENT["RAM_OPERATOR_CREDENTIALS_DIR"],
        "readOnly": True,
    }
    volume = next(volume for volume in spec["volumes"] if volume["name"] == "credentials")
    assert volume["secret"] == {"secretName": "ram-operator-credentials", "defaultMode": 0o440}


def test_without_a_secret_nothing_is_mounted(render: Render) -> None:
    settings = ("cloud.credentials.secretName=", "replicas=0")
    assert "RAM_OPERATOR_CREDENTIALS_DIR" not in environment(render, *settings)
    assert [volume["name"] for volume in pod(render, *settings)["volumes"]] == ["tmp"]


def test_two_replicas_elect_a_leader_and_are_spread_and_replaced_one_by_one(render: Render) -> None:
    rendered = render()
    spec = deployment(render)["spec"]
    assert (spec["replicas"], spec["strategy"]) == (2, {"type": "RollingUpdate"})
    assert pod(render)["terminationGracePeriodSeconds"] == 45
    labels = spec["selector"]["matchLabels"]
    budget = rendered["PodDisruptionBudget", "ram-operator"]["spec"]
    assert budget == {"maxUnavailable": 1, "selector": {"matchLabels": labels}}
    spread = pod(render)["topologySpreadConstraints"]
    assert {each["topologyKey"] for each in spread} == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
    assert all(each["labelSelector"]["matchLabels"] == labels for each in spread)
    assert {each["whenUnsatisfiable"] for each in spread} == {"ScheduleAnyway"}


def test_one_replica_needs_no_budget_and_no_spread(render: Render) -> None:
    assert ("PodDisruptionBudget", "ram-operator") not in render("--set", "replicas=1")
    assert "topologySpreadConstraints" not in pod(render, "replicas=1")
    own = pod(render, "topologySpreadConstraints[0].topologyKey=rack")["topologySpreadConstraints"]
    assert own == [{"topologyKey": "rack"}]


def test_without_election_there_are_never_two_at_once(render: Render) -> None:
    settings = ("replicas=1", "leaderElection.enabled=false")
    assert deployment(render, *settings)["spec"]["strategy"] == {"type": "Recreate"}
    assert not [name for name in environment(render, *settings) if "LEASE" in name]


def test_probes_and_metrics_are_asked_of_the_port_that_is_listened_on(render: Render) -> None:
    container = pod(render)["containers"][0]
    assert container["ports"] == [{"name": "http", "containerPort": 8080}]
    assert container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "http"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
    service = render("--set", "service.port=9")["Service", "ram-operator-metrics"]["spec"]
    assert service["ports"] == [{"name": "http", "port": 9, "targetPort": "http"}]
    assert service["selector"] == deployment(render)["spec"]["selector"]["matchLabels"]


def test_why_it_could_not_start_is_in_the_pods_status(render: Render) -> None:
    assert pod(render)["containers"][0]["terminationMessagePolicy"] == "FallbackToLogsOnError"


def test_no_service_of_the_namespace_can_look_like_a_setting(render: Render) -> None:
    assert pod(render)["enableServiceLinks"] is False


def test_a_service_monitor_is_there_where_it_is_asked_for(render: Render) -> None:
    assert not [kind for kind, _ in render() if kind == "ServiceMonitor"]
    wanted = ("enabled=true", "interval=30s", "labels.release=prometheus", "labels.app\\.kubernetes\\.io/name=other")
    rendered = render(*(part for value in wanted for part in ("--set", f"serviceMonitor.{value}")))
    monitor = rendered["ServiceMonitor", "ram-operator"]
    service = rendered["Service", "ram-operator-metrics"]
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    assert monitor["metadata"]["labels"]["app.kubernetes.io/name"] == "other"
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    (port,) = service["spec"]["ports"]
    assert monitor["spec"]["endpoints"] == [{"port": port["name"], "path": "/metrics", "interval": "30s"}]


def test_the_selector_has_only_labels_that_never_change(render: Render) -> None:
    selector = deployment(render, "podLabels.a=b", "commonLabels.c=d")["spec"]["selector"]["matchLabels"]
    assert selector == {"app.kubernetes.io/name": "ram-operator", "app.kubernetes.io/instance": "ram-operator"}


def test_placement_and_extras_reach_the_pod(render: Render) -> None:
    settings = ("nodeSelector.a=b", "tolerations[0].key=k", "priorityClassName=p", "imagePullSecrets[0].name=s")
    more = (
        "affinity.nodeAffinity.x=y",
        "podAnnotations.n=v",
        "podLabels.l=v",
        "extraEnv[0].name=E",
        "extraEnv[0].value=v",
    )
    spec = pod(render, *settings, *more)
    assert spec["nodeSelector"] == {"a": "b"}
    assert spec["tolerations"] == [{"key": "k"}]
    assert spec["priorityClassName"] == "p"
    assert spec["imagePullSecrets"] == [{"name": "s"}]
    assert spec["affinity"] == {"nodeAffinity": {"x": "y"}}
    assert environment(render, *settings, *more)["E"] == "v"
    metadata = deployment(render, *settings, *more)["spec"]["template"]["metadata"]
    assert metadata["annotations"] == {"n": "v"}
    assert metadata["labels"]["l"] == "v"


def test_the_image_is_the_charts_version_unless_told_otherwise(render: Render) -> None:
    assert pod(render)["containers"][0]["image"] == "ram-operator:0.1.0"
    image = pod(render, "image.repository=r/x", "image.tag=t")["containers"][0]["image"]
    assert image == "r/x:t"
    digest = f"sha256:{'0a' * 32}"
    pinned = pod(render, "image.repository=r/x", "image.tag=t", f"image.digest={digest}")["containers"][0]["image"]
    assert pinned == f"r/x@{digest}"


def test_common_labels_are_on_everything(render: Render) -> None:
    rendered = render("--set", "commonLabels.run=r1")
    assert {value["metadata"]["labels"].get("run") for value in rendered.values()} == {"r1"}


def test_a_second_release_of_another_name_gets_names_of_its_own(render: Render) -> None:
    names = {
        name
        for (kind, name) in render("--set", "fullnameOverride=other")
        if not kind.endswith(("Definition", "Policy", "PolicyBinding"))
    }
    assert names
    assert all(name.startswith("other") for name in names)


def test_the_container_holds_nothing_it_does_not_need(render: Render) -> None:
    spec = pod(render)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert spec["containers"][0]["resources"]["limits"]["memory"]


def test_the_pod_is_admitted_where_restricted_pod_security_is_enforced(
    render: Render, installed: RunningControlPlane
) -> None:
    namespace = json.loads(installed.kubectl("get", "namespace", "ram-operator", "-o", "json").stdout)
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    head = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "good", "namespace": "ram-operator"}}
    good: dict[str, Any] = {**head, "spec": pod(render)}
    command = ("create", "--dry-run=server", "-f", "-")
    done = installed.kubectl(*command, input=json.dumps(good))
    assert (done.returncode, done.stderr) == (0, "")
    bad = {**good, "spec": {**good["spec"], "hostNetwork": True}}
    assert "violates PodSecurity" in installed.kubectl(*command, input=json.dumps(bad)).stderr
