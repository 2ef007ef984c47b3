"""What OSS can do here: one table of operations, each with its action in policies and its answer.

A request matches an operation by its method, by whether it names bucket and key, and by its subresource.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ram_simulator.cloud.calls import Answer
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.errors import ApiError
from ram_simulator.cloud.oss_store import Bucket
from ram_simulator.oss.deletion import delete_object, delete_objects, named_keys
from ram_simulator.oss.listing import list_objects
from ram_simulator.oss.objects import (
    COPY_SOURCE,
    copied_from,
    copy_object,
    get_object,
    get_object_acl,
    head_object,
    put_object,
    put_object_acl,
)
from ram_simulator.oss.replies import OssReply, existing_bucket, max_keys, milliseconds, owner_of, xml_reply
from ram_simulator.oss.requests import OssRequest


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; `action` is its name in policies without `oss:`, where it differs from its own."""

    name: str
    answer: Callable[[Cloud, OssRequest], OssReply]
    action: str
    write: bool = False


def find_operation(request: OssRequest) -> Operation:
    """Return the operation that a request means; raise ApiError NotImplemented if it is not served here."""
    level = "object" if request.key else "bucket" if request.bucket else "service"
    subresource = next((name for name in request.query if name in _KNOWN_SUBRESOURCES), "")
    # a copy has no subresource of its own: a header tells it from an object that is sent
    if not subresource and request.method == "PUT" and COPY_SOURCE in request.headers:
        subresource = COPY_SOURCE
    operation = _OPERATIONS.get((level, request.method, subresource))
    if operation is None:
        message = "A header or subresource you provided implies functionality that is not implemented."
        raise ApiError(501, "NotImplemented", message)
    return operation


def operations() -> Iterable[Operation]:
    """Return all operations."""
    return _OPERATIONS.values()


def rights_for(cloud: Cloud, request: OssRequest, operation: Operation) -> Sequence[tuple[str, str]]:
    """Return the pairs of action and ARN that a request takes; raise ApiError if a bucket does not exist."""
    if operation.answer is delete_objects:
        return [(f"oss:{operation.action}", _arn(cloud, request.bucket, key)) for key in named_keys(request)]
    rights = [(f"oss:{operation.action}", _arn(cloud, request.bucket, request.key))]
    if operation.answer is copy_object:
        rights.append(("oss:GetObject", _arn(cloud, *copied_from(request))))
    return rights


def _arn(cloud: Cloud, bucket: str, key: str) -> str:
    owner = cloud.account.account_id
    if not bucket:
        return f"acs:oss:*:{owner}:*"
    region = existing_bucket(cloud, bucket).region
    return f"acs:oss:{region}:{owner}:{bucket}{'/' + key if key else ''}"


def list_buckets(cloud: Cloud, request: OssRequest) -> OssReply:
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
        "Owner": owner_of(cloud),
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


def get_bucket_info(cloud: Cloud, request: OssRequest) -> OssReply:
    """Show a bucket."""
    shown = _shown_bucket(existing_bucket(cloud, request.bucket)) | {
        "Owner": owner_of(cloud),
        "AccessControlList": {"Grant": "private"},
        "DataRedundancyType": "LRS",
    }
    return xml_reply("BucketInfo", {"Bucket": shown})


def get_bucket_location(cloud: Cloud, request: OssRequest) -> OssReply:
    """Tell where a bucket is."""
    return xml_reply("LocationConstraint", f"oss-{existing_bucket(cloud, request.bucket).region}")


def get_bucket_acl(cloud: Cloud, request: OssRequest) -> OssReply:
    """Show a bucket's ACL; all buckets are private."""
    return xml_reply("AccessControlPolicy", {"Owner": owner_of(cloud), "AccessControlList": {"Grant": "private"}})


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
    ("object", "PUT", COPY_SOURCE): Operation("CopyObject", copy_object, "PutObject", write=True),
    ("object", "GET", "acl"): Operation("GetObjectAcl", get_object_acl, "GetObjectAcl"),
    ("object", "PUT", "acl"): Operation("PutObjectAcl", put_object_acl, "PutObjectAcl", write=True),
    ("bucket", "POST", "delete"): Operation("DeleteMultipleObjects", delete_objects, "DeleteObject", write=True),
    ("object", "DELETE", ""): Operation("DeleteObject", delete_object, "DeleteObject", write=True),
}
# fmt: off
_KNOWN_SUBRESOURCES = frozenset((
    "acl", "append", "bucketInfo", "cors", "delete", "encryption", "inventory", "lifecycle", "location",
    "logging", "objectMeta", "partNumber", "policy", "referer", "replication", "restore", "stat", "symlink",
    "tagging", "uploadId", "uploads", "versioning", "versions", "website", "worm",
))
# fmt: on
