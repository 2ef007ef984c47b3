"""Two replicas of the operator: one writes, and whatever happens to it, the other follows and nothing is doubled."""

import os
import signal

from tests.cluster.objects import policy
from tests.cluster.replicas import Replicas
from tests.cluster.world import GRACE_SECONDS, log_lines


def test_only_the_leader_writes_and_the_other_is_ready_to(replicas: Replicas) -> None:
    world = replicas.world
    holder = replicas.lease()["holderIdentity"]
    seq = world.mark()
    world.api.create(policy("one"))
    world.ready("RamPolicy/one")
    assert world.actions(seq) == ["CreatePolicy"]
    assert replicas.lease()["holderIdentity"] == holder


def test_a_killed_leader_is_followed(replicas: Replicas) -> None:
    world = replicas.world
    holder = replicas.lease()["holderIdentity"]
    replicas.first.kill()
    world.api.create(policy("two"))
    replicas.led_by_another_than(holder)
    world.ready("RamPolicy/two")
    assert replicas.lease()["leaseTransitions"] == 1


def test_a_leader_that_ends_hands_over_at_once(replicas: Replicas) -> None:
    world = replicas.world
    holder = replicas.lease()["holderIdentity"]
    assert replicas.first.stop() == 0
    assert replicas.lease()["holderIdentity"] != holder
    world.api.create(policy("three"))
    world.ready("RamPolicy/three")


def test_a_frozen_leader_that_thaws_writes_nothing_and_ends(replicas: Replicas) -> None:
    world = replicas.world
    holder = replicas.lease()["holderIdentity"]
    child = replicas.first.child
    os.kill(replicas.first.pid, signal.SIGSTOP)
    try:
        seq = world.mark()
        world.api.create(policy("four"))
        replicas.led_by_another_than(holder)
        world.ready("RamPolicy/four")
        world.api.patch("RamPolicy/four", {"spec": {"description": "edited"}})
        world.ready("RamPolicy/four")
    finally:
        os.kill(replicas.first.pid, signal.SIGCONT)
    assert child.wait(GRACE_SECONDS) == 1
    errors = [line["message"] for line in log_lines(child.log.read_text()) if line["level"] in ("ERROR", "CRITICAL")]
    assert any("not the leader any more" in message for message in errors)
    assert world.actions(seq) == ["CreatePolicy", "UpdatePolicyDescription"]
