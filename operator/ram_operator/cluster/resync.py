"""The resync: the caches are compared with the API server's names every ten minutes, and after a watch listed again.

A watch can lose what happened: kopf tells of no deletion that fell into a gap between two lists, and drops an event
whose handler failed. What is gone is removed from the caches here, and what is not in them is read.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from ram_operator.cluster.caches import Caches
from ram_operator.cluster.handlers import Intake
from ram_operator.cluster.kube import API, NODES, Kube
from ram_operator.errors import KubeError
from ram_operator.model import ObjectKey

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 600.0
LISTING_SECONDS = 5.0
"""How long the lists of all watches may take: what they bring need not be read one by one."""


@dataclass(slots=True)
class Resync:
    """The resync.

    Args:
        kube: the cluster.
        caches: what the watches saw.
        intake: takes what differs.
        refresh: reads one of our objects anew.
    """

    kube: Kube
    caches: Caches
    intake: Intake
    refresh: Callable[[ObjectKey], Awaitable[None]]

    async def run(self, gate: asyncio.Event) -> None:
        """Compare for ever, first ten minutes after `gate` is set."""
        await gate.wait()
        while True:
            self.intake.listed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(INTERVAL_SECONDS):
                    await self.intake.listed.wait()
                    await asyncio.sleep(LISTING_SECONDS)
            try:
                await self.compare()
            except KubeError as error:
                log.warning("cannot compare the caches with the API server", extra={"error": str(error)})
            except Exception:
                # A bug that one object brings to light must not end the process, over and over.
                log.exception("comparing the caches with the API server failed")

    async def compare(self) -> None:
        """Compare once, and mend what differs. Raises KubeError."""
        for resource in self.kube.resources:
            known = {key.name for key in self.caches.keys(resource.kind)}
            there = await self.kube.names(f"{API}/{resource.plural}")
            for name in known ^ there:
                await self.refresh(ObjectKey(resource.kind, name))
        for name in self.caches.node_names() ^ await self.kube.names(NODES):
            await self._refresh_node(name)

    async def _refresh_node(self, name: str) -> None:
        before = self.caches.node_uid(name)
        node = await self.kube.read_node(name)
        if self.caches.node_uid(name) != before:
            # The watch brought another node, or a deletion, while the answer was on its way.
            return
        if node is not None:
            self.intake.put_node(node)
        elif before is not None:
            self.intake.remove_node(name, before)
