"""What pods may wait for: a label on each Node whose instance has its role, and the end of the startup taint there.

Nodes are compared with the caches whenever those change, so that a restart, and another writer, come to the same end.
A node pool lets its nodes register with the taint (as with Cilium's agent-not-ready and Karpenter's startupTaints); it
is removed once and never put on. A patch names the one label and the one taint, and tests that the taint is still where
it was seen: another writer's taints are never lost.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from ram_operator.cluster.caches import Caches
from ram_operator.cluster.kube import NODES, Kube
from ram_operator.errors import KubeError, StaleObject
from ram_operator.model import ROLE_LABEL, STARTUP_TAINT, Body, Json, Marks, NodeFacts, Unclear
from ram_operator.rules.nodes import label_value

log = logging.getLogger(__name__)

QUIET_SECONDS = 0.1
"""Changes come in bursts: nodes are compared no more often than this."""
RETRY_SECONDS = 10.0
PATCHES_AT_ONCE = 8
NODES_AT_ONCE = 25
"""How many nodes each of those compares before other tasks get their turn."""
_LABEL_PATH = f"/metadata/labels/{ROLE_LABEL.replace('/', '~1')}"


@dataclass(slots=True)
class NodeMarks:
    """Keeps the label, and removes the taint, where `kube.marks_nodes` says that it may.

    Args:
        kube: the connection.
        caches: the nodes, and what the bindings say of their instances.
        changed: set when the caches change.
        stored: takes each Node as the API server stored it.
    """

    kube: Kube
    caches: Caches
    changed: asyncio.Event
    stored: Callable[[Body], None]
    _read: set[str] = field(default_factory=set)

    def read(self, names: Iterable[str]) -> None:
        """Take note that the instances of these nodes were read since the nodes registered: only then a role counts."""
        if self.kube.marks_nodes and (
            uids := {uid for name in names if (uid := self.caches.node_uid(name))} - self._read
        ):
            self._read |= uids
            self.changed.set()

    async def run(self, leads: asyncio.Event) -> None:
        """Mark nodes for ever, once this process leads."""
        await leads.wait()
        while self.kube.marks_nodes:
            await self.changed.wait()
            self.changed.clear()
            await self.mark()
            await asyncio.sleep(QUIET_SECONDS)

    async def mark(self) -> None:
        """Patch the nodes whose marks are not as they should be."""
        self._read.intersection_update(node.uid for node in self.caches.nodes())
        todo = iter(list(self.caches.nodes()))
        await asyncio.gather(*(self._work(todo) for _ in range(PATCHES_AT_ONCE)))

    async def _work(self, nodes: Iterator[NodeFacts]) -> None:
        for count, node in enumerate(nodes, 1):
            if count % NODES_AT_ONCE == 0:
                await asyncio.sleep(0)
            if not (patch := self._patch(node)):
                continue
            try:
                self.stored(await self.kube.patch(f"{NODES}/{node.name}", patch, "json-patch"))
            except (KubeError, StaleObject) as error:
                asyncio.get_running_loop().call_later(RETRY_SECONDS, self.changed.set)
                level = logging.INFO if isinstance(error, StaleObject) else logging.WARNING
                log.log(level, "node not marked, tries again", extra={"node": node.name, "error": str(error)})

    def _patch(self, node: NodeFacts) -> list[Json]:
        """The JSON patch that a node needs; empty where it needs none."""
        role = self.caches.role_on(node)
        if isinstance(role, Unclear):
            return []
        value = None if role is None else label_value(role)
        read = node.uid in self._read
        # A label that says the same already is believed until its instance is read: a restart takes none away.
        wanted = value if read or value == node.marks.role else None
        return patch_of(node, Marks(wanted, () if read and role else node.marks.taints))


def patch_of(node: NodeFacts, wanted: Marks) -> list[Json]:
    """The JSON patch that makes other marks of a node's; empty where they are these."""
    marks, steps = node.marks, list[Json]()
    if wanted.role is None and marks.role is not None:
        steps.append({"op": "remove", "path": _LABEL_PATH})
    elif wanted.role != marks.role:
        if not node.labels and marks.role is None:
            steps.append({"op": "test", "path": "/metadata/labels", "value": None})
            steps.append({"op": "add", "path": "/metadata/labels", "value": {}})
        steps.append({"op": "add", "path": _LABEL_PATH, "value": wanted.role})
    for index in sorted(set(marks.taints) - set(wanted.taints), reverse=True):
        steps.append({"op": "test", "path": f"/spec/taints/{index}/key", "value": STARTUP_TAINT})
        steps.append({"op": "remove", "path": f"/spec/taints/{index}"})
    return [{"op": "test", "path": "/metadata/uid", "value": node.uid}, *steps] if steps else []
