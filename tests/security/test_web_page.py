"""A page that a developer's browser has loaded from elsewhere, while a simulator runs on the same machine."""

import http.client
import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from tests.conftest import RunningSandbox

EVIL = "http://evil.example.com"
ASKED = (
    ("GET", "/state"),
    ("GET", "/journal"),
    ("POST", "/reset"),
    ("POST", "/faults"),
    ("POST", "/instances"),
    ("DELETE", "/faults"),
)


@pytest.fixture
def control(running_sandbox: RunningSandbox) -> Iterator[http.client.HTTPConnection]:
    """A connection to the simulator's control service."""
    connection = http.client.HTTPConnection(urlsplit(running_sandbox.simulator.facts["control"]).netloc, timeout=10)
    yield connection
    connection.close()


@pytest.mark.parametrize(("method", "path"), ASKED)
def test_a_page_of_another_origin_reads_and_changes_nothing(
    method: str, path: str, control: http.client.HTTPConnection
) -> None:
    control.request(method, path, body="{}" if method == "POST" else None, headers={"Origin": EVIL})
    answer = control.getresponse()
    assert answer.status == 403
    assert f"a page of {EVIL} asks" in json.loads(answer.read())["error"]


SERVICES = {
    "endpoint": "/",
    "metadata": "/instances/i-bp1simulator00000001/latest/meta-data/ram/security-credentials/",
    "oss": "/",
    "control": "/state",
}


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("origin", [{}, {"Origin": EVIL}])
def test_a_page_whose_name_came_to_mean_this_machine_reads_nothing(
    service: str, origin: dict[str, str], running_sandbox: RunningSandbox
) -> None:
    connection = http.client.HTTPConnection(urlsplit(running_sandbox.simulator.facts[service]).netloc, timeout=10)
    try:
        connection.request("GET", SERVICES[service], headers={"Host": "evil.example.com", **origin})
        answer = connection.getresponse()
        assert answer.status == 421
        assert "the Host 'evil.example.com' is not one of this simulator's" in answer.read().decode()
    finally:
        connection.close()
