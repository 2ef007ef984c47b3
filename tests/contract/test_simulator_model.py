"""Random calls on everything of RAM and on the roles of instances: simulator and model never differ."""

import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    multiple,
    rule,
    run_state_machine_as_test,
)
from tests.contract.clients.raw import Key, RawClient, Wire
from tests.contract.clients.walk import ROOT
from tests.contract.conftest import RunningSimulator
from tests.contract.model import calls
from tests.contract.model.account import Account, Call
from tests.contract.model.entries import Limits
from tests.contract.model.pair import Pair, system_policies
from tests.contract.model.records import Policy

LIMITS = Limits(custom=2, system=1)
SWITCHES = {"custom-policies-per-holder": LIMITS.custom, "system-policies-per-holder": LIMITS.system}


class Calls(RuleBasedStateMachine):
    """Calls by families; every answer is compared, and in the end everything that there is."""

    keys: Bundle[str] = Bundle("keys")
    instances: Bundle[str] = Bundle("instances")

    def __init__(self, simulator: RunningSimulator, client: RawClient, system: list[Policy]) -> None:
        super().__init__()
        simulator.reset()
        simulator.control_call("PUT", "/switches", SWITCHES)
        there = {one["instanceId"]: (one["region"], one["networkType"]) for one in simulator.ready["instances"]}
        self.pair = Pair(client, Account(system, there, LIMITS))
        for action, params in calls.BEGINNING:
            self.pair.play(action, params)

    @initialize(target=keys)
    def first_key(self) -> str:
        return "simulator-dev"

    @initialize(target=instances)
    def first_instances(self) -> MultipleResults[str]:
        return multiple(*calls.VPC, *calls.VPC, calls.CLASSIC, calls.ELSEWHERE, "i-unknown")

    @rule(call=calls.roles())
    def role(self, call: Call) -> None:
        self.pair.play(*call)

    @rule(call=calls.policies())
    def policy(self, call: Call) -> None:
        self.pair.play(*call)

    @rule(call=calls.versions())
    def version(self, call: Call) -> None:
        self.pair.play(*call)

    @rule(call=calls.attachments())
    def attachment(self, call: Call) -> None:
        self.pair.play(*call)

    @rule(call=calls.tagging())
    def tags(self, call: Call) -> None:
        self.pair.play(*call)

    @rule(call=calls.users())
    def user(self, call: Call) -> None:
        self.pair.play(*call)

    @rule(call=calls.groups())
    def group(self, call: Call) -> None:
        self.pair.play(*call)

    @rule(call=calls.memberships())
    def membership(self, call: Call) -> None:
        self.pair.play(*call)

    @rule(call=calls.login_profiles())
    def login_profile(self, call: Call) -> None:
        self.pair.play(*call)

    @rule(user=st.sampled_from(calls.USERS), target=keys)
    def new_key(self, user: str) -> MultipleResults[str]:
        return multiple(*self.pair.play("CreateAccessKey", {"UserName": user}))

    @rule(user=st.sampled_from(calls.USERS), key=keys, status=st.sampled_from(["Active", "Inactive", "Off"]))
    def switch_key(self, user: str, key: str, status: str) -> None:
        self.pair.play("UpdateAccessKey", {"UserName": user, "UserAccessKeyId": key, "Status": status})

    @rule(user=st.sampled_from(calls.USERS), key=keys)
    def delete_key(self, user: str, key: str) -> None:
        self.pair.play("DeleteAccessKey", {"UserName": user, "UserAccessKeyId": key})

    @rule(key=keys)
    def use_key(self, key: str) -> None:
        self.pair.play_as(key)

    @rule(call=calls.launches(), target=instances)
    def launch(self, call: Call) -> MultipleResults[str]:
        return multiple(*self.pair.play(*call))

    @rule(call=calls.on_an_instance(), instance=instances)
    def instance(self, call: Call, instance: str) -> None:
        action, params = call
        self.pair.play(action, {**params, "InstanceId": instance})

    @rule(call=calls.on_some_instances(), named=st.lists(instances, min_size=1, max_size=3, unique=True))
    def some_instances(self, call: Call, named: list[str]) -> None:
        action, params = call
        self.pair.play(action, {**params, "InstanceIds": list(dict.fromkeys(named))})

    @rule(call=calls.on_some_instances().filter(lambda call: call[0].startswith("Describe")))
    def all_instances(self, call: Call) -> None:
        self.pair.play(*call)

    def teardown(self) -> None:
        # not after a difference, nor where hypothesis gives the sequence up
        if sys.exc_info()[0] is None:
            self.pair.compare_everything()


@pytest.fixture
def client(simulator: RunningSimulator) -> Iterator[RawClient]:
    wire = Wire(simulator.endpoint)
    yield RawClient(wire, Key(*ROOT))
    wire.close()


def play(simulator: RunningSimulator, client: RawClient, sequences: int) -> None:
    system = system_policies(client)

    class Played(Calls):
        def __init__(self) -> None:
            super().__init__(simulator, client, system)

    run_state_machine_as_test(
        Played,
        settings=settings(
            max_examples=sequences,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_simulator_never_differs_from_the_model(simulator: RunningSimulator, client: RawClient) -> None:
    play(simulator, client, 20)


@pytest.mark.soak
def test_the_simulator_never_differs_from_the_model_in_500_sequences(
    simulator: RunningSimulator, client: RawClient
) -> None:
    play(simulator, client, 500)
