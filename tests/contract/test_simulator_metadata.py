"""The metadata service against the process: paths, credentials and their renewal, hardened mode."""

import json
from http.client import HTTPConnection
from urllib.parse import urlsplit

import oss2
import pytest
from tests.contract.conftest import OldSdk, RunningSimulator

TRUST = json.dumps(
    {
        "Version": "1",
        "Statement": [{"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": ["ecs.aliyuncs.com"]}}],
    }
)
LIST = json.dumps({"Version": "1", "Statement": [{"Effect": "Allow", "Action": "oss:*", "Resource": "*"}]})
CREDENTIALS = "/latest/meta-data/ram/security-credentials/"
TTL = "X-aliyun-ecs-metadata-token-ttl-seconds"
TOKEN = "X-aliyun-ecs-metadata-token"
HOUR = 3600


class Inside:
    """Asks the metadata service as a program inside the instance does."""

    def __init__(self, simulator: RunningSimulator, instance_id: str) -> None:
        self._address = urlsplit(simulator.ready["metadata"]).netloc
        self._prefix = f"/instances/{instance_id}"

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
        connection = HTTPConnection(self._address, timeout=10)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, self._prefix + path, headers=named)
            reply = connection.getresponse()
            return reply.status, reply.read().decode()
        finally:
            connection.close()

    def token(self, **headers: str) -> tuple[int, str]:
        return self.ask("/latest/api/token", "PUT", **headers)

    def credential(self, role: str = "Worker") -> dict[str, str]:
        status, text = self.ask(CREDENTIALS + role)
        assert status == 200, text
        found: dict[str, str] = json.loads(text)
        return found


@pytest.fixture
def ids(root: OldSdk, simulator: RunningSimulator) -> list[str]:
    root.call("CreateRole", RoleName="Worker", AssumeRolePolicyDocument=TRUST)
    root.call("CreatePolicy", PolicyName="all-oss", PolicyDocument=LIST)
    root.call("AttachPolicyToRole", PolicyType="Custom", PolicyName="all-oss", RoleName="Worker")
    return simulator.instance_ids()


@pytest.fixture
def inside(root: OldSdk, simulator: RunningSimulator, ids: list[str]) -> Inside:
    root.call("AttachInstanceRamRole", InstanceIds=json.dumps(ids[:1]), RamRoleName="Worker")
    return Inside(simulator, ids[0])


def opens(simulator: RunningSimulator, credential: dict[str, str], wanted: str = "list") -> str:
    auth = oss2.StsAuth(*(credential[name] for name in ("AccessKeyId", "AccessKeySecret", "SecurityToken")))
    bucket = oss2.Bucket(auth, simulator.ready["oss"], "ramroletest")
    try:
        bucket.list_objects() if wanted == "list" else bucket.get_object("test.sh").read()
    except oss2.exceptions.ServerError as refused:
        return str(refused.code)
    return "opened"


@pytest.mark.parametrize("version", ["latest", "2016-01-01"])
@pytest.mark.parametrize("spelling", ["ram", "Ram"])
def test_the_role_name_stands_alone_on_its_path(inside: Inside, version: str, spelling: str) -> None:
    path = f"/{version}/meta-data/{spelling}/security-credentials/"
    assert inside.ask(path) == (200, "Worker")
    assert inside.ask(path + "Worker")[0] == 200


def test_the_credential_lasts_six_hours(inside: Inside) -> None:
    credential = inside.credential()
    assert set(credential) == {
        "AccessKeyId",
        "AccessKeySecret",
        "SecurityToken",
        "Expiration",
        "LastUpdated",
        "Code",
    }
    assert credential["Code"] == "Success"
    assert credential["AccessKeyId"].startswith("STS.")
    assert inside.credential() == credential


def test_a_credential_is_renewed_half_an_hour_before_it_ends_and_both_are_valid(
    simulator: RunningSimulator, inside: Inside
) -> None:
    old = inside.credential()
    simulator.control_call("POST", "/clock", {"advanceSeconds": 5.5 * HOUR - 10})
    assert inside.credential() == old
    simulator.control_call("POST", "/clock", {"advanceSeconds": 20})
    new = inside.credential()
    assert new["AccessKeyId"] != old["AccessKeyId"]
    assert (opens(simulator, old), opens(simulator, new)) == ("opened", "opened")
    simulator.control_call("POST", "/clock", {"advanceSeconds": HOUR / 2})
    assert (opens(simulator, old), opens(simulator, new)) == ("SecurityTokenExpired", "opened")


def test_an_instance_without_a_role_has_no_credentials(simulator: RunningSimulator, ids: list[str]) -> None:
    inside = Inside(simulator, ids[1])
    assert inside.ask(CREDENTIALS)[0] == 404
    assert inside.ask(CREDENTIALS + "Worker")[0] == 404


def test_another_role_than_the_one_played_is_not_found(inside: Inside) -> None:
    assert inside.ask(CREDENTIALS + "Other")[0] == 404


def test_after_a_detach_nothing_is_served_but_what_was_given_lives_on(
    root: OldSdk, simulator: RunningSimulator, inside: Inside, ids: list[str]
) -> None:
    given = inside.credential()
    root.call("DetachInstanceRamRole", InstanceIds=json.dumps(ids[:1]))
    assert inside.ask(CREDENTIALS)[0] == 404
    assert opens(simulator, given) == "opened"


def test_a_role_attached_anew_has_a_credential_of_its_own(root: OldSdk, inside: Inside, ids: list[str]) -> None:
    old = inside.credential()
    root.call("DetachInstanceRamRole", InstanceIds=json.dumps(ids[:1]))
    root.call("AttachInstanceRamRole", InstanceIds=json.dumps(ids[:1]), RamRoleName="Worker")
    assert inside.credential()["AccessKeyId"] != old["AccessKeyId"]


def test_the_session_policy_of_an_attachment_limits_its_credential(
    root: OldSdk, simulator: RunningSimulator, ids: list[str]
) -> None:
    limit = LIST.replace("oss:*", "oss:GetObject")
    root.call("AttachInstanceRamRole", InstanceIds=json.dumps(ids[:1]), RamRoleName="Worker", Policy=limit)
    credential = Inside(simulator, ids[0]).credential()
    assert (opens(simulator, credential, "get"), opens(simulator, credential)) == ("opened", "AccessDenied")


def test_without_the_trust_of_the_role_nothing_new_is_issued(
    root: OldSdk, simulator: RunningSimulator, inside: Inside
) -> None:
    given = inside.credential()
    root.call("UpdateRole", RoleName="Worker", NewAssumeRolePolicyDocument=TRUST.replace("ecs.", "fc."))
    assert inside.credential() == given
    simulator.control_call("POST", "/clock", {"advanceSeconds": 6 * HOUR})
    assert inside.ask(CREDENTIALS + "Worker")[0] == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/latest/meta-data/region-id", "cn-hangzhou"),
        ("/latest/meta-data/zone-id", "cn-hangzhou-h"),
        ("/latest/meta-data/owner-account-id", "1234567890123456"),
        ("/latest/meta-data/hostname", "node-1"),
        ("/latest/meta-data/network-type", "vpc"),
        ("/latest/meta-data/instance/instance-type", "ecs.g7.large"),
        ("/latest/meta-data/ram/", "security-credentials/"),
    ],
)
def test_the_instance_is_told_about_itself(inside: Inside, path: str, body: str) -> None:
    assert inside.ask(path) == (200, body)


def test_every_entry_listed_can_be_read(inside: Inside, ids: list[str]) -> None:
    status, listed = inside.ask("/latest/meta-data/")
    assert status == 200
    assert all(inside.ask(f"/latest/meta-data/{entry}")[0] == 200 for entry in listed.split("\n"))
    assert inside.ask("/latest/meta-data/instance-id") == (200, ids[0])
    identity = json.loads(inside.ask("/latest/dynamic/instance-identity/document")[1])
    assert identity["instance-id"] == ids[0]


@pytest.mark.parametrize("path", ["", "/", "/latest/meta-data/nothing", "/1999-01-01/meta-data/", "/latest/user-data"])
def test_what_is_not_there_is_not_found(inside: Inside, path: str) -> None:
    assert inside.ask(path)[0] == 404


def test_a_stopped_or_unknown_instance_has_no_metadata(
    root: OldSdk, simulator: RunningSimulator, inside: Inside, ids: list[str]
) -> None:
    root.call("StopInstance", InstanceId=ids[0])
    assert inside.ask(CREDENTIALS)[0] == 404
    assert Inside(simulator, "i-unknown").ask(CREDENTIALS)[0] == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({TTL: "1"}, 200),
        ({TTL: "21600"}, 200),
        ({}, 400),
        ({TTL: "0"}, 400),
        ({TTL: "21601"}, 400),
        ({TTL: "soon"}, 400),
        ({TTL: "60", "X-Forwarded-For": "10.0.0.1"}, 403),
    ],
)
def test_a_token_is_given_for_a_time_and_not_through_proxies(
    inside: Inside, headers: dict[str, str], status: int
) -> None:
    assert inside.token(**headers)[0] == status


def test_a_token_is_valid_for_its_instance_and_its_time(
    simulator: RunningSimulator, inside: Inside, ids: list[str]
) -> None:
    token = inside.token(**{TTL: "60"})[1]
    assert inside.ask(CREDENTIALS, **{TOKEN: token})[0] == 200
    assert inside.ask(CREDENTIALS, **{TOKEN: "invented"})[0] == 401
    other = Inside(simulator, ids[1])
    assert other.ask("/latest/meta-data/", **{TOKEN: token})[0] == 401
    simulator.control_call("POST", "/clock", {"advanceSeconds": 61})
    assert inside.ask(CREDENTIALS, **{TOKEN: token})[0] == 401


def test_an_instance_in_hardened_mode_answers_with_a_token_only(root: OldSdk, simulator: RunningSimulator) -> None:
    made = root.call("RunInstances", InstanceType="t", VSwitchId="v", HttpTokens="required")
    inside = Inside(simulator, made["InstanceIdSets"]["InstanceIdSet"][0])
    assert inside.ask("/latest/meta-data/")[0] == 403
    token = inside.token(**{TTL: "60"})[1]
    assert inside.ask("/latest/meta-data/", **{TOKEN: token})[0] == 200
