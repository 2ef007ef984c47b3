"""What people want of the operator while something is broken, and what must be there when it is mended."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from tests.cluster.objects import binding, document, policy, role
from tests.cluster.world import World
from tests.polling import until

OURS = ("RamPolicy", "RamRole", "InstanceRoleBinding")
SLACK_SECONDS = 45.0
"""On a busy machine, and for what takes its time without any fault."""


def lasts(seconds: float) -> None:
    """Let something last."""
    began = time.monotonic()
    until(lambda: time.monotonic() - began >= seconds, seconds + 10)


def targets(*names: str) -> list[str]:
    """The policy, the role and the binding of each name."""
    return [f"{kind}/{name}" for name in names for kind in OURS]


class Affairs:
    """Three objects that are edited, three that are deleted and three that are made, with the nodes of each."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.nodes = {**world.add_nodes("edited", "stays", "leaves"), **world.add_nodes("deleted", "let-go")}
        self._create("edited", "deleted")
        world.ready(*targets("edited", "deleted"), timeout=120)
        world.attached("edited", "stays", "leaves")
        world.attached("deleted", "let-go")
        self.mark = world.mark()
        self._began = time.monotonic()

    def change(self, call_seconds: float = 0.0) -> None:
        """Want something else.

        Args:
            call_seconds: how long each call to the cloud takes from now on, so that what follows strikes in the midst.
        """
        world, self._began = self.world, time.monotonic()
        if call_seconds:
            world.fault("*", 100_000, delaySeconds=call_seconds)
        world.api.patch("RamPolicy/edited", {"spec": {"document": document("oss:List*")}})
        world.api.patch("RamRole/edited", {"spec": {"description": "edited"}})
        world.api.patch("Node/leaves", {"metadata": {"labels": {"pool": None}}})
        self.nodes |= {**world.add_nodes("edited", "joins"), **world.add_nodes("made", "new")}
        self._create("made")
        world.api.delete(*reversed(targets("deleted")))

    def end_well(self, doubled: tuple[str, ...] = ()) -> None:
        """Wait until all is as it is wanted: it may take as long as it was broken, which is one back-off.

        Args:
            doubled: writes that may have been made twice, since the first one took effect after its time was over.
        """
        world, patience = self.world, time.monotonic() - self._began + SLACK_SECONDS
        world.ready(*targets("edited", "made"), timeout=patience)
        world.gone(*targets("deleted"), timeout=patience)
        world.attached("edited", "stays", "joins")
        world.attached("made", "new")
        self.is_as_wanted(doubled)

    def is_as_wanted(self, doubled: tuple[str, ...] = ()) -> None:
        """Check that nothing is lost and nothing is doubled."""
        world = self.world
        roles = {name: world.role_of(instance) for name, instance in self.nodes.items()}
        assert roles == {"stays": "edited", "leaves": "", "joins": "edited", "let-go": "", "new": "made"}
        state = world.state()
        assert [one["roleName"] for one in state["roles"]] == ["edited", "made"]
        versions = {one["policyName"]: one["versions"] for one in state["policies"] if one["policyType"] == "Custom"}
        if "CreatePolicyVersion" not in doubled:
            assert versions == {"edited": ["v1", "v2"], "made": ["v1"]}
        found = world.cloud_policy("edited")
        assert found is not None
        assert found["document"] == document("oss:List*")
        assert {one["policyName"] for one in state["attachments"]} == {"edited", "made"}
        made = Counter(_of(call) for call in world.writes(self.mark) if not call["code"])
        assert {call: count for call, count in made.items() if count > 1 and call[0] not in doubled} == {}

    def _create(self, *names: str) -> None:
        for name in names:
            self.world.api.create(policy(name), role(name, name), binding(name, name, name))


def _of(call: dict[str, Any]) -> tuple[str, ...]:
    """A write without what is its own: two of them did the same."""
    return (call["action"], *(f"{name}={value}" for name, value in sorted(call["params"].items())))
