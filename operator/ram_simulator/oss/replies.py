"""What OSS's operations share: the reply, its XML, and the bucket that must exist."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ram_simulator.cloud.calls import Answer
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.errors import ApiError
from ram_simulator.cloud.oss_store import Bucket
from ram_simulator.oss.requests import OssRequest

_MOST_KEYS = 1000


@dataclass(frozen=True, slots=True)
class OssReply:
    """An answer of OSS: the bytes of an object, or with a `root` an XML document of that outermost element."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    root: str = ""
    answer: Answer | str = ""


def xml_reply(root: str, answer: Answer | str, headers: Mapping[str, str] | None = None) -> OssReply:
    """Return an XML document; `root` is the outermost element."""
    return OssReply(root=root, answer=answer, headers=headers or {})


def existing_bucket(cloud: Cloud, name: str) -> Bucket:
    """Return a bucket; raise ApiError if there is none of that name."""
    bucket = cloud.oss.get(name)
    if bucket is None:
        raise ApiError(404, "NoSuchBucket", "The specified bucket does not exist.")
    return bucket


def owner_of(cloud: Cloud) -> Answer:
    """Return the owner of everything: the account."""
    return {"ID": cloud.account.account_id, "DisplayName": cloud.account.account_id}


def max_keys(request: OssRequest, default: int) -> int:
    """Return max-keys; raise ApiError if it is out of range."""
    text = request.query.get("max-keys") or str(default)
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= _MOST_KEYS):
        raise ApiError(400, "InvalidArgument", f"Argument max-keys must be between 1 and {_MOST_KEYS}.")
    return int(text)


def milliseconds(moment: datetime) -> str:
    """Render a date as OSS does in XML."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
