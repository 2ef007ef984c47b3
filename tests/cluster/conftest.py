"""The running operator for the tests of this folder, and what must hold after each of them."""

from collections.abc import Iterator

import pytest
from tests.cluster.apiserver import ApiServer
from tests.cluster.hand import Hand
from tests.cluster.replicas import replicas
from tests.cluster.world import SETTINGS, World, log_lines
from tests.conftest import RunningSandbox

__all__ = ["hand", "replicas", "running_world", "world"]


@pytest.fixture(scope="session")
def running_world(running_sandbox: RunningSandbox) -> Iterator[World]:
    """The session's sandbox with an operator that sweeps all the time."""
    running_sandbox.operator.restart(SETTINGS)
    api = ApiServer(running_sandbox.kubeconfig)
    yield World(running_sandbox, api)
    api.close()


@pytest.fixture
def world(running_world: World) -> Iterator[World]:
    """The sandbox, empty. Afterwards the operator's log has neither a bug nor a secret in it."""
    running_world.reset()
    logs = {path: path.stat().st_size for path in running_world.operator.folder.glob("operator-*.log")}
    yield running_world
    for path in running_world.operator.folder.glob("operator-*.log"):
        text = path.read_bytes()[logs.get(path, 0) :].decode()
        bugs = [line for line in log_lines(text) if "Traceback" in str(line.get("exception"))]
        assert not bugs, f"the operator has a bug: {bugs}"
        for secret in secrets_of(running_world):
            assert secret not in text, f"a secret is in {path}"


def secrets_of(world: World) -> list[str]:
    """What must never be seen in a log, an event or a status."""
    facts = world.cloud.facts
    return [facts["accessKeyId"], facts["accessKeySecret"], world.api.token, "SignatureNonce", "Bearer "]


@pytest.fixture
def hand(running_world: World) -> Hand:
    """Somebody else with the account's key, who changes the cloud behind the operator's back."""
    return Hand(running_world.cloud.facts)
