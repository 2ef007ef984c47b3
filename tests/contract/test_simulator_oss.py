"""OSS against the process, with oss2 and both of its header signatures."""

import base64
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from xml.etree import ElementTree as ET

import oss2
import pytest
from tests.contract.conftest import OldSdk, RunningSimulator

ROOT, DEV = ("simulator-root", "simulator-root-secret"), ("simulator-dev", "simulator-dev-secret")
ODD_KEY = "dir/ a+é中&%=?#'().txt"
AUTHS: dict[str, tuple[Callable[..., Any], dict[str, str]]] = {
    "V1": (oss2.Auth, {}),
    "V4": (oss2.AuthV4, {"region": "cn-hangzhou"}),
}

Open = Callable[..., oss2.Bucket]


@pytest.fixture(params=AUTHS)
def auth(request: pytest.FixtureRequest) -> tuple[Callable[..., Any], dict[str, str]]:
    return AUTHS[request.param]


@pytest.fixture
def opened(simulator: RunningSimulator, auth: tuple[Callable[..., Any], dict[str, str]]) -> Open:
    """Return a bucket opened with a key."""

    def open_bucket(key: tuple[str, str] = ROOT, name: str = "ramroletest") -> oss2.Bucket:
        sign, more = auth
        return oss2.Bucket(sign(*key), simulator.ready["oss"], name, **more)

    return open_bucket


def grant(root: OldSdk, **statement: Any) -> None:
    document = {"Version": "1", "Statement": [{"Effect": "Allow", "Resource": "*"} | statement]}
    root.call("CreatePolicy", PolicyName="grant", PolicyDocument=json.dumps(document))
    root.call("AttachPolicyToUser", PolicyType="Custom", PolicyName="grant", UserName="dev")


def test_objects_are_written_read_told_about_and_deleted(opened: Open) -> None:
    bucket = opened()
    bucket.put_object(ODD_KEY, b"content", headers={"Content-Type": "text/x-odd"})
    told = bucket.head_object(ODD_KEY)
    assert (told.content_length, told.content_type) == (7, "text/x-odd")
    assert bucket.get_object_meta(ODD_KEY).content_length == 7
    assert bucket.get_object(ODD_KEY).read() == b"content"
    assert bucket.get_object(ODD_KEY, byte_range=(3, 4)).read() == b"te"
    bucket.delete_object(ODD_KEY)
    assert not bucket.object_exists(ODD_KEY)


def test_large_objects_are_taken(opened: Open) -> None:
    content = b"x" * (3 << 20)
    opened().put_object("large", content)
    assert opened().get_object("large").read() == content


@pytest.mark.parametrize("iterate", [oss2.ObjectIterator, oss2.ObjectIteratorV2])
def test_objects_are_listed_by_pages_prefixes_and_folders(opened: Open, iterate: Callable[..., Any]) -> None:
    bucket = opened()
    for key in ("a/1", "a/2", "b/1", ODD_KEY):
        bucket.put_object(key, b"")
    everything = ["a/1", "a/2", "b/1", ODD_KEY, "ramroletest.txt", "test.sh"]
    for size in (1, 2, 5, 100):
        assert [item.key for item in iterate(bucket, max_keys=size)] == everything
        folders = [item.key for item in iterate(bucket, delimiter="/", max_keys=size)]
        assert folders == ["a/", "b/", "dir/", "ramroletest.txt", "test.sh"]
    assert [item.key for item in iterate(bucket, prefix="a/")] == ["a/1", "a/2"]


def test_buckets_are_listed_and_told_about(
    simulator: RunningSimulator, opened: Open, auth: tuple[Callable[..., Any], dict[str, str]]
) -> None:
    sign, more = auth
    service = oss2.Service(sign(*ROOT), simulator.ready["oss"], **more)
    (listed,) = oss2.BucketIterator(service)
    assert (listed.name, listed.extranet_endpoint) == ("ramroletest", "oss-cn-hangzhou.aliyuncs.com")
    assert listed.intranet_endpoint == "oss-cn-hangzhou-internal.aliyuncs.com"
    assert opened().get_bucket_info().location == "oss-cn-hangzhou"
    assert opened().get_bucket_location().location == "oss-cn-hangzhou"
    assert opened().get_bucket_acl().acl == "private"


REFUSALS: dict[str, tuple[Callable[[Open], Any], int, str]] = {
    "no such bucket": (lambda opened: opened(name="nothing").list_objects(), 404, "NoSuchBucket"),
    "no such object": (lambda opened: opened().get_object("nothing"), 404, "NoSuchKey"),
    "no such key": (lambda opened: opened(("nobody", "x")).list_objects(), 403, "InvalidAccessKeyId"),
    "wrong secret": (lambda opened: opened((ROOT[0], "x")).list_objects(), 403, "SignatureDoesNotMatch"),
    "no right": (lambda opened: opened(DEV).list_objects(), 403, "AccessDenied"),
    "not served": (lambda opened: opened().get_bucket_cors(), 501, "NotImplemented"),
    "too many": (lambda opened: opened().list_objects(max_keys=1001), 400, "InvalidArgument"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_is_wrong_is_refused_with_its_code(opened: Open, case: str) -> None:
    attempt, status, code = REFUSALS[case]
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        attempt(opened)
    assert (caught.value.status, caught.value.code) == (status, code)


RIGHTS: list[tuple[dict[str, Any], str, bool]] = [
    ({"Action": ["oss:Get*", "oss:List*"]}, "list", True),
    ({"Action": ["oss:Get*", "oss:List*"]}, "get", True),
    ({"Action": ["oss:Get*", "oss:List*"]}, "put", False),
    ({"Action": "oss:*", "Resource": "acs:oss:*:*:ramroletest"}, "list", True),
    ({"Action": "oss:*", "Resource": "acs:oss:*:*:ramroletest"}, "get", False),
    ({"Action": "oss:*", "Resource": "acs:oss:*:*:ramroletest/*"}, "get", True),
    ({"Action": "oss:*", "Resource": "acs:oss:*:*:ramroletest/*"}, "list", False),
    ({"Action": "oss:*", "Resource": "acs:oss:*:*:other*"}, "list", False),
    ({"Action": "oss:*", "Condition": {"StringLike": {"oss:Prefix": "dev/*"}}}, "list", False),
    ({"Action": "oss:*", "Condition": {"IpAddress": {"acs:SourceIp": "127.0.0.0/8"}}}, "list", True),
]


@pytest.mark.parametrize(("right", "attempt", "allowed"), RIGHTS)
def test_a_user_may_what_its_policies_say(
    root: OldSdk, opened: Open, right: dict[str, Any], attempt: str, allowed: bool
) -> None:
    grant(root, **right)
    bucket = opened(DEV)
    attempts: dict[str, Callable[[], Any]] = {
        "list": bucket.list_objects,
        "get": lambda: bucket.get_object("test.sh").read(),
        "put": lambda: bucket.put_object("new", b""),
    }
    if allowed:
        attempts[attempt]()
    else:
        with pytest.raises(oss2.exceptions.AccessDenied):
            attempts[attempt]()


def test_the_journal_knows_what_was_asked_and_no_secret(simulator: RunningSimulator, opened: Open) -> None:
    before = simulator.newest_call()
    opened().put_object("new", b"")
    (call,) = simulator.calls_since(before)
    assert (call["product"], call["action"], call["write"]) == ("Oss", "PutObject", True)
    assert call["params"] == {"bucket": "ramroletest", "key": "new"}
    assert call["principal"].endswith(":root")


@pytest.mark.parametrize("header", [None, "OSS", "Basic eDp5", "OSS4-HMAC-SHA256 Credential=a", "OSS a:b"])
def test_a_request_without_a_signature_is_refused_in_xml(simulator: RunningSimulator, header: str | None) -> None:
    request = Request(
        f"{simulator.ready['oss']}/ramroletest/test.sh", headers={"Authorization": header} if header else {}
    )
    with pytest.raises(HTTPError) as caught:
        urlopen(request, timeout=10)
    with caught.value as answer:
        assert answer.code in (400, 403)
        assert ET.fromstring(answer.read()).findtext("Code")


def test_objects_are_deleted_in_one_request(opened: Open, root: OldSdk) -> None:
    bucket = opened()
    for key in ("a", "b", ODD_KEY, "kept"):
        bucket.put_object(key, b"x")
    gone = bucket.batch_delete_objects(["a", ODD_KEY, "nothing"])
    assert sorted(gone.deleted_keys) == sorted(["a", ODD_KEY, "nothing"])
    assert [item.key for item in bucket.list_objects().object_list if item.key in ("a", "b", ODD_KEY, "kept")] == [
        "b",
        "kept",
    ]
    grant(root, Action="oss:DeleteObject", Resource="acs:oss:*:*:ramroletest/b")
    limited = opened(DEV)
    assert limited.batch_delete_objects(["b"]).deleted_keys == ["b"]
    with pytest.raises(oss2.exceptions.AccessDenied):
        limited.batch_delete_objects(["b", "kept"])
    assert bucket.object_exists("kept")


def test_an_object_has_an_acl(opened: Open) -> None:
    bucket = opened()
    bucket.put_object("a", b"x", headers={"x-oss-object-acl": "private"})
    assert bucket.get_object_acl("a").acl == "private"
    bucket.put_object_acl("a", oss2.OBJECT_ACL_PUBLIC_READ)
    assert bucket.get_object_acl("a").acl == "public-read"
    bucket.put_object("a", b"y")
    assert bucket.get_object_acl("a").acl == "default"
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        bucket.put_object_acl("a", "everybody")
    assert (caught.value.status, caught.value.code) == (400, "InvalidArgument")
    with pytest.raises(oss2.exceptions.NoSuchKey):
        bucket.get_object_acl("nothing")


@pytest.mark.parametrize(
    "body", [b"", b"<Delete/>", b"<Other><Object><Key>a</Key></Object></Other>", b"<!DOCTYPE x><Delete/>"]
)
def test_a_body_that_names_no_objects_deletes_none(simulator: RunningSimulator, body: bytes) -> None:
    date = format_datetime(datetime.now(UTC), usegmt=True)
    to_sign = f"POST\n\n\n{date}\n/ramroletest/?delete"
    signature = base64.b64encode(hmac.digest(ROOT[1].encode(), to_sign.encode(), "sha1")).decode()
    headers = {"Date": date, "Authorization": f"OSS {ROOT[0]}:{signature}", "Content-Type": ""}
    request = Request(f"{simulator.oss}/ramroletest/?delete", body, headers, method="POST")
    with pytest.raises(HTTPError) as caught:
        urlopen(request, timeout=10)
    with caught.value as refused:
        assert (refused.code, ET.fromstring(refused.read()).findtext("Code")) == (400, "MalformedXML")
