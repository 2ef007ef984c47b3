"""Ends and starts of the process at the worst moments: nothing is lost, nothing is doubled, nothing is let go."""

import signal
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.cluster.forwarder import forwarded, redirected
from tests.cluster.hand import Hand
from tests.cluster.objects import binding, document, policy, role
from tests.cluster.world import GRACE_SECONDS, SETTINGS, World
from tests.polling import until

COUNT = 50
NAMES = [f"crash-{number:02}" for number in range(COUNT)]


def start_fifty(world: World, hand: Hand, through: int = COUNT) -> tuple[list[str], int]:
    """Have fifty policies and fifty roles being created, among things of others; return the objects and a mark.

    Only the first `through` calls for a role get through, the others wait on their way.
    """
    hand.create_role("foreign-role")
    hand.create_policy("foreign-policy", document("ecs:Describe*"))
    hand.attach_policy("foreign-policy", "foreign-role")
    mark = world.mark()
    world.fault("CreateRole", through, delaySeconds=0.1)
    world.hold("CreateRole")
    for action in ("CreatePolicy", "AttachPolicyToRole"):
        world.fault(action, COUNT, delaySeconds=0.1)
    for name in NAMES:
        world.api.create(policy(name), role(name, name))
    return [f"{kind}/{name}" for kind in ("RamPolicy", "RamRole") for name in NAMES], mark


def made_once(world: World, mark: int) -> None:
    """Each of the fifty exists once, in its first version, and nothing else was written."""
    state = world.state()
    custom = {one["policyName"]: one["versions"] for one in state["policies"] if one["policyType"] == "Custom"}
    assert custom == {name: ["v1"] for name in (*NAMES, "foreign-policy")}
    assert [one["roleName"] for one in state["roles"]] == [*NAMES, "foreign-role"]
    attached = {(one["policyName"], one.get("roleName")) for one in state["attachments"]}
    assert attached == {*((name, name) for name in NAMES), ("foreign-policy", "foreign-role")}
    writes = [call for call in world.writes(mark) if not call["code"]]
    for call in writes:
        assert _names(call) <= set(NAMES), call
    made = Counter((call["action"], *sorted(_names(call))) for call in writes)
    assert set(made.values()) == {1}


def _names(call: dict[str, Any]) -> set[str]:
    return {str(call["params"][field]) for field in ("RoleName", "PolicyName") if field in call["params"]}


def roles_made(world: World) -> int:
    return len(world.state()["roles"]) - 1


@pytest.mark.parametrize("through", [2, 25])
def test_killed_in_the_middle_of_fifty_roles_it_goes_on_where_it_was(world: World, hand: Hand, through: int) -> None:
    targets, mark = start_fifty(world, hand, through)
    until(lambda: roles_made(world) == through)
    world.held("CreateRole")
    world.operator.kill()
    world.let_go()
    world.operator.start()
    world.ready(*targets)
    made_once(world, mark)


def test_told_to_end_in_the_middle_of_work_it_ends_promptly_with_nothing_half_done(world: World, hand: Hand) -> None:
    targets, mark = start_fifty(world, hand)
    until(lambda: roles_made(world) >= 5)
    world.operator.child.signal(signal.SIGTERM)
    assert world.operator.child.wait(GRACE_SECONDS) == 0
    # whatever a call has made is in a status: nothing is found out only by asking the cloud
    known = {body["status"]["roleName"] for body in world.api.objects("RamRole") if body.get("status", {}).get("arn")}
    assert known == {one["roleName"] for one in world.state()["roles"]} - {"foreign-role"}
    world.let_go()
    world.operator.start()
    world.ready(*targets)
    made_once(world, mark)


def test_idle_it_ends_at_once(world: World) -> None:
    world.api.create(role("idle"))
    world.ready("RamRole/idle")
    world.operator.child.signal(signal.SIGTERM)
    assert world.operator.child.wait(GRACE_SECONDS) == 0
    assert "Traceback" not in world.operator.child.log.read_text()


def test_killed_while_it_attaches_it_takes_its_claims_up_again(world: World) -> None:
    names = [f"claim-{number}" for number in range(30)]
    nodes = world.add_nodes("claim", *names)
    world.api.create(role("claim"))
    world.ready("RamRole/claim")
    world.hold("AttachInstanceRamRole")
    world.api.create(binding("claim", "claim", "claim"))
    world.held("AttachInstanceRamRole")
    assert {name: row["origin"] for name, row in world.rows("claim").items()} == dict.fromkeys(names, "Attached")
    world.operator.kill()
    world.let_go()
    until(lambda: {world.role_of(instance) for instance in nodes.values()} == {"claim"})
    world.operator.start()
    world.attached("claim", *names)
    world.ready("InstanceRoleBinding/claim")
    assert {row["origin"] for row in world.rows("claim").values()} == {"Attached"}
    world.delete("InstanceRoleBinding/claim")
    assert {world.role_of(instance) for instance in nodes.values()} == {""}


def test_restarts_over_many_nodes_detach_nothing_even_where_lists_come_slowly(world: World) -> None:
    names = [f"many-{number:03}" for number in range(99)]
    world.add_nodes("many", *names)
    world.api.create(role("many"), *(binding(f"many-{part}", "many", nodes=names[part::3]) for part in range(3)))
    for part in range(3):
        world.attached(f"many-{part}", *names[part::3])
    world.sweeps_pass()
    mark, versions = world.mark(), world.versions()
    port = urlsplit(f"https://{world.api.address}").port
    assert port is not None
    with forwarded(port, chunk_delay=0.15) as slow:
        path = world.operator.folder / "slow.kubeconfig"
        kubeconfig = redirected(world.operator.folder / "operator.kubeconfig", slow.port, path)
        world.operator.restart({**SETTINGS, "KUBECONFIG": str(kubeconfig)})
        world.sweeps_pass()
        world.operator.kill()
        world.operator.restart(SETTINGS)
    world.sweeps_pass()
    assert world.actions(mark) == []
    assert world.versions() == versions


def test_a_restart_costs_lists_not_a_call_an_object(world: World) -> None:
    names = [f"list-{number:02}" for number in range(20)]
    world.api.create(*(policy(name) for name in names), *(role(name, name) for name in names))
    world.ready(*(f"RamRole/{name}" for name in names))
    world.operator.stop()
    mark = world.mark()
    with world.settings(sweep_interval_seconds="600"):
        until(lambda: any(call["action"] == "ListRoles" for call in world.calls(mark)))
        world.api.create(policy("after"))
        world.ready("RamPolicy/after")
        calls = [call["action"] for call in world.calls(mark) if "after" not in call["params"].values()]
        assert len(calls) <= len(names), Counter(calls)
