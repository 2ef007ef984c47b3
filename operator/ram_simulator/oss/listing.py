"""Lists of objects, in both versions of the call: pages, prefixes, folders. One row of the table of operations."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from ram_simulator.cloud.calls import Answer
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.oss_store import Bucket, StoredObject
from ram_simulator.oss.replies import OssReply, existing_bucket, max_keys, milliseconds, owner_of, xml_reply
from ram_simulator.oss.requests import OssRequest


def list_objects(cloud: Cloud, request: OssRequest) -> OssReply:
    """List objects, in either version of the call."""
    bucket, is_v2 = existing_bucket(cloud, request.bucket), request.query.get("list-type") == "2"
    if is_v2:
        after = request.query.get("continuation-token") or request.query.get("start-after", "")
    else:
        after = request.query.get("marker", "")
    listing = _listing(bucket, request, after)
    encode = quote if request.query.get("encoding-type") == "url" else str
    # version 1 always names the owner, version 2 where it is asked to
    shows_owner = not is_v2 or request.query.get("fetch-owner") == "true"
    owner = {"Owner": owner_of(cloud)} if shows_owner else {}
    answer: Answer = {
        "Name": bucket.name,
        "Prefix": encode(request.query.get("prefix", "")),
        "MaxKeys": max_keys(request, 100),
        "Delimiter": encode(request.query.get("delimiter", "")),
        "IsTruncated": listing.next_key != "",
        "Contents": [_contents(stored, encode) | owner for stored in listing.objects],
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
    return xml_reply("ListBucketResult", answer)


def _contents(stored: StoredObject, encode: Callable[[str], str]) -> Answer:
    return {
        "Key": encode(stored.key),
        "LastModified": milliseconds(stored.last_modified),
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
    size, found, last = max_keys(request, 100), _Listing([], [], ""), ""
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
