"""What is done with single objects: read, described, written, copied, their ACLs. Rows of the table of operations."""

import re
from collections.abc import Mapping
from dataclasses import replace
from email.utils import format_datetime
from urllib.parse import unquote

from ram_simulator.cloud.calls import Answer
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.errors import ApiError
from ram_simulator.cloud.oss_store import StoredObject, new_object
from ram_simulator.oss.deletion import checksum
from ram_simulator.oss.replies import OssReply, existing_bucket, milliseconds, owner_of, xml_reply
from ram_simulator.oss.requests import OssRequest, http_date

COPY_SOURCE = "x-oss-copy-source"
NOT_MODIFIED = 304
_ACL = "x-oss-object-acl"
_ACLS = ("default", "private", "public-read", "public-read-write")
_ANY_TYPE = "application/octet-stream"
# kept with an object and given back with it ("PutObject", request headers)
_KEPT = ("cache-control", "content-disposition", "content-encoding", "content-language", "expires")


def get_object(cloud: Cloud, request: OssRequest) -> OssReply:
    """Read an object, or the one range of it that is asked for; `response-*` in the query sets headers."""
    stored = _stored(cloud, request.bucket, request.key)
    _check_preconditions(stored, request.headers, "")
    headers, content = _object_headers(stored) | _wished_headers(request), stored.content
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


def head_object(cloud: Cloud, request: OssRequest) -> OssReply:
    """Tell about an object; the server leaves the body out."""
    stored = _stored(cloud, request.bucket, request.key)
    _check_preconditions(stored, request.headers, "")
    return OssReply(body=stored.content, headers=_object_headers(stored))


def put_object(cloud: Cloud, request: OssRequest) -> OssReply:
    """Write an object; raise ApiError if it is not what Content-MD5 says, or may not replace another."""
    digest = request.headers.get("content-md5")
    if digest is not None and digest != checksum(request.body):
        raise ApiError(400, "InvalidDigest", "The Content-MD5 you specified was invalid.")
    content_type, kept = request.headers.get("content-type", _ANY_TYPE), _kept_headers(request)
    stored = new_object(request.key, request.body, content_type, cloud.clock.now(), kept)
    _store(cloud, request, replace(stored, acl=_acl(request)))
    return OssReply(headers=_checksums(stored))


def copied_from(request: OssRequest) -> tuple[str, str]:
    """Return bucket and key of the object that is copied; raise ApiError if `x-oss-copy-source` names none."""
    source = unquote(request.headers[COPY_SOURCE].partition("?")[0])
    bucket, _, key = source.removeprefix("/").partition("/")
    if not bucket or not key:
        message = "Copy Source must mention the source bucket and key: /sourcebucket/sourcekey."
        raise ApiError(400, "InvalidArgument", message)
    return bucket, key


def copy_object(cloud: Cloud, request: OssRequest) -> OssReply:
    """Copy an object; onto itself, or by `x-oss-metadata-directive`, its headers are those of the request."""
    source = copied_from(request)
    stored = _stored(cloud, *source)
    _check_preconditions(stored, request.headers, f"{COPY_SOURCE}-")
    directive = request.headers.get("x-oss-metadata-directive", "COPY").upper()
    if directive not in ("COPY", "REPLACE"):
        raise ApiError(400, "InvalidArgument", "The metadata directive must be COPY or REPLACE.")
    content_type, kept = stored.content_type, stored.headers
    if directive == "REPLACE" or source == (request.bucket, request.key):
        content_type, kept = request.headers.get("content-type", _ANY_TYPE), _kept_headers(request)
    made = new_object(request.key, stored.content, content_type, cloud.clock.now(), kept)
    _store(cloud, request, made)
    answer = {"ETag": f'"{made.etag}"', "LastModified": milliseconds(made.last_modified)}
    return xml_reply("CopyObjectResult", answer, _checksums(made))


def get_object_acl(cloud: Cloud, request: OssRequest) -> OssReply:
    """Show the ACL of an object."""
    stored = _stored(cloud, request.bucket, request.key)
    answer: Answer = {"Owner": owner_of(cloud), "AccessControlList": {"Grant": stored.acl}}
    return xml_reply("AccessControlPolicy", answer)


def put_object_acl(cloud: Cloud, request: OssRequest) -> OssReply:
    """Keep another ACL of an object."""
    stored = _stored(cloud, request.bucket, request.key)
    if _ACL not in request.headers:
        raise ApiError(400, "InvalidArgument", f"The header {_ACL} is missing.")
    existing_bucket(cloud, request.bucket).objects[stored.key] = replace(stored, acl=_acl(request))
    return OssReply()


def _acl(request: OssRequest) -> str:
    acl = request.headers.get(_ACL, _ACLS[0])
    if acl not in _ACLS:
        raise ApiError(400, "InvalidArgument", f"The ACL must be one of {', '.join(_ACLS)}.")
    return acl


def _stored(cloud: Cloud, bucket: str, key: str) -> StoredObject:
    stored = existing_bucket(cloud, bucket).objects.get(key)
    if stored is None:
        raise ApiError(404, "NoSuchKey", "The specified key does not exist.")
    return stored


def _store(cloud: Cloud, request: OssRequest, stored: StoredObject) -> None:
    objects = existing_bucket(cloud, request.bucket).objects
    if request.headers.get("x-oss-forbid-overwrite", "").lower() == "true" and request.key in objects:
        message = "The object you specified already exists and can not be overwritten."
        raise ApiError(409, "FileAlreadyExists", message)
    objects[request.key] = stored


def _check_preconditions(stored: StoredObject, headers: Mapping[str, str], prefix: str) -> None:
    modified = stored.last_modified.replace(microsecond=0)
    wanted, unwanted = headers.get(f"{prefix}if-match"), headers.get(f"{prefix}if-none-match")
    since = http_date(headers.get(f"{prefix}if-modified-since", ""))
    until = http_date(headers.get(f"{prefix}if-unmodified-since", ""))
    if (wanted is not None and wanted.strip('"') != stored.etag) or (until is not None and modified > until):
        raise ApiError(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold.")
    if (unwanted is not None and unwanted.strip('"') == stored.etag) or (since is not None and modified <= since):
        raise ApiError(NOT_MODIFIED, "NotModified", "The object has not been modified.")


def _object_headers(stored: StoredObject) -> dict[str, str]:
    return {
        "Content-Type": stored.content_type,
        "Last-Modified": format_datetime(stored.last_modified, usegmt=True),
        "x-oss-object-type": "Normal",
        "x-oss-storage-class": "Standard",
        **_checksums(stored),
        **{name.title() if name in _KEPT else name: value for name, value in stored.headers.items()},
    }


def _wished_headers(request: OssRequest) -> dict[str, str]:
    wished = {name: request.query.get(f"response-{name}", "") for name in ("content-type", *_KEPT)}
    return {name.title(): value for name, value in wished.items() if value}


def _kept_headers(request: OssRequest) -> dict[str, str]:
    kept = request.headers.items()
    return {name: value for name, value in kept if name in _KEPT or name.startswith("x-oss-meta-")}


def _checksums(stored: StoredObject) -> dict[str, str]:
    # an object of an older state file has no CRC
    crc = {"x-oss-hash-crc64ecma": stored.crc64} if stored.crc64 else {}
    return {"ETag": f'"{stored.etag}"', **crc}
