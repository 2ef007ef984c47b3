"""The control service against the process: journal, faults, instances, clock, reset, state."""

import json
import re
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from http.client import RemoteDisconnected
from typing import Any
from urllib.error import HTTPError

import pytest
from aliyunsdkcore.acs_exception.exceptions import ClientException, ServerException
from tests.contract.clients.raw import Key, RawClient, Wire
from tests.contract.conftest import OldSdk, RunningSimulator
from tests.polling import until

TRUST = json.dumps(
    {
        "Version": "1",
        "Statement": [{"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": ["ecs.aliyuncs.com"]}}],
    }
)
ROLE = {"RoleName": "Worker", "AssumeRolePolicyDocument": TRUST}


def refused(simulator: RunningSimulator, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, str]:
    with pytest.raises(HTTPError) as caught:
        simulator.control_call(method, path, body)
    with caught.value as answer:
        return answer.code, json.loads(answer.read())["error"]


def test_the_journal_has_one_entry_for_each_call(root: OldSdk, dev: OldSdk, simulator: RunningSimulator) -> None:
    before = simulator.newest_call()
    root.call("CreateRole", **ROLE)
    root.refusal("CreateRole", **ROLE)
    dev.refusal("GetRole", RoleName="Worker")
    calls = simulator.calls_since(before)
    told = [(call["product"], call["action"], call["status"], call["code"], call["write"]) for call in calls]
    assert told == [
        ("Ram", "CreateRole", 200, "", True),
        ("Ram", "CreateRole", 409, "EntityAlreadyExists.Role", True),
        ("Ram", "GetRole", 403, "NoPermission", False),
    ]
    assert [call["seq"] for call in calls] == [before + 1, before + 2, before + 3]
    assert [call["principal"].rpartition(":")[2] for call in calls] == ["root", "root", "user/dev"]
    assert calls[0]["params"] == ROLE | {"RegionId": "cn-hangzhou"}


def test_the_journal_holds_no_secret(root: OldSdk, simulator: RunningSimulator) -> None:
    before = simulator.newest_call()
    root.call("CreateInstance", InstanceType="t", Password="Hidden-1", UserData="SGlkZGVu")
    text = json.dumps(simulator.calls_since(before))
    assert "CreateInstance" in text
    for hidden in ("Hidden-1", "SGlkZGVu", "simulator-root", "Signature"):
        assert hidden not in text


@pytest.mark.parametrize(
    "name",
    ["password", "PassWord", "Pasword", "Password.1", "OidcToken", "oidctoken", "userData", "User_Data", "secret"],
)
def test_the_journal_holds_no_secret_of_a_misspelt_name(simulator: RunningSimulator, name: str) -> None:
    key = Key(simulator.accessKeyId, simulator.accessKeySecret)
    wire, before = Wire(simulator.endpoint), simulator.newest_call()
    sent = {"UserName": "dev", "PasswordResetRequired": "true", name: "Hidden-1", "Usernames": "shown"}
    RawClient(wire, key).call("CreateLoginProfile", **sent)
    wire.close()
    (call,) = simulator.calls_since(before)
    assert call["params"] == sent | {name: "***", "RegionId": "cn-hangzhou"}


def test_a_fault_strikes_its_action_so_many_times(root: OldSdk, simulator: RunningSimulator) -> None:
    fault = {"action": "GetRole", "count": 2, "code": "Throttling.User", "status": 400}
    root.call("CreateRole", **ROLE)
    simulator.control_call("POST", "/faults", fault)
    assert root.call("ListRoles")
    assert [root.refusal("GetRole", RoleName="Worker") for _ in range(2)] == [(400, "Throttling.User")] * 2
    assert root.call("GetRole", RoleName="Worker")


def test_the_faults_that_are_left_are_told_as_they_were_set(root: OldSdk, simulator: RunningSimulator) -> None:
    refusal = {"action": "GetRole", "count": 2, "code": "Throttling.User", "status": 400, "message": "slow down"}
    others: list[dict[str, Any]] = [
        {"action": "*", "count": 3, "delaySeconds": 0.001},
        {"action": "CreateRole", "count": 1, "lostReply": True},
        {"action": "CreateRole", "params": {"RoleName": "other"}, "count": 1, "emptyBody": True},
    ]
    for fault in (refusal, *others):
        simulator.control_call("POST", "/faults", fault)
    assert simulator.control_call("GET", "/faults") == {"faults": [refusal, *others]}
    root.refusal("GetRole", RoleName="Worker")
    assert simulator.control_call("GET", "/faults") == {"faults": [refusal | {"count": 1}, *others]}
    simulator.reset()
    assert simulator.control_call("GET", "/faults") == {"faults": []}


def test_a_fault_is_used_up_when_its_call_arrives_and_taking_faults_back_lets_the_call_go_on(
    root: OldSdk, simulator: RunningSimulator
) -> None:
    before = simulator.newest_call()
    simulator.control_call("POST", "/faults", {"action": "CreateRole", "delaySeconds": 3600})
    with ThreadPoolExecutor() as threads:
        call = threads.submit(root.call, "CreateRole", **ROLE)
        until(lambda: not simulator.control_call("GET", "/faults")["faults"], what="the call has arrived")
        assert simulator.calls_since(before) == []
        assert simulator.state()["roles"] == []
        simulator.control_call("DELETE", "/faults")
        assert call.result()["Role"]["RoleName"] == "Worker"


def test_a_fault_with_params_strikes_only_calls_that_have_these(root: OldSdk, simulator: RunningSimulator) -> None:
    fault = {"action": "GetRole", "params": {"RoleName": "unlucky"}, "code": "InternalError", "status": 500}
    for name in ("lucky", "unlucky"):
        root.call("CreateRole", **ROLE | {"RoleName": name})
    simulator.control_call("POST", "/faults", fault)
    assert root.call("GetRole", RoleName="lucky")
    assert root.refusal("GetRole", RoleName="unlucky") == (500, "InternalError")
    assert root.call("GetRole", RoleName="unlucky")


def test_a_fault_that_throttles_may_say_when_to_come_back(simulator: RunningSimulator) -> None:
    fault = {"action": "ListRoles", "count": 1, "code": "Throttling.User", "status": 400, "message": "slow down"}
    client = RawClient(wire := Wire(simulator.endpoint), Key(simulator.accessKeyId, simulator.accessKeySecret))
    for more, header in (({"retryAfterMs": 1500}, "1500"), ({"retryAfterMs": 0}, "0"), ({}, None)):
        simulator.control_call("POST", "/faults", fault | more)
        assert simulator.control_call("GET", "/faults") == {"faults": [fault | more]}
        throttled = client.call("ListRoles")
        assert (throttled.status, throttled.answer["Code"]) == (400, "Throttling.User")
        assert throttled.headers.get("x-acs-retry-after") == header
    wire.close()


def test_faults_are_taken_back(root: OldSdk, simulator: RunningSimulator) -> None:
    simulator.control_call("POST", "/faults", {"action": "*", "count": 9, "code": "InternalError", "status": 500})
    simulator.control_call("DELETE", "/faults")
    assert root.call("ListRoles")


def test_a_lost_reply_leaves_the_effect(root: OldSdk, simulator: RunningSimulator) -> None:
    simulator.control_call("POST", "/faults", {"action": "CreateRole", "count": 1, "lostReply": True})
    with pytest.raises((ClientException, RemoteDisconnected)):
        root.call("CreateRole", **ROLE)
    assert root.refusal("CreateRole", **ROLE) == (409, "EntityAlreadyExists.Role")


def test_an_empty_body_leaves_the_effect(root: OldSdk, simulator: RunningSimulator) -> None:
    simulator.control_call("POST", "/faults", {"action": "CreateRole", "count": 1, "emptyBody": True})
    with pytest.raises(json.JSONDecodeError):
        root.call("CreateRole", **ROLE)
    assert root.call("GetRole", RoleName="Worker")


def test_a_delay_holds_up_its_action(root: OldSdk, simulator: RunningSimulator) -> None:
    simulator.control_call("POST", "/faults", {"action": "ListRoles", "count": 1, "delaySeconds": 0.3})
    started = time.monotonic()
    root.call("ListRoles")
    assert time.monotonic() - started >= 0.3


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({}, "action"),
        ({"action": "GetRole"}, "exactly one"),
        ({"action": "GetRole", "code": "X", "lostReply": True}, "exactly one"),
        ({"action": "GetRole", "code": "X", "status": 200}, "status"),
        ({"action": "GetRole", "code": "X", "count": 0}, "count"),
        ({"action": "GetRole", "delaySeconds": -1}, "delaySeconds"),
        ({"action": "GetRole", "code": "Throttling", "retryAfterMs": -1}, "retryAfterMs"),
        ({"action": "GetRole", "code": "Throttling", "retryAfterMs": True}, "retryAfterMs"),
        ({"action": "GetRole", "lostReply": True, "retryAfterMs": 5}, "retryAfterMs"),
        ({"action": "GetRole", "colour": "red"}, "unknown: colour"),
        ({"action": "GetRole", "delayseconds": 1}, "Did you mean delaySeconds?"),
        ({"action": "GetRol", "lostReply": True}, "Did you mean GetRole?"),
        ({"action": "getobject", "lostReply": True}, "Did you mean GetObject?"),
        ({"action": "Qx", "lostReply": True}, "`ram-simulator actions` lists them"),
        ({"action": "GetRole", "status": 500}, "there is none"),
        ({"action": "GetRole", "delaySeconds": True}, "delaySeconds"),
        ({"action": "GetRole", "lostReply": "yes"}, "lostReply"),
        ({"action": "GetRole", "code": 500}, "code"),
        ({"action": "GetRole", "params": "x", "lostReply": True}, 'such as {"RoleName": "x"}'),
        ({"action": "GetRole", "params": {"Rolename": "x"}, "lostReply": True}, "Did you mean RoleName?"),
        ({"action": "GetRole", "params": {"Tag.1.Key": "x"}, "lostReply": True}, "no parameter Tag.1.Key"),
    ],
)
def test_a_wrong_fault_is_refused(simulator: RunningSimulator, fault: dict[str, Any], said: str) -> None:
    status, message = refused(simulator, "POST", "/faults", fault)
    assert status == 400
    assert said in message


def test_instances_are_added_and_removed(root: OldSdk, simulator: RunningSimulator) -> None:
    root.call("CreateRole", **ROLE)
    added = {"region": "cn-beijing", "networkType": "vpc", "ramRoleName": "worker"}
    made = simulator.control_call("POST", "/instances", added)["instanceId"]
    assert len(made) == 22
    assert made.startswith("i-")
    shown = next(item for item in simulator.state()["instances"] if item["instanceId"] == made)
    assert shown == {"instanceId": made, "region": "cn-beijing", "networkType": "vpc", "ramRoleName": "Worker"}
    simulator.control_call("DELETE", f"/instances/{made}")
    assert made not in json.dumps(simulator.state())
    assert refused(simulator, "DELETE", f"/instances/{made}")[0] == 404


@pytest.mark.parametrize(
    "body",
    [
        {"region": "moon-1"},
        {"networkType": "wifi"},
        {"ramRoleName": "nobody"},
        {"id": "i-bp1simulator00000001"},
        {"id": "i/one"},
        {"id": ""},
        {"size": "large"},
    ],
)
def test_a_wrong_instance_is_refused(simulator: RunningSimulator, body: dict[str, Any]) -> None:
    assert refused(simulator, "POST", "/instances", body)[0] == 400


def test_the_clock_moves_dates_and_not_signatures(root: OldSdk, simulator: RunningSimulator) -> None:
    before = root.call("CreateRole", **ROLE)["Role"]["CreateDate"]
    simulator.control_call("POST", "/clock", {"advanceSeconds": 86400 * 400})
    after = root.call("UpdateRole", RoleName="Worker", NewDescription="x")["Role"]["UpdateDate"]
    assert int(after[:4]) > int(before[:4])


def test_a_reset_returns_to_the_fixture_and_the_journal_goes_on(root: OldSdk, simulator: RunningSimulator) -> None:
    simulator.reset()
    clean = simulator.state()
    root.call("CreateRole", **ROLE)
    simulator.control_call("POST", "/faults", {"action": "*", "count": 9, "code": "InternalError", "status": 500})
    simulator.control_call("POST", "/clock", {"advanceSeconds": 86400})
    seq = simulator.newest_call()
    simulator.reset()
    assert simulator.state() == clean
    root.call("ListRoles")
    assert simulator.newest_call() == seq + 1


def test_the_state_tells_who_holds_what(root: OldSdk, simulator: RunningSimulator) -> None:
    root.call("CreateRole", **ROLE, Tag=[{"Key": "team", "Value": "a"}])
    held = {"PolicyType": "System", "PolicyName": "AdministratorAccess"}
    root.call("AttachPolicyToRole", **held, RoleName="worker")
    root.call("AttachPolicyToUser", **held, UserName="dev")
    root.call("CreateGroup", GroupName="Team")
    root.call("AddUserToGroup", UserName="dev", GroupName="team")
    state = simulator.state()
    kinds = (
        "roles policies attachments users groups oidcProviders samlProviders instances vpcs vSwitches securityGroups"
    )
    assert list(state) == [*kinds.split(), "buckets"]
    (role,) = state["roles"]
    assert (role["roleName"], role["trust"], role["tags"]) == ("Worker", json.loads(TRUST), {"team": "a"})
    held_by = {"policyType": "System", "policyName": "AdministratorAccess"}
    assert state["attachments"] == [held_by | {"roleName": "Worker"}, held_by | {"userName": "dev"}]
    assert state["users"] == [{"userName": "dev"}]
    assert state["groups"] == [{"groupName": "Team", "users": ["dev"]}]
    assert "secret" not in json.dumps(state)


def test_states_of_the_same_things_compare_whatever_their_order(root: OldSdk, simulator: RunningSimulator) -> None:
    states = []
    for names in (("a", "b"), ("b", "a")):
        simulator.reset()
        for name in names:
            root.call(
                "CreateRole", RoleName=name, AssumeRolePolicyDocument=TRUST, Description={"a": "2", "b": "1"}[name]
            )
        states.append(simulator.state())
    assert states[0] == states[1]
    assert [role["roleName"] for role in states[0]["roles"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("GET", "/nothing", None, 404, "there is no path /nothing"),
        ("GET", "/fault", None, 404, "Did you mean /faults?"),
        ("POST", "/state", None, 405, "/state is there for GET, not for POST"),
        ("PATCH", "/faults", None, 405, "DELETE and GET and POST"),
        ("GET", "/journal?since=x", None, 400, "/journal?since=17"),
        ("GET", "/journal?since=1&from=2", None, 400, "unknown: from"),
        ("POST", "/clock", None, 400, 'write {"advanceSeconds": 3600}'),
        ("POST", "/clock", {"advanceSeconds": "x"}, 400, 'write {"advanceSeconds": 3600}'),
        ("POST", "/clock", {"advance": 1}, 400, "Did you mean advanceSeconds?"),
        ("POST", "/clock", {"advanceSeconds": -1}, 400, "by 0 to 3153600000 seconds"),
        ("POST", "/clock", {"advanceSeconds": 1e300}, 400, "by 0 to 3153600000 seconds"),
        ("DELETE", "/faults", {"action": "GetRole"}, 400, "DELETE /faults takes no body"),
    ],
)
def test_a_wrong_request_is_told_what_to_write(
    simulator: RunningSimulator, method: str, path: str, body: dict[str, Any] | None, status: int, said: str
) -> None:
    told, message = refused(simulator, method, path, body)
    assert told == status
    assert said in message


@pytest.mark.parametrize(
    ("raw", "said"), [(b"{", "the body is not JSON"), (b"[]", "must be a JSON object"), (b"\xff", "not JSON")]
)
def test_a_body_that_is_no_json_object_is_told_what_to_write(
    simulator: RunningSimulator, raw: bytes, said: str
) -> None:
    with pytest.raises(HTTPError) as caught:
        urllib.request.urlopen(f"{simulator.control}/clock", raw, timeout=10)
    with caught.value as answer:
        error = json.loads(answer.read())["error"]
    assert said in error
    assert error.endswith('write {"advanceSeconds": 3600}')


def test_a_client_that_asks_for_no_page_gets_the_paths_with_what_they_take(simulator: RunningSimulator) -> None:
    paths = simulator.control_call("GET", "/")["paths"]
    assert {(path["method"], path["path"]) for path in paths} >= {("GET", "/journal?since=N"), ("POST", "/faults")}
    # each example is one that is taken
    for path in paths:
        if "body" in path and path["path"] != "/instances":
            simulator.control_call(path["method"], path["path"], json.loads(path["body"]))


def asked_from(simulator: RunningSimulator, origin: str, host: str = "") -> int:
    """Ask for a reset as a browser does that shows a page of `origin`."""
    headers = {"Origin": origin, "Content-Type": "text/plain"} | ({"Host": host} if host else {})
    request = urllib.request.Request(f"{simulator.control}/reset", b"", headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return int(reply.status)
    except HTTPError as error:
        with error:
            assert re.search("Origin|Host", json.loads(error.read())["error"])
            return error.code


def test_a_page_from_elsewhere_in_a_browser_of_this_machine_is_refused(
    root: OldSdk, simulator: RunningSimulator
) -> None:
    root.call("CreateRole", **ROLE)
    own = simulator.control.partition("//")[2]
    port = own.rpartition(":")[2]
    for origin, host in (
        ("https://evil.example", ""),
        ("null", ""),
        (f"http://127.0.0.1:{int(port) - 1}", ""),
    ):
        assert asked_from(simulator, origin, host) == 403
    # its name was made to mean this machine after the page was loaded
    assert asked_from(simulator, f"http://evil.example:{port}", f"evil.example:{port}") == 421
    assert simulator.state()["roles"]
    assert asked_from(simulator, f"http://localhost:{port}", f"localhost:{port}") == 200
    assert asked_from(simulator, f"http://{own}") == 200
    assert simulator.state()["roles"] == []


def test_an_unknown_path_lists_the_paths_and_a_wrong_method_those_that_are_allowed(simulator: RunningSimulator) -> None:
    answers = {}
    for method, path in (("GET", "/nothing"), ("POST", "/journal"), ("DELETE", "/switches")):
        with pytest.raises(HTTPError) as caught:
            simulator.control_call(method, path)
        with caught.value as answer:
            answers[path] = (answer.headers["Allow"], json.loads(answer.read()).get("paths"))
    assert answers["/nothing"] == (None, simulator.control_call("GET", "/")["paths"])
    assert answers["/journal"] == ("GET", None)
    assert answers["/switches"] == ("GET, PUT", None)


def test_the_clock_is_told(simulator: RunningSimulator) -> None:
    before = simulator.control_call("GET", "/clock")
    assert before["advancedSeconds"] == 0
    simulator.control_call("POST", "/clock", {"advanceSeconds": 86400})
    after = simulator.control_call("POST", "/clock", {"advanceSeconds": 0.5})
    assert after["advancedSeconds"] == 86400.5
    passed = datetime.fromisoformat(after["now"]) - datetime.fromisoformat(before["now"])
    assert timedelta(days=1) <= passed < timedelta(days=1, hours=1)


def test_a_call_that_waits_at_a_reset_fails_and_touches_nothing(root: OldSdk, simulator: RunningSimulator) -> None:
    simulator.control_call("POST", "/faults", {"action": "CreateRole", "delaySeconds": 3600})
    with ThreadPoolExecutor() as threads:
        call = threads.submit(root.refusal, "CreateRole", **ROLE)
        until(lambda: not simulator.control_call("GET", "/faults")["faults"], what="the call has arrived")
        simulator.reset()
        assert call.result() == (503, "ServiceUnavailable")
    assert simulator.state()["roles"] == []


def test_a_refused_call_of_the_sdk_is_a_server_exception(root: OldSdk) -> None:
    with pytest.raises(ServerException):
        root.call("GetRole", RoleName="nobody")
