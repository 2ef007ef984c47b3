"""The settings: one frozen value, read once from the environment. Nothing else in the package reads the environment.

Every variable is set by the Helm chart; its values.yaml documents them for users in the same words.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from textwrap import fill
from typing import Annotated, Any, get_type_hints

from ram_operator.addresses import endpoint_problem, host_problem, is_region, proxy_problem, uri_problem
from ram_operator.errors import StartupError
from ram_operator.grantable import (
    DENIED_ACTIONS,
    DENIED_SYSTEM_POLICIES,
    SYSTEM_POLICIES,
    TRUST_PRINCIPALS,
    action_problem,
    cluster_id_problem,
    grantee_problem,
    name_problem,
    principal_problem,
)

PREFIX = "RAM_OPERATOR_"
_KUBERNETES_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
NONE = "none"
"""What a list says to be empty, since an empty variable is its default."""
METADATA_SERVICE = "http://100.100.100.200"
_BESIDES = (
    (
        "ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET, ALIBABA_CLOUD_SECURITY_TOKEN",
        "The operator's AccessKey, where there is no folder with it; the token only with a temporary one.",
    ),
    ("KUBECONFIG", "The cluster, where the operator does not run in a Pod."),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a user can set. Each field is the variable `RAM_OPERATOR_` plus its name in capitals."""

    cluster_id: Annotated[str, "Marks our cloud objects, before the UID of the namespace kube-system."] = ""
    previous_cluster_ids: Annotated[
        tuple[str, ...], "Ids of clusters whose objects this one takes over, separated by commas."
    ] = ()
    sweep_interval_seconds: Annotated[float, "Seconds between drift sweeps."] = 600.0
    full_check_interval_seconds: Annotated[
        float, "Seconds after which each object is read in detail although no list shows a change."
    ] = 21600.0
    node_gone_seconds: Annotated[float, "Seconds for which an instance keeps its role after its Node object went."] = (
        600.0
    )
    region: Annotated[str, "The region that the SDK names in calls of global services."] = "cn-hangzhou"
    endpoint_ram: Annotated[str, "RAM's endpoint, a URL or host; empty means Alibaba Cloud's own."] = ""
    endpoint_ecs: Annotated[str, "The endpoint of ECS for all regions, likewise."] = ""
    endpoint_sts: Annotated[str, "The endpoint of STS, likewise."] = ""
    https_proxy: Annotated[
        str,
        "Proxy for calls to the cloud by https, such as http://proxy:3128. The variable HTTPS_PROXY is not looked at.",
    ] = field(default="", repr=False)
    no_proxy: Annotated[
        tuple[str, ...],
        "Hosts and domains that are called without the proxy, separated by commas. NO_PROXY is not looked at.",
    ] = ()
    ca_bundle: Annotated[
        Path | None, "File with the certificates of the authorities that the cloud's endpoints are trusted by."
    ] = None
    credentials_source: Annotated[
        str,
        "Where the AccessKey comes from: static (CREDENTIALS_DIR, else the environment), oidc (RRSA: a token of the "
        "cluster is changed for a role's credentials), instance-role (of the node's instance) or uri.",
    ] = "static"
    credentials_dir: Annotated[
        Path | None, "Folder with accessKeyId, accessKeySecret and optionally securityToken: the mounted Secret."
    ] = None
    role_arn: Annotated[str, "With oidc: the role to assume."] = ""
    oidc_provider_arn: Annotated[str, "With oidc: the OIDC provider that RAM knows the cluster as."] = ""
    oidc_token_file: Annotated[
        Path | None, "With oidc: the projected token of the ServiceAccount, for the audience sts.aliyuncs.com."
    ] = None
    role_session_name: Annotated[str, "With oidc: names the session in ActionTrail."] = "ram-operator"
    session_policy: Annotated[str, "With oidc: a policy document that limits the role further, JSON."] = ""
    credentials_uri: Annotated[str, "With uri: a server that answers with credentials as JSON."] = field(
        default="", repr=False
    )
    metadata_endpoint: Annotated[str, "With instance-role: the metadata service."] = METADATA_SERVICE
    protected_roles: Annotated[
        tuple[str, ...],
        "Roles that conflictPolicy Replace leaves where they are unless allowProtectedRoles is true; names, in which * "
        "and ? stand for characters, separated by commas.",
    ] = ("KubernetesWorkerRole-*", "KubernetesMasterRole-*")
    restorable_roles: Annotated[
        tuple[str, ...],
        "Roles, besides those of RamRoles, that instances may be given back and that may be replaced, likewise.",
    ] = ("KubernetesWorkerRole-*", "KubernetesMasterRole-*")
    allowed_roles: Annotated[
        tuple[str, ...], "Roles that no RamRole manages and that bindings may name by roleName, likewise; default none."
    ] = ()
    allow_non_node_instances: Annotated[
        bool, "Whether bindings may name instances that are no nodes, by spec.instances: true or false."
    ] = False
    required_instance_tag: Annotated[
        str,
        "A tag, as KEY or KEY=VALUE, that an instance must carry before it is given a role, such as "
        "ack.aliyun.com=CLUSTER, which ACK puts on its workers; empty for none.",
    ] = ""
    mark_nodes: Annotated[
        bool,
        "Whether a Node whose instance was seen with its role gets the label ram.alicloud.dev/instance-role and loses "
        "the taint ram.alicloud.dev/role-not-ready, which it may register with: true or false.",
    ] = False
    read_only: Annotated[
        bool, "Whether nothing is written to the cloud for any object; status.plan says what would be: true or false."
    ] = False
    lease_namespace: Annotated[
        str, "Namespace of the Lease by which replicas elect their leader; empty for an operator that runs alone."
    ] = ""
    lease_name: Annotated[str, "Name of that Lease."] = "ram-operator"
    workers: Annotated[int, "How many objects are worked on at once."] = 16
    quota_factor: Annotated[
        float, "How many times the documented quotas of API calls the account has, where it was given more."
    ] = 1.0
    system_policies_per_role: Annotated[int, "RAM's quota of system policies on a role."] = 20
    custom_policies_per_role: Annotated[int, "RAM's quota of custom policies on a role."] = 10
    denied_actions: Annotated[
        tuple[str, ...],
        "Actions that no document may allow, as patterns separated by commas: * and ? stand for characters. The "
        "default has rights and identities, and what takes instances, clusters or accounts over or hides that. It has "
        "no data (OSS, RDS, KMS and others), no networks, no deletion of things, and nothing that only reads ECS.",
    ] = DENIED_ACTIONS
    allowed_actions: Annotated[
        tuple[str, ...], "Exceptions from that: actions of a document that lie wholly inside one of these patterns."
    ] = ()
    allowed_system_policies: Annotated[tuple[str, ...], "Name patterns of the system policies that roles may get."] = (
        SYSTEM_POLICIES
    )
    denied_system_policies: Annotated[
        tuple[str, ...],
        "Exceptions from that: system policies that no role may get. The default has those of the services of which "
        "every action is denied, since reading them is denied as well.",
    ] = DENIED_SYSTEM_POLICIES
    allowed_trust_principals: Annotated[
        tuple[str, ...],
        "Services, and ARNs of accounts, users, roles and identity providers, that roles may trust, each written out.",
    ] = TRUST_PRINCIPALS
    allowed_grantees: Annotated[
        tuple[str, ...], "Whom attachTo may grant policies to: user/NAME, group/NAME and role/NAME, as patterns."
    ] = ()
    protected_policies: Annotated[
        tuple[str, ...],
        "Name patterns, separated by commas: policies that policyAttachment Exclusive leaves attached to a role.",
    ] = ("k8sWorkerRolePolicy-*", "k8sMasterRolePolicy-*", "AliyunCS*")
    listen: Annotated[str, "Where /livez, /readyz and /metrics are served; port 0 means a free one."] = "0.0.0.0:8080"
    log_level: Annotated[str, "DEBUG, INFO, WARNING or ERROR."] = "INFO"
    log_format: Annotated[str, "How log lines are written: json, or plain for people."] = "json"
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The ALIBABA_CLOUD_* variables with credentials, used where there is no credentials_dir."""


def variables() -> Iterator[tuple[str, str, str]]:
    """Each variable, its default as it is written, and what it is."""
    hints = get_type_hints(Settings, include_extras=True)
    for name, each in Settings.__dataclass_fields__.items():
        if name != "credentials":
            yield PREFIX + name.upper(), _written(each.default), hints[name].__metadata__[0]


def described() -> str:
    """All variables, what they are and their defaults: what `--help` prints below the options."""
    told = ((name, words + (f" Default: {default}" if default else "")) for name, default, words in variables())
    margin = " " * 6
    filled = partial(fill, width=100, initial_indent=margin, subsequent_indent=margin, break_on_hyphens=False)
    entries = (f"  {name}\n{filled(words)}" for name, words in (*told, *_BESIDES))
    return "\n".join(
        ("environment variables (lists are separated by commas, and none alone is an empty one):", *entries)
    )


def _written(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case tuple():
            return ", ".join(value) or NONE
        case None:
            return ""
        case _:
            return str(value)


def from_environment(
    environment: Mapping[str, str], further: Callable[[Settings], Iterable[str]] = lambda settings: ()
) -> Settings:
    """Read the settings.

    Args:
        environment: the variables.
        further: what else is wrong with the settings, such as with the files that they name.

    Raises:
        StartupError: something is wrong; it names all that is, and what it may be.
    """
    known = {name: field for name, field in Settings.__dataclass_fields__.items() if name != "credentials"}
    given = {key.removeprefix(PREFIX): value for key, value in environment.items() if key.startswith(PREFIX)}
    values: dict[str, Any] = {}
    problems: list[str] = []
    for name, text in given.items():
        if text and (field_ := known.get(name.lower())):
            try:
                values[name.lower()] = _read(text, field_.default)
            except ValueError as error:
                problems.append(f"{PREFIX}{name} is {text!r}: write {error}")
    credentials = {key: value for key, value in environment.items() if key.startswith("ALIBABA_CLOUD_") and value}
    settings = Settings(**values, credentials=credentials)
    problems += (f"{PREFIX}{name.upper()} {problem}" for name, problem in _problems(settings))
    problems += further(settings)
    if problems:
        raise StartupError("; ".join(problems))
    return settings


def _read(text: str, default: object) -> object:
    """A value of the default's type. Raises ValueError with what may be written."""
    match default:
        case bool():
            return _one_of({"true": True, "false": False}, text)
        case int() | float():
            return _number(type(default), text)
        case tuple():
            return _listed(text)
        case None:
            return Path(text)
        case _:
            return text


def _one_of(values: Mapping[str, bool], text: str) -> bool:
    if (value := values.get(text.strip().lower())) is None:
        raise ValueError(" or ".join(values))
    return value


def _number(of: Callable[[str], object], text: str) -> object:
    try:
        return of(text)
    except ValueError:
        raise ValueError("a number") from None


def _listed(text: str) -> tuple[str, ...]:
    parts = tuple(part.strip() for part in text.split(",") if part.strip())
    if parts == (NONE,):
        return ()
    if not parts or NONE in parts:
        raise ValueError(f"what is in the list, separated by commas, or {NONE} alone")
    return parts


def _problems(settings: Settings) -> Iterator[tuple[str, str]]:
    """Each field that is wrong, and what it may be."""
    for name in ("sweep_interval_seconds", "full_check_interval_seconds", "workers", "quota_factor"):
        if not 0 < getattr(settings, name) < math.inf:
            yield name, f"is {getattr(settings, name)}: write a number above 0"
    for name in ("node_gone_seconds", "system_policies_per_role", "custom_policies_per_role"):
        if not 0 <= getattr(settings, name) < math.inf:
            yield name, f"is {getattr(settings, name)}: write 0 or a number above it"
    for name in ("lease_namespace", "lease_name"):
        if (text := getattr(settings, name)) and not _KUBERNETES_NAME.fullmatch(text):
            yield name, f"is {text!r}: write a name of lower-case letters, digits and hyphens"
    if not is_region(settings.region):
        yield "region", f"is {settings.region!r}: write the id of a region, such as cn-hangzhou"
    for name in ("endpoint_ram", "endpoint_ecs", "endpoint_sts"):
        if (text := getattr(settings, name)) and (problem := endpoint_problem(text)):
            yield name, problem
    if settings.https_proxy and (problem := proxy_problem(settings.https_proxy)):
        yield "https_proxy", problem
    if settings.cluster_id and (problem := cluster_id_problem(settings.cluster_id)):
        yield "cluster_id", problem
    if settings.required_instance_tag.startswith("="):
        yield "required_instance_tag", f"is {settings.required_instance_tag!r}: write KEY or KEY=VALUE"
    yield from _credentials_problems(settings)
    yield from _list_problems(settings)
    if settings.log_level.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        yield "log_level", f"is {settings.log_level!r}: write DEBUG, INFO, WARNING or ERROR"
    if settings.log_format not in ("json", "plain"):
        yield "log_format", f"is {settings.log_format!r}: write json or plain"
    host, colon, port = settings.listen.rpartition(":")
    if not (colon and host and port.isdigit() and int(port) < 65536):
        yield "listen", f"is {settings.listen!r}: write address:port, such as 0.0.0.0:8080"


def _list_problems(settings: Settings) -> Iterator[tuple[str, str]]:
    checks = {
        "no_proxy": host_problem,
        "previous_cluster_ids": cluster_id_problem,
        "denied_actions": action_problem,
        "allowed_actions": action_problem,
        "allowed_trust_principals": principal_problem,
        "allowed_grantees": grantee_problem,
        "allowed_system_policies": name_problem,
        "denied_system_policies": name_problem,
        "protected_policies": name_problem,
        "protected_roles": name_problem,
        "restorable_roles": name_problem,
        "allowed_roles": name_problem,
    }
    for name, check in checks.items():
        for value in getattr(settings, name):
            if problem := check(value):
                yield name, problem


def _credentials_problems(settings: Settings) -> Iterator[tuple[str, str]]:
    needed = {
        "static": (),
        "oidc": ("role_arn", "oidc_provider_arn", "oidc_token_file"),
        "instance-role": ("metadata_endpoint",),
        "uri": ("credentials_uri",),
    }
    source = settings.credentials_source
    if source not in needed:
        yield "credentials_source", f"is {source!r}: write {', '.join(needed)}"
    for name in needed.get(source, ()):
        if not getattr(settings, name):
            yield name, f"is empty: write it, credentials come from {source}"
    if source == "oidc" and settings.endpoint_sts.startswith("http://"):
        yield "endpoint_sts", "would be sent the cluster's token without TLS: write https://"
    if settings.credentials_uri and (problem := uri_problem(settings.credentials_uri)):
        yield "credentials_uri", problem
    if settings.metadata_endpoint != METADATA_SERVICE and (problem := uri_problem(settings.metadata_endpoint)):
        yield "metadata_endpoint", problem
    for name in ("role_arn", "oidc_provider_arn"):
        if (text := getattr(settings, name)) and not text.startswith("acs:ram::"):
            yield name, f"is {text!r}: write an ARN, acs:ram::..."
    if settings.session_policy and not _is_json_object(settings.session_policy):
        yield "session_policy", "is no policy document: write JSON"


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
