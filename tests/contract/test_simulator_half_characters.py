"""Halves of characters, which JSON can write and UTF-8 cannot: the control service is readable whoever has sent one."""

import json
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from tests.contract.clients.raw import Key, RawClient, Wire
from tests.contract.clients.walk import ROOT
from tests.contract.conftest import RunningSimulator

from ram_simulator.testing.control.routes import ROUTES

HALF = "\ud800"
ROLE = "half"
TRUST = {"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": ["ecs.aliyuncs.com"]}}
GRANT = {"Action": "oss:*", "Effect": "Allow", "Resource": f"acs:oss:*:*:{HALF}"}


def document(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "1", "Statement": [statement]})


CALLS: dict[str, tuple[int, str, dict[str, str]]] = {
    "the reason of a refusal": (400, "CreatePolicy", {"PolicyName": "p", "PolicyDocument": json.dumps({HALF: 1})}),
    "a resource of a policy": (200, "CreatePolicy", {"PolicyName": "p", "PolicyDocument": document(GRANT)}),
    "a tag": (
        200,
        "TagResources",
        {
            "ResourceType": "role",
            "ResourceNames": json.dumps([ROLE]),
            "Tag": json.dumps([{"Key": HALF, "Value": HALF}]),
        },
    ),
    "a resource that was asked for": (
        404,
        "ListTagResources",
        {"ResourceType": "role", "ResourceNames": json.dumps([HALF])},
    ),
}
FAULTS: dict[str, dict[str, Any]] = {
    "code": {"code": HALF},
    "message": {"code": "Odd", "message": HALF},
    "value of a parameter": {"code": "Odd", "params": {"RoleName": HALF}},
    "parameter of OSS": {"action": "PutObject", "code": "Odd", "params": {HALF: "x"}},
}


@pytest.fixture
def client(simulator: RunningSimulator, wire: Wire) -> RawClient:
    """A client in whose cloud there is the role that reads are about."""
    found = RawClient(wire, Key(*ROOT))
    assert found.call("CreateRole", RoleName=ROLE, AssumeRolePolicyDocument=document(TRUST)).status == 200
    return found


def read_all(simulator: RunningSimulator) -> None:
    """Read whatever the control service shows; an answer other than 200 is an HTTPError."""
    for route in ROUTES:
        if route.method == "GET":
            query = "?principal=root" if route.path == "/suggest" else ""
            simulator.control_call("GET", f"{route.path.replace('ID', ROLE)}{query}")
    with urlopen(Request(f"{simulator.control}/", headers={"Accept": "text/html"}), timeout=10) as page:
        assert "ram-simulator" in page.read().decode()


@pytest.mark.parametrize("case", CALLS)
def test_all_can_be_read_after_a_call_with_half_a_character(
    simulator: RunningSimulator, client: RawClient, case: str
) -> None:
    status, action, parameters = CALLS[case]
    assert client.call(action, **parameters).status == status
    read_all(simulator)


@pytest.mark.parametrize("case", FAULTS)
def test_all_can_be_read_while_a_fault_has_half_a_character(
    simulator: RunningSimulator, client: RawClient, case: str
) -> None:
    simulator.control_call("POST", "/faults", {"action": "GetRole", **FAULTS[case]})
    read_all(simulator)


def test_the_code_of_a_fault_can_be_read_after_it_has_struck(simulator: RunningSimulator, client: RawClient) -> None:
    simulator.control_call("POST", "/faults", {"action": "GetRole", "code": HALF})
    assert client.call("GetRole", RoleName=ROLE).status == 400
    read_all(simulator)


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/faults"), ("POST", "/instances"), ("POST", "/clock"), ("PUT", "/switches")]
)
def test_a_key_that_is_half_a_character_is_refused(simulator: RunningSimulator, method: str, path: str) -> None:
    with pytest.raises(HTTPError) as caught:
        simulator.control_call(method, path, {HALF: 1})
    with caught.value as answer:
        assert (answer.code, list(json.load(answer))) == (400, ["error"])
