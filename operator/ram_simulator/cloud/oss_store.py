"""OSS's state: buckets and their objects."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ram_simulator.cloud.checksums import crc64


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object; `etag` is the upper-case MD5 of its content, `headers` what else was sent to be given back.

    `acl` is kept and shown only: nobody reads without a signature here.
    """

    key: str
    content: bytes
    content_type: str
    etag: str
    last_modified: datetime
    crc64: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    acl: str = "default"


def new_object(
    key: str, content: bytes, content_type: str, now: datetime, headers: Mapping[str, str] | None = None
) -> StoredObject:
    """Make an object with the checksums of its content."""
    etag = hashlib.md5(content, usedforsecurity=False).hexdigest().upper()
    return StoredObject(key, content, content_type, etag, now, crc64(content), dict(headers or {}))


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
