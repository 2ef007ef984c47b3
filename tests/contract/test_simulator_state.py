"""State in a file: what one simulator has, the next one goes on with, whole or with one clear line."""

import json
import os
import signal
import stat
import urllib.request
from pathlib import Path
from typing import Any

import oss2
import pytest
from tests.contract.conftest import OldSdk, RunningSimulator, refused_start, start_simulator, stop_simulator
from tests.polling import until

ECS_TRUST = json.dumps(
    {
        "Version": "1",
        "Statement": [{"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": ["ecs.aliyuncs.com"]}}],
    }
)
READ = '{"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:Get*","Resource":"*"}]}'
ONE = "i-bp1simulator00000001"


def client(running: RunningSimulator) -> OldSdk:
    return OldSdk(running, (running.accessKeyId, running.accessKeySecret))


def furnish(running: RunningSimulator) -> dict[str, Any]:
    """Make one of everything, and return the credential of an instance."""
    root = client(running)
    root.call("CreateUser", UserName="ann", Comments="é\u0000中")
    root.call("CreateGroup", GroupName="team")
    root.call("AddUserToGroup", UserName="ann", GroupName="team")
    root.call("CreateLoginProfile", UserName="ann", Password="12345678")
    root.call("SetPasswordPolicy", RequireNumbers="true")
    root.call("CreatePolicy", PolicyName="read", PolicyDocument=READ, Tag=[{"Key": "a", "Value": "b"}])
    root.call("CreatePolicyVersion", PolicyName="read", PolicyDocument=READ, SetAsDefault="true")
    root.call("CreateRole", RoleName="EcsRole", AssumeRolePolicyDocument=ECS_TRUST)
    root.call("AttachPolicyToRole", PolicyType="Custom", PolicyName="read", RoleName="EcsRole")
    root.call("AttachPolicyToGroup", PolicyType="System", PolicyName="ReadOnlyAccess", GroupName="team")
    asked = {"RamRoleName": "EcsRole", "InstanceIds": json.dumps([ONE]), "Policy": READ}
    root.call("AttachInstanceRamRole", **asked)
    root.call("RunInstances", InstanceType="t", ClientToken="once", VSwitchId="v")
    bucket = oss2.Bucket(oss2.Auth(running.accessKeyId, running.accessKeySecret), running.oss, "ramroletest")
    bucket.put_object("bytes", bytes(range(256)))
    url = f"{running.metadata}/instances/{ONE}/latest/meta-data/ram/security-credentials/EcsRole"
    with urllib.request.urlopen(url, timeout=10) as reply:
        credential: dict[str, Any] = json.load(reply)
    return credential


def read_as(running: RunningSimulator, credential: dict[str, Any]) -> bytes:
    auth = oss2.StsAuth(credential["AccessKeyId"], credential["AccessKeySecret"], credential["SecurityToken"])
    content: bytes = oss2.Bucket(auth, running.oss, "ramroletest").get_object("bytes").read()
    return content


def test_the_next_simulator_goes_on_with_everything(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    first = start_simulator("--state", str(path))
    credential = furnish(first)
    state, roles = first.state(), client(first).call("ListRoles")["Roles"]
    assert stop_simulator(first) == 0
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]
    second = start_simulator("--state", str(path))
    try:
        assert second.state() == state
        root = client(second)
        assert root.call("ListRoles")["Roles"] == roles
        assert root.call("GetUser", UserName="ann")["User"]["Comments"] == "é\u0000中"
        assert root.call("ListUsersForGroup", GroupName="team")["Users"]["User"]
        assert root.call("GetPasswordPolicy")["PasswordPolicy"]["RequireNumbers"] is True
        assert root.refusal("DeletePolicy", PolicyName="read")[1] == "DeleteConflict.Policy.Role"
        again = root.call("RunInstances", InstanceType="t", ClientToken="once", VSwitchId="v")
        assert len(second.state()["instances"]) == len(state["instances"]), again
        assert root.call("DescribeInstanceRamRole", RamRoleName="EcsRole")["TotalCount"] == 1
        assert read_as(second, credential) == bytes(range(256))
        second.reset()
        assert second.state() != state
    finally:
        assert stop_simulator(second) == 0


def test_a_file_of_before_roles_were_told_apart_by_case_is_still_good(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    first = start_simulator("--state", str(path))
    furnish(first)
    state = first.state()
    assert stop_simulator(first) == 0
    saved = json.loads(path.read_text())
    for attachment in saved["cloud"]["attachments"]:
        attachment["holder"]["name"] = attachment["holder"]["name"].lower()
    del saved["cloud"]["key_sets"]
    path.write_text(json.dumps(saved))
    second = start_simulator("--state", str(path))
    try:
        assert second.state() == state
        held = {"PolicyType": "Custom", "PolicyName": "read", "RoleName": "EcsRole"}
        assert client(second).refusal("AttachPolicyToRole", **held) == (409, "EntityAlreadyExists.Role.Policy")
    finally:
        assert stop_simulator(second) == 0


def wait_until_saved(path: Path, text: str) -> None:
    until(lambda: text in path.read_text(), what="the state is saved")


def test_a_change_is_in_the_file_though_the_process_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    first = start_simulator("--state", str(path))
    client(first).call("CreateUser", UserName="survivor")
    wait_until_saved(path, "survivor")
    first.process.send_signal(signal.SIGKILL)
    first.process.wait(10)
    assert first.process.stdout is not None
    first.process.stdout.close()
    second = start_simulator("--state", str(path))
    try:
        assert client(second).call("GetUser", UserName="survivor")
    finally:
        assert stop_simulator(second) == 0


def test_the_next_simulator_goes_on_at_the_advanced_time(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    first = start_simulator("--state", str(path))
    first.control_call("POST", "/clock", {"advanceSeconds": 86400 * 365})
    then = first.control_call("GET", "/clock")["now"]
    assert stop_simulator(first) == 0
    second = start_simulator("--state", str(path))
    try:
        clock = second.control_call("GET", "/clock")
        assert clock["advancedSeconds"] == 86400 * 365
        assert clock["now"] >= then
        second.reset()
        assert second.control_call("GET", "/clock")["advancedSeconds"] == 0
    finally:
        assert stop_simulator(second) == 0


def test_what_a_kill_in_the_middle_of_writing_left_is_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    first = start_simulator("--state", str(path))
    client(first).call("CreateUser", UserName="survivor")
    assert stop_simulator(first) == 0
    (tmp_path / ".state.json.new").write_text('{"version": 1, "clo')
    second = start_simulator("--state", str(path))
    try:
        assert list(tmp_path.iterdir()) == [path]
        assert client(second).call("GetUser", UserName="survivor")
    finally:
        assert stop_simulator(second) == 0


def test_two_simulators_do_not_keep_one_file(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    running = start_simulator("--state", str(path))
    try:
        # a file that was written again is held as well
        client(running).call("CreateUser", UserName="ann")
        wait_until_saved(path, "ann")
        assert "another simulator keeps it" in refused_start("--state", str(path))
    finally:
        assert stop_simulator(running) == 0


def test_a_key_that_was_made_at_the_first_start_is_told_at_the_second(tmp_path: Path) -> None:
    (tmp_path / "fixture.yaml").write_text("account: {id: '1'}")
    options = ("--state", str(tmp_path / "state.json"), "--fixture", str(tmp_path / "fixture.yaml"))
    first = start_simulator(*options)
    assert stop_simulator(first) == 0
    second = start_simulator(*options)
    try:
        assert second.accessKeyId == first.accessKeyId
        assert client(second).call("GetCallerIdentity")["AccountId"] == "1"
    finally:
        assert stop_simulator(second) == 0


def broken(**changed: Any) -> str:
    whole: dict[str, Any] = {
        "account_id": "1234567890123456",
        "settings": {},
        **{key: [] for key in ("users", "groups", "keys", "credentials", "identity_providers", "roles", "policies")},
        "attachments": [],
        "instances": [],
        "client_tokens": {},
        "buckets": [],
    }
    return json.dumps({"version": 1, "cloud": whole | changed})


DAMAGED = [
    ("", "not JSON"),
    ("{", "not JSON"),
    ("[" * 100_000, "not JSON"),
    ("[]", "it has no version"),
    ('{"version": 2}', "it is of version 2 of this format, and this simulator reads version 1"),
    ('{"version": 1}', "cloud"),
    (broken(users=1), "cloud.users"),
    (broken(users=[{"name": 1}]), "cloud.users[0].name: str is required"),
    (broken(users=[{"nome": "x"}]), "unknown: nome"),
    (broken(roles=[{"name": "x"}]), "cloud.roles[0]"),
    (broken(more=1), "unknown: more"),
    (broken(account_id="1"), "it is of the account 1, the fixture of 1234567890123456"),
    (broken(advanced_seconds=-1.0), "cloud.advanced_seconds: the clock may be advanced by 0 to"),
    (broken(buckets=[{"objects": {"a": {"content": "?"}}}]), "cloud.buckets[0].objects.a.content"),
]


@pytest.mark.parametrize(("text", "said"), DAMAGED)
def test_a_damaged_file_gives_one_clear_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)
    line = refused_start("--state", str(path))
    assert line.startswith(f"ram-simulator: --state {path}: ")
    assert said in line
    assert path.read_text() == text


def test_a_folder_that_is_not_there_is_said_at_the_start(tmp_path: Path) -> None:
    assert "there is no such folder" in refused_start("--state", str(tmp_path / "none" / "state.json"))
