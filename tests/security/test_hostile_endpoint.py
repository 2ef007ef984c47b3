"""Who answers in place of the cloud: a wrong endpoint, a proxy, or somebody on the way."""

import json
import re
from pathlib import Path

import pytest
from tests.cluster.objects import policy, role
from tests.cluster.world import OWN_KINDS, World
from tests.polling import until
from tests.security.hostile import hostile_ram
from tests.unit.test_cloud_hostile import HOSTILE

MOST_MEMORY = 400_000
"""Kilobytes; an operator with nothing to do has a quarter of it."""


def memory(pid: int) -> int:
    """The resident memory of a process in kilobytes, at its highest."""
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(peak)


# Those that ask for patience come last: the operator then leaves the endpoint alone for a while.
WAYS = sorted(HOSTILE, key=lambda way: "retry-after" in way)


@pytest.fixture
def echoing_world(running_world: World) -> World:
    """The sandbox, empty. Its log may have the names of parameters, which some answers quote, and no value of them."""
    running_world.reset()
    return running_world


@pytest.mark.parametrize(
    "ways", [pytest.param(WAYS[::4], id="sample"), pytest.param(WAYS, id="all", marks=pytest.mark.soak)]
)
def test_no_answer_ends_the_operator_fills_its_memory_or_makes_it_tell_a_secret(
    ways: list[str], echoing_world: World
) -> None:
    world, facts = echoing_world, echoing_world.cloud.facts
    with hostile_ram() as server, world.environment(RAM_OPERATOR_ENDPOINT_RAM=server.url):
        pid = world.operator.pid

        def asked_since(answered: int) -> bool:
            return server.answered > answered or "retry-after" in server.way

        for number, way in enumerate(ways):
            server.way, answered = way, server.answered
            world.api.create(role(f"hostile-{number}"), policy(f"hostile-{number}"))
            until(lambda answered=answered: asked_since(answered), what=way)  # type: ignore[misc]
            until(lambda: world.probe("/livez")[0] == 200, what=way)
        shown = json.dumps([world.api.objects(kind) for kind in (*OWN_KINDS, "Event")], ensure_ascii=False)
        shown += world.operator.child.log.read_text() + world.probe("/metrics")[1]
        assert world.operator.pid == pid
        assert memory(pid) < MOST_MEMORY
        known = {facts["accessKeyId"], facts["accessKeySecret"], world.api.token}
        assert [secret for secret in server.secrets | known if secret in shown] == []
    world.ready(*(f"RamRole/hostile-{number}" for number in range(len(ways))))
