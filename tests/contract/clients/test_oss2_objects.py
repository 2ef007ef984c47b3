"""oss2 and what it does with objects beyond writing and reading: copies, headers, conditions, checksums."""

import base64
import hashlib
from collections.abc import Callable
from functools import partial
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import oss2
import pytest
from tests.contract.clients.walk import DEV
from tests.contract.conftest import OldSdk, RunningSimulator

ROOT = ("simulator-root", "simulator-root-secret")
VERSIONS: dict[str, Callable[[RunningSimulator], oss2.Bucket]] = {
    "V1": lambda at: oss2.Bucket(oss2.Auth(*ROOT), at.oss, "ramroletest"),
    "V4": lambda at: oss2.Bucket(oss2.AuthV4(*ROOT), at.oss, "ramroletest", region="cn-hangzhou"),
}
KEPT = {
    "Content-Type": "text/x-odd",
    "Cache-Control": "no-cache",
    "Content-Disposition": "attachment",
    "Content-Language": "en",
    "x-oss-meta-team": "storage",
}
PAST, FUTURE = "Thu, 01 Jan 2015 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"
ETAG = hashlib.md5(b"content").hexdigest().upper()


@pytest.fixture(params=VERSIONS)
def bucket(request: pytest.FixtureRequest, simulator: RunningSimulator) -> oss2.Bucket:
    """The bucket with an object `src` in it."""
    opened = VERSIONS[request.param](simulator)
    opened.put_object("src", b"content", headers=KEPT)
    return opened


@pytest.fixture
def opened(simulator: RunningSimulator) -> oss2.Bucket:
    """The same by one signature, for what the signature has no part in."""
    bucket = VERSIONS["V1"](simulator)
    bucket.put_object("src", b"content", headers=KEPT)
    return bucket


def refusal(call: Callable[[], Any]) -> tuple[int, str]:
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        call()
    return caught.value.status, caught.value.code


def kept(bucket: oss2.Bucket, key: str) -> dict[str, str | None]:
    headers = bucket.head_object(key).headers
    return {name: headers.get(name) for name in KEPT}


def test_a_copy_has_the_content_and_the_headers_of_its_source(bucket: oss2.Bucket) -> None:
    copied = bucket.copy_object("ramroletest", "src", "dir/a b+é中")
    assert copied.etag == ETAG
    assert bucket.get_object("dir/a b+é中").read() == bucket.get_object("src").read() == b"content"
    assert kept(bucket, "dir/a b+é中") == kept(bucket, "src") == KEPT


def test_a_copy_onto_itself_changes_the_headers_only(bucket: oss2.Bucket) -> None:
    bucket.update_object_meta("src", {"x-oss-meta-team": "other"})
    assert bucket.get_object("src").read() == b"content"
    assert kept(bucket, "src") == dict.fromkeys(KEPT) | {
        "Content-Type": "application/octet-stream",
        "x-oss-meta-team": "other",
    }
    bucket.copy_object("ramroletest", "src", "src", headers={"Cache-Control": "no-store"})
    assert kept(bucket, "src")["Cache-Control"] == "no-store"
    assert bucket.get_object("src").read() == b"content"


def test_a_copy_takes_its_headers_from_the_request_if_it_is_to_replace_them(opened: oss2.Bucket) -> None:
    opened.copy_object("ramroletest", "src", "dst", headers={"x-oss-metadata-directive": "REPLACE", "Expires": "0"})
    assert kept(opened, "dst")["x-oss-meta-team"] is None
    assert opened.head_object("dst").headers["Expires"] == "0"


COPY_REFUSALS: list[tuple[str, str, dict[str, str], tuple[int, str]]] = [
    ("ramroletest", "nothing", {}, (404, "NoSuchKey")),
    ("nothing", "src", {}, (404, "NoSuchBucket")),
    ("ramroletest", "", {}, (400, "InvalidArgument")),
    ("ramroletest", "src", {"x-oss-metadata-directive": "MOVE"}, (400, "InvalidArgument")),
    ("ramroletest", "src", {"x-oss-forbid-overwrite": "true"}, (409, "FileAlreadyExists")),
    ("ramroletest", "src", {"x-oss-copy-source-if-match": '"other"'}, (412, "PreconditionFailed")),
    ("ramroletest", "src", {"x-oss-copy-source-if-none-match": f'"{ETAG}"'}, (304, "")),
    ("ramroletest", "src", {"x-oss-copy-source-if-unmodified-since": PAST}, (412, "PreconditionFailed")),
    ("ramroletest", "src", {"x-oss-copy-source-if-modified-since": FUTURE}, (304, "")),
]


@pytest.mark.parametrize(("source", "key", "headers", "refused"), COPY_REFUSALS)
def test_a_copy_that_is_refused_changes_nothing(
    opened: oss2.Bucket, source: str, key: str, headers: dict[str, str], refused: tuple[int, str]
) -> None:
    assert refusal(lambda: opened.copy_object(source, key, "test.sh", headers=headers)) == refused
    assert opened.get_object("test.sh").read() == b"#!/bin/sh\necho test\n"


@pytest.mark.parametrize(
    ("action", "resource", "allowed"),
    [
        (["oss:GetObject", "oss:PutObject"], "*", True),
        (["oss:PutObject"], "*", False),
        (["oss:GetObject"], "*", False),
        (["oss:GetObject", "oss:PutObject"], "acs:oss:*:*:ramroletest/dst", False),
    ],
)
def test_a_copy_takes_the_right_to_read_the_source(
    simulator: RunningSimulator, root: OldSdk, opened: oss2.Bucket, action: list[str], resource: str, allowed: bool
) -> None:
    actions = ",".join(f'"{name}"' for name in action)
    text = f'{{"Version":"1","Statement":[{{"Effect":"Allow","Action":[{actions}],"Resource":"{resource}"}}]}}'
    root.call("CreatePolicy", PolicyName="copy", PolicyDocument=text)
    root.call("AttachPolicyToUser", PolicyType="Custom", PolicyName="copy", UserName="dev")
    mine = oss2.Bucket(oss2.Auth(*DEV), simulator.oss, "ramroletest")
    if allowed:
        mine.copy_object("ramroletest", "src", "dst")
        assert opened.get_object("dst").read() == b"content"
    else:
        assert refusal(lambda: mine.copy_object("ramroletest", "src", "dst")) == (403, "AccessDenied")
        assert not opened.object_exists("dst")


def test_headers_sent_with_an_object_come_back_with_it(bucket: oss2.Bucket) -> None:
    assert kept(bucket, "src") == KEPT
    wished = {"response-content-type": "text/html", "response-cache-control": "no-store"}
    headers = bucket.get_object("src", params=wished).headers
    assert (headers["Content-Type"], headers["Cache-Control"]) == ("text/html", "no-store")


WRITES: list[tuple[dict[str, str], tuple[int, str]]] = [
    ({"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="}, (400, "InvalidDigest")),
    ({"Content-MD5": "not one"}, (400, "InvalidDigest")),
    ({"x-oss-forbid-overwrite": "true"}, (409, "FileAlreadyExists")),
]


@pytest.mark.parametrize(("headers", "refused"), WRITES)
def test_a_write_that_is_refused_changes_nothing(
    bucket: oss2.Bucket, headers: dict[str, str], refused: tuple[int, str]
) -> None:
    assert refusal(lambda: bucket.put_object("src", b"other", headers=headers)) == refused
    assert bucket.get_object("src").read() == b"content"


def test_a_write_with_its_digest_or_without_a_forerunner_succeeds(bucket: oss2.Bucket) -> None:
    digest = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    bucket.put_object("new", b"other", headers={"Content-MD5": digest, "x-oss-forbid-overwrite": "true"})
    assert bucket.get_object("new").read() == b"other"


CONDITIONS: list[tuple[dict[str, str], int]] = [
    ({"If-Match": f'"{ETAG}"'}, 200),
    ({"If-Match": '"other"'}, 412),
    ({"If-None-Match": '"other"'}, 200),
    ({"If-None-Match": f'"{ETAG}"'}, 304),
    ({"If-Modified-Since": PAST}, 200),
    ({"If-Modified-Since": FUTURE}, 304),
    ({"If-Unmodified-Since": FUTURE}, 200),
    ({"If-Unmodified-Since": PAST}, 412),
    ({"If-Modified-Since": "someday"}, 200),
]


@pytest.mark.parametrize(("headers", "status"), CONDITIONS)
def test_an_object_is_read_on_conditions(opened: oss2.Bucket, headers: dict[str, str], status: int) -> None:
    for read in (opened.get_object, opened.head_object):
        if status == 200:
            assert read("src", headers=headers).status == status
        else:
            assert refusal(partial(read, "src", headers=headers))[0] == status


# oss2 compares by itself what it sent and got with what the server says, and raises where they differ
@pytest.mark.parametrize("size", [0, 1, 9, 65_535, 65_536, 65_537])
def test_checksums_are_those_that_oss2_computes(opened: oss2.Bucket, size: int) -> None:
    content = bytes(number * 7 % 251 for number in range(size))
    sent = opened.put_object("checked", content)
    got = opened.get_object("checked")
    assert got.read() == content
    assert sent.crc == got.server_crc == got.client_crc


def test_the_checksum_of_the_documentation_is_met(opened: oss2.Bucket) -> None:
    assert opened.put_object("checked", b"123456789").crc == 11051210869376104954


@pytest.mark.parametrize("shown", ["left-out", "shown"])
def test_a_refusal_tells_of_its_policy_unless_a_switch_says_no(simulator: RunningSimulator, shown: str) -> None:
    simulator.control_call("PUT", "/switches", {"access-denied-detail": shown})
    mine = oss2.Bucket(oss2.Auth(*DEV), simulator.oss, "ramroletest")
    with pytest.raises(oss2.exceptions.AccessDenied) as caught:
        mine.get_object("test.sh")
    assert ("AuthAction" in caught.value.details) == (shown == "shown")


@pytest.mark.parametrize("region", ["mars", "cn-beijing", "cn-hangzhou"])
def test_the_newer_signature_is_for_the_region_of_the_bucket(simulator: RunningSimulator, region: str) -> None:
    bucket = oss2.Bucket(oss2.AuthV4(*ROOT), simulator.oss, "ramroletest", region=region)
    url = bucket.sign_url("GET", "test.sh", 60)
    if region == "cn-hangzhou":
        assert bucket.get_object("test.sh").read() == bucket.get_object_with_url(url).read()
    else:
        for attempt in (partial(bucket.get_object, "test.sh"), partial(bucket.get_object_with_url, url)):
            assert refusal(attempt) == (400, "InvalidArgument")


@pytest.mark.parametrize("region", ["mars", "cn-beijing"])
def test_without_a_bucket_any_region_will_do_that_there_is(simulator: RunningSimulator, region: str) -> None:
    service = oss2.Service(oss2.AuthV4(*ROOT), simulator.oss, region=region)
    if region == "mars":
        assert refusal(service.list_buckets) == (400, "InvalidArgument")
    else:
        assert [bucket.name for bucket in service.list_buckets().buckets] == ["ramroletest"]


def test_a_token_goes_with_its_own_key_only(simulator: RunningSimulator) -> None:
    for more in ({}, {"auth_version": oss2.AUTH_VERSION_4}):
        auth = oss2.StsAuth(*ROOT, "of another key", **more)
        bucket = oss2.Bucket(auth, simulator.oss, "ramroletest", region="cn-hangzhou")
        assert refusal(bucket.list_objects) == (403, "InvalidSecurityToken")


@pytest.mark.parametrize(("fetch_owner", "owner"), [(True, "1234567890123456"), (False, None)])
def test_the_owner_of_objects_is_told_to_those_who_ask(bucket: oss2.Bucket, fetch_owner: bool, owner: str) -> None:
    listed = bucket.list_objects_v2(fetch_owner=fetch_owner).object_list
    assert {item.owner.id if item.owner else None for item in listed} == {owner}


@pytest.mark.parametrize("name", ["ramroletest.localhost", "ramroletest.oss-cn-hangzhou.aliyuncs.com"])
def test_a_bucket_may_stand_in_the_host_name(bucket: oss2.Bucket, simulator: RunningSimulator, name: str) -> None:
    target = urlsplit(bucket.sign_url("GET", "src", 60))
    connection = HTTPConnection(target.netloc, timeout=10)
    try:
        path = target.path.removeprefix("/ramroletest")
        connection.request("GET", f"{path}?{target.query}", headers={"Host": f"{name}:{target.port}"})
        reply = connection.getresponse()
        assert (reply.status, reply.read()) == (200, b"content")
    finally:
        connection.close()
