"""Deleting objects: one, or up to 1,000 in one request (DeleteMultipleObjects)."""

import base64
import hashlib
from urllib.parse import quote
from xml.etree import ElementTree

from ram_simulator.cloud.calls import Answer
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.errors import ApiError
from ram_simulator.oss.replies import OssReply, existing_bucket, xml_reply
from ram_simulator.oss.requests import OssRequest

_MOST_KEYS = 1000


def delete_object(cloud: Cloud, request: OssRequest) -> OssReply:
    """Delete an object; one that is not there is deleted already."""
    existing_bucket(cloud, request.bucket).objects.pop(request.key, None)
    return OssReply(204)


def delete_objects(cloud: Cloud, request: OssRequest) -> OssReply:
    """Delete objects and list them, none of them in quiet mode; those that are not there are deleted already."""
    objects, keys = existing_bucket(cloud, request.bucket).objects, named_keys(request)
    quiet = _document(request).findtext("Quiet", "").strip().lower() == "true"
    encoded = request.query.get("encoding-type") == "url"
    for key in keys:
        objects.pop(key, None)
    deleted = [{"Key": quote(key) if encoded else key} for key in ([] if quiet else keys)]
    answer: Answer = {**({"EncodingType": "url"} if encoded else {}), "Deleted": deleted}
    return xml_reply("DeleteResult", answer)


def named_keys(request: OssRequest) -> list[str]:
    """Return the keys that the body names; raise ApiError if it is not what OSS takes, or not as it was sent."""
    digest = request.headers.get("content-md5")
    if digest is not None and digest != checksum(request.body):
        raise ApiError(400, "InvalidDigest", "The Content-MD5 you specified was invalid.")
    keys = [item.text or "" for item in _document(request).findall("Object/Key")]
    if not 1 <= len(keys) <= _MOST_KEYS or not all(keys):
        raise ApiError(400, "MalformedXML", "The XML you provided was not well-formed or names no object.")
    return keys


def checksum(content: bytes) -> str:
    """Return what Content-MD5 must be for a body."""
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


def _document(request: OssRequest) -> ElementTree.Element:
    try:
        # with a document type there could be entities that grow without end
        root = None if b"<!DOCTYPE" in request.body else ElementTree.fromstring(request.body)
    except (ElementTree.ParseError, ValueError, LookupError):
        root = None
    if root is None or root.tag != "Delete":
        raise ApiError(400, "MalformedXML", "The XML you provided was not well-formed: a Delete element is expected.")
    return root
