"""The settings: one frozen value, read once from the environment. Nothing else in the package reads the environment.

Every variable is set by the Helm chart; its values.yaml documents them for users in the same words.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import fill
from typing import Annotated, Any, get_type_hints
from urllib.parse import urlsplit

from ram_operator.errors import StartupError

PREFIX = "RAM_OPERATOR_"
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

    cluster_id: Annotated[str, "Marks our cloud objects; empty means the UID of the namespace kube-system."] = ""
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
    credentials_dir: Annotated[
        Path | None, "Folder with accessKeyId, accessKeySecret and optionally securityToken: the mounted Secret."
    ] = None
    workers: Annotated[int, "How many objects are worked on at once."] = 16
    cloud_threads: Annotated[int, "How many calls to the cloud run at once."] = 32
    system_policies_per_role: Annotated[int, "RAM's quota of system policies on a role."] = 20
    custom_policies_per_role: Annotated[int, "RAM's quota of custom policies on a role."] = 10
    listen: Annotated[str, "Where /livez, /readyz and /metrics are served; port 0 means a free one."] = "0.0.0.0:8080"
    log_level: Annotated[str, "DEBUG, INFO, WARNING or ERROR."] = "INFO"
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The ALIBABA_CLOUD_* variables with credentials, used where there is no credentials_dir."""


def described() -> str:
    """All variables, what they are and their defaults: what `--help` prints below the options."""
    hints = get_type_hints(Settings, include_extras=True)
    settings = (
        (
            PREFIX + name.upper(),
            hints[name].__metadata__[0]
            + (f" Default: {str(each.default).removesuffix('.0')}." if each.default else ""),
        )
        for name, each in Settings.__dataclass_fields__.items()
        if name != "credentials"
    )
    margin = " " * 6
    entries = (
        f"  {name}\n{fill(words, 100, initial_indent=margin, subsequent_indent=margin)}"
        for name, words in (*settings, *_BESIDES)
    )
    return "\n".join(("environment variables:", *entries))


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Read the settings. Raises StartupError naming the variable and what it may be."""
    known = {name: field for name, field in Settings.__dataclass_fields__.items() if name != "credentials"}
    given = {key.removeprefix(PREFIX): value for key, value in environment.items() if key.startswith(PREFIX)}
    values: dict[str, Any] = {
        name.lower(): _read(name, text, known[name.lower()].default)
        for name, text in given.items()
        if name.lower() in known and text != ""
    }
    credentials = {key: value for key, value in environment.items() if key.startswith("ALIBABA_CLOUD_") and value}
    settings = Settings(**values, credentials=credentials)
    _check(settings)
    return settings


def _read(name: str, text: str, default: object) -> object:
    try:
        match default:
            case int():
                return int(text)
            case float():
                return float(text)
            case tuple():
                return tuple(part.strip() for part in text.split(",") if part.strip())
            case None:
                return Path(text)
            case _:
                return text
    except ValueError:
        raise StartupError(f"{PREFIX}{name} is {text!r}: write a number") from None


def _check(settings: Settings) -> None:
    for name in ("sweep_interval_seconds", "full_check_interval_seconds", "workers", "cloud_threads"):
        if not 0 < getattr(settings, name) < math.inf:
            raise StartupError(f"{PREFIX}{name.upper()} is {getattr(settings, name)}: write a number above 0")
    for name in ("node_gone_seconds", "system_policies_per_role", "custom_policies_per_role"):
        if not 0 <= getattr(settings, name) < math.inf:
            raise StartupError(f"{PREFIX}{name.upper()} is {getattr(settings, name)}: write 0 or a number above it")
    if settings.log_level.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise StartupError(f"{PREFIX}LOG_LEVEL is {settings.log_level!r}: write DEBUG, INFO, WARNING or ERROR")
    if settings.https_proxy and not _is_proxy(settings.https_proxy):
        # Not quoted: it may have a password in it.
        raise StartupError(f"{PREFIX}HTTPS_PROXY is no address of a proxy: write http://HOST:PORT")
    host, colon, port = settings.listen.rpartition(":")
    if not (colon and host and port.isdigit() and int(port) < 65536):
        raise StartupError(f"{PREFIX}LISTEN is {settings.listen!r}: write address:port, such as 0.0.0.0:8080")


def _is_proxy(text: str) -> bool:
    try:
        url = urlsplit(text)
        return url.scheme == "http" and bool(url.hostname and url.port) and not (url.path.strip("/") or url.query)
    except ValueError:
        return False
