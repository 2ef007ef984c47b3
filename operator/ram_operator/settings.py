"""The settings: one frozen value, read once from the environment. Nothing else in the package reads the environment.

Every variable is set by the Helm chart; its values.yaml documents them for users in the same words.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ram_operator.errors import StartupError

PREFIX = "RAM_OPERATOR_"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a user can set. Each field is the variable `RAM_OPERATOR_` plus its name in capitals."""

    cluster_id: str = ""
    """Marks our cloud objects; empty means the UID of the namespace kube-system."""
    previous_cluster_ids: tuple[str, ...] = ()
    """Ids of clusters whose objects this one takes over, separated by commas."""
    sweep_interval_seconds: float = 600.0
    """Seconds between drift sweeps."""
    full_check_interval_seconds: float = 21600.0
    """Seconds after which each object is read in detail although no list shows a change."""
    node_gone_seconds: float = 600.0
    """Seconds for which an instance keeps its role after its Node object went."""
    region: str = "cn-hangzhou"
    """The region that the SDK names in calls of global services."""
    endpoint_ram: str = ""
    """RAM's endpoint, a URL or host; empty means Alibaba Cloud's own."""
    endpoint_ecs: str = ""
    """The endpoint of ECS for all regions, likewise."""
    endpoint_sts: str = ""
    """The endpoint of STS, likewise."""
    credentials_dir: Path | None = None
    """Folder with accessKeyId, accessKeySecret and optionally securityToken: the mounted Secret."""
    workers: int = 16
    """How many objects are worked on at once."""
    cloud_threads: int = 32
    """How many calls to the cloud run at once."""
    system_policies_per_role: int = 20
    """RAM's quota of system policies on a role."""
    custom_policies_per_role: int = 10
    """RAM's quota of custom policies on a role."""
    listen: str = "0.0.0.0:8080"
    """Where /livez, /readyz and /metrics are served; port 0 means a free one."""
    log_level: str = "INFO"
    """DEBUG, INFO, WARNING or ERROR."""
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The ALIBABA_CLOUD_* variables with credentials, used where there is no credentials_dir."""


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
    host, colon, port = settings.listen.rpartition(":")
    if not (colon and host and port.isdigit() and int(port) < 65536):
        raise StartupError(f"{PREFIX}LISTEN is {settings.listen!r}: write address:port, such as 0.0.0.0:8080")
