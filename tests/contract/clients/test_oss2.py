"""oss2 with the key of an instance and of a user, by both signatures: what the pages do, and what goes wrong."""

import json
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen
from xml.etree import ElementTree as ET

import oss2
import pytest
from oss2.credentials import CredentialsProvider, EcsRamRoleCredentialsProvider
from tests.contract.clients.pages import POLICY, READ_OSS, ROLE, TRUST, document
from tests.contract.clients.walk import DEV
from tests.contract.conftest import OldSdk, RunningSimulator

KEYS = ["ramroletest.txt", "test.sh"]
REGION = {"region": "cn-hangzhou"}
WRITE = document(Action="oss:*", Resource=["acs:oss:*:*:ramroletest", "acs:oss:*:*:ramroletest/*"])


class Fixed(CredentialsProvider):  # type: ignore[misc]
    """A provider that always has the same key, as applications write them."""

    def __init__(self, key: dict[str, str]) -> None:
        self._key = key

    def get_credentials(self) -> Any:
        return oss2.credentials.Credentials(*parts(self._key))


def parts(key: dict[str, str]) -> tuple[str, str, str]:
    return key["AccessKeyId"], key["AccessKeySecret"], key["SecurityToken"]


Authenticate = Callable[[dict[str, str]], Any]
AUTHS: dict[str, tuple[Authenticate, dict[str, str]]] = {
    "StsAuth, V1": (lambda key: oss2.StsAuth(*parts(key)), {}),
    "StsAuth, V4": (lambda key: oss2.StsAuth(*parts(key), auth_version=oss2.AUTH_VERSION_4), REGION),
    "ProviderAuth": (lambda key: oss2.ProviderAuth(Fixed(key)), {}),
    "ProviderAuthV4": (lambda key: oss2.ProviderAuthV4(Fixed(key)), REGION),
}


@pytest.fixture
def instance(simulator: RunningSimulator, root: OldSdk) -> str:
    """An instance that plays a role that may read OSS."""
    root.call("CreateRole", RoleName=ROLE, AssumeRolePolicyDocument=TRUST)
    root.call("CreatePolicy", PolicyName=POLICY, PolicyDocument=READ_OSS)
    root.call("AttachPolicyToRole", PolicyType="Custom", PolicyName=POLICY, RoleName=ROLE)
    found = simulator.instance_ids()[0]
    root.call("AttachInstanceRamRole", InstanceIds=json.dumps([found]), RamRoleName=ROLE)
    return found


@pytest.fixture
def key(simulator: RunningSimulator, instance: str) -> dict[str, str]:
    """The key of the instance."""
    path = f"/instances/{instance}/latest/meta-data/ram/security-credentials/{ROLE}"
    with urlopen(simulator.metadata + path, timeout=10) as reply:
        found: dict[str, str] = json.load(reply)
    return found


@pytest.fixture(params=AUTHS)
def opened(request: pytest.FixtureRequest, simulator: RunningSimulator, key: dict[str, str]) -> oss2.Bucket:
    """The bucket, opened with the key of the instance."""
    authenticate, more = AUTHS[request.param]
    return oss2.Bucket(authenticate(key), simulator.oss, "ramroletest", **more)


@pytest.fixture(params=["V1", "V4"])
def written(request: pytest.FixtureRequest, simulator: RunningSimulator, root: OldSdk) -> oss2.Bucket:
    """The bucket, opened with the key of a user who may write."""
    root.call("CreatePolicy", PolicyName="write", PolicyDocument=WRITE)
    root.call("AttachPolicyToUser", PolicyType="Custom", PolicyName="write", UserName="dev")
    if request.param == "V1":
        return oss2.Bucket(oss2.Auth(*DEV), simulator.oss, "ramroletest")
    return oss2.Bucket(oss2.AuthV4(*DEV), simulator.oss, "ramroletest", **REGION)


def refusal(call: Callable[[], Any]) -> tuple[int, str]:
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        call()
    return caught.value.status, caught.value.code


def test_an_instance_lists_and_reads_and_does_not_write(opened: oss2.Bucket) -> None:
    assert [item.key for item in oss2.ObjectIterator(opened)] == KEYS
    assert [item.key for item in oss2.ObjectIteratorV2(opened, max_keys=1)] == KEYS
    assert opened.get_object("test.sh").read().startswith(b"#!/bin/sh")
    assert opened.head_object("test.sh").content_type == "text/x-sh"
    assert refusal(lambda: opened.put_object("new", b"")) == (403, "AccessDenied")
    assert refusal(lambda: opened.delete_object("test.sh")) == (403, "AccessDenied")
    assert refusal(lambda: opened.get_object("nothing")) == (404, "NoSuchKey")


def test_an_edited_policy_acts_on_a_key_already_given(root: OldSdk, opened: oss2.Bucket) -> None:
    only_one = document(Action="oss:GetObject", Resource="acs:oss:*:*:ramroletest/test.sh")
    root.call("CreatePolicyVersion", PolicyName=POLICY, PolicyDocument=only_one, SetAsDefault=True)
    assert opened.get_object("test.sh").read()
    assert refusal(lambda: opened.get_object("ramroletest.txt")) == (403, "AccessDenied")
    assert refusal(opened.list_objects) == (403, "AccessDenied")


def test_a_key_ends(simulator: RunningSimulator, opened: oss2.Bucket) -> None:
    simulator.control_call("POST", "/clock", {"advanceSeconds": 6 * 3600})
    assert refusal(opened.list_objects) == (403, "SecurityTokenExpired")


def test_a_key_is_nothing_without_its_token(simulator: RunningSimulator, key: dict[str, str]) -> None:
    for auth in (oss2.StsAuth(*parts(key)[:2], "other"), oss2.Auth(*parts(key)[:2])):
        bucket = oss2.Bucket(auth, simulator.oss, "ramroletest")
        assert refusal(bucket.list_objects) == (403, "InvalidSecurityToken")


def test_a_user_writes_and_deletes(written: oss2.Bucket) -> None:
    name = "folder/a b+é中.txt"
    written.put_object(name, b"content", headers={"x-oss-meta-team": "storage"})
    assert written.get_object(name).read() == b"content"
    assert [item.key for item in oss2.ObjectIterator(written, prefix="folder/")] == [name]
    written.delete_object(name)
    assert not written.object_exists(name)


def test_content_that_says_it_is_compressed_is_kept_as_it_was_sent(written: oss2.Bucket) -> None:
    written.put_object("small.gz", b"not really", headers={"Content-Encoding": "gzip"})
    assert written.head_object("small.gz").content_length == len(b"not really")


def test_a_signed_url_opens_one_object_for_anybody_for_a_time(simulator: RunningSimulator, opened: oss2.Bucket) -> None:
    url = opened.sign_url("GET", "test.sh", 60)
    with urlopen(url, timeout=10) as reply:
        assert reply.read().startswith(b"#!/bin/sh")
    with pytest.raises(HTTPError) as caught:
        urlopen(url.replace("test.sh", "ramroletest.txt"), timeout=10)
    with caught.value as answer:
        assert (answer.code, ET.fromstring(answer.read()).findtext("Code")) == (403, "SignatureDoesNotMatch")


def test_a_signed_url_of_a_user_takes_an_object(written: oss2.Bucket) -> None:
    url = written.sign_url("PUT", "folder/a b+é.txt", 60, slash_safe=True)
    assert written.put_object_with_url(url, b"content").status == 200
    assert written.get_object("folder/a b+é.txt").read() == b"content"


def test_a_signed_url_gives_no_more_than_its_key_may(opened: oss2.Bucket) -> None:
    url = opened.sign_url("PUT", "new", 60)
    assert refusal(lambda: opened.put_object_with_url(url, b"")) == (403, "AccessDenied")


def test_oss2_fetches_the_key_of_the_instance_itself(simulator: RunningSimulator, instance: str) -> None:
    path = f"/instances/{instance}/latest/meta-data/ram/security-credentials/{ROLE}"
    provider = EcsRamRoleCredentialsProvider(simulator.metadata + path)
    bucket = oss2.Bucket(oss2.ProviderAuth(provider), simulator.oss, "ramroletest")
    assert [item.key for item in oss2.ObjectIterator(bucket)] == KEYS
