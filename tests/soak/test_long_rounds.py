"""Long rounds of faults and ends of the process, at moments that nobody chose: run by `make soak`."""

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cluster.forwarder import forwarded, redirected
from tests.cluster.hand import Hand
from tests.cluster.objects import binding, document, policy, role
from tests.cluster.world import World
from tests.polling import until

pytestmark = pytest.mark.soak

B = "InstanceRoleBinding"
WRITES = (
    "CreatePolicy",
    "CreateRole",
    "AttachPolicyToRole",
    "AttachInstanceRamRole",
    "CreatePolicyVersion",
    "UpdatePolicyDescription",
    "UpdateRole",
    "TagResources",
    "DetachInstanceRamRole",
    "DetachPolicyFromRole",
    "DeleteRole",
    "DeletePolicy",
)
FAILURES: list[dict[str, object]] = [
    {"lostReply": True},
    {"emptyBody": True},
    {"code": "Throttling.User", "status": 400},
    {"code": "ServiceUnavailable", "status": 503},
    {"delaySeconds": 11},
]


def live(world: World, name: str, version: int, landing: float = 0.0) -> None:
    """A whole life of three objects with an edit in between; afterwards the cloud is as it was.

    Args:
        world: where.
        name: of all three.
        version: what the edit writes.
        landing: seconds that each part lasts at least, so that a call that is late arrives within it.
    """
    targets = (f"RamPolicy/{name}", f"RamRole/{name}", f"{B}/{name}")
    before, began = world.state(), time.monotonic()

    def landed() -> bool:
        return time.monotonic() - began >= landing

    world.api.create(policy(name), role(name, name), binding(name, name, "soak"))
    world.ready(*targets, timeout=120)
    until(landed)
    edit = {"document": document(f"oss:Get{version}"), "description": str(version), "tags": {"n": str(version)}}
    began = time.monotonic()
    world.api.patch(targets[0], {"spec": edit})
    world.api.patch(targets[1], {"spec": {"description": str(version)}})
    world.ready(*targets, timeout=120)
    until(landed)
    found = world.cloud_policy(name)
    assert found is not None
    assert (found["document"], found["description"]) == (edit["document"], str(version))
    # a version that arrives late comes on top of the one made when no answer had come; else there are two
    assert len(found["versions"]) <= (3 if landing else 2)
    began = time.monotonic()
    world.delete(*targets, timeout=120)
    until(landed)
    assert world.state() == before


def test_fifty_rounds_of_every_write_failing_in_turn(world: World) -> None:
    world.add_nodes("soak", "soak-1", "soak-2")
    chance = random.Random(1)
    for number in range(50):
        for action in chance.sample(WRITES, 4):
            world.fault(action, chance.randint(1, 2), **chance.choice(FAILURES[:4]))
        live(world, f"soak-{number}", number)
        world.cloud.delete("/faults")


@pytest.mark.parametrize("action", WRITES)
def test_a_write_that_takes_effect_after_its_time_was_over_does_no_harm(world: World, action: str) -> None:
    world.add_nodes("soak", "soak-1")
    world.fault(action, 1, delaySeconds=11)
    live(world, "late", 7, landing=13.0)


def test_killed_at_thirty_random_moments_every_life_ends_well(world: World) -> None:
    nodes = world.add_nodes("soak", *(f"soak-{number}" for number in range(20)))
    chance = random.Random(2)
    before = world.state()
    for number in range(30):
        names = [f"kill-{number}-{part}" for part in range(8)]
        targets = [f"{kind}/{name}" for kind in ("RamPolicy", "RamRole") for name in names]
        for action in ("CreateRole", "CreatePolicy", "AttachPolicyToRole", "AttachInstanceRamRole"):
            world.fault(action, 20, delaySeconds=0.05)
        for name in names:
            world.api.create(policy(name), role(name, name))
        world.api.create(binding(f"kill-{number}", names[0], "soak"))
        pause = chance.random()
        began = time.monotonic()
        until(lambda began=began, pause=pause: time.monotonic() - began >= pause)  # type: ignore[misc]
        world.operator.kill()
        world.operator.start()
        world.ready(*targets, f"{B}/kill-{number}", timeout=120)
        assert {world.role_of(instance) for instance in nodes.values()} == {names[0]}
        state = world.state()
        assert len(state["roles"]) == len(names)
        assert {tuple(one["versions"]) for one in state["policies"] if one["policyType"] == "Custom"} == {("v1",)}
        world.api.delete(*targets, f"{B}/kill-{number}")
        pause = chance.random() / 2
        began = time.monotonic()
        until(lambda began=began, pause=pause: time.monotonic() - began >= pause)  # type: ignore[misc]
        world.operator.kill()
        world.operator.start()
        world.gone(*targets, f"{B}/kill-{number}", timeout=120)
        world.cloud.delete("/faults")
        assert world.state() == before


def test_ten_restarts_over_a_thousand_nodes_detach_nothing(world: World) -> None:
    names = [f"wide-{number:04}" for number in range(1000)]
    world.add_nodes("wide", *names)
    world.api.create(role("wide"), *(binding(f"wide-{part}", "wide", nodes=names[part::4]) for part in range(4)))
    for part in range(4):
        world.attached(f"wide-{part}", *names[part::4], timeout=120)
    world.sweeps_pass()
    mark, versions = world.mark(), world.versions()
    for number in range(10):
        if number % 2:
            world.operator.kill()
        world.operator.restart()
        world.sweeps_pass()
    assert world.actions(mark) == []
    assert world.versions() == versions


def test_an_instance_that_is_gone_is_believed_after_a_minute(world: World) -> None:
    nodes = world.add_nodes("soak", "stays", "goes")
    world.api.create(role("soak"), binding("soak", "soak", "soak"))
    world.attached("soak", "stays", "goes")
    world.cloud.delete(f"/instances/{nodes['goes']}")
    row = world.row("soak", "goes", "Pending", "InstanceGone")
    assert "looking again" in row["message"]
    world.row("soak", "goes", "Skipped", "InstanceGone", timeout=90)
    world.ready(f"{B}/soak")
    mark = world.mark()
    world.delete(f"{B}/soak", timeout=90)
    assert world.actions(mark) == ["DetachInstanceRamRole"]


def test_two_hands_on_everything_for_a_while_never_wedge_it(world: World, hand: Hand) -> None:
    nodes = world.add_nodes("soak", "soak-1", "soak-2", "soak-3")
    world.api.create(policy("soak"), role("soak", "soak"), binding("soak", "soak", "soak"))
    world.ready("RamPolicy/soak", "RamRole/soak", f"{B}/soak")
    chance = random.Random(3)
    changes: list[Callable[[], object]] = [
        lambda: hand.detach_policy("soak", "soak"),
        lambda: hand.detach_role("soak", chance.choice(list(nodes.values()))),
        lambda: hand.ram("UpdateRole", RoleName="soak", NewDescription=str(chance.random())),
    ]
    for _ in range(40):
        change = chance.choice(changes)
        try:
            change()
        except Exception as refused:
            assert "NotExist" in str(refused) or "NotAttached" in str(refused), refused
        world.sweeps_pass(1)
    for target in ("RamPolicy/soak", "RamRole/soak", f"{B}/soak"):
        world.api.patch(target, {"metadata": {"annotations": {"ram.alicloud.dev/reconcile-at": "end"}}})
    world.ready("RamPolicy/soak", "RamRole/soak", f"{B}/soak", timeout=60)
    world.attached("soak", "soak-1", "soak-2", "soak-3")


def test_watches_whose_line_died_silently_are_noticed(world: World, tmp_path: Path) -> None:
    world.add_nodes("soak", "soak-1")
    world.api.create(role("soak"), binding("soak", "soak", "soak"))
    with world.far_apiserver(tmp_path) as line:
        world.attached("soak", "soak-1")
        line.freeze()
        world.add_nodes("soak", "soak-2")
        world.api.create(policy("unseen"))
        world.attached("soak", "soak-1", "soak-2", timeout=150)
        world.ready("RamPolicy/unseen", timeout=60)


def test_an_api_server_that_stays_away_ends_the_start_with_the_reason(world: World, tmp_path: Path) -> None:
    with forwarded(1) as line:
        line.cut()
        kubeconfig = redirected(world.operator.folder / "operator.kubeconfig", line.port, tmp_path / "far.kubeconfig")
        with world.environment_without_waiting(KUBECONFIG=str(kubeconfig)):
            assert world.operator.child.wait(120) == 1
            assert "cannot run: the API server cannot be reached" in world.operator.child.tail()
