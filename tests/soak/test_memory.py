"""Nodes and objects come and go for a long time, and the operator's memory stays level: run by `make soak`."""

import random
from pathlib import Path

import pytest
from tests.bench.measurements import resident_megabytes
from tests.cluster.objects import binding, policy, role
from tests.cluster.world import World
from tests.soak.test_long_rounds import FAILURES, WRITES, live

from ram_operator.model import ALLOW_RELEASE

pytestmark = pytest.mark.soak

PARTS = 4
LEVEL_MEGABYTES = 10.0


def assert_level(sizes: list[float]) -> None:
    """The first part has made what stays: connections, code, and memory that the allocator keeps for the next time."""
    assert max(sizes[1:]) - sizes[0] < LEVEL_MEGABYTES, sizes


def test_memory_stays_level_while_ten_thousand_nodes_join_and_leave(world: World) -> None:
    chance = random.Random(4)
    there: list[str] = []
    sizes: list[float] = []
    with world.settings(node_gone_seconds="1"):
        world.api.create(role("crowd"), binding("crowd", "crowd", "crowd"))
        # So many leave that it looks like a mistake: their rows would stay, and with them the memory.
        world.api.patch("InstanceRoleBinding/crowd", {"metadata": {"annotations": {ALLOW_RELEASE: "1"}}})
        for part in range(PARTS):
            for number in range(10_000 // PARTS):
                if there and (len(there) == 100 or chance.random() < 0.5):
                    world.api.delete(f"Node/{there.pop(chance.randrange(len(there)))}")
                else:
                    there.append(f"crowd-{part}-{number}")
                    world.add_nodes("crowd", there[-1])
            world.attached("crowd", *there, timeout=300)
            sizes.append(resident_megabytes(world.operator.pid))
    assert_level(sizes)


def test_memory_stays_level_while_objects_are_created_and_deleted_two_hundred_times(world: World) -> None:
    names = [f"round-{number}" for number in range(10)]
    targets = [f"{kind}/{name}" for name in names for kind in ("RamPolicy", "RamRole")]
    sizes: list[float] = []
    for _ in range(PARTS):
        for _ in range(200 // PARTS):
            world.api.create(*(policy(name) for name in names), *(role(name, name) for name in names))
            world.ready(*targets, timeout=120)
            world.delete(*targets, timeout=120)
        sizes.append(resident_megabytes(world.operator.pid))
    assert_level(sizes)


def test_memory_stays_level_over_a_hundred_rounds_of_faults(world: World, tmp_path: Path) -> None:
    chance = random.Random(5)
    sizes: list[float] = []
    world.add_nodes("soak", "soak-1", "soak-2")
    with world.far_apiserver(tmp_path) as line:
        for part in range(PARTS):
            for number in range(100 // PARTS):
                world.fault("*", chance.randint(1, 20), **chance.choice(FAILURES[:4]))
                for action in chance.sample(WRITES, 4):
                    world.fault(action, chance.randint(1, 2), **chance.choice(FAILURES[:4]))
                line.cut()
                line.open()
                live(world, f"level-{part}-{number}", number)
                world.cloud.delete("/faults")
            sizes.append(resident_megabytes(world.operator.pid))
    assert_level(sizes)
