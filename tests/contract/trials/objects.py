"""Requests to OSS, signed by hand (V1), for the trials of its operations."""

import base64
import hmac
import http.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree as ET

from tests.contract.clients.raw import Key

BUCKET = "ramroletest"
_SUBRESOURCES = ("acl", "bucketInfo", "delete", "location", "objectMeta")


@dataclass(frozen=True, slots=True)
class Request:
    """A request; `query` with an empty value is a subresource."""

    method: str
    bucket: str = BUCKET
    key: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


_DELETE = b"<Delete><Object><Key>test.sh</Key></Object></Delete>"
# by the names of the operations; for each its request, and others that are refused
OPERATIONS: Mapping[str, Sequence[Request]] = {
    "ListBuckets": (Request("GET", ""), Request("GET", "", query={"max-keys": "x"})),
    "ListObjects": (Request("GET"), Request("GET", "nothing"), Request("GET", query={"max-keys": "0"})),
    "GetBucketInfo": (Request("GET", query={"bucketInfo": ""}), Request("GET", "nothing", query={"bucketInfo": ""})),
    "GetBucketLocation": (Request("GET", query={"location": ""}), Request("GET", "nothing", query={"location": ""})),
    "GetBucketAcl": (Request("GET", query={"acl": ""}), Request("GET", "nothing", query={"acl": ""})),
    "GetObject": (
        Request("GET", key="test.sh"),
        Request("GET", key="nothing"),
        Request("GET", "nothing", "x"),
        Request("GET", key="test.sh", headers={"If-Match": "x"}),
    ),
    "PutObject": (
        Request("PUT", key="new"),
        Request("PUT", key="test.sh", headers={"x-oss-forbid-overwrite": "true"}),
        Request("PUT", key="test.sh", headers={"x-oss-object-acl": "x"}),
        Request("PUT", "nothing", "x"),
        Request("PUT", key="new", headers={"Content-MD5": "x"}),
    ),
    "CopyObject": (
        Request("PUT", key="copy", headers={"x-oss-copy-source": f"/{BUCKET}/test.sh"}),
        Request("PUT", key="copy", headers={"x-oss-copy-source": f"/{BUCKET}/nothing"}),
        Request("PUT", key="copy", headers={"x-oss-copy-source": "x"}),
    ),
    "GetObjectAcl": (Request("GET", key="test.sh", query={"acl": ""}), Request("GET", key="x", query={"acl": ""})),
    "PutObjectAcl": (
        Request("PUT", key="test.sh", query={"acl": ""}, headers={"x-oss-object-acl": "private"}),
        Request("PUT", key="test.sh", query={"acl": ""}),
        Request("PUT", key="nothing", query={"acl": ""}, headers={"x-oss-object-acl": "private"}),
    ),
    "DeleteMultipleObjects": (
        Request("POST", query={"delete": ""}, body=_DELETE),
        Request("POST", query={"delete": ""}, body=b"x"),
        Request("POST", query={"delete": ""}, body=_DELETE, headers={"Content-MD5": "x"}),
    ),
    "DeleteObject": (Request("DELETE", key="test.sh"), Request("DELETE", "nothing", "x")),
    # without a body there is no code
    "HeadObject": (Request("HEAD", key="test.sh"),),
    "GetObjectMeta": (Request("HEAD", key="test.sh", query={"objectMeta": ""}),),
}


def sent(url: str, key: Key, request: Request) -> tuple[int, ET.Element | None]:
    """Send a request and return the status, and the error if there is one with a body."""
    date = format_datetime(datetime.now(UTC), usegmt=True)
    oss = {name: value for name, value in request.headers.items() if name.startswith("x-oss-")}
    subresources = sorted(name for name in request.query if name in _SUBRESOURCES)
    resource = f"/{request.bucket}/{request.key}" if request.bucket else "/"
    resource += f"?{'&'.join(subresources)}" if subresources else ""
    named = "".join(f"{name}:{value}\n" for name, value in sorted(oss.items()))
    digest = request.headers.get("Content-MD5", "")
    to_sign = f"{request.method}\n{digest}\n\n{date}\n{named}{resource}"
    signature = base64.b64encode(hmac.digest(key.secret.encode(), to_sign.encode(), "sha1")).decode()
    headers = {**request.headers, "Date": date, "Authorization": f"OSS {key.access_key_id}:{signature}"}
    query = "&".join(name if not value else urlencode({name: value}) for name, value in request.query.items())
    path = f"/{request.bucket}/{request.key}" if request.bucket else "/"
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    try:
        connection.request(request.method, f"{path}?{query}" if query else path, request.body, headers)
        reply = connection.getresponse()
        body = reply.read()
    finally:
        connection.close()
    return reply.status, ET.fromstring(body) if reply.status >= 400 and body else None
