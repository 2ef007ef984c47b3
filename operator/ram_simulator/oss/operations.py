"""What OSS can do here: one table of operations, each with its action in policies and its answer.

A request matches an operation by its method, by whether it names bucket and key, and by its subresource.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from email.utils import format_datetime
from typing import TYPE_CHECKING

from ram_simulator.calls import Answer
from ram_simulator.errors import ApiError
from ram_simulator.oss.listing import list_objects
from ram_simulator.oss.replies import XML, OssReply, existing_bucket, max_keys, milliseconds, xml_reply
from ram_simulator.oss.signatures import OssRequest
from ram_simulator.oss.store import Bucket, StoredObject

if TYPE_CHECKING:
    from ram_simulator.cloud import Cloud


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; `action` is its name in policies without `oss:`, where it differs from its own."""

    name: str
    answer: Callable[["Cloud", OssRequest], OssReply]
    action: str
    write: bool = False


def find_operation(request: OssRequest) -> Operation:
    """Return the operation that a request means; raise ApiError NotImplemented if it is not served here."""
    level = "object" if request.key else "bucket" if request.bucket else "service"
    subresource = next((name for name in request.query if name in _KNOWN_SUBRESOURCES), "")
    operation = _OPERATIONS.get((level, request.method, subresource))
    if operation is None:
        message = "A header or subresource you provided implies functionality that is not implemented."
        raise ApiError(501, "NotImplemented", message)
    return operation


def operations() -> Iterable[Operation]:
    """Return all operations."""
    return _OPERATIONS.values()


def resource_of(cloud: "Cloud", request: OssRequest) -> str:
    """Return the ARN that a request acts on; raise ApiError if its bucket does not exist."""
    owner = cloud.account.account_id
    if not request.bucket:
        return f"acs:oss:*:{owner}:*"
    region = existing_bucket(cloud, request).region
    return f"acs:oss:{region}:{owner}:{request.bucket}{'/' + request.key if request.key else ''}"


def _stored(cloud: "Cloud", request: OssRequest) -> StoredObject:
    stored = existing_bucket(cloud, request).objects.get(request.key)
    if stored is None:
        raise ApiError(404, "NoSuchKey", "The specified key does not exist.")
    return stored


def _owner(cloud: "Cloud") -> Answer:
    return {"ID": cloud.account.account_id, "DisplayName": cloud.account.account_id}


def list_buckets(cloud: "Cloud", request: OssRequest) -> OssReply:
    """List the account's buckets."""
    size, marker = max_keys(request, 100), request.query.get("marker", "")
    prefix = request.query.get("prefix", "")
    found = [bucket for bucket in cloud.oss if bucket.name.startswith(prefix) and bucket.name > marker]
    truncated = len(found) > size
    answer: Answer = {
        "Prefix": prefix,
        "Marker": marker,
        "MaxKeys": size,
        "IsTruncated": truncated,
        "NextMarker": found[size - 1].name if truncated else "",
        "Owner": _owner(cloud),
        "Buckets": {"Bucket": [_shown_bucket(bucket) for bucket in found[:size]]},
    }
    return xml_reply("ListAllMyBucketsResult", answer)


def _shown_bucket(bucket: Bucket) -> Answer:
    return {
        "Name": bucket.name,
        "Location": f"oss-{bucket.region}",
        "Region": bucket.region,
        "CreationDate": milliseconds(bucket.creation_date),
        "ExtranetEndpoint": f"oss-{bucket.region}.aliyuncs.com",
        "IntranetEndpoint": f"oss-{bucket.region}-internal.aliyuncs.com",
        "StorageClass": "Standard",
    }


def get_bucket_info(cloud: "Cloud", request: OssRequest) -> OssReply:
    """Show a bucket."""
    shown = _shown_bucket(existing_bucket(cloud, request)) | {
        "Owner": _owner(cloud),
        "AccessControlList": {"Grant": "private"},
        "DataRedundancyType": "LRS",
    }
    return xml_reply("BucketInfo", {"Bucket": shown})


def get_bucket_location(cloud: "Cloud", request: OssRequest) -> OssReply:
    """Tell where a bucket is."""
    text = f"<?xml version='1.0' encoding='UTF-8'?><LocationConstraint>oss-{existing_bucket(cloud, request).region}"
    return OssReply(body=f"{text}</LocationConstraint>".encode(), headers=XML)


def get_bucket_acl(cloud: "Cloud", request: OssRequest) -> OssReply:
    """Show a bucket's ACL; all buckets are private."""
    return xml_reply("AccessControlPolicy", {"Owner": _owner(cloud), "AccessControlList": {"Grant": "private"}})


def get_object(cloud: "Cloud", request: OssRequest) -> OssReply:
    """Read an object, or the one range of it that is asked for."""
    stored = _stored(cloud, request)
    headers, content = _object_headers(stored), stored.content
    asked = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", request.headers.get("range", ""), re.ASCII)
    first, last = _range(asked[1], asked[2], len(content)) if asked else (1, 0)
    # as OSS does unless it is asked to be strict: a range that is none gives the whole
    if first > last:
        return OssReply(body=content, headers=headers)
    headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
    return OssReply(206, content[first : last + 1], headers)


def _range(first: str, last: str, length: int) -> tuple[int, int]:
    """Return the first and last place of a range, `bytes=-5` being the last five; an empty one if there is none."""
    if not first:
        return (max(0, length - int(last)), length - 1) if last else (1, 0)
    return int(first), min(int(last or length), length - 1)


def head_object(cloud: "Cloud", request: OssRequest) -> OssReply:
    """Tell about an object; the server leaves the body out."""
    stored = _stored(cloud, request)
    return OssReply(body=stored.content, headers=_object_headers(stored))


def _object_headers(stored: StoredObject) -> dict[str, str]:
    return {
        "Content-Type": stored.content_type,
        "ETag": f'"{stored.etag}"',
        "Last-Modified": format_datetime(stored.last_modified, usegmt=True),
        "x-oss-object-type": "Normal",
        "x-oss-storage-class": "Standard",
    }


def put_object(cloud: "Cloud", request: OssRequest) -> OssReply:
    """Write an object."""
    etag = hashlib.md5(request.body, usedforsecurity=False).hexdigest().upper()
    content_type = request.headers.get("content-type", "application/octet-stream")
    stored = StoredObject(request.key, request.body, content_type, etag, cloud.clock.now())
    existing_bucket(cloud, request).objects[request.key] = stored
    return OssReply(headers={"ETag": f'"{etag}"'})


def delete_object(cloud: "Cloud", request: OssRequest) -> OssReply:
    """Delete an object; one that is not there is deleted already."""
    existing_bucket(cloud, request).objects.pop(request.key, None)
    return OssReply(204)


_OPERATIONS: Mapping[tuple[str, str, str], Operation] = {
    ("service", "GET", ""): Operation("ListBuckets", list_buckets, "ListBuckets"),
    ("bucket", "GET", ""): Operation("ListObjects", list_objects, "ListObjects"),
    ("bucket", "GET", "bucketInfo"): Operation("GetBucketInfo", get_bucket_info, "GetBucketInfo"),
    ("bucket", "GET", "location"): Operation("GetBucketLocation", get_bucket_location, "GetBucketLocation"),
    ("bucket", "GET", "acl"): Operation("GetBucketAcl", get_bucket_acl, "GetBucketAcl"),
    ("object", "GET", ""): Operation("GetObject", get_object, "GetObject"),
    ("object", "HEAD", ""): Operation("HeadObject", head_object, "GetObject"),
    ("object", "HEAD", "objectMeta"): Operation("GetObjectMeta", head_object, "GetObject"),
    ("object", "PUT", ""): Operation("PutObject", put_object, "PutObject", write=True),
    ("object", "DELETE", ""): Operation("DeleteObject", delete_object, "DeleteObject", write=True),
}
# fmt: off
_KNOWN_SUBRESOURCES = frozenset((
    "acl", "append", "bucketInfo", "cors", "delete", "encryption", "inventory", "lifecycle", "location",
    "logging", "objectMeta", "partNumber", "policy", "referer", "replication", "restore", "stat", "symlink",
    "tagging", "uploadId", "uploads", "versioning", "versions", "website", "worm",
))
# fmt: on
