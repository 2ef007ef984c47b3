"""What things are called: the API group, its resources and objects, instances; and how times and lists are written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

GROUP = "ram.alicloud.dev"
VERSION = "v1alpha1"
TEXT_LENGTH = 256
"""The longest text in a status, messages and steps excepted."""
FINALIZER = f"{GROUP}/cleanup"
RECONCILE_AT = f"{GROUP}/reconcile-at"
ALLOW_RELEASE = f"{GROUP}/allow-release"
"""The annotation by which a person lets a mass release happen; its value is the object's generation."""
TAKE_OVER = f"{GROUP}/take-over"
"""The annotation by which a person says that a binding gave the roles that were found; its value is the generation."""
ACCOUNT_ANNOTATION = f"{GROUP}/account"
"""The annotation of the operator's Lease that names the account in which it works."""
ACCOUNT_REMEDY = (
    "give the operator credentials of that account; to move to another one, delete the objects, "
    f"scale it to zero, remove the annotation {ACCOUNT_ANNOTATION} from its Lease and replace the credentials"
)
"""What to do where credentials are of another account: in that one, everything would look deleted."""
ROLE_LABEL = f"{GROUP}/instance-role"
"""The label of a Node whose instance has the role that a binding gives it."""
STARTUP_TAINT = f"{GROUP}/role-not-ready"
"""The taint that a Node may come with, so that pods wait for the role of its instance."""

Json = Any
"""A value as `json.loads` returns it."""
Body = Mapping[str, Json]
"""A Kubernetes object as the API server returns it."""
StatusFields = Mapping[str, Json]
"""A `status` as the API server stores it; `conditions` in it belong to the report alone."""


@dataclass(frozen=True, slots=True)
class Resource:
    """What a kind of custom resource is called: `kind` in its objects, `plural` in URLs and RBAC rules."""

    kind: str
    plural: str


@dataclass(frozen=True, slots=True, order=True)
class ObjectKey:
    """One of our objects: all kinds are cluster-scoped, so kind and name suffice."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"

    def to_annotate(self, annotation: str, value: object) -> str:
        """The command that sets an annotation of the object, to be pasted."""
        return f"kubectl annotate {self.kind.lower()} {self.name} {annotation}={value} --overwrite"

    def to_set(self, field: str, value: str) -> str:
        """The command that sets a field of the object's spec, to be pasted."""
        patch = f'{{"spec":{{"{field}":"{value}"}}}}'
        return f"kubectl patch {self.kind.lower()} {self.name} --type=merge -p '{patch}'"


@dataclass(frozen=True, slots=True, order=True)
class CloudName:
    """A cloud object that objects of a kind manage: the kind, and the name in lower case, as RAM compares names."""

    kind: str
    name: str

    @classmethod
    def of(cls, kind: str, name: Json) -> CloudName:
        """Make one of a name in any case."""
        return cls(kind, str(name).lower())


@dataclass(frozen=True, slots=True, order=True)
class InstanceId:
    """An ECS instance: a region and the id in it, written `cn-hangzhou.i-bp1...` as ACK writes provider IDs."""

    region: str
    id: str

    def __str__(self) -> str:
        return f"{self.region}.{self.id}"

    @classmethod
    def of(cls, text: str) -> InstanceId:
        """Read what `str` wrote; the region has no dot, so the first one splits."""
        region, _, instance = text.partition(".")
        return cls(region, instance)


def timestamp(now: datetime) -> str:
    """A time as Kubernetes writes it: UTC, whole seconds."""
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_timestamp(text: Json) -> datetime | None:
    """The time that `timestamp` wrote, None for anything else."""
    try:
        return datetime.strptime(str(text), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def number_of(count: int, noun: str) -> str:
    """A count with its noun, whose plural ends in s: `1 step`, `3 steps`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def listing(words: Iterable[str], most: int = 5) -> str:
    """Some of `words` for a message, with the number of the rest."""
    items = list(words)
    rest = len(items) - most
    return ", ".join(items[:most]) + (f" and {rest} more" if rest > 0 else "")


def reconcile_request(metadata: Mapping[str, Json]) -> str | None:
    """The value of the annotation reconcile-at, as far as a status can answer it; None where there is none."""
    asked = (metadata.get("annotations") or {}).get(RECONCILE_AT)
    return str(asked)[:TEXT_LENGTH] if asked else None
