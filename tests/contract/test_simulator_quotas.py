"""The quotas of calls, with the figures that the pages have, and the header that says when to come back."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.contract.clients.raw import Key, RawClient, Wire
from tests.contract.conftest import start_simulator, stop_simulator

from ram_simulator.cloud.calls import Product
from ram_simulator.cloud.errors import ApiError
from ram_simulator.cloud.quotas import Quotas
from ram_simulator.cloud.switches import Switches
from ram_simulator.ecs import PRODUCT as ECS
from ram_simulator.ram import PRODUCT as RAM
from ram_simulator.sts import PRODUCT as STS

NOW = datetime(2026, 1, 1, tzinfo=UTC)
# as "Quotas" of RAM and STS say; the last three of each are those that the pages leave out
PER_SECOND: dict[int, tuple[str, ...]] = {
    10: (
        *("AttachPolicyToRole", "DetachPolicyFromRole", "DetachPolicyFromGroup", "DecodeDiagnosticMessage"),
        *("AttachPolicyToUser", "AttachPolicyToGroup", "DetachPolicyFromUser"),
    ),
    20: (
        *("CreateRole", "DeleteRole", "CreatePolicyVersion", "DeletePolicy", "DeleteUser"),
        *("UpdateRole", "CreatePolicy", "TagResources"),
    ),
    100: (
        *("GetRole", "GetUser", "ListPolicies", "ListPoliciesForRole", "ListPoliciesForUser", "ListEntitiesForPolicy"),
        *("AssumeRole", "GetCallerIdentity", "AssumeRoleWithOIDC"),
        *("ListRoles", "GetPolicy", "ListTagResources"),
    ),
}


def passed(quotas: Quotas, product: Product, name: str, region: str, now: datetime) -> int:
    """Call until it is throttled, and return how many calls passed."""
    for number in range(10_000):
        try:
            quotas.spend(product, product.actions[name], region, now)
        except ApiError as error:
            assert (error.status, error.code) == (400, "Throttling.User")
            return number
    raise AssertionError(f"{name} is never throttled")


@pytest.mark.parametrize(("name", "rate"), [(name, rate) for rate, names in PER_SECOND.items() for name in names])
def test_each_action_of_ram_and_sts_has_its_documented_rate(name: str, rate: int) -> None:
    quotas, product = Quotas(Switches()), RAM if name in RAM.actions else STS
    assert passed(quotas, product, name, "", NOW) == rate
    assert passed(quotas, product, name, "", NOW + timedelta(milliseconds=500)) == rate // 2
    assert passed(quotas, product, name, "", NOW + timedelta(seconds=60)) == rate


def test_a_throttled_call_is_told_when_the_next_one_passes() -> None:
    quotas, action = Quotas(Switches()), RAM.actions["AttachPolicyToRole"]
    passed(quotas, RAM, "AttachPolicyToRole", "", NOW)
    with pytest.raises(ApiError) as caught:
        quotas.spend(RAM, action, "", NOW)
    assert caught.value.retry_after_ms in (100, 101)
    quotas.spend(RAM, action, "", NOW + timedelta(milliseconds=caught.value.retry_after_ms))


def test_ecs_counts_by_the_minute_each_action_in_each_region() -> None:
    quotas, late = Quotas(Switches()), NOW + timedelta(seconds=45)
    assert passed(quotas, ECS, "DescribeInstances", "cn-hangzhou", NOW + timedelta(seconds=1)) == 500
    assert passed(quotas, ECS, "DescribeInstances", "cn-hangzhou", late) == 0
    assert passed(quotas, ECS, "DescribeInstances", "cn-beijing", late) == 500
    assert passed(quotas, ECS, "AttachInstanceRamRole", "cn-hangzhou", late) == 500
    with pytest.raises(ApiError) as caught:
        quotas.spend(ECS, ECS.actions["DescribeInstances"], "cn-hangzhou", late)
    assert caught.value.retry_after_ms in (15_000, 15_001)
    assert passed(quotas, ECS, "DescribeInstances", "cn-hangzhou", NOW + timedelta(seconds=60)) == 500


def test_a_throttled_answer_says_in_its_header_when_to_come_back() -> None:
    running = start_simulator("--quotas", "documented", "--switch", "ecs-calls-per-minute=0")
    wire = Wire(running.endpoint)
    try:
        client = RawClient(wire, Key("simulator-root", "simulator-root-secret"))
        throttled = client.call("DescribeRegions")
        assert (throttled.status, throttled.answer["Code"]) == (400, "Throttling.User")
        assert 0 < int(throttled.headers["x-acs-retry-after"]) <= 60_001
        assert "x-acs-retry-after" not in client.call("GetCallerIdentity").headers
        running.switch(reads_per_second=0)
        assert client.call("ListRoles").headers["x-acs-retry-after"] == "60001"
        called = running.control_call("GET", "/journal")["calls"]
        assert [call["code"] for call in called] == ["Throttling.User", "", "Throttling.User"]
    finally:
        wire.close()
        assert stop_simulator(running) == 0
