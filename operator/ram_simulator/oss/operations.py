"""What OSS can do here: one table of operations, each with its action in policies and its answer.

A request matches an operation by its method, by whether it names bucket and key, and by its subresource.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from ram_simulator.calls import Answer
from ram_simulator.errors import ApiError
from ram_simulator.oss.signatures import OssRequest
from ram_simulator.oss.store import Bucket, StoredObject
from ram_simulator.rendering import render

if TYPE_CHECKING:
    from ram_simulator.cloud import Cloud

_MOST_KEYS = 1000
_XML = {"Content-Type": "application/xml"}


@dataclass(frozen=True, slots=True)
class OssReply:
    """An answer of OSS."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


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


def resource_of(cloud: "Cloud", request: OssRequest) -> str:
    """Return the ARN that a request acts on; raise ApiError if its bucket does not exist."""
    owner = cloud.account.account_id
    if not request.bucket:
        return f"acs:oss:*:{owner}:*"
    region = _bucket(cloud, request).region
    return f"acs:oss:{region}:{owner}:{request.bucket}{'/' + request.key if request.key else ''}"


def _bucket(cloud: "Cloud", request: OssRequest) -> Bucket:
    bucket = cloud.oss.get(request.bucket)
    if bucket is None:
        raise ApiError(404, "NoSuchBucket", "The specified bucket does not exist.")
    return bucket


def _stored(cloud: "Cloud", request: OssRequest) -> StoredObject:
    stored = _bucket(cloud, request).objects.get(request.key)
    if stored is None:
        raise ApiError(404, "NoSuchKey", "The specified key does not exist.")
    return stored


def _xml(root: str, answer: Answer) -> OssReply:
    return OssReply(body=render("XML", root, answer), headers=_XML)


def _owner(cloud: "Cloud") -> Answer:
    return {"ID": cloud.account.account_id, "DisplayName": cloud.account.account_id}


def _milliseconds(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def list_buckets(cloud: "Cloud", request: OssRequest) -> OssReply:
    """List the account's buckets."""
    size, marker = _max_keys(request, 100), request.query.get("marker", "")
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
    return _xml("ListAllMyBucketsResult", answer)


def _shown_bucket(bucket: Bucket) -> Answer:
    return {
        "Name": bucket.name,
        "Location": f"oss-{bucket.region}",
        "Region": bucket.region,
        "CreationDate": _milliseconds(bucket.creation_date),
        "ExtranetEndpoint": f"oss-{bucket.region}.aliyuncs.com",
        "IntranetEndpoint": f"oss-{bucket.region}-internal.aliyuncs.com",
        "StorageClass": "Standard",
    }


def get_bucket_info(cloud: "Cloud", request: OssRequest) -> OssReply:
    """Show a bucket."""
    shown = _shown_bucket(_bucket(cloud, request)) | {
        "Owner": _owner(cloud),
        "AccessControlList": {"Grant": "private"},
        "DataRedundancyType": "LRS",
    }
    return _xml("BucketInfo", {"Bucket": shown})


def get_bucket_location(cloud: "Cloud", request: OssRequest) -> OssReply:
    """Tell where a bucket is."""
    text = f"<?xml version='1.0' encoding='UTF-8'?><LocationConstraint>oss-{_bucket(cloud, request).region}"
    return OssReply(body=f"{text}</LocationConstraint>".encode(), headers=_XML)


def get_bucket_acl(cloud: "Cloud", request: OssRequest) -> OssReply:
    """Show a bucket's ACL; all buckets are private."""
    return _xml("AccessControlPolicy", {"Owner": _owner(cloud), "AccessControlList": {"Grant": "private"}})


def list_objects(cloud: "Cloud", request: OssRequest) -> OssReply:
    """List objects, in either version of the call."""
    bucket, is_v2 = _bucket(cloud, request), request.query.get("list-type") == "2"
    if is_v2:
        after = request.query.get("continuation-token") or request.query.get("start-after", "")
    else:
        after = request.query.get("marker", "")
    listing = _listing(bucket, request, after)
    encode = quote if request.query.get("encoding-type") == "url" else str
    answer: Answer = {
        "Name": bucket.name,
        "Prefix": encode(request.query.get("prefix", "")),
        "MaxKeys": _max_keys(request, 100),
        "Delimiter": encode(request.query.get("delimiter", "")),
        "IsTruncated": listing.next_key != "",
        "Contents": [_contents(stored, encode) for stored in listing.objects],
        "CommonPrefixes": [{"Prefix": encode(prefix)} for prefix in listing.prefixes],
    }
    if encode is quote:
        answer["EncodingType"] = "url"
    if is_v2:
        answer["KeyCount"] = len(listing.objects) + len(listing.prefixes)
    else:
        answer["Marker"] = encode(after)
    if listing.next_key:
        answer["NextContinuationToken" if is_v2 else "NextMarker"] = encode(listing.next_key)
    return _xml("ListBucketResult", answer)


def _contents(stored: StoredObject, encode: Callable[[str], str]) -> Answer:
    return {
        "Key": encode(stored.key),
        "LastModified": _milliseconds(stored.last_modified),
        "ETag": f'"{stored.etag}"',
        "Type": "Normal",
        "Size": len(stored.content),
        "StorageClass": "Standard",
    }


@dataclass(slots=True)
class _Listing:
    objects: list[StoredObject]
    prefixes: list[str]
    next_key: str


def _listing(bucket: Bucket, request: OssRequest, after: str) -> _Listing:
    prefix, delimiter = request.query.get("prefix", ""), request.query.get("delimiter", "")
    size, found, last = _max_keys(request, 100), _Listing([], [], ""), ""
    for key in sorted(key for key in bucket.objects if key.startswith(prefix) and key > after):
        end = key.find(delimiter, len(prefix)) if delimiter else -1
        common = key[: end + len(delimiter)] if end >= 0 else ""
        if common and (common == after or common in found.prefixes[-1:]):
            continue
        if len(found.objects) + len(found.prefixes) == size:
            found.next_key = last
            break
        if common:
            found.prefixes.append(common)
        else:
            found.objects.append(bucket.objects[key])
        last = common or key
    return found


def _max_keys(request: OssRequest, default: int) -> int:
    text = request.query.get("max-keys") or str(default)
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= _MOST_KEYS):
        raise ApiError(400, "InvalidArgument", f"Argument max-keys must be between 1 and {_MOST_KEYS}.")
    return int(text)


def get_object(cloud: "Cloud", request: OssRequest) -> OssReply:
    """Read an object, or the one range of it that is asked for."""
    stored = _stored(cloud, request)
    headers, content = _object_headers(stored), stored.content
    asked = re.fullmatch(r"bytes=(\d{1,18})-(\d{1,18})?", request.headers.get("range", ""))
    if not asked or int(asked[1]) >= len(content):
        return OssReply(body=content, headers=headers)
    first, last = int(asked[1]), min(int(asked[2] or len(content)), len(content) - 1)
    headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
    return OssReply(206, content[first : last + 1], headers)


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
    _bucket(cloud, request).objects[request.key] = stored
    return OssReply(headers={"ETag": f'"{etag}"'})


def delete_object(cloud: "Cloud", request: OssRequest) -> OssReply:
    """Delete an object; one that is not there is deleted already."""
    _bucket(cloud, request).objects.pop(request.key, None)
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
