"""OSS's state: buckets and their objects."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object; `etag` is the upper-case MD5 of its content."""

    key: str
    content: bytes
    content_type: str
    etag: str
    last_modified: datetime


@dataclass(slots=True)
class Bucket:
    """One bucket and its objects by key."""

    name: str
    region: str
    creation_date: datetime
    objects: dict[str, StoredObject] = field(default_factory=dict)


class OssStore:
    """Buckets by name."""

    def __init__(self) -> None:
        self._buckets: dict[str, Bucket] = {}

    def __iter__(self) -> Iterator[Bucket]:
        return iter(sorted(self._buckets.values(), key=lambda bucket: bucket.name))

    def get(self, name: str) -> Bucket | None:
        """Return a bucket."""
        return self._buckets.get(name)

    def add(self, bucket: Bucket) -> None:
        """Add a bucket."""
        self._buckets[bucket.name] = bucket
