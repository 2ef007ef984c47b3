"""Random calls on everything of RAM and on the roles of instances: simulator and model never differ."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

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
Drawn = TypeVar("Drawn")
SWITCHES = {"custom-policies-per-holder": LIMITS.custom, "system-policies-per-holder": LIMITS.system}


def some(drawn: st.SearchStrategy[Drawn]) -> st.SearchStrategy[list[Drawn]]:
    return st.lists(drawn, min_size=1, max_size=4)


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
        self.play(calls.BEGINNING)

    @initialize(target=keys)
    def first_key(self) -> str:
        return "simulator-dev"

    @initialize(target=instances)
    def first_instances(self) -> MultipleResults[str]:
        return multiple(*calls.VPC * 4, calls.CLASSIC, calls.ELSEWHERE, "i-unknown")

    @rule(played=some(calls.roles()))
    def roles(self, played: list[Call]) -> None:
        self.play(played)

    @rule(played=some(calls.policies()))
    def policies(self, played: list[Call]) -> None:
        self.play(played)

    @rule(played=some(calls.versions()))
    def versions(self, played: list[Call]) -> None:
        self.play(played)

    @rule(played=some(calls.attachments()))
    def attachments(self, played: list[Call]) -> None:
        self.play(played)

    @rule(played=some(calls.tagging()))
    def tags(self, played: list[Call]) -> None:
        self.play(played)

    @rule(played=some(calls.users()))
    def users(self, played: list[Call]) -> None:
        self.play(played)

    @rule(played=some(calls.groups()))
    def groups(self, played: list[Call]) -> None:
        self.play(played)

    @rule(played=some(calls.memberships()))
    def memberships(self, played: list[Call]) -> None:
        self.play(played)

    @rule(played=some(calls.login_profiles()))
    def login_profiles(self, played: list[Call]) -> None:
        self.play(played)

    @rule(call=calls.access_keys(), key=keys, target=keys)
    def access_key(self, call: Call, key: str) -> MultipleResults[str]:
        action, params = call
        if action == "CreateAccessKey":
            return multiple(*self.pair.play(action, params))
        if action == "GetCallerIdentity":
            self.pair.play_as(key)
        else:
            self.pair.play(action, {"UserName": self.pair.owner_of(key), "UserAccessKeyId": key, **params})
        return multiple()

    @rule(call=calls.launches(), target=instances)
    def launch(self, call: Call) -> MultipleResults[str]:
        return multiple(*self.pair.play(*call))

    @rule(call=calls.on_an_instance(), instance=instances)
    def instance(self, call: Call, instance: str) -> None:
        action, params = call
        self.pair.play(action, {"InstanceId": instance, **params})

    @rule(played=some(calls.on_some_instances()), named=st.lists(instances, min_size=1, max_size=2))
    def instance_roles(self, played: list[Call], named: list[str]) -> None:
        ids = list(dict.fromkeys(named))
        self.play([(action, {"InstanceIds": ids, **params}) for action, params in played])

    @rule(played=some(calls.on_all_instances()))
    def all_instances(self, played: list[Call]) -> None:
        self.play(played)

    def play(self, played: list[Call]) -> None:
        for action, params in played:
            self.pair.play(action, params)

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
            stateful_step_count=60,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_model_knows_nothing_of_the_simulator() -> None:
    parts = [path.read_text() for path in (Path(__file__).parent / "model").glob("*.py")]
    assert parts
    assert not any("ram_simulator" in text for text in parts)


def test_the_simulator_never_differs_from_the_model(simulator: RunningSimulator, client: RawClient) -> None:
    play(simulator, client, 50)


@pytest.mark.soak
def test_the_simulator_never_differs_from_the_model_in_500_sequences(
    simulator: RunningSimulator, client: RawClient
) -> None:
    play(simulator, client, 500)
