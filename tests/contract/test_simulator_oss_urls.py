"""Signed URLs of OSS, as oss2 makes them, in both versions: what they open, and what they do not."""

import http.client
import json
import urllib.parse
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import oss2
import pytest
from tests.contract.conftest import OldSdk, RunningSimulator

ROOT = ("simulator-root", "simulator-root-secret")
VERSIONS: dict[str, Callable[[str, str], Any]] = {"V1": oss2.Auth, "V4": oss2.AuthV4}
TRUST = json.dumps(
    {
        "Version": "1",
        "Statement": [{"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": ["ecs.aliyuncs.com"]}}],
    }
)


@pytest.fixture(params=VERSIONS)
def bucket(simulator: RunningSimulator, request: pytest.FixtureRequest) -> oss2.Bucket:
    return oss2.Bucket(VERSIONS[request.param](*ROOT), simulator.oss, "ramroletest", region="cn-hangzhou")


def fetch(url: str, method: str = "GET", body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    # not urllib: it sends a Content-Type with a body, which would have to be signed
    address, path = urllib.parse.urlsplit(url), url.partition("//")[2].partition("/")[2]
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=10)
    try:
        connection.request(method, f"/{path}", body, headers)
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def code(answer: tuple[int, bytes]) -> tuple[int, str | None]:
    return answer[0], ET.fromstring(answer[1]).findtext("Code")


@pytest.mark.parametrize("key", ["ramroletest.txt", "dir/ a+é中&%=?#'().txt"])
def test_a_signed_url_opens_one_object_for_one_method(bucket: oss2.Bucket, key: str) -> None:
    content = "é and other bytes".encode()
    assert fetch(bucket.sign_url("PUT", key, 60, slash_safe=True), "PUT", content)[0] == 200
    url = bucket.sign_url("GET", key, 60, slash_safe=True)
    assert fetch(url) == (200, content)
    assert fetch(url, Range="bytes=3-5") == (206, content[3:6])
    assert fetch(bucket.sign_url("HEAD", key, 60, slash_safe=True), "HEAD") == (200, b"")
    assert code(fetch(url, "DELETE")) == (403, "SignatureDoesNotMatch")
    assert code(fetch(url.replace("ramroletest", "another", 1)))[1] in ("SignatureDoesNotMatch", "NoSuchBucket")
    assert fetch(bucket.sign_url("DELETE", key, 60, slash_safe=True), "DELETE")[0] == 204
    assert code(fetch(url)) == (404, "NoSuchKey")


def test_a_changed_or_expired_url_opens_nothing(bucket: oss2.Bucket) -> None:
    url = bucket.sign_url("GET", "test.sh", 60)
    later = url.replace("x-oss-expires=60", "x-oss-expires=600")
    if later == url:
        expires = urllib.parse.parse_qs(url)["Expires"][0]
        later = url.replace(expires, str(int(expires) + 600))
    assert code(fetch(later)) == (403, "SignatureDoesNotMatch")
    assert code(fetch(bucket.sign_url("GET", "test.sh", -1000))) == (403, "AccessDenied")


def test_a_url_with_parameters_signs_them(bucket: oss2.Bucket) -> None:
    url = bucket.sign_url("GET", "test.sh", 60, params={"response-content-type": "text/html"})
    assert fetch(url)[0] == 200
    assert code(fetch(url.replace("text%2Fhtml", "text%2Fplain"))) == (403, "SignatureDoesNotMatch")


def test_a_url_of_a_session_may_what_the_role_may_now(simulator: RunningSimulator, root: OldSdk) -> None:
    root.call("CreateRole", RoleName="EcsRole", AssumeRolePolicyDocument=TRUST)
    held = {"PolicyType": "System", "PolicyName": "AliyunOSSReadOnlyAccess", "RoleName": "EcsRole"}
    root.call("AttachPolicyToRole", **held)
    (instance, *_) = simulator.instance_ids()
    root.call("AttachInstanceRamRole", RamRoleName="EcsRole", InstanceIds=json.dumps([instance]))
    path = f"/instances/{instance}/latest/meta-data/ram/security-credentials/EcsRole"
    given = json.loads(fetch(simulator.metadata + path)[1])
    urls = []
    for sign in (oss2.StsAuth, lambda *key: oss2.StsAuth(*key, auth_version=oss2.AUTH_VERSION_4)):
        auth = sign(given["AccessKeyId"], given["AccessKeySecret"], given["SecurityToken"])
        opened = oss2.Bucket(auth, simulator.oss, "ramroletest", region="cn-hangzhou")
        urls.append(opened.sign_url("GET", "test.sh", 60))
    assert [fetch(url)[0] for url in urls] == [200, 200]
    stripped = urls[0].replace("security-token=", "x=")
    assert code(fetch(stripped)) == (403, "InvalidSecurityToken")
    root.call("DetachPolicyFromRole", **held)
    assert [code(fetch(url)) for url in urls] == [(403, "AccessDenied")] * 2


BROKEN = [
    ("OSSAccessKeyId=simulator-root&Signature=x", (403, "AccessDenied")),
    ("OSSAccessKeyId=simulator-root&Signature=x&Expires=soon", (403, "AccessDenied")),
    ("OSSAccessKeyId=simulator-root&Signature=x&Expires=99999999999", (403, "SignatureDoesNotMatch")),
    ("OSSAccessKeyId=nobody&Signature=x&Expires=99999999999", (403, "InvalidAccessKeyId")),
    ("x-oss-signature-version=OSS4-HMAC-SHA256", (400, "InvalidArgument")),
    (
        "x-oss-signature-version=OSS4-HMAC-SHA256&x-oss-credential=a/b/cn-hangzhou/oss/aliyun_v4_request&x-oss-date=b",
        (403, "AccessDenied"),
    ),
    ("Signature=x", (403, "AccessDenied")),
]


@pytest.mark.parametrize(("query", "refusal"), BROKEN)
def test_a_url_that_lacks_something_is_refused(
    simulator: RunningSimulator, query: str, refusal: tuple[int, str]
) -> None:
    assert code(fetch(f"{simulator.oss}/ramroletest/test.sh?{query}")) == refusal


RANGES = [
    ("bytes=0-0", 206, b"#"),
    ("bytes=-5", 206, b"test\n"),
    ("bytes=10-", 206, b"echo test\n"),
    ("bytes=0-999", 206, b"#!/bin/sh\necho test\n"),
    ("bytes=999-", 200, b"#!/bin/sh\necho test\n"),
    ("bytes=5-2", 200, b"#!/bin/sh\necho test\n"),
    ("bytes=-", 200, b"#!/bin/sh\necho test\n"),
    ("bytes=0-1,3-4", 200, b"#!/bin/sh\necho test\n"),
    ("lines=1-2", 200, b"#!/bin/sh\necho test\n"),
]


@pytest.mark.parametrize(("asked", "status", "content"), RANGES)
def test_ranges(simulator: RunningSimulator, asked: str, status: int, content: bytes) -> None:
    opened = oss2.Bucket(oss2.Auth(*ROOT), simulator.oss, "ramroletest")
    assert fetch(opened.sign_url("GET", "test.sh", 60), Range=asked) == (status, content)
